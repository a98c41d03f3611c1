//! Tables of an older version become those of this one. Every row is checked by its old sum.

use crate::journal::job_row::JobRow;
use crate::journal::record::{JobState, ReadWords, StoredJob};
use crate::journal::sql::{OwnedValue, Sql, StoreError, Value};
use crate::journal::table::{ITEMS, JOBS, JOBS_BY_BEGINNING, QUEUE, SERIES, TABLES, Table, insert};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Makes the tables of this version, from those of an older one if there are any (version 0 has none). Words of jobs are read
/// with `read`.
pub(super) fn upgrade(sql: &Sql, version: i64, read: ReadWords) -> Result<(), StoreError> {
    for table in TABLES.iter().filter(|table| table.since > version) {
        sql.run_all(table.create)?;
    }
    match version {
        1 => widen_items(sql, &FIRST_ITEMS)?,
        2..=4 => widen_items(sql, &SECOND_ITEMS)?,
        9 => {
            let (no, none) = (Value::Integer(0), Value::Text("{}"));
            widen(sql, &FIRST_QUEUE, &QUEUE, &[Value::Null, Value::Null, no, none, no, no, no, no])?;
            widen(sql, &FIRST_SERIES, &SERIES, &[no, none])?;
        }
        _ => {}
    }
    if (1..FIRST_WITH_VALUES).contains(&version) {
        read_jobs(sql, read)?;
    }
    if version < 11 { sql.run_all(JOBS_BY_BEGINNING) } else { Ok(()) }
}

/// The first version that keeps jobs as values.
const FIRST_WITH_VALUES: i64 = 8;

/// Makes values of jobs of which versions 1 to 7 have kept the words. Every row is checked by its old sum.
fn read_jobs(sql: &Sql, read: ReadWords) -> Result<(), StoreError> {
    let jobs = OLD_JOBS.find(sql, "TRUE", [], |row| {
        let words = row.get::<Vec<u8>>(3)?;
        let words = words.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
        let directory = OsString::from_vec(row.get(4)?).into();
        let job = StoredJob::of_words(words, directory, read);
        Ok(JobRow {
            id: row.get(0)?,
            job: StoredJob { verb: row.get(1)?, name: row.get(2)?, ..job },
            state: JobState::numbered(row.get(5)?)?,
            begun: row.get(6)?,
            ended: row.get(7)?,
            decided: row.get(8)?,
        })
    })?;
    sql.run_all("DROP TABLE jobs;")?;
    sql.run_all(JOBS.create)?;
    jobs.iter().try_for_each(|job| job.save(sql))
}

/// Gives files of an older version the columns of this one. Every row is checked by its old sum, and gets a new one.
fn widen_items(sql: &Sql, old: &Table) -> Result<(), StoreError> {
    sql.run_all(
        "ALTER TABLE items RENAME TO old_items; DROP INDEX items_by_place; DROP INDEX items_by_job;",
    )?;
    sql.run_all(ITEMS.create)?;
    let (width, replacement) = (old.width(), ITEMS.replacement());
    sql.query(&format!("SELECT {}, sum FROM old_items", old.columns), [], |row| {
        old.check(row)?;
        let mut values = (0..width).map(|index| row.value(index)).collect::<Result<Vec<_>, _>>()?;
        // What nobody has noted is not known. Attempts are counted from here on.
        let is_known = |column: usize| column == SECOND_ITEMS.width();
        let new = |column| if is_known(column) { Value::Integer(0) } else { Value::Null };
        values.extend((width..ITEMS.width()).map(new));
        insert(sql, &replacement, &values).map(drop)
    })?;
    sql.run_all("DROP TABLE old_items;")
}

