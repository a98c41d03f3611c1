//! A job: what a user asked for, and how it is carried out.
//!
//! | file | what |
//! |---|---|
//! | `request`, `options` | the job as a value |
//! | `run` | runs it: the only entry |
//! | `sources`, `tree`, `filter`, `given` | from places to files, and that no two go to one place |
//! | `plan`, `planned`, `workers`, `width` | files that wait; several files at the same time, and how many |
//! | `batch` | small files that move together |
//! | `item`, `copy`, `times`, `append` | one file |
//! | `transfer`, `race`, `runner`, `scouting`, `notes`, `learning` | the bytes of one file; between two servers the race of the candidates, and what is noted of it |
//! | `standard` | one file between a server and standard input or output |
//! | `resume`, `leftover`, `part` | what an attempt leaves for the next one |
//! | `kept`, `ending`, `cancel` | what the journal keeps of the job for another run |
//! | `detached`, `inquiry` | a file that moves on without this program, and how far it is |
//! | `survey` | every candidate between two servers, without a file |
//! | [`retry`], `outage` | whether something is tried again; the waiting, and the retries of a server that does not answer |
//! | `tally`, `failures`, `status` | what was done, and the report |
//!
//! Identities of jobs, items and attempts are [`JobId`], [`ItemId`] and [`AttemptId`].

mod append;
mod batch;
mod cancel;
mod copy;
mod detached;
mod ending;
mod failures;
mod filter;
mod given;
mod inquiry;
mod item;
mod kept;
mod learning;
mod leftover;
mod notes;
mod options;
mod outage;
mod part;
mod plan;
mod planned;
mod prefix;
mod race;
mod request;
mod resume;
pub mod retry;
mod run;
mod runner;
mod scouting;
mod sources;
mod standard;
mod status;
mod survey;
mod taken;
mod tally;
mod times;
mod transfer;
mod tree;
mod width;
mod workers;

pub use crate::id::{AttemptId, ItemId, JobId};
pub use cancel::cancel;
pub use failures::FailedItem;
pub use filter::Filter;
pub use inquiry::transfer_of;
pub use item::{Done, Item, Target};
pub use kept::of_journal;
pub use options::{InPlace, Jobs, Links, Mode, Options};
pub use outage::{Question, facts};
pub use request::{Job, Work};
pub use run::{refused, run};
pub use standard::{NULL, Sink};
pub use status::Status;
pub use survey::survey;
pub use tally::Report;
