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
//! | `copied` | a file whose source may be deleted, and the portion in which it waits |
//! | `delete` | the sources of a portion, directory by directory |
//! | `look` | what is at many paths of one directory |
//! | `permit` | what permits to delete a source |
//! | `single` | a source that needs questions of its own |
//! | `directories` | the directories of a tree |

mod copied;
mod delete;
mod directories;
mod look;
mod permit;
mod single;

pub(in crate::job) use copied::{KeptSource, MovedPortion, MovedTree};
pub(in crate::job) use delete::delete_sources;
pub(in crate::job) use directories::MovedDirectories;
pub(in crate::job) use look::DirectorySizes;
