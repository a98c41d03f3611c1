//! What becomes of a file that is claimed: names of parts, transfers, what its source was, and its end.

use super::checksum::{Bad, GONE};
use super::item_row::ItemRow;
use super::record::{Detached, Ended, ItemKey, ItemState, PartId, Seen};
use super::store::{Store, now};

impl Store {
    /// Notes a further name under which something of a file may be stored. A file that was done is open again.
    pub(super) fn again(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        if row.state != ItemState::Open {
            row.state = ItemState::Open;
            row.save(&self.sql)?;
        }
        row.add_part(&self.sql, part)
    }

    /// Something of a file may be stored under its final name.
    pub(super) fn in_place(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.add_in_place(&self.sql, part)
    }

    /// Notes a transfer that may go on without this program, or that there is none any more.
    pub(super) fn detached(&self, key: ItemKey, detached: Option<&Detached>) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.set_detached(&self.sql, detached)
    }

    /// Notes what the source was before its first byte was read.
    pub(super) fn seen(&self, key: ItemKey, seen: Seen) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.seen = Some(seen);
        row.save(&self.sql)
    }

    /// Notes by which path the bytes of a file move to a name that nothing equal has, or that they do not.
    pub(super) fn moves(&self, key: ItemKey, path: Option<String>) -> Result<(), Bad> {
        if let Some((mut row, has_part)) = self.under_way.take(key) {
            row.taken = path;
            row.save_end(&self.sql)?;
            self.under_way.note(row, has_part);
            return Ok(());
        }
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.taken = path;
        row.save(&self.sql)
    }

    /// Notes how a file has ended.
    pub(super) fn ended(&self, key: ItemKey, ended: Ended) -> Result<(), Bad> {
        let known = self.under_way.take(key);
        let (is_known, has_part) = (known.is_some(), known.as_ref().is_none_or(|(_, has_part)| *has_part));
        let row = if let Some((row, _)) = known { Some(row) } else { ItemRow::find(&self.sql, key)? };
        let Some(mut row) = row else { return Err(GONE) };
        match ended {
            Ended::Done { bytes, verified, path, began } => {
                row.state = ItemState::Done;
                (row.bytes, row.verified, row.taken, row.why) = (bytes, Some(verified), path, None);
                row.began = began;
            }
            Ended::Failed { why, began } => {
                (row.state, row.why, row.began) = (ItemState::Failed, Some(why), began);
            }
            Ended::Unbegun => return row.forget(&self.sql),
        }
        row.ended = u64::try_from(now().as_millis()).ok();
        if is_known {
            row.save_end(&self.sql)?;
            return if has_part { row.forget_names(&self.sql) } else { Ok(()) };
        }
        row.save(&self.sql)?;
        row.forget_parts(&self.sql)
    }
}
