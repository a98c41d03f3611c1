//! The database: opened, checked, and changed in transactions; and why it cannot be used.

#[cfg(test)]
mod tests;

use super::claiming::UnderWay;
use super::item_row::SharedRows;
use super::job_row::JobRow;
use super::mark::{Mark, add_commit, commits, look, look_around, make, promised};
use super::record::{ItemKey, ItemRecord, ReadWords};
use super::table::{COMMITS, StoreError, VERSION};
use super::upgrade::upgrade;
use crate::failure::{FtpUser, words};
use crate::id::JobId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the journal cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalFailure {
    /// There is no state directory.
    #[error("there is no state directory")]
    Nowhere,
    /// A newer version has written it.
    #[error("the journal {} belongs to a newer ftp-user (tables {found}, this one knows {known})", path.display())]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The version that this program writes.
        known: i64,
    },
    /// What it holds is not what was written.
    #[error("the journal {} is damaged: {why}", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// It cannot be opened, read or written.
    #[error("the journal {} cannot be used: {why}", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What the system or the database says.
        why: String,
    },
    /// It has all the jobs that it may have which have not ended.
    #[error("the journal {} has {most} jobs that have not ended, and takes no other one", path.display())]
    Full {
        /// Where it is.
        path: PathBuf,
        /// The largest number.
        most: u64,
    },
    /// Another process runs the job.
    #[error("job {job} is being run by {}", holder(*process))]
    Held {
        /// The job in question.
        job: JobId,
        /// The process, if it has told its number.
        process: Option<u32>,
    },
    /// There is no such job.
    #[error("the journal has no job {job}")]
    Unknown {
        /// The job in question.
        job: JobId,
    },
    /// Another job has that name.
    #[error("job {job} has the name {name} already")]
    Named {
        /// The job that has it.
        job: JobId,
        /// The name in question.
        name: String,
    },
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}

impl JournalFailure {
    pub(super) fn unusable(path: &Path, why: impl ToString) -> Self {
        Self::Unusable { path: path.to_owned(), why: why.to_string() }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Nowhere => "name one with --state DIR",
            Self::Newer { .. } => "use that version, or another directory with --state",
            Self::Damaged { .. } => {
                "move it and the files beside it (journal.db-*) away, and a new one begins; what is left of its jobs is called .*.ftp-user.part"
            }
            Self::Unusable { .. } => "check the state directory (--state) and the space on its disk",
            Self::Full { .. } => {
                return format!("{FtpUser} jobs lists them: resume or cancel those that are not needed");
            }
            Self::Held { .. } => "wait for its end, or end that process",
            Self::Unknown { .. } => return format!("{FtpUser} jobs lists them"),
            Self::Named { .. } => "repeat the command to go on with that job, or choose another --id",
        };
        hint.to_owned()
    }
}

/// The open database of one state directory.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    pub(super) path: PathBuf,
    pub(super) sql: Connection,
    pub(super) under_way: UnderWay,
    mark: Mark,
    pub(super) shared_rows: SharedRows,
    /// The key of the next new file, in this transaction.
    next_key: Cell<Option<i64>>,
}

