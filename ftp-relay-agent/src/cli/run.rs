//! `run`: from the options to a relay that runs, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::program::line_file::{self, LineFile};
use ftp_io::program::{log, runtime};
use ftp_io::signal::{Reload, Stop};
use ftp_proto::relay::token::Token;

use super::exit::Exit;
use super::serve::{GRACE, THREADS, announce};
use crate::config::{self, Config, ConfigError};
use crate::listen::{Relay, Settings};
use crate::operate::audit::{Audit, Record, Who};
use crate::operate::metrics::Metrics;
use crate::policy::Limits;

/// How to relay, and where more of it stands.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// A policy file: these options, limits, and who may do what; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The options that may stand in the file.
    #[command(flatten)]
    pub common: config::Options,
}

/// Relays until SIGTERM or SIGINT, then lets transfers end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn run(options: &Options) -> Result<(), Exit> {
    let config = read(options)?;
    let log = log::start(config.log_format, config.log_level).context("cannot start the log")?;
    let file = config.audit.as_ref().map(open_audit).transpose()?;
    let audit = Arc::new(Audit::new(Metrics::new(log.lost()), file));
    let serving = until_stopped(options, config, Arc::clone(&audit));
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

fn read(options: &Options) -> Result<Config, ConfigError> {
    Config::read(&options.common, options.config.as_deref())
}

async fn until_stopped(options: &Options, config: Config, audit: Arc<Audit>) -> Result<(), anyhow::Error> {
    // Before the ready line: the program that waits for it may send a signal at once.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut hangup = Reload::new().context("cannot listen for signals")?;
    let tokens = token_file::read(&config.token_file)?;
    warn(&config, &tokens);
    let started = config.clone();
    let relay = Relay::start(Settings {
        listen: config.listen,
        tokens,
        policy: config.policy,
        metrics: config.metrics,
        metrics_from: config.metrics_from,
        audit: Arc::clone(&audit),
        limits: Limits::USUAL,
    })?;
    let record = |record: &Record<'_>| audit.record(&Who::default(), record);
    record(&Record::RelayStarted);
    announce(relay.places())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => tokio::task::block_in_place(|| {
                audit.reopen();
                match reload(&relay, options, &started) {
                    Ok(()) => record(&Record::PolicyRead),
                    Err(reason) => record(&Record::PolicyRefused { reason }),
                }
            }),
        }
    }
    tokio::select! {
        () = relay.drain(GRACE) => {}
        // A second signal ends everything at once.
        () = stop.wait() => {}
    }
    record(&Record::RelayStopped);
    Ok(())
}

/// Reads the policy and the tokens again. After a mistake everything stays as it was.
fn reload(relay: &Relay, options: &Options, started: &Config) -> Result<(), String> {
    let read = read(options).map_err(anyhow::Error::from);
    let read = read.and_then(|config| Ok((token_file::read(&config.token_file)?, config)));
    match read {
        Ok((tokens, config)) => {
            warn(&config, &tokens);
            let keys = config.needs_restart(started).join(", ");
            if !keys.is_empty() {
                tracing::warn!(keys, "these keys were changed, and need a restart of the relay");
            }
            relay.renew(tokens, config.policy);
            Ok(())
        }
        Err(error) => {
            tracing::error!("the tokens and the policy stay as they were: {error}");
            Err(error.to_string())
        }
    }
}

/// Logs what is likely not meant.
fn warn(config: &Config, tokens: &[Token]) {
    for warning in config.warnings(tokens.iter().map(Token::name)) {
        tracing::warn!("{warning}");
    }
}

fn open_audit((path, largest): &(PathBuf, u64)) -> Result<LineFile, anyhow::Error> {
    let (path, largest) = (path.clone(), Some(*largest));
    let shown = path.display().to_string();
    LineFile::open(line_file::Options { name: "audit", path, mode: 0o600, largest })
        .with_context(|| format!("cannot open the audit {shown}"))
}
