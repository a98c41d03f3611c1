//! The two seconds that a run has after Ctrl-C (H33).

use ftp_proto::timer::Moment;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// For both servers to answer ABOR.
const ABORT: Duration = Duration::from_millis(1100);
/// For everything that is deleted, together.
const CLEANUP: Duration = Duration::from_millis(700);
/// For the replies to QUIT.
const GOODBYE: Duration = Duration::from_millis(100);
const _: () = assert!(ABORT.as_millis() + CLEANUP.as_millis() + GOODBYE.as_millis() <= 2000);

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
