//! The tables in SQLite. Every row has a checksum of its other columns, so that a byte that has changed on the
//! disk is found before anybody acts on it.

use super::checksum::{Bad, check};
use super::failed::{FAILURES, set_failures};
use super::part_rows::{DETACHED, PART};
use super::path_facts;
use super::record::ItemRecord;
use super::withheld::{self, forget_withheld};
use crate::id::JobId;
use rusqlite::Connection;

/// The version of these tables (`user_version`).
pub(super) const VERSION: i64 = 8;

/// Creates the table of jobs.
pub(super) const JOBS: &str = "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, job TEXT NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
";

/// Creates the table of the names of parts.
pub(super) const PARTS: &str = "
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);
";

/// Creates the table of files.
pub(super) const ITEMS: &str = "
CREATE TABLE items (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, path BLOB NOT NULL,
    state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT, looked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    verified TEXT, taken TEXT, why TEXT, began INTEGER, ended INTEGER, attempts INTEGER NOT NULL, failure TEXT, digest BLOB,
    addresses TEXT, strangers TEXT, path_facts INTEGER, sum INTEGER NOT NULL);
CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
CREATE INDEX items_by_job ON items (job, state);
";

/// Creates the table of transfers that may go on without this program.
pub(super) const DETACHED_OF_ITEMS: &str = "
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);
";

/// Checks the sum of every file and every part, also of other jobs: a row that has changed may belong to another job now.
/// Runs are only shown, and are not checked here.
pub(super) fn check_files(sql: &Connection) -> Result<(), Bad> {
    let tables = [
        ("items", ItemRecord::COLUMNS, ItemRecord::WIDTH),
        ("parts", PART, 3),
        ("detached", DETACHED, 6),
        ("failures", FAILURES, 3),
        ("path_facts", path_facts::COLUMNS, path_facts::WIDTH),
        ("withheld", withheld::COLUMNS, withheld::WIDTH),
    ];
    for (table, columns, number) in tables {
        let mut statement = sql.prepare(&format!("SELECT {columns}, sum FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            check(row, table, number)?;
        }
    }
    Ok(())
}

/// Forgets a job and its files.
pub(super) fn forget(sql: &Connection, job: JobId) -> Result<(), Bad> {
    set_failures(sql, job, None)?;
    forget_withheld(sql, job)?;
    let job = job.number().cast_signed();
    sql.execute("DELETE FROM parts WHERE item IN (SELECT id FROM items WHERE job = ?1)", [job])?;
    sql.execute("DELETE FROM detached WHERE item IN (SELECT id FROM items WHERE job = ?1)", [job])?;
    sql.execute("DELETE FROM items WHERE job = ?1", [job])?;
    sql.execute("DELETE FROM path_facts WHERE job = ?1", [job])?;
    sql.execute("DELETE FROM jobs WHERE id = ?1", [job])?;
    Ok(())
}
