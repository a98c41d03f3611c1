//! Why the journal cannot be used.

use super::sql::StoreError;
use crate::failure::FtpUser;
use crate::id::JobId;
use std::path::{Path, PathBuf};

/// Why the journal cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalFailure {
    /// There is no state directory.
    #[error("there is no state directory")]
    Nowhere,
    /// A newer version has written it.
    #[error("the journal {} belongs to a newer ftp-user (tables {found}, this one knows {known})", path.display())]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The version that this program writes.
        known: i64,
    },
    /// What it holds is not what was written.
    #[error("the journal {} is damaged: {why}", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// It cannot be opened, read or written.
    #[error("the journal {} cannot be used: {why}", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What the system or the database says.
        why: String,
    },
    /// It has all the jobs that it may have which have not ended.
    #[error("the journal {} has {most} jobs that have not ended, and takes no other one", path.display())]
    Full {
        /// Where it is.
        path: PathBuf,
        /// The largest number.
        most: u64,
    },
    /// Another process runs the job.
    #[error("job {job} is being run by {}", holder(*process))]
    Held {
        /// The job in question.
        job: JobId,
        /// The process, if it has told its number.
        process: Option<u32>,
    },
    /// There is no such job.
    #[error("the journal has no job {job}")]
    Unknown {
        /// The job in question.
        job: JobId,
    },
    /// Another job has that name.
    #[error("job {job} has the name {name} already")]
    Named {
        /// The job that has it.
        job: JobId,
        /// The name in question.
        name: String,
    },
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}

impl JournalFailure {
    /// What a failure of the database at `path` means.
    pub(super) fn of(path: &Path, bad: StoreError) -> Self {
        match bad {
            StoreError::Row(why) => Self::Damaged { path: path.to_owned(), why: why.into_owned() },
            StoreError::Database(why) => Self::unusable(path, why),
        }
    }

    /// It cannot be used, for that reason.
    pub(super) fn unusable(path: &Path, why: impl ToString) -> Self {
        Self::Unusable { path: path.to_owned(), why: why.to_string() }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Nowhere => "name one with --state DIR",
            Self::Newer { .. } => "use that version, or another directory with --state",
            Self::Damaged { .. } => {
                "move it and the files beside it (journal.db-*) away, and a new one begins; what is left of its jobs is called .*.ftp-user.part"
            }
            Self::Unusable { .. } => "check the state directory (--state) and the space on its disk",
            Self::Full { .. } => {
                return format!("{FtpUser} jobs lists them: resume or cancel those that are not needed");
            }
            Self::Held { .. } => "wait for its end, or end that process",
            Self::Unknown { .. } => return format!("{FtpUser} jobs lists them"),
            Self::Named { .. } => "repeat the command to go on with that job, or choose another --id",
        };
        hint.to_owned()
    }
}
