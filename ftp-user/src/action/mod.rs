//! Verbs that work on names where they are: what is made, deleted, renamed, hashed or drawn, on servers and on this host.
//!
//! | file | what |
//! |---|---|
//! | `outcome` | counts what was done and what has failed, and reports it |
//! | `targets` | what the places of a verb stand for |
//! | `called` | what a file is called for people, also for `ls` |
//! | `make` | `mkdir` |
//! | `rename` | `mv` |
//! | `read` | a file of a server is read, for `cat` and `hash` |
//! | `digest` | `hash` |
//! | `tree`, `union` | `tree`; several directories as one, also for `ls` |
//! | `looks`, `plan`, `remove` | `rm`: what the places are, everything that would be deleted, then the question, then the deletion |

mod called;
mod digest;
mod listed;
mod looks;
mod make;
mod outcome;
mod plan;
mod read;
mod remove;
mod rename;
mod targets;
mod tree;
mod union;

pub use called::Called;
pub use digest::hash;
pub use make::{MakeDirectories, make_directories};
pub use read::{Printed, read};
pub use remove::{Consent, Remove, remove};
pub use rename::{Rename, rename};
pub use tree::draw;
pub use union::{Grouping, United, typed, united};
