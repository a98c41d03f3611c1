//! How the files of a job stand, in numbers.

use super::checksum::Bad;
use super::failed::failures;
use super::record::{Failures, ItemState};
use super::states::item_number;
use crate::id::JobId;
use rusqlite::{Connection, OptionalExtension};

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
