//! Files of a job as the API lists them, and why some of them have failed.

use super::super::failure::Result;
use super::super::item_row::IS_FILE;
use super::super::queue::Queue;
use super::super::record::{ItemRecord, ItemState};
use super::super::store::Store;
use super::Slice;
use crate::id::JobId;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Files of a job, by how they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileSelection {
    /// All of them.
    All,
    /// Those that have not ended.
    Open,
    /// Those whose bytes have moved to the destination.
    Done,
    /// Those that were there already, or belong to another job now.
    Skipped,
    /// Those that have failed.
    Failed,
}

impl FileSelection {
    /// The condition of their rows.
    fn condition(self) -> String {
        let is = |state: ItemState| format!("state = {}", state.number());
        let (open, done) = (is(ItemState::Open), is(ItemState::Done));
        match self {
            Self::All => "state >= 0".to_owned(),
            Self::Open => open,
            Self::Done => format!("{done} AND taken IS NOT NULL"),
            Self::Skipped => format!("({done} AND taken IS NULL OR {})", is(ItemState::GivenOver)),
            Self::Failed => is(ItemState::Failed),
        }
    }
}

/// Which files of a job are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileQuery {
    /// How they stand.
    pub selection: FileSelection,
    /// The largest number of files.
    pub most: usize,
    /// The last file of the slice before.
    pub after: Option<FileCursor>,
}

/// Where a slice of files has ended: the state of its last file, and which file that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileCursor {
    state: i64,
    key: i64,
}

impl fmt::Display for FileCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.state, self.key)
    }
}

impl FromStr for FileCursor {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (state, key) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { state: state.parse()?, key: key.parse()? })
    }
}

/// Files of a job that have failed for the same reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlikeFailures {
    /// Why they have failed.
    pub why: String,
    /// How many they are.
    pub files: u64,
    /// The sources of the first ones.
    pub first: Vec<String>,
}

impl Queue {
    /// The files of a job that are asked for, those that have not ended first.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn files(&self, job: JobId, query: FileQuery) -> Result<Slice<ItemRecord, FileCursor>> {
        self.read(|Store { sql, .. }| {
            let FileQuery { selection, most, after } = query;
            let condition = format!(
                "job = ?1 AND (state, id) > (?2, ?3) AND {} AND {} ORDER BY state, id LIMIT ?4",
                selection.condition(),
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
        let condition = format!("job = ?1 AND {} ORDER BY id DESC LIMIT 1", FileSelection::Done.condition());
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
    pub fn failures(&self, job: JobId) -> Result<Vec<AlikeFailures>> {
        self.read(|Store { sql, .. }| {
            let (job, failed) = (job.into(), ItemState::Failed.number().into());
            let ask = format!(
                "SELECT why, count(*) FROM items WHERE job = ?1 AND state = ?2 AND why IS NOT NULL
                GROUP BY why ORDER BY count(*) DESC, why LIMIT {MOST_CAUSES}"
            );
            let mut alike = sql.all(&ask, &[job, failed], |row| {
                Ok(AlikeFailures { why: row.get(0)?, files: row.get(1)?, first: Vec::new() })
            })?;
            let first = format!(
                "SELECT source FROM items WHERE job = ?1 AND state = ?2 AND why = ?3 ORDER BY id LIMIT {MOST_NAMED}"
            );
            for AlikeFailures { why, first: names, .. } in &mut alike {
                *names = sql.all(&first, &[job, failed, (&*why).into()], |row| row.get(0))?;
            }
            Ok(alike)
        })
    }
}

/// The largest number of causes that are told apart.
const MOST_CAUSES: usize = 20;
/// The largest number of files that are named for one cause.
const MOST_NAMED: usize = 10;
