//! What this program keeps from one run to the next, in its state directory; or, where several hosts share a database with the jobs,
//! there.
//!
//! | file | what |
//! |---|---|
//! | `document` | a value that is kept in a file, or in a database that several hosts share |
//! | `file` | the files that nothing deletes or renames; where the state directory is; how each of its files is read, locked, changed and set aside |
//! | `listings` | what directories held when the shell has listed them, for completion |
//! | `pairs` | what is known between two servers |
//! | `sites` | what is known of one server: that it offers TLS, and its certificate |

mod document;
mod file;
pub mod listings;
mod pairs;
mod sites;

pub use file::{OwnFiles, StateFile, directory};
pub(crate) use file::{lock, replace};
pub use pairs::{Key, KnownPair, Pairs, WorkedPath};
pub use sites::{KeptPin, KnownSite, Sites};
