//! SQL of the journal, for every database that can hold it.
//!
//! | file | what |
//! |---|---|
//! | `value` | values of rows: written, read, and owned |
//! | `row` | a row that was read |
//! | `sqlite`, `postgres` | the drivers of SQLite and of PostgreSQL |
//!
//! Statements are written once, in what the databases have in common. Parameters are numbered (`?1`), and a literal of bytes is
//! written as `x'00ff'`. A database that wants them otherwise has its driver rewrite them.
//!
//! | instead of | write |
//! |---|---|
//! | `INSERT OR REPLACE` | `INSERT ... ON CONFLICT (key) DO UPDATE SET ...` |
//! | `sum(a = b)` | `count(CASE WHEN a = b THEN 1 END)` |
//! | `sum(n)` | `CAST(sum(n) AS BIGINT)`: the sum of numbers may have a larger type |
//! | a column that is neither grouped nor an aggregate | a join with the groups |
//! | `WHERE 1`, `WHERE flag` | `WHERE TRUE`, `WHERE flag != 0`: numbers are no truth values |
//! | `instr`, `strpos`, `glob`, `LIKE` | comparison with both ends of a range, or `replace` |
//! | `substr(x, -n)` | `substr(x, length(x) - n + 1)` |
//! | `SELECT ?1`, `?1 IS NULL` | `CAST(?1 AS BIGINT)`: the type of a parameter follows from what stands beside it |
//! | `ORDER BY n DESC` where `n` may be missing | the same with `NULLS LAST` |
//! | `FROM (SELECT ...)` | the same with a name behind it |
//! | `path = ?1` alone | the same and the beginning of the path, by which an index finds it |

#[cfg(feature = "postgres")]
mod postgres;
mod row;
mod sqlite;
mod value;

#[cfg(feature = "postgres")]
pub(super) use postgres::{LockKey, Parameters, PostgresConnection, SessionLock};
pub(super) use row::Row;
pub(super) use sqlite::{Access, SqliteConnection};
#[cfg(feature = "postgres")]
pub(super) use value::OwnedValue;
pub(super) use value::Value;

use ftp_io::clock::since_1970;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::Notify;

/// Why the database did not do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StoreError {
    /// The database cannot be used, in its own words.
    Database(String),
    /// What it holds is not what was written.
    Row(Cow<'static, str>),
}

/// A row that this run has written is not there any more.
pub(super) const GONE: StoreError = StoreError::Row(Cow::Borrowed("a row of this run is gone"));

/// A connection to a database: a driver for each kind of them.
#[derive(Debug)]
pub(super) enum Sql {
    /// A file of this host.
    Sqlite(SqliteConnection),
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresConnection),
}

impl Sql {
    /// Carries out a statement that returns no rows, at the latest before the next question or the end of the transaction, which
    /// fails if it does. It is prepared once.
    pub(super) fn write<'v>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.execute(statement, values).map(drop),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.write(statement, values, None),
        }
    }

    /// The same with a statement that changes one row; if it is not there, this is [`GONE`].
    pub(super) fn write_one<'v>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => match connection.execute(statement, values)? {
                1 => Ok(()),
                _ => Err(GONE),
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.write(statement, values, Some(1)),
        }
    }

    /// Carries out a statement that returns no rows. It is prepared once. Returns how many rows it has written or deleted.
    pub(super) fn execute<'v>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => connection.execute(statement, values),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.execute(statement, values),
        }
    }

    /// Hands over the rows that a statement returns, until `each` fails. It is prepared once.
    pub(super) fn query<'v>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
        each: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.query(statement, values, each),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.query(statement, values, each),
        }
    }

    /// Reads the first row that a statement returns. It has one.
    pub(super) fn one<'v, T>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut found = None;
        self.query(statement, values, |row| {
            if found.is_none() {
                found = Some(read(row)?);
            }
            Ok(())
        })?;
        found.ok_or(StoreError::Row(Cow::Borrowed("a row that is always there is gone")))
    }

    /// The number that a statement returns.
    pub(super) fn number<'v>(
        &self,
        statement: &str,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<i64, StoreError> {
        self.one(statement, values, |row| row.get(0))
    }

    /// Carries out several statements without values, each ended by `;`.
    pub(super) fn run_all(&self, statements: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.run_all(statements),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.run_all(statements),
        }
    }

    /// The time of the store, in seconds since 1970: that of its server, where several hosts share it.
    pub(super) fn now(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(since_1970().as_secs()),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                let now = "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)";
                self.one(now, [], |row| row.get(0))
            }
        }
    }

    /// Tells those who [`listen`](Self::listen) that something has changed which they wait for, when the transaction ends. Where
    /// nobody can listen, everybody looks again now and then.
    pub(super) fn notify(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.notify(),
        }
    }

    /// Has `heard` told what other connections [`notify`](Self::notify), if the database can do that. Something may be lost with a
    /// connection: then `heard` is told as soon as there is another one.
    pub(super) fn listen(&self, heard: Arc<Notify>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => {
                drop(heard);
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.listen(heard),
        }
    }

    /// Begins a transaction. Nobody else writes the store before it ends.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.run_all("BEGIN IMMEDIATE"),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.begin(),
        }
    }

    /// Ends the transaction. What it has written is on the disk when this returns.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.run_all("COMMIT"),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.commit(),
        }
    }

    /// Gives the transaction up, if there is one.
    pub(super) fn roll_back(&self) {
        match self {
            Self::Sqlite(connection) => connection.roll_back(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.roll_back(),
        }
    }

    /// The order of paths of files, by the index of their places. Both mean the order of their bytes.
    pub(super) fn order_of_paths(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "path",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "substr(path, 1, 1024), path",
        }
    }

    /// The connection, if it is one of SQLite.
    pub(super) fn sqlite(&self) -> Result<&SqliteConnection, StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Err(OTHER_DATABASE),
        }
    }

    /// The connection, if it is one of PostgreSQL.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Result<&PostgresConnection, StoreError> {
        match self {
            Self::Postgres(connection) => Ok(connection),
            Self::Sqlite(_) => Err(OTHER_DATABASE),
        }
    }

    /// How many rows this connection has written and deleted so far.
    pub(super) fn changes(&self) -> u64 {
        match self {
            Self::Sqlite(connection) => connection.changes(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.changes(),
        }
    }
}

#[cfg(feature = "postgres")]
const OTHER_DATABASE: StoreError = StoreError::Row(Cow::Borrowed("it is a database of another kind"));
