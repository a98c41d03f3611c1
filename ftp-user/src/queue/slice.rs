//! Which jobs of the queue and which of their files are asked for, and some of many things at a time.

use super::QueueState;
use crate::id::JobId;
use crate::named::named;
use serde::Serialize;
use std::fmt;

/// Some of many things, and where the next ones begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice<T, C = String> {
    /// The things themselves.
    pub items: Vec<T>,
    /// Where the next slice begins; `None` at the end.
    pub next: Option<C>,
}

/// Which jobs are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobQuery {
    /// Their states; `None` for all.
    pub states: Option<Vec<QueueState>>,
    /// The owner of the jobs.
    pub owner: Option<String>,
    /// A server or site that is an end of them.
    pub site: Option<String>,
    /// The largest number of jobs.
    pub most: usize,
    /// The last job of the slice before.
    pub after: Option<JobCursor>,
}

/// Where a slice of jobs has ended: with which change its last job was submitted, and which job that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JobCursor {
    /// The number of the change.
    pub submitted: u64,
    /// Which job it is.
    pub job: JobId,
}

impl JobCursor {
    /// The cursor whose text this is.
    pub fn parse(text: &str) -> Option<Self> {
        let (submitted, job) = text.split_once('-')?;
        Some(Self { submitted: submitted.parse().ok()?, job: job.parse().ok()? })
    }
}

impl fmt::Display for JobCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.submitted, self.job)
    }
}

/// How a file of a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// It has not begun.
    #[default]
    Waiting,
    /// Its bytes move.
    Moving,
    /// It is at the destination.
    Done,
    /// It was there already, or is not copied.
    Skipped,
    /// It has failed.
    Failed,
}

named!(FileState {
    Waiting: "waiting",
    Moving: "moving",
    Done: "done",
    Skipped: "skipped",
    Failed: "failed"
});

/// Which files of a job are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileQuery {
    /// How they stand; `None` for all.
    pub state: Option<FileState>,
    /// The largest number of files.
    pub most: usize,
    /// The last file of the slice before.
    pub after: Option<FileCursor>,
}

/// Where a slice of files has ended: the number of the state of its last file, and which file that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileCursor {
    pub(crate) state: i64,
    pub(crate) key: i64,
}

impl FileCursor {
    /// The cursor whose text this is.
    pub fn parse(text: &str) -> Option<Self> {
        let (state, key) = text.split_once('-')?;
        Some(Self { state: state.parse().ok()?, key: key.parse().ok()? })
    }
}

impl fmt::Display for FileCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.state, self.key)
    }
}
