//! The journal: what every job has begun and finished, so that a job that was killed can go on.
//!
//! | file | what |
//! |---|---|
//! | `record` | what is kept, as owned values |
//! | `stored_job` | what a user asked for, as a value |
//! | `as_text` | how texts of the system are written in it |
//! | `decide` | what a resumed job does with a file that it finds in the journal: pure |
//! | `failure` | what is wrong with a journal |
//! | `lock` | who runs a job |
//! | `hands` | who may write it and the state directory: nobody else |
//! | `checksum` | the sum that every row has of its other columns |
//! | `commits` | how many transactions it has |
//! | `mark` | the file beside it that says how many it has at least |
//! | `tables` | the tables in SQLite |
//! | `job_row`, `item_row`, `part_rows` | the form of each row: jobs, files, the names of their parts |
//! | `path_facts` | what files that took the same path have in common |
//! | `count` | how the files of a job stand, in numbers |
//! | `under_way` | the rows that this process has written and that have not ended |
//! | `failed` | what has failed in the last run of a job |
//! | `runs` | what the last runs have tried between two servers |
//! | `withheld` | the names that its last run has kept because nobody had agreed to delete them |
//! | `upgrade` | tables of an older version |
//! | `store` | the database: opened, checked, and changed in transactions |
//! | `jobs` | a job begins, decides, and ends |
//! | `claiming` | a file is claimed for a job |
//! | `noting` | what becomes of a file that is claimed |
//! | `prune` | which jobs are forgotten when another one begins |
//! | `below` | how the files below one source stand |
//! | `others` | what other jobs have claimed below a directory |
//! | `abandon` | a job is given up without its servers |
//! | `recent` | the jobs that a shell offers while a word is completed |
//! | `writer` | the thread that owns the connection of a job that runs |
//! | `handle` | what the rest of the program sees |
//!
//! [The decision](../../../docs/decisions/0045-the-journal.md) says what is durable when.

mod abandon;
pub mod as_text;
mod below;
mod checksum;
mod claiming;
mod commits;
mod count;
mod decide;
mod failed;
mod failure;
mod handle;
mod hands;
mod item_row;
mod job_row;
mod jobs;
mod lock;
mod mark;
mod noting;
mod others;
mod part_rows;
mod path_facts;
mod prune;
mod recent;
mod record;
mod runs;
mod states;
mod store;
mod stored_job;
mod tables;
#[cfg(test)]
mod tests;
mod under_way;
mod upgrade;
mod withheld;
mod writer;

pub use below::FilesBelow;
pub use claiming::Claim;
pub use decide::{Next, decide, is_same};
pub use failure::JournalFailure;
pub use handle::{Claims, Durable, JobJournal, Journal};
pub use hands::check_directory;
pub use others::{ClaimBelow, ClaimsBelow, ClaimsPage};
pub use recent::{RecentJob, recent_jobs};
pub use record::{
    Begun, Detached, EXISTING_DIRECTORY, End, Ended, Failures, Found, ItemKey, ItemParts, ItemRecord,
    ItemState, JobRecord, JobState, NAME_OF_COPY, NewItem, PartId, Place, Seen, Start, TransferState,
};
pub use stored_job::{ReadWords, StoredJob};
