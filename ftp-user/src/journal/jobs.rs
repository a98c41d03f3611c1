//! Jobs in the journal: each begins, decides what holds for all its runs, and ends.

use super::checksum::{Bad, GONE};
use super::count::count;
use super::failed::set_failures;
use super::failure::JournalFailure;
use super::job_row::{JobRow, begins};
use super::lock::{self, JobLock, Taken};
use super::part_rows::has_detached;
use super::prune::{OPEN, prune};
use super::record::{
    EXISTING_DIRECTORY, End, Failures, ItemRecord, ItemState, JobRecord, JobState, NAME_OF_COPY, Start,
};
use super::store::{Store, now};
use super::stored_job::StoredJob;
use super::tables::{check_files, forget};
use crate::id::JobId;

impl Store {
    /// Begins a job or goes on with it. The lock is kept as long as it runs, and those of processes that were killed are
    /// removed. With it comes what an earlier run has decided.
    /// A job goes on only if all rows of files are whole. If it begins, `work` is done in the same transaction.
    pub(super) fn start_with<T>(
        &self,
        start: &Start,
        work: impl FnOnce(&Self) -> Result<T, Bad>,
    ) -> Result<(JobLock, Option<String>, T), JournalFailure> {
        let taken = JobLock::take(&self.directory, start.id);
        let lock = match taken.map_err(|error| self.unusable(&error))? {
            Taken::Ours(lock) => lock,
            Taken::Theirs(process) => return Err(JournalFailure::Held { job: start.id, process }),
        };
        lock::sweep(&self.directory);
        let begun = self.durably(|store| match store.enter(start)? {
            Ok(decided) => work(store).map(|done| Ok((decided, done))),
            Err(failure) => Ok(Err(failure)),
        })?;
        begun.map(|(decided, done)| (lock, decided, done))
    }

    /// The same without other work.
    #[cfg(test)]
    pub(super) fn start(&self, start: &Start) -> Result<(JobLock, Option<String>), JournalFailure> {
        self.start_with(start, |_| Ok(())).map(|(lock, decided, ())| (lock, decided))
    }

    /// Writes that a job runs. Returns what an earlier run has decided.
    fn enter(&self, start: &Start) -> Result<Result<Option<String>, JournalFailure>, Bad> {
        if start.resumes {
            check_files(&self.sql)?;
        }
        for killed in JobRow::passing(&self.sql)? {
            if killed.id != start.id && lock::holder(&self.directory, killed.id).is_none() {
                forget(&self.sql, killed.id)?;
            }
        }
        if let Some(mut row) = JobRow::find(&self.sql, start.id)? {
            (row.state, row.ended) = (JobState::Running, None);
            // The next run goes on with what this one was asked for: an option that was left out stays left out.
            row.job = StoredJob { name: row.job.name, ..start.job.clone() };
            row.save(&self.sql)?;
            set_failures(&self.sql, start.id, None)?;
            return Ok(Ok(row.decided));
        }
        if start.resumes {
            return Ok(Err(JournalFailure::Unknown { job: start.id }));
        }
        let name = start.job.name.as_deref();
        if let Some(other) = name.map(|name| JobRow::named(&self.sql, name)).transpose()?.flatten() {
            // It was not there a moment ago: another process has begun it at the same time.
            if let Some(freed) = self.freed(&other)? {
                freed.save(&self.sql)?;
                return self.begins(start);
            }
            let name = name.unwrap_or_default().to_owned();
            let is_same = other.job.asks_for_the_same(&start.job);
            return Ok(Err(match lock::holder(&self.directory, other.id).filter(|_| is_same) {
                Some(process) => JournalFailure::Held { job: other.id, process },
                None => JournalFailure::Named { job: other.id, name },
            }));
        }
        self.begins(start)
    }

