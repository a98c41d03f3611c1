//! `token`: a new secret, as one line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::link::token_file;
use ftp_io::program::duration;
use ftp_proto::listing::When;
use ftp_proto::relay::token::{Holder, Token, is_name};
use zeroize::Zeroizing;

use super::{Exit, print};

/// What the token is for.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The name of its holder in the relay's log [default: the name of this host]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print what a hub needs of the tokens in this file, repeatable, instead of a new one; it lets their holders meet,
    /// and opens nothing that they protect
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "expires"])]
    for_hub: Vec<PathBuf>,
    /// The group of a user: at a hub he calls the agents of this group [default: the name]
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["for_hub", "for_agent"])]
    group: Option<String>,
    /// Make the token of an agent of this group, which its host alone has; its name is that of the agent
    #[arg(long, value_name = "GROUP", conflicts_with = "for_hub")]
    for_agent: Option<String>,
    /// How long it is valid [default: forever]
    #[arg(long, value_name = "T", value_parser = life)]
    expires: Option<Duration>,
}

/// Prints a new token, or what a hub needs of others.
///
/// # Errors
/// The name cannot be used, the file cannot be read, or the system has no random numbers.
pub fn token(options: &Options) -> Result<(), Exit> {
    if !options.for_hub.is_empty() {
        return for_hub(&options.for_hub);
    }
    let When(today) = Clock::today();
    let expires = options.expires.map(|life| When(today.saturating_add_unsigned(life.as_secs())));
    let secret = Zeroizing::new(ftp_io::random::bytes::<32>().context("the system has no random numbers")?);
    let host = || named_after(&rustix::system::uname().nodename().to_string_lossy());
    let name = options.name.clone().unwrap_or_else(host);
    let holder = match (&options.for_agent, &options.group) {
        (Some(group), _) => Holder::AgentOf(group.clone()),
        (None, Some(group)) => Holder::UserOf(group.clone()),
        (None, None) => Holder::Anybody,
    };
    let token = Token::new(&name, expires, *secret).and_then(|token| token.with_holder(holder));
    let token = token.map_err(|error| Exit::Usage(error.into()))?;
    print(Zeroizing::new(format!("{}\n", token.line().as_str())).as_bytes())
}

/// Prints what a hub needs of the tokens in these files. The file of an agent may have tokens of users that stand in
/// others, too.
fn for_hub(files: &[PathBuf]) -> Result<(), Exit> {
    // A part of them would be a file that a hub takes.
    let mut all: Vec<Token> = Vec::new();
    for file in files {
        for token in token_file::read_tokens(file).map_err(anyhow::Error::from)? {
            if !all.contains(&token) {
                all.push(token);
            }
        }
    }
    let line = |token: &Token| Zeroizing::new(format!("{}\n", token.for_hub().line().as_str()));
    all.iter().try_for_each(|token| print(line(token).as_bytes()))
}

/// How long a token is valid. A bare number may be meant as days.
fn life(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("write a unit after the number: {text}d for days, {text}h for hours"));
    }
    duration::parse(text)
}

/// The name of a token for the host with this name, which may have a domain and any characters.
fn named_after(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default();
    let allowed = |c: char| if is_name(c.encode_utf8(&mut [0; 4])) { c } else { '-' };
    let name: String = first.chars().map(allowed).take(MAX_NAME).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

/// A name is no longer than this.
const MAX_NAME: usize = 64;
/// The name of a token for a host without a name.
const UNNAMED: &str = "relay";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_days_has_its_unit() {
        assert_eq!(life("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert!(life("90").unwrap_err().contains("90d for days"));
        assert!(life("").is_err());
    }

    #[test]
    fn a_token_is_named_after_its_host() {
        let long = "x".repeat(300);
        for (host, name) in [
            ("edge-zrh", "edge-zrh"),
            ("edge.example.net", "edge"),
            ("m\u{fc}nchen 1", "m-nchen-1"),
            ("(none)", "none"),
            ("", "relay"),
            ("...", "relay"),
            (long.as_str(), &long[..64]),
        ] {
            assert_eq!(named_after(host), name, "{host:?}");
            assert!(is_name(&named_after(host)));
        }
    }
}
