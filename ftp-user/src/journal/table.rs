//! The tables. Every row has a checksum after its other columns, so that a byte that has changed on the disk is found
//! before anybody acts on it.

use super::sql::{Row, Sql, StoreError, Value};
use crate::id::JobId;
use std::fmt::Write;
use std::sync::LazyLock;

/// The version of these tables.
pub(super) const VERSION: i64 = 14;
/// The newest version whose tables this program can use: those of the next version have only more of them.
pub(super) const NEWEST: i64 = VERSION + 1;

/// A table of the database.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What creates it.
    pub(super) create: &'static str,
    /// Its columns but the checksum, which is the last one.
    pub(super) columns: &'static str,
    /// Those of its columns that no two rows have the same of.
    pub(super) key: &'static str,
}

/// What was asked for, and how it stands.
pub(super) const JOBS: Table = Table {
    name: "jobs",
    create: "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, job TEXT NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
CREATE INDEX jobs_by_beginning ON jobs (begun);
",
    columns: "id, verb, name, job, state, begun, ended, decided",
    key: "id",
};

/// The files of jobs.
pub(super) const ITEMS: Table = Table {
    name: "items",
    create: "
CREATE TABLE items (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, path BLOB NOT NULL,
    state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT, looked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    verified TEXT, taken TEXT, why TEXT, began INTEGER, ended INTEGER, attempts INTEGER NOT NULL, failure TEXT, digest BLOB,
    addresses TEXT, strangers TEXT, path_facts INTEGER, sum INTEGER NOT NULL);
CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
CREATE INDEX items_by_job ON items (job, state);
",
    columns: "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended, attempts, failure, digest, addresses, strangers, path_facts",
    key: "id",
};

/// The names under which something of a file may be stored.
pub(super) const PARTS: Table = Table {
    name: "parts",
    create: "
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);
",
    columns: "part, item, number",
    key: "part",
};

/// The transfers that may go on without this program.
pub(super) const DETACHED: Table = Table {
    name: "detached",
    create: "
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);
",
    columns: "item, source, destination, path, before, moves",
    key: "item",
};

/// A row for each job of whose last run something has failed.
pub(super) const FAILURES: Table = Table {
    name: "failures",
    create: "
CREATE TABLE failures (job INTEGER PRIMARY KEY, number INTEGER NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL);
",
    columns: "job, number, why",
    key: "job",
};

/// How many transactions have changed the journal: row 1. Up to which of them the ends of jobs were reported: row 2, if it is there. The
/// fence of the last lease: row 3.
pub(super) const COMMITS: Table = Table {
    name: "commits",
    create: "
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sum INTEGER NOT NULL);
",
    columns: "id, number",
    key: "id",
};

/// What files that took the same path have in common. A row is written once for all of them.
pub(super) const PATH_FACTS: Table = Table {
    name: "path_facts",
    create: "
CREATE TABLE path_facts (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source_control TEXT, dest_control TEXT, source_data TEXT, dest_data TEXT,
    why TEXT, sum INTEGER NOT NULL);
CREATE INDEX path_facts_by_job ON path_facts (job);
",
    columns: "id, job, source_control, dest_control, source_data, dest_data, why",
    key: "id",
};

/// The names that the last run of a sync has kept because nobody had agreed to delete them: `path` is all of a `WithheldName`.
pub(super) const WITHHELD: Table = Table {
    name: "withheld",
    create: "
CREATE TABLE withheld (job INTEGER NOT NULL, path BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (job, path));
",
    columns: "job, path",
    key: "job, path",
};

/// What the last runs have tried. A run is one text: nothing but `why` looks into it.
pub(super) const RUNS: Table = Table {
    name: "runs",
    create: "CREATE TABLE runs (id INTEGER PRIMARY KEY, account TEXT NOT NULL, sum INTEGER NOT NULL);",
    columns: "id, account",
    key: "id",
};

