//! The journal: what every job has begun and finished, so that a job that was killed can go on.
//!
//! | file | what |
//! |---|---|
//! | `record` | what is kept, as owned values |
//! | `decide` | what a resumed job does with a file that it finds in the journal: pure |
//! | `failure` | what is wrong with a journal |
//! | `lock` | who runs a job |
//! | `hands` | who may write it and the state directory: nobody else |
//! | `checksum` | the sum that every row has of its other columns |
//! | `tables` | the form of each row in SQLite |
//! | `under_way` | the rows that this process has written and that have not ended |
//! | `failed` | what has failed in the last run of a job |
//! | `upgrade` | tables of an older version |
//! | `store` | the database: opened, checked, read and changed |
//! | `prune` | which jobs are forgotten when another one begins |
//! | `abandon` | a job is given up without its servers |
//! | `writer` | the thread that owns the connection of a job that runs |
//! | `handle` | what the rest of the program sees |
//!
//! [The decision](../../../docs/decisions/0045-the-journal.md) says what is durable when.

mod abandon;
mod checksum;
#[cfg(test)]
mod damage;
mod decide;
mod failed;
mod failure;
mod handle;
mod hands;
mod lock;
mod prune;
mod record;
mod store;
mod tables;
mod under_way;
mod upgrade;
mod writer;

pub use decide::{Next, decide, is_same};
pub use failure::JournalFailure;
pub use handle::{Began, Durable, JobJournal, Journal};
pub use hands::check_directory;
pub use record::{
    Begun, Command, Detached, EXISTING_DIRECTORY, End, Ended, Failures, Found, ItemKey, ItemRecord,
    ItemState, JobRecord, JobState, NAME_OF_COPY, NewItem, PartId, Place, Seen, Start, Transfer,
    TransferState,
};
