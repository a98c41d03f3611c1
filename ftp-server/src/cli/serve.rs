//! From a configuration to a server that runs, until it is told to stop.

use std::time::Duration;

use anyhow::Context;
use ftp_io::program::ready;
use ftp_io::program::runtime::Threads;
use ftp_io::signal::Stop;

use crate::config::Config;
use crate::limits::MAX_FILE_THREADS;
use crate::listen::{Listener, Server};

/// Opens the listeners, says where they are, serves until SIGTERM or SIGINT, lets transfers end.
pub async fn until_stopped(config: Config) -> Result<(), super::Exit> {
    // Before the ready notice: whoever waits for that may stop us right away.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let listeners = Listener::open_all(&config.listeners)?;
    let server = Server::start(&config, listeners)?;
    announce(&server)?;
    stop.wait().await;
    tokio::select! {
        () = server.drain() => {}
        // A second signal: at once.
        () = stop.wait() => {}
    }
    Ok(())
}

/// One line for each listener, with the real port; then systemd is told.
fn announce(server: &Server) -> Result<(), anyhow::Error> {
    let lines: String = server.places().map(|(at, kind)| format!("listening on {at} ({kind})\n")).collect();
    ready::announce(&lines).context("cannot say on standard output that the server is ready")?;
    if let Err(error) = ready::notify_systemd() {
        tracing::warn!(%error, "cannot tell systemd that the server is ready");
    }
    Ok(())
}

/// A few threads serve the sessions; the others wait for disks.
pub const THREADS: Threads = Threads { name: "ftp-server", workers: 4, blocking: MAX_FILE_THREADS };
/// How long a disk that does not answer can delay the end.
pub const AT_LAST: Duration = Duration::from_secs(2);
