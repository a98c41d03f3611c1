//! The form of each row in SQLite. Every row has a checksum of its other columns, so that a byte that has changed on the
//! disk is found before anybody acts on it.

use super::checksum::{Bad, GONE, check, replace, sum, text};
use super::failed::{FAILURES, failures, set_failures};
use super::record::{
    Command, Detached, Failures, ItemKey, ItemRecord, ItemState, JobRecord, JobState, PartId, Place, Seen,
};
use crate::id::JobId;
use ftp_proto::wire::TransferId;
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// The version of these tables (`user_version`).
pub(super) const VERSION: i64 = 3;

/// Creates the tables of version 2.
pub(super) const SCHEMA: &str = "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, words BLOB NOT NULL, directory BLOB NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, path BLOB NOT NULL,
    state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT, looked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    verified TEXT, taken TEXT, why TEXT, began INTEGER, ended INTEGER, sum INTEGER NOT NULL);
CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
CREATE INDEX items_by_job ON items (job, state);
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);
";

/// The columns of a part.
const PART: &str = "part, item, number";
/// The columns of a transfer that may go on without this program.
const DETACHED: &str = "item, source, destination, path, before, moves";

/// A job as its row has it: [`JobState::Running`] stands for every job that has not ended.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) id: JobId,
    pub(super) verb: String,
    pub(super) command: Command,
    pub(super) state: JobState,
    /// When it began first, in microseconds since 1970. No other job has the same.
    pub(super) begun: u64,
    /// When it ended last, in seconds since 1970.
    pub(super) ended: Option<u64>,
    /// What the first run has decided for all others.
    pub(super) decided: Option<String>,
}

/// A file as its row has it, without its parts.
#[derive(Clone, Debug)]
pub(super) struct ItemRow {
    pub(super) key: i64,
    pub(super) job: JobId,
    pub(super) place: Place,
    pub(super) state: ItemState,
    pub(super) seen: Option<Seen>,
    pub(super) bytes: u64,
    pub(super) verified: Option<String>,
    /// The path of its bytes.
    pub(super) taken: Option<String>,
    pub(super) why: Option<String>,
    /// When its last run has begun with it, in milliseconds since 1970.
    pub(super) began: Option<u64>,
    /// When it ended, in the same form.
    pub(super) ended: Option<u64>,
    /// The checksum of the row.
    sum: i64,
}

/// Under which names something of a file may be stored.
#[derive(Clone, Default, Debug)]
pub(super) struct Parts {
    /// Those of parts, the last one last.
    pub(super) names: Vec<PartId>,
    /// If its final name is one of them: the number of the row that says so.
    pub(super) in_place: Option<PartId>,
    /// The transfer that may go on without this program.
    pub(super) detached: Option<Detached>,
}

/// What stands in the place of the order of a part if the name is the final one.
const IN_PLACE: i64 = -1;

impl JobRow {
    const COLUMNS: &str = "id, verb, name, words, directory, state, begun, ended, decided";

    pub(super) fn find(sql: &Connection, id: JobId) -> Result<Option<Self>, Bad> {
        Self::query(sql, "id = ?1", &[&id.number().cast_signed()]).map(|rows| rows.into_iter().next())
    }

    pub(super) fn named(sql: &Connection, name: &str) -> Result<Option<Self>, Bad> {
        Self::query(sql, "name = ?1", &[&name]).map(|rows| rows.into_iter().next())
    }

