//! Jobs in the journal: each begins, decides, and ends, or is given up. The oldest of those that have ended are forgotten. And
//! the jobs that a shell offers while a word is completed.

use super::failure::JournalFailure;
use super::item_row::{IS_FILE, has_detached, note_deleted};
use super::job_row::{FileCounts, JobRow, count, next_beginning, set_failures};
use super::leases::is_held;
use super::listing::{RowOf, TableRows};
use super::queue;
use super::record::{
    EXISTING_DIRECTORY, Failures, ItemRecord, ItemState, JobRecord, JobStart, JobState, NAME_OF_COPY, RunEnd,
    StoredJob,
};
use super::sql::{GONE, Result, Sql, StoreError};
use super::store::{JobLock, Store};
use super::table::{check_files, check_files_of, forget};
use crate::id::JobId;
use crate::queue::Lease;
use ftp_io::clock::since_1970;
use std::path::Path;

/// A job that begins or goes on.
#[derive(Debug)]
pub(super) struct StartedJob {
    /// Kept as long as the job runs; `None` if this is a part of it, whose worker has the lock of the job.
    pub(super) lock: Option<JobLock>,
    /// What an earlier run has decided.
    pub(super) decided: Option<String>,
}

/// Jobs of the journal, the oldest first.
pub type KnownJobs = TableRows<JobRecord>;

impl Store {
    /// Begins a job or goes on with it. The locks of processes that were killed are removed.
    /// A job goes on only if all rows of files are whole. If it begins, `work` is done in the same transaction.
    pub(super) fn start_with(
        &self,
        start: &JobStart,
        work: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<StartedJob, JournalFailure> {
        let lock = match start.lease {
            Some(lease) if lease.is_of_tree_part() => None,
            Some(lease) => Some(self.take_lock_over(lease)?),
            None => Some(self.lock(start.id)?),
        };
        self.sweep_locks();
        let begun = self.durably(|store| match store.enter(start)? {
            Ok(decided) => work(store).map(|()| Ok(decided)),
            Err(failure) => Ok(Err(failure)),
        })?;
        begun.map(|decided| StartedJob { lock, decided })
    }

    /// Writes that a job runs. Returns what an earlier run has decided.
    fn enter(&self, start: &JobStart) -> Result<Result<Option<String>, JournalFailure>> {
        if let Some(lease) = start.lease
            && !is_held(&self.sql, lease)?
        {
            return Ok(Err(JournalFailure::Held { job: start.id, process: None }));
        }
        if start.lease.is_some_and(Lease::is_of_tree_part) {
            let unknown = JournalFailure::Unknown { job: start.id };
            return Ok(JobRow::find(&self.sql, start.id)?.map(|row| row.decided).ok_or(unknown));
        }
        if start.resumes {
            match queue::find(&self.sql, start.id)? {
                // A daemon has checked all of them when it began.
                Some(_) => check_files_of(&self.sql, start.id)?,
                None => check_files(&self.sql)?,
            }
        }
        for killed in JobRow::passing(&self.sql)? {
            if killed.id != start.id && !self.is_held(killed.id)? {
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
                return self.add_job(start);
            }
            let name = name.unwrap_or_default().to_owned();
            let is_same = other.job.asks_for_the_same(&start.job);
            let holder = if is_same { self.holder(other.id)? } else { None };
            return Ok(Err(match holder {
                Some(process) => JournalFailure::Held { job: other.id, process },
                None => JournalFailure::Named { job: other.id, name },
            }));
        }
        self.add_job(start)
    }

    /// Writes the row of a new job.
    fn add_job(&self, start: &JobStart) -> Result<Result<Option<String>, JournalFailure>> {
        // This job does what a killed one would have done.
        for killed in JobRow::open_without_files(&self.sql)? {
            let is_same = killed.job.asks_for_the_same(&start.job);
            if is_same && !self.is_held(killed.id)? {
                forget(&self.sql, killed.id)?;
            }
        }
        prune(&self.sql)?;
        if JobRow::count_open(&self.sql)? >= OPEN {
            return Ok(Err(self.full(OPEN)));
        }
        let (state, ended, decided) = (JobState::Running, None, None);
        let begun = next_beginning(&self.sql, since_1970())?;
        JobRow { id: start.id, job: start.job.clone(), state, begun, ended, decided }.save(&self.sql)?;
        Ok(Ok(None))
    }

    /// A job that has ended without storing anything, without its name; `None` if it is no such job.
    fn freed(&self, job: &JobRow) -> Result<Option<JobRow>> {
        let process = self.holder(job.id)?;
        let is_free = job.clone().record(&self.sql, process)?.has_stored_nothing();
        let unnamed = StoredJob { name: None, ..job.job.clone() };
        Ok(is_free.then(|| JobRow { job: unnamed, ..job.clone() }))
    }

    /// Notes what holds for all runs of a job. Returns a job that nobody runs and that may have made the directory which
    /// receives the copies of this one: it has copied a tree to that name.
    pub(super) fn decided(&self, job: JobId, decided: String) -> Result<Option<JobId>> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let is_received = decided == EXISTING_DIRECTORY && row.decided.is_none();
        row.decided = Some(decided);
        row.save(&self.sql)?;
        if !is_received {
            return Ok(None);
        }
        let may_have_made = |old: &JobRow| {
            old.state == JobState::Running
                && old.decided.as_deref() == Some(NAME_OF_COPY)
                && old.job.may_be_a_tree()
                && old.job.goes_where(&row.job)
        };
        // A damaged row keeps nobody from the others.
        for old in JobRow::all_and_damaged(&self.sql)?.0.into_iter().rev().filter(may_have_made) {
            if !self.is_held(old.id)? {
                return Ok(Some(old.id));
            }
        }
        Ok(None)
    }

