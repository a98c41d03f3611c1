//! How the files below one source of a job stand.

use super::checksum::Bad;
use super::record::ItemState;
use super::states::item_number;
use crate::id::JobId;
use rusqlite::{Connection, params};

/// How many files of a source there are in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilesBelow {
    /// Those whose copies are finished.
    pub finished: u64,
    /// All others: begun, failed or left to another job.
    pub unfinished: u64,
}

/// Counts the files of a job whose sources begin with `prefix`.
pub(super) fn files_below(sql: &Connection, job: JobId, prefix: &str) -> Result<FilesBelow, Bad> {
    let ask = "SELECT coalesce(sum(state = ?3), 0), coalesce(sum(state != ?3), 0) FROM items
        WHERE job = ?1 AND instr(source, ?2) = 1";
    let values = params![job.number().cast_signed(), prefix, item_number(ItemState::Done)];
    let (finished, unfinished): (i64, i64) =
        sql.prepare_cached(ask)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(FilesBelow { finished: finished.cast_unsigned(), unfinished: unfinished.cast_unsigned() })
}
