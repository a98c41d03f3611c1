//! One job of the queue is carried: as `resume` and `cancel` would, with nobody at the terminal.

use super::super::asked::{AskedJob, JobPurpose, Start};
use super::super::exit::number;
use super::super::program;
use super::feed::HeardJob;
use super::state::Daemon;
use super::views::DAMAGED;
use crate::config::Settings;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{JobRecord, JournalFailure, Leases, StoredJob, TakenJob};
use crate::queue::{Entry, Lease, MISTAKEN, Scope, Submission, Wish};
use crate::report::{Event, Listener};
use crate::web::Caller;
use std::sync::Arc;
use std::time::Duration;

/// How a run of a job has ended.
#[derive(Clone, Debug)]
pub(super) enum RunResult {
    /// It has run, and ended with this exit status. The cause is the first thing that has failed.
    Ended { exit: u8, cause: Option<String> },
    /// The same of a run that gives the job up.
    GivenUp { exit: u8, cause: Option<String> },
    /// It was not begun, because the settings are not those that it needs.
    Postponed { cause: String },
    /// It was not begun, or was interrupted, because of the store.
    HeldBack { cause: String, pause: Duration },
    /// Another job stores at its destination: it goes on when that has ended.
    WaitsFor { other: JobId, dest: String },
    /// Its run has panicked, or a worker that has carried a part of its tree is lost.
    LostRun,
}

impl RunResult {
    /// Whether the settings or the store have kept it from beginning.
    pub(super) const fn has_not_begun(&self) -> bool {
        matches!(self, Self::Postponed { .. } | Self::HeldBack { .. })
    }
}

/// Carries a job, or a part of its tree, until it ends, or until `cancel` stops it.
pub(super) async fn carry(daemon: Arc<Daemon>, taken: TakenJob, cancel: Cancel) -> RunResult {
    let TakenJob { lease, entry } = taken;
    let held_back = |cause: &str, pause| RunResult::HeldBack { cause: cause.to_owned(), pause };
    let record = match daemon.reader.job(lease.job) {
        Ok(Some(record)) => JobRecord { queued: Some(entry.clone()), ..record },
        Ok(None) => return held_back(DAMAGED, LONG_PAUSE),
        Err(failure @ JournalFailure::Damaged { .. }) => {
            tracing::error!(job = %lease.job, cause = %failure, "a job cannot be read");
            return held_back(DAMAGED, LONG_PAUSE);
        }
        Err(_) => return held_back(LOST_STORE, SHORT_PAUSE),
    };
    let gives_up = entry.wish == Wish::Cancel;
    // Who carries the job tells how far it is.
    if !lease.is_of_tree_part() {
        daemon.feed.begin(record.id);
    }
    if let Some(refused) = refusal(&daemon, lease, &record, gives_up) {
        return refused;
    }
    let (exit, cause) = run(&daemon, lease, &record, cancel.clone()).await;
    if lease.is_of_tree_part() {
        return RunResult::Ended { exit, cause };
    }
    if exit == number(Status::Failed(Kind::Interrupted)) && !cancel.is_cancelled() {
        let leases = Leases::of(&daemon.reader, daemon.worker.id);
        if leases.has_lost_tree_part(record.id).unwrap_or(false) {
            return RunResult::LostRun;
        }
        // Its own connection to the store has failed, and may fail again.
        return held_back(cause.as_deref().unwrap_or(LOST_STORE), SHORT_PAUSE);
    }
    // No run of this daemon has it, and another process has its lock: whoever carries it still has not noticed that it was lost.
    if exit == number(Status::Failed(Kind::Exists))
        && daemon.has_database()
        && daemon.reader.is_run(record.id)
    {
        return held_back(OLD_LOCK, LONG_PAUSE);
    }
    if let Some((other, dest)) = daemon.feed.run(record.id).and_then(|run| run.claimed).filter(|_| !gives_up)
    {
        return RunResult::WaitsFor { other, dest };
    }
    if gives_up { RunResult::GivenUp { exit, cause } } else { RunResult::Ended { exit, cause } }
}