    /// Notes how a job has ended, and what has failed in this run. Returns whether its entry stays.
    pub(super) fn finish(&self, job: JobId, end: RunEnd, failures: Option<&Failures>) -> Result<bool> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let is_kept = row.job.name.is_some() || queue::find(&self.sql, job)?.is_some();
        let is_nothing = matches!(end, RunEnd::Nothing { .. }) && !is_kept;
        if row.is_passing() || (is_nothing && !has_detached(&self.sql, job, false)?) {
            return forget(&self.sql, job).map(|()| false);
        }
        row.state = match end {
            RunEnd::Cancelled => JobState::Cancelled,
            // A file that may move without this program is left to another run.
            _ if has_detached(&self.sql, job, false)? => JobState::Interrupted,
            RunEnd::Done | RunEnd::Nothing { has_failed: false } => JobState::Done,
            RunEnd::Failed | RunEnd::Nothing { has_failed: true } => JobState::Failed,
            RunEnd::Interrupted => JobState::Interrupted,
        };
        row.ended = Some(since_1970().as_secs());
        set_failures(&self.sql, job, failures)?;
        row.save(&self.sql).map(|()| true)
    }

    /// Cancels a job that nobody runs, and forgets its files that have not ended; one that cannot be read is forgotten itself. Returns
    /// these files, and those that have ended with undeleted parts: only they had the names of what may be left.
    ///
    /// # Errors
    ///
    /// A process runs the job, or the journal is damaged or cannot be written. Nothing has changed then.
    pub(super) fn abandon(&self, job: JobId) -> Result<Vec<ItemRecord>, JournalFailure> {
        let _lock = self.lock(job)?;
        self.durably(|store| {
            check_files(&store.sql)?;
            let mut left = store.files(job, ItemState::Open)?;
            for row in ItemRecord::of_job(&store.sql, job, ItemState::Open, "TRUE")? {
                row.forget(&store.sql)?;
            }
            for row in ItemRecord::ended_with_undeleted(&store.sql, job)? {
                row.parts.undeleted.iter().try_for_each(|part| note_deleted(&store.sql, *part))?;
                left.push(row);
            }
            let record = |row: JobRow| row.record(&store.sql, None);
            match JobRow::find(&store.sql, job).and_then(|row| row.map(record).transpose()) {
                Err(StoreError::Row(_)) => forget(&store.sql, job)?,
                found => found.and_then(|_| store.finish(job, RunEnd::Cancelled, None)).map(drop)?,
            }
            Ok(left)
        })
    }

    /// The jobs. Locks of processes that were killed are removed.
    pub(super) fn known_jobs(&self) -> Result<KnownJobs, JournalFailure> {
        self.sweep_locks();
        let record = |row: JobRow| -> Result<Option<JobRecord>> {
            let process = self.holder(row.id)?;
            if process.is_none() && row.is_passing() {
                return Ok(None);
            }
            row.record(&self.sql, process).map(Some)
        };
        let (rows, mut damaged) = JobRow::all_and_damaged(&self.sql).map_err(|bad| self.failure(bad))?;
        let mut readable = Vec::new();
        for row in rows {
            let id = row.id;
            match record(row) {
                Err(bad @ StoreError::Row(_)) => damaged.push((id, bad)),
                record => readable.extend(record.map_err(|bad| self.failure(bad))?),
            }
        }
        Ok(TableRows::of(self, RowOf::Job, (readable, damaged)))
    }

    /// Every job. One that cannot be read is a failure.
    #[cfg(test)]
    pub(super) fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        let KnownJobs { readable, unreadable } = self.known_jobs()?;
        unreadable.into_iter().next().map_or(Ok(readable), |job| Err(job.failure))
    }

    /// The files of a job in that state.
    pub(super) fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, JournalFailure> {
        self.files(job, state).map_err(|bad| self.failure(bad))
    }

    /// The same, inside a transaction.
    pub(super) fn files(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>> {
        let files = ItemRecord::of_job(&self.sql, job, state, &IS_FILE)?.into_iter();
        files.map(|row| row.whole(&self.sql)).collect()
    }
}

