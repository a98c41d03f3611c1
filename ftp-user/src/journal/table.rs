//! The tables in SQLite. Every row has a checksum after its other columns, so that a byte that has changed on the disk is found
//! before anybody acts on it. Tables of an older version become those of this one.

use super::job_row::JobRow;
use super::record::{JobState, ReadWords, StoredJob};
use crate::id::JobId;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Params, Row, params_from_iter};
use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The version of these tables (`user_version`).
pub(super) const VERSION: i64 = 9;

/// Why a row cannot be used.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The database says so.
    Sql(rusqlite::Error),
    /// It is not what was written.
    Row(Cow<'static, str>),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// A row that this run has written is not there any more.
pub(super) const GONE: StoreError = StoreError::Row(Cow::Borrowed("a row of this run is gone"));

/// A table of the database.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The first version that has it.
    pub(super) since: i64,
    /// What creates it.
    pub(super) create: &'static str,
    /// Its columns but the checksum, which is the last one.
    pub(super) columns: &'static str,
}

/// What was asked for, and how it stands.
pub(super) const JOBS: Table = Table {
    name: "jobs",
    since: 1,
    create: "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, job TEXT NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
",
    columns: "id, verb, name, job, state, begun, ended, decided",
};

/// The files of jobs.
pub(super) const ITEMS: Table = Table {
    name: "items",
    since: 1,
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
};

/// The names under which something of a file may be stored.
pub(super) const PARTS: Table = Table {
    name: "parts",
    since: 1,
    create: "
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);
",
    columns: "part, item, number",
};

/// The transfers that may go on without this program.
pub(super) const DETACHED: Table = Table {
    name: "detached",
    since: 2,
    create: "
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);
",
    columns: "item, source, destination, path, before, moves",
};

/// A row for each job of whose last run something has failed.
pub(super) const FAILURES: Table = Table {
    name: "failures",
    since: 3,
    create: "
CREATE TABLE failures (job INTEGER PRIMARY KEY, number INTEGER NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL);
",
    columns: "job, number, why",
};

/// How many transactions have changed the journal: one row.
pub(super) const COMMITS: Table = Table {
    name: "commits",
    since: 4,
    create: "
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sum INTEGER NOT NULL);
",
    columns: "id, number",
};

/// What files that took the same path have in common. A row is written once for all of them.
pub(super) const PATH_FACTS: Table = Table {
    name: "path_facts",
    since: 5,
    create: "
CREATE TABLE path_facts (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source_control TEXT, dest_control TEXT, source_data TEXT, dest_data TEXT,
    why TEXT, sum INTEGER NOT NULL);
CREATE INDEX path_facts_by_job ON path_facts (job);
",
    columns: "id, job, source_control, dest_control, source_data, dest_data, why",
};

/// The names that the last run of a sync has kept because nobody had agreed to delete them: `path` is all of a `WithheldName`.
pub(super) const WITHHELD: Table = Table {
    name: "withheld",
    since: 6,
    create: "
CREATE TABLE withheld (job INTEGER NOT NULL, path BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (job, path));
",
    columns: "job, path",
};

/// What the last runs have tried. A run is one text: nothing but `why` looks into it.
pub(super) const RUNS: Table = Table {
    name: "runs",
    since: 7,
    create: "CREATE TABLE runs (id INTEGER PRIMARY KEY, account TEXT NOT NULL, sum INTEGER NOT NULL);",
    columns: "id, account",
};

/// The jobs that a daemon carries.
pub(super) const QUEUE: Table = Table {
    name: "queue",
    since: 9,
    create: "
CREATE TABLE queue (
    job INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, wish INTEGER NOT NULL, carried INTEGER NOT NULL, tries INTEGER NOT NULL, failing INTEGER,
    started INTEGER, ended INTEGER, exit INTEGER, cause TEXT, series INTEGER, sum INTEGER NOT NULL);
CREATE INDEX queue_open ON queue (owner, pair, priority, created) WHERE exit IS NULL;
CREATE INDEX queue_ended ON queue (ended) WHERE exit IS NOT NULL;
CREATE INDEX queue_carried ON queue (job) WHERE carried = 1;
",
    columns: "job, owner, pair, priority, created, due, wish, carried, tries, failing, started, ended, exit, cause, series",
};

