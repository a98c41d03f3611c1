//! `join`: a relay on a host that can only connect out. It is called at a hub, until it is told to stop.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use ftp_io::link::token_file::{self, OfAgent, TokenFileError};
use ftp_io::program::runtime;
use ftp_proto::relay::token::{Holder, Token, is_name};

use super::serve::{
    Called, Files, GRACE, THREADS, announce, begin, end, say_what_holds, settings, signals,
    warn_of_few_descriptors,
};
use super::{Exit, print};
use crate::at_hub::{self, HubAddress};
use crate::config::{Config, JoinOptions};
use crate::listen::Server;
use crate::operate::audit::{Audit, LinkOwner, Record};

/// Where to join, and what may be reached from here.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The hub: HOST:PORT
    #[arg(value_name = "HUB")]
    pub hub: HubAddress,
    /// The name of this agent at the hub: 1 to 64 letters, digits, - or _; that of its token; another agent of
    /// the same name and group replaces this one
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// The options that may stand in a file.
    #[command(flatten)]
    pub called: Called<JoinOptions>,
}

fn name(text: &str) -> Result<String, &'static str> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("a name has 1 to 64 letters, digits, - or _") }
}

/// Joins the hub and returns to it whenever it is lost, until SIGTERM or SIGINT; then lets transfers end.
///
/// # Errors
/// The policy or the token cannot be read.
pub fn join(options: &Options) -> Result<(), Exit> {
    let config = options.called.read()?;
    let (_log, audit) = begin(&config.shown)?;
    let serving = until_stopped(options, config, audit);
    runtime::run(THREADS, serving).context("cannot start the scheduler")?
}

async fn until_stopped(options: &Options, config: Config, audit: Arc<Audit>) -> Result<(), Exit> {
    let (mut stop, mut hangup) = signals()?;
    warn_of_few_descriptors();
    let tokens = read(&config.token_file).map_err(anyhow::Error::from)?;
    say_what_holds(&config, tokens.as_ref());
    let Options { hub, name, called } = options;
    let mut files = Files::new(called, &config, &tokens, read);
    let Tokens(OfAgent { own: token, users: tokens }) = tokens;
    if token.is_of_agent() && token.name() != name {
        let error = anyhow!("the token is that of the agent {0}: join with --name {0}", token.name());
        return Err(Exit::Usage(error));
    }
    let at_hub = at_hub::Settings { hub: hub.clone(), name: name.clone(), token, audit: Arc::clone(&audit) };
    let at_hub::Membership { mut joiner, caller, incoming } =
        at_hub::start(at_hub).map_err(|error| anyhow!("the system has no random numbers: {error}"))?;
    let relay = Server::behind_hub(settings(config, tokens, Arc::clone(&audit)), caller, incoming)?;
    audit.record(&LinkOwner::default(), &Record::RelayStarted);
    let mut announced = false;
    loop {
        tokio::select! {
            biased;
            () = stop.wait() => break,
            () = joiner.joined(), if !announced => {
                announced = true;
                print(format!("joined {hub} as {name}\n").as_bytes())?;
                announce(relay.places())?;
            }
            () = hangup.wait() => files.read_again(&audit, |tokens: Tokens, config| {
                let Tokens(OfAgent { own, users }) = tokens;
                joiner.renew(own);
                relay.renew(users, config.policy);
            }),
        }
    }
    joiner.leave().await;
    end(relay.drain(GRACE), &mut stop).await;
    audit.stopped(&Record::RelayStopped);
    Ok(())
}

/// The tokens of an agent.
struct Tokens(OfAgent);

impl AsRef<[Token]> for Tokens {
    fn as_ref(&self) -> &[Token] {
        let Self(tokens) = self;
        &tokens.users
    }
}

/// Reads the tokens of an agent, and logs what is likely not meant.
fn read(path: &Path) -> Result<Tokens, TokenFileError> {
    let tokens = token_file::read_of_agent(path)?;
    let (name, group) = (tokens.own.name(), tokens.own.group());
    if *tokens.own.holder() == Holder::Anybody {
        tracing::warn!(
            "the token {name} is that of this agent and of its users, each of whom may take its place at the hub; make one \
             for the agent alone: ftp-relay-agent token --for-agent {name}"
        );
    }
    for user in tokens.users.iter().filter(|user| user.group() != group) {
        let (user, other) = (user.name(), user.group());
        tracing::warn!(
            "the token {user} is in the group {other}: its holder does not find this agent, which is in {group}"
        );
    }
    Ok(Tokens(tokens))
}
