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
//! | `named` | a name of a tree with its facts, and the order of names |
//! | `sorted` | the names of a tree in their order, little of them in memory |
//! | `listed` | takes in what a walk finds |
//! | `judge` | what becomes of a path; pure |
//! | `plan` | what becomes of both trees |
//! | `rename` | files that have another name at the source |
//! | `twins` | names that differ in upper and lower case only |
//! | `hidden` | the source is asked for what its listings do not show |
//! | `deletion` | what only the destination has is deleted |
//! | `run` | the run of a sync |

mod deletion;
mod hidden;
mod judge;
mod listed;
mod named;
mod plan;
mod rename;
mod run;
mod sorted;
mod twins;

pub(super) use run::sync;
