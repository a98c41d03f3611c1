//! Files that join a running batch, so that its data connection is not idle while files wait.
//!
//! A batch takes files in until it has ended, or its room is used up. Then another one begins, and whatever has to be done between
//! two batches is done: the number of workers is judged, and sources of a move are deleted.

use super::batch::{SharedPath, may_move};
use super::width::MOST_BYTES;
use crate::job::claims::claim::ClaimedFile;
use crate::job::request::job::Options;
use crate::ladder::Candidate;
use std::collections::VecDeque;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::error::SendError;

/// Where files join a batch.
#[derive(Debug)]
pub(super) struct Intake {
    batch: UnboundedSender<ClaimedFile>,
    /// How many files may still join.
    files: usize,
    /// The same for their bytes.
    bytes: u64,
}

/// The batches that are under way and take files in.
#[derive(Debug, Default)]
pub(super) struct Intakes(Vec<Intake>);

impl Intakes {
    /// The path for a batch that begins with `first` and that other files may join, one of `batches` at the same time.
    pub(super) fn open(&mut self, candidate: Candidate, first: &[ClaimedFile], batches: usize) -> SharedPath {
        let (path, batch) = SharedPath::new(candidate);
        let bytes = MOST_BYTES.saturating_sub(first.iter().map(|file| file.item.size().unwrap_or(0)).sum());
        self.0.push(Intake { batch, files: MOST_FILES / batches.max(1), bytes });
        path
    }

    /// Divides files among the batches, in their order: up to the first one that may not move with others, or for which there is
    /// no room. Returns how many were taken.
    pub(super) fn fill(&mut self, ready: &mut VecDeque<ClaimedFile>, options: Options) -> usize {
        self.0.retain(|intake| !intake.batch.is_closed());
        let waiting = ready.len();
        let share = waiting.div_ceil(self.0.len().max(1));
        for intake in &mut self.0 {
            intake.take(ready, share, options);
        }
        waiting - ready.len()
    }
}

impl Intake {
    /// Takes at most `most` files.
    fn take(&mut self, ready: &mut VecDeque<ClaimedFile>, most: usize, options: Options) {
        for _ in 0..most.min(self.files) {
            let fits = |file: &mut ClaimedFile| {
                may_move(file, options) && file.item.size().unwrap_or(0) <= self.bytes
            };
            let Some(file) = ready.pop_front_if(fits) else { return };
            let bytes = file.item.size().unwrap_or(0);
            if let Err(SendError(file)) = self.batch.send(file) {
                return ready.push_front(file);
            }
            (self.files, self.bytes) = (self.files - 1, self.bytes - bytes);
        }
    }
}

/// How many files may join all running batches. Each batch gets an equal share when it begins. They stay in memory until it has
/// ended.
const MOST_FILES: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Item;
    use crate::job::claims::claim::FileClaim;

    #[test]
    fn a_file_that_joins_while_its_batch_ends_is_not_lost() {
        let file = || ClaimedFile { item: Item::of_both(0, "f"), claim: Ok(FileClaim::default()) };
        for _ in 0..2_000 {
            let (path, batch) = SharedPath::new(Candidate::Through);
            let sender = std::thread::spawn(move || (0..20).filter(|_| batch.send(file()).is_ok()).count());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let late = runtime.block_on(path.close()).len();
            assert_eq!(late, sender.join().unwrap());
        }
    }
}
