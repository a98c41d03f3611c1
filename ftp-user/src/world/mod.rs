//! What the outside gives: the clock, the network, the files of this host and randomness. A simulated host takes the place of
//! the real one below this folder, in `ftp_io::simulated`. What below `cli` still touches them elsewhere is listed in `tidy/outside.rs`.

mod files;
mod name;
mod network;

pub(crate) use files::{
    above, absolute, file_system, local_path, make_stable, open, real_path, resolved, unique_of,
};
pub(crate) use name::{
    IsLink, LocalName, NULL_DEVICE, OpenDirectory, Writing, device_in, names_of, replaced,
};
pub use network::Congestion;
pub(crate) use network::{
    HostPort, OpenPort, Stream, anywhere, connect, connect_to_host, connect_unix, end_by_reset, keepalive,
    listen, look_up, reset, unbound,
};

use crate::failure::{Failure, Kind, Result};
use ftp_io::clock::Clock;
use ftp_io::program::terminal::Terminal;
use ftp_proto::listing::When;

/// What the outside gives. Clones share it.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The clock of this run.
    pub clock: Clock,
}

impl World {
    /// The real one. Its clock begins now.
    pub fn real() -> Self {
        Self { clock: Clock::start() }
    }

    /// What the date is.
    pub(crate) fn today(self) -> When {
        Clock::today()
    }

    /// The terminal at which a person sits, if there is one.
    pub(crate) fn terminal(self) -> Option<Terminal> {
        Terminal::open()
    }
}

/// `N` bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let what = "this host has no random numbers";
    ftp_io::random::bytes().map_err(|error| Failure::new(Kind::Other, format!("{what}: {error}")))
}

/// A number that nobody can guess.
pub(crate) fn random_number() -> Result<u64> {
    random_bytes().map(u64::from_be_bytes)
}
