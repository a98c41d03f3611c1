//! `run`: from the options to a relay that runs, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::os_error::words;
use ftp_io::program::args::address;
use ftp_io::program::runtime::{self, Threads};
use ftp_io::program::{log, ready};
use ftp_io::signal::{Reload, Stop};
use ftp_proto::policy::Allowed;

use super::exit::Exit;
use crate::listen::{Relay, Settings};
use crate::policy::Limits;

/// How to relay.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Where user agents connect to, repeatable; with one address, connections to servers come from it
    #[arg(long, value_name = "ADDR", required = true, value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may use the relay, one per line; mode 0600; read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// FTP servers that may be reached, repeatable: CIDR or CIDR:PORTS, with the ports of control connections
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// The form of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub log_format: log::Format,
    /// The least important level that is logged
    #[arg(long, value_name = "LEVEL", default_value_t, value_enum)]
    pub log_level: log::Level,
}

/// Relays until SIGTERM or SIGINT, then lets transfers end.
///
/// # Errors
/// The tokens cannot be read, or a listener cannot be opened.
pub fn run(options: Options) -> Result<(), Exit> {
    let _log = log::start(options.log_format, options.log_level).context("cannot start the log")?;
    let served = runtime::run(THREADS, until_stopped(options)).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped(options: Options) -> Result<(), anyhow::Error> {
    // Before the ready line: the program that waits for it may send a signal at once.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut hangup = Reload::new().context("cannot listen for signals")?;
    let tokens = token_file::read(&options.token_file)?;
    if options.allow.is_empty() {
        tracing::warn!("no server may be reached, so nothing is relayed; name servers with --allow");
    }
    let relay = Relay::start(Settings {
        listen: options.listen,
        allow: options.allow,
        tokens,
        limits: Limits::USUAL,
    })?;
    announce(relay.addresses())?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => match token_file::read(&options.token_file) {
                Ok(tokens) => relay.renew(tokens),
                Err(error) => tracing::error!("the tokens were not read again: {error}"),
            },
        }
    }
    tokio::select! {
        () = relay.drain(GRACE) => {}
        // A second signal ends everything at once.
        () = stop.wait() => {}
    }
    Ok(())
}

fn announce(addresses: &[SocketAddr]) -> Result<(), anyhow::Error> {
    ready::announce(addresses.iter().map(|at| (*at, "relay")))
        .context("cannot say on standard output that the relay is ready")?;
    if let Err(error) = ready::notify_systemd(ready::Notice::Ready) {
        tracing::warn!(error = words(&error), "cannot tell systemd that the relay is ready");
    }
    Ok(())
}

/// A few threads serve the sessions; the others resolve names.
const THREADS: Threads = Threads { name: "ftp-relay", workers: 4, blocking: 64 };
/// How long transfers may go on after the first signal.
const GRACE: Duration = Duration::from_secs(30);
