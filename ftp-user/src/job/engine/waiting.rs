//! Files that wait for a worker: they are found, claimed, and ready. Their claims are written ahead, many with one write to the disk.
//!
//! ```text
//!  found (by the walk) ──> claims (on the way to the disk) ──> ready ── a worker is idle ──> copied
//!    '----- at most 256, and 2,048 while claims are written -----'  '- at most 2,048 -'
//! ```
//!
//! While a worker is idle, whatever was found is claimed. While all work, the next claims are written as soon as there are
//! many, so that no worker waits for them, and small files that move together share a connection with many others. While
//! claims are written, the walk is read on: what it finds meanwhile shares the next write.

use crate::context::Context;
use crate::job::Item;
use crate::job::claims::claim::{ClaimedFile, PendingClaims};
use crate::route::Ends;
use std::collections::VecDeque;

/// The files that wait for a worker.
#[derive(Debug, Default)]
pub(super) struct WaitingFiles {
    /// Those that have no claim yet.
    pub(super) found: Vec<Item>,
    /// Those whose claims are being written.
    pub(super) claims: Option<PendingClaims>,
    /// Those that can be copied.
    pub(super) ready: VecDeque<ClaimedFile>,
}

impl WaitingFiles {
    /// Whether another file may be found before one of these is copied.
    pub(super) fn has_room(&self) -> bool {
        self.found.len() < if self.claims.is_some() { MOST_READY } else { MOST }
    }

    /// Whether files are to be claimed that are the next ones to be copied. `is_idle`: a worker has nothing to do, so that few
    /// are enough. `reads_on`: others may be found, which could share the write.
    pub(super) fn wants_claims(&self, is_idle: bool, reads_on: bool) -> bool {
        let has_room = self.ready.len() + self.found.len() <= MOST_READY;
        let is_time = !reads_on || is_idle;
        self.claims.is_none() && !self.found.is_empty() && has_room && is_time
    }

    /// Whether no file waits.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.claims.is_none() && self.ready.is_empty()
    }

    /// Begins to claim all files that were found. `has_part`: see [`PendingClaims::begin`].
    pub(super) fn claim(&mut self, context: &Context, ends: &Ends, has_part: impl Fn(&Item) -> bool) {
        let items = std::mem::take(&mut self.found);
        self.claims = Some(PendingClaims::begin(context, ends, items, has_part));
    }

    /// Waits until the claims that are on their way to the disk are there. May be dropped without losing anything.
    pub(super) async fn claimed(&mut self, context: &Context, ends: &Ends) {
        let Some(claims) = &mut self.claims else { return };
        let claimed = claims.ready(context, ends).await;
        self.claims = None;
        self.ready.extend(claimed);
    }

    /// How many files wait for a worker, whose claims are not on their way to the disk.
    pub(super) fn number(&self) -> usize {
        self.found.len() + self.ready.len()
    }

    /// Takes out files that another daemon may copy: at most so many, half of those that wait, and the size of a part. Claims of
    /// which nothing was begun are given up.
    pub(super) fn take_tree_part(&mut self, context: &Context, most: usize) -> Vec<Item> {
        let most = (self.number() / 2).min(MOST_SHARED).min(most);
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        while items.len() < most && bytes < MOST_BYTES_SHARED {
            let Some(item) = self.found.pop().or_else(|| self.unclaim(context)) else { break };
            bytes = bytes.saturating_add(item.size().unwrap_or(0));
            items.push(item);
        }
        items.reverse();
        items
    }

    /// Gives up the last claim, if nothing was begun for it.
    fn unclaim(&mut self, context: &Context) -> Option<Item> {
        let is_new = |file: &mut ClaimedFile| file.claim.as_ref().is_ok_and(|claim| !claim.was_begun());
        let file = self.ready.pop_back_if(is_new)?;
        if let Ok(claim) = &file.claim {
            claim.give_up(context);
        }
        Some(file.item)
    }

    /// Gives up what was not begun. Returns how many files that were.
    pub(super) async fn give_up(&mut self, context: &Context, ends: &Ends) -> usize {
        self.claimed(context, ends).await;
        let given_up = self.found.len() + self.ready.len();
        let claims = self.ready.drain(..).filter_map(|file| file.claim.ok());
        claims.filter(|claim| !claim.was_begun()).for_each(|claim| claim.give_up(context));
        self.found.clear();
        given_up
    }
}

