//! The direction of the bytes of a file, seen from a server.

/// The direction in which a server moves the bytes of a file, as in the argument of LSTN (RFC 438).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// `S`: the server sends (RETR, LIST, NLST, MLSD).
    Send,
    /// `R`: the server receives (STOR, APPE).
    Receive,
}

impl Direction {
    /// Both directions, sending first.
    pub const BOTH: [Self; 2] = [Self::Send, Self::Receive];

    /// Returns the letter for LSTN and for the role in RNDZ.
    pub const fn letter(self) -> char {
        match self {
            Self::Send => 'S',
            Self::Receive => 'R',
        }
    }
}
