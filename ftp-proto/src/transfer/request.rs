//! What an attempt is asked to do: the two ends, the file, and how long each wait may take.

use crate::command::Direction;
use crate::digest::Algorithm;
use crate::rendezvous::RendezvousSecret;
use crate::wire::{ByteRange, PathName};
use std::time::Duration;

/// One of the two servers of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The server that sends the file (SITE1 of RFC 438).
    Source,
    /// The server that receives the file (SITE2 of RFC 438).
    Destination,
}

impl Side {
    /// Both sides, the source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];

    /// What belongs to it, of two values with that of the source first.
    pub fn of<T>(self, [source, destination]: [T; 2]) -> T {
        match self {
            Self::Source => source,
            Self::Destination => destination,
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// What it does with the file.
    pub const fn direction(self) -> Direction {
        match self {
            Self::Source => Direction::Send,
            Self::Destination => Direction::Receive,
        }
    }
}

/// One thing for each end of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PerSide<T> {
    /// That of the source.
    pub source: T,
    /// That of the destination.
    pub destination: T,
}

impl<T> PerSide<T> {
    /// That of one end.
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// That of one end, to be changed.
    pub const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Both, the source first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.source, &self.destination].into_iter()
    }
}

/// The command with which the destination stores the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Store {
    /// STOR: replaces what is there. After REST it continues at that offset.
    Replace,
    /// APPE: appends to what is there.
    Append,
}

/// One file to transfer, for one attempt.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The path at the source.
    pub source_path: PathName,
    /// The path at the destination.
    pub destination_path: PathName,
    /// Whether the destination replaces or appends.
    pub store: Store,
    /// Which part of the file moves, if not all of it: what follows some bytes (REST, H21), or so many bytes of it (RANG). The
    /// destination changes nothing else of what it has.
    ///
    /// Only use this if both ends list REST STREAM in FEAT, or RANG STREAM for a part that has a length. A 1973 server answers
    /// REST with 200 but takes its argument for a marker of MODE B.
    pub part: Option<ByteRange>,
    /// The secret for RNDZ. It is used if both ends know RNDZ, and must be new for each attempt.
    pub secret: Option<RendezvousSecret>,
    /// Whether to obtain and prove a data connection only, and to move nothing (PROB). Both ends must know it.
    pub probes: bool,
    /// The digest that an end computes while the file moves, if it knows DGST with this algorithm. Its final reply
    /// carries it ([`crate::digest::parse_streamed`]).
    pub digest: Option<Algorithm>,
}

/// How long an attempt waits for each event before it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For each reply before the transfer commands, and for the relay's answer.
    pub reply: Duration,
    /// From the transfer commands to the first sign of data, or for a data connection.
    pub connect: Duration,
    /// For the preliminary reply of the end that gets its transfer command first. When the time is
    /// up, the other end gets its command as well.
    pub preliminary: Duration,
    /// From the source's final reply to that of the destination, which may have much to write.
    pub half_done: Duration,
    /// From the destination's final reply to that of the source. The file is stored, and nothing is left to do.
    pub stored: Duration,
    /// For the replies to ABOR. An end that does not answer in time is closed.
    pub abort: Duration,
}

impl Default for Timeouts {
    /// Values that suit servers on the Internet and files of moderate size.
    ///
    /// Increase [`Timeouts::half_done`] for large files: some servers sync the file to disk before their
    /// final reply.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            reply: seconds(60),
            connect: seconds(20),
            preliminary: seconds(5),
            half_done: seconds(60),
            stored: seconds(5),
            abort: seconds(10),
        }
    }
}

/// A wait of an attempt. Its length is in [`Timeouts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For a reply to a command before the transfer commands.
    Reply,
    /// For the relay's answer to a request to join.
    Relay,
    /// For a data connection: until it stands, or until its first sign of data.
    Connect,
    /// For the preliminary reply of the end that got its transfer command first.
    Preliminary,
    /// For the second final reply, after the first one.
    HalfDone,
    /// For the replies to ABOR.
    Abort,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Relay => "relay",
            Self::Connect => "connect",
            Self::Preliminary => "preliminary reply",
            Self::HalfDone => "other end's final reply",
            Self::Abort => "abort",
        }
    }
}
