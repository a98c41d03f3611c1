//! The sources of `move`. A worker that has verified copies deletes their sources soon afterwards, in portions, with the
//! sessions that have verified them; the directories that are empty go last.
//!
//! ```text
//!  copied, verified ──> portion ── due ──> journal settled ──> on stable storage ──> looked at again ──> deleted
//! ```
//!
//! The journal has the end of every copy of a portion on the disk before the first source of it is deleted. So whoever finds a
//! source missing in a later run knows that its copy is there.
//!
//! | file | what |
//! |---|---|
//! | `portion` | files whose sources may be deleted, and how long they wait |
//! | `links` | symbolic links, and the files that stay until those have gone |
//! | `look` | what is at many paths of one directory |
//! | `delete` | the sources of a portion, directory by directory |
//! | `earlier` | files that earlier runs have stored: the destination is asked whether they are still there |
//! | `directories` | the directories of a tree, and the sources that have another name for a moment |

mod delete;
mod directories;
mod earlier;
mod links;
mod look;
mod portion;

pub(super) use delete::{delete_sources, kept_for_links};
pub(super) use directories::{
    DISK_AWAY, MovedDirectories, SourceNames, is_without_disk, name_back, put_back, refuse_without_directory,
};
pub(super) use earlier::look_at_earlier;
pub(super) use links::MovedLinks;
pub(super) use look::DirectorySizes;
pub(super) use portion::{KeptSource, MovedPortion, MovedTree, expected_copy};
