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
pub(super) use sqlite::SqliteConnection;
#[cfg(feature = "postgres")]
pub(super) use value::OwnedValue;
pub(super) use value::Value;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Notify;

/// Why the database did not do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StoreError {
    /// The database cannot be used, in its own words.
    Database(String),
    /// A row is not what was written.
    Row(Cow<'static, str>),
    /// The database itself says that it is damaged, in its own words. Nothing more can be expected of it.
    Damaged(String),
}

/// What the database did.
pub(super) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A row that this run has written is not there any more.
pub(super) const GONE: StoreError = StoreError::Row(Cow::Borrowed("a row of this run is gone"));

/// What is done with each row that a statement returns.
type EachRow<'e> = &'e mut dyn FnMut(&Row<'_>) -> Result<()>;
/// The same where a statement was given many values: it gets the index of those to which the row belongs, too.
type EachRowOf<'e> = &'e mut dyn FnMut(usize, &Row<'_>) -> Result<()>;

/// What the driver of a database does.
pub(super) trait Driver {
    /// Carries out a statement that returns no rows, at the latest before the next question or the end of the transaction, which
    /// fails if it does. It is prepared once.
    fn write(&self, statement: &str, values: &[Value<'_>]) -> Result<()>;

    /// The same with a statement that changes one row; if it is not there, this is [`GONE`].
    fn write_one(&self, statement: &str, values: &[Value<'_>]) -> Result<()>;

    /// Carries out a statement that returns no rows. It is prepared once. Returns how many rows it has written or deleted.
    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64>;

    /// Hands over the rows that a statement returns, until `each` fails. It is prepared once.
    fn query(&self, statement: &str, values: &[Value<'_>], each: EachRow<'_>) -> Result<()>;

    /// The same with each of these values.
    fn query_each(&self, statement: &str, all: &[&[Value<'_>]], each: EachRowOf<'_>) -> Result<()> {
        let ask = |(number, values): (usize, &&[Value<'_>])| {
            self.query(statement, values, &mut |row| each(number, row))
        };
        all.iter().enumerate().try_for_each(ask)
    }

    /// Has `work` ask questions that are only recorded, and sent together with the first question of the next transaction. Where nothing
    /// is gained by that, nothing happens.
    fn record_questions(&self, _work: &mut dyn FnMut()) {}

    /// Carries out several statements without values, each ended by `;`.
    fn run_all(&self, statements: &str) -> Result<()>;

    /// The time of the store, in seconds since 1970: that of its server, where several hosts share it.
    fn now(&self) -> Result<u64>;

    /// Tells those who [`listen`](Self::listen) that something has changed which they wait for, when the transaction ends. Where
    /// nobody can listen, everybody looks again now and then.
    fn notify(&self) -> Result<()> {
        Ok(())
    }

    /// Has `heard` told what other connections [`notify`](Self::notify), if the database can do that. Something may be lost with a
    /// connection: then `heard` is told as soon as there is another one.
    fn listen(&self, _heard: Arc<Notify>) -> Result<()> {
        Ok(())
    }

    /// Begins to look for something to write. [`begin`](Self::begin) goes on with it, and [`roll_back`](Self::roll_back) ends it.
    /// `false`: another connection looks just now, or writes what it has found. Nothing is waited for.
    fn begin_look(&self) -> Result<bool> {
        Ok(true)
    }

    /// Begins a transaction. Nobody else writes the store from its first question until it ends.
    fn begin(&self) -> Result<()>;

    /// Ends the transaction. What it has written, if it has, is on the disk when this returns.
    fn commit(&self, has_changed: bool) -> Result<()>;

    /// Waits until everything that this connection has seen is on the disk, also what others have written.
    fn settle(&self) -> Result<()> {
        Ok(())
    }

    /// Gives the transaction up, if there is one.
    fn roll_back(&self);

    /// The order of paths of files, by the index of their places. Both mean the order of their bytes.
    fn order_of_paths(&self) -> &'static str;

    /// How many rows this connection has written and deleted so far.
    fn changes(&self) -> u64;
}

impl dyn Driver {
    /// Reads all rows that a statement returns.
    pub(super) fn all<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.query(statement, values, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the row that a statement returns. It has one.
    pub(super) fn one<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        match <[T; 1]>::try_from(self.all(statement, values, read)?) {
            Ok([row]) => Ok(row),
            Err(_) => {
                Err(StoreError::Row(Cow::Borrowed("a row that is always there is gone, or there twice")))
            }
        }
    }

    /// The number that a statement returns.
    pub(super) fn number(&self, statement: &str, values: &[Value<'_>]) -> Result<i64> {
        self.one(statement, values, |row| row.get(0))
    }
}

/// A connection to a database. It has the methods of its [`Driver`].
#[derive(Debug)]
pub(super) struct Sql {
    driver: AnyDriver,
    /// What the transaction that goes on has learnt, so that nothing is asked twice; `None` outside of one.
    transaction: Cell<Option<TransactionFacts>>,
}

/// The driver of each kind of database.
#[derive(Debug)]
enum AnyDriver {
    /// A file of this host.
    Sqlite(SqliteConnection),
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresConnection),
}

/// What is asked once in a transaction.
#[derive(Clone, Copy, Default, Debug)]
struct TransactionFacts {
    now: Option<u64>,
    counters: Option<Counters>,
}

/// The counters of the store itself: one row each in `commits`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Counters {
    /// How many transactions have changed the store: each of them adds one, so that a database which has lost its last ones is known by
    /// this number.
    pub(super) commits: u64,
    /// Up to which change the ends of jobs were reported, if somebody wants to know of them.
    pub(super) reported: Option<u64>,
    /// The fence of the last lease.
    pub(super) fence: u64,
}

impl Deref for Sql {
    type Target = dyn Driver;

    fn deref(&self) -> &Self::Target {
        match &self.driver {
            AnyDriver::Sqlite(connection) => connection,
            #[cfg(feature = "postgres")]
            AnyDriver::Postgres(connection) => connection,
        }
    }
}

impl From<SqliteConnection> for Sql {
    fn from(connection: SqliteConnection) -> Self {
        Self { driver: AnyDriver::Sqlite(connection), transaction: Cell::default() }
    }
}

#[cfg(feature = "postgres")]
impl From<PostgresConnection> for Sql {
    fn from(connection: PostgresConnection) -> Self {
        Self { driver: AnyDriver::Postgres(connection), transaction: Cell::default() }
    }
}

impl Sql {
    /// Sends the questions of `ask` together with the first question of the next transaction. `ask` gets no rows, so no question may
    /// depend on the rows of another one. The answers are used when the same is asked in the transaction, until something is written.
    pub(super) fn ask_ahead<T>(&self, ask: impl Fn(&Self) -> Result<T>) {
        self.record_questions(&mut || {
            // A failure only means that the questions after it are not recorded.
            let _ = ask(self);
        });
    }

    /// Begins a transaction of the [`Driver`].
    pub(super) fn begin(&self) -> Result<()> {
        self.transaction.set(Some(TransactionFacts::default()));
        self.deref().begin()
    }

    /// Ends it. `has_changed`: it has written something.
    pub(super) fn commit(&self, has_changed: bool) -> Result<()> {
        self.transaction.set(None);
        self.deref().commit(has_changed)
    }

    /// Gives it up, if there is one.
    pub(super) fn roll_back(&self) {
        self.transaction.set(None);
        self.deref().roll_back();
    }

    /// The time of the store, in seconds since 1970: that of its server, where several hosts share it. All of a transaction has one
    /// time.
    pub(super) fn now(&self) -> Result<u64> {
        let transaction = self.transaction.get();
        if let Some(now) = transaction.and_then(|transaction| transaction.now) {
            return Ok(now);
        }
        let now = self.deref().now()?;
        self.transaction
            .set(transaction.map(|transaction| TransactionFacts { now: Some(now), ..transaction }));
        Ok(now)
    }

    /// The counters, which `read` finds out. Within a transaction they are known from then on.
    pub(super) fn counters(&self, read: impl FnOnce() -> Result<Counters>) -> Result<Counters> {
        if let Some(counters) = self.transaction.get().and_then(|transaction| transaction.counters) {
            return Ok(counters);
        }
        let counters = read()?;
        self.set_counters(counters);
        Ok(counters)
    }

    /// Notes counters that the transaction has changed.
    pub(super) fn set_counters(&self, counters: Counters) {
        let transaction = self.transaction.get();
        let counters = Some(counters);
        self.transaction.set(transaction.map(|transaction| TransactionFacts { counters, ..transaction }));
    }

    /// The connection, if it is one of SQLite.
    pub(super) fn sqlite(&self) -> Result<&SqliteConnection> {
        match &self.driver {
            AnyDriver::Sqlite(connection) => Ok(connection),
            #[cfg(feature = "postgres")]
            AnyDriver::Postgres(_) => Err(OTHER_DATABASE),
        }
    }

    /// The connection, if it is one of PostgreSQL.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Result<&PostgresConnection> {
        match &self.driver {
            AnyDriver::Postgres(connection) => Ok(connection),
            AnyDriver::Sqlite(_) => Err(OTHER_DATABASE),
        }
    }
}

#[cfg(feature = "postgres")]
const OTHER_DATABASE: StoreError = StoreError::Row(Cow::Borrowed("it is a database of another kind"));