/// The jobs that a daemon carries.
pub(super) const QUEUE: Table = Table {
    name: "queue",
    create: "
CREATE TABLE queue (
    job INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, wish INTEGER NOT NULL, carried INTEGER NOT NULL, tries INTEGER NOT NULL, failing INTEGER,
    started INTEGER, ended INTEGER, exit INTEGER, cause TEXT, series INTEGER, request TEXT, request_digest BLOB, limited INTEGER NOT NULL,
    sites TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL, failed INTEGER NOT NULL, changed INTEGER NOT NULL,
    submitted INTEGER NOT NULL, waits_for INTEGER, sum INTEGER NOT NULL);
CREATE INDEX queue_open ON queue (owner, pair, priority, submitted, exit, due, wish, carried) WHERE exit IS NULL;
CREATE INDEX queue_waiting ON queue (due, exit, wish, carried) WHERE exit IS NULL AND cause IS NOT NULL;
CREATE INDEX queue_ended ON queue (ended, exit) WHERE exit IS NOT NULL;
CREATE INDEX queue_carried ON queue (job) WHERE carried = 1;
CREATE INDEX queue_submitted ON queue (submitted, job);
CREATE INDEX queue_owner ON queue (owner, submitted, job);
CREATE INDEX queue_changed ON queue (changed);
CREATE INDEX queue_behind ON queue (waits_for) WHERE waits_for IS NOT NULL;
CREATE UNIQUE INDEX queue_request ON queue (owner, request) WHERE request IS NOT NULL;
",
    columns: "job, owner, pair, priority, created, due, wish, carried, tries, failing, started, ended, exit, cause, series, request, request_digest, limited, sites, files, bytes, failed, changed, submitted, waits_for",
    key: "job",
};

/// The jobs that are carried again and again.
pub(super) const SERIES: Table = Table {
    name: "series",
    create: "
CREATE TABLE series (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, job TEXT NOT NULL,
    every TEXT NOT NULL, zone TEXT NOT NULL, created INTEGER NOT NULL, next INTEGER, paused INTEGER NOT NULL, last INTEGER,
    limited INTEGER NOT NULL, sites TEXT NOT NULL, sum INTEGER NOT NULL);
",
    columns: "id, owner, pair, priority, job, every, zone, created, next, paused, last, limited, sites",
    key: "id",
};

/// The tokens of the API. Of each there is only its SHA-256.
pub(super) const TOKENS: Table = Table {
    name: "tokens",
    create: "
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scope INTEGER NOT NULL, digest BLOB NOT NULL, created INTEGER NOT NULL,
    expires INTEGER, sum INTEGER NOT NULL);
",
    columns: "id, name, scope, digest, created, expires",
    key: "id",
};

/// The workers of the queue.
pub(super) const WORKERS: Table = Table {
    name: "workers",
    create: "
CREATE TABLE workers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, parallel INTEGER NOT NULL, started INTEGER NOT NULL,
    seen INTEGER NOT NULL, draining INTEGER NOT NULL, reports INTEGER NOT NULL, sites TEXT NOT NULL, sum INTEGER NOT NULL);
",
    columns: "id, name, version, parallel, started, seen, draining, reports, sites",
    key: "id",
};

/// Who carries the jobs of the queue that are carried, and parts of their trees; and how far the jobs are: a text that is only shown.
pub(super) const LEASES: Table = Table {
    name: "leases",
    create: "
CREATE TABLE leases (
    job INTEGER NOT NULL, part INTEGER NOT NULL, worker INTEGER NOT NULL, fence INTEGER NOT NULL, until INTEGER NOT NULL,
    progress TEXT, sum INTEGER NOT NULL, PRIMARY KEY (job, part));
",
    columns: "job, part, worker, fence, until, progress",
    key: "job, part",
};

/// The parts of trees that workers carry for the worker of the job, or may carry: the files as long as it goes on, and what came of
/// them after that, both in JSON.
pub(super) const TREE_PARTS: Table = Table {
    name: "tree_parts",
    create: "
CREATE TABLE tree_parts (
    job INTEGER NOT NULL, part INTEGER NOT NULL, state INTEGER NOT NULL, files TEXT NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (job, part));
",
    columns: "job, part, state, files",
    key: "job, part",
};

/// What programs of several hosts remember together of servers: a document for each kind of knowledge. One host has files for it.
pub(super) const MEMORY: Table = Table {
    name: "memory",
    create: "CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL);",
    columns: "name, value",
    key: "name",
};

/// All tables of the journal.
pub(super) const TABLES: [&Table; 16] = [
    &JOBS,
    &PARTS,
    &ITEMS,
    &DETACHED,
    &FAILURES,
    &COMMITS,
    &PATH_FACTS,
    &WITHHELD,
    &RUNS,
    &QUEUE,
    &SERIES,
    &TOKENS,
    &WORKERS,
    &LEASES,
    &TREE_PARTS,
    &MEMORY,
];

