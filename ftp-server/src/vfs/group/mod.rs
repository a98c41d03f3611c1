//! Groups of small files (PACK): one directory is opened for all of them.
//!
//! ```text
//! PACK SEND    <dir>/a <dir>/b ...  ── read whole, one after the other ──> stream
//! PACK STORE   stream ──> <dir>/.ftp-<32 hex>.part/1, 2, ...      made, written, given its time
//! PACK KEEP    <dir>/.ftp-<32 hex>.part/1  ── renamed, nothing is replaced ──> <dir>/a
//! ```
//!
//! | file | what |
//! |---|---|
//! | `source` | the files of PACK SEND; PACK LOOK, SAME and DELETE |
//! | `target` | PACK STORE: the stream becomes files in a temporary directory |
//! | `directory` | this directory, and PACK KEEP |

mod directory;
mod source;
mod target;

pub use directory::HeldGroup;
pub(in crate::vfs) use source::{GroupRequest, compare, look};
pub use source::{GroupSource, GroupStream};
pub use target::{GroupTarget, GroupWriter};
