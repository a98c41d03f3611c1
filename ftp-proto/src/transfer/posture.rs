//! Who opens the data connection between a server and a host in the middle.

use super::request::Side;

/// Who opens the data connection between a server and a host in the middle: the user agent, or a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Posture {
    /// The server listens (EPSV, PASV, LSTN), and the host in the middle connects.
    Passive,
    /// The host in the middle listens, and the server connects (PORT, EPRT, SOCK).
    Active,
}

/// The posture of each end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Postures {
    /// The posture of the source.
    pub source: Posture,
    /// The posture of the destination.
    pub destination: Posture,
}

impl Postures {
    /// The posture of one side.
    pub const fn of(self, side: Side) -> Posture {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }
}
