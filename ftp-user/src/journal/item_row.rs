//! The row of a file, and the rows beside it: the names of its parts, a transfer that may go on without this program, and what
//! files that took the same path have in common.

use super::record::{
    Detached, ItemKey, ItemParts, ItemRecord, ItemState, NAME_OF_SYNC, PartId, Place, SourceFacts,
};
use super::sql::{GONE, Result, Row, Sql, StoreError, Value};
use super::table::{DETACHED, ITEMS, PARTS, PATH_FACTS, insert, sum};
use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd, PathFacts, TransferFacts, Verified};
use ftp_proto::wire::{TransferId, hex, of_hex};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

/// What every file of a tree is written with, and looked for.
static ADD_ITEM: LazyLock<String> = LazyLock::new(|| ITEMS.addition());
static SAVE_ITEM: LazyLock<String> = LazyLock::new(|| ITEMS.replacement());
static SAVE_PART: LazyLock<String> = LazyLock::new(|| PARTS.replacement());
static ITEMS_AT: LazyLock<String> =
    LazyLock::new(|| ITEMS.select("site = ?1 AND path = ?2 AND substr(path, 1, 1024) = ?3"));
/// The condition that a row is that of a file, and not of what a sync has claimed to have its destination alone. Nothing is
/// stored of a file before its source was seen.
pub(super) static IS_FILE: LazyLock<String> = LazyLock::new(|| {
    let (name, before) = (hex(NAME_OF_SYNC.as_bytes()), NAME_OF_SYNC.len());
    // The end of the path with one byte more than the name has: all of a path that is not longer.
    format!("(looked != 0 OR substr(path, length(path) - {before}) NOT IN (x'{name}', x'2f{name}'))")
});
/// The condition that a file was stored, also if it was lost since: nothing has verified one that has failed otherwise.
pub(super) static WAS_STORED: LazyLock<String> = LazyLock::new(|| {
    let [done, failed] = [ItemState::Done, ItemState::Failed].map(ItemState::number);
    format!("(state = {done} OR (state = {failed} AND verified IS NOT NULL))")
});
/// What changes of a file when it ends: nothing that it is found by, except its state.
static SAVE_END: LazyLock<String> = LazyLock::new(|| {
    let changed = ITEMS.columns.iter().enumerate().skip(FOUND_BY);
    let changed: Vec<String> = changed.map(|(index, column)| format!("{column} = ?{}", index + 1)).collect();
    let sum = ITEM_COLUMNS + 1;
    format!("UPDATE items SET {}, sum = ?{sum} WHERE id = ?1 AND sum = ?{}", changed.join(", "), sum + 1)
});

impl ItemRecord {
    pub(super) fn find(sql: &Sql, key: ItemKey) -> Result<Option<Self>> {
        Self::that(sql, "id = ?1", &[key.0.into()]).map(|mut rows| rows.pop())
    }

