//! `jobs --follow`: what happens to the jobs of the queue, as it happens.

use super::General;
use super::daemon::with_job;
use super::remote::{end_of_stream, follow_own, print_event};
use super::store::{LONG_PAUSE, is_database};
use crate::failure::Result;
use crate::job::Status;
use crate::journal::{JournalFailure, Queue};
use crate::report::{Event, line_of};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Follows the daemon of the state directory. Where several daemons share a database, its jobs are followed, whoever carries them:
/// then it is told how each stands whenever that changes, and not what becomes of its files.
pub(super) async fn follow(general: &General) -> Result<Status> {
    if !is_database(general) {
        return follow_own(general).await;
    }
    general.hands.cancel()?.unless_cancelled(follow_database(general)).await?
}

/// Prints what changes until something fails that does not pass.
async fn follow_database(general: &General) -> Result<Status> {
    let (queue, heard) = (general.queue()?, Arc::new(Notify::new()));
    general.warn_without_daemon(&queue).await?;
    let (mut last, mut is_away) = (None, false);
    loop {
        let listener = Arc::clone(&heard);
        let pause = match queue.on_disk(move |queue| changes(queue, listener, last)).await {
            Ok((last_change, lines)) => {
                if let Err(error) = lines.iter().try_for_each(|line| print_event(line, general.json)) {
                    return end_of_stream(&error);
                }
                (last, is_away) = (Some(last_change), false);
                if lines.is_empty() { LOOK_AGAIN } else { Duration::ZERO }
            }
            Err(why @ JournalFailure::Unusable { .. }) => {
                if !std::mem::replace(&mut is_away, true) {
                    general.warn(format!("{why}; the jobs are followed again when it can be used")).await?;
                }
                LONG_PAUSE
            }
            Err(why) => return Err(why.into()),
        };
        tokio::select! {
            () = heard.notified(), if !is_away => {}
            () = sleep(pause) => {}
        }
    }
}

/// The number of the last change, and what is printed of those after `last`. Before the first one, nothing has changed.
fn changes(
    queue: &Queue,
    heard: Arc<Notify>,
    last: Option<u64>,
) -> Result<(u64, Vec<String>), JournalFailure> {
    let Some(last) = last else {
        queue.listen(heard)?;
        return Ok((queue.last_change()?, Vec::new()));
    };
    let (last_change, changed) = queue.changed_after(last)?;
    let (runs, workers) = (queue.carried_runs()?, queue.workers()?);
    let mut lines = Vec::new();
    for job in changed.unreadable {
        let line = line_of(&Event::Warning { message: job.to_string() });
        lines.extend(line.map(|line| with_job(&line, job.id, None)));
    }
    for job in changed.readable {
        let worker = runs
            .get(&job.id)
            .and_then(|run| workers.iter().map(|known| &known.profile).find(|known| known.id == run.worker));
        let worker = worker.map(|known| known.name.as_str());
        let line = queue.job(job.id)?.and_then(|record| line_of(&Event::Job(record)));
        lines.extend(line.map(|line| with_job(&line, job.id, worker)));
    }
    Ok((last_change, lines))
}

/// How often the jobs are looked at although nothing was told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