impl Table {
    /// The number of its columns but the checksum.
    pub(super) fn width(&self) -> usize {
        self.columns.split(", ").count()
    }

    /// The statement that finds rows.
    pub(super) fn select(&self, condition: &str) -> String {
        format!("SELECT {}, sum FROM {} WHERE {condition}", self.columns, self.name)
    }

    /// The statement that writes a new row: nothing is looked for that it would replace.
    pub(super) fn addition(&self) -> String {
        let Self { name, columns, .. } = self;
        let marks: Vec<String> = (1..=self.width() + 1).map(|number| format!("?{number}")).collect();
        format!("INSERT INTO {name} ({columns}, sum) VALUES ({})", marks.join(", "))
    }

    /// The statement that writes a row in the place of the one with the same key.
    pub(super) fn replacement(&self) -> String {
        let is_key = |column: &str| self.key.split(", ").any(|key| key == column);
        let mut statement = format!("{} ON CONFLICT ({}) DO UPDATE SET ", self.addition(), self.key);
        for column in self.columns.split(", ").filter(|column| !is_key(column)) {
            // A String takes everything.
            let _ = write!(statement, "{column} = excluded.{column}, ");
        }
        statement.push_str("sum = excluded.sum");
        statement
    }

    /// Writes a row in the place of the one with the same key.
    pub(super) fn replace(&self, sql: &Sql, values: &[Value<'_>]) -> Result<(), StoreError> {
        insert(sql, &self.replacement(), values).map(drop)
    }

    /// The rows that fit, as `read` reads them. Each is checked.
    pub(super) fn find<T>(
        &self,
        sql: &Sql,
        condition: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.query(sql, &self.select(condition), values, read)
    }

    /// The same with a statement of [`select`](Self::select).
    pub(super) fn query<T>(
        &self,
        sql: &Sql,
        select: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        sql.all(select, values, |row| {
            self.check(row)?;
            read(row)
        })
    }

    /// Checks the sum of a row, which stands after its other columns.
    pub(super) fn check(&self, row: &Row<'_>) -> Result<(), StoreError> {
        let columns = row.width().saturating_sub(1);
        let values = (0..columns).map(|column| row.value(column)).collect::<Result<Vec<_>, _>>()?;
        if row.get::<i64>(columns)? == sum(&values) {
            Ok(())
        } else {
            // The number may be what has changed: it only helps a person who looks. A name counts as 0.
            let (name, number) = (self.name, row.get::<i64>(0).unwrap_or(0));
            let why = format!("the checksum of row {number} of the table {name} does not fit");
            Err(StoreError::Row(why.into()))
        }
    }
}

/// Writes a row by a statement of its table. Returns its sum.
pub(super) fn insert(sql: &Sql, statement: &str, values: &[Value<'_>]) -> Result<i64, StoreError> {
    let sum = sum(values);
    sql.write(statement, &[values, &[sum.into()]].concat())?;
    Ok(sum)
}

/// The sum of the other columns of a row. It is the same in every database.
pub(super) fn sum(values: &[Value<'_>]) -> i64 {
    // One call for the whole row costs less than one for each piece.
    let mut row = Vec::with_capacity(512);
    let mut add = |kind: u8, bytes: &[u8]| {
        row.push(kind);
        row.extend_from_slice(&bytes.len().to_le_bytes());
        row.extend_from_slice(bytes);
    };
    for value in values {
        match value {
            Value::Null => add(0, &[]),
            Value::Integer(number) => add(1, &number.to_le_bytes()),
            Value::Text(text) => add(3, text.as_bytes()),
            Value::Blob(bytes) => add(4, bytes),
        }
    }
    i64::from(crc32fast::hash(&row))
}

/// The number of transactions that have changed the journal, as its own row has it. Each of them adds one, so that a database which
/// has lost its last ones is known by its number.
pub(super) fn commits(sql: &Sql) -> Result<u64, StoreError> {
    let found = COMMITS.query(sql, &COMMITS_SO_FAR, &[], |row| row.get::<u64>(1))?;
    Ok(found.first().copied().unwrap_or(0))
}

/// The number of the transaction that goes on: one more than there were before it.
pub(super) fn transaction_number(sql: &Sql) -> Result<u64, StoreError> {
    sql.transaction_number(|| Ok(commits(sql)? + 1))
}

/// Counts the transaction that goes on. Returns its number.
pub(super) fn add_commit(sql: &Sql) -> Result<u64, StoreError> {
    let number = transaction_number(sql)?;
    insert(sql, &SAVE_COMMITS, &[1_i64.into(), number.into()])?;
    Ok(number)
}

/// Notes another number of transactions, of which nobody has seen the last.
pub(super) fn set_commits(sql: &Sql, number: u64) -> Result<(), StoreError> {
    sql.forget_transaction_number();
    COMMITS.replace(sql, &[1_i64.into(), number.into()])
}

/// Up to which change the ends of jobs were reported, if somebody wants to know of them.
pub(super) fn reported(sql: &Sql) -> Result<Option<u64>, StoreError> {
    let found = COMMITS.find(sql, "id = 2", &[], |row| row.get::<u64>(1))?;
    Ok(found.first().copied())
}

/// Notes up to which change the ends of jobs were reported; `None` if nobody wants to know of them.
pub(super) fn set_reported(sql: &Sql, number: Option<u64>) -> Result<(), StoreError> {
    match number {
        Some(number) => COMMITS.replace(sql, &[2_i64.into(), number.into()]),
        None => sql.write("DELETE FROM commits WHERE id = 2", &[]),
    }
}

/// The fence of the last lease.
pub(super) fn last_fence(sql: &Sql) -> Result<u64, StoreError> {
    let found = COMMITS.find(sql, "id = 3", &[], |row| row.get::<u64>(1))?;
    Ok(found.first().copied().unwrap_or(0))
}

/// Notes the fence of the last lease.
pub(super) fn set_last_fence(sql: &Sql, fence: u64) -> Result<(), StoreError> {
    COMMITS.replace(sql, &[3_i64.into(), fence.into()])
}

/// The fence of the next lease, which is `step` larger than that of the last one.
pub(super) fn next_fence(sql: &Sql, step: u64) -> Result<u64, StoreError> {
    let next = last_fence(sql)? + step;
    set_last_fence(sql, next)?;
    Ok(next)
}

/// What every transaction reads and writes.
static COMMITS_SO_FAR: LazyLock<String> = LazyLock::new(|| COMMITS.select("id = 1"));
static SAVE_COMMITS: LazyLock<String> = LazyLock::new(|| COMMITS.replacement());

/// Checks the sum of every file and every part, also of other jobs: a row that has changed may belong to another job now.
/// Runs are only shown, and are not checked here.
pub(super) fn check_files(sql: &Sql) -> Result<(), StoreError> {
    OF_JOB.iter().try_for_each(|(table, _)| table.find(sql, "TRUE", &[], |_| Ok(())).map(drop))
}

/// Checks the sum of every file and every part of a job.
pub(super) fn check_files_of(sql: &Sql, job: JobId) -> Result<(), StoreError> {
    let check =
        |(table, of_job): &(&Table, &str)| table.find(sql, of_job, &[job.into()], |_| Ok(())).map(drop);
    OF_JOB.iter().try_for_each(check)
}

/// Forgets a job and its files.
pub(super) fn forget(sql: &Sql, job: JobId) -> Result<(), StoreError> {
    // From the end: what is found by the files of the job goes before them.
    let others = [(&QUEUE, JOB), (&LEASES, JOB), (&TREE_PARTS, JOB), (&JOBS, "id = ?1")];
    OF_JOB.into_iter().rev().chain(others).try_for_each(|(Table { name, .. }, of_job)| {
        sql.write(&format!("DELETE FROM {name} WHERE {of_job}"), &[job.into()])
    })
}

/// What a job has besides its own row: tables, with the condition of the rows of one job. The files stand first, since others are found
/// by them.
const OF_JOB: [(&Table, &str); 6] = [
    (&ITEMS, JOB),
    (&PARTS, ITEM_OF_JOB),
    (&DETACHED, ITEM_OF_JOB),
    (&FAILURES, JOB),
    (&PATH_FACTS, JOB),
    (&WITHHELD, JOB),
];
const JOB: &str = "job = ?1";
const ITEM_OF_JOB: &str = "item IN (SELECT id FROM items WHERE job = ?1)";
