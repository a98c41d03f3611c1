//! Why the journal cannot be used.

use super::sql::StoreError;
use crate::failure::{Failure, FtpUser, Kind};
use crate::id::JobId;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

/// Which journal it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreName {
    /// That in this file of this host.
    File(PathBuf),
    /// That in this database: its URL without secrets.
    Database(String),
}

impl From<&Path> for StoreName {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl Display for StoreName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(name) => name.fmt(f),
        }
    }
}

/// What somebody was told who asked the journal.
pub(super) type Result<T, E = JournalFailure> = std::result::Result<T, E>;

/// Why the journal cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalFailure {
    /// There is no state directory.
    #[error("there is no state directory")]
    Nowhere,
    /// A newer version has written it.
    #[error("the journal {store} belongs to a newer ftp-user (tables {found}, this one knows {known})")]
    Newer {
        /// Which one it is.
        store: StoreName,
        /// The version of its tables.
        found: i64,
        /// The version that this program writes.
        known: i64,
    },
    /// A build between two releases has written it.
    #[error("a version of ftp-user that was never released has written the journal {store} (tables {found})")]
    Unreleased {
        /// Which one it is.
        store: StoreName,
        /// The version of its tables.
        found: i64,
    },
    /// What it holds is not what was written.
    #[error("the journal {store} is damaged: {why}")]
    Damaged {
        /// Which one it is.
        store: StoreName,
        /// What does not fit.
        why: String,
    },
    /// It cannot be opened, read or written.
    #[error("the journal {store} cannot be used: {why}")]
    Unusable {
        /// Which one it is.
        store: StoreName,
        /// What the system or the database says.
        why: String,
    },
    /// Its answers take so long that they say nothing of now.
    #[error("the database of the jobs takes too long to answer")]
    Slow,
    /// It has all the jobs that it may have which have not ended.
    #[error("the journal {store} has {most} jobs that have not ended, and takes no other one")]
    Full {
        /// Which one it is.
        store: StoreName,
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

impl From<JournalFailure> for Failure {
    /// The failure of a verb that needs the journal. In a run that a database may give to another host it is an interruption.
    fn from(why: JournalFailure) -> Self {
        let kind = match &why {
            JournalFailure::Held { .. } | JournalFailure::Named { .. } => Kind::Exists,
            JournalFailure::Unknown { .. } => Kind::Missing,
            // A server comes back.
            JournalFailure::Unusable { store: StoreName::Database(_), .. } | JournalFailure::Slow => {
                Kind::Temporary
            }
            JournalFailure::Nowhere
            | JournalFailure::Newer { .. }
            | JournalFailure::Unreleased { .. }
            | JournalFailure::Damaged { .. }
            | JournalFailure::Full { .. }
            | JournalFailure::Unusable { .. } => Kind::Other,
        };
        Self::new(kind, why.to_string()).hint(why.hint())
    }
}

impl JournalFailure {
    /// What a failure of the database means.
    pub(super) fn of(store: impl Into<StoreName>, bad: StoreError) -> Self {
        match bad {
            StoreError::Row(why) => Self::damaged(store, why),
            StoreError::Damaged(why) => Self::damaged(store, why),
            StoreError::Database(why) => Self::unusable(store, why),
        }
    }

    /// What it holds is not what was written.
    pub(super) fn damaged(store: impl Into<StoreName>, why: impl ToString) -> Self {
        Self::Damaged { store: store.into(), why: why.to_string() }
    }

    /// It cannot be used, for that reason.
    pub(super) fn unusable(store: impl Into<StoreName>, why: impl ToString) -> Self {
        Self::Unusable { store: store.into(), why: why.to_string() }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Nowhere => "name one with --state DIR",
            Self::Slow => "look what keeps its server busy: the job goes on when it answers",
            Self::Newer { store: StoreName::Database(_), .. } => "use that version",
            Self::Damaged { store: StoreName::Database(_), .. } => "restore the database from a backup",
            Self::Unusable { store: StoreName::Database(_), .. } => {
                "check that the server runs, that the database is there and its user may use it, and the space on its disk"
            }
            Self::Unreleased { store: StoreName::Database(_), .. } => {
                "finish its jobs with that build, then name another database, or drop its schema ftp_user"
            }
            Self::Unreleased { .. } => {
                "finish its jobs with that build, then move it and the files beside it (journal.db-*) away, or use another directory with --state"
            }
            Self::Newer { .. } => "use that version, or another directory with --state",
            Self::Damaged { .. } => {
                "move it and the files beside it (journal.db-*) away, and a new one begins; what is left of its jobs is called .*.ftp-user.part, and old files .*.ftp-user.old"
            }
            Self::Unusable { .. } => "check the state directory (--state) and the space on its disk",
            Self::Full { .. } => {
                return format!("{FtpUser} jobs lists them: resume or cancel those that are not needed");
            }
            Self::Held { job, .. } => {
                return format!(
                    "wait for its end, or end that process: {FtpUser} why {job} tells how it stands"
                );
            }
            Self::Unknown { .. } => return format!("{FtpUser} jobs lists them"),
            Self::Named { .. } => "repeat the command to go on with that job, or choose another --id",
        };
        hint.to_owned()
    }
}