    /// Every job, the one that began first comes first.
    pub(super) fn all(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "1 ORDER BY begun", &[])
    }

    /// Every job that has ended. They are few, since the oldest of them are forgotten.
    pub(super) fn ended(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "state != 0", &[])
    }

    /// Every job that has not ended and has begun no file.
    pub(super) fn open_without_files(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "state = 0 AND NOT EXISTS (SELECT 1 FROM items WHERE job = jobs.id)", &[])
    }

    /// How many jobs have not ended.
    pub(super) fn count_open(sql: &Connection) -> Result<u64, Bad> {
        let count: i64 = sql.query_row("SELECT count(*) FROM jobs WHERE state = 0", [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn query(sql: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<Self>, Bad> {
        let mut statement =
            sql.prepare_cached(&format!("SELECT {}, sum FROM jobs WHERE {condition}", Self::COLUMNS))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            check(row, "jobs", 9)?;
            found.push(Self::of(row)?);
        }
        Ok(found)
    }

    fn of(row: &Row<'_>) -> Result<Self, Bad> {
        let words: Vec<u8> = row.get(3)?;
        let words = words.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        Ok(Self {
            id: JobId::new(row.get::<_, i64>(0)?.cast_unsigned()),
            verb: row.get(1)?,
            command: Command {
                words: words.collect(),
                directory: PathBuf::from(OsString::from_vec(row.get(4)?)),
                name: row.get(2)?,
            },
            state: job_state(row.get(5)?)?,
            begun: row.get::<_, i64>(6)?.cast_unsigned(),
            ended: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
            decided: row.get(8)?,
        })
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&self, sql: &Connection) -> Result<(), Bad> {
        let words: Vec<&[u8]> = self.command.words.iter().map(|word| word.as_bytes()).collect();
        let words = words.join(&0);
        let values = [
            ValueRef::Integer(self.id.number().cast_signed()),
            ValueRef::Text(self.verb.as_bytes()),
            text(self.command.name.as_deref()),
            ValueRef::Blob(&words),
            ValueRef::Blob(self.command.directory.as_os_str().as_bytes()),
            ValueRef::Integer(match self.state {
                JobState::Running | JobState::Interrupted | JobState::Detached => 0,
                JobState::Done => 1,
                JobState::Failed => 2,
                JobState::Cancelled => 3,
            }),
            ValueRef::Integer(self.begun.cast_signed()),
            number(self.ended),
            text(self.decided.as_deref()),
        ];
        replace(sql, "jobs", Self::COLUMNS, &values)
    }

    /// The record. `process` is who runs the job, as the lock says; `is_detached` whether a file of it goes from server to
    /// server without this program.
    pub(super) fn record(self, process: Option<Option<u32>>, is_detached: bool, count: Count) -> JobRecord {
        let state = match (self.state, process) {
            (JobState::Running | JobState::Interrupted | JobState::Detached, Some(_)) => JobState::Running,
            (JobState::Running | JobState::Interrupted | JobState::Detached, None) if is_detached => {
                JobState::Detached
            }
            // Whoever resumes all jobs does not mean it: another command may have gone to its destination since.
            (JobState::Running | JobState::Interrupted | JobState::Detached, None) if count.is_idle() => {
                JobState::Failed
            }
            (JobState::Running | JobState::Interrupted | JobState::Detached, None) => JobState::Interrupted,
            (ended @ (JobState::Done | JobState::Failed | JobState::Cancelled), _) => ended,
        };
        let Count { files, bytes, failed, open, given_over, failures } = count;
        let (number, why) = failures.map_or((0, None), |failures| (failures.number, Some(failures.why)));
        JobRecord {
            id: self.id,
            verb: self.verb,
            command: self.command,
            state,
            begun: self.begun / MICROSECONDS,
            ended: self.ended,
            files,
            bytes,
            failed: failed.max(number),
            why,
            open,
            given_over,
            process: process.flatten(),
            transfer: None,
        }
    }
}

impl ItemRow {
    pub(super) const COLUMNS: &str = "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended";
    /// The number of these columns.
    const WIDTH: usize = 16;

    /// A file that begins. It has no key yet.
    pub(super) const fn new(job: JobId, place: Place) -> Self {
        let (state, seen) = (ItemState::Open, None);
        Self {
            key: 0,
            job,
            place,
            state,
            seen,
            bytes: 0,
            verified: None,
            taken: None,
            why: None,
            began: None,
            ended: None,
            sum: 0,
        }
    }

    pub(super) fn find(sql: &Connection, key: ItemKey) -> Result<Option<Self>, Bad> {
        Self::query(sql, "id = ?1", &[&key.0]).map(|rows| rows.into_iter().next())
    }

    /// The files of all jobs that go there.
    pub(super) fn at(sql: &Connection, place: &Place) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "site = ?1 AND path = ?2", &[&place.site, &place.path])
    }

    /// The files of a job in that state.
    pub(super) fn of_job(sql: &Connection, job: JobId, state: ItemState) -> Result<Vec<Self>, Bad> {
        let values: [&dyn ToSql; 2] = [&job.number().cast_signed(), &item_number(state)];
        Self::query(sql, "job = ?1 AND state = ?2 ORDER BY id", &values)
    }

    fn query(sql: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<Self>, Bad> {
        let mut statement =
            sql.prepare_cached(&format!("SELECT {}, sum FROM items WHERE {condition}", Self::COLUMNS))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            check(row, "items", Self::WIDTH)?;
            found.push(Self::of(row)?);
        }
        Ok(found)
    }

    fn of(row: &Row<'_>) -> Result<Self, Bad> {
        let seen = Seen {
            size: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
            modified: row.get(7)?,
            unique: row.get(8)?,
        };
        Ok(Self {
            key: row.get(0)?,
            job: JobId::new(row.get::<_, i64>(1)?.cast_unsigned()),
            place: Place { source: row.get(2)?, site: row.get(3)?, path: row.get(4)? },
            state: item_state(row.get(5)?)?,
            seen: row.get::<_, bool>(9)?.then_some(seen),
            bytes: row.get::<_, i64>(10)?.cast_unsigned(),
            verified: row.get(11)?,
            taken: row.get(12)?,
            why: row.get(13)?,
            began: row.get::<_, Option<i64>>(14)?.map(i64::cast_unsigned),
            ended: row.get::<_, Option<i64>>(15)?.map(i64::cast_unsigned),
            sum: row.get(Self::WIDTH)?,
        })
    }

    /// Writes the row, and gives it a key if it has none.
    pub(super) fn save(&mut self, sql: &Connection) -> Result<(), Bad> {
        if self.key == 0 {
            let mut last = sql.prepare_cached("SELECT max(id) FROM items")?;
            let last: Option<i64> = last.query_row([], |row| row.get(0))?;
            self.key = last.unwrap_or(0) + 1;
        }
        self.sum = sum(self.values());
        replace(sql, "items", Self::COLUMNS, &self.values())
    }

    /// Writes how a file has ended whose row is still what this process has written. Nothing else of it has changed.
    pub(super) fn save_end(&mut self, sql: &Connection) -> Result<(), Bad> {
        let (before, now) = (self.sum, sum(self.values()));
        let mut update = sql.prepare_cached(
            "UPDATE items SET state = ?1, bytes = ?2, verified = ?3, taken = ?4, why = ?5, began = ?6, ended = ?7, sum = ?8
            WHERE id = ?9 AND sum = ?10",
        )?;
        let changed = update.execute(params![
            item_number(self.state),
            self.bytes.cast_signed(),
            self.verified,
            self.taken,
            self.why,
            self.began.map(u64::cast_signed),
            self.ended.map(u64::cast_signed),
            now,
            self.key,
            before
        ])?;
        self.sum = now;
        if changed == 1 { Ok(()) } else { Err(GONE) }
    }

    fn values(&self) -> [ValueRef<'_>; Self::WIDTH] {
        let seen = self.seen.as_ref();
        [
            ValueRef::Integer(self.key),
            ValueRef::Integer(self.job.number().cast_signed()),
            ValueRef::Text(self.place.source.as_bytes()),
            ValueRef::Text(self.place.site.as_bytes()),
            ValueRef::Blob(&self.place.path),
            ValueRef::Integer(item_number(self.state)),
            number(seen.and_then(|seen| seen.size)),
            seen.and_then(|seen| seen.modified).map_or(ValueRef::Null, ValueRef::Integer),
            text(seen.and_then(|seen| seen.unique.as_deref())),
            ValueRef::Integer(i64::from(seen.is_some())),
            ValueRef::Integer(self.bytes.cast_signed()),
            text(self.verified.as_deref()),
            text(self.taken.as_deref()),
            text(self.why.as_deref()),
            number(self.began),
            number(self.ended),
        ]
    }

    /// The names under which something of it may be stored.
    pub(super) fn parts(&self, sql: &Connection) -> Result<Parts, Bad> {
        let mut statement =
            sql.prepare_cached(&format!("SELECT {PART}, sum FROM parts WHERE item = ?1 ORDER BY number"))?;
        let mut rows = statement.query([self.key])?;
        let mut found = Parts { detached: detached(sql, self.key)?, ..Parts::default() };
        while let Some(row) = rows.next()? {
            check(row, "parts", 3)?;
            let part = PartId(row.get::<_, i64>(0)?.cast_unsigned());
            match row.get::<_, i64>(2)? {
                IN_PLACE => found.in_place = Some(part),
                _ => found.names.push(part),
            }
        }
        Ok(found)
    }

    /// Adds a name under which something of it may be stored from now on.
    pub(super) fn add_part(&self, sql: &Connection, part: PartId) -> Result<(), Bad> {
        let mut count = sql.prepare_cached("SELECT count(*) FROM parts WHERE item = ?1")?;
        let number = count.query_row([self.key], |row| row.get(0))?;
        self.save_part(sql, part, number)
    }

    /// From now on something of it may be stored under its final name. The number of the part is used for nothing else.
    pub(super) fn add_in_place(&self, sql: &Connection, part: PartId) -> Result<(), Bad> {
        self.save_part(sql, part, IN_PLACE)
    }

    /// Writes the first name, if there is one. `was_known`: there may be others, which are forgotten.
    pub(super) fn set_first_part(
        &self,
        sql: &Connection,
        part: Option<PartId>,
        was_known: bool,
    ) -> Result<(), Bad> {
        if was_known {
            self.forget_parts(sql)?;
        }
        part.map_or(Ok(()), |part| self.save_part(sql, part, 0))
    }

    fn save_part(&self, sql: &Connection, part: PartId, number: i64) -> Result<(), Bad> {
        let values = [part.0.cast_signed(), self.key, number].map(ValueRef::Integer);
        replace(sql, "parts", PART, &values)
    }

    /// Writes these names and that transfer, in the place of those that are there.
    pub(super) fn set_parts(&self, sql: &Connection, parts: &Parts) -> Result<(), Bad> {
        self.forget_parts(sql)?;
        for part in &parts.names {
            self.add_part(sql, *part)?;
        }
        if let Some(part) = parts.in_place {
            self.add_in_place(sql, part)?;
        }
        self.set_detached(sql, parts.detached.as_ref())
    }

    /// Writes the transfer that may go on without this program, or that there is none.
    pub(super) fn set_detached(&self, sql: &Connection, detached: Option<&Detached>) -> Result<(), Bad> {
        let Some(detached) = detached else {
            sql.prepare_cached("DELETE FROM detached WHERE item = ?1")?.execute([self.key])?;
            return Ok(());
        };
        let (source, destination) = (detached.source.to_string(), detached.destination.to_string());
        let values = [
            ValueRef::Integer(self.key),
            ValueRef::Text(source.as_bytes()),
            ValueRef::Text(destination.as_bytes()),
            ValueRef::Text(detached.path.as_bytes()),
            ValueRef::Integer(detached.before.cast_signed()),
            ValueRef::Integer(i64::from(detached.moves)),
        ];
        replace(sql, "detached", DETACHED, &values)
    }

    /// Forgets these names and that transfer: nothing is stored under them.
    pub(super) fn forget_parts(&self, sql: &Connection) -> Result<(), Bad> {
        self.forget_names(sql)?;
        self.set_detached(sql, None)
    }

    /// Forgets the names alone: there is no transfer.
    pub(super) fn forget_names(&self, sql: &Connection) -> Result<(), Bad> {
        sql.prepare_cached("DELETE FROM parts WHERE item = ?1")?.execute([self.key])?;
        Ok(())
    }

    /// Forgets the file: it was not begun.
    pub(super) fn forget(&self, sql: &Connection) -> Result<(), Bad> {
        self.forget_parts(sql)?;
        sql.prepare_cached("DELETE FROM items WHERE id = ?1")?.execute([self.key])?;
        Ok(())
    }

    /// The record of this row.
    pub(super) fn record(self, sql: &Connection) -> Result<ItemRecord, Bad> {
        let parts = self.parts(sql)?;
        Ok(ItemRecord {
            key: ItemKey(self.key),
            place: self.place,
            state: self.state,
            parts: parts.names,
            in_place: parts.in_place.is_some(),
            detached: parts.detached,
            seen: self.seen,
            bytes: self.bytes,
            verified: self.verified,
            path: self.taken,
            why: self.why,
            began: self.began,
            ended: self.ended,
        })
    }
}

