//! Tables of version 0.1.0, the only other one that was released, become those of this version.

use crate::journal::job_row::JobRow;
use crate::journal::record::{JobState, ReadWords, StoredJob};
use crate::journal::sql::{Result, Sql, StoreError};
use crate::journal::table::{
    DEFINITIONS, JOBS, LEASES, MEMORY, QUEUE, SERIES, TOKENS, TREE_PARTS, Table, WORKERS,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Makes the tables of this version, from those of version 0.1.0 if there are any (version 0 of the tables has none). Words of
/// jobs are read with `read`.
pub(super) fn upgrade(sql: &Sql, version: i64, read: ReadWords) -> Result<()> {
    match version {
        0 => sql.run_all(DEFINITIONS),
        WITH_WORDS => {
            let added = [&QUEUE, &SERIES, &TOKENS, &WORKERS, &LEASES, &TREE_PARTS, &MEMORY];
            added.into_iter().try_for_each(|table| sql.run_all(table.create))?;
            read_jobs(sql, read)
        }
        other => Err(StoreError::Database(format!("its tables have version {other}"))),
    }
}

/// The tables of version 0.1.0, which has kept the words of jobs.
pub(super) const WITH_WORDS: i64 = 7;

/// Makes values of jobs of which the words were kept. Every row is checked by its old sum.
fn read_jobs(sql: &Sql, read: ReadWords) -> Result<()> {
    let jobs = old_jobs().find(sql, "TRUE", &[], |row| {
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

/// The jobs of version 0.1.0.
fn old_jobs() -> Table {
    let columns = ["id", "verb", "name", "words", "directory", "state", "begun", "ended", "decided"];
    Table { columns: columns.to_vec(), ..JOBS.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::directory::FILE;
    use crate::journal::failure::JournalFailure;
    use crate::journal::record::{ItemRecord, ItemState, JobStart, NewItem, PartId, Place};
    use crate::journal::sql::{SqliteConnection, Value};
    use crate::journal::store::Store;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

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
        let jobs = JobRow::all_and_damaged(sql).unwrap().0;
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
            old_jobs().replace(sql, &values).unwrap();
        }
    }

    /// Writes the tables of version 0.1.0 in the place of those that are there.
    fn make_old(sql: &Sql) {
        sql.run_all(&format!(
            "DROP TABLE workers; DROP TABLE leases; DROP TABLE tree_parts; DROP TABLE queue; DROP TABLE series; DROP TABLE tokens; DROP TABLE memory;
            PRAGMA user_version = {WITH_WORDS}"
        ))
        .unwrap();
        make_words(sql);
    }

    fn files(store: &Store) -> Result<Vec<ItemRecord>, JournalFailure> {
        store.items(JobId::new(1), ItemState::Open)
    }

    #[test]
    fn n8_a_journal_of_an_older_version_is_read_as_it_was_written_and_not_if_a_row_has_changed() {
        for change in [None, Some("UPDATE items SET path = 'g'"), Some("UPDATE jobs SET words = 'g'")] {
            let (home, store) = Store::in_file_for_tests();
            let id = JobId::new(1);
            let _lock = store.start(&JobStart::for_tests(id, "copy a b")).unwrap();
            store.claim(id, &NewItem::for_tests(Place::for_tests("a", "two", "f"), 7)).ours();
            let written = files(&store).unwrap();
            drop(store);
            let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
            make_old(&sql);
            if let Some(change) = change {
                sql.execute(change, &[]).unwrap();
                let open = || {
                    Store::existing_file_for_tests(home.path())?.map_or(Ok(Vec::new()), |store| files(&store))
                };
                assert!(open().is_err(), "{change}");
                assert!(open().is_err(), "the first look has changed nothing: {change}");
                continue;
            }
            let found = files(&Store::existing_file_for_tests(home.path()).unwrap().unwrap()).unwrap();
            assert_eq!(written, found);
            assert_eq!(found.first().map(|file| file.parts.names.clone()), Some(vec![PartId(7)]));
        }
    }

    #[test]
    fn tables_that_no_released_version_has_written_are_left_alone() {
        for version in [1, 6, 8, 10] {
            let (home, store) = Store::in_file_for_tests();
            drop(store);
            let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
            sql.run_all(&format!("DROP TABLE commits; PRAGMA user_version = {version}")).unwrap();
            let Err(why) = Store::file_for_tests(home.path()) else { panic!("version {version} was taken") };
            assert!(why.to_string().contains("never released"), "{why}");
            assert_eq!(sql.number("PRAGMA user_version", &[]).unwrap(), version);
        }
    }

    #[test]
    fn n8_words_of_jobs_are_read_once_and_a_job_whose_words_are_not_understood_is_kept() {
        let (home, store) = Store::in_file_for_tests();
        for (number, words) in [(1, "copy -r a b"), (2, "copy --gone a b")] {
            let mut start = JobStart::for_tests(JobId::new(number), words);
            start.job.directory = "/srv".into();
            drop(store.start(&start).unwrap());
        }
        let written = store.jobs().unwrap();
        make_old(&store.sql);
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
}