/// Forgets the oldest jobs that have ended: of those that have stored something, of those whose files have all failed, and
/// of those that have begun no file. None of them takes the place of another kind. A job that was killed has not ended.
fn prune(sql: &Sql) -> Result<()> {
    let (mut idle, mut failed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for job in JobRow::ended(sql)? {
        match count(sql, job.id)? {
            count if count.is_idle() => idle.push(job),
            FileCounts { done: 0, open: 0, given_over: 0, .. } => failed.push(job),
            _ => others.push(job),
        }
    }
    for (mut jobs, most) in [(idle, IDLE), (failed, ENDED), (others, ENDED)] {
        jobs.sort_by_key(|job| job.begun);
        let surplus = (jobs.len() + 1).saturating_sub(most);
        for job in jobs.into_iter().take(surplus) {
            forget(sql, job.id)?;
        }
    }
    Ok(())
}

/// A job of the journal, by which a person knows it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentJob {
    /// The identity of the job.
    pub id: JobId,
    /// How it stands. One that is not over and that nobody runs is called interrupted, also if it had begun nothing.
    pub state: JobState,
    /// What was asked for.
    pub job: StoredJob,
}

/// The jobs of the journal in this directory: first those that have not ended, and of each kind the last ones. None if there
/// is no journal, or if it cannot be read at once: whoever wants to know why asks with `jobs`.
pub fn recent_jobs(directory: &Path) -> Vec<RecentJob> {
    read_recent(directory).unwrap_or_default()
}

fn read_recent(directory: &Path) -> Option<Vec<RecentJob>> {
    let store = Store::glance(directory)?;
    let rows = JobRow::latest(&store.sql, OFFERED).ok()?;
    let recent = rows.into_iter().filter(|row| !row.is_passing()).map(|row| recent(&store, row));
    recent.collect::<Result<_>>().ok()
}

fn recent(store: &Store, row: JobRow) -> Result<RecentJob> {
    let state = row.state_now(store.is_held(row.id)?, has_detached(&store.sql, row.id, true)?);
    Ok(RecentJob { id: row.id, state, job: row.job })
}

