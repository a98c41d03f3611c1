//! The pipe between a connection and a file or another connection: pages pass through it without being
//! copied to this process. Many pairs of connections share a pool of them: a direction has one only while it holds bytes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::lock::Lock;

/// A pipe that is empty between two steps of a copy.
#[derive(Debug)]
pub(super) struct Pipe {
    from: File,
    into: OwnedFd,
    size: usize,
}

/// What one call has put into the pipe.
pub(super) enum Filled {
    Bytes(usize),
    /// The peer closed the connection in order.
    End,
    /// Splice does not work with this connection.
    Refused,
    Failed(Errno),
}

/// What [`Pipe::take_from`] has come to.
#[derive(Debug)]
pub(super) enum PipeFill {
    /// So many bytes are in the pipe.
    Bytes(usize),
    /// The peer closed the connection in order, and the pipe is empty.
    End,
    /// The connection has nothing now, and the pipe is empty.
    Nothing(Errno),
    /// Splice does not work with this connection, and the pipe is empty.
    Refused,
    /// The connection is broken. What came just before may be in the pipe: it must be closed.
    Broken(Errno),
}

/// What one call has taken out of it.
pub(super) enum Drained {
    All,
    /// Splice does not work with this file, for instance because it is opened for appending. `left` bytes
    /// are still in the pipe.
    Refused {
        left: usize,
    },
}

/// Set when the sandbox of this process (seccomp) has refused splice.
static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// Whether the system has refused splice to this process, as a sandbox does, so that bytes are copied and take more
/// processor time. It is `true` once, for the log.
pub fn was_forbidden() -> bool {
    static TOLD: AtomicBool = AtomicBool::new(false);
    FORBIDDEN.load(Ordering::Relaxed) && !TOLD.swap(true, Ordering::Relaxed)
}

/// Whether splice does not work here at all, so that bytes are copied instead.
pub(super) fn is_refused(error: Errno) -> bool {
    if matches!(error, Errno::NOSYS | Errno::PERM) {
        FORBIDDEN.store(true, Ordering::Relaxed);
    }
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::PERM)
}

impl Pipe {
    /// Makes a pipe of at least `size` bytes. `None` if the system has none: out of descriptors, or the
    /// kernel's limit for the pipes of one user is reached.
    pub(super) fn of(size: usize) -> Option<Self> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let size = fcntl_setpipe_size(&into, size).ok()?;
        Some(Self { from: from.into(), into, size })
    }

    /// How many bytes it holds.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Takes what the connection has in one call, but not more than `most` bytes.
    pub(super) fn fill(&self, conn: impl AsFd, most: usize) -> Filled {
        match self.take_piece(conn, self.size.min(most)) {
            Ok(0) => Filled::End,
            Ok(bytes) => Filled::Bytes(bytes),
            Err(error) if is_refused(error) => Filled::Refused,
            Err(error) => Filled::Failed(error),
        }
    }

    /// Writes the `left` bytes that are in the pipe to the file, at its position.
    pub(super) fn drain(&self, file: &File, mut left: usize) -> io::Result<Drained> {
        while left > 0 {
            match splice(&self.from, None, file, None, left, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => left = left.saturating_sub(bytes),
                Err(Errno::INTR) => {}
                Err(error) if is_refused(error) => return Ok(Drained::Refused { left }),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Drained::All)
    }

    /// Takes what the connection has, at most `most` bytes, and what comes meanwhile: larger pieces wake
    /// the receiver less often. The pipe is empty before. Never waits.
    pub(super) fn take_from(&self, conn: impl AsFd, most: usize) -> PipeFill {
        let most = most.min(self.size);
        let mut taken = 0;
        while taken < most {
            match self.take_piece(&conn, most - taken) {
                Ok(0) => break,
                Ok(bytes) => taken += bytes,
                // There is nothing more at present or no more room, or the next call says it again.
                Err(Errno::AGAIN | Errno::INTR | Errno::INVAL | Errno::NOSYS | Errno::PERM) if taken > 0 => {
                    break;
                }
                Err(error) if is_refused(error) => return PipeFill::Refused,
                Err(error @ (Errno::AGAIN | Errno::INTR)) => return PipeFill::Nothing(error),
                Err(error) => return PipeFill::Broken(error),
            }
        }
        if taken > 0 { PipeFill::Bytes(taken) } else { PipeFill::End }
    }

    fn take_piece(&self, conn: impl AsFd, most: usize) -> Result<usize, Errno> {
        splice(conn, None, &self.into, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)
    }

    /// Gives the connection as many of the `left` bytes in the pipe as it takes now.
    pub(super) fn give_to(&self, conn: impl AsFd, left: usize) -> Result<usize, Errno> {
        splice(&self.from, None, conn, None, left, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)
    }

    /// Reads the `left` bytes that are in the pipe into `buffer`.
    pub(super) fn take<'a>(&mut self, left: usize, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        buffer.resize(left, 0);
        self.from.read_exact(buffer)?;
        Ok(buffer)
    }
}