/// The transfer of a file that may go on without this program.
fn detached(sql: &Connection, item: i64) -> Result<Option<Detached>, Bad> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {DETACHED}, sum FROM detached WHERE item = ?1"))?;
    let mut rows = statement.query([item])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check(row, "detached", 6)?;
    let id = |column| -> Result<TransferId, Bad> {
        let id = TransferId::from_hex(row.get::<_, String>(column)?.as_bytes());
        id.ok_or(Bad::Row(Cow::Borrowed("a transfer has no name")))
    };
    let (source, destination, path) = (id(1)?, id(2)?, row.get(3)?);
    let (before, moves) = (row.get::<_, i64>(4)?.cast_unsigned(), row.get(5)?);
    Ok(Some(Detached { source, destination, path, before, moves }))
}

/// Whether a file of the job may go from server to server without this program. With `moves`, both ends must have said so.
pub(super) fn has_detached(sql: &Connection, job: JobId, moves: bool) -> Result<bool, Bad> {
    let ask = "SELECT EXISTS (SELECT 1 FROM detached JOIN items ON detached.item = items.id WHERE job = ?1 AND moves >= ?2)";
    let values = [job.number().cast_signed(), i64::from(moves)];
    Ok(sql.prepare_cached(ask)?.query_row(values, |row| row.get(0))?)
}

