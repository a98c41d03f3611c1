//! What the outside gives: the clock, the network, the files of this host and randomness. Nothing else below `cli` touches
//! them, so that a simulated world can take the place of the real one.

mod files;
mod name;

pub use files::Files;
pub(crate) use files::{above, local_path, unique_of};
pub(crate) use name::{IsLink, LocalName, NULL_DEVICE, OpenDirectory, names_of, replaced};

use ftp_io::clock::Clock;

/// What the outside gives. Clones share it.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The clock of this run.
    pub clock: Clock,
    /// The files of this host.
    pub files: Files,
}

impl World {
    /// The real one. Its clock begins now.
    pub fn real() -> Self {
        Self { clock: Clock::start(), files: Files::Real }
    }
}