/// What keeps a job from its run, if something does. What the settings of this worker lack keeps it until they are right.
fn refusal(daemon: &Daemon, lease: Lease, record: &JobRecord, gives_up: bool) -> Option<RunResult> {
    let submission = &record.queued.as_ref()?.submission;
    let settings = match program::settings(daemon.general.job.config.as_deref()) {
        // They are those of the daemon. What is wrong with them is not the fault of the job.
        Err(failure) => {
            let cause = daemon.blame_settings(record.id, MISTAKEN, &failure.to_string());
            return Some(RunResult::Postponed { cause });
        }
        Ok(_) if gives_up => return None,
        Ok(settings) => settings,
    };
    if let Some(cause) = daemon.why_not_here(record, &submission.sites, &settings) {
        return Some(RunResult::Postponed { cause });
    }
    let failure = permit(submission, &record.job, &settings).err()?;
    let (exit, cause) = (number(Status::Failed(failure.kind)), failure.to_string());
    Some(match lease.is_of_tree_part() {
        true => RunResult::Postponed { cause },
        false => RunResult::Ended { exit, cause: Some(cause) },
    })
}

/// Runs a job, or gives it up. Returns its exit status and the first thing that has failed.
async fn run(daemon: &Arc<Daemon>, lease: Lease, record: &JobRecord, cancel: Cancel) -> (u8, Option<String>) {
    let Entry { submission, wish, .. } = record.queued.clone().unwrap_or_default();
    let (verb, purpose) = match wish {
        Wish::Cancel => ("cancel", JobPurpose::GiveUp),
        Wish::Run | Wish::Pause => ("resume", JobPurpose::Run),
    };
    let id = record.id;
    let feed = Arc::clone(&daemon.feed);
    let heard = HeardJob::new(id, &submission.owner, ends(&submission));
    let listener = Listener::new(move |said| {
        if !lease.is_of_tree_part() {
            feed.hear(&heard, said);
        } else if said.event().is_some_and(Event::is_warning) {
            // Its files are told by whoever has the job.
            let said = said.line().ok().flatten();
            tracing::warn!(job = %id, part = lease.part, said, "a part of a tree");
        }
    });
    let general = daemon.unattended(listener, cancel);
    match general.command(verb, record) {
        Ok(command) => {
            let asked = Start::Kept(AskedJob { lease: Some(lease), ..AskedJob::again(record, purpose) });
            let status = Box::pin(command.perform(asked)).await;
            (number(status), daemon.feed.run(id).and_then(|run| run.failure))
        }
        Err(failure) => (number(Status::Failed(failure.kind)), Some(failure.to_string())),
    }
}

/// The servers of a job: of its source and of its destination.
pub(super) fn ends(submission: &Submission) -> [String; 2] {
    let mut names = submission.pair.split(' ');
    let first = names.next().unwrap_or_default();
    [first, names.next_back().unwrap_or(first)].map(str::to_owned)
}

/// Checks that the owner of a job may still use its places.
fn permit(submission: &Submission, job: &StoredJob, settings: &Settings) -> Result<(), Failure> {
    if !submission.is_limited {
        return Ok(());
    }
    let name = submission.owner.clone();
    let sites = settings.tokens.get(&name).cloned().unwrap_or_default();
    let caller = Caller { name, scope: Scope::Submit, sites, is_local: false };
    super::fleet::permit(&caller, job, settings)
        .map_err(|why| Failure::new(Kind::Refused, why.message).hint(why.hint))
}

/// The pause of a job whose run has lost its connection to the store: the next one may last.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// The pause of a job that waits for somebody to put something right.
const LONG_PAUSE: Duration = Duration::from_secs(60);
/// Why a job is held back whose run has lost its connection to the store.
const LOST_STORE: &str = "its run has lost the store";
/// Why a job is held back whose earlier run has not noticed yet that it has lost the job.
const OLD_LOCK: &str = "an earlier run still holds the lock of this job in the database; all daemons should connect as one user, who may end that connection";
