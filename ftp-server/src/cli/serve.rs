//! From a configuration to a server that runs, until it is told to stop.

use anyhow::Context;
use ftp_io::os_error;
use ftp_io::program::log::{self, Log};
use ftp_io::program::privileges;
use ftp_io::program::runtime::{self, Threads};
use ftp_io::program::service::{self, Notice, tell_systemd};
use ftp_io::program::settings::Outline;
use ftp_io::signal::{Reload, Stop};

use super::Exit;
use super::verbs::{become_user, inspect};
use crate::config::{Config, File};
use crate::limits::{MAX_FILE_THREADS, MAX_SYNCS};
use crate::listen::{Server, Sockets};

/// Reads the configuration again, and the file that has it.
type Again<'a> = &'a dyn Fn() -> Result<(Config, File), Vec<String>>;

/// Serves until SIGTERM or SIGINT, then lets transfers end. `file` is where mistakes have their places.
///
/// # Errors
/// A listener cannot be opened, the user of `run-as` cannot be used, or something that the configuration names.
pub fn serve(config: Config, file: &File, again: Again<'_>) -> Result<(), Exit> {
    // Before there are other threads: this changes the environment.
    let inherited = service::take_sockets().context("cannot use the sockets that systemd has passed")?;
    let log = log::start(config.log.format, config.log.level).context("cannot start the log")?;
    let sockets = Sockets::open(&config, inherited)?;
    let warnings = match &config.run_as {
        Some(user) => {
            become_user(user)?;
            // What SIGHUP reads again must be readable without root.
            let read = again().map_err(Exit::Config);
            read.and_then(|(config, file)| inspect(&config, &file)).map_err(|exit| exit.as_user(user))?
        }
        None => inspect(&config, file)?,
    };
    log_warnings(&warnings);
    if config.run_as.is_none() && privileges::is_root() {
        tracing::warn!(
            "the server runs as root, and so does everything that it stores: name a user with --run-as"
        );
    }
    let serving = until_stopped(config, file, sockets, &log, again);
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

fn log_warnings(warnings: &[String]) {
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
}

async fn until_stopped(
    config: Config,
    file: &File,
    sockets: Sockets,
    log: &Log,
    again: Again<'_>,
) -> Result<(), anyhow::Error> {
    // Before the ready line: the program that waits for it may send a signal at once.
    let mut stop = Stop::new().context("cannot listen for signals")?;
    let mut hangup = Reload::new().context("cannot listen for signals")?;
    let mut outline = file.outline(&config);
    let server = Server::start(&config, sockets, (log.lost(), log.backlog()))?;
    server.look_up().await;
    service::announce(server.places()).context("cannot say on standard output that the server is ready")?;
    tell_systemd(Notice::Ready);
    loop {
        tokio::select! {
            biased;
            () = stop.wait() => break,
            () = hangup.wait() => {
                tell_systemd(Notice::Reloading);
                tokio::task::block_in_place(|| reload(&server, again, &mut outline));
                tell_systemd(Notice::Ready);
            }
        }
    }
    tell_systemd(Notice::Stopping);
    tracing::info!(grace_seconds = server.grace().as_secs(), "stopping: transfers may end");
    tokio::select! {
        biased;
        () = server.drain() => tracing::info!("stopped"),
        // A second signal ends everything at once.
        () = stop.wait() => tracing::info!("stopped at once by a second signal"),
    }
    Ok(())
}

/// Reads users, limits and certificates again. After a mistake everything stays as it was. `outline` is that of the
/// configuration that holds.
fn reload(server: &Server, again: Again<'_>, outline: &mut Outline) {
    let read = again().and_then(|(config, file)| {
        let warnings = inspect(&config, &file).map_err(Exit::into_lines)?;
        server.reload(&config).map_err(|error| vec![os_error::chain(error.as_ref())])?;
        Ok((config, file, warnings))
    });
    match read {
        Ok((config, file, warnings)) => {
            tracing::info!("users, limits and certificates were read again");
            outline.renew(file.outline(&config));
            log_warnings(&warnings);
            let keys = server.needs_restart(&config).join(", ");
            if !keys.is_empty() {
                tracing::warn!(
                    keys,
                    "these keys were changed, but their values of the start stay in force: restart the server to change them"
                );
            }
        }
        Err(mistakes) => {
            let mistakes = mistakes.join(" | ");
            tracing::error!(mistakes, "users, limits and certificates stay as they were");
        }
    }
}

/// A few threads serve the sessions; the others wait for disks.
const THREADS: Threads = Threads { name: "ftp-server", workers: 4, blocking: MAX_FILE_THREADS + MAX_SYNCS };
