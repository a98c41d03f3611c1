//! Pipes that many pairs of connections share: a direction has one only while it holds octets.

use std::sync::{Arc, Mutex, PoisonError};

use super::splice::Pipe;

/// A pool of empty pipes with a limit for what they may hold together. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct Pipes(Arc<Mutex<Pool>>);

#[derive(Debug)]
struct Pool {
    empty: Vec<Pipe>,
    /// What all pipes hold together, lent ones included.
    size: usize,
    most: usize,
}

impl Pipes {
    /// Pipes that together hold at most so many octets. Beyond that a direction gets no pipe, and its
    /// octets are copied.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Pool { empty: Vec::new(), size: 0, most })))
    }

    /// An empty pipe: a large one while there are few, else a small one, else none.
    pub(super) fn take(&self) -> Option<Pipe> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pool.empty.pop() {
            return Some(pipe);
        }
        let left = pool.most.saturating_sub(pool.size);
        let size = SIZES.into_iter().find(|size| *size <= left)?;
        let pipe = Pipe::of(size)?;
        pool.size += pipe.size();
        Some(pipe)
    }

    /// Takes an empty pipe back.
    pub(super) fn give(&self, pipe: Pipe) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.empty.len() < KEPT {
            pool.empty.push(pipe);
        } else {
            pool.size = pool.size.saturating_sub(pipe.size());
        }
    }

    /// A pipe that was lent is gone, with whatever was in it.
    pub(super) fn lose(&self, pipe: Pipe) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Fewer and larger pieces are what makes splice faster than read and write.
const SIZES: [usize; 2] = [1024 * 1024, 64 * 1024];
const KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

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
