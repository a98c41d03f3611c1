//! Makes a directory like another one.
//!
//! ```text
//!  walk of the source ──> sorted ─┐                     ┌─> what is copied, to the engine of trees
//!                                 ├─ merged, judged ──> │
//!  walk of the destination ─> sorted ─┘                 └─> what only the destination has: renamed, or deleted at the end
//! ```
//!
//! | file | what |
//! |---|---|
//! | `run` | the run of a sync |
//! | `places` | what the directories of a sync may be |
//! | `other_jobs` | what the journal says: what other jobs have claimed, and what an earlier run has begun |
//! | `plan` | takes in what both walks find, and says what becomes of each path of both trees |
//! | `nested` | whether the destination contains the source, where no identity of directories shows it |
//! | `rename` | files that have another name at the source, and names that the destination takes for one |
//! | `lacking` | whether the source surely lacks a name, and what the name is right before it is deleted |
//! | `deletion` | what only the destination has is deleted, or stays, and why |
//! | `report` | what was skipped, has failed or is blocked, and what a dry run tells |

mod deletion;
mod lacking;
mod nested;
mod other_jobs;
mod places;
mod plan;
mod rename;
mod report;
mod run;

pub(super) use run::{SyncRequest, sync};
