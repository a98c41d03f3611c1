//! How the data connection of each end meets a relay.

use super::transfer::Side;
use std::net::SocketAddr;

/// Who opens the data connection between an end and the relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Posture {
    /// The end listens (EPSV, PASV, LSTN) and the relay connects.
    Passive,
    /// The relay listens and the end connects (PORT, EPRT, SOCK).
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

/// What the relay does for one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Junction {
    /// Connect to this address, where the end listens.
    Dial(SocketAddr),
    /// Listen for the end, and accept no other host.
    Listen,
}
