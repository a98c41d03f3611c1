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
//! | `listed` | takes in what a walk finds |
//! | `begun` | which files an earlier run of the job has begun and not ended |
//! | `other_jobs` | what other jobs have claimed below the destination stays |
//! | `judge` | what becomes of a path; pure |
//! | `plan` | what becomes of both trees |
//! | `rename` | files that have another name at the source |
//! | `twins` | names that differ in case or in the form of a letter only |
//! | `lacking` | the source is asked whether it surely lacks a name |
//! | `withheld` | what is kept because nobody has agreed that so much goes; pure |
//! | `unlisted` | what the source could not show protects what the destination has there; pure |
//! | `emptied` | which directories go with what is in them; pure |
//! | `links` | what a name is right before it is deleted |
//! | `own_names` | names that this program needs itself stay |
//! | `deletion` | what only the destination has is deleted |
//! | `places` | what the directories of a sync may be |
//! | `forecast` | what a dry run tells |
//! | `told` | what was skipped, has failed or is blocked |
//! | `run` | the run of a sync |

mod begun;
mod deletion;
mod emptied;
mod forecast;
mod judge;
mod lacking;
mod links;
mod listed;
mod other_jobs;
mod own_names;
mod places;
mod plan;
mod rename;
mod run;
mod told;
mod twins;
mod unlisted;
mod withheld;

pub(super) use run::sync;