/// The largest number of jobs that have not ended. What they have left at servers is known from their rows alone, so none
/// of them is forgotten: one more begins without a journal.
pub(super) const OPEN: u64 = 10_000;
/// The largest number of jobs that are remembered after their end, of each kind that has begun a file.
pub(super) const ENDED: usize = 20;
/// The same for those that have begun no file.
const IDLE: usize = 5;
/// The largest number of jobs that are offered.
const OFFERED: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::directory::FILE;
    use crate::journal::record::{NewItem, Place};
    use std::fs;

    fn start(store: &Store, number: u64, name: Option<&str>) -> JobLock {
        let mut start = JobStart::for_tests(JobId::new(number), "copy a b");
        start.job.name = name.map(str::to_owned);
        store.start(&start).unwrap()
    }

    fn shown(directory: &Path) -> Vec<(u64, Option<String>, JobState)> {
        let jobs = recent_jobs(directory).into_iter();
        jobs.map(|job| (job.id.number(), job.job.name, job.state)).collect()
    }

    #[test]
    fn jobs_that_have_not_ended_come_first_and_nothing_is_written() {
        let home = tempfile::tempdir().unwrap();
        // A path may have characters that mean something to SQLite.
        let directory = home.path().join("st%41te ?#");
        assert_eq!(shown(&directory), []);
        let store = Store::file_for_tests(&directory).unwrap();
        drop(start(&store, 1, Some("night")));
        let runs = start(&store, 2, None);
        drop(start(&store, 3, None));
        store.finish(JobId::new(3), RunEnd::Done, None).unwrap();
        let expect = [
            (2, None, JobState::Running),
            (1, Some("night".to_owned()), JobState::Interrupted),
            (3, None, JobState::Done),
        ];
        assert_eq!(shown(&directory), expect, "while another process writes");
        drop((runs, store));
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        assert_eq!(shown(&directory).len(), 3, "when nobody does");
        assert_eq!(names(), before);
        fs::write(directory.join(FILE), "no journal").unwrap();
        assert_eq!(shown(&directory), []);
    }

    #[test]
    fn a_job_that_cannot_be_read_is_forgotten_with_the_names_of_what_it_may_have_left() {
        let (_home, store) = Store::in_file_for_tests();
        let (bad, lock) = (JobId::new(1), start(&store, 1, Some("night")));
        let place = Place::for_tests("a", "two", "f");
        store.claim(bad, &NewItem::for_tests(place.clone(), 7)).ours();
        drop(start(&store, 2, None));
        store.sql.run_all("UPDATE jobs SET state = 77 WHERE id = 1;").unwrap();
        assert!(matches!(store.abandon(bad), Err(JournalFailure::Held { .. })), "it runs");
        drop(lock);
        let known = store.known_jobs().unwrap();
        assert_eq!((known.readable.len(), known.unreadable[0].id), (1, bad));
        let left: Vec<Place> = store.abandon(bad).unwrap().into_iter().map(|file| file.place).collect();
        assert_eq!(left, [place]);
        let known = store.known_jobs().unwrap();
        assert_eq!((known.readable.len(), known.unreadable.len()), (1, 0));
    }

    #[test]
    fn the_number_of_jobs_is_bounded() {
        let (home, store) = Store::in_file_for_tests();
        for number in 1..=OFFERED as u64 + 10 {
            let lock = start(&store, number, None);
            store.sql.execute("INSERT INTO items (id, job, source, site, path, state, looked, bytes, attempts, sum) SELECT ?1, ?1, '', '', CAST(?1 AS BLOB), 0, 0, 0, 0, 0", &[number.into()]).unwrap();
            drop(lock);
        }
        let jobs = recent_jobs(home.path());
        assert_eq!((jobs.len(), jobs[0].id), (OFFERED, JobId::new(OFFERED as u64 + 10)));
    }
}