/// Gives the rows of a table of version 9 the columns of this one. Every row is checked by its old sum.
fn widen(sql: &Sql, old: &Table, new: &Table, added: &[Value<'_>]) -> Result<(), StoreError> {
    let width = old.width();
    let rows = old.find(sql, "TRUE", [], |row| {
        (0..width).map(|index| row.value(index).map(OwnedValue::from)).collect::<Result<Vec<_>, _>>()
    })?;
    sql.run_all(&format!("DROP TABLE {}; {}", new.name, new.create))?;
    rows.iter().try_for_each(|row| {
        let row: Vec<_> = row.iter().map(OwnedValue::borrowed).chain(added.iter().copied()).collect();
        new.replace(sql, &row)
    })
}

/// The jobs of the queue of version 9.
const FIRST_QUEUE: Table = Table {
    columns: "job, owner, pair, priority, created, due, wish, carried, tries, failing, started, ended, exit, cause, series",
    ..QUEUE
};
/// The series of version 9.
const FIRST_SERIES: Table =
    Table { columns: "id, owner, pair, priority, job, every, zone, created, next, paused, last", ..SERIES };
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
    use crate::id::JobId;
    use crate::journal::directory::FILE;
    use crate::journal::queue::{Queue, entries};
    use crate::journal::record::{Failures, ItemRecord, ItemState, JobStart, NewItem, PartId, Place, RunEnd};
    use crate::journal::sql::SqliteConnection;
    use crate::journal::store::Store;
    use crate::queue::{Entry, Submission, Wish};
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        SqliteConnection::open_for_tests(&file).run_all("CREATE TABLE diary (day TEXT)").unwrap();
        let before = fs::read(&file).unwrap();
        let Err(why) = Store::file_for_tests(home.path()) else { panic!("it was taken") };
        assert!(why.to_string().contains("it is a database of another program"), "{why}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }

    /// Writes the words of jobs in the place of their values.
    fn make_words(sql: &Sql) {
        let jobs = JobRow::all(sql).unwrap();
        sql.run_all(
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
                job.id.into(),
                (&job.job.verb).into(),
                Value::Null,
                (&words).into(),
                job.job.directory.as_os_str().as_bytes().into(),
                Value::Integer(0),
                job.begun.into(),
                Value::Null,
                Value::Null,
            ];
            OLD_JOBS.replace(sql, &values).unwrap();
        }
    }

    /// Makes the tables of the queue of version 9, with a job and a series.
    fn make_first_queue(sql: &Sql) {
        sql.run_all(
            "CREATE TABLE queue (
                job INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL,
                created INTEGER NOT NULL, due INTEGER NOT NULL, wish INTEGER NOT NULL, carried INTEGER NOT NULL,
                tries INTEGER NOT NULL, failing INTEGER, started INTEGER, ended INTEGER, exit INTEGER, cause TEXT,
                series INTEGER, sum INTEGER NOT NULL);
            CREATE INDEX queue_ended ON queue (ended) WHERE exit IS NOT NULL;
            CREATE TABLE series (
                id INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL,
                job TEXT NOT NULL, every TEXT NOT NULL, zone TEXT NOT NULL, created INTEGER NOT NULL, next INTEGER,
                paused INTEGER NOT NULL, last INTEGER, sum INTEGER NOT NULL);",
        )
        .unwrap();
        let (number, null) = (Value::Integer, Value::Null);
        let (ann, pair) = (Value::Text("ann"), Value::Text("one two"));
        let job = JobRow::written_job(&StoredJob::for_tests("copy a b")).unwrap();
        let times = [number(5), number(7), number(1), number(0), number(3), number(6), null, null, null];
        let first = [number(1), ann, pair, number(4)].into_iter().chain(times);
        FIRST_QUEUE.replace(sql, &first.chain([null, number(2)]).collect::<Vec<_>>()).unwrap();
        let series = [number(2), ann, pair, number(4), (&job).into(), Value::Text("1h")];
        let rest = [Value::Text("UTC"), number(5), null, number(1), number(1)];
        FIRST_SERIES.replace(sql, &series.into_iter().chain(rest).collect::<Vec<_>>()).unwrap();
    }

    #[test]
    fn a_queue_of_version_9_is_read_as_it_was_written() {
        let home = tempfile::tempdir().unwrap();
        drop(Store::file_for_tests(home.path()).unwrap());
        let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
        make_old(&sql, 9);
        let queue = Queue::of(Store::file_for_tests(home.path()).unwrap());
        let (_, entry) =
            queue.with(|store| Ok(entries(&store.sql, "TRUE", []).unwrap().pop().unwrap())).unwrap();
        let submission = Submission {
            owner: "ann".to_owned(),
            pair: "one two".to_owned(),
            priority: 4.try_into().unwrap(),
            ..Submission::default()
        };
        let expect = Entry {
            submission: submission.clone(),
            created: 5,
            due: 7,
            wish: Wish::Pause,
            tries: 3,
            failing_since: Some(6),
            series: Some(JobId::new(2)),
            ..Entry::default()
        };
        assert_eq!(entry, expect);
        let series = queue.series().unwrap();
        assert_eq!(series[0].series.submission, submission);
        assert!(series[0].series.is_paused && series[0].series.last == Some(JobId::new(1)));
    }

    /// Writes the tables of an older version in the place of those that are there.
    fn make_old(sql: &Sql, version: i64) {
        sql.run_all(&format!(
            "DROP TABLE workers; DROP TABLE leases; DROP INDEX jobs_by_beginning; PRAGMA user_version = {version}"
        ))
        .unwrap();
        if version < 10 {
            sql.run_all("DROP TABLE queue; DROP TABLE series; DROP TABLE tokens").unwrap();
        }
        if version == 9 {
            make_first_queue(sql);
        }
        if version < FIRST_WITH_VALUES {
            make_words(sql);
        }
        if version < 7 {
            sql.run_all("DROP TABLE runs").unwrap();
        }
        if version < 6 {
            sql.run_all("DROP TABLE withheld").unwrap();
        }
        if version >= 5 {
            return;
        }
        let (old, times) = match version {
            1 => (FIRST_ITEMS, ""),
            _ => (SECOND_ITEMS, "began INTEGER, ended INTEGER,"),
        };
        sql.run_all(&format!(
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
                sql.run_all(&format!("DROP TABLE {table}")).unwrap();
            }
        }
        sql.query(&format!("SELECT {} FROM new_items", old.columns), [], |row| {
            let values: Vec<_> = (0..old.width()).map(|index| row.value(index).unwrap()).collect();
            old.replace(sql, &values)
        })
        .unwrap();
        sql.run_all("DROP TABLE new_items").unwrap();
    }

    /// Older versions have no mark.
    fn remove_mark_before(home: &Path, version: i64) {
        if version < 4 {
            fs::remove_file(home.join(format!("{FILE}-mark"))).unwrap();
        }
    }

    fn files(home: &Path) -> Vec<ItemRecord> {
        Store::existing_file_for_tests(home).unwrap().unwrap().items(JobId::new(1), ItemState::Open).unwrap()
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
            (9, false),
            (10, false),
        ] {
            let home = tempfile::tempdir().unwrap();
            let (id, job) = (JobId::new(1), StoredJob::for_tests("copy a b"));
            let store = Store::file_for_tests(home.path()).unwrap();
            let _lock = store.start(&JobStart { id, job, resumes: false, lease: None }).unwrap();
            let place = Place { source: "a".to_owned(), site: "two".to_owned(), path: b"f".to_vec() };
            let file = NewItem { place, part: Some(PartId(7)), seen: None, takes_over: true };
            store.durably(|store| store.begin(id, &file)).unwrap();
            let written = files(home.path());
            drop(store);
            let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
            make_old(&sql, version);
            remove_mark_before(home.path(), version);
            if has_changed {
                sql.execute("UPDATE items SET path = 'g'", []).unwrap();
                assert!(Store::existing_file_for_tests(home.path()).is_err());
                assert!(
                    Store::existing_file_for_tests(home.path()).is_err(),
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
        let store = Store::file_for_tests(home.path()).unwrap();
        for (number, words) in [(1, "copy -r a b"), (2, "copy --gone a b")] {
            let job = StoredJob { directory: "/srv".into(), ..StoredJob::for_tests(words) };
            drop(
                store.start(&JobStart { id: JobId::new(number), job, resumes: false, lease: None }).unwrap(),
            );
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
        let store = Store::file_for_tests(home.path()).unwrap();
        let _lock = store.start(&JobStart { id, job, resumes: false, lease: None }).unwrap();
        drop(store);
        let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
        make_old(&sql, 2);
        remove_mark_before(home.path(), 2);
        let store = Store::existing_file_for_tests(home.path()).unwrap().unwrap();
        let failures = Failures { number: 2, why: "no".to_owned() };
        store.finish(id, RunEnd::Failed, Some(&failures)).unwrap();
        assert_eq!(store.jobs().unwrap()[0].why.as_deref(), Some("no"));
    }
}
