//! Under which names something of a file may be stored, as rows have it.

use super::checksum::{Bad, check, replace};
use super::path_facts::path_facts;
use super::record::{Detached, ItemParts, ItemRecord, PartId};
use crate::id::JobId;
use ftp_proto::wire::TransferId;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::borrow::Cow;

impl ItemRecord {
    /// The names under which something of it may be stored.
    pub(super) fn read_parts(&self, sql: &Connection) -> Result<ItemParts, Bad> {
        let mut statement =
            sql.prepare_cached(&format!("SELECT {PART}, sum FROM parts WHERE item = ?1 ORDER BY number"))?;
        let mut rows = statement.query([self.key.0])?;
        let mut found = ItemParts { detached: detached(sql, self.key.0)?, ..ItemParts::default() };
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
        let number = count.query_row([self.key.0], |row| row.get(0))?;
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
        let values = [part.0.cast_signed(), self.key.0, number].map(ValueRef::Integer);
        replace(sql, "parts", PART, &values)
    }

    /// Writes these names and that transfer, in the place of those that are there.
    pub(super) fn set_parts(&self, sql: &Connection, parts: &ItemParts) -> Result<(), Bad> {
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
            sql.prepare_cached("DELETE FROM detached WHERE item = ?1")?.execute([self.key.0])?;
            return Ok(());
        };
        let (source, destination) = (detached.source.to_string(), detached.destination.to_string());
        let values = [
            ValueRef::Integer(self.key.0),
            ValueRef::Text(source.as_bytes()),
            ValueRef::Text(destination.as_bytes()),
            ValueRef::Text(detached.route.as_bytes()),
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
        sql.prepare_cached("DELETE FROM parts WHERE item = ?1")?.execute([self.key.0])?;
        Ok(())
    }

    /// Forgets the file: it was not begun.
    pub(super) fn forget(&self, sql: &Connection) -> Result<(), Bad> {
        self.forget_parts(sql)?;
        sql.prepare_cached("DELETE FROM items WHERE id = ?1")?.execute([self.key.0])?;
        Ok(())
    }

    /// The same, with its parts and with what it shares with other files.
    pub(super) fn whole(mut self, sql: &Connection) -> Result<Self, Bad> {
        self.parts = self.read_parts(sql)?;
        self.facts.path = self.shared_row.map_or(Ok(None), |row| path_facts(sql, row))?;
        Ok(self)
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
    let (source, destination, route) = (id(1)?, id(2)?, row.get(3)?);
    let (before, moves) = (row.get::<_, i64>(4)?.cast_unsigned(), row.get(5)?);
    Ok(Some(Detached { source, destination, route, before, moves }))
}

/// Whether a file of the job may go from server to server without this program. With `moves`, both ends must have said so.
pub(super) fn has_detached(sql: &Connection, job: JobId, moves: bool) -> Result<bool, Bad> {
    let ask = "SELECT EXISTS (SELECT 1 FROM detached JOIN items ON detached.item = items.id WHERE job = ?1 AND moves >= ?2)";
    let values = [job.number().cast_signed(), i64::from(moves)];
    Ok(sql.prepare_cached(ask)?.query_row(values, |row| row.get(0))?)
}

/// The columns of a part.
pub(super) const PART: &str = "part, item, number";
/// The columns of a transfer that may go on without this program.
pub(super) const DETACHED: &str = "item, source, destination, path, before, moves";

/// What stands in the place of the order of a part if the name is the final one.
const IN_PLACE: i64 = -1;