/// The jobs that are carried again and again.
pub(super) const SERIES: Table = Table {
    name: "series",
    since: 9,
    create: "
CREATE TABLE series (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, job TEXT NOT NULL,
    every TEXT NOT NULL, zone TEXT NOT NULL, created INTEGER NOT NULL, next INTEGER, paused INTEGER NOT NULL, last INTEGER,
    sum INTEGER NOT NULL);
",
    columns: "id, owner, pair, priority, job, every, zone, created, next, paused, last",
};

/// All tables, in the order of their versions.
pub(super) const TABLES: [&Table; 11] =
    [&JOBS, &PARTS, &ITEMS, &DETACHED, &FAILURES, &COMMITS, &PATH_FACTS, &WITHHELD, &RUNS, &QUEUE, &SERIES];

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
        let marks = vec!["?"; self.width() + 1].join(", ");
        format!("INSERT INTO {name} ({columns}, sum) VALUES ({marks})")
    }

    /// The statement that writes a row in the place of the one that is there.
    pub(super) fn replacement(&self) -> String {
        self.addition().replacen("INSERT", "INSERT OR REPLACE", 1)
    }

    /// Writes a row in the place of the one that is there.
    pub(super) fn replace(&self, sql: &Connection, values: &[ValueRef<'_>]) -> Result<(), StoreError> {
        insert(sql, &self.replacement(), values).map(drop)
    }

    /// The rows that fit, as `read` reads them. Each is checked.
    pub(super) fn find<T>(
        &self,
        sql: &Connection,
        condition: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.query(sql, &self.select(condition), values, read)
    }

    /// The same with a statement of [`select`](Self::select).
    pub(super) fn query<T>(
        &self,
        sql: &Connection,
        select: &str,
        values: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = sql.prepare_cached(select)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            self.check(row)?;
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// Checks the sum of a row, which stands after its other columns.
    pub(super) fn check(&self, row: &Row<'_>) -> Result<(), StoreError> {
        let columns = row.as_ref().column_count().saturating_sub(1);
        let values = (0..columns).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
        if row.get::<_, i64>(columns)? == sum(values) {
            Ok(())
        } else {
            // The number may be what has changed: it only helps a person who looks.
            let (name, number) = (self.name, row.get::<_, i64>(0)?);
            let why = format!("the checksum of row {number} of the table {name} does not fit");
            Err(StoreError::Row(why.into()))
        }
    }
}

/// Writes a row by a statement of its table. Returns its sum.
pub(super) fn insert(sql: &Connection, statement: &str, values: &[ValueRef<'_>]) -> Result<i64, StoreError> {
    let sum = sum(values.iter().copied());
    let values = values.iter().copied().chain([ValueRef::Integer(sum)]).map(ToSqlOutput::Borrowed);
    sql.prepare_cached(statement)?.execute(params_from_iter(values))?;
    Ok(sum)
}

/// The sum of the other columns of a row.
pub(super) fn sum<'a>(values: impl IntoIterator<Item = ValueRef<'a>>) -> i64 {
    // One call for the whole row costs less than one for each piece.
    let mut row = Vec::with_capacity(512);
    let mut add = |kind: u8, bytes: &[u8]| {
        row.push(kind);
        row.extend_from_slice(&bytes.len().to_le_bytes());
        row.extend_from_slice(bytes);
    };
    for value in values {
        match value {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
            ValueRef::Real(number) => add(2, &number.to_le_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(bytes) => add(4, bytes),
        }
    }
    i64::from(crc32fast::hash(&row))
}

/// A text that may be missing.
pub(super) fn text(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}

/// A number that may be missing.
pub(super) fn number(number: Option<u64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, |number| ValueRef::Integer(number.cast_signed()))
}

/// Checks the sum of every file and every part, also of other jobs: a row that has changed may belong to another job now.
/// Runs are only shown, and are not checked here.
pub(super) fn check_files(sql: &Connection) -> Result<(), StoreError> {
    for table in [&ITEMS, &PARTS, &DETACHED, &FAILURES, &PATH_FACTS, &WITHHELD] {
        table.find(sql, "1", [], |_| Ok(()))?;
    }
    Ok(())
}

/// Checks the sum of every file and every part of a job.
pub(super) fn check_files_of(sql: &Connection, job: JobId) -> Result<(), StoreError> {
    const OF_ITEM: &str = "item IN (SELECT id FROM items WHERE job = ?1)";
    let of_job = "job = ?1";
    let tables = [
        (&ITEMS, of_job),
        (&PARTS, OF_ITEM),
        (&DETACHED, OF_ITEM),
        (&FAILURES, of_job),
        (&PATH_FACTS, of_job),
        (&WITHHELD, of_job),
    ];
    for (table, condition) in tables {
        table.find(sql, condition, [job.number().cast_signed()], |_| Ok(()))?;
    }
    Ok(())
}

/// Forgets a job and its files.
pub(super) fn forget(sql: &Connection, job: JobId) -> Result<(), StoreError> {
    for rows in [
        "failures WHERE job = ?1",
        "withheld WHERE job = ?1",
        "parts WHERE item IN (SELECT id FROM items WHERE job = ?1)",
        "detached WHERE item IN (SELECT id FROM items WHERE job = ?1)",
        "items WHERE job = ?1",
        "path_facts WHERE job = ?1",
        "queue WHERE job = ?1",
        "jobs WHERE id = ?1",
    ] {
        sql.execute(&format!("DELETE FROM {rows}"), [job.number().cast_signed()])?;
    }
    Ok(())
}

/// Makes the tables of this version, from those of an older one if there are any (version 0 has none). Words of jobs are read
/// with `read`.
pub(super) fn upgrade(sql: &Connection, version: i64, read: ReadWords) -> Result<(), StoreError> {
    for table in TABLES.iter().filter(|table| table.since > version) {
        sql.execute_batch(table.create)?;
    }
    match version {
        1 => widen_items(sql, &FIRST_ITEMS)?,
        2..=4 => widen_items(sql, &SECOND_ITEMS)?,
        _ => {}
    }
    if (1..FIRST_WITH_VALUES).contains(&version) { read_jobs(sql, read) } else { Ok(()) }
}

/// The first version that keeps jobs as values.
const FIRST_WITH_VALUES: i64 = 8;

/// Makes values of jobs of which versions 1 to 7 have kept the words. Every row is checked by its old sum.
fn read_jobs(sql: &Connection, read: ReadWords) -> Result<(), StoreError> {
    let jobs = OLD_JOBS.find(sql, "1", [], |row| {
        let words = row.get::<_, Vec<u8>>(3)?;
        let words = words.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
        let directory = OsString::from_vec(row.get(4)?).into();
        let job = StoredJob::of_words(words, directory, read);
        Ok(JobRow {
            id: JobId::new(row.get::<_, i64>(0)?.cast_unsigned()),
            job: StoredJob { verb: row.get(1)?, name: row.get(2)?, ..job },
            state: JobState::numbered(row.get(5)?)?,
            begun: row.get::<_, i64>(6)?.cast_unsigned(),
            ended: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
            decided: row.get(8)?,
        })
    })?;
    sql.execute_batch("DROP TABLE jobs;")?;
    sql.execute_batch(JOBS.create)?;
    jobs.iter().try_for_each(|job| job.save(sql))
}

/// Gives files of an older version the columns of this one. Every row is checked by its old sum, and gets a new one.
fn widen_items(sql: &Connection, old: &Table) -> Result<(), StoreError> {
    sql.execute_batch(
        "ALTER TABLE items RENAME TO old_items; DROP INDEX items_by_place; DROP INDEX items_by_job;",
    )?;
    sql.execute_batch(ITEMS.create)?;
    let mut statement = sql.prepare(&format!("SELECT {}, sum FROM old_items", old.columns))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        old.check(row)?;
        let width = old.width();
        let mut values = (0..width).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
        // What nobody has noted is not known. Attempts are counted from here on.
        let is_known = |column: usize| column == SECOND_ITEMS.width();
        let new = |column| if is_known(column) { ValueRef::Integer(0) } else { ValueRef::Null };
        values.extend((width..ITEMS.width()).map(new));
        ITEMS.replace(sql, &values)?;
    }
    drop(rows);
    drop(statement);
    Ok(sql.execute_batch("DROP TABLE old_items;")?)
}

