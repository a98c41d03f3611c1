//! What the operator does to a running server, and sees of it. How it stops stands here: no new sessions, then time for
//! transfers, then all sessions are closed.

pub mod audit;
pub mod certificate;
pub mod live;
pub mod metrics;
pub mod public;
pub mod remembered;
mod state;
pub mod xferlog;

use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use state::{State, is_below, usual_state};

/// How far the server is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Sessions are served.
    Serving,
    /// No new sessions and transfers; files that move may be completed.
    Draining,
    /// All sessions are closed now.
    Ending,
}

/// Stops the sessions of a server.
#[derive(Debug)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
    /// Closed when the last [`Running`] and the last of its guards are dropped.
    ended: mpsc::Receiver<()>,
}

/// A session's side of [`Shutdown`]. The server does not end before all clones are dropped, or their
/// time is over.
#[derive(Clone, Debug)]
pub struct Running {
    phase: watch::Receiver<Phase>,
    guard: mpsc::Sender<()>,
}

impl Shutdown {
    /// A server in [`Phase::Serving`].
    pub fn new() -> (Self, Running) {
        let (sender, phase) = watch::channel(Phase::Serving);
        let (guard, ended) = mpsc::channel(1);
        (Self { phase: sender, ended }, Running { phase, guard })
    }

    /// Lets transfers end for as long as `grace`, then ends what is left. Returns when nothing runs any
    /// more, or when the time for that is over.
    pub async fn drain(mut self, grace: Duration) {
        for (phase, grace) in [(Phase::Draining, grace), (Phase::Ending, SHUTDOWN_TIMEOUT)] {
            self.phase.send_replace(phase);
            if tokio::time::timeout(grace, self.ended.recv()).await.is_ok() {
                return;
            }
        }
    }
}

impl Running {
    /// Waits for a phase after `phase`. Without a [`Shutdown`] everything ends.
    pub async fn phase_after(&mut self, phase: Phase) -> Phase {
        self.phase.wait_for(|next| *next > phase).await.map_or(Phase::Ending, |next| *next)
    }

    /// Delays the end of the server until the returned guard is dropped.
    pub fn guard(&self) -> impl Send + Sync + 'static {
        self.guard.clone()
    }
}

/// How long sessions may take to end after the grace.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_ends_with_the_last_guard() {
        let (shutdown, mut running) = Shutdown::new();
        let guard = running.guard();
        let session = tokio::spawn(async move {
            assert_eq!(running.phase_after(Phase::Serving).await, Phase::Draining);
            drop(running);
            guard
        });
        let drained = tokio::spawn(shutdown.drain(Duration::from_secs(30)));
        let guard = session.await.unwrap();
        assert!(!drained.is_finished());
        drop(guard);
        drained.await.unwrap();
    }
}