/// When a job begins that begins now: later than every other one, whatever becomes of the clock.
pub(super) fn begins(sql: &Connection, now: Duration) -> Result<u64, Bad> {
    let last: Option<i64> = sql.query_row("SELECT max(begun) FROM jobs", [], |row| row.get(0))?;
    let after = last.map_or(0, |last| last.cast_unsigned().saturating_add(1));
    Ok(u64::try_from(now.as_micros()).unwrap_or(after).max(after))
}

/// Of a second.
const MICROSECONDS: u64 = 1_000_000;

/// How the files of a job stand.
#[derive(Clone, Debug)]
pub(super) struct Count {
    /// How many are done.
    pub(super) files: u64,
    /// The bytes of these.
    pub(super) bytes: u64,
    pub(super) failed: u64,
    pub(super) open: u64,
    pub(super) given_over: u64,
    /// What has failed in the last run, also what is no file.
    pub(super) failures: Option<Failures>,
}

impl Count {
    /// Whether no file was begun.
    pub(super) const fn is_idle(&self) -> bool {
        self.files == 0 && self.failed == 0 && self.open == 0 && self.given_over == 0
    }
}

/// Counts the files of a job.
pub(super) fn count(sql: &Connection, job: JobId) -> Result<Count, Bad> {
    let number = |state, what: &str| -> Result<u64, Bad> {
        let ask = format!("SELECT {what} FROM items WHERE job = ?1 AND state = ?2");
        let values = [job.number().cast_signed(), item_number(state)];
        let found: Option<i64> = sql.prepare_cached(&ask)?.query_row(values, |row| row.get(0)).optional()?;
        Ok(found.unwrap_or(0).cast_unsigned())
    };
    Ok(Count {
        files: number(ItemState::Done, "count(*)")?,
        bytes: number(ItemState::Done, "coalesce(sum(bytes), 0)")?,
        failed: number(ItemState::Failed, "count(*)")?,
        open: number(ItemState::Open, "count(*)")?,
        given_over: number(ItemState::GivenOver, "count(*)")?,
        failures: failures(sql, job)?,
    })
}