    /// Writes the row of a new job.
    fn begins(&self, start: &Start) -> Result<Result<Option<String>, JournalFailure>, Bad> {
        // This job does what a killed one would have done.
        for killed in JobRow::open_without_files(&self.sql)? {
            let is_same = killed.job.asks_for_the_same(&start.job);
            if is_same && lock::holder(&self.directory, killed.id).is_none() {
                forget(&self.sql, killed.id)?;
            }
        }
        prune(&self.sql)?;
        if JobRow::count_open(&self.sql)? >= OPEN {
            return Ok(Err(JournalFailure::Full { path: self.path.clone(), most: OPEN }));
        }
        let (state, ended, decided) = (JobState::Running, None, None);
        let begun = begins(&self.sql, now())?;
        JobRow { id: start.id, job: start.job.clone(), state, begun, ended, decided }.save(&self.sql)?;
        Ok(Ok(None))
    }

    /// A job that has ended without storing anything, without its name; `None` if it is no such job.
    fn freed(&self, job: &JobRow) -> Result<Option<JobRow>, Bad> {
        let count = count(&self.sql, job.id)?;
        let process = lock::holder(&self.directory, job.id);
        let is_free = job.clone().record(process, false, count).has_stored_nothing();
        let unnamed = StoredJob { name: None, ..job.job.clone() };
        Ok(is_free.then(|| JobRow { job: unnamed, ..job.clone() }))
    }

    /// Notes what holds for all runs of a job. Returns a job that nobody runs and that may have made the directory which
    /// receives the copies of this one: it has copied a tree to that name.
    pub(super) fn decided(&self, job: JobId, decided: String) -> Result<Option<JobId>, Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let is_received = decided == EXISTING_DIRECTORY && row.decided.is_none();
        row.decided = Some(decided);
        row.save(&self.sql)?;
        if !is_received {
            return Ok(None);
        }
        let has_made = |old: &JobRow| {
            old.state == JobState::Running
                && old.decided.as_deref() == Some(NAME_OF_COPY)
                && old.job.may_be_a_tree()
                && old.job.goes_where(&row.job)
                && lock::holder(&self.directory, old.id).is_none()
        };
        Ok(JobRow::all(&self.sql)?.into_iter().rev().find(has_made).map(|old| old.id))
    }

    /// Notes how a job has ended, and what has failed in this run.
    pub(super) fn finish(&self, job: JobId, end: End, failures: Option<&Failures>) -> Result<(), Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let is_nothing = matches!(end, End::Nothing { .. }) && row.job.name.is_none();
        if row.is_passing() || (is_nothing && !has_detached(&self.sql, job, false)?) {
            return forget(&self.sql, job);
        }
        row.state = match end {
            End::Cancelled => JobState::Cancelled,
            // A file that may move without this program is left to another run.
            _ if has_detached(&self.sql, job, false)? => JobState::Interrupted,
            End::Done | End::Nothing { has_failed: false } => JobState::Done,
            End::Failed | End::Nothing { has_failed: true } => JobState::Failed,
            End::Interrupted => JobState::Interrupted,
        };
        row.ended = Some(now().as_secs());
        set_failures(&self.sql, job, failures)?;
        row.save(&self.sql)
    }

    /// Every job, the one that began first comes first. Locks of processes that were killed are removed.
    pub(super) fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        lock::sweep(&self.directory);
        let all = || -> Result<Vec<JobRecord>, Bad> {
            let jobs = JobRow::all(&self.sql)?.into_iter();
            let jobs = jobs.map(|row| (lock::holder(&self.directory, row.id), row));
            let jobs =
                jobs.filter(|(process, row)| process.is_some() || !row.is_passing()).map(|(process, row)| {
                    let is_detached = has_detached(&self.sql, row.id, true)?;
                    let count = count(&self.sql, row.id)?;
                    Ok(row.record(process, is_detached, count))
                });
            jobs.collect()
        };
        all().map_err(|bad| self.failure(bad))
    }

    /// The files of a job in that state.
    pub(super) fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, JournalFailure> {
        self.files(job, state).map_err(|bad| self.failure(bad))
    }

    /// The same, inside a transaction.
    pub(super) fn files(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, Bad> {
        ItemRecord::of_job(&self.sql, job, state)?.into_iter().map(|row| row.whole(&self.sql)).collect()
    }
}
