//! The store: changed in transactions, and who works at it.

#[cfg(test)]
mod tests;

use super::claiming::UnderWay;
#[cfg(feature = "postgres")]
use super::database;
use super::directory::{FileLock, StateDirectory};
use super::failure::{JournalFailure, Result, StoreName};
use super::item_row::SharedRows;
use super::leases::is_held;
use super::record::{ItemKey, ItemRecord, ReadWords};
#[cfg(feature = "postgres")]
use super::sql::{LockKey, Parameters, SessionLock};
use super::sql::{Sql, StoreError};
use super::table::{add_commit, counters};
use crate::id::JobId;
use crate::queue::Lease;
use ftp_io::simulated;
use std::cell::Cell;
use std::path::Path;

/// An open store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) sql: Sql,
    home: Home,
    pub(super) under_way: UnderWay,
    pub(super) shared_rows: SharedRows,
    /// The key of the next new file, in this transaction.
    next_key: Cell<Option<i64>>,
}

/// Where a store is, and what stands beside its tables.
#[derive(Debug)]
enum Home {
    /// This host has it.
    Directory(StateDirectory),
    /// Several hosts may share it.
    #[cfg(feature = "postgres")]
    Database(StoreName),
}

/// The right to carry a job, or all jobs of the queue. Dropping it gives it back, and so does the end of its process.
#[derive(Debug)]
pub(super) enum JobLock {
    /// A locked file: on one host.
    File(FileLock),
    /// A lock of the connection: wherever the database is reached.
    #[cfg(feature = "postgres")]
    Session(#[allow(dead_code, reason = "it is released when it is dropped")] SessionLock),
}

impl JobLock {
    /// Checks that nobody has taken it away, as the next run does in a simulation whose hosts share a directory. A database ends the
    /// connection instead.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::File(lock) if simulated::shares_stores() && !lock.is_there() => {
                Err(StoreError::Database("another run has ended this connection".to_owned()))
            }
            Self::File(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Session(_) => Ok(()),
        }
    }
}

/// Why a process may not carry the jobs of a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DaemonRefusal {
    /// Another one does, and is the only one that may; its number, where it is known.
    HasDaemon(Option<u32>),
    /// Another one of this name does.
    HasName,
}

/// What became of a lock that was wanted. The `Err`: another process has it; its number, where it is known.
type Taken = Result<JobLock, Option<u32>>;

impl Store {
    /// Opens the store of a state directory for a job that writes. Makes it if it is not there. `read` reads the words of jobs of
    /// older versions.
    pub(super) fn open(directory: &Path, read: ReadWords) -> Result<Self> {
        StateDirectory::open(directory, read).map(Self::of)
    }

    /// Opens the store of a state directory if it is there, and checks all of it.
    pub(super) fn existing(directory: &Path, read: ReadWords) -> Result<Option<Self>> {
        Ok(StateDirectory::existing(directory, read)?.map(Self::of))
    }

    /// Opens the store of a state directory to read it, if it is there and can be read at once.
    pub(super) fn glance(directory: &Path) -> Option<Self> {
        StateDirectory::glance(directory).map(Self::of)
    }

    /// Opens the store in a database. Makes its tables if they are not there.
    #[cfg(feature = "postgres")]
    pub(super) fn connect(parameters: Parameters) -> Result<Self> {
        let (name, sql) = database::open(parameters)?;
        Ok(Self::with(Home::Database(name), sql))
    }

    fn of((home, sql): (StateDirectory, Sql)) -> Self {
        Self::with(Home::Directory(home), sql)
    }

    fn with(home: Home, sql: Sql) -> Self {
        let (under_way, shared_rows) = (UnderWay::default(), SharedRows::default());
        Self { sql, home, under_way, shared_rows, next_key: Cell::new(None) }
    }

    fn name(&self) -> StoreName {
        match &self.home {
            Home::Directory(home) => home.path().into(),
            #[cfg(feature = "postgres")]
            Home::Database(name) => name.clone(),
        }
    }

