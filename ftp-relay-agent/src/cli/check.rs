//! `check`: one line for everything that works from this host. It stops at the first failure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ftp_io::clock::Clock;
use ftp_io::link::{self, token_file};
use ftp_io::program::args::address;
use ftp_io::socket;
use ftp_proto::relay::message::VERSIONS;
use ftp_proto::relay::token::Token;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::exit::{Exit, print};

/// What to check.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// A relay that this host should reach
    #[arg(value_name = "ADDR", value_parser = address)]
    relay: Option<SocketAddr>,
    /// The token file of this host
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Checks everything that was named.
///
/// # Errors
/// The first thing that does not work.
pub fn check(options: &Options) -> Result<(), Exit> {
    let (low, high) = VERSIONS;
    say(&format!("ok    speaks ftp-relay versions {low} to {high}"))?;
    let tokens =
        options.token_file.as_deref().map(token_file::read).transpose().map_err(anyhow::Error::from)?;
    let tokens = tokens.unwrap_or_default();
    for token in &tokens {
        if token.is_expired(Clock::today()) {
            let name = token.name();
            return Err(anyhow!("token {name} has expired; make a new one: ftp-relay-agent token").into());
        }
        say(&format!("ok    token {}", token.name()))?;
    }
    let Some(relay) = options.relay else { return Ok(()) };
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the scheduler")?;
    runtime.block_on(reach(relay, tokens.first()))
}

async fn reach(relay: SocketAddr, token: Option<&Token>) -> Result<(), Exit> {
    let from = socket::route(relay.ip()).ok_or_else(|| anyhow!("this host has no route to {relay}"))?;
    let connected = timeout(CHECK_TIMEOUT, TcpStream::connect(relay)).await;
    let stream = connected
        .map_err(|_| anyhow!("{relay} does not answer; is there a firewall in between?"))?
        .with_context(|| format!("cannot connect to {relay}; does the relay run there?"))?;
    say(&format!("ok    {relay} can be reached from {from}"))?;
    let Some(token) = token else { return say("skip  nothing more can be checked without --token-file") };
    match link::session(stream, token.secret()).await {
        Ok((mut link, welcome)) => {
            say(&format!("ok    {relay} holds token {}, runs {}", token.name(), welcome.build))?;
            say(&format!("ok    the relay sees this host as {}", welcome.seen_as.ip()))?;
            link.close().await;
            Ok(())
        }
        Err(error) if error.is_distrust() => Err(Exit::Untrusted(anyhow!("{relay}: {error}"))),
        Err(error) => Err(anyhow!("{relay}: {error}").into()),
    }
}

fn say(line: &str) -> Result<(), Exit> {
    print(format!("{line}\n").as_bytes())
}

/// How long a connection to the relay may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
