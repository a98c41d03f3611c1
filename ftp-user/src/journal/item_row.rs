//! The row of a file. Its parts have rows of their own.

use super::checksum::{Bad, GONE, addition, check, insert, insertion, sum, text};
use super::record::{ItemKey, ItemParts, ItemRecord, ItemState, Place, Seen};
use super::states::{item_number, item_state};
use crate::id::JobId;
use crate::outcome::TransferFacts;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

/// The statement that finds files.
fn select_items(condition: &str) -> String {
    format!("SELECT {}, sum FROM items WHERE {condition}", ItemRecord::COLUMNS)
}

/// What every file of a tree is written with, and looked for.
static ADD_ITEM: LazyLock<String> =
    LazyLock::new(|| addition("items", ItemRecord::COLUMNS, ItemRecord::WIDTH));
/// What changes of a file when it ends: nothing that it is found by, except its state.
static SAVE_END: LazyLock<String> = LazyLock::new(|| {
    let changed = ItemRecord::COLUMNS.split(", ").enumerate().skip(FOUND_BY);
    let changed: Vec<String> = changed.map(|(index, column)| format!("{column} = ?{}", index + 1)).collect();
    let sum = ItemRecord::WIDTH + 1;
    format!("UPDATE items SET {}, sum = ?{sum} WHERE id = ?1 AND sum = ?{}", changed.join(", "), sum + 1)
});
static SAVE_ITEM: LazyLock<String> =
    LazyLock::new(|| insertion("items", ItemRecord::COLUMNS, ItemRecord::WIDTH));
static ITEMS_AT: LazyLock<String> = LazyLock::new(|| select_items("site = ?1 AND path = ?2"));
/// Files below a directory.
static ITEMS_BELOW: LazyLock<String> = LazyLock::new(|| {
    select_items(
        "site = ?1 AND (path, job) > (?2, ?3) AND (?4 IS NULL OR path < ?4) ORDER BY path, job LIMIT ?5",
    )
});

