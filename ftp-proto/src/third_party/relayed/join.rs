//! What the relay is asked for, and where the data connection of each end meets.

use super::super::Side;
use std::net::SocketAddr;

/// How the data connection of one end comes about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Posture {
    /// The end listens (EPSV, PASV, LSTN), the relay connects.
    Passive,
    /// The relay listens, the end connects (PORT, EPRT, SOCK).
    Active,
}

/// Those of both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Postures {
    /// The source's.
    pub source: Posture,
    /// The destination's.
    pub destination: Posture,
}

impl Postures {
    /// That of one side.
    pub const fn of(self, side: Side) -> Posture {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }
}

/// What the relay is to do at one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Junction {
    /// Connect to where the end listens.
    Dial(SocketAddr),
    /// Listen for the end, and nobody else.
    Listen,
}

/// How far the relay is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Join {
    /// Not every passive end listens.
    Not,
    /// It is to be asked.
    Due,
    /// It has been asked.
    Asked,
    /// It listens and dials.
    Ready,
    /// It has ended what it did, or has nothing to do any more.
    Over,
}

/// Where the data connection of one end meets: the end listens there, or the relay does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    pub(super) posture: Posture,
    pub(super) at: Option<SocketAddr>,
}

impl Meeting {
    /// What the relay is to do there.
    pub(super) fn junction(&self) -> Junction {
        match (self.posture, self.at) {
            (Posture::Passive, Some(at)) => Junction::Dial(at),
            (Posture::Passive, None) | (Posture::Active, _) => Junction::Listen,
        }
    }
}
