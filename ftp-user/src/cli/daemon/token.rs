//! `daemon token`: the tokens with which others reach the page and the API.

use super::super::General;
use super::super::asked::{check_state, job_name};
use super::super::draft::user_of_this_host;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::job::Status;
use crate::journal::Tokens;
use crate::queue::{Scope, Token};
use crate::report::{Event, ShownToken};
use crate::web::{new_token, token_digest};
use clap::{ArgGroup, Args};
use ftp_io::clock::since_1970;
use ftp_io::program::duration;
use std::time::Duration;

/// Make a token for the page and the API, list the tokens, or revoke one
///
/// A new token is printed once: the store has only its hash. Its name is the owner of the jobs that are made with it. A token
/// of the scope submit may use the sites that [tokens.NAME] of the settings lists.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["scope", "list", "revoke"]))]
pub(super) struct TokenArgs {
    /// What the new token permits
    #[arg(long, value_enum, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// The name of the new token (default: that of the user, but not for submit)
    #[arg(long, requires = "scope", value_name = "NAME", value_parser = job_name)]
    name: Option<String>,
    /// When the new token ends: 12h, 90d
    #[arg(long, requires = "scope", value_name = "T", value_parser = lifetime)]
    expires: Option<Duration>,
    /// List all tokens
    #[arg(long)]
    list: bool,
    /// End a token at once
    #[arg(long, value_name = "NAME")]
    revoke: Option<String>,
}

/// Reads how long a token lasts. A bare number may be meant as anything.
fn lifetime(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("write a unit after the number: 12h, 90d".to_owned());
    }
    duration::parse(text)
}

pub(super) async fn run(general: &General, args: &TokenArgs) -> Result<Status> {
    check_state(general.state.as_deref().filter(|_| general.store.is_none()))?;
    let queue = general.queue()?;
    let tokens = Tokens::of(&queue);
    if let Some(scope) = args.scope {
        let text = new_token().map_err(|why| Failure::new(Kind::Other, why.message))?;
        let now = since_1970().as_secs();
        let user = user_of_this_host();
        let name = args.name.clone().unwrap_or_else(|| user.clone());
        if scope == Scope::Submit && name == user {
            return Err(Failure::usage(format!("{name} is the owner of the jobs of this host's user"))
                .hint("choose another --name: it is the owner of the jobs of the token"));
        }
        let token = Token {
            name,
            scope,
            digest: token_digest(&text),
            created: now,
            expires: args.expires.map(|expires| now.saturating_add(expires.as_secs())),
        };
        if !tokens.insert(&token)? {
            let name = &token.name;
            return Err(Failure::new(Kind::Exists, format!("there is a token called {name} already"))
                .hint(format!("choose another --name, or end it: {FtpUser} daemon token --revoke {name}")));
        }
        general.tell(Event::Token(ShownToken { token, text: Some(text) })).await?;
        return Ok(Status::Done);
    }
    if let Some(name) = &args.revoke {
        if !tokens.remove(name)? {
            return Err(Failure::new(Kind::Missing, "there is no such token")
                .hint(format!("{FtpUser} daemon token --list shows them")));
        }
        return Ok(Status::Done);
    }
    let (all, damaged) = tokens.all()?;
    for token in all {
        general.tell(Event::Token(ShownToken { token, text: None })).await?;
    }
    for cause in &damaged {
        general.warn(format!("a token cannot be read and grants nothing: {cause}")).await?;
    }
    Ok(if damaged.is_empty() { Status::Done } else { Status::Failed(Kind::Other) })
}
