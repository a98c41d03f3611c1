//! The store of one host: a SQLite database in the state directory, and what stands beside it.
//!
//! | file | what |
//! |---|---|
//! | `lock` | who runs a job, and who carries the queue |
//! | `mark` | what is known of the database and the files beside it before they are believed |
//! | `upgrade` | tables of version 0.1.0 |

mod lock;
mod mark;
mod upgrade;

pub(super) use lock::FileLock;
pub use mark::check_directory;

use super::failure::JournalFailure;
use super::record::ReadWords;
use super::sql::{Result, Sql, SqliteConnection, StoreError};
use super::table::{NEWEST, VERSION, add_commit, counters};
use crate::failure::words;
use mark::{Mark, look, look_around, make, promised};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use upgrade::{WITH_WORDS, upgrade};

/// A state directory with its database.
#[derive(Debug)]
pub(super) struct StateDirectory {
    directory: PathBuf,
    path: PathBuf,
    mark: Mark,
}

impl StateDirectory {
    fn at(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let mark = Mark::of(&path);
        Self { directory: directory.to_owned(), path, mark }
    }

    /// Where the database is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the database for a job that writes. Makes it if it is not there. `read` reads the words of jobs of older versions.
    pub(super) fn open(directory: &Path, read: ReadWords) -> Result<(Self, Sql), JournalFailure> {
        let home = Self::at(directory);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| JournalFailure::unusable(home.path(), words(&error)))?;
        look_around(&home.path)?;
        let promised = promised(&home.path)?;
        make(&home.path)?;
        look(&home.path)?;
        let sql = home.connect(promised, read)?;
        home.whole(sql)
    }

    /// Opens the database if it is there, and checks all of it.
    pub(super) fn existing(directory: &Path, read: ReadWords) -> Result<Option<(Self, Sql)>, JournalFailure> {
        let home = Self::at(directory);
        look_around(&home.path)?;
        let promised = promised(&home.path)?;
        match fs::symlink_metadata(&home.path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Nobody knows whether there are jobs.
            Err(error) => return Err(JournalFailure::unusable(home.path(), words(&error))),
        }
        look(&home.path)?;
        let sql = home.connect(promised, read)?;
        home.check(&sql)?;
        home.whole(sql).map(Some)
    }

    /// Opens the database to read it, if it is there, has the tables of this version, and can be read at once.
    pub(super) fn glance(directory: &Path) -> Option<(Self, Sql)> {
        let home = Self::at(directory);
        fs::symlink_metadata(&home.path).ok()?;
        look_around(&home.path).ok()?;
        // SQLite removes the log of an empty database, even if it only reads.
        promised(&home.path).ok()?;
        look(&home.path).ok()?;
        // Without a log of changes beside it, the file is all there is. With this promise SQLite makes no file beside it.
        let is_whole = !directory.join(format!("{FILE}-wal")).exists();
        let connection = SqliteConnection::open_to_read(&home.path, is_whole).ok()?;
        connection.wait_for_others(PATIENCE).ok()?;
        let sql = Sql::from(connection);
        (VERSION..=NEWEST).contains(&version(&sql).ok()?).then_some((home, sql))
    }

    /// Opens the database, which has at least as many transactions as were promised.
    fn connect(&self, promised: u64, read: ReadWords) -> Result<Sql, JournalFailure> {
        let failure = |bad| JournalFailure::of(self.path(), bad);
        let connection = SqliteConnection::open(&self.path).map_err(failure)?;
        // The log of changes stays as it is, also when the database is closed, until it is known to be whole.
        let prepared = connection.keep_log_at_the_end(true).and_then(|()| connection.wait_for_others(BUSY));
        prepared.map_err(failure)?;
        let sql = Sql::from(connection);
        let found = version(&sql).map_err(failure)?;
        if found > NEWEST {
            return Err(JournalFailure::Newer { store: self.path().into(), found, known: VERSION });
        }
        if found < VERSION && found != 0 && found != WITH_WORDS {
            return Err(JournalFailure::Unreleased { store: self.path().into(), found });
        }
        if is_of_another_program(&sql).map_err(failure)? {
            return Err(JournalFailure::unusable(self.path(), "it is a database of another program"));
        }
        has(&sql, promised).and_then(|()| self.prepare(&sql, read)).map_err(failure)?;
        Ok(sql)
    }

    /// The database is whole: whoever closes it last writes the log of changes into it, and removes the log.
    fn whole(self, sql: Sql) -> Result<(Self, Sql), JournalFailure> {
        let kept = sql.sqlite().and_then(|connection| connection.keep_log_at_the_end(false));
        kept.map_err(|bad| JournalFailure::of(self.path(), bad))?;
        Ok((self, sql))
    }

    fn prepare(&self, sql: &Sql, read: ReadWords) -> Result<()> {
        use_log(sql)?;
        sql.run_all("PRAGMA synchronous = FULL")?;
        if version(sql)? >= VERSION {
            return Ok(());
        }
        self.make_tables(sql, read).or_else(|bad| {
            sql.roll_back();
            // Another run may have made them meanwhile.
            if version(sql)? >= VERSION { Ok(()) } else { Err(bad) }
        })
    }

    /// Makes the tables of this version, from those of version 0.1.0 if they are there.
    fn make_tables(&self, sql: &Sql, read: ReadWords) -> Result<()> {
        sql.begin()?;
        let found = version(sql)?;
        if found >= VERSION {
            return sql.commit(false);
        }
        upgrade(sql, found, read)?;
        let number = add_commit(sql)?;
        sql.run_all(&format!("PRAGMA user_version = {VERSION}"))?;
        sql.commit(true)?;
        self.committed(number);
        Ok(())
    }

    /// Checks the pages of the database. Whoever reads a row checks its sum.
    fn check(&self, sql: &Sql) -> Result<(), JournalFailure> {
        match sql.one("PRAGMA integrity_check(1)", &[], |row| row.get::<String>(0)) {
            Ok(said) if said == "ok" => Ok(()),
            Ok(said) => Err(JournalFailure::damaged(self.path(), said)),
            Err(bad) => Err(JournalFailure::of(self.path(), bad)),
        }
    }

    /// Notes that so many transactions are on the disk.
    pub(super) fn committed(&self, number: u64) {
        self.mark.raise(number);
    }
}

