//! Pipes that many pairs of connections share: a direction has one only while it holds bytes.

use std::sync::{Arc, Mutex};

use crate::lock::Lock;

use super::pipe::{LARGE, Pipe};

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