/// Checks the sum of every file and every part, also of other jobs: a row that has changed may belong to another job now.
pub(super) fn check_files(sql: &Connection) -> Result<(), Bad> {
    let tables = [
        ("items", ItemRow::COLUMNS, ItemRow::WIDTH),
        ("parts", PART, 3),
        ("detached", DETACHED, 6),
        ("failures", FAILURES, 3),
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
    let job = job.number().cast_signed();
    sql.execute("DELETE FROM parts WHERE item IN (SELECT id FROM items WHERE job = ?1)", [job])?;
    sql.execute("DELETE FROM detached WHERE item IN (SELECT id FROM items WHERE job = ?1)", [job])?;
    sql.execute("DELETE FROM items WHERE job = ?1", [job])?;
    sql.execute("DELETE FROM jobs WHERE id = ?1", [job])?;
    Ok(())
}

/// A number that may be missing.
fn number(number: Option<u64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, |number| ValueRef::Integer(number.cast_signed()))
}

fn job_state(number: i64) -> Result<JobState, Bad> {
    match number {
        0 => Ok(JobState::Running),
        1 => Ok(JobState::Done),
        2 => Ok(JobState::Failed),
        3 => Ok(JobState::Cancelled),
        _ => Err(Bad::Row(Cow::Borrowed("a job has no known state"))),
    }
}

const fn item_number(state: ItemState) -> i64 {
    match state {
        ItemState::Open => 0,
        ItemState::Done => 1,
        ItemState::Failed => 2,
        ItemState::GivenOver => 3,
    }
}

fn item_state(number: i64) -> Result<ItemState, Bad> {
    match number {
        0 => Ok(ItemState::Open),
        1 => Ok(ItemState::Done),
        2 => Ok(ItemState::Failed),
        3 => Ok(ItemState::GivenOver),
        _ => Err(Bad::Row(Cow::Borrowed("a file has no known state"))),
    }
}
