//! The driver of SQLite. Nothing else names the library.

use super::value::OTHER_TYPE;
use super::{Driver, EachRow, GONE, Result, Row, StoreError, Value};
use crate::place::escaped;
use ftp_io::clock::since_1970;
use ftp_io::simulated;
use ftp_proto::listing::When;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// An open database.
#[derive(Debug)]
pub(in crate::journal) struct SqliteConnection(Connection);

impl SqliteConnection {
    /// Opens a database that is there.
    pub(in crate::journal) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags)?;
        opened.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self(opened))
    }

    /// Opens a database that is there to read it. `is_whole`: nobody writes it meanwhile, and no file is made beside it.
    pub(in crate::journal) fn open_to_read(path: &Path, is_whole: bool) -> Result<Self> {
        let promise = if is_whole { "&immutable=1" } else { "" };
        let uri = format!("file:{}?mode=ro{promise}", escaped(path.as_os_str().as_bytes(), b"/"));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self(Connection::open_with_flags(uri, flags)?))
    }

    /// A prepared statement with its values. What is bound stays where it is until the statement has run.
    fn bound(&self, statement: &str, values: &[Value<'_>]) -> Result<CachedStatement<'_>> {
        date_of_others()?;
        let mut statement = self.0.prepare_cached(statement)?;
        for (number, value) in (1..).zip(values) {
            statement.raw_bind_parameter(number, value)?;
        }
        if values.len() == statement.parameter_count() {
            Ok(statement)
        } else {
            Err(StoreError::Database(format!("{} values for a statement that has others", values.len())))
        }
    }

    /// For how long a statement waits for others that use the database.
    pub(in crate::journal) fn wait_for_others(&self, longest: Duration) -> Result<()> {
        Ok(self.0.busy_timeout(longest)?)
    }

    /// Whether the log of changes stays as it is when the database is closed, or else is written into it by whoever closes it
    /// last.
    pub(in crate::journal) fn keep_log_at_the_end(&self, stays: bool) -> Result<()> {
        self.0.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, stays)?;
        Ok(())
    }

    /// Lets readers and a writer work at the same time. Returns whether that is so now: `false` if somebody else uses the
    /// database at this instant.
    pub(in crate::journal) fn use_log(&self) -> Result<bool> {
        match self.0.pragma_update(None, "journal_mode", "WAL") {
            Ok(()) => Ok(true),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Driver for SqliteConnection {
    fn write(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        self.execute(statement, values).map(drop)
    }

    fn write_one(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        match self.execute(statement, values)? {
            1 => Ok(()),
            _ => Err(GONE),
        }
    }

    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64> {
        Ok(self.bound(statement, values)?.raw_execute()? as u64)
    }

    fn query(&self, statement: &str, values: &[Value<'_>], each: EachRow<'_>) -> Result<()> {
        let mut statement = self.bound(statement, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            each(&Row::Sqlite(row))?;
        }
        Ok(())
    }

    fn run_all(&self, statements: &str) -> Result<()> {
        Ok(self.0.execute_batch(statements)?)
    }

    fn now(&self) -> Result<u64> {
        Ok(date_of_others()?.unwrap_or_else(|| since_1970().as_secs()))
    }

    fn begin(&self) -> Result<()> {
        date_of_others()?;
        self.run_all("BEGIN IMMEDIATE")
    }

    fn commit(&self, _has_changed: bool) -> Result<()> {
        self.run_all("COMMIT")
    }

    fn roll_back(&self) {
        let _ = self.0.execute_batch("ROLLBACK");
    }

    fn order_of_paths(&self) -> &'static str {
        "path"
    }

    fn changes(&self) -> u64 {
        self.0.total_changes()
    }
}

/// The date of a store that hosts of a simulation share, in seconds since 1970; `None` elsewhere. It fails while this host does not
/// reach the store, as a database does that is away.
fn date_of_others() -> Result<Option<u64>, StoreError> {
    let date = simulated::host().and_then(|host| host.shared_stores()).transpose();
    let date = date.map_err(|error| StoreError::Database(error.to_string()))?;
    Ok(date.map(|When(seconds)| u64::try_from(seconds).unwrap_or(0)))
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A value of a row of SQLite. Nothing is written there as a number with a fraction.
pub(super) fn value(value: ValueRef<'_>) -> Result<Value<'_>> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|_| OTHER_TYPE)?),
        ValueRef::Blob(bytes) => Value::Blob(bytes),
        ValueRef::Real(_) => return Err(OTHER_TYPE),
    })
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // It is a column that has another type than it was written with.
            None => Self::Row(error.to_string().into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(_) => Self::Database(error.to_string()),
        }
    }
}

/// The number of statements that are kept prepared.
const STATEMENTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_database_is_more_than_a_damaged_row() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        std::fs::write(&path, [b'x'; 4096]).unwrap();
        let opened = SqliteConnection::open(&path).unwrap();
        let refused = opened.run_all("CREATE TABLE t (a INTEGER)").unwrap_err();
        assert!(matches!(refused, StoreError::Damaged(_)), "{refused:?}");
    }

    impl SqliteConnection {
        /// Opens a database, or makes it.
        pub(in crate::journal) fn open_for_tests(path: &Path) -> crate::journal::sql::Sql {
            Self(Connection::open(path).unwrap()).into()
        }
    }
}
