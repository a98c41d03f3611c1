//! `run` and `hub`: from the options to a relay or a hub that runs, until it is told to stop.

use std::sync::Arc;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::program::runtime;

use super::exit::Exit;
use super::serve::{
    Called, Files, GRACE, ReadTokens, THREADS, announce, begin, end, settings, signals, warn,
    warn_of_few_descriptors,
};
use crate::config::{Config, HubOptions, Options, RunOptions};
use crate::listen::{Server, Settings};
use crate::operate::audit::{Audit, Record, Who};
use ftp_proto::relay::token::Token;

/// Relays until SIGTERM or SIGINT, then lets transfers end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn run(options: &Called<RunOptions>) -> Result<(), Exit> {
    const RELAY: Kind = Kind {
        tokens: token_file::read_users,
        start: Server::relay,
        started: Record::RelayStarted,
        stopped: Record::RelayStopped,
    };
    serve(options, &RELAY)
}

/// Runs a hub until SIGTERM or SIGINT, then lets streams end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn hub(options: &Called<HubOptions>) -> Result<(), Exit> {
    const HUB: Kind = Kind {
        tokens: token_file::read,
        start: Server::hub,
        started: Record::HubStarted,
        stopped: Record::HubStopped,
    };
    serve(options, &HUB)
}

/// In what a relay and a hub differ here.
struct Kind {
    tokens: ReadTokens<Vec<Token>>,
    start: fn(Settings) -> Result<Server, anyhow::Error>,
    started: Record<'static>,
    stopped: Record<'static>,
}

fn serve<O: Options>(options: &Called<O>, kind: &Kind) -> Result<(), Exit> {
    let config = options.read()?;
    let seen = begin(&config.shown)?;
    let serving = until_stopped(options, config, kind, Arc::clone(&seen.audit));
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped<O: Options>(
    options: &Called<O>,
    config: Config,
    kind: &Kind,
    audit: Arc<Audit>,
) -> Result<(), anyhow::Error> {
    let (mut stop, mut hangup) = signals()?;
    warn_of_few_descriptors();
    let tokens = (kind.tokens)(&config.token_file)?;
    warn(&config, &tokens);
    let mut files = Files::new(options, &config, &tokens, kind.tokens);
    let server = (kind.start)(settings(config, tokens, Arc::clone(&audit)))?;
    audit.record(&Who::default(), &kind.started);
    announce(server.places())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => files.read_again(&audit, |tokens, config| {
                server.renew(tokens, config.policy);
            }),
        }
    }
    end(server.drain(GRACE), &mut stop).await;
    audit.stopped(&kind.stopped);
    Ok(())
}
