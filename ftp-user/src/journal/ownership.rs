//! Whether a job is still this run's, as far as its journal knows: whether it may store and delete.

use super::failure::JournalFailure;
use super::handle::JobJournal;
use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;

impl JobJournal {
    /// Why nothing more may be stored: the journal has ended, and what an earlier run has left is not known without it, or another
    /// host may carry the job now.
    pub fn why_missed(&self) -> Option<JournalFailure> {
        self.open.as_ref().filter(|open| self.resumes || open.confirmed.is_some())?.end.get().cloned()
    }

    /// Whether another host could carry the job if this one lost it. Then each final name and each deletion
    /// waits for [`confirm_job`](Self::confirm_job).
    pub fn is_shared(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.confirmed.is_some())
    }

    /// Checks that the job is still this run's. What is sent to a server within a second is covered by one answer of the store.
    ///
    /// # Errors
    ///
    /// The store cannot be asked: the right to the job was lost, or may be lost any moment.
    pub async fn confirm_job(&self, clock: Clock) -> Result<(), JournalFailure> {
        let Some((open, confirmed)) =
            self.open.as_ref().and_then(|open| Some((open, open.confirmed.as_ref()?)))
        else {
            return Ok(());
        };
        let ended = || open.end.get().cloned();
        if let Some(why) = ended() {
            return Err(why);
        }
        let lease = open.lease;
        // The lock of the job belongs to the connection that is asked.
        let ask = || self.ask(move |store, job| store.check_job(job, lease));
        if is_confirmed(clock, confirmed, ask).await {
            return Ok(());
        }
        Err(ended().unwrap_or(JournalFailure::Slow))
    }
}

/// Asks the store unless it has said yes within the last second. Returns whether it has.
async fn is_confirmed(
    clock: Clock,
    confirmed: &Mutex<Option<Moment>>,
    ask: impl Fn() -> oneshot::Receiver<()>,
) -> bool {
    // An answer that took longer says nothing of now: the store is asked again.
    for asked in 0..=MOST_ASKED {
        let now = clock.now_with_suspension();
        if confirmed.locked().is_some_and(|last| now.since(last) < CONFIRMED_FOR) {
            return true;
        }
        if asked == MOST_ASKED || ask().await.is_err() {
            break;
        }
        *confirmed.locked() = Some(now);
    }
    false
}

/// How long an answer of the store covers what is sent to servers.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);
/// How often the store is asked before it counts as away because it answers too slowly.
const MOST_ASKED: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How often the store was asked, and whether the job was confirmed, where its answers take so many milliseconds.
    async fn confirmed_after(clock: Clock, last: &Mutex<Option<Moment>>, answers: &[u64]) -> (usize, bool) {
        let asked = Cell::new(0);
        let is_confirmed = is_confirmed(clock, last, || {
            let (reply, answer) = oneshot::channel();
            let delay = answers.get(asked.replace(asked.get() + 1)).copied();
            tokio::spawn(async move {
                // Without an answer, the store is away.
                if let Some(delay) = delay {
                    clock.sleep_until(Some(clock.now() + Duration::from_millis(delay))).await;
                    let _ = reply.send(());
                }
            });
            answer
        });
        let is_confirmed = is_confirmed.await;
        (asked.get(), is_confirmed)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_came_late_permits_nothing() {
        let (clock, last) = (Clock::start(), Mutex::default());
        assert_eq!(confirmed_after(clock, &last, &[1_001, 1_001, 10]).await, (3, true));
        assert_eq!(confirmed_after(clock, &last, &[]).await, (0, true));
        tokio::time::advance(CONFIRMED_FOR).await;
        assert_eq!(confirmed_after(clock, &last, &[1_001]).await, (2, false));
        assert_eq!(confirmed_after(clock, &last, &[2_000, 2_000, 2_000, 2_000, 10]).await, (5, true));
        tokio::time::advance(CONFIRMED_FOR).await;
        let always_late = [2_000; 10];
        assert_eq!(confirmed_after(clock, &last, &always_late).await, (5, false));
    }
}
