//! What this program keeps from one run to the next, in its state directory.
//!
//! | file | what |
//! |---|---|
//! | `directory` | where the state directory is |
//! | `file` | how each of its files is read, changed and set aside |
//! | `listings` | what directories held when the shell has listed them, for completion |
//! | `private_file` | files that are their user's alone, and change as a whole |
//! | `own_files` | the files that nothing deletes or renames |
//! | `pairs` | what is known between two servers |
//! | `runs` | what the last runs have tried |
//! | `sites` | what is known of one server: that it offers TLS, and its certificate |

mod directory;
mod file;
pub mod listings;
mod own_files;
mod pairs;
mod private_file;
mod runs;
mod sites;

pub use directory::directory;
pub use file::StateFile;
pub use own_files::OwnFiles;
pub use pairs::{Key, KnownPair, Pairs};
pub(crate) use private_file::{lock, replace};
pub use runs::Runs;
pub use sites::{Kept, KnownSite, Sites};