impl Store {
    /// Opens the journal for a job that writes. Makes it if it is not there. `read` reads the words of jobs of older versions.
    pub(super) fn open(directory: &Path, read: ReadWords) -> Result<Self, JournalFailure> {
        let path = directory.join(FILE);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| JournalFailure::unusable(&path, words(&error)))?;
        look_around(&path)?;
        let promised = promised(&path)?;
        make(&path)?;
        look(&path)?;
        let store = Self::at(directory, path, promised, read)?;
        store.folds_its_log().map_err(|bad| store.failure(bad))?;
        Ok(store)
    }

    /// Opens the journal if it is there, and checks all of it.
    pub(super) fn existing(directory: &Path, read: ReadWords) -> Result<Option<Self>, JournalFailure> {
        let path = directory.join(FILE);
        look_around(&path)?;
        let promised = promised(&path)?;
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Nobody knows whether there are jobs.
            Err(error) => return Err(JournalFailure::unusable(&path, words(&error))),
        }
        look(&path)?;
        let store = Self::at(directory, path, promised, read)?;
        store.check()?;
        store.folds_its_log().map_err(|bad| store.failure(bad))?;
        Ok(Some(store))
    }

    /// Opens the database, which has at least as many transactions as were promised.
    fn at(directory: &Path, path: PathBuf, promised: u64, read: ReadWords) -> Result<Self, JournalFailure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags);
        let sql = opened.map_err(|error| failure_of(&path, StoreError::Sql(error)))?;
        let (under_way, shared_rows, mark) = (UnderWay::default(), SharedRows::default(), Mark::of(&path));
        let directory = directory.to_owned();
        let store = Self { directory, path, sql, under_way, shared_rows, mark, next_key: Cell::new(None) };
        let found = store.keeps_its_log().map_err(|bad| store.failure(bad))?;
        if found > VERSION {
            return Err(JournalFailure::Newer { path: store.path, found, known: VERSION });
        }
        if store.is_of_another_program().map_err(|bad| store.failure(bad))? {
            return Err(JournalFailure::unusable(&store.path, "it is a database of another program"));
        }
        store.has(promised).and_then(|()| store.prepare(read)).map_err(|bad| store.failure(bad))?;
        Ok(store)
    }

    /// Whether there are tables, and no version of ours. One statement sees one state.
    fn is_of_another_program(&self) -> Result<bool, StoreError> {
        let asked =
            "SELECT user_version = 0 AND EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version";
        Ok(self.sql.query_row(asked, [], |row| row.get(0))?)
    }

    /// Leaves the log of changes as it is, also when the database is closed, until it is known to be whole. Returns the
    /// version of the tables.
    fn keeps_its_log(&self) -> Result<i64, StoreError> {
        self.sql.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.sql.busy_timeout(BUSY)?;
        self.version()
    }

    /// Whoever closes the database last writes the log of changes into it, and removes the log.
    fn folds_its_log(&self) -> Result<(), StoreError> {
        self.sql.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    }

    /// Checks that the database has at least so many transactions.
    fn has(&self, promised: u64) -> Result<(), StoreError> {
        let number = if self.version()? < COMMITS.since { 0 } else { commits(&self.sql)? };
        if number < promised {
            let lost = promised - number;
            return Err(StoreError::Row(
                format!("its last {lost} changes are gone (it had {promised})").into(),
            ));
        }
        Ok(())
    }

    fn prepare(&self, read: ReadWords) -> Result<(), StoreError> {
        self.use_wal()?;
        self.sql.pragma_update(None, "synchronous", "FULL")?;
        if self.version()? == VERSION {
            return Ok(());
        }
        self.make_tables(read).or_else(|bad| {
            let _ = self.sql.execute_batch("ROLLBACK");
            // Another run may have made them meanwhile.
            if self.version()? == VERSION { Ok(()) } else { Err(bad) }
        })
    }

    /// Lets readers and a writer work at the same time. SQLite does not wait for another run that does the same at this
    /// instant, so it is tried again.
    fn use_wal(&self) -> Result<(), StoreError> {
        self.sql.busy_timeout(Duration::ZERO)?;
        let mut switched = self.sql.pragma_update(None, "journal_mode", "WAL");
        for _ in 0..BUSY.as_millis() / PAUSE.as_millis() {
            let is_busy =
                |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
            if !switched.as_ref().is_err_and(is_busy) {
                break;
            }
            std::thread::sleep(PAUSE);
            switched = self.sql.pragma_update(None, "journal_mode", "WAL");
        }
        self.sql.busy_timeout(BUSY)?;
        Ok(switched?)
    }

    /// Makes the tables of this version, from those of an older one if they are there.
    fn make_tables(&self, read: ReadWords) -> Result<(), StoreError> {
        self.sql.execute_batch("BEGIN IMMEDIATE")?;
        match self.version()? {
            VERSION => {}
            older => upgrade(&self.sql, older, read)?,
        }
        let number = add_commit(&self.sql)?;
        self.sql.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT;"))?;
        self.mark.raise(number);
        Ok(())
    }

    fn version(&self) -> Result<i64, StoreError> {
        Ok(self.sql.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// Checks the pages of the database and the sum of every row that matters.
    fn check(&self) -> Result<(), JournalFailure> {
        let checked = || -> Result<String, StoreError> {
            JobRow::all(&self.sql)?;
            Ok(self.sql.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?)
        };
        match checked() {
            Ok(said) if said == "ok" => Ok(()),
            Ok(said) => Err(JournalFailure::Damaged { path: self.path.clone(), why: said }),
            Err(bad) => Err(self.failure(bad)),
        }
    }

    /// What a failure of the database means.
    pub(super) fn failure(&self, bad: StoreError) -> JournalFailure {
        failure_of(&self.path, bad)
    }

    /// Does `work` in one transaction. It is on the disk when this returns.
    pub(super) fn durably<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, JournalFailure> {
        let begun = self.sql.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::Sql);
        // Another process may have written files since the last one.
        self.next_key.set(None);
        let before = self.sql.total_changes();
        let done = begun.and_then(|()| work(self)).and_then(|done| {
            // One that has only read costs no write.
            let has_changed = self.sql.total_changes() != before;
            let number = if has_changed { Some(add_commit(&self.sql)?) } else { None };
            self.sql.execute_batch("COMMIT")?;
            if let Some(number) = number {
                self.mark.raise(number);
            }
            Ok(done)
        });
        done.map_err(|bad| {
            let _ = self.sql.execute_batch("ROLLBACK");
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

fn failure_of(path: &Path, bad: StoreError) -> JournalFailure {
    let damaged = |why: String| JournalFailure::Damaged { path: path.to_owned(), why };
    match bad {
        StoreError::Row(why) => damaged(why.into_owned()),
        StoreError::Sql(error) => match error.sqlite_error_code() {
            // Without a code it is a column that has another type than it was written with.
            None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            Some(_) => JournalFailure::unusable(path, error),
        },
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

/// The name of the database in the state directory.
pub(super) const FILE: &str = "journal.db";
/// How long another run may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// The pause before the database is tried again.
const PAUSE: Duration = Duration::from_millis(5);
