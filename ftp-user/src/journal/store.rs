//! The store: changed in transactions, and who works at it.

#[cfg(test)]
mod tests;

use super::claiming::UnderWay;
use super::directory::{JobLock, Opened, StateDirectory};
use super::failure::JournalFailure;
use super::item_row::SharedRows;
use super::record::{ItemKey, ItemRecord, ReadWords};
use super::sql::{Sql, StoreError};
use super::table::add_commit;
use crate::id::JobId;
use std::cell::Cell;
use std::io;
use std::path::Path;

/// An open store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) sql: Sql,
    home: StateDirectory,
    pub(super) under_way: UnderWay,
    pub(super) shared_rows: SharedRows,
    /// The key of the next new file, in this transaction.
    next_key: Cell<Option<i64>>,
}

impl Store {
    /// Opens the store of a state directory for a job that writes. Makes it if it is not there. `read` reads the words of jobs of
    /// older versions.
    pub(super) fn open(directory: &Path, read: ReadWords) -> Result<Self, JournalFailure> {
        StateDirectory::open(directory, read).map(Self::of)
    }

    /// Opens the store of a state directory if it is there, and checks all of it.
    pub(super) fn existing(directory: &Path, read: ReadWords) -> Result<Option<Self>, JournalFailure> {
        Ok(StateDirectory::existing(directory, read)?.map(Self::of))
    }

    /// Opens the store of a state directory to read it, if it is there and can be read at once.
    pub(super) fn glance(directory: &Path) -> Option<Self> {
        StateDirectory::glance(directory).map(Self::of)
    }

    fn of(Opened { home, sql }: Opened) -> Self {
        let (under_way, shared_rows) = (UnderWay::default(), SharedRows::default());
        Self { sql, home, under_way, shared_rows, next_key: Cell::new(None) }
    }

    /// What a failure of the database means.
    pub(super) fn failure(&self, bad: StoreError) -> JournalFailure {
        JournalFailure::of(self.home.path(), bad)
    }

    /// It cannot be used, for that reason.
    pub(super) fn unusable(&self, why: impl ToString) -> JournalFailure {
        JournalFailure::unusable(self.home.path(), why)
    }

    /// It has all that it may have of something.
    pub(super) fn full(&self, most: u64) -> JournalFailure {
        JournalFailure::Full { path: self.home.path().to_owned(), most }
    }

    /// Takes the lock of a job for as long as it runs.
    pub(super) fn lock(&self, job: JobId) -> Result<JobLock, JournalFailure> {
        let taken = self.home.lock_job(job).map_err(|error| self.unusable(error))?;
        taken.map_err(|process| JournalFailure::Held { job, process })
    }

    /// The process that runs a job; `None` if nobody does. The inner value is its number, where it is known.
    pub(super) fn holder(&self, job: JobId) -> Result<Option<Option<u32>>, StoreError> {
        Ok(self.home.holder(job))
    }

    /// Whether a process runs a job.
    pub(super) fn is_held(&self, job: JobId) -> Result<bool, StoreError> {
        Ok(self.holder(job)?.is_some())
    }

    /// Removes what processes that were killed have left of their locks.
    pub(super) fn sweep_locks(&self) {
        self.home.sweep_locks();
    }

    /// Takes the lock of whoever carries the jobs of the queue. The inner `Err`: another process has it; its number, where it is
    /// known.
    pub(super) fn lock_daemon(&self) -> io::Result<Result<JobLock, Option<u32>>> {
        self.home.lock_daemon()
    }

    /// Does `work` in one transaction. It is on the disk when this returns.
    pub(super) fn durably<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, JournalFailure> {
        let begun = self.sql.begin();
        // Another process may have written files since the last one.
        self.next_key.set(None);
        let before = self.sql.changes();
        let done = begun.and_then(|()| work(self)).and_then(|done| {
            // One that has only read costs no write.
            let has_changed = self.sql.changes() != before;
            let number = if has_changed { Some(add_commit(&self.sql)?) } else { None };
            self.sql.commit()?;
            if let Some(number) = number {
                self.home.committed(number);
            }
            Ok(done)
        });
        done.map_err(|bad| {
            self.sql.roll_back();
            self.failure(bad)
        })
    }

    /// The key of a new file. Nobody else writes files during a transaction.
    pub(super) fn new_key(&self) -> Result<ItemKey, StoreError> {
        let key = match self.next_key.get() {
            Some(key) => key,
            None => ItemRecord::last_key(&self.sql)? + 1,
        };
        self.next_key.set(Some(key + 1));
        Ok(ItemKey(key))
    }
}

#[cfg(test)]
impl Store {
    /// Opens the journal, which has no words of jobs.
    pub(super) fn open_for_tests(directory: &Path) -> Result<Self, JournalFailure> {
        Self::open(directory, |_| None)
    }

    /// Opens the journal if it is there, and checks all of it.
    pub(super) fn existing_for_tests(directory: &Path) -> Result<Option<Self>, JournalFailure> {
        Self::existing(directory, |_| None)
    }
}
