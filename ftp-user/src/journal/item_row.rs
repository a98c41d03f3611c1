//! The row of a file, and the rows beside it: the names of its parts, a transfer that may go on without this program, and what
//! files that took the same path have in common.

use super::record::{
    Detached, ItemKey, ItemParts, ItemRecord, ItemState, NAME_OF_SYNC, PartId, Place, SourceFacts,
};
use super::table::{DETACHED, GONE, ITEMS, PARTS, PATH_FACTS, StoreError, insert, number, sum, text};
use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd, PathFacts, TransferFacts, Verified};
use ftp_proto::wire::{TransferId, hex, of_hex};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Params, Row, params, params_from_iter};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

/// What every file of a tree is written with, and looked for.
static ADD_ITEM: LazyLock<String> = LazyLock::new(|| ITEMS.addition());
static SAVE_ITEM: LazyLock<String> = LazyLock::new(|| ITEMS.replacement());
static ITEMS_AT: LazyLock<String> = LazyLock::new(|| ITEMS.select("site = ?1 AND path = ?2"));
/// The condition that a row is that of a file, and not of what a sync has claimed to have its destination alone. Nothing is
/// stored of a file before its source was seen.
pub(super) static IS_FILE: LazyLock<String> = LazyLock::new(|| {
    let (name, length) = (NAME_OF_SYNC, NAME_OF_SYNC.len() + 1);
    format!("(looked OR substr(path, -{length}) NOT IN (CAST('{name}' AS BLOB), CAST('/{name}' AS BLOB)))")
});
/// What changes of a file when it ends: nothing that it is found by, except its state.
static SAVE_END: LazyLock<String> = LazyLock::new(|| {
    let changed = ITEMS.columns.split(", ").enumerate().skip(FOUND_BY);
    let changed: Vec<String> = changed.map(|(index, column)| format!("{column} = ?{}", index + 1)).collect();
    let sum = ITEM_COLUMNS + 1;
    format!("UPDATE items SET {}, sum = ?{sum} WHERE id = ?1 AND sum = ?{}", changed.join(", "), sum + 1)
});

impl ItemRecord {
    pub(super) fn find(sql: &Connection, key: ItemKey) -> Result<Option<Self>, StoreError> {
        Self::query(sql, &ITEMS.select("id = ?1"), [key.0]).map(|mut rows| rows.pop())
    }

    /// The files of all jobs that go there.
    pub(super) fn at(sql: &Connection, place: &Place) -> Result<Vec<Self>, StoreError> {
        Self::query(sql, &ITEMS_AT, params![place.site, place.path])
    }

    /// The files of all jobs below a directory of a host, in the order of their paths and their jobs: at most `most` of those
    /// behind `after`. The directory has a separator at its end, or is empty.
    pub(super) fn below(
        sql: &Connection,
        site: &str,
        directory: &[u8],
        after: Option<(&[u8], JobId)>,
        most: usize,
    ) -> Result<Vec<Self>, StoreError> {
        let (path, job) =
            after.map_or((directory, i64::MIN), |(path, job)| (path, job.number().cast_signed()));
        // The paths are those that begin with it: no other bytes are between these two bounds.
        let end = directory.split_last().map(|(last, begin)| [begin, &[last.saturating_add(1)]].concat());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let below =
            "site = ?1 AND (path, job) > (?2, ?3) AND (?4 IS NULL OR path < ?4) ORDER BY path, job LIMIT ?5";
        Self::query(sql, &ITEMS.select(below), params![site, path, job, end, most])
    }

    /// The rows of a job in that state for which the condition holds.
    pub(super) fn of_job(
        sql: &Connection,
        job: JobId,
        state: ItemState,
        condition: &str,
    ) -> Result<Vec<Self>, StoreError> {
        let values = [job.number().cast_signed(), state.number()];
        let select = ITEMS.select(&format!("job = ?1 AND state = ?2 AND {condition} ORDER BY id"));
        Self::query(sql, &select, values)
    }

