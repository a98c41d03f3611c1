//! A job: what a user asked for, and how it is carried out.
//!
//! | room | what |
//! |---|---|
//! | `request` | what was asked for, as a value |
//! | `run` | runs it: the only entry |
//! | `sources`, `patterns`, `tree` | from places to files, which go through the stream of `engine` |
//! | `claims` | which job may write where, and what the journal keeps of it for another run |
//! | `check` | the overwrite rule, the verification, and whether a source has changed |
//! | `removal` | what may be deleted, and the deletion |
//! | `file` | one file: facts, the overwrite rule, the attempts, the name |
//! | `race` | one file between two servers: the race of the candidates, and what is noted of it |
//! | `part` | the name under which a file is stored, what earlier attempts have left, and the final name |
//! | `engine` | several files at the same time, and small files that move together |
//! | `spool`, `sorted_names` | queues and orders of names of which little is in memory |
//! | `checked_directories` | the directories of a tree of which something is deleted: whether they are no links |
//! | `moving` | the sources of `move`, which are deleted when their copies are verified |
//! | `sync` | a directory is made like another one |
//! | `unattended` | a job that nobody runs: its file moves on, it is asked about, it is given up |
//! | `survey` | every candidate between two servers, without a file |
//! | `retry` | whether something is tried again; the waiting, and the retries of a server that does not answer |
//! | `item`, `summary` | a file of the job and its end; what was done, and the report |

mod check;
mod checked_directories;
mod claims;
mod engine;
mod file;
mod item;
mod last_look;
mod moving;
mod part;
mod patterns;
mod race;
mod removal;
mod request;
pub mod retry;
mod run;
mod sorted_names;
mod sources;
mod spool;
mod summary;
mod survey;
mod sync;
mod tree;
mod unattended;

pub use crate::id::JobId;
pub(crate) use check::usable;
pub use check::{Overwrite, Verify};
pub(crate) use checked_directories::{
    CheckedDirectories, CheckedEntry, DeletionPurpose, answer_if_any, with_directories_above,
};
pub use claims::lifetime::of_journal;
pub use claims::names::name_in_journal;
pub use item::{Item, Target};
pub(crate) use patterns::{Matches, matches, named};
pub use removal::{Allowance, Consent};
pub(crate) use removal::{Removal, Scope, rename_free};
pub use request::filter::Filter;
pub(crate) use request::job::is_one_host;
pub use request::job::{Job, NULL, Sink, Work};
pub use request::options::{ChangedParts, Compare, InPlace, Jobs, Links, Mode, Options, SyncRules, Wanted};
pub use request::pairs::Pairs;
pub(crate) use retry::asked;
pub use retry::{Question, facts};
pub use run::{refused, run};
pub(crate) use sorted_names::TreeEntry;
pub(crate) use spool::Spool;
pub use summary::failures::Failures;
pub use summary::failures::Status;
pub use summary::tally::Report;
pub use survey::survey;
pub(crate) use tree::{Visit, Visits, WalkPurpose, WalkRules, walk};
pub use unattended::{cancel, left_of, transfer_of};
