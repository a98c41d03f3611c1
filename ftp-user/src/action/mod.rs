//! Verbs that work on names where they are: what is made, deleted, renamed, hashed or drawn, on servers and on this host.
//!
//! | file | what |
//! |---|---|
//! | `verb` | a verb under way: its places, what it has done and what has failed, also for `ls`, `stat` and `cat`; `mkdir` and `mv` |
//! | `read` | a file is read, for `cat` and `hash`; `hash` |
//! | `removal_plan`, `remove` | `rm`: everything that would be deleted, then the question, then the deletion |
//! | `listing` | what files are called for people, and several directories as one, also for `ls` |
//! | `tree` | `tree` |

mod listing;
mod read;
mod removal_plan;
mod remove;
mod tree;
mod verb;

pub use listing::{FileLabels, Grouping, UnionEntry, typed, united};
pub use read::{hash, read};
pub use remove::{Remove, remove};
pub use tree::draw;
pub use verb::{VerbRun, make_directories, refuse_slash, rename};
