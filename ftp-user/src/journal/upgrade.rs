//! Tables of an older version become those of this one.

use super::checksum::{Bad, check, replace};
use super::commits::COMMITS_OF_JOURNAL;
use super::failed::FAILURES_OF_JOBS;
use super::job_row::JobRow;
use super::path_facts::PATH_FACTS;
use super::record::ItemRecord;
use super::runs::RUNS_OF_JOURNAL;
use super::states::job_state;
use super::stored_job::{ReadWords, StoredJob};
use super::tables::{DETACHED_OF_ITEMS, ITEMS, JOBS, PARTS};
use super::withheld::WITHHELD;
use crate::id::JobId;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Makes the tables of this version, from those of an older one if there are any (version 0 has none). Words of jobs are read
/// with `read`.
pub(super) fn upgrade(sql: &Connection, version: i64, read: ReadWords) -> Result<(), Bad> {
    match version {
        0 => {
            sql.execute_batch(JOBS)?;
            sql.execute_batch(PARTS)?;
            sql.execute_batch(ITEMS)?;
        }
        1 => widen_items(sql, FIRST, FIRST_WIDTH)?,
        2..=4 => widen_items(sql, SECOND, SECOND_WIDTH)?,
        _ => {}
    }
    if version < 2 {
        sql.execute_batch(DETACHED_OF_ITEMS)?;
    }
    if version < 3 {
        sql.execute_batch(FAILURES_OF_JOBS)?;
    }
    if version < 4 {
        sql.execute_batch(COMMITS_OF_JOURNAL)?;
    }
    if version < 5 {
        sql.execute_batch(PATH_FACTS)?;
    }
    if version < 6 {
        sql.execute_batch(WITHHELD)?;
    }
    if version < 7 {
        sql.execute_batch(RUNS_OF_JOURNAL)?;
    }
    if version > 0 { read_jobs(sql, read) } else { Ok(()) }
}

/// Makes values of jobs of which versions 1 to 7 have kept the words. Every row is checked by its old sum.
fn read_jobs(sql: &Connection, read: ReadWords) -> Result<(), Bad> {
    sql.execute_batch("ALTER TABLE jobs RENAME TO old_jobs;")?;
    sql.execute_batch(JOBS)?;
    let mut statement = sql.prepare(&format!("SELECT {WORDS}, sum FROM old_jobs"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        check(row, "jobs", WORDS_WIDTH)?;
        let words = row.get::<_, Vec<u8>>(3)?;
        let words = words.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
        let directory = OsString::from_vec(row.get(4)?).into();
        let job = StoredJob::of_words(words, directory, read);
        let job = StoredJob { verb: row.get(1)?, name: row.get(2)?, ..job };
        let row = JobRow {
            id: JobId::new(row.get::<_, i64>(0)?.cast_unsigned()),
            job,
            state: job_state(row.get(5)?)?,
            begun: row.get::<_, i64>(6)?.cast_unsigned(),
            ended: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
            decided: row.get(8)?,
        };
        row.save(sql)?;
    }
    drop(rows);
    drop(statement);
    Ok(sql.execute_batch("DROP TABLE old_jobs;")?)
}

/// Gives files of an older version the columns of this one. Every row is checked by its old sum, and gets a new one.
fn widen_items(sql: &Connection, columns: &str, width: usize) -> Result<(), Bad> {
    sql.execute_batch(
        "ALTER TABLE items RENAME TO old_items; DROP INDEX items_by_place; DROP INDEX items_by_job;",
    )?;
    sql.execute_batch(ITEMS)?;
    let mut statement = sql.prepare(&format!("SELECT {columns}, sum FROM old_items"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        check(row, "items", width)?;
        let mut values = (0..width).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
        // What nobody has noted is not known. Attempts are counted from here on.
        let is_known = |column: usize| column == SECOND_WIDTH;
        let new = |column| if is_known(column) { ValueRef::Integer(0) } else { ValueRef::Null };
        values.extend((width..ItemRecord::WIDTH).map(new));
        replace(sql, "items", ItemRecord::COLUMNS, &values)?;
    }
    drop(rows);
    drop(statement);
    Ok(sql.execute_batch("DROP TABLE old_items;")?)
}

/// The columns of a job in versions 1 to 7.
const WORDS: &str = "id, verb, name, words, directory, state, begun, ended, decided";
/// The number of these columns.
const WORDS_WIDTH: usize = 9;
/// The columns of a file in version 1.
const FIRST: &str =
    "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why";
/// The number of these columns.
const FIRST_WIDTH: usize = 14;
/// The columns of a file in versions 2 to 4. The next one is the number of attempts.
const SECOND: &str = "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended";
/// The number of these columns.
const SECOND_WIDTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::record::{End, Failures, ItemState, NewItem, PartId, Place, Start};
    use crate::journal::store::{FILE, Store};
    use crate::journal::stored_job::StoredJob;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

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
            replace(sql, "jobs", WORDS, &values).unwrap();
        }
    }

    /// Writes the tables of an older version in the place of those that are there.
    fn make_old(sql: &Connection, version: i64) {
        make_words(sql);
        sql.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
        if version < 7 {
            sql.execute_batch("DROP TABLE runs").unwrap();
        }
        if version < 6 {
            sql.execute_batch("DROP TABLE withheld").unwrap();
        }
        if version >= 5 {
            return;
        }
        let (columns, width, times) = match version {
            1 => (FIRST, FIRST_WIDTH, ""),
            _ => (SECOND, SECOND_WIDTH, "began INTEGER, ended INTEGER,"),
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
        let mut statement = sql.prepare(&format!("SELECT {columns} FROM new_items")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..width).map(|index| row.get_ref(index).unwrap()).collect();
            replace(sql, "items", columns, &values).unwrap();
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
        ] {
            let home = tempfile::tempdir().unwrap();
            let (id, job) = (JobId::new(1), StoredJob::for_tests("copy a b"));
            let store = Store::open_for_tests(home.path()).unwrap();
            let _lock = store.start(&Start { id, job, resumes: false }).unwrap();
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
            drop(store.start(&Start { id: JobId::new(number), job, resumes: false }).unwrap());
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
        let _lock = store.start(&Start { id, job, resumes: false }).unwrap();
        drop(store);
        let sql = Connection::open(home.path().join(FILE)).unwrap();
        make_old(&sql, 2);
        remove_mark_before(home.path(), 2);
        let store = Store::existing_for_tests(home.path()).unwrap().unwrap();
        let failures = Failures { number: 2, why: "no".to_owned() };
        store.finish(id, End::Failed, Some(&failures)).unwrap();
        assert_eq!(store.jobs().unwrap()[0].why.as_deref(), Some("no"));
    }
}
