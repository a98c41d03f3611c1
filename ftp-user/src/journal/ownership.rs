//! Whether a job is still this run's, as far as its journal knows: whether it may store and delete.

use super::failure::JournalFailure;
use super::handle::JobJournal;
use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use std::time::Duration;

impl JobJournal {
    /// Why nothing more may be stored: the journal has ended, and what an earlier run has left is not known without it, or another
    /// host may carry the job now.
    pub fn why_missed(&self) -> Option<JournalFailure> {
        self.open.as_ref().filter(|open| self.resumes || open.confirmed.is_some())?.end.get().cloned()
    }

    /// Whether a daemon carries the job.
    pub fn is_of_queue(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.lease.is_some())
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
        // An answer that took longer says nothing of now: the store is asked again.
        for _ in 0..=MOST_ASKED {
            let now = clock.now();
            if confirmed.locked().is_some_and(|last| now.since(last) < CONFIRMED_FOR) {
                return Ok(());
            }
            // The lock of the job belongs to the connection that is asked.
            if self.ask(move |store, job| store.check_job(job, lease)).await.is_err() {
                break;
            }
            *confirmed.locked() = Some(now);
        }
        Err(ended().unwrap_or(JournalFailure::Nowhere))
    }
}

/// How long an answer of the store covers what is sent to servers.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);
/// How often the store is asked before it counts as away because it answers too slowly.
const MOST_ASKED: u32 = 5;
