//! Files that wait for a worker. Their claims are written ahead, many with one write to the disk.
//!
//! ```text
//!  found (by the walk) ── claim ──> ready (claims on the disk) ── a worker is idle ──> copied
//!    '--- at most 256 ---'            '--- at most 256 ---'
//! ```
//!
//! While a worker is idle, whatever was found is claimed. While all work, the next claims are written as soon as there are
//! many, so that no worker waits for them.

use crate::context::Context;
use crate::job::claims::kept;
use crate::job::claims::planned::Planned;
use crate::job::item::Item;
use crate::route::Ends;
use std::collections::VecDeque;

/// The files that wait.
#[derive(Debug, Default)]
pub(in crate::job) struct Plan {
    /// Those that have no claim yet.
    found: Vec<Item>,
    /// Those that can be copied.
    pub(in crate::job) ready: VecDeque<Planned>,
}

impl Plan {
    /// Takes in a file that was found.
    pub(in crate::job) fn add(&mut self, item: Item) {
        self.found.push(item);
    }

    /// Whether another file may be found before one of these is copied.
    pub(in crate::job) fn has_room(&self) -> bool {
        self.found.len() < MOST
    }

    /// Whether files can be claimed that are the next ones to be copied. `is_free`: a worker is idle, so few are enough.
    /// `finds_more`: the walk may find others, which could share the write.
    pub(in crate::job) fn wants_claims(&self, is_free: bool, finds_more: bool) -> bool {
        self.ready.is_empty() && !self.found.is_empty() && (is_free || !finds_more)
    }

    /// Whether a file waits.
    pub(in crate::job) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.ready.is_empty()
    }

    /// Claims all files that were found. None may be ready. `has_part`: see [`kept::claim_all`].
    pub(in crate::job) async fn claim(
        &mut self,
        context: &Context,
        ends: &Ends,
        has_part: impl Fn(&Item) -> bool,
    ) {
        let items = std::mem::take(&mut self.found);
        match kept::claim_all(context, ends, &items, has_part).await {
            Ok(claimed) => {
                let planned = items.into_iter().zip(claimed);
                self.ready.extend(planned.map(|(item, claimed)| Planned { item, claimed }));
            }
            Err(failure) => {
                let failed = items.into_iter().map(|item| Planned { item, claimed: Err(failure.clone()) });
                self.ready.extend(failed);
            }
        }
    }

    /// Gives up what was not begun.
    pub(in crate::job) fn release(&mut self, context: &Context) {
        for Planned { item, claimed } in self.ready.drain(..) {
            if let Ok(claimed) = claimed {
                kept::release(context, &item, &claimed);
            }
        }
        self.found.clear();
    }
}

/// The largest number of files that wait for their claims, and of those that wait for a worker.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::claims::kept::Claimed;
    use crate::job::item::Target;
    use ftp_proto::wire::PathName;

    fn item(number: usize) -> Item {
        let path = PathName::from_user(format!("f{number}")).unwrap();
        let (source, destination) = (path.clone(), path);
        Item {
            number: number as u64,
            source,
            destination,
            known: None,
            target: Target::Unknown,
            kept_as: None,
        }
    }

    #[test]
    fn files_are_claimed_ahead_of_workers_that_are_busy_when_they_are_many() {
        let mut plan = Plan::default();
        assert!(!plan.wants_claims(true, true), "nothing was found");
        (0..MOST - 1).for_each(|number| plan.add(item(number)));
        assert!(plan.has_room() && plan.wants_claims(true, true));
        assert!(!plan.wants_claims(false, true), "others can still share the write");
        plan.add(item(MOST));
        assert!(!plan.has_room() && plan.wants_claims(false, false));
        // Those that are ready are copied first.
        plan.ready.push_back(Planned { item: item(0), claimed: Ok(Claimed::default()) });
        assert!(!plan.wants_claims(true, false) && !plan.wants_claims(false, false));
    }
}
