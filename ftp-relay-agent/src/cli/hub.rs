//! `hub`: where agents meet that can only connect out, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::program::runtime;

use super::exit::Exit;
use super::serve::{
    Called, Files, GRACE, THREADS, announce, begin, end, signals, warn, warn_of_few_descriptors,
};
use crate::config::{Config, HubOptions};
use crate::hub::{Hub, Settings};
use crate::operate::audit::{Audit, Record, Who};

/// Where the hub is, who may come, and where more of it stands.
pub type Options = Called<HubOptions>;

/// Runs a hub until SIGTERM or SIGINT, then lets streams end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn hub(options: &Options) -> Result<(), Exit> {
    let config = options.read()?;
    let seen = begin(&config.shown)?;
    let serving = until_stopped(options, config, Arc::clone(&seen.audit));
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped(
    options: &Options,
    config: Config<Vec<SocketAddr>>,
    audit: Arc<Audit>,
) -> Result<(), anyhow::Error> {
    let (mut stop, mut hangup) = signals()?;
    warn_of_few_descriptors();
    let tokens = token_file::read(&config.token_file)?;
    warn(&config, &tokens);
    let mut files = Files::new(options, &config, &tokens, token_file::read);
    let hub = Hub::start(Settings {
        listen: config.place,
        tokens,
        policy: config.policy,
        metrics: config.shown.metrics,
        metrics_from: config.shown.metrics_from,
        audit: Arc::clone(&audit),
    })?;
    audit.record(&Who::default(), &Record::HubStarted);
    announce(hub.places())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => files.read_again(&audit, |tokens, config| {
                hub.renew(tokens, config.policy);
            }),
        }
    }
    end(hub.drain(GRACE), &mut stop).await;
    audit.stopped(&Record::HubStopped);
    Ok(())
}
