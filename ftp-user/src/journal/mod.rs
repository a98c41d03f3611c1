//! The journal: what every job has begun and finished, so that a job that was killed can go on.
//!
//! | file or folder | what |
//! |---|---|
//! | `record` | what is kept, as owned values, also what a user asked for |
//! | `as_text` | how texts of the system are written in it |
//! | `failure` | why it cannot be used |
//! | `sql` | statements and values, whatever the database is |
//! | `directory` | the database of one host and the files beside it: opened, checked, upgraded, locked |
//! | `database` | a database for several hosts: its tables made, its locks |
//! | `url`, `password` | the names of stores, and the passwords of databases |
//! | `table` | the tables, whose rows have checksums |
//! | `job_row`, `item_row` | the form of the rows: of jobs and of files, with what belongs to them |
//! | `store` | the open store, which is changed in transactions; who works at it |
//! | `jobs` | a job begins, decides, and ends |
//! | `claiming` | a file is claimed for a job, and what becomes of it; what a resumed job does with it; what other jobs have claimed |
//! | `ownership` | whether a job is still this run's |
//! | `queue` | jobs of the queue: submitted (`submitting`), changed, ended |
//! | `workers` | workers: how each of them stands |
//! | `retention` | for how long jobs of the queue are kept that have ended |
//! | `leases` | which worker carries which job, and what becomes of a job whose worker was lost |
//! | `tree_parts` | parts of the tree of a job that other workers carry |
//! | `series` | series of jobs: added, changed, and their runs begun |
//! | `listing` | jobs and files of the queue in pages, and those that have changed |
//! | `tokens` | tokens of the API |
//! | `memory` | what programs of several hosts remember together of servers |
//! | `writer` | the thread that owns the connection of a job that runs |
//! | `handle` | what the rest of the program sees |
//!
//! [The decision](../../../docs/decisions/0045-the-journal.md) says what is durable when.

pub mod as_text;
mod claiming;
#[cfg(feature = "postgres")]
mod database;
mod directory;
mod failure;
mod handle;
mod item_row;
mod job_row;
mod jobs;
mod leases;
mod listing;
mod memory;
mod ownership;
mod password;
mod queue;
mod record;
mod retention;
mod series;
mod sql;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod tree_parts;
mod url;
mod workers;
mod writer;

pub use claiming::{Claim, ResumeAction, decide, is_same};
pub use claiming::{ClaimBelow, ClaimsBelow, ClaimsPage};
pub use directory::check_directory;
pub use failure::{JournalFailure, StoreName};
pub use handle::{JobJournal, Journal, JournalAnswer};
pub use job_row::FilesBelow;
pub use jobs::{KnownJobs, RecentJob, recent_jobs};
pub use leases::{CarriedRun, CheckIn, Leases, TakenJob};
pub use listing::{QueuedJob, RowOf, TableRows, UnreadableRow};
pub use memory::SharedDocuments;
pub use password::{Password, PgpassAnswer};
pub use queue::{DaemonLock, Queue, Submitted};
pub use record::{
    ClaimedItem, Detached, EXISTING_DIRECTORY, Failures, FinishedCopy, ItemEnd, ItemHistory, ItemKey,
    ItemParts, ItemRecord, ItemState, JobRecord, JobStart, JobState, NAME_OF_COPY, NAME_OF_SYNC, NewItem,
    PartId, Place, RunEnd, SourceFacts, TransferState, UnfinishedItem,
};
pub use record::{ReadWords, StoredJob};
pub use series::{PlannedRun, SeriesRecord};
pub use store::DaemonRefusal;
pub use tokens::Tokens;
pub use tree_parts::{PartRequest, TreePartState};
pub use url::{BadStoreUrl, DatabaseHost, PostgresUrl, SslMode, StoreUrl};