/// The version of the tables; 0 if there are none.
fn version(sql: &Sql) -> Result<i64> {
    sql.number("PRAGMA user_version", &[])
}

/// Whether there are tables, and no version of ours. One statement sees one state.
fn is_of_another_program(sql: &Sql) -> Result<bool> {
    let asked = "SELECT user_version = 0 AND EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version";
    sql.one(asked, &[], |row| row.get(0))
}

/// Checks that the database has at least so many transactions.
fn has(sql: &Sql, promised: u64) -> Result<()> {
    let number = if version(sql)? == 0 { 0 } else { counters(sql)?.commits };
    if number < promised {
        let lost = promised - number;
        return Err(StoreError::Row(format!("its last {lost} changes are gone (it had {promised})").into()));
    }
    Ok(())
}

/// Lets readers and a writer work at the same time. SQLite does not wait for another run that does the same at this instant, so
/// it is tried again.
fn use_log(sql: &Sql) -> Result<()> {
    let connection = sql.sqlite()?;
    connection.wait_for_others(Duration::ZERO)?;
    let mut tries = BUSY.as_millis() / PAUSE.as_millis();
    while !connection.use_log()? {
        if tries == 0 {
            return Err(StoreError::Database("database is locked".to_owned()));
        }
        tries -= 1;
        std::thread::sleep(PAUSE);
    }
    connection.wait_for_others(BUSY)
}

/// The name of the database in the state directory.
pub(super) const FILE: &str = "journal.db";
/// How long another run may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// The same for a glance.
const PATIENCE: Duration = Duration::from_millis(10);
/// The pause before the database is tried again.
const PAUSE: Duration = Duration::from_millis(5);
