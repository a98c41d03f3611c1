//! A job is given up without its servers: what it may have left there is named, and stays.

use super::failure::JournalFailure;
use super::lock::{JobLock, Taken};
use super::record::{End, ItemRecord, ItemState};
use super::store::Store;
use super::tables::check_files;
use crate::id::JobId;

impl Store {
    /// Cancels a job that nobody runs, and forgets its files that have not ended. Returns them: only they had the names of what
    /// may be left.
    ///
    /// # Errors
    ///
    /// A process runs the job, or the journal is damaged or cannot be written. Nothing has changed then.
    pub(super) fn abandon(&self, job: JobId) -> Result<Vec<ItemRecord>, JournalFailure> {
        let taken = JobLock::take(&self.directory, job).map_err(|error| self.unusable(&error))?;
        let _lock = match taken {
            Taken::Ours(lock) => lock,
            Taken::Theirs(process) => return Err(JournalFailure::Held { job, process }),
        };
        self.durably(|store| {
            check_files(&store.sql)?;
            let open = store.files(job, ItemState::Open)?;
            for row in ItemRecord::of_job(&store.sql, job, ItemState::Open)? {
                row.forget(&store.sql)?;
            }
            store.finish(job, End::Cancelled, None)?;
            Ok(open)
        })
    }
}
