//! Tables of an older version become those of this one.

use super::checksum::{Bad, check, replace};
use super::commits::COMMITS_OF_JOURNAL;
use super::failed::FAILURES_OF_JOBS;
use super::item_row::ItemRow;
use super::tables::SCHEMA;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Makes the tables of this version, from those of an older one if there are any (version 0 has none).
pub(super) fn upgrade(sql: &Connection, version: i64) -> Result<(), Bad> {
    match version {
        0 => sql.execute_batch(SCHEMA)?,
        1 => from_first(sql)?,
        _ => {}
    }
    if version < 3 {
        sql.execute_batch(FAILURES_OF_JOBS)?;
    }
    Ok(sql.execute_batch(COMMITS_OF_JOURNAL)?)
}

/// Turns tables of version 1 into those of version 2. Every row of a file is checked by its old sum, and gets a new one.
fn from_first(sql: &Connection) -> Result<(), Bad> {
    sql.execute_batch(
        "ALTER TABLE items RENAME TO old_items; DROP INDEX items_by_place; DROP INDEX items_by_job;
        ALTER TABLE parts RENAME TO old_parts; DROP INDEX parts_by_item; ALTER TABLE jobs RENAME TO old_jobs;",
    )?;
    sql.execute_batch(SCHEMA)?;
    sql.execute_batch(
        "INSERT INTO jobs SELECT * FROM old_jobs; INSERT INTO parts SELECT * FROM old_parts;
        DROP TABLE old_jobs; DROP TABLE old_parts;",
    )?;
    let mut statement = sql.prepare(&format!("SELECT {OLD}, sum FROM old_items"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        check(row, "items", OLD_WIDTH)?;
        let mut values = (0..OLD_WIDTH).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
        // Nobody knows when it began and ended.
        values.extend([ValueRef::Null, ValueRef::Null]);
        replace(sql, "items", ItemRow::COLUMNS, &values)?;
    }
    drop(rows);
    drop(statement);
    Ok(sql.execute_batch("DROP TABLE old_items;")?)
}

/// The columns of a file in version 1.
const OLD: &str =
    "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why";
/// The number of these columns.
const OLD_WIDTH: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::record::{
        Command, End, Failures, ItemRecord, ItemState, NewItem, PartId, Place, Start,
    };
    use crate::journal::store::{FILE, Store};
    use std::fs;
    use std::path::Path;

    /// Writes the tables of version 1 in the place of those that are there.
    fn make_old(sql: &Connection) {
        sql.execute_batch(
            "ALTER TABLE items RENAME TO new_items; DROP INDEX items_by_place; DROP INDEX items_by_job;
            DROP TABLE detached; DROP TABLE failures; DROP TABLE commits;
            CREATE TABLE items (
                id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL,
                path BLOB NOT NULL, state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT,
                looked INTEGER NOT NULL, bytes INTEGER NOT NULL, verified TEXT, taken TEXT, why TEXT,
                sum INTEGER NOT NULL);
            CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
            CREATE INDEX items_by_job ON items (job, state);
            PRAGMA user_version = 1;",
        )
        .unwrap();
        let mut statement = sql.prepare(&format!("SELECT {OLD} FROM new_items")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..OLD_WIDTH).map(|index| row.get_ref(index).unwrap()).collect();
            replace(sql, "items", OLD, &values).unwrap();
        }
        drop(rows);
        drop(statement);
        sql.execute_batch("DROP TABLE new_items").unwrap();
    }

    /// An older version has no mark.
    fn remove_mark(home: &Path) {
        fs::remove_file(home.join(format!("{FILE}-mark"))).unwrap();
    }

    fn files(home: &Path) -> Vec<ItemRecord> {
        Store::existing(home).unwrap().unwrap().items(JobId::new(1), ItemState::Open).unwrap()
    }

    #[test]
    fn n8_a_journal_of_an_older_version_is_read_as_it_was_written_and_not_if_a_row_has_changed() {
        for has_changed in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let (id, verb, command) = (JobId::new(1), "copy".to_owned(), Command::default());
            let store = Store::open(home.path()).unwrap();
            let _lock = store.start(&Start { id, verb, command, resumes: false }).unwrap();
            let place = Place { source: "a".to_owned(), site: "two".to_owned(), path: b"f".to_vec() };
            let file = NewItem { place, part: Some(PartId(7)), seen: None };
            store.durably(|store| store.begin(id, &file)).unwrap();
            let written = files(home.path());
            drop(store);
            let sql = Connection::open(home.path().join(FILE)).unwrap();
            make_old(&sql);
            remove_mark(home.path());
            if has_changed {
                sql.execute("UPDATE items SET path = 'g'", []).unwrap();
                assert!(Store::existing(home.path()).is_err());
                assert!(Store::existing(home.path()).is_err(), "the first look has changed nothing");
                continue;
            }
            assert_eq!(written, files(home.path()));
            assert_eq!(written.first().map(|file| file.parts.clone()), Some(vec![PartId(7)]));
        }
    }

    #[test]
    fn n8_a_journal_without_the_failures_of_jobs_gets_a_place_for_them() {
        let home = tempfile::tempdir().unwrap();
        let (id, verb, command) = (JobId::new(1), "copy".to_owned(), Command::default());
        let store = Store::open(home.path()).unwrap();
        let _lock = store.start(&Start { id, verb, command, resumes: false }).unwrap();
        drop(store);
        let sql = Connection::open(home.path().join(FILE)).unwrap();
        sql.execute_batch("DROP TABLE commits; DROP TABLE failures; PRAGMA user_version = 2;").unwrap();
        remove_mark(home.path());
        let store = Store::existing(home.path()).unwrap().unwrap();
        let failures = Failures { number: 2, why: "no".to_owned() };
        store.finish(id, End::Failed, Some(&failures)).unwrap();
        assert_eq!(store.jobs().unwrap()[0].why.as_deref(), Some("no"));
    }
}
