//! From a configuration to a server that runs, until it is told to stop.

use std::time::Duration;

use anyhow::Context;
use ftp_io::signal::Stop;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::config::Config;
use crate::limits::MAX_FILE_THREADS;
use crate::listen::{Listener, Server};

/// Opens the listeners, says where they are, serves until SIGTERM or SIGINT, lets transfers end.
pub async fn until_stopped(config: Config) -> Result<(), super::Exit> {
    // Before the ready notice: whoever waits for that may stop us right away.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let listeners = Listener::open_all(&config.listeners)?;
    let server = Server::start(&config, listeners)?;
    super::ready::announce(&server)?;
    stop.wait().await;
    tokio::select! {
        () = server.drain() => {}
        // A second signal: at once.
        () = stop.wait() => {}
    }
    Ok(())
}

/// The scheduler: few threads for the sessions, and those that wait for disks.
pub fn runtime() -> Result<Runtime, anyhow::Error> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .max_blocking_threads(MAX_FILE_THREADS)
        .thread_name("ftp-server")
        .enable_all()
        .build()
        .context("cannot start the scheduler")
}

/// As many open files as the system lets us have: every session needs up to five.
pub fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

/// What a disk that does not answer can delay the end.
pub const AT_LAST: Duration = Duration::from_secs(2);
const MAX_WORKERS: usize = 4;
