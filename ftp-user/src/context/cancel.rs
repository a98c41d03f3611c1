//! How a run is told to stop, and the two seconds that it has then (H33).

use crate::failure::{Failure, Result};
use ftp_proto::timer::Moment;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
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

    /// Asks whether the work should stop, in the middle of reading or writing names.
    ///
    /// # Errors
    ///
    /// With [`io::ErrorKind::Interrupted`]: it should.
    pub fn check(&self) -> io::Result<()> {
        if self.is_cancelled() { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Waits for an answer.
    ///
    /// # Errors
    ///
    /// The work should stop before the answer is there.
    pub async fn unless_cancelled<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
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

/// When the run noticed that it should stop. No other place divides the time that it has then. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<OnceLock<Moment>>);

impl Interruption {
    /// Notes that the run should stop. Returns until when both servers may answer ABOR.
    pub fn abort(&self, now: Moment) -> Moment {
        *self.0.get_or_init(|| now) + ABORT
    }

    /// The same. Returns until when files may be deleted. What is done earlier leaves more time for this.
    pub fn clean_up(&self, now: Moment) -> Moment {
        self.abort(now) + CLEANUP
    }

    /// The same. Returns until when the replies to QUIT are awaited.
    pub fn say_goodbye(&self, now: Moment) -> Moment {
        self.clean_up(now) + GOODBYE
    }

    /// Whether the run has noticed it.
    pub fn is_noticed(&self) -> bool {
        self.0.get().is_some()
    }
}

/// For both servers to answer ABOR.
const ABORT: Duration = Duration::from_millis(1100);
/// For everything that is deleted, together.
const CLEANUP: Duration = Duration::from_millis(700);
/// For the replies to QUIT.
const GOODBYE: Duration = Duration::from_millis(100);
const _: () = assert!(ABORT.as_millis() + CLEANUP.as_millis() + GOODBYE.as_millis() <= 2000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h33_all_that_happens_after_an_interruption_shares_two_seconds() {
        let now = Moment::START;
        let interruption = Interruption::default();
        assert!(!interruption.is_noticed());
        let abort = interruption.abort(now);
        assert!(interruption.is_noticed());
        // Whoever asks later, or again, gets no more time.
        for late in [0, 900, 5000].map(|passed| now + Duration::from_millis(passed)) {
            let clone = interruption.clone();
            let times = [clone.abort(late), clone.clean_up(late), clone.say_goodbye(late)];
            assert!(times.is_sorted() && times[0] == abort, "{times:?}");
            assert!(times[2] <= now + Duration::from_secs(2), "{times:?}");
        }
    }
}
