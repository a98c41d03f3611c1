//! What a user does: copy one file at a time by an attempt, be hostile, copy several files by commands of his own,
//! copy small files in groups (PACK), or ask about transfers that have outlived their control connection.

use ftp_proto::transfer::Side;
use std::time::Duration;

/// What a user does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conduct {
    /// Copies one file after the other, each by a `transfer::Attempt`.
    Attempts,
    /// Copies no file, but sends any commands in any order.
    Hostile,
    /// Copies several files, line by line.
    Batch(Batch),
    /// Copies small files in groups, by a `transfer::batch::Batch`.
    Groups(Groups),
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

/// Small files that are copied in groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Groups {
    /// The files, in their order.
    pub files: Vec<Small>,
    /// In how many directories they are; files of one directory follow each other.
    pub directories: usize,
    /// What a server says or does that is not true.
    pub lie: Option<Lie>,
}

/// A small file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Small {
    /// How many bytes it has, as a listing has told.
    pub size: u32,
    /// What has happened to it since.
    pub fate: Fate,
    /// Whether the destination is asked (LOOK) if something has its name.
    pub asks: bool,
}

/// What becomes of a small file between its listing and its copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing: it can be copied.
    Good,
    /// The source has none any more.
    Gone,
    /// At the source it has another size.
    Grown,
    /// At the source it is another file of the same size.
    Replaced,
    /// At the destination something has its name.
    Taken,
    /// At the destination something gets its name after the group was stored.
    Appears,
    /// The destination may not make this name.
    Refused,
}

/// What a server says or does that is not true, from its n-th time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lie {
    /// How many times it does what it says.
    pub after: u32,
    /// What it does then.
    pub what: Untruth,
}

/// What a server may say or do about a group that is not true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Untruth {
    /// LOOK: every name is taken.
    AllTaken,
    /// LOOK: no name is taken.
    NoneTaken,
    /// STORE: the first file has another digest.
    OtherDigest,
    /// SEND: the first file has other bytes than its digest says.
    OtherBytes,
    /// KEEP: everything has its name, and nothing has.
    NamesNothing,
    /// KEEP: a failure is told, and everything has its name.
    NamesAndFails,
    /// One line about a file is wrong in a reply of that server.
    Line(Side, BadLine),
}

/// What is wrong with a line about a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadLine {
    /// It is missing.
    Missing,
    /// It is there twice.
    Twice,
    /// It is about a file that nobody asked for.
    Beyond,
    /// It cannot be read.
    Unreadable,
}

/// Questions about detached transfers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asks {
    /// How many at each server.
    pub count: usize,
    /// One of so many is ABOR; 0 for none.
    pub ends_one_in: u64,
}

impl Conduct {
    /// Whether the user has the machines of a user agent: sessions, and an attempt or a batch.
    pub(super) const fn has_machines(&self) -> bool {
        matches!(self, Self::Attempts | Self::Groups(_))
    }
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