/// The largest number of files that wait for a write of claims to begin, so that a worker does not wait for many.
const MOST: usize = 256;
/// The largest number of files that wait for a worker, and of those that wait for the end of a write of claims.
const MOST_READY: usize = 2_048;
/// The largest number of files of a part for another daemon.
const MOST_SHARED: usize = 1_000;
/// So many bytes are enough for a part.
const MOST_BYTES_SHARED: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::job::claims::claim::FileClaim;
    use crate::session::Facts;
    use ftp_proto::listing::Kind;

    fn waiting(found: usize) -> WaitingFiles {
        let item = |number: usize| Item::of_both(number as u64, &format!("f{number}"));
        WaitingFiles { found: (0..found).map(item).collect(), ..WaitingFiles::default() }
    }

    #[test]
    fn files_are_claimed_ahead_of_workers_that_are_busy_when_they_are_many() {
        assert!(!waiting(0).wants_claims(true, true), "nothing was found");
        let files = waiting(MOST - 1);
        assert!(files.has_room() && files.wants_claims(true, true));
        assert!(!files.wants_claims(false, true), "others can still share the write");
        let mut files = waiting(MOST);
        assert!(!files.has_room() && files.wants_claims(false, false));
        // Those that are ready do not hinder the next ones, up to a number.
        let ready = ClaimedFile { item: Item::of_both(0, "f"), claim: Ok(FileClaim::default()) };
        files.ready.push_back(ready.clone());
        assert!(files.wants_claims(false, false));
        files.ready.extend(std::iter::repeat_n(ready, MOST_READY));
        for is_idle in [true, false] {
            assert!(!files.wants_claims(is_idle, false));
        }
    }

    #[test]
    fn while_claims_are_written_others_gather_for_the_next_write() {
        let mut files = waiting(MOST);
        assert!(!files.has_room());
        files.claims = Some(PendingClaims::of_nobody(std::mem::take(&mut files.found)));
        assert!(files.has_room() && !files.is_empty());
        files.found = waiting(MOST_READY - 1).found;
        assert!(files.has_room());
        files.found = waiting(MOST_READY).found;
        assert!(!files.has_room());
        for is_idle in [true, false] {
            assert!(!files.wants_claims(is_idle, false), "one write at a time");
        }
        files.claims = None;
        assert!(files.wants_claims(false, false), "all of them share the next one");
    }

    #[tokio::test]
    async fn another_worker_gets_half_of_what_waits_and_nothing_that_was_begun() {
        let context = Context::for_tests(Cancel::never());
        let numbers = |items: Vec<Item>| items.iter().map(|item| item.number).collect::<Vec<_>>();
        let mut files = waiting(10);
        assert_eq!(numbers(files.take_tree_part(&context, 100)), [5, 6, 7, 8, 9]);
        let claimed = |number, claim| ClaimedFile { item: Item::of_both(number, "f"), claim: Ok(claim) };
        files.ready = (10..14).map(|number| claimed(number, FileClaim::default())).collect();
        files.found.truncate(2);
        assert_eq!(numbers(files.take_tree_part(&context, 100)), [13, 0, 1], "those without a claim first");
        files.ready.push_back(claimed(20, FileClaim::of_earlier_run(&[])));
        assert!(files.take_tree_part(&context, 100).is_empty());
        assert_eq!(files.ready.len(), 4);
        let facts = Facts { size: Some(MOST_BYTES_SHARED), ..Facts::of_kind(Kind::File) };
        let large = |number| Item { known: Some(facts.clone()), ..Item::of_both(number, "f") };
        let mut files = WaitingFiles { found: (0..10).map(large).collect(), ..WaitingFiles::default() };
        assert_eq!(numbers(files.take_tree_part(&context, 100)), [9], "as many as have the size of a part");
        assert_eq!(numbers(waiting(10).take_tree_part(&context, 2)), [8, 9]);
    }
}