    /// What a failure of the database means.
    pub(super) fn failure(&self, bad: StoreError) -> JournalFailure {
        JournalFailure::of(self.name(), bad)
    }

    /// It cannot be used, for that reason.
    pub(super) fn unusable(&self, why: impl ToString) -> JournalFailure {
        JournalFailure::unusable(self.name(), why)
    }

    /// It has all that it may have of something.
    pub(super) fn full(&self, most: u64) -> JournalFailure {
        JournalFailure::Full { store: self.name(), most }
    }

    /// Takes the lock of a job for as long as it runs.
    pub(super) fn lock(&self, job: JobId) -> Result<JobLock> {
        let taken: Taken = match &self.home {
            Home::Directory(home) => {
                home.lock_job(job).map_err(|error| self.unusable(error))?.map(JobLock::File)
            }
            #[cfg(feature = "postgres")]
            Home::Database(_) => self.lock_session(LockKey::Job(job))?,
        };
        taken.map_err(|process| JournalFailure::Held { job, process })
    }

    /// Whether several hosts may carry the jobs of its queue at the same time.
    pub(super) fn is_shared(&self) -> bool {
        match &self.home {
            Home::Directory(_) => simulated::shares_stores(),
            #[cfg(feature = "postgres")]
            Home::Database(_) => true,
        }
    }

    /// Takes the lock of a job for a run of a worker that has its lease. A run that still has the lock has lost the job with the
    /// lease: its connection is ended.
    pub(super) fn take_lock_over(&self, lease: Lease) -> Result<JobLock> {
        match self.lock(lease.job) {
            Err(JournalFailure::Held { .. }) if self.is_shared() => {
                // A user of the database who may not do that waits for the end of the run.
                let _ = self.end_holder(lease);
                self.lock(lease.job)
            }
            locked => locked,
        }
    }

    /// Ends the run that has the lock of a job, unless another worker has taken the job meanwhile.
    fn end_holder(&self, lease: Lease) -> Result<(), StoreError> {
        match &self.home {
            Home::Directory(home) => {
                if is_held(&self.sql, lease)? {
                    home.take_lock_away(lease.job);
                }
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Home::Database(_) => self.sql.postgres()?.end_holder(lease),
        }
    }

    /// Checks that a worker still has its lease, if one carries the job.
    pub(super) fn check_lease(&self, lease: Option<Lease>) -> Result<(), StoreError> {
        let is_lost = lease.map(|lease| is_held(&self.sql, lease)).transpose()? == Some(false);
        let why = "this run has lost the lease of the job";
        if is_lost { Err(StoreError::Database(why.to_owned())) } else { Ok(()) }
    }

    /// Checks that a job is still this run's: that this connection has its lock, and, if a worker carries it, that no other one has
    /// taken it. Of a part of a job, the worker of the job has the lock.
    pub(super) fn check_job(&self, job: JobId, lease: Option<Lease>) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        if lease.is_some_and(Lease::is_of_tree_part) {
            return Ok(());
        }
        let has_lock = match &self.home {
            Home::Directory(home) => home.holder(job).is_some(),
            #[cfg(feature = "postgres")]
            Home::Database(_) => self.sql.postgres()?.has_own_lock(job)?,
        };
        let why = "this connection has no lock of the job: a pooler may stand before the database";
        if has_lock { Ok(()) } else { Err(StoreError::Database(why.to_owned())) }
    }

    /// Takes the locks of a process that carries jobs of the queue as the worker of this name.
    pub(super) fn lock_daemon(&self, name: &str) -> Result<Result<Vec<JobLock>, DaemonRefusal>> {
        let is_held = DaemonRefusal::HasDaemon;
        match (&self.home, name) {
            (Home::Directory(home), name) => {
                // Those who share a directory in a simulation have a lock for each name, as in a database.
                let own = Some(name).filter(|_| self.is_shared());
                let taken = home.lock_daemon(own).map_err(|error| self.unusable(error))?;
                Ok(taken.map(|lock| vec![JobLock::File(lock)]).map_err(is_held))
            }
            #[cfg(feature = "postgres")]
            (Home::Database(_), name) => {
                let shared = match self.lock_session(LockKey::Daemon)? {
                    Ok(lock) => lock,
                    Err(process) => return Ok(Err(is_held(process))),
                };
                let own = self.lock_session(LockKey::Name(crc32fast::hash(name.as_bytes())))?;
                Ok(own.map(|own| vec![own, shared]).map_err(|_| DaemonRefusal::HasName))
            }
        }
    }

