//! One handle on a running copy: how much has moved, and stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the octets of one copy and can stop it. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<State>);

#[derive(Debug, Default)]
struct State {
    moved: AtomicU64,
    stopped: AtomicBool,
    wake: Notify,
    /// How often the copy waited in the reactor for its peer.
    #[cfg(test)]
    parked: AtomicU64,
}

impl Meter {
    /// Octets that have crossed the connection so far.
    pub fn moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// Ends the copy at once, also one that waits for its peer.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.0.wake.notify_waiters();
    }

    /// Whether [`Meter::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Returns when [`Meter::stop`] is called, at once if it was before.
    pub async fn stopped(&self) {
        let woken = self.0.wake.notified();
        if !self.is_stopped() {
            woken.await;
        }
    }

    pub(crate) fn add(&self, octets: usize) {
        self.0.moved.fetch_add(octets as u64, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn parked(&self) -> u64 {
        self.0.parked.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn count_parked(&self) {
        self.0.parked.fetch_add(1, Ordering::Relaxed);
    }
}
