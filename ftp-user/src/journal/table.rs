//! The tables. Every row has a checksum after its other columns, so that a byte that has changed on the disk is found
//! before anybody acts on it.

use super::sql::{Counters, Row, Sql, StoreError, Value};
use crate::id::JobId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::LazyLock;

/// The version of these tables.
pub(super) const VERSION: i64 = 16;
/// The newest version whose tables this program can use: those of the next version have only more of them.
pub(super) const NEWEST: i64 = VERSION + 1;

/// What creates all tables and their indexes. [`Table`] reads it: a blank line stands between the tables, `sum` is the last column, and
/// the key is that of one column or the last line of the columns.
pub(super) const DEFINITIONS: &str = include_str!("tables.sql");

/// What a definition begins with.
const CREATE: &str = "CREATE TABLE ";

/// A table of the database, as its definition says.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What creates it.
    pub(super) create: &'static str,
    /// Its columns but the checksum, which is the last one.
    pub(super) columns: Vec<&'static str>,
    /// Those of its columns that no two rows have the same of.
    pub(super) key: Vec<&'static str>,
}

// What each of them holds stands in `tables.sql`.

pub(super) static JOBS: LazyLock<Table> = LazyLock::new(|| Table::named("jobs"));
pub(super) static ITEMS: LazyLock<Table> = LazyLock::new(|| Table::named("items"));
pub(super) static PARTS: LazyLock<Table> = LazyLock::new(|| Table::named("parts"));
pub(super) static DETACHED: LazyLock<Table> = LazyLock::new(|| Table::named("detached"));
pub(super) static FAILURES: LazyLock<Table> = LazyLock::new(|| Table::named("failures"));
pub(super) static COMMITS: LazyLock<Table> = LazyLock::new(|| Table::named("commits"));
pub(super) static PATH_FACTS: LazyLock<Table> = LazyLock::new(|| Table::named("path_facts"));
pub(super) static WITHHELD: LazyLock<Table> = LazyLock::new(|| Table::named("withheld"));
pub(super) static RUNS: LazyLock<Table> = LazyLock::new(|| Table::named("runs"));
pub(super) static QUEUE: LazyLock<Table> = LazyLock::new(|| Table::named("queue"));
pub(super) static SERIES: LazyLock<Table> = LazyLock::new(|| Table::named("series"));
pub(super) static TOKENS: LazyLock<Table> = LazyLock::new(|| Table::named("tokens"));
pub(super) static WORKERS: LazyLock<Table> = LazyLock::new(|| Table::named("workers"));
pub(super) static LEASES: LazyLock<Table> = LazyLock::new(|| Table::named("leases"));
pub(super) static TREE_PARTS: LazyLock<Table> = LazyLock::new(|| Table::named("tree_parts"));
pub(super) static MEMORY: LazyLock<Table> = LazyLock::new(|| Table::named("memory"));

/// The id in the first column of a damaged row, and what is wrong with it.
pub(super) type DamagedRow = (JobId, StoreError);

impl Table {
    /// The table that has this name. Each name has a definition, as a test says.
    fn named(name: &str) -> Self {
        static ALL: LazyLock<Vec<Table>> =
            LazyLock::new(|| DEFINITIONS.split("\n\n").filter_map(Table::of).collect());
        ALL.iter().find(|table| table.name == name).cloned().unwrap_or_default()
    }

    /// Reads a definition; `None` if the text has none.
    fn of(text: &'static str) -> Option<Self> {
        let create = text.get(text.find(CREATE)?..)?;
        let (name, columns) = create.strip_prefix(CREATE)?.split_once(" (")?;
        let (columns, _) = columns.split_once(");")?;
        let (columns, key_of_several) = columns.split_once("PRIMARY KEY (").unwrap_or((columns, ""));
        let column = |text: &'static str| text.split_whitespace().next().filter(|column| *column != "sum");
        let key = match key_of_several.strip_suffix(')') {
            Some(key) => key.split(", ").collect(),
            None => {
                columns.split(',').filter(|text| text.contains("PRIMARY KEY")).filter_map(column).collect()
            }
        };
        Some(Self { name, create, columns: columns.split(',').filter_map(column).collect(), key })
    }