    /// Takes a lock of the connection. Nobody knows the number of a process that has it, which may be one of another host.
    #[cfg(feature = "postgres")]
    fn lock_session(&self, key: LockKey) -> Result<Taken> {
        let taken = self.sql.postgres().and_then(|connection| connection.lock(key));
        Ok(taken.map_err(|bad| self.failure(bad))?.map(JobLock::Session).ok_or(None))
    }

    /// The process that runs a job; `None` if nobody does. The inner value is its number, where it is known.
    pub(super) fn holder(&self, job: JobId) -> Result<Option<Option<u32>>, StoreError> {
        match &self.home {
            Home::Directory(home) => Ok(home.holder(job)),
            #[cfg(feature = "postgres")]
            Home::Database(_) => Ok(self.sql.postgres()?.is_locked(job)?.then_some(None)),
        }
    }

    /// Whether a process runs a job.
    pub(super) fn is_held(&self, job: JobId) -> Result<bool, StoreError> {
        Ok(self.holder(job)?.is_some())
    }

    /// Whether a daemon carries the jobs of the queue.
    pub(super) fn has_daemon(&self) -> Result<bool, StoreError> {
        match &self.home {
            Home::Directory(home) => Ok(home.has_daemon()),
            #[cfg(feature = "postgres")]
            Home::Database(_) => self.sql.postgres()?.has_daemon(),
        }
    }

    /// Removes what processes that were killed have left of their locks. A connection that ends leaves nothing.
    pub(super) fn sweep_locks(&self) {
        match &self.home {
            Home::Directory(home) => home.sweep_locks(),
            #[cfg(feature = "postgres")]
            Home::Database(_) => {}
        }
    }

    /// Notes beside the tables that so many transactions are on the disk. A server sees to that itself.
    fn committed(&self, number: u64) {
        match &self.home {
            Home::Directory(home) => home.committed(number),
            #[cfg(feature = "postgres")]
            Home::Database(_) => {}
        }
    }

    /// Does `work` in one transaction. It is on the disk when this returns.
    pub(super) fn durably<T>(&self, work: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T> {
        // Whatever it does needs the counters, and a server hears of a transaction with its first question.
        let begun = self.sql.begin().and_then(|()| counters(&self.sql));
        // Another process may have written files since the last one.
        self.next_key.set(None);
        let before = self.sql.changes();
        let done = begun.and_then(|_| work(self)).and_then(|done| {
            // One that has only read costs no write.
            let has_changed = self.sql.changes() != before;
            let number = if has_changed { Some(add_commit(&self.sql)?) } else { None };
            self.sql.commit(has_changed)?;
            if let Some(number) = number {
                self.committed(number);
            }
            Ok(done)
        });
        done.map_err(|bad| {
            self.sql.roll_back();
            self.failure(bad)
        })
    }

    /// If `look` finds something, does `work` with it [`durably`](Self::durably). In a database both are one transaction, and only one
    /// connection looks at a time: the others find nothing. When it has written, they hear of that, and look again.
    pub(super) fn look_and_write<F, T>(
        &self,
        look: impl FnOnce(&Self) -> Result<Option<F>, StoreError>,
        work: impl FnOnce(&Self, F) -> Result<T, StoreError>,
    ) -> Result<Option<T>> {
        let found = self.sql.begin_look().and_then(|begins| if begins { look(self) } else { Ok(None) });
        if let Ok(Some(found)) = found {
            return self.durably(|store| work(store, found)).map(Some);
        }
        self.sql.roll_back();
        found.map(|_| None).map_err(|bad| self.failure(bad))
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
