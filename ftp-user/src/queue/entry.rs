//! A job of the queue: what happens to it, and how it stands then. The only place where it is decided whether a job is tried
//! again, and when.

#[cfg(test)]
mod tests;

use super::change::{EntryRefusal, JobChange};
use crate::id::JobId;
use crate::named::named;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the queue knows of a job. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// For whom it is carried.
    pub submission: Submission,
    /// When it was submitted.
    pub created: u64,
    /// The number of the change of the store with which it was submitted: a later job has a larger one, and jobs that were submitted
    /// together have the same. `None`: it is not stored.
    pub submitted: Option<u64>,
    /// When it may begin.
    pub due: u64,
    /// What its owner wants.
    pub wish: Wish,
    /// Whether a worker carries it.
    pub is_carried: bool,
    /// The tries that it has used up.
    pub tries: u32,
    /// When the first of these tries failed.
    pub failing_since: Option<u64>,
    /// When it began first.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// Its exit status, if it has ended.
    pub exit: Option<u8>,
    /// Why it waits, or why it has ended as it has.
    pub cause: Option<String>,
    /// The job for whose end it waits, because that one stores at its destination.
    pub waits_for: Option<JobId>,
    /// The series of which it is a run.
    pub series: Option<JobId>,
    /// The request that has made it, if its owner has named that.
    pub request: Option<NamedRequest>,
    /// How its files stood when it was last carried.
    pub files: FileTotals,
    /// Whether its last run has done some of them. This is not stored.
    pub has_got_on: bool,
}

/// A named request for a job: if it is repeated, it makes no second job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRequest {
    /// The name that the owner gave it. Another owner may use the same.
    pub name: String,
    /// The SHA-256 of everything that was asked for.
    pub digest: [u8; 32],
}

/// How the files of a job stand, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileTotals {
    /// The number of files that are done.
    pub done: u64,
    /// The bytes of these files.
    pub bytes: u64,
    /// The number of files and directories that have failed.
    pub failed: u64,
}

/// For whom a job is carried, and what it may use. All runs of a series have the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Submission {
    /// Who has submitted it: a user of this host, or the name of a token.
    pub owner: String,
    /// Its servers, as one text. Jobs between the same servers share what their owner has.
    pub pair: String,
    /// Its place among the jobs of its owner.
    pub priority: Priority,
    /// Whether it may use only the sites that the token of its owner lists.
    pub is_limited: bool,
    /// The sites that it names, as the settings had them when it was submitted.
    pub sites: RecordedSites,
}

/// Sites by their names, each with its URL. A job goes only to a worker that has the same, if there is one.
pub type RecordedSites = BTreeMap<String, String>;

/// The place of a job among those of its owner, -10 to 10. A higher one comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct Priority(i8);

impl Priority {
    /// The number from -10 to 10.
    pub const fn number(self) -> i8 {
        self.0
    }
}

impl TryFrom<i8> for Priority {
    type Error = String;

    fn try_from(number: i8) -> Result<Self, String> {
        match number {
            -10..=10 => Ok(Self(number)),
            _ => Err("a priority is a number from -10 to 10".to_owned()),
        }
    }
}

/// What the owner of a job wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// It is carried.
    #[default]
    Run = 0,
    /// It stops, and waits.
    Pause = 1,
    /// It stops, and what it has left is removed.
    Cancel = 2,
}

named!(Wish { Run: "run", Pause: "pause", Cancel: "cancel" });

impl Wish {
    /// What becomes of a job in this state because of it, for people.
    pub const fn words(self, state: QueueState) -> Option<&'static str> {
        match self {
            _ if state.has_ended() => None,
            Self::Cancel => Some("is being cancelled"),
            Self::Pause if matches!(state, QueueState::Running) => Some("is being paused"),
            Self::Run | Self::Pause => None,
        }
    }

    /// The number that stands for it in a store.
    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    /// What a number of a store stands for.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|wish| wish.number() == number)
    }
}

/// How a job of the queue stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueState {
    /// Its time has not come.
    Scheduled,
    /// It is carried as soon as a worker has room.
    #[default]
    Queued,
    /// A worker carries it.
    Running,
    /// It has failed for a reason that may pass, and is tried again.
    Waiting,
    /// Its owner has stopped it.
    Paused,
    /// Every file is done.
    Done,
    /// Some files have failed, or names were kept that were to be deleted.
    Partial,
    /// It has failed.
    Failed,
    /// It was given up.
    Cancelled,
}

named!(QueueState {
    Scheduled: "scheduled",
    Queued: "queued",
    Running: "running",
    Waiting: "waiting",
    Paused: "paused",
    Done: "done",
    Partial: "partial",
    Failed: "failed",
    Cancelled: "cancelled",
});