    /// The statement that finds rows.
    pub(super) fn select(&self, condition: &str) -> String {
        format!("SELECT {}, sum FROM {} WHERE {condition}", self.columns.join(", "), self.name)
    }

    /// The statement that writes a new row: nothing is looked for that it would replace.
    pub(super) fn addition(&self) -> String {
        let (name, columns) = (self.name, self.columns.join(", "));
        let marks: Vec<String> = (1..=self.columns.len() + 1).map(|number| format!("?{number}")).collect();
        format!("INSERT INTO {name} ({columns}, sum) VALUES ({})", marks.join(", "))
    }

    /// The statement that writes a row in the place of the one with the same key.
    pub(super) fn replacement(&self) -> String {
        let changed = self.columns.iter().filter(|column| !self.key.contains(column));
        let changed: String = changed.map(|column| format!("{column} = excluded.{column}, ")).collect();
        let key = self.key.join(", ");
        format!("{} ON CONFLICT ({key}) DO UPDATE SET {changed}sum = excluded.sum", self.addition())
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
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        sql.all(&self.select(condition), values, |row| {
            self.check(row)?;
            read(row)
        })
    }

    /// The same, but rows that are not what was written keep nobody from the others. Second, what stands in their first column, and
    /// what is wrong with them.
    pub(super) fn find_whole<T>(
        &self,
        sql: &Sql,
        condition: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<(Vec<T>, Vec<DamagedRow>), StoreError> {
        let mut damaged = Vec::new();
        let found =
            sql.all(&self.select(condition), values, |row| match self.check(row).and_then(|()| read(row)) {
                Err(bad @ StoreError::Row(_)) => {
                    damaged.push((row.get(0).unwrap_or_default(), bad));
                    Ok(None)
                }
                found => found.map(Some),
            })?;
        Ok((found.into_iter().flatten().collect(), damaged))
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

/// The value of a text in JSON. `what` names it in a failure.
pub(super) fn read_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| StoreError::Row(format!("{what} cannot be read: {why}").into()))
}

/// The text of a value in JSON.
pub(super) fn written_json(value: &impl Serialize, what: &str) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|why| StoreError::Row(format!("{what} cannot be written: {why}").into()))
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

/// The counters of the store.
pub(super) fn counters(sql: &Sql) -> Result<Counters, StoreError> {
    sql.counters(|| {
        let mut counters = Counters::default();
        let read = |row: &Row<'_>| Ok((row.get(0)?, COMMITS.check(row).and_then(|()| row.get::<u64>(1))));
        for (id, number) in sql.all(&ALL_COUNTERS, &[], read)? {
            match id {
                // What nobody knows to be reported is begun anew, and keeps nobody from the others.
                REPORTED => counters.reported = number.ok(),
                COMMITS_SO_FAR => counters.commits = number?,
                LAST_FENCE => counters.fence = number?,
                _ => {}
            }
        }
        Ok(counters)
    })
}

/// The number of the transaction that goes on: one more than there were before it.
pub(super) fn transaction_number(sql: &Sql) -> Result<u64, StoreError> {
    Ok(counters(sql)?.commits + 1)
}

/// Counts the transaction that goes on. Returns its number.
pub(super) fn add_commit(sql: &Sql) -> Result<u64, StoreError> {
    let number = transaction_number(sql)?;
    insert(sql, &SAVE_COUNTER, &[COMMITS_SO_FAR.into(), number.into()])?;
    Ok(number)
}

/// Notes other counters.
pub(super) fn set_counters(sql: &Sql, new: Counters) -> Result<(), StoreError> {
    let old = counters(sql)?;
    sql.set_counters(new);
    let save = |id: i64, number: u64| insert(sql, &SAVE_COUNTER, &[id.into(), number.into()]).map(drop);
    if new.commits != old.commits {
        save(COMMITS_SO_FAR, new.commits)?;
    }
    if new.fence != old.fence {
        save(LAST_FENCE, new.fence)?;
    }
    match new.reported {
        same if same == old.reported => Ok(()),
        Some(number) => save(REPORTED, number),
        None => sql.write("DELETE FROM commits WHERE id = ?1", &[REPORTED.into()]),
    }
}

