//! The pipe between a connection and a file or another connection: pages go through it without being copied to us.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};

/// A pipe that is empty between two steps of a copy.
#[derive(Debug)]
pub(super) struct Pipe {
    from: File,
    into: OwnedFd,
    size: usize,
}

/// What went into the pipe.
pub(super) enum Filled {
    Octets(usize),
    /// The peer closed the connection in order.
    End,
    /// Splice does not work with this connection.
    Refused,
    Failed(Errno),
}

/// What came out of it.
pub(super) enum Drained {
    All,
    /// Splice does not work with this file (opened for appending, say); so much is still in the pipe.
    Refused {
        left: usize,
    },
}

impl Pipe {
    /// `None` where there is no pipe to be had that is worth it: out of descriptors, or the kernel's
    /// limit for the pipes of one user is reached.
    pub(super) fn new() -> Option<Self> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let size = fcntl_setpipe_size(&into, WANTED).ok()?;
        Some(Self { from: from.into(), into, size })
    }

    /// One that holds about so much; smaller where the kernel does not give that.
    pub(super) fn of(wanted: usize) -> Option<Self> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let size = fcntl_setpipe_size(&into, wanted).or_else(|_| fcntl_getpipe_size(&into)).ok()?;
        Some(Self { from: from.into(), into, size })
    }

    /// How much it holds.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Takes what the connection has.
    pub(super) fn fill(&self, conn: impl AsFd) -> Filled {
        match self.take_piece(conn, self.size) {
            Ok(0) => Filled::End,
            Ok(octets) => Filled::Octets(octets),
            Err(Errno::INVAL | Errno::NOSYS) => Filled::Refused,
            Err(error) => Filled::Failed(error),
        }
    }

    /// Writes the `left` octets that are in the pipe to the file, at its position.
    pub(super) fn drain(&self, file: &File, mut left: usize) -> io::Result<Drained> {
        while left > 0 {
            match splice(&self.from, None, file, None, left, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(octets) => left = left.saturating_sub(octets),
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::NOSYS) => return Ok(Drained::Refused { left }),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Drained::All)
    }

    /// Takes what the connection has, at most so much, also what comes meanwhile: larger pieces wake the
    /// next one less often. 0 is its end. Never waits: with nothing in the pipe `AGAIN` is the connection's.
    /// After a failure what is in the pipe is lost: the connection has been reset.
    pub(super) fn take_from(&self, conn: impl AsFd, most: usize) -> Result<usize, Errno> {
        let most = most.min(self.size);
        let mut taken = 0;
        while taken < most {
            match self.take_piece(&conn, most - taken) {
                Ok(0) => break,
                Ok(octets) => taken += octets,
                // Nothing more at present, no more room, or what the next call says again.
                Err(Errno::AGAIN | Errno::INTR | Errno::INVAL | Errno::NOSYS) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn take_piece(&self, conn: impl AsFd, most: usize) -> Result<usize, Errno> {
        splice(conn, None, &self.into, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)
    }

    /// Gives the connection as many of the `left` octets in the pipe as it takes now.
    pub(super) fn give_to(&self, conn: impl AsFd, left: usize) -> Result<usize, Errno> {
        splice(&self.from, None, conn, None, left, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)
    }

    /// The `left` octets that are in the pipe.
    pub(super) fn take<'a>(&mut self, left: usize, room: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        room.resize(left, 0);
        self.from.read_exact(room)?;
        Ok(room)
    }
}

/// The most that an unprivileged process gets by default; fewer and larger pieces are what makes
/// splice faster than read and write.
const WANTED: usize = 1024 * 1024;