    /// The files that a job has finished on this host under two names, of which this one is outside `directory`.
    pub(super) fn finished_under_two_names(
        sql: &Connection,
        job: JobId,
        directory: &[u8],
    ) -> Result<Vec<Self>, StoreError> {
        let of_job = "job = ?1 AND state = ?2";
        let twice = format!("SELECT source FROM items WHERE {of_job} GROUP BY source HAVING count(*) > 1");
        let outside = "site = '' AND substr(path, 1, length(?3)) != ?3";
        let values = params![job.number().cast_signed(), ItemState::Done.number(), directory];
        Self::query(sql, &ITEMS.select(&format!("{of_job} AND {outside} AND source IN ({twice})")), values)
    }

    /// The rows for which a condition holds.
    pub(super) fn that(
        sql: &Connection,
        condition: &str,
        values: impl Params,
    ) -> Result<Vec<Self>, StoreError> {
        Self::query(sql, &ITEMS.select(condition), values)
    }

    fn query(sql: &Connection, select: &str, values: impl Params) -> Result<Vec<Self>, StoreError> {
        ITEMS.query(sql, select, values, Self::of)
    }

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let seen = SourceFacts {
            size: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
            modified: row.get(7)?,
            unique: row.get(8)?,
        };
        let digest: Option<Vec<u8>> = row.get(18)?;
        let facts = TransferFacts {
            digest: digest.as_deref().map(hex),
            addresses: of_pair(row.get::<_, Option<String>>(19)?.as_deref()),
            strangers: of_pair(row.get::<_, Option<String>>(20)?.as_deref()),
            path: None,
        };
        let name = |column: usize| row.get::<_, Option<String>>(column);
        let copy = FileCopy {
            // 0 stands for a size that is not known, too.
            size: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned).filter(|size| *size > 0),
            verified: name(11)?.as_deref().and_then(Verified::named).unwrap_or_default(),
            end: name(12)?.as_deref().and_then(Rung::named).map_or(FileEnd::Skipped, FileEnd::Moved),
            attempts: row.get(16)?,
            facts,
            ..FileCopy::default()
        };
        Ok(Self {
            key: ItemKey(row.get(0)?),
            job: JobId::new(row.get::<_, i64>(1)?.cast_unsigned()),
            place: Place { source: row.get(2)?, site: row.get(3)?, path: row.get(4)? },
            state: ItemState::numbered(row.get(5)?)?,
            seen: row.get::<_, bool>(9)?.then_some(seen),
            copy: Box::new(copy),
            why: row.get(13)?,
            began: row.get::<_, Option<i64>>(14)?.map(i64::cast_unsigned),
            ended: row.get::<_, Option<i64>>(15)?.map(i64::cast_unsigned),
            failure: row.get(17)?,
            parts: ItemParts::default(),
            shared_row: row.get(21)?,
            sum: row.get(ITEM_COLUMNS)?,
        })
    }

    /// The largest key of a file; 0 if there is none.
    pub(super) fn last_key(sql: &Connection) -> Result<i64, StoreError> {
        let mut last = sql.prepare_cached("SELECT coalesce(max(id), 0) FROM items")?;
        Ok(last.query_row([], |row| row.get(0))?)
    }

    /// Writes the row of a new file.
    pub(super) fn add(&mut self, sql: &Connection) -> Result<(), StoreError> {
        self.sum = self.with_values(|values| insert(sql, &ADD_ITEM, values))?;
        Ok(())
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&mut self, sql: &Connection) -> Result<(), StoreError> {
        self.sum = self.with_values(|values| insert(sql, &SAVE_ITEM, values))?;
        Ok(())
    }

    /// Writes how a file has ended whose row is still what this process has written. Nothing else of it has changed.
    pub(super) fn save_end(&mut self, sql: &Connection) -> Result<(), StoreError> {
        let before = self.sum;
        let (now, changed) = self.with_values(|values| {
            let now = sum(values.iter().copied());
            let sums = [now, before].map(ValueRef::Integer);
            let values = values.iter().copied().chain(sums).map(ToSqlOutput::Borrowed);
            let changed = sql.prepare_cached(&SAVE_END)?.execute(params_from_iter(values))?;
            Ok::<_, StoreError>((now, changed))
        })?;
        self.sum = now;
        if changed == 1 { Ok(()) } else { Err(GONE) }
    }

    /// Passes on the values of its columns.
    fn with_values<T>(&self, write: impl FnOnce(&[ValueRef<'_>; ITEM_COLUMNS]) -> T) -> T {
        let seen = self.seen.as_ref();
        let FileCopy { size, verified, attempts, facts, .. } = &*self.copy;
        let TransferFacts { digest, addresses, strangers, path: _ } = facts;
        let verified = (self.state == ItemState::Done).then(|| verified.name());
        let digest = digest.as_deref().and_then(|digits| of_hex(digits.as_bytes()));
        let (addresses, strangers) = (pair(addresses), pair(strangers));
        write(&[
            ValueRef::Integer(self.key.0),
            ValueRef::Integer(self.job.number().cast_signed()),
            ValueRef::Text(self.place.source.as_bytes()),
            ValueRef::Text(self.place.site.as_bytes()),
            ValueRef::Blob(&self.place.path),
            ValueRef::Integer(self.state.number()),
            number(seen.and_then(|seen| seen.size)),
            seen.and_then(|seen| seen.modified).map_or(ValueRef::Null, ValueRef::Integer),
            text(seen.and_then(|seen| seen.unique.as_deref())),
            ValueRef::Integer(i64::from(seen.is_some())),
            ValueRef::Integer(size.unwrap_or(0).cast_signed()),
            text(verified),
            text(self.copy.moved_by().map(Rung::name)),
            text(self.why.as_deref()),
            number(self.began),
            number(self.ended),
            ValueRef::Integer((*attempts).into()),
            text(self.failure.as_deref()),
            digest.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
            text(addresses.as_deref()),
            text(strangers.as_deref()),
            self.shared_row.map_or(ValueRef::Null, ValueRef::Integer),
        ])
    }

    /// The names under which something of it may be stored.
    pub(super) fn read_parts(&self, sql: &Connection) -> Result<ItemParts, StoreError> {
        let detached = DETACHED.find(sql, "item = ?1", [self.key.0], detached)?.pop();
        let mut found = ItemParts { detached, ..ItemParts::default() };
        PARTS.find(sql, "item = ?1 ORDER BY number", [self.key.0], |row| {
            let part = PartId(row.get::<_, i64>(0)?.cast_unsigned());
            match row.get::<_, i64>(2)? {
                IN_PLACE => found.in_place = Some(part),
                UNDELETED => found.undeleted.push(part),
                _ => found.names.push(part),
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Adds a name under which something of it may be stored from now on.
    pub(super) fn add_part(&self, sql: &Connection, part: PartId) -> Result<(), StoreError> {
        let mut next = sql.prepare_cached(
            "SELECT coalesce(max(number) + 1, 0) FROM parts WHERE item = ?1 AND number >= 0",
        )?;
        let number = next.query_row([self.key.0], |row| row.get(0))?;
        self.save_part(sql, part, number)
    }

    /// From now on something of it may be stored under its final name. The number of the part is used for nothing else.
    pub(super) fn add_in_place(&self, sql: &Connection, part: PartId) -> Result<(), StoreError> {
        self.save_part(sql, part, IN_PLACE)
    }

    /// Writes the first name, if there is one. `was_known`: there may be others, which are forgotten.
    pub(super) fn set_first_part(
        &self,
        sql: &Connection,
        part: Option<PartId>,
        was_known: bool,
    ) -> Result<(), StoreError> {
        if was_known {
            self.forget_parts(sql)?;
        }
        part.map_or(Ok(()), |part| self.save_part(sql, part, 0))
    }

    fn save_part(&self, sql: &Connection, part: PartId, number: i64) -> Result<(), StoreError> {
        let values = [part.0.cast_signed(), self.key.0, number].map(ValueRef::Integer);
        PARTS.replace(sql, &values)
    }

    /// Writes these names and that transfer, in the place of those that are there.
    pub(super) fn set_parts(&self, sql: &Connection, parts: &ItemParts) -> Result<(), StoreError> {
        self.forget_parts(sql)?;
        for part in &parts.names {
            self.add_part(sql, *part)?;
        }
        for part in &parts.undeleted {
            self.save_part(sql, *part, UNDELETED)?;
        }
        if let Some(part) = parts.in_place {
            self.add_in_place(sql, part)?;
        }
        self.set_detached(sql, parts.detached.as_ref())
    }

    /// Writes the transfer that may go on without this program, or that there is none.
    pub(super) fn set_detached(
        &self,
        sql: &Connection,
        detached: Option<&Detached>,
    ) -> Result<(), StoreError> {
        let Some(detached) = detached else {
            sql.prepare_cached("DELETE FROM detached WHERE item = ?1")?.execute([self.key.0])?;
            return Ok(());
        };
        let (source, destination) = (detached.source.to_string(), detached.destination.to_string());
        let values = [
            ValueRef::Integer(self.key.0),
            ValueRef::Text(source.as_bytes()),
            ValueRef::Text(destination.as_bytes()),
            ValueRef::Text(detached.route.name().as_bytes()),
            ValueRef::Integer(detached.before.cast_signed()),
            ValueRef::Integer(i64::from(detached.moves)),
        ];
        DETACHED.replace(sql, &values)
    }

    /// Forgets these names and that transfer: nothing is stored under them.
    pub(super) fn forget_parts(&self, sql: &Connection) -> Result<(), StoreError> {
        self.forget_names(sql)?;
        self.set_detached(sql, None)
    }

    /// Forgets the names alone: there is no transfer. Those that have to be deleted stay.
    pub(super) fn forget_names(&self, sql: &Connection) -> Result<(), StoreError> {
        let mut delete = sql.prepare_cached("DELETE FROM parts WHERE item = ?1 AND number != ?2")?;
        delete.execute([self.key.0, UNDELETED])?;
        Ok(())
    }

    /// Forgets the file: nothing is left of it.
    pub(super) fn forget(&self, sql: &Connection) -> Result<(), StoreError> {
        sql.prepare_cached("DELETE FROM parts WHERE item = ?1")?.execute([self.key.0])?;
        self.set_detached(sql, None)?;
        sql.prepare_cached("DELETE FROM items WHERE id = ?1")?.execute([self.key.0])?;
        Ok(())
    }

    /// The files of a job that have ended, and of which a part has to be deleted.
    pub(super) fn ended_with_undeleted(sql: &Connection, job: JobId) -> Result<Vec<Self>, StoreError> {
        let condition =
            "job = ?1 AND state != ?2 AND id IN (SELECT item FROM parts WHERE number = ?3) ORDER BY id";
        let values = [job.number().cast_signed(), ItemState::Open.number(), UNDELETED];
        let files = Self::query(sql, &ITEMS.select(condition), values)?.into_iter();
        files.map(|row| row.whole(sql)).collect()
    }

    /// The same, with its parts and with what it shares with other files.
    pub(super) fn whole(mut self, sql: &Connection) -> Result<Self, StoreError> {
        self.parts = self.read_parts(sql)?;
        self.copy.facts.path = self.shared_row.map_or(Ok(None), |row| shared(sql, row))?;
        Ok(self)
    }
}

/// The transfer of a file that may go on without this program.
fn detached(row: &Row<'_>) -> Result<Detached, StoreError> {
    let id = |column| -> Result<TransferId, StoreError> {
        let id = TransferId::from_hex(row.get::<_, String>(column)?.as_bytes());
        id.ok_or(StoreError::Row(Cow::Borrowed("a transfer has no name")))
    };
    let route = Rung::named(&row.get::<_, String>(3)?);
    let route = route.ok_or(StoreError::Row(Cow::Borrowed("a transfer has no known route")))?;
    let (source, destination) = (id(1)?, id(2)?);
    let (before, moves) = (row.get::<_, i64>(4)?.cast_unsigned(), row.get(5)?);
    Ok(Detached { source, destination, route, before, moves })
}

/// Notes that a part has to be deleted: its name stays when its file ends. A part that nothing is known of is left out.
pub(super) fn note_undeleted(sql: &Connection, part: PartId) -> Result<(), StoreError> {
    let id = part.0.cast_signed();
    let items = PARTS.find(sql, "part = ?1", [id], |row| Ok(row.get::<_, i64>(1)?))?;
    items.into_iter().try_for_each(|item| PARTS.replace(sql, &[id, item, UNDELETED].map(ValueRef::Integer)))
}

/// Notes that a part is deleted that had to be.
pub(super) fn note_deleted(sql: &Connection, part: PartId) -> Result<(), StoreError> {
    let mut delete = sql.prepare_cached("DELETE FROM parts WHERE part = ?1 AND number = ?2")?;
    delete.execute([part.0.cast_signed(), UNDELETED])?;
    Ok(())
}

/// Whether a file of the job may go from server to server without this program. With `moves`, both ends must have said so.
pub(super) fn has_detached(sql: &Connection, job: JobId, moves: bool) -> Result<bool, StoreError> {
    let ask = "SELECT EXISTS (SELECT 1 FROM detached JOIN items ON detached.item = items.id WHERE job = ?1 AND moves >= ?2)";
    let values = [job.number().cast_signed(), i64::from(moves)];
    Ok(sql.prepare_cached(ask)?.query_row(values, |row| row.get(0))?)
}

/// The rows of what files have in common that this process has written, by what they say.
#[derive(Debug, Default)]
pub(super) struct SharedRows(RefCell<HashMap<(JobId, Arc<PathFacts>), i64>>);

impl SharedRows {
    /// The number of the row that says this of files of a job. Writes one if there is none.
    pub(super) fn row(
        &self,
        sql: &Connection,
        job: JobId,
        facts: &Arc<PathFacts>,
    ) -> Result<i64, StoreError> {
        let key = (job, Arc::clone(facts));
        if let Some(row) = self.0.borrow().get(&key) {
            return Ok(*row);
        }
        let mut next = sql.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM path_facts")?;
        let row: i64 = next.query_row([], |row| row.get(0))?;
        let PathFacts { control: [source_control, dest_control], data: [source_data, dest_data], why } =
            &**facts;
        let values = [
            ValueRef::Integer(row),
            ValueRef::Integer(job.number().cast_signed()),
            text(source_control.as_deref()),
            text(dest_control.as_deref()),
            text(source_data.as_deref()),
            text(dest_data.as_deref()),
            text(why.as_deref()),
        ];
        PATH_FACTS.replace(sql, &values)?;
        let mut written = self.0.borrow_mut();
        if written.len() >= MOST {
            written.clear();
        }
        written.insert(key, row);
        Ok(row)
    }
}

/// What the row with that number says; nothing if it is not there.
fn shared(sql: &Connection, row: i64) -> Result<Option<Arc<PathFacts>>, StoreError> {
    let found = PATH_FACTS.find(sql, "id = ?1", [row], |row| {
        let (control, data) = ([row.get(2)?, row.get(3)?], [row.get(4)?, row.get(5)?]);
        Ok(Arc::new(PathFacts { control, data, why: row.get(6)? }))
    });
    found.map(|mut rows| rows.pop())
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

/// The number of columns of the table but the checksum.
const ITEM_COLUMNS: usize = 22;
/// The number of columns in which the place of a file is.
const FOUND_BY: usize = 5;
/// What stands for a value that is not known.
const UNKNOWN: &str = "-";
/// The largest number of rows that are remembered. Most jobs have one or two.
const MOST: usize = 64;
/// What stands in the place of the order of a part if the name is the final one.
const IN_PLACE: i64 = -1;
/// The same if the part has to be deleted.
const UNDELETED: i64 = -2;

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
    }
}
