//! Files that wait for a worker. Their claims are written ahead, many with one write to the disk.
//!
//! ```text
//!  found (by the walk) ──> claiming (on the way to the disk) ──> ready ── a worker is idle ──> copied
//!    '------ at most 256, and 2,048 while claims are written ------'  '- at most 2,048 -'
//! ```
//!
//! While a worker is idle, whatever was found is claimed. While all work, the next claims are written as soon as there are
//! many, so that no worker waits for them, and small files that move together share a connection with many others. While
//! claims are written, the walk is read on: what it finds meanwhile shares the next write.

use crate::context::Context;
use crate::job::claims::claim::{ClaimedFile, PendingClaims};
use crate::job::item::Item;
use crate::route::Ends;
use std::collections::VecDeque;

/// The files that wait.
#[derive(Debug, Default)]
pub(in crate::job) struct Plan {
    /// Those that have no claim yet.
    found: Vec<Item>,
    /// Those whose claims are being written.
    claiming: Option<PendingClaims>,
    /// Those that can be copied.
    pub(in crate::job) ready: VecDeque<ClaimedFile>,
}

/// For whom files are claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum Need {
    /// For a worker that has nothing to do: few are enough.
    Idle,
    /// For workers that are all busy.
    Busy,
}

/// What the walk may find while nothing is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum Outlook {
    /// Others, which could share the write.
    More,
    /// Nothing: it has ended, or enough was found.
    Nothing,
}

impl Plan {
    /// Takes in a file that was found.
    pub(in crate::job) fn add(&mut self, item: Item) {
        self.found.push(item);
    }

    /// Whether another file may be found before one of these is copied.
    pub(in crate::job) fn has_room(&self) -> bool {
        let most = if self.claiming.is_some() { MOST_READY } else { MOST };
        self.found.len() < most
    }

    /// Whether files can be claimed that are the next ones to be copied.
    pub(in crate::job) fn wants_claims(&self, need: Need, outlook: Outlook) -> bool {
        let has_room = self.ready.len() + self.found.len() <= MOST_READY;
        let is_time = match (need, outlook) {
            (_, Outlook::Nothing) => true,
            (Need::Idle, Outlook::More) => self.ready.is_empty(),
            (Need::Busy, Outlook::More) => false,
        };
        self.claiming.is_none() && !self.found.is_empty() && has_room && is_time
    }

    /// Whether no file waits.
    pub(in crate::job) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.claiming.is_none() && self.ready.is_empty()
    }

    /// Begins to claim all files that were found. `has_part`: see [`PendingClaims::begin`].
    pub(in crate::job) fn claim(&mut self, context: &Context, ends: &Ends, has_part: impl Fn(&Item) -> bool) {
        let items = std::mem::take(&mut self.found);
        self.claiming = Some(PendingClaims::begin(context, ends, items, has_part));
    }

    /// Whether claims are on their way to the disk.
    pub(in crate::job) const fn is_claiming(&self) -> bool {
        self.claiming.is_some()
    }

    /// Waits until the claims that are on their way to the disk are there. May be dropped without losing anything.
    pub(in crate::job) async fn claimed(&mut self, context: &Context, ends: &Ends) {
        let Some(claiming) = &mut self.claiming else { return };
        let claimed = claiming.ready(context, ends).await;
        self.claiming = None;
        self.ready.extend(claimed);
    }

    /// Gives up what was not begun. Returns how many files that were.
    pub(in crate::job) async fn release(&mut self, context: &Context, ends: &Ends) -> usize {
        self.claimed(context, ends).await;
        let given_up = self.found.len() + self.ready.len();
        for claim in self.ready.drain(..).filter_map(|file| file.claim.ok()) {
            claim.give_up_unless_begun(context);
        }
        self.found.clear();
        given_up
    }
}

/// The largest number of files that wait for a write of claims to begin, so that a worker does not wait for many.
const MOST: usize = 256;
/// The largest number of files that wait for a worker, and of those that wait for the end of a write of claims.
const MOST_READY: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::claims::claim::FileClaim;

    fn item(number: usize) -> Item {
        Item::of_both(number as u64, &format!("f{number}"))
    }

    #[test]
    fn files_are_claimed_ahead_of_workers_that_are_busy_when_they_are_many() {
        let mut plan = Plan::default();
        assert!(!plan.wants_claims(Need::Idle, Outlook::More), "nothing was found");
        (0..MOST - 1).for_each(|number| plan.add(item(number)));
        assert!(plan.has_room() && plan.wants_claims(Need::Idle, Outlook::More));
        assert!(!plan.wants_claims(Need::Busy, Outlook::More), "others can still share the write");
        plan.add(item(MOST));
        assert!(!plan.has_room() && plan.wants_claims(Need::Busy, Outlook::Nothing));
        // Those that are ready do not hinder the next ones, up to a number.
        let ready = || ClaimedFile { item: item(0), claim: Ok(FileClaim::default()) };
        plan.ready.push_back(ready());
        assert!(!plan.wants_claims(Need::Idle, Outlook::More));
        assert!(plan.wants_claims(Need::Busy, Outlook::Nothing));
        plan.ready.extend((0..MOST_READY).map(|_| ready()));
        for need in [Need::Idle, Need::Busy] {
            assert!(!plan.wants_claims(need, Outlook::Nothing));
        }
    }

    #[test]
    fn while_claims_are_written_others_gather_for_the_next_write() {
        let mut plan = Plan::default();
        (0..MOST).for_each(|number| plan.add(item(number)));
        assert!(!plan.has_room());
        let claimed = PendingClaims::of_nobody(std::mem::take(&mut plan.found));
        plan.claiming = Some(claimed);
        (0..MOST_READY).for_each(|number| {
            assert!(plan.has_room() && !plan.is_empty());
            plan.add(item(number));
        });
        assert!(!plan.has_room());
        for need in [Need::Idle, Need::Busy] {
            assert!(!plan.wants_claims(need, Outlook::Nothing), "one write at a time");
        }
        plan.claiming = None;
        assert!(plan.wants_claims(Need::Busy, Outlook::Nothing), "all of them share the next one");
    }
}
