//! A file as its row has it.

use super::checksum::{Bad, GONE, addition, check, insert, insertion, sum, text};
use super::path_facts::path_facts;
use super::record::{ItemKey, ItemState, Place, Seen};
use super::states::{item_number, item_state};
use super::transfer_facts::{FactColumns, hex_of, of_pair};
use crate::id::JobId;
use crate::outcome::TransferFacts;
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{Connection, Row, params};
use std::sync::LazyLock;

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
    /// How many attempts may have moved bytes of it, in all runs.
    pub(super) attempts: u32,
    /// Why the last attempt that has failed did so.
    pub(super) failure: Option<String>,
    /// What is known of its transfer.
    pub(super) facts: FactColumns,
    /// The checksum of the row.
    sum: i64,
}

/// The statement that finds files.
fn select_items(condition: &str) -> String {
    format!("SELECT {}, sum FROM items WHERE {condition}", ItemRow::COLUMNS)
}

/// What every file of a tree is written with, and looked for.
static ADD_ITEM: LazyLock<String> = LazyLock::new(|| addition("items", ItemRow::COLUMNS, ItemRow::WIDTH));
static SAVE_ITEM: LazyLock<String> = LazyLock::new(|| insertion("items", ItemRow::COLUMNS, ItemRow::WIDTH));
static ITEMS_AT: LazyLock<String> = LazyLock::new(|| select_items("site = ?1 AND path = ?2"));
/// Files below a directory.
static ITEMS_BELOW: LazyLock<String> = LazyLock::new(|| {
    select_items(
        "site = ?1 AND (path, job) > (?2, ?3) AND (?4 IS NULL OR path < ?4) ORDER BY path, job LIMIT ?5",
    )
});

impl ItemRow {
    pub(super) const COLUMNS: &str = "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended, attempts, failure, digest, addresses, strangers, path_facts";
    /// The number of these columns.
    pub(super) const WIDTH: usize = 22;

    /// A file that begins.
    pub(super) fn new(key: i64, job: JobId, place: Place) -> Self {
        let (state, seen) = (ItemState::Open, None);
        Self {
            key,
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
            attempts: 0,
            failure: None,
            facts: FactColumns::default(),
            sum: 0,
        }
    }

    pub(super) fn find(sql: &Connection, key: ItemKey) -> Result<Option<Self>, Bad> {
        Self::query(sql, &select_items("id = ?1"), &[&key.0]).map(|rows| rows.into_iter().next())
    }

    /// The files of all jobs that go there.
    pub(super) fn at(sql: &Connection, place: &Place) -> Result<Vec<Self>, Bad> {
        Self::query(sql, &ITEMS_AT, &[&place.site, &place.path])
    }

    /// The files of all jobs below a directory of a host, in the order of their paths and their jobs: at most `most` of those
    /// behind `after`. The directory has a separator at its end, or is empty.
    pub(super) fn below(
        sql: &Connection,
        site: &str,
        directory: &[u8],
        after: Option<(&[u8], JobId)>,
        most: usize,
    ) -> Result<Vec<Self>, Bad> {
        let (path, job) =
            after.map_or((directory, i64::MIN), |(path, job)| (path, job.number().cast_signed()));
        // The paths are those that begin with it: no other bytes are between these two bounds.
        let end = directory.split_last().map(|(last, begin)| [begin, &[last.saturating_add(1)]].concat());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let values: [&dyn ToSql; 5] = [&site, &path, &job, &end, &most];
        Self::query(sql, &ITEMS_BELOW, &values)
    }

    /// The files of a job in that state.
    pub(super) fn of_job(sql: &Connection, job: JobId, state: ItemState) -> Result<Vec<Self>, Bad> {
        let values: [&dyn ToSql; 2] = [&job.number().cast_signed(), &item_number(state)];
        Self::query(sql, &select_items("job = ?1 AND state = ?2 ORDER BY id"), &values)
    }

    fn query(sql: &Connection, select: &str, values: &[&dyn ToSql]) -> Result<Vec<Self>, Bad> {
        let mut statement = sql.prepare_cached(select)?;
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
            attempts: row.get(16)?,
            failure: row.get(17)?,
            facts: FactColumns {
                digest: row.get(18)?,
                addresses: row.get(19)?,
                strangers: row.get(20)?,
                path: row.get(21)?,
            },
            sum: row.get(Self::WIDTH)?,
        })
    }

    /// What is known of its transfer.
    pub(super) fn transfer_facts(&self, sql: &Connection) -> Result<TransferFacts, Bad> {
        let FactColumns { digest, addresses, strangers, path } = &self.facts;
        let path = path.map_or(Ok(None), |row| path_facts(sql, row))?;
        let (addresses, strangers) = (of_pair(addresses.as_deref()), of_pair(strangers.as_deref()));
        Ok(TransferFacts { digest: digest.as_deref().map(hex_of), addresses, strangers, path })
    }

    /// The largest key of a file; 0 if there is none.
    pub(super) fn last_key(sql: &Connection) -> Result<i64, Bad> {
        let mut last = sql.prepare_cached("SELECT max(id) FROM items")?;
        let last: Option<i64> = last.query_row([], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }

    /// Writes the row of a new file.
    pub(super) fn add(&mut self, sql: &Connection) -> Result<(), Bad> {
        self.sum = insert(sql, &ADD_ITEM, &self.values())?;
        Ok(())
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&mut self, sql: &Connection) -> Result<(), Bad> {
        self.sum = insert(sql, &SAVE_ITEM, &self.values())?;
        Ok(())
    }

    /// Writes how a file has ended whose row is still what this process has written. Nothing else of it has changed.
    pub(super) fn save_end(&mut self, sql: &Connection) -> Result<(), Bad> {
        let (before, now) = (self.sum, sum(self.values()));
        let mut update = sql.prepare_cached(
            "UPDATE items SET state = ?1, bytes = ?2, verified = ?3, taken = ?4, why = ?5, began = ?6, ended = ?7, sum = ?8,
            attempts = ?11, failure = ?12, digest = ?13, addresses = ?14, strangers = ?15, path_facts = ?16
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
            before,
            self.attempts,
            self.failure,
            self.facts.digest,
            self.facts.addresses,
            self.facts.strangers,
            self.facts.path
        ])?;
        self.sum = now;
        if changed == 1 { Ok(()) } else { Err(GONE) }
    }

    fn values(&self) -> [ValueRef<'_>; Self::WIDTH] {
        let seen = self.seen.as_ref();
        let [digest, addresses, strangers, path_facts] = self.facts.values();
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
            ValueRef::Integer(self.attempts.into()),
            text(self.failure.as_deref()),
            digest,
            addresses,
            strangers,
            path_facts,
        ]
    }
}

/// A number that may be missing.
pub(super) fn number(number: Option<u64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, |number| ValueRef::Integer(number.cast_signed()))
}