/// The most that an unprivileged process gets by default. Splice is faster with larger pieces than read and
/// write.
pub(super) const LARGE: usize = 1024 * 1024;

/// A pool of empty pipes with a limit for what they may hold together. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct Pipes(Arc<Mutex<Pool>>);

#[derive(Debug)]
struct Pool {
    empty: Vec<Pipe>,
    /// What all pipes can hold together, lent ones included.
    size: usize,
    /// The maximum of `size`.
    limit: usize,
    /// Smallest useful size of a pipe.
    smallest: usize,
}

impl Pipes {
    /// Makes a pool whose pipes together hold at most `limit` bytes. Beyond that a direction gets no
    /// pipe, and its bytes are copied.
    pub fn new(limit: usize) -> Self {
        Self::with(limit, SMALL_PIPE)
    }

    /// A pool of one large pipe, for a single flow. A small pipe would be slower than
    /// copying through a buffer.
    pub(super) fn one() -> Self {
        Self::with(LARGE, LARGE)
    }

    fn with(limit: usize, smallest: usize) -> Self {
        Self(Arc::new(Mutex::new(Pool { empty: Vec::new(), size: 0, limit, smallest })))
    }

    /// Lends an empty pipe: a large one while there are few, otherwise a small one, otherwise none. Large pipes take
    /// half of the limit: the other half is small ones, because who gets none has its bytes in memory.
    pub(super) fn take(&self) -> Option<Pipe> {
        let mut pool = self.0.locked();
        if let Some(pipe) = pool.empty.pop() {
            return Some(pipe);
        }
        let left = pool.limit.saturating_sub(pool.size);
        let largest = if pool.size < pool.limit / 2 { LARGE } else { SMALL_PIPE };
        let mut sizes = [LARGE, SMALL_PIPE]
            .into_iter()
            .filter(|size| *size <= largest && (pool.smallest..=left).contains(size));
        let pipe = sizes.find_map(Pipe::of)?;
        pool.size += pipe.size();
        Some(pipe)
    }

    /// Takes an empty pipe back.
    pub(super) fn give(&self, pipe: Pipe) {
        let mut pool = self.0.locked();
        if pool.empty.len() < MAX_POOLED {
            pool.empty.push(pipe);
        } else {
            pool.size = pool.size.saturating_sub(pipe.size());
        }
    }

    /// Takes a pipe back that is not empty, and closes it with whatever is in it.
    pub(super) fn lose(&self, pipe: Pipe) {
        let mut pool = self.0.locked();
        pool.size = pool.size.saturating_sub(pipe.size());
        drop(pool);
        drop(pipe);
    }
}

impl Default for Pipes {
    /// An unprivileged user may have 64 MiB in pipes before the kernel makes new ones tiny.
    fn default() -> Self {
        Self::new(32 * 1024 * 1024)
    }
}

/// What a direction gets when there are many: the size that the system gives a pipe.
const SMALL_PIPE: usize = 64 * 1024;
/// Maximum number of empty pipes that are kept for later.
const MAX_POOLED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pipes_leave_half_of_the_room_to_small_ones() {
        let pipes = Pipes::new(8 * LARGE);
        let lent: Vec<Pipe> = std::iter::from_fn(|| pipes.take()).collect();
        let sizes: Vec<usize> = lent.iter().map(Pipe::size).collect();
        assert!(sizes.iter().sum::<usize>() <= 8 * LARGE, "{sizes:?}");
        // The system may make them smaller, never larger.
        assert!(sizes.iter().filter(|size| **size > SMALL_PIPE).count() <= 4, "{sizes:?}");
        assert!(sizes.len() >= 4 + 4 * LARGE / SMALL_PIPE, "{sizes:?}");
    }

    #[test]
    fn pipes_are_large_then_small_then_none_and_come_back() {
        let pipes = Pipes::new(1024 * 1024 + 128 * 1024);
        let lent: Vec<Pipe> = std::iter::from_fn(|| pipes.take()).collect();
        let sizes: Vec<usize> = lent.iter().map(Pipe::size).collect();
        assert!(sizes.iter().sum::<usize>() <= 1024 * 1024 + 128 * 1024, "{sizes:?}");
        assert!(sizes.len() >= 3 && sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        let mut lent = lent.into_iter();
        pipes.give(lent.next().unwrap());
        assert_eq!(pipes.take().map(|pipe| pipe.size()), sizes.first().copied());
        assert!(pipes.take().is_none());
        pipes.lose(lent.next().unwrap());
        assert!(pipes.take().is_some());
    }
}
