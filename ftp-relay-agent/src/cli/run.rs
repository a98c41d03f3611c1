//! `run`: from the options to a relay that runs, until it is told to stop.

use std::sync::Arc;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::program::runtime;

use super::exit::Exit;
use super::serve::{
    Called, Files, GRACE, THREADS, announce, begin, end, signals, warn, warn_of_few_descriptors,
};
use crate::config::{Config, ListenAt, RunOptions};
use crate::listen::{Relay, Settings};
use crate::operate::audit::{Audit, Record, Who};
use crate::policy::Limits;

/// How to relay, and where more of it stands.
pub type Options = Called<RunOptions>;

/// Relays until SIGTERM or SIGINT, then lets transfers end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn run(options: &Options) -> Result<(), Exit> {
    let config = options.read()?;
    let seen = begin(&config.shown)?;
    let serving = until_stopped(options, config, Arc::clone(&seen.audit));
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped(
    options: &Options,
    config: Config<Vec<ListenAt>>,
    audit: Arc<Audit>,
) -> Result<(), anyhow::Error> {
    let (mut stop, mut hangup) = signals()?;
    warn_of_few_descriptors();
    let tokens = token_file::read_users(&config.token_file)?;
    warn(&config, &tokens);
    let mut files = Files::new(options, &config, &tokens, token_file::read_users);
    let relay = Relay::start(Settings {
        listen: config.place,
        addresses: config.addresses,
        tokens,
        policy: config.policy,
        metrics: config.shown.metrics,
        metrics_from: config.shown.metrics_from,
        audit: Arc::clone(&audit),
        limits: Limits::USUAL,
    })?;
    audit.record(&Who::default(), &Record::RelayStarted);
    announce(relay.places())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => files.read_again(&audit, |tokens, config| {
                relay.renew(tokens, config.policy);
            }),
        }
    }
    end(relay.drain(GRACE), &mut stop).await;
    audit.stopped(&Record::RelayStopped);
    Ok(())
}
