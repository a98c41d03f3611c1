//! What the shared store says of jobs and leases.

use rusqlite::{Connection, Row};
use std::path::Path;

/// The store, as somebody reads it who does not know the program.
#[derive(Debug)]
pub(super) struct SharedStore(Connection);

/// The right of a daemon to a job, or to a part of its tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct HeldLease {
    pub(super) job: u64,
    /// The number of the part of the tree; 0 is the job itself.
    pub(super) part: u64,
    /// What the daemon is called that has it.
    pub(super) daemon: String,
    pub(super) fence: u64,
}

/// How a job of the queue stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct JobState {
    pub(super) is_carried: bool,
    /// The exit status of one that has ended.
    pub(super) exit: Option<i64>,
    pub(super) cause: Option<String>,
    pub(super) tries: i64,
}

impl SharedStore {
    pub(super) fn open(path: &Path) -> Self {
        Self(Connection::open(path).expect("a daemon has made the store"))
    }

    /// The leases that there are now.
    pub(super) fn leases(&self) -> Vec<HeldLease> {
        let ask = "SELECT job, part, (SELECT name FROM workers WHERE id = worker), fence FROM leases ORDER BY job, part";
        self.all(ask, |row| {
            let daemon = row.get::<_, Option<String>>(2)?.unwrap_or_default();
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(HeldLease { job: number(0)?, part: number(1)?, daemon, fence: number(3)? })
        })
    }

    /// How many parts have a result of somebody who has carried them.
    pub(super) fn results(&self) -> Vec<(u64, u64)> {
        let ask = "SELECT job, part FROM tree_parts WHERE state = 1";
        self.all(ask, |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
        })
    }

    /// How a job stands; `None`: it is not in the queue.
    pub(super) fn job(&self, job: u64) -> Option<JobState> {
        let ask = format!("SELECT carried, exit, cause, tries FROM queue WHERE job = {}", job.cast_signed());
        let found = self.all(&ask, |row| {
            Ok(JobState {
                is_carried: row.get(0)?,
                exit: row.get(1)?,
                cause: row.get(2)?,
                tries: row.get(3)?,
            })
        });
        found.into_iter().next()
    }

    fn all<T>(&self, ask: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let mut statement = self.0.prepare_cached(ask).expect("the tables are there");
        let found = statement.query_map([], read).and_then(Iterator::collect);
        found.expect("the store can be read")
    }
}
