//! The frames that wait for the task of a session. Their bytes are bounded: one that asks much and takes nothing is cut
//! off, and costs the hub no more than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// Takes the frames of one session. Dropping it ends the session behind the last of them.
#[derive(Debug)]
pub(super) struct Outlet {
    frames: mpsc::Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Gives the frames to the task of the session.
#[derive(Debug)]
pub(super) struct Frames {
    frames: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// An outlet without frames, and its other end.
pub(super) fn outlet() -> (Outlet, Frames) {
    let (sender, frames) = mpsc::channel(MAX_FRAMES);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outlet { frames: sender, waiting: Arc::clone(&waiting) }, Frames { frames, waiting })
}

impl Outlet {
    /// Adds a frame. Returns `false` if too much waits already, or the session is over.
    pub(super) fn send(&self, frame: Vec<u8>) -> bool {
        let length = frame.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        before.saturating_add(length) <= MAX_BYTES && self.frames.try_send(frame).is_ok()
    }
}

impl Frames {
    /// Whether all frames have been given. When the session is over, they have not: [`Self::next`] tells the end.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.frames.is_closed()
    }

    /// The next frame; `None` if the session is over. It is cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }
}

/// Frames that wait.
const MAX_FRAMES: usize = 1_024;
/// Their bytes: several lists of all agents that a token can have.
const MAX_BYTES: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_that_takes_nothing_is_cut_off_at_a_bound() {
        let (outlet, mut frames) = outlet();
        let taken = (0..100).take_while(|_| outlet.send(vec![0; 16_000])).count();
        assert_eq!(taken, MAX_BYTES / 16_000);
        drop(outlet);
        let mut left = 0;
        while frames.next().await.is_some() {
            left += 1;
        }
        assert_eq!(left, taken, "what was taken is still sent");
    }

    #[tokio::test]
    async fn one_that_takes_its_frames_gets_any_number_of_them() {
        let (outlet, mut frames) = outlet();
        for _ in 0..100 {
            assert!(outlet.send(vec![0; 100_000]));
            frames.next().await.unwrap();
        }
    }
}