/// The jobs of versions 1 to 7.
const OLD_JOBS: Table =
    Table { columns: "id, verb, name, words, directory, state, begun, ended, decided", ..JOBS };
/// The files of version 1.
const FIRST_ITEMS: Table = Table {
    columns: "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why",
    ..ITEMS
};
/// The files of versions 2 to 4. The next column is the number of attempts.
const SECOND_ITEMS: Table = Table {
    columns: "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended",
    ..ITEMS
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::{Failures, ItemRecord, ItemState, JobStart, NewItem, PartId, Place, RunEnd};
    use crate::journal::store::{FILE, Store};
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
        let before = fs::read(&file).unwrap();
        let Err(why) = Store::open_for_tests(home.path()) else { panic!("it was taken") };
        assert!(why.to_string().contains("it is a database of another program"), "{why}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }

    /// Writes the words of jobs in the place of their values.
    fn make_words(sql: &Connection) {
        let jobs = JobRow::all(sql).unwrap();
        sql.execute_batch(
            "DROP TABLE jobs;
            CREATE TABLE jobs (
                id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, words BLOB NOT NULL,
                directory BLOB NOT NULL, state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT,
                sum INTEGER NOT NULL);",
        )
        .unwrap();
        for job in jobs {
            let words: Vec<_> = job.job.words.iter().map(|word| word.as_bytes()).collect();
            let words = words.join(&0);
            let values = [
                ValueRef::Integer(job.id.number().cast_signed()),
                ValueRef::Text(job.job.verb.as_bytes()),
                ValueRef::Null,
                ValueRef::Blob(&words),
                ValueRef::Blob(job.job.directory.as_os_str().as_bytes()),
                ValueRef::Integer(0),
                ValueRef::Integer(job.begun.cast_signed()),
                ValueRef::Null,
                ValueRef::Null,
            ];
            OLD_JOBS.replace(sql, &values).unwrap();
        }
    }

    /// Writes the tables of an older version in the place of those that are there.
    fn make_old(sql: &Connection, version: i64) {
        sql.execute_batch(&format!("DROP TABLE queue; DROP TABLE series; PRAGMA user_version = {version}"))
            .unwrap();
        if version < FIRST_WITH_VALUES {
            make_words(sql);
        }
        if version < 7 {
            sql.execute_batch("DROP TABLE runs").unwrap();
        }
        if version < 6 {
            sql.execute_batch("DROP TABLE withheld").unwrap();
        }
        if version >= 5 {
            return;
        }
        let (old, times) = match version {
            1 => (FIRST_ITEMS, ""),
            _ => (SECOND_ITEMS, "began INTEGER, ended INTEGER,"),
        };
        sql.execute_batch(&format!(
            "ALTER TABLE items RENAME TO new_items; DROP INDEX items_by_place; DROP INDEX items_by_job;
            DROP TABLE path_facts;
            CREATE TABLE items (
                id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL,
                path BLOB NOT NULL, state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT,
                looked INTEGER NOT NULL, bytes INTEGER NOT NULL, verified TEXT, taken TEXT, why TEXT, {times}
                sum INTEGER NOT NULL);
            CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
            CREATE INDEX items_by_job ON items (job, state);
            PRAGMA user_version = {version};",
        ))
        .unwrap();
        for (table, since) in [("commits", 4), ("failures", 3), ("detached", 2)] {
            if version < since {
                sql.execute_batch(&format!("DROP TABLE {table}")).unwrap();
            }
        }
        let mut statement = sql.prepare(&format!("SELECT {} FROM new_items", old.columns)).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..old.width()).map(|index| row.get_ref(index).unwrap()).collect();
            old.replace(sql, &values).unwrap();
        }
        drop(rows);
        drop(statement);
        sql.execute_batch("DROP TABLE new_items").unwrap();
    }

    /// Older versions have no mark.
    fn remove_mark_before(home: &Path, version: i64) {
        if version < 4 {
            fs::remove_file(home.join(format!("{FILE}-mark"))).unwrap();
        }
    }

    fn files(home: &Path) -> Vec<ItemRecord> {
        Store::existing_for_tests(home).unwrap().unwrap().items(JobId::new(1), ItemState::Open).unwrap()
    }

    #[test]
    fn n8_a_journal_of_an_older_version_is_read_as_it_was_written_and_not_if_a_row_has_changed() {
        for (version, has_changed) in [
            (1, false),
            (1, true),
            (2, false),
            (3, false),
            (4, false),
            (4, true),
            (5, false),
            (6, false),
            (7, false),
            (8, false),
        ] {
            let home = tempfile::tempdir().unwrap();
            let (id, job) = (JobId::new(1), StoredJob::for_tests("copy a b"));
            let store = Store::open_for_tests(home.path()).unwrap();
            let _lock = store.start(&JobStart { id, job, resumes: false }).unwrap();
            let place = Place { source: "a".to_owned(), site: "two".to_owned(), path: b"f".to_vec() };
            let file = NewItem { place, part: Some(PartId(7)), seen: None, takes_over: true };
            store.durably(|store| store.begin(id, &file)).unwrap();
            let written = files(home.path());
            drop(store);
            let sql = Connection::open(home.path().join(FILE)).unwrap();
            make_old(&sql, version);
            remove_mark_before(home.path(), version);
            if has_changed {
                sql.execute("UPDATE items SET path = 'g'", []).unwrap();
                assert!(Store::existing_for_tests(home.path()).is_err());
                assert!(
                    Store::existing_for_tests(home.path()).is_err(),
                    "the first look has changed nothing"
                );
                continue;
            }
            assert_eq!(written, files(home.path()), "version {version}");
            assert_eq!(written.first().map(|file| file.parts.names.clone()), Some(vec![PartId(7)]));
        }
    }

    #[test]
    fn n8_words_of_jobs_are_read_once_and_a_job_whose_words_are_not_understood_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open_for_tests(home.path()).unwrap();
        for (number, words) in [(1, "copy -r a b"), (2, "copy --gone a b")] {
            let job = StoredJob { directory: "/srv".into(), ..StoredJob::for_tests(words) };
            drop(store.start(&JobStart { id: JobId::new(number), job, resumes: false }).unwrap());
        }
        let written = store.jobs().unwrap();
        make_old(&store.sql, 7);
        drop(store);
        let read: ReadWords = |words| {
            let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
            (!words.contains(&"--gone")).then(|| StoredJob::for_tests(&words.join(" ")).options)
        };
        let found = Store::existing(home.path(), read).unwrap().unwrap().jobs().unwrap();
        assert_eq!(found[0], written[0]);
        assert!(!found[1].job.can_run());
        assert_eq!((&found[1].job.words, &found[1].job.verb), (&written[1].job.words, &written[1].job.verb));
        // Nobody reads the words a second time.
        let again = Store::existing(home.path(), |_| panic!("they were read")).unwrap().unwrap();
        assert_eq!(again.jobs().unwrap(), found);
    }

    #[test]
    fn n8_a_journal_without_the_failures_of_jobs_gets_a_place_for_them() {
        let home = tempfile::tempdir().unwrap();
        let (id, job) = (JobId::new(1), StoredJob::for_tests("copy a b"));
        let store = Store::open_for_tests(home.path()).unwrap();
        let _lock = store.start(&JobStart { id, job, resumes: false }).unwrap();
        drop(store);
        let sql = Connection::open(home.path().join(FILE)).unwrap();
        make_old(&sql, 2);
        remove_mark_before(home.path(), 2);
        let store = Store::existing_for_tests(home.path()).unwrap().unwrap();
        let failures = Failures { number: 2, why: "no".to_owned() };
        store.finish(id, RunEnd::Failed, Some(&failures)).unwrap();
        assert_eq!(store.jobs().unwrap()[0].why.as_deref(), Some("no"));
    }
}
