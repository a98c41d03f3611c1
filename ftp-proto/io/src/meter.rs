//! One handle on running work: how much has moved, and stop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ftp_proto::timer::strictest;
use tokio::sync::Notify;

use crate::limiter::Limiter;

/// Counts the bytes of one copy or digest and can stop it. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<State>);

#[derive(Debug, Default)]
struct State {
    moved: AtomicU64,
    stopped: AtomicBool,
    wake: Notify,
    /// Rates that hold for this work; each may be shared with other work.
    limiters: Vec<Limiter>,
    /// Who says when this work may have a thread.
    gate: Option<Arc<dyn Gate>>,
    /// How often the copy waited in the reactor for its peer.
    #[cfg(test)]
    parked: AtomicU64,
}

/// Says when work may have a thread that may block, for a fraction of a second.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Waits for a turn. It lasts until the pass is dropped.
    fn pass(&self) -> Pin<Box<dyn Future<Output = Pass> + Send + '_>>;
}

/// A turn of some work. Dropping it ends the turn.
pub type Pass = Box<dyn Send>;

impl Meter {
    /// A meter of work that moves no faster than each of `limiters` allows.
    pub fn limited(limiters: Vec<Limiter>) -> Self {
        Self(Arc::new(State { limiters, ..State::default() }))
    }

    /// A meter of work that also needs turns of `gate`.
    pub fn gated(limiters: Vec<Limiter>, gate: Arc<dyn Gate>) -> Self {
        Self(Arc::new(State { limiters, gate: Some(gate), ..State::default() }))
    }

    /// Waits until the work may have a thread. `None` if there is no gate to ask.
    pub async fn pass(&self) -> Option<Pass> {
        match &self.0.gate {
            Some(gate) => Some(gate.pass().await),
            None => None,
        }
    }

    /// How many bytes may move now.
    ///
    /// # Errors
    ///
    /// How long to rest before some may move.
    pub(crate) fn allowance(&self) -> Result<usize, Duration> {
        strictest(self.0.limiters.iter().map(Limiter::allowance))
    }

    /// Waits until some bytes may move, and returns how many; `None` if the work was stopped.
    pub async fn turn(&self) -> Option<usize> {
        loop {
            match self.allowance() {
                Ok(most) => return Some(most.max(1)),
                Err(rest) => self.unless_stopped(tokio::time::sleep(rest)).await?,
            }
        }
    }

    /// Waits for `future`; `None` if the work is stopped before it ends.
    pub(crate) async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopped() => None,
            done = future => Some(done),
        }
    }

    /// Bytes that have moved so far.
    pub fn moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// Ends the work at once, even if it waits for its peer.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.0.wake.notify_waiters();
    }

    /// Whether [`Meter::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Returns when [`Meter::stop`] is called, or at once if it was called before.
    pub async fn stopped(&self) {
        let woken = self.0.wake.notified();
        if !self.is_stopped() {
            woken.await;
        }
    }

    /// Counts bytes that have moved.
    pub fn add(&self, bytes: usize) {
        self.0.moved.fetch_add(bytes as u64, Ordering::Relaxed);
        for limiter in &self.0.limiters {
            limiter.take(bytes);
        }
    }

    #[cfg(test)]
    pub(crate) fn parked(&self) -> u64 {
        self.0.parked.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn count_parked(&self) {
        self.0.parked.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts what one direction between two connections has taken and given, and can stop it. Clones are
/// the same handle.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// What the one connection has brought.
    pub taken: Meter,
    /// What the other connection has accepted.
    pub given: Meter,
}

impl Meters {
    /// Ends the direction at once, whichever connection it waits for.
    pub fn stop(&self) {
        self.taken.stop();
        self.given.stop();
    }
}
