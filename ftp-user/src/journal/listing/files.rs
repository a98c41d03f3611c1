//! Files of a job as the API lists them, and why some of them have failed.

use super::super::failure::Result;
use super::super::item_row::IS_FILE;
use super::super::queue::Queue;
use super::super::record::{ItemRecord, ItemState};
use super::super::store::Store;
use crate::id::JobId;
use crate::outcome::FailureGroup;
use crate::queue::{FileCursor, FileQuery, FileState, Slice};

/// The condition of the rows of files that stand so.
fn condition(state: Option<FileState>) -> String {
    let is = |state: ItemState| format!("state = {}", state.number());
    let done = is(ItemState::Done);
    match state {
        None => "state >= 0".to_owned(),
        // The run knows what moves.
        Some(FileState::Waiting | FileState::Moving) => is(ItemState::Open),
        Some(FileState::Done) => format!("{done} AND taken IS NOT NULL"),
        Some(FileState::Skipped) => format!("({done} AND taken IS NULL OR {})", is(ItemState::GivenOver)),
        Some(FileState::Failed) => is(ItemState::Failed),
    }
}

impl Queue {
    /// The files of a job that are asked for, those that have not ended first.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn files(&self, job: JobId, query: FileQuery) -> Result<Slice<ItemRecord, FileCursor>> {
        self.read(|Store { sql, .. }| {
            let FileQuery { state, most, after } = query;
            let condition = format!(
                "job = ?1 AND (state, id) > (?2, ?3) AND {} AND {} ORDER BY state, id LIMIT ?4",
                condition(state),
                *IS_FILE
            );
            let FileCursor { state, key } = after.unwrap_or(FileCursor { state: -1, key: 0 });
            let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
            let values = [job.into(), state.into(), key.into(), limit.into()];
            let mut items = ItemRecord::that(sql, &condition, &values)?;
            let has_more = items.len() > most;
            items.truncate(most);
            let last = items.last().filter(|_| has_more);
            let next = last.map(|file| FileCursor { state: file.state.number(), key: file.key.0 });
            Ok(Slice { items, next })
        })
    }

    /// The last file of a job whose bytes have moved.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn last_moved(&self, job: JobId) -> Result<Option<ItemRecord>> {
        let condition = format!("job = ?1 AND {} ORDER BY id DESC LIMIT 1", condition(Some(FileState::Done)));
        self.read(|store| {
            let mut found = ItemRecord::that(&store.sql, &condition, &[job.into()])?;
            found.pop().map(|file| file.whole(&store.sql)).transpose()
        })
    }

    /// The failures of a job, those of most files first.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn failures(&self, job: JobId) -> Result<Vec<FailureGroup>> {
        self.read(|Store { sql, .. }| {
            let (job, failed) = (job.into(), ItemState::Failed.number().into());
            let ask = format!(
                "SELECT why, count(*) FROM items WHERE job = ?1 AND state = ?2 AND why IS NOT NULL
                GROUP BY why ORDER BY count(*) DESC, why LIMIT {MOST_CAUSES}"
            );
            let mut alike = sql.all(&ask, &[job, failed], |row| {
                Ok(FailureGroup { cause: row.get(0)?, files: row.get(1)?, names: Vec::new() })
            })?;
            let first = format!(
                "SELECT source FROM items WHERE job = ?1 AND state = ?2 AND why = ?3 ORDER BY id LIMIT {MOST_NAMED}"
            );
            for FailureGroup { cause, names, .. } in &mut alike {
                *names = sql.all(&first, &[job, failed, (&*cause).into()], |row| row.get(0))?;
            }
            Ok(alike)
        })
    }
}

/// The largest number of causes that are told apart.
const MOST_CAUSES: usize = 20;
/// The largest number of files that are named for one cause.
const MOST_NAMED: usize = 10;
