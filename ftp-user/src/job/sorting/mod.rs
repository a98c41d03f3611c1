//! Names in their order, little of them in memory: those of a tree, and those that a pattern matches.
//!
//! | file | what |
//! |---|---|
//! | `tree_entry` | a name of a tree with its facts, and the order of names |
//! | `stop` | long work on names ends soon if somebody asks for it |
//! | `sorted` | the names in their order |

use crate::failure::Failure;
use std::io;

pub(in crate::job) mod sorted;
pub(in crate::job) mod stop;
pub(in crate::job) mod tree_entry;

/// The failure if names, `what` for people, cannot be kept on the disk, or were not because the program should stop.
pub(in crate::job) fn cannot_keep(what: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted {
        return Failure::interrupted();
    }
    Failure::of_temporary_files(what, error)
}
