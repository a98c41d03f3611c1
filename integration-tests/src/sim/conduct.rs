//! What a user does: copy one file at a time by an attempt, be hostile, copy several files by commands of his own, or
//! ask about transfers that have outlived their control connection.

use std::time::Duration;

/// What a user does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conduct {
    /// Copies one file after the other, each by a `third_party::Attempt`.
    Attempts,
    /// Copies no file, but sends any commands in any order.
    Hostile,
    /// Copies several files, line by line.
    Batch(Batch),
    /// Asks about detached transfers, his own and those of others, and may end them.
    Asks(Asks),
}

/// Several files between two servers, by commands that no attempt uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The files, in their order.
    pub files: Vec<Piece>,
    /// MODE B: one data connection carries all files.
    pub block: bool,
    /// RSYM: both servers listen and connect.
    pub symmetric: bool,
    /// How many transfer commands each server may have before it has answered the first of them.
    pub ahead: usize,
    /// DETA before each transfer command: for how long it may go on alone.
    pub detach: Option<Duration>,
    /// ALLO before each STOR.
    pub allocates: bool,
}

/// One file of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// It can be copied, and has so many bytes.
    Good(usize),
    /// The source has none.
    Missing,
    /// The destination refuses it; at the source it has so many bytes.
    Refused(usize),
}

/// Questions about detached transfers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asks {
    /// How many at each server.
    pub count: usize,
    /// One of so many is ABOR; 0 for none.
    pub ends_one_in: u64,
}

impl Piece {
    /// How many bytes the source has; `None` if it has no file.
    pub(super) const fn length(self) -> Option<usize> {
        match self {
            Self::Good(length) | Self::Refused(length) => Some(length),
            Self::Missing => None,
        }
    }

    /// Whether it can be copied.
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Good(_))
    }
}
