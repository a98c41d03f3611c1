//! A journal that version 0.1.0 has written: the jobs in it are shown, go on, or are named with the version that can.

use integration_tests::site::{PASSWORD, Site, sample};
use integration_tests::user::job;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use std::path::Path;

/// The tables of version 0.1.0.
const TABLES: &str = "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, words BLOB NOT NULL, directory BLOB NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, path BLOB NOT NULL,
    state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT, looked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    verified TEXT, taken TEXT, why TEXT, began INTEGER, ended INTEGER, attempts INTEGER NOT NULL, failure TEXT, digest BLOB,
    addresses TEXT, strangers TEXT, path_facts INTEGER, sum INTEGER NOT NULL);
CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
CREATE INDEX items_by_job ON items (job, state);
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE failures (job INTEGER PRIMARY KEY, number INTEGER NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE path_facts (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source_control TEXT, dest_control TEXT, source_data TEXT, dest_data TEXT,
    why TEXT, sum INTEGER NOT NULL);
CREATE INDEX path_facts_by_job ON path_facts (job);
CREATE TABLE withheld (job INTEGER NOT NULL, path BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (job, path));
CREATE TABLE runs (id INTEGER PRIMARY KEY, account TEXT NOT NULL, sum INTEGER NOT NULL);
PRAGMA user_version = 7;
";

/// The sum of the columns of a row: of each its kind, its length and its bytes.
fn sum(values: &[ValueRef<'_>]) -> u32 {
    let mut row = Vec::new();
    for value in values {
        let number;
        let (kind, bytes): (u8, &[u8]) = match value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(value) => {
                number = value.to_le_bytes();
                (1, &number)
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(bytes) => (4, bytes),
            ValueRef::Real(_) => panic!("no column is such a number"),
        };
        row.push(kind);
        row.extend_from_slice(&bytes.len().to_le_bytes());
        row.extend_from_slice(bytes);
    }
    crc32fast::hash(&row)
}

/// Writes a job that was killed before its first file.
fn add_job(sql: &Connection, id: i64, words: &[&str], directory: &Path) {
    let (words, directory) = (words.join("\0"), directory.to_str().unwrap());
    let sum = sum(&[
        ValueRef::Integer(id),
        ValueRef::Text(b"copy"),
        ValueRef::Null,
        ValueRef::Blob(words.as_bytes()),
        ValueRef::Blob(directory.as_bytes()),
        ValueRef::Integer(0),
        ValueRef::Integer(id),
        ValueRef::Null,
        ValueRef::Null,
    ]);
    let values = params![id, "copy", words.as_bytes(), directory.as_bytes(), sum];
    sql.execute("INSERT INTO jobs VALUES (?1, ?2, NULL, ?3, ?4, 0, ?1, NULL, NULL, ?5)", values).unwrap();
}

#[test]
fn n8_jobs_of_an_older_version_go_on_or_are_named_with_the_version_that_can() {
    let from = Site::new("source").file("a.bin", sample(5000)).start();
    let (state, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sql = Connection::open(state.path().join("journal.db")).unwrap();
    sql.execute_batch(TABLES).unwrap();
    let source = from.url("a.bin").replacen(&format!(":{}@", PASSWORD.replace(':', "%3A")), "@", 1);
    add_job(&sql, 1, &["copy", "--verify", "size", &source, "b.bin"], place.path());
    add_job(&sql, 2, &["copy", "--gone", &source, "c.bin"], place.path());
    drop(sql);
    let run = |words: &[&str]| job(state.path()).args(words).run();
    let states = || -> Vec<_> {
        run(&["jobs"]).exits(0).events("job").iter().map(|job| job["state"].clone()).collect()
    };
    assert_eq!(states(), ["interrupted", "interrupted"]);
    let refused = run(&["resume", "0000000000000002"]).exits(1);
    refused.says("made by an older ftp-user").says("ftp-user 0.1.0 is the last version that can");
    let done = run(&["resume", "0000000000000001"]).exits(0);
    assert_eq!(std::fs::read(place.path().join("b.bin")).unwrap(), sample(5000), "{done}");
    assert_eq!(states(), ["done", "interrupted"]);
    run(&["cancel", "--forget", "0000000000000002"]).exits(0);
}