/// The fence of the next lease, which is `step` larger than that of the last one.
pub(super) fn next_fence(sql: &Sql, step: u64) -> Result<u64, StoreError> {
    let counters = counters(sql)?;
    let fence = counters.fence + step;
    set_counters(sql, Counters { fence, ..counters })?;
    Ok(fence)
}

/// The rows of the counters.
const COMMITS_SO_FAR: i64 = 1;
const REPORTED: i64 = 2;
const LAST_FENCE: i64 = 3;
/// What every transaction reads and writes.
static ALL_COUNTERS: LazyLock<String> = LazyLock::new(|| COMMITS.select("TRUE"));
static SAVE_COUNTER: LazyLock<String> = LazyLock::new(|| COMMITS.replacement());

/// Checks the sum of every file and every part, also of other jobs: a row that has changed may belong to another job now.
/// Runs are only shown, and are not checked here.
pub(super) fn check_files(sql: &Sql) -> Result<(), StoreError> {
    OF_JOB.iter().try_for_each(|(table, _)| table.find(sql, "TRUE", &[], |_| Ok(())).map(drop))
}

/// Checks the sum of every file and every part of a job.
pub(super) fn check_files_of(sql: &Sql, job: JobId) -> Result<(), StoreError> {
    let check = |(table, of_job): &(&LazyLock<Table>, &str)| {
        table.find(sql, of_job, &[job.into()], |_| Ok(())).map(drop)
    };
    OF_JOB.iter().try_for_each(check)
}

/// Forgets a job and its files.
pub(super) fn forget(sql: &Sql, job: JobId) -> Result<(), StoreError> {
    forget_all(sql, &[job])
}

/// Forgets these jobs and their files.
pub(super) fn forget_all(sql: &Sql, jobs: &[JobId]) -> Result<(), StoreError> {
    // From the end: what is found by the files of the job goes before them.
    let others = [(&QUEUE, JOB), (&LEASES, JOB), (&TREE_PARTS, JOB), (&JOBS, "id = ?1")];
    for (table, of_job) in OF_JOB.iter().rev().chain(&others) {
        let delete = format!("DELETE FROM {} WHERE {of_job}", table.name);
        jobs.iter().try_for_each(|job| sql.write(&delete, &[(*job).into()]))?;
    }
    Ok(())
}

/// What a job has besides its own row: tables, with the condition of the rows of one job. The files stand first, since others are found
/// by them.
static OF_JOB: [(&LazyLock<Table>, &str); 6] = [
    (&ITEMS, JOB),
    (&PARTS, ITEM_OF_JOB),
    (&DETACHED, ITEM_OF_JOB),
    (&FAILURES, JOB),
    (&PATH_FACTS, JOB),
    (&WITHHELD, JOB),
];
const JOB: &str = "job = ?1";
const ITEM_OF_JOB: &str = "item IN (SELECT id FROM items WHERE job = ?1)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::Store;

    #[test]
    fn a_table_is_read_from_its_definition_as_the_database_reads_it() {
        let (_home, store) = Store::for_tests();
        if store.sql.sqlite().is_err() {
            return;
        }
        let all = [
            &JOBS,
            &ITEMS,
            &PARTS,
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
        assert_eq!(DEFINITIONS.matches("CREATE TABLE").count(), all.len());
        for table in all {
            let ask = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid";
            let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<bool>(1)?));
            let found = store.sql.all(ask, &[table.name.into()], read).unwrap();
            let columns: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(columns, [&table.columns[..], &["sum"]].concat(), "{}", table.name);
            let keys = found.iter().filter(|(_, is_key)| *is_key).map(|(name, _)| name.as_str());
            let keys: Vec<&str> = keys.collect();
            assert_eq!(keys, table.key, "{}", table.name);
        }
    }
}
