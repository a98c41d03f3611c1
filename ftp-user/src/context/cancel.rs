//! How a run is told to stop.

use crate::failure::Failure;
use tokio::sync::watch;

/// Whether the work should stop. Clones share one state.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<bool>);

impl Cancel {
    /// Creates a cancellation token and its sender. Sending `true` cancels.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Never asks to stop: for cleanup.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether the work should stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for an answer.
    ///
    /// # Errors
    ///
    /// The work should stop before the answer is there.
    pub async fn unless_cancelled<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            () = self.cancelled() => Err(Failure::interrupted()),
            answer = answer => Ok(answer),
        }
    }

    /// Returns as soon as the work should stop.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|cancelled| *cancelled).await.is_err() {
            // The sender is gone, so nothing can be cancelled any more.
            std::future::pending::<()>().await;
        }
    }
}