impl QueueState {
    /// Whether nothing is left to do.
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Scheduled | Self::Queued | Self::Running | Self::Waiting | Self::Paused => false,
            Self::Done | Self::Partial | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl Entry {
    /// How it stands.
    pub const fn state(&self, now: u64) -> QueueState {
        match (self.exit, self.wish) {
            (Some(DONE), _) => QueueState::Done,
            (Some(PARTIAL), _) => QueueState::Partial,
            (Some(INTERRUPTED), _) => QueueState::Cancelled,
            (Some(_), _) => QueueState::Failed,
            (None, _) if self.is_carried => QueueState::Running,
            (None, Wish::Pause) => QueueState::Paused,
            (None, Wish::Run | Wish::Cancel) if self.due > now && self.cause.is_some() => QueueState::Waiting,
            (None, Wish::Run | Wish::Cancel) if self.due > now => QueueState::Scheduled,
            (None, Wish::Run | Wish::Cancel) => QueueState::Queued,
        }
    }

    /// What it is called: by its `--id`, or by the request that has made it.
    pub fn name_of<'a>(&'a self, given: Option<&'a String>) -> Option<&'a String> {
        given.or_else(|| self.request.as_ref().map(|request| &request.name))
    }

    /// A worker carries it from now on.
    pub fn begin(&mut self, now: u64) {
        self.is_carried = true;
        (self.cause, self.waits_for) = (None, None);
        if self.tries == 0 {
            // It was held back, and nothing has failed yet.
            self.failing_since = None;
        }
        self.started.get_or_insert(now);
    }

    /// Notes how its files stand after a run. If more of them are done than before, its tries begin anew.
    pub const fn note_files(&mut self, files: FileTotals) {
        self.has_got_on = files.done > self.files.done;
        self.files = files;
    }

    /// A worker has carried it, and it has ended with this exit status, for that reason.
    ///
    /// A failure that may pass is tried again, at most `TRIES` times within `PATIENCE`. An interruption that its owner has
    /// not asked for uses up no try: the worker had to stop. If it is to be given up, a worker removes what it has left.
    pub fn end(&mut self, exit: u8, cause: Option<String>, now: u64) {
        self.is_carried = false;
        // That it was interrupted is no fault of anything.
        self.cause = cause.filter(|_| exit != INTERRUPTED);
        match (exit, self.wish) {
            (DONE, _) => self.over(DONE, now),
            (_, Wish::Cancel) | (INTERRUPTED, Wish::Run | Wish::Pause) => {}
            (TEMPORARY, Wish::Run | Wish::Pause) => self.try_again(TEMPORARY, now),
            (exit, Wish::Run | Wish::Pause) => self.over(exit, now),
        }
    }

    /// A worker has removed what it has left, or has failed to with this exit status.
    pub fn end_cancel(&mut self, exit: u8, cause: Option<String>, now: u64) {
        self.is_carried = false;
        self.cause = cause;
        match exit {
            TEMPORARY => self.try_again(INTERRUPTED, now),
            INTERRUPTED => {}
            _ => self.over(INTERRUPTED, now),
        }
    }

    /// A worker has found that it cannot carry it for now, because of the settings. It uses up
    /// no try, and for the time of its tries it counts as if nothing had failed before.
    pub fn postpone(&mut self, cause: String, now: u64) {
        self.is_carried = false;
        self.cause = Some(cause);
        self.failing_since = None;
        self.due = now + POSTPONED.as_secs();
    }

    /// A worker could not carry it for now, for another reason, which reading the settings again does not change. It goes on after the
    /// pause. It uses up no try; the time of its tries begins now.
    pub fn hold_back(&mut self, cause: String, pause: Duration, now: u64) {
        self.postpone(cause, now);
        self.failing_since = Some(now);
        self.due = now + pause.as_secs();
    }

    /// Another job stores at its destination, and it goes on when that has ended. It uses up no try, and for the time of its tries it
    /// counts as if nothing had failed before.
    pub fn wait_for(&mut self, other: JobId, dest: &str, now: u64) {
        self.is_carried = false;
        self.cause = Some(format!("job {other} stores at {dest}, too; this one goes on when that has ended"));
        self.waits_for = Some(other);
        self.failing_since = None;
        self.due = if self.wish == Wish::Cancel { now } else { now + LOOK_AGAIN.as_secs() };
    }

    /// A run of the job that it waits for has ended.
    pub fn stop_waiting(&mut self, now: u64) {
        self.forget_wait();
        self.due = now;
    }

    /// It waits for no other job: whether it has to is found out when it goes on.
    fn forget_wait(&mut self) {
        if self.waits_for.take().is_some() {
            self.cause = None;
        }
    }

    /// The worker that carried it was lost.
    pub fn lose_worker(&mut self, now: u64) {
        self.is_carried = false;
        self.cause = Some("its worker was lost".to_owned());
        match self.wish {
            Wish::Cancel => self.try_again(INTERRUPTED, now),
            Wish::Run | Wish::Pause => self.try_again(TEMPORARY, now),
        }
        // The first loss may have nothing to do with the job.
        if self.tries == 1 && self.exit.is_none() {
            self.due = now;
        }
    }

    /// Has it tried again after a pause. If it was tried often or for long enough, it ends with `last`.
    fn try_again(&mut self, last: u8, now: u64) {
        if self.has_got_on {
            (self.tries, self.failing_since) = (0, None);
        }
        self.tries += 1;
        let since = *self.failing_since.get_or_insert(now);
        if self.tries >= TRIES || now.saturating_sub(since) >= PATIENCE.as_secs() {
            return self.over(last, now);
        }
        let pause = PAUSE.saturating_mul(1 << (self.tries - 1).min(16)).min(LONGEST_PAUSE);
        self.due = now + pause.as_secs();
    }

    fn over(&mut self, exit: u8, now: u64) {
        (self.exit, self.ended) = (Some(exit), Some(now));
    }

    /// Does what somebody wants. `has_left`: something of it may be stored, also if it has ended.
    ///
    /// # Errors
    ///
    /// It cannot be done as the job stands.
    pub fn apply(&mut self, change: JobChange, has_left: bool, now: u64) -> Result<(), EntryRefusal> {
        match change {
            JobChange::Pause => self.pause()?,
            JobChange::Resume => self.resume(now)?,
            JobChange::Retry => self.retry(now)?,
            JobChange::Cancel => self.cancel(has_left, now)?,
            JobChange::Forget => self.forget(now)?,
        }
        self.forget_wait();
        Ok(())
    }

    /// Stops it until somebody goes on with it.
    fn pause(&mut self) -> Result<(), EntryRefusal> {
        match (self.exit, self.wish) {
            (Some(_), _) => Err(EntryRefusal::HasEnded),
            (None, Wish::Cancel) => Err(EntryRefusal::IsCancelled),
            (None, Wish::Run | Wish::Pause) => {
                self.wish = Wish::Pause;
                Ok(())
            }
        }
    }

    /// Continues a paused job, at once if it was waiting after a failure or for the settings.
    fn resume(&mut self, now: u64) -> Result<(), EntryRefusal> {
        match (self.exit, self.wish) {
            (Some(_), _) => Err(EntryRefusal::HasEnded),
            (None, Wish::Run) => Err(EntryRefusal::IsNotPaused),
            (None, Wish::Cancel) => Err(EntryRefusal::IsCancelled),
            (None, Wish::Pause) => {
                self.wish = Wish::Run;
                if self.tries > 0 || self.cause.is_some() {
                    self.due = self.due.min(now);
                }
                self.failing_since = None;
                Ok(())
            }
        }
    }

    /// Ends it without asking anybody: nothing that it has left is removed.
    fn forget(&mut self, now: u64) -> Result<(), EntryRefusal> {
        match (self.exit, self.is_carried) {
            (Some(_), _) => Err(EntryRefusal::HasEnded),
            (None, true) => Err(EntryRefusal::IsCarried),
            (None, false) => {
                self.over(INTERRUPTED, now);
                Ok(())
            }
        }
    }

    /// Gives it up. If it has begun, a worker removes what it has left. `has_left`: something of it may be stored, also if it has
    /// ended.
    ///
    /// # Errors
    ///
    /// It has ended, and has left nothing.
    pub fn cancel(&mut self, has_left: bool, now: u64) -> Result<(), EntryRefusal> {
        match self.exit {
            Some(_) if !has_left => return Err(EntryRefusal::HasEnded),
            Some(_) => (self.exit, self.ended) = (None, None),
            None => {}
        }
        self.forget_wait();
        self.wish = Wish::Cancel;
        (self.due, self.tries, self.failing_since) = (self.due.min(now), 0, None);
        if self.started.is_none() {
            self.over(INTERRUPTED, now);
        }
        Ok(())
    }

    /// Carries it once more: what has failed, and what was never begun. One that waits after a failure is due at once.
    fn retry(&mut self, now: u64) -> Result<(), EntryRefusal> {
        match self.state(now) {
            // What it has left is removed at once.
            QueueState::Waiting if self.wish == Wish::Cancel => {
                self.due = now;
                return Ok(());
            }
            QueueState::Done => return Err(EntryRefusal::IsDone),
            QueueState::Waiting | QueueState::Partial | QueueState::Failed | QueueState::Cancelled => {}
            QueueState::Scheduled | QueueState::Queued | QueueState::Running | QueueState::Paused => {
                return Err(EntryRefusal::HasNotEnded);
            }
        }
        *self = Self {
            due: now,
            wish: Wish::Run,
            tries: 0,
            failing_since: None,
            ended: None,
            exit: None,
            cause: None,
            ..std::mem::take(self)
        };
        Ok(())
    }
}

/// The exit statuses that decide (see `docs/reference/exit-codes.md`).
pub(crate) const DONE: u8 = 0;
const TEMPORARY: u8 = 5;
pub(crate) const PARTIAL: u8 = 9;
pub(crate) const INTERRUPTED: u8 = 10;

/// The largest number of tries of a job.
const TRIES: u32 = 10;
/// For how long a job is tried.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// The pause before the second try. Each later one is twice as long.
const PAUSE: Duration = Duration::from_secs(15);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// When a job is looked at again that its worker could not carry.
const POSTPONED: Duration = Duration::from_secs(60);
/// The same where another job stores at its destination, unless the end of that one is noticed before.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The largest number of jobs of one owner that have not ended.
pub const MOST_OF_OWNER: u64 = 10_000;
