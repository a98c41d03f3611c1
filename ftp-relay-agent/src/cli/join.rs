//! `join`: a relay on a host that can only connect out. It is called at a hub, until it is told to stop.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use ftp_io::link::token_file;
use ftp_io::program::{log, runtime};
use ftp_io::signal::{Reload, Stop};
use ftp_proto::policy::Allowed;
use ftp_proto::relay::token::is_name;

use super::exit::{Exit, print};
use super::serve::{GRACE, THREADS, tell_systemd};
use crate::at_hub::{self, HubAddress};
use crate::listen::{Relay, Settings};
use crate::policy::{Limits, Policy};

/// Where to join, and what may be reached from here.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The hub: HOST:PORT
    #[arg(value_name = "HUB")]
    pub hub: HubAddress,
    /// The name of this agent at the hub: 1 to 64 letters, digits, - or _; another agent of the same token with the
    /// same name replaces this one
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// The token of this agent and of those who may use it, one line; mode 0600; read again on SIGHUP, when the agent
    /// also returns to the hub at once
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// FTP servers that may be reached, repeatable: CIDR or CIDR:PORTS, with the ports of control connections
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// An address of this host from which it connects to servers and to which they connect, repeatable; without it,
    /// that of the route, and servers are asked to connect here only if it is public
    #[arg(long, value_name = "IP")]
    pub address: Vec<IpAddr>,
    /// The form of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    pub log_format: log::Format,
    /// The least important level that is logged
    #[arg(long, value_name = "LEVEL", default_value_t, value_enum)]
    pub log_level: log::Level,
}

fn name(text: &str) -> Result<String, &'static str> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("a name has 1 to 64 letters, digits, - or _") }
}

/// Joins the hub and returns to it whenever it is lost, until SIGTERM or SIGINT; then lets transfers end.
///
/// # Errors
/// The token cannot be read.
pub fn join(options: Options) -> Result<(), Exit> {
    let _log = log::start(options.log_format, options.log_level).context("cannot start the log")?;
    runtime::run(THREADS, until_stopped(options)).context("cannot start the scheduler")?
}

async fn until_stopped(options: Options) -> Result<(), Exit> {
    // Before the ready line: the program that waits for it may send a signal at once.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut hangup = Reload::new().context("cannot listen for signals")?;
    let token = token_file::read_own(&options.token_file).map_err(anyhow::Error::from)?;
    if options.allow.is_empty() {
        tracing::warn!("no server may be reached, so nothing is relayed; name servers with --allow");
    }
    let Options { hub, name, token_file, allow, address, .. } = options;
    let settings = at_hub::Settings { hub: hub.clone(), name: name.clone(), token: token.clone() };
    let (mut joiner, caller, incoming) =
        at_hub::start(settings).map_err(|error| anyhow!("the system has no random numbers: {error}"))?;
    let settings = Settings {
        listen: Vec::new(),
        tokens: vec![token],
        policy: Policy::open(allow.clone()),
        metrics: None,
        metrics_from: Vec::new(),
        audit: Arc::default(),
        limits: Limits::USUAL,
    };
    let relay = Relay::behind_hub(settings, address, caller, incoming)?;
    let mut announced = false;
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = joiner.joined(), if !announced => {
                announced = true;
                print(format!("joined {hub} as {name}\n").as_bytes())?;
                tell_systemd();
            }
            () = hangup.wait() => match token_file::read_own(&token_file) {
                Ok(token) => {
                    relay.renew(vec![token.clone()], Policy::open(allow.clone()));
                    joiner.renew(token);
                }
                Err(error) => tracing::error!("the token was not read again: {error}"),
            },
        }
    }
    joiner.leave().await;
    tokio::select! {
        () = relay.drain(GRACE) => {}
        // A second signal ends everything at once.
        () = stop.wait() => {}
    }
    Ok(())
}
