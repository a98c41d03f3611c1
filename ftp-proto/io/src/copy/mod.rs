//! The octets of a file or a listing between a file and a data connection, or between two of them
//! (STRU F, MODE S).
//!
//! A connection that was closed in order is the end of the file; a reset never is (E10). In the
//! other direction a copy that does not reach its end resets the connection, so that the peer knows.
//! Inside TLS only close_notify is the end, and a reset comes without it (I03).

mod burst;
mod carrier;
mod data;
mod exchange;
mod join;
mod lines;
mod meter;
#[cfg(target_os = "linux")]
mod pipes;
mod receive;
mod send;
#[cfg(target_os = "linux")]
mod splice;
mod stream;
#[cfg(test)]
mod tests;

pub use exchange::{Exchange, Parted, Which};
pub use join::{Joined, Joint, Look, Meters, Tail, join};
pub use lines::lines;
pub use meter::Meter;
#[cfg(target_os = "linux")]
pub use pipes::Pipes;
pub use receive::receive;
pub use send::send;
pub use stream::send_stream;

use std::io;

/// What happens to the octets on their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Coding {
    /// Nothing (TYPE I, L 8).
    #[default]
    Image,
    /// Line ends are LF in files and CR LF on the connection (TYPE A).
    Ascii,
}

/// How a copy went.
#[derive(Debug)]
pub struct Moved {
    /// Octets that crossed the connection.
    pub octets: u64,
    /// Why there were no more.
    pub end: Ended,
}

/// How a copy ended.
#[derive(Debug)]
pub enum Ended {
    /// With the end of the file, and the connection was closed in order.
    Whole,
    /// The connection failed.
    Broken(io::Error),
    /// [`Meter::stop`] was called.
    Stopped,
    /// The file could not be read or written: full disk, failing disk.
    File(io::Error),
}