impl ItemRecord {
    pub(super) const COLUMNS: &str = "id, job, source, site, path, state, size, modified, uniq, looked, bytes, verified, taken, why, began, ended, attempts, failure, digest, addresses, strangers, path_facts";
    /// The number of these columns.
    pub(super) const WIDTH: usize = 22;

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
        let digest: Option<Vec<u8>> = row.get(18)?;
        let facts = TransferFacts {
            digest: digest.as_deref().map(hex_of),
            addresses: of_pair(row.get::<_, Option<String>>(19)?.as_deref()),
            strangers: of_pair(row.get::<_, Option<String>>(20)?.as_deref()),
            path: None,
        };
        Ok(Self {
            key: ItemKey(row.get(0)?),
            job: JobId::new(row.get::<_, i64>(1)?.cast_unsigned()),
            place: Place { source: row.get(2)?, site: row.get(3)?, path: row.get(4)? },
            state: item_state(row.get(5)?)?,
            seen: row.get::<_, bool>(9)?.then_some(seen),
            bytes: row.get::<_, i64>(10)?.cast_unsigned(),
            verified: row.get(11)?,
            route: row.get(12)?,
            why: row.get(13)?,
            began: row.get::<_, Option<i64>>(14)?.map(i64::cast_unsigned),
            ended: row.get::<_, Option<i64>>(15)?.map(i64::cast_unsigned),
            attempts: row.get(16)?,
            failure: row.get(17)?,
            facts: Box::new(facts),
            parts: ItemParts::default(),
            shared_row: row.get(21)?,
            sum: row.get(Self::WIDTH)?,
        })
    }

    /// The largest key of a file; 0 if there is none.
    pub(super) fn last_key(sql: &Connection) -> Result<i64, Bad> {
        let mut last = sql.prepare_cached("SELECT max(id) FROM items")?;
        let last: Option<i64> = last.query_row([], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }

    /// Writes the row of a new file.
    pub(super) fn add(&mut self, sql: &Connection) -> Result<(), Bad> {
        self.sum = self.with_values(|values| insert(sql, &ADD_ITEM, values))?;
        Ok(())
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&mut self, sql: &Connection) -> Result<(), Bad> {
        self.sum = self.with_values(|values| insert(sql, &SAVE_ITEM, values))?;
        Ok(())
    }

    /// Writes how a file has ended whose row is still what this process has written. Nothing else of it has changed.
    pub(super) fn save_end(&mut self, sql: &Connection) -> Result<(), Bad> {
        let before = self.sum;
        let (now, changed) = self.with_values(|values| {
            let now = sum(values.iter().copied());
            let sums = [now, before].map(ValueRef::Integer);
            let values = values.iter().copied().chain(sums).map(ToSqlOutput::Borrowed);
            let changed = sql.prepare_cached(&SAVE_END)?.execute(params_from_iter(values))?;
            Ok::<_, Bad>((now, changed))
        })?;
        self.sum = now;
        if changed == 1 { Ok(()) } else { Err(GONE) }
    }

    /// Passes on the values of its columns.
    fn with_values<T>(&self, write: impl FnOnce(&[ValueRef<'_>; Self::WIDTH]) -> T) -> T {
        let seen = self.seen.as_ref();
        let TransferFacts { digest, addresses, strangers, path: _ } = &*self.facts;
        let digest = digest.as_deref().and_then(bytes_of);
        let (addresses, strangers) = (pair(addresses), pair(strangers));
        write(&[
            ValueRef::Integer(self.key.0),
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
            text(self.route.as_deref()),
            text(self.why.as_deref()),
            number(self.began),
            number(self.ended),
            ValueRef::Integer(self.attempts.into()),
            text(self.failure.as_deref()),
            digest.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
            text(addresses.as_deref()),
            text(strangers.as_deref()),
            self.shared_row.map_or(ValueRef::Null, ValueRef::Integer),
        ])
    }
}

/// A number that may be missing.
pub(super) fn number(number: Option<u64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, |number| ValueRef::Integer(number.cast_signed()))
}

/// Two values in one column; `None` if neither is known.
fn pair<T: Display>(values: &[Option<T>; 2]) -> Option<String> {
    let word = |value: &Option<T>| value.as_ref().map_or_else(|| UNKNOWN.to_owned(), ToString::to_string);
    let [source, destination] = values;
    (source.is_some() || destination.is_some()).then(|| format!("{} {}", word(source), word(destination)))
}

/// The values of [`pair`]. What cannot be read counts as not known.
fn of_pair<T: FromStr>(column: Option<&str>) -> [Option<T>; 2] {
    let mut words = column.unwrap_or_default().split(' ').map(|word| word.parse().ok());
    [words.next().flatten(), words.next().flatten()]
}

/// The bytes of a digest in hexadecimal digits; `None` if it is none.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    });
    bytes.collect()
}

/// A digest in hexadecimal digits.
fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number of columns in which the place of a file is.
const FOUND_BY: usize = 5;
/// What stands for a value that is not known.
const UNKNOWN: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn what_is_written_in_a_column_is_read_again() {
        let at = |text: &str| text.parse::<SocketAddr>().ok();
        for addresses in [
            [None, None],
            [at("192.0.2.1:20"), None],
            [None, at("[2001:db8::1]:20")],
            [at("192.0.2.1:20"), at("192.0.2.2:65535")],
        ] {
            let column = pair(&addresses);
            assert_eq!(column.is_none(), addresses == [None, None]);
            assert_eq!(of_pair(column.as_deref()), addresses);
        }
        assert_eq!(of_pair::<u32>(Some("3 x")), [Some(3), None]);
        assert_eq!(of_pair::<u32>(pair(&[Some(0), Some(u32::MAX)]).as_deref()), [Some(0), Some(u32::MAX)]);
        for hex in ["", "00", "0badcafe"] {
            assert_eq!(hex_of(&bytes_of(hex).unwrap()), hex);
        }
        assert_eq!(bytes_of("0BAD").unwrap(), [0x0b, 0xad]);
        assert_eq!((bytes_of("0"), bytes_of("0g"), bytes_of("é")), (None, None, None));
    }
}
