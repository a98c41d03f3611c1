//! `--on-end`: a program of the operator learns of each job that has ended, also of those that ended while no daemon ran. It
//! learns of an end twice if the daemon is killed while the program runs. Of several workers with such a program, one runs it.

use super::super::store::LONG_PAUSE;
use super::state::Daemon;
use crate::journal::{JournalFailure, Queue};
use ftp_io::program::hook::Hook;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What runs the program beside the daemon.
pub(super) struct EndHook(JoinHandle<()>);

impl EndHook {
    /// Runs this command line of the shell for one job after the other, as long as the daemon runs.
    pub(super) fn start(daemon: Arc<Daemon>, command: &str) -> Self {
        let arguments = vec!["-c".into(), command.into()];
        let hook = Hook { program: "/bin/sh".into(), arguments, time: HOOK_TIMEOUT };
        Self(tokio::spawn(async move {
            loop {
                let pause = match report_next(&daemon, &hook).await {
                    Ok(true) => continue,
                    Ok(false) => LOOK_AGAIN,
                    // The worker says that the journal is away.
                    Err(_) => LONG_PAUSE,
                };
                if daemon.has_ended.load(Ordering::Relaxed) {
                    return;
                }
                sleep(pause).await;
            }
        }))
    }

    /// The daemon ends: the last jobs are told, as far as there is time. Another daemon, or the next one, tells the others.
    pub(super) async fn end(mut self) {
        if timeout(LAST_TIMEOUT, &mut self.0).await.is_err() {
            self.0.abort();
        }
    }
}

/// Runs the program for the next jobs whose end was not reported. Returns whether there were any.
async fn report_next(daemon: &Daemon, hook: &Hook) -> Result<bool, JournalFailure> {
    if !daemon.is_reporter.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let queue = &daemon.queue;
    let Some((number, ended)) = queue.on_disk(Queue::next_unreported).await? else { return Ok(false) };
    for job in ended.readable {
        let Ok(text) = serde_json::to_vec(&daemon.view(&job)) else { continue };
        let home = std::env::var_os("HOME").map(|home| ("HOME", home));
        if let Err(why) = hook.run(home.into_iter().collect(), &text).await {
            tracing::warn!(job = %job.id, cause = %why, "the command of --on-end has failed, and is not repeated for this job");
        }
    }
    for job in ended.unreadable {
        tracing::error!(job = %job.id, cause = %job.failure, "a job has ended and cannot be read: the command of --on-end is not run for it");
    }
    queue.on_disk(move |queue| queue.set_reported(number)).await?;
    Ok(true)
}

/// How long the program may run.
const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may run when the daemon ends.
const LAST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the queue is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
