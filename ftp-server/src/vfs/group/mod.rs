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
//! | `source` | the files of PACK SEND |
//! | `directory` | the temporary directory of a group |
//! | `target` | PACK STORE: the stream becomes files there |
//! | `held` | a group that was received, and PACK KEEP |
//! | `look` | PACK LOOK, SAME and DELETE |

mod directory;
mod held;
mod look;
mod source;
mod target;

pub use held::HeldGroup;
pub(in crate::vfs) use look::{compare, look};
pub(in crate::vfs) use source::Wanted;
pub use source::{GroupSource, GroupStream};
pub use target::{GroupTarget, GroupWriter};
