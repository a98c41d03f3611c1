//! `run`: from the options to a relay that runs, until it is told to stop.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::signal::Stop;
use ftp_proto::policy::Allowed;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use super::{Exit, address};
use crate::listen::Relay;

/// How to relay.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Where user agents come; where it is one address, servers see all connections come from it
    #[arg(long, value_name = "ADDR", required = true, value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may use it, one per line; mode 0600; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Servers it may reach: CIDR or CIDR:PORT[-PORT][,PORT[-PORT]]...; default ports 21,990,1024-65535
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// How the log is written, to standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// The least important level that is logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,
}

/// How the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Relays until SIGTERM or SIGINT, and lets what flows end.
pub fn run(options: Options) -> Result<(), Exit> {
    start_log(&options);
    raise_descriptor_limit();
    let runtime = runtime()?;
    let served = runtime.block_on(until_stopped(options));
    runtime.shutdown_timeout(AT_LAST);
    served.map_err(Exit::from)
}

async fn until_stopped(options: Options) -> Result<(), anyhow::Error> {
    // Before the ready notice: whoever waits for that may stop us right away.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut again = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let tokens = token_file::read(&options.token_file)?;
    if options.allow.is_empty() {
        tracing::warn!("nothing is allowed, so nothing is relayed; name servers with --allow");
    }
    let relay = Relay::start(&options, tokens)?;
    announce(relay.places())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            _ = again.recv() => match token_file::read(&options.token_file) {
                Ok(tokens) => relay.renew(tokens),
                Err(error) => tracing::error!("the tokens stay as they were: {error:#}"),
            },
        }
    }
    tokio::select! {
        () = relay.drain(GRACE) => {}
        // A second signal: at once.
        () = stop.wait() => {}
    }
    Ok(())
}

fn announce(places: &[SocketAddr]) -> Result<(), anyhow::Error> {
    let text: String = places.iter().map(|at| format!("listening on {at} (relay)\n")).collect();
    let mut out = stdout().lock();
    let told = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    told.context("cannot say on standard output that the relay is ready")
}

fn start_log(options: &Options) {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let events = fmt().with_writer(stderr).with_max_level(options.log_level).with_target(false);
    let events = events.log_internal_errors(false);
    // A second start in one process keeps the first log.
    let _ = match options.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(events.with_ansi(colour).finish()),
        LogFormat::Json => {
            let events = events.json().flatten_event(true).with_span_list(false);
            tracing::subscriber::set_global_default(events.finish())
        }
    };
}

fn runtime() -> Result<Runtime, anyhow::Error> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .thread_name("ftp-relay")
        .enable_all()
        .build()
        .context("cannot start the scheduler")
}

/// As many open files as the system lets us have: a join needs up to six.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

const MAX_WORKERS: usize = 4;
/// What flows may go on for so long after the first signal.
const GRACE: Duration = Duration::from_secs(30);
const AT_LAST: Duration = Duration::from_secs(1);