    /// The files of all jobs that go to each of these places.
    pub(super) fn at(sql: &Sql, places: &[&Place]) -> Result<Vec<Vec<Self>>> {
        let all: Vec<[Value<'_>; 3]> = places
            .iter()
            .map(|Place { site, path, .. }| [site.into(), path.into(), head(path).into()])
            .collect();
        let all: Vec<&[Value<'_>]> = all.iter().map(<[Value<'_>; 3]>::as_slice).collect();
        let mut found = vec![Vec::new(); places.len()];
        sql.query_each(&ITEMS_AT, &all, &mut |number, row| {
            ITEMS.check(row)?;
            let files = found.get_mut(number).ok_or(GONE)?;
            files.push(Self::of(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The files of all jobs below a directory of a host, in the order of their paths and their jobs: at most `most` of those
    /// behind `after`. The directory has a separator at its end, or is empty.
    pub(super) fn below(
        sql: &Sql,
        site: &str,
        directory: &[u8],
        after: Option<(&[u8], JobId)>,
        most: usize,
    ) -> Result<Vec<Self>> {
        let (path, job) =
            after.map_or((directory, i64::MIN), |(path, job)| (path, job.number().cast_signed()));
        // The paths are those that begin with it: no other bytes are between these two bounds.
        let end = directory.split_last().map(|(last, begin)| [begin, &[last.saturating_add(1)]].concat());
        let mut below = "site = ?1 AND (path, job) > (?2, ?3) AND substr(path, 1, 1024) >= ?5".to_owned();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut values = vec![site.into(), path.into(), job.into(), most.into(), head(path).into()];
        if let Some(end) = &end {
            below.push_str(" AND path < ?6 AND substr(path, 1, 1024) <= ?7");
            values.extend([Value::from(end), head(end).into()]);
        }
        below.push_str(&format!(" ORDER BY {}, job LIMIT ?4", sql.order_of_paths()));
        Self::that(sql, &below, &values)
    }

    /// The rows of a job in that state for which the condition holds.
    pub(super) fn of_job(sql: &Sql, job: JobId, state: ItemState, condition: &str) -> Result<Vec<Self>> {
        let values = [job.into(), state.number().into()];
        Self::that(sql, &format!("job = ?1 AND state = ?2 AND {condition} ORDER BY id"), &values)
    }

    /// The files that a job has finished on this host under two names, of which this one is outside `directory`.
    pub(super) fn finished_under_two_names(sql: &Sql, job: JobId, directory: &[u8]) -> Result<Vec<Self>> {
        let of_job = "job = ?1 AND state = ?2";
        let twice = format!("SELECT source FROM items WHERE {of_job} GROUP BY source HAVING count(*) > 1");
        let outside = "site = '' AND substr(path, 1, ?4) != ?3";
        let length = i64::try_from(directory.len()).unwrap_or(i64::MAX);
        let values = [job.into(), ItemState::Done.number().into(), directory.into(), length.into()];
        Self::that(sql, &format!("{of_job} AND {outside} AND source IN ({twice})"), &values)
    }

    /// The files that a job has stored before `time`, in milliseconds since 1970, also those that were lost since: a page of them,
    /// behind the last known one.
    pub(super) fn stored_before(sql: &Sql, job: JobId, time: u64, last: ItemKey) -> Result<Vec<Self>> {
        let (was_stored, is_file) = (&*WAS_STORED, &*IS_FILE);
        let condition = format!(
            "job = ?1 AND id > ?2 AND {was_stored} AND ended < ?3 AND {is_file} ORDER BY id LIMIT {PAGE}"
        );
        Self::that(sql, &condition, &[job.into(), last.0.into(), time.into()])
    }

    /// The rows for which a condition holds.
    pub(super) fn that(sql: &Sql, condition: &str, values: &[Value<'_>]) -> Result<Vec<Self>> {
        ITEMS.find(sql, condition, values, Self::of)
    }

    fn of(row: &Row<'_>) -> Result<Self> {
        let seen = SourceFacts { size: row.get(6)?, modified: row.get(7)?, unique: row.get(8)? };
        let digest: Option<Vec<u8>> = row.get(18)?;
        let facts = TransferFacts {
            digest: digest.as_deref().map(hex),
            addresses: of_pair(row.get(19)?),
            strangers: of_pair(row.get(20)?),
            path: None,
        };
        let name = |column: usize| row.get::<Option<&str>>(column);
        let copy = FileCopy {
            // 0 stands for a size that is not known, too.
            size: row.get::<Option<u64>>(10)?.filter(|size| *size > 0),
            verified: name(11)?.and_then(Verified::named).unwrap_or_default(),
            end: name(12)?.and_then(Rung::named).map_or(FileEnd::Skipped, FileEnd::Moved),
            attempts: row.get(16)?,
            facts,
            ..FileCopy::default()
        };
        Ok(Self {
            key: ItemKey(row.get(0)?),
            job: row.get(1)?,
            place: Place { source: row.get(2)?, site: row.get(3)?, path: row.get(4)? },
            state: ItemState::numbered(row.get(5)?)?,
            seen: row.get::<bool>(9)?.then_some(seen),
            copy: Box::new(copy),
            why: row.get(13)?,
            began: row.get(14)?,
            ended: row.get(15)?,
            failure: row.get(17)?,
            parts: ItemParts::default(),
            shared_row: row.get(21)?,
            sum: row.get(ITEM_COLUMNS)?,
        })
    }

    /// The largest key of a file; 0 if there is none.
    pub(super) fn last_key(sql: &Sql) -> Result<i64> {
        sql.number("SELECT coalesce(max(id), 0) FROM items", &[])
    }

    /// Writes the row of a new file.
    pub(super) fn add(&mut self, sql: &Sql) -> Result<()> {
        self.sum = self.with_values(|values| insert(sql, &ADD_ITEM, values))?;
        Ok(())
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&mut self, sql: &Sql) -> Result<()> {
        self.sum = self.with_values(|values| insert(sql, &SAVE_ITEM, values))?;
        Ok(())
    }

    /// Writes how a file has ended whose row is still what this process has written. Nothing else of it has changed.
    pub(super) fn save_end(&mut self, sql: &Sql) -> Result<()> {
        let before = self.sum;
        self.sum = self.with_values(|values| {
            let now = sum(values);
            let sums = [now, before].map(Value::Integer);
            sql.write_one(&SAVE_END, &[values.as_slice(), &sums].concat()).map(|()| now)
        })?;
        Ok(())
    }

    /// Passes on the values of its columns.
    fn with_values<T>(&self, write: impl FnOnce(&[Value<'_>; ITEM_COLUMNS]) -> T) -> T {
        let seen = self.seen.as_ref();
        let FileCopy { size, verified, attempts, facts, .. } = &*self.copy;
        let TransferFacts { digest, addresses, strangers, path: _ } = facts;
        let is_verified = match self.state {
            ItemState::Done => true,
            // It was done before.
            ItemState::Open | ItemState::Failed => *verified != Verified::None,
            ItemState::GivenOver => false,
        };
        let verified = is_verified.then(|| verified.name());
        let digest = digest.as_deref().and_then(|digits| of_hex(digits.as_bytes()));
        let (addresses, strangers) = (pair(addresses), pair(strangers));
        write(&[
            self.key.0.into(),
            self.job.into(),
            self.place.source.as_str().into(),
            self.place.site.as_str().into(),
            (&self.place.path).into(),
            self.state.number().into(),
            seen.and_then(|seen| seen.size).into(),
            seen.and_then(|seen| seen.modified).into(),
            seen.and_then(|seen| seen.unique.as_deref()).into(),
            seen.is_some().into(),
            size.unwrap_or(0).into(),
            verified.into(),
            self.copy.moved_by().map(Rung::name).into(),
            self.why.as_deref().into(),
            self.began.into(),
            self.ended.into(),
            u64::from(*attempts).into(),
            self.failure.as_deref().into(),
            digest.as_deref().into(),
            addresses.as_deref().into(),
            strangers.as_deref().into(),
            self.shared_row.into(),
        ])
    }

    /// The names under which something of it may be stored.
    pub(super) fn read_parts(&self, sql: &Sql) -> Result<ItemParts> {
        let detached = DETACHED.find(sql, "item = ?1", &[self.key.0.into()], detached)?.pop();
        let mut found = ItemParts { detached, ..ItemParts::default() };
        PARTS.find(sql, "item = ?1 ORDER BY number", &[self.key.0.into()], |row| {
            let part = PartId(row.get(0)?);
            match row.get::<i64>(2)? {
                IN_PLACE => found.in_place = Some(part),
                UNDELETED => found.undeleted.push(part),
                _ => found.names.push(part),
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Adds a name under which something of it may be stored from now on.
    pub(super) fn add_part(&self, sql: &Sql, part: PartId) -> Result<()> {
        let next = "SELECT coalesce(max(number) + 1, 0) FROM parts WHERE item = ?1 AND number >= 0";
        let number = sql.number(next, &[self.key.0.into()])?;
        self.save_part(sql, part, number)
    }

    /// From now on something of it may be stored under its final name. The number of the part is used for nothing else.
    pub(super) fn add_in_place(&self, sql: &Sql, part: PartId) -> Result<()> {
        self.save_part(sql, part, IN_PLACE)
    }

    /// Writes the first name, if there is one. `was_known`: there may be others, which are forgotten.
    pub(super) fn set_first_part(&self, sql: &Sql, part: Option<PartId>, was_known: bool) -> Result<()> {
        if was_known {
            self.forget_parts(sql)?;
        }
        part.map_or(Ok(()), |part| self.save_part(sql, part, 0))
    }

    fn save_part(&self, sql: &Sql, part: PartId, number: i64) -> Result<()> {
        insert(sql, &SAVE_PART, &[part.0.into(), self.key.0.into(), number.into()]).map(drop)
    }

    /// Writes these names and that transfer, in the place of those that are there.
    pub(super) fn set_parts(&self, sql: &Sql, parts: &ItemParts) -> Result<()> {
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
    pub(super) fn set_detached(&self, sql: &Sql, detached: Option<&Detached>) -> Result<()> {
        let Some(detached) = detached else {
            sql.write("DELETE FROM detached WHERE item = ?1", &[self.key.0.into()])?;
            return Ok(());
        };
        let (source, destination) = (detached.source.to_string(), detached.destination.to_string());
        let values = [
            self.key.0.into(),
            (&source).into(),
            (&destination).into(),
            detached.route.name().into(),
            detached.before.into(),
            detached.moves.into(),
        ];
        DETACHED.replace(sql, &values)
    }

    /// Forgets these names and that transfer: nothing is stored under them.
    pub(super) fn forget_parts(&self, sql: &Sql) -> Result<()> {
        self.forget_names(sql)?;
        self.set_detached(sql, None)
    }

    /// Forgets the names alone: there is no transfer. Those that have to be deleted stay.
    pub(super) fn forget_names(&self, sql: &Sql) -> Result<()> {
        let delete = "DELETE FROM parts WHERE item = ?1 AND number != ?2";
        sql.write(delete, &[self.key.0.into(), UNDELETED.into()])?;
        Ok(())
    }

    /// Forgets the file: nothing is left of it.
    pub(super) fn forget(&self, sql: &Sql) -> Result<()> {
        sql.write("DELETE FROM parts WHERE item = ?1", &[self.key.0.into()])?;
        self.set_detached(sql, None)?;
        sql.write("DELETE FROM items WHERE id = ?1", &[self.key.0.into()])?;
        Ok(())
    }

    /// The files of a job that have ended, and of which a part has to be deleted.
    pub(super) fn ended_with_undeleted(sql: &Sql, job: JobId) -> Result<Vec<Self>> {
        let condition =
            "job = ?1 AND state != ?2 AND id IN (SELECT item FROM parts WHERE number = ?3) ORDER BY id";
        let values = [job.into(), ItemState::Open.number().into(), UNDELETED.into()];
        let files = Self::that(sql, condition, &values)?.into_iter();
        files.map(|row| row.whole(sql)).collect()
    }

    /// The same, with its parts and with what it shares with other files.
    pub(super) fn whole(mut self, sql: &Sql) -> Result<Self> {
        self.parts = self.read_parts(sql)?;
        self.copy.facts.path = self.shared_row.map_or(Ok(None), |row| shared(sql, row))?;
        Ok(self)
    }
}

/// The beginning of a path by which a database finds it: no index takes a value of any length.
fn head(path: &[u8]) -> &[u8] {
    path.get(..LENGTH_OF_HEAD).unwrap_or(path)
}

/// The transfer of a file that may go on without this program.
fn detached(row: &Row<'_>) -> Result<Detached> {
    let id = |column| -> Result<TransferId> {
        let id = TransferId::from_hex(row.get::<&str>(column)?.as_bytes());
        id.ok_or(StoreError::Row(Cow::Borrowed("a transfer has no name")))
    };
    let route = Rung::named(row.get(3)?);
    let route = route.ok_or(StoreError::Row(Cow::Borrowed("a transfer has no known route")))?;
    let (source, destination) = (id(1)?, id(2)?);
    let (before, moves) = (row.get(4)?, row.get(5)?);
    Ok(Detached { source, destination, route, before, moves })
}

/// Notes that a part has to be deleted: its name stays when its file ends. A part that nothing is known of is left out.
pub(super) fn note_undeleted(sql: &Sql, part: PartId) -> Result<()> {
    let id = part.0.into();
    let items = PARTS.find(sql, "part = ?1", &[id], |row| row.get::<i64>(1))?;
    items.into_iter().try_for_each(|item| PARTS.replace(sql, &[id, item.into(), UNDELETED.into()]))
}

/// Notes that a part is deleted that had to be.
pub(super) fn note_deleted(sql: &Sql, part: PartId) -> Result<()> {
    let delete = "DELETE FROM parts WHERE part = ?1 AND number = ?2";
    sql.write(delete, &[part.0.into(), UNDELETED.into()])?;
    Ok(())
}

/// Whether a file of the job may go from server to server without this program. With `moves`, both ends must have said so.
pub(super) fn has_detached(sql: &Sql, job: JobId, moves: bool) -> Result<bool> {
    let ask = "SELECT EXISTS (SELECT 1 FROM detached JOIN items ON detached.item = items.id WHERE job = ?1 AND moves >= ?2)";
    sql.one(ask, &[job.into(), moves.into()], |row| row.get(0))
}

/// The rows of what files have in common that this process has written, by what they say.
#[derive(Debug, Default)]
pub(super) struct SharedRows(RefCell<HashMap<(JobId, Arc<PathFacts>), i64>>);

impl SharedRows {
    /// The number of the row that says this of files of a job. Writes one if there is none.
    pub(super) fn row(&self, sql: &Sql, job: JobId, facts: &Arc<PathFacts>) -> Result<i64> {
        let key = (job, Arc::clone(facts));
        if let Some(row) = self.0.borrow().get(&key) {
            return Ok(*row);
        }
        let row = sql.number("SELECT coalesce(max(id), 0) + 1 FROM path_facts", &[])?;
        let PathFacts { control: [source_control, dest_control], data: [source_data, dest_data], why } =
            &**facts;
        let values = [
            row.into(),
            job.into(),
            source_control.as_deref().into(),
            dest_control.as_deref().into(),
            source_data.as_deref().into(),
            dest_data.as_deref().into(),
            why.as_deref().into(),
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
fn shared(sql: &Sql, row: i64) -> Result<Option<Arc<PathFacts>>> {
    let found = PATH_FACTS.find(sql, "id = ?1", &[row.into()], |row| {
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
/// The number of bytes of a path that the statements call its beginning.
const LENGTH_OF_HEAD: usize = 1024;
/// What stands for a value that is not known.
const UNKNOWN: &str = "-";
/// The largest number of rows that are remembered. Most jobs have one or two.
const MOST: usize = 64;
/// What stands in the place of the order of a part if the name is the final one.
const IN_PLACE: i64 = -1;
/// The same if the part has to be deleted.
const UNDELETED: i64 = -2;

/// The largest number of files on a page.
const PAGE: usize = 1000;

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
