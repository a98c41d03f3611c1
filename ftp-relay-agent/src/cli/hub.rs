//! `hub`: where agents meet that can only connect out, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use ftp_io::link::token_file;
use ftp_io::program::args::address;
use ftp_io::program::{log, runtime};
use ftp_io::signal::{Reload, Stop};
use ftp_proto::relay::hub::Limits;

use super::exit::Exit;
use super::serve::{GRACE, THREADS, announce};
use crate::hub::{Hub, Settings};

/// Where the hub is, and who may come.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Where agents and user agents connect to, repeatable
    #[arg(long, value_name = "ADDR", required = true, value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may come, one per line, best as token --for-hub prints them; mode 0600; read again
    /// on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// The form of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub log_format: log::Format,
    /// The least important level that is logged
    #[arg(long, value_name = "LEVEL", default_value_t, value_enum)]
    pub log_level: log::Level,
}

/// Runs a hub until SIGTERM or SIGINT, then lets streams end.
///
/// # Errors
/// The tokens cannot be read, or a listener cannot be opened.
pub fn hub(options: Options) -> Result<(), Exit> {
    let _log = log::start(options.log_format, options.log_level).context("cannot start the log")?;
    let served = runtime::run(THREADS, until_stopped(options)).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped(options: Options) -> Result<(), anyhow::Error> {
    // Before the ready line: the program that waits for it may send a signal at once.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut hangup = Reload::new().context("cannot listen for signals")?;
    let tokens = token_file::read(&options.token_file)?;
    let hub = Hub::start(Settings { listen: options.listen, tokens, limits: Limits::USUAL })?;
    announce(hub.addresses().iter().map(|at| (*at, "hub")))?;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = hangup.wait() => match token_file::read(&options.token_file) {
                Ok(tokens) => hub.renew(tokens),
                Err(error) => tracing::error!("the tokens were not read again: {error}"),
            },
        }
    }
    tokio::select! {
        () = hub.drain(GRACE) => {}
        // A second signal ends everything at once.
        () = stop.wait() => {}
    }
    Ok(())
}
