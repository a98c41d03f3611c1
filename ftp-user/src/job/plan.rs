//! Files that wait for a worker. Their claims are written ahead, many with one write to the disk.
//!
//! ```text
//!  found (by the walk) ── claim ──> ready (claims on the disk) ── a worker is idle ──> copied
//!    '------- at most 256 -------'
//! ```

use super::item::Item;
use super::kept;
use super::planned::Planned;
use crate::context::Context;
use crate::route::Ends;
use std::collections::VecDeque;

/// The files that wait.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Those that have no claim yet.
    found: Vec<Item>,
    /// Those that can be copied.
    pub(super) ready: VecDeque<Planned>,
}

impl Plan {
    /// Takes in a file that was found.
    pub(super) fn add(&mut self, item: Item) {
        self.found.push(item);
    }

    /// Whether another file may be found before one of these is copied.
    pub(super) fn has_room(&self) -> bool {
        self.found.len() + self.ready.len() < MOST
    }

    /// Whether a file waits.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.ready.is_empty()
    }

    /// Claims all files that were found, unless others can be copied.
    pub(super) async fn claim(&mut self, context: &Context, ends: &Ends) {
        if !self.ready.is_empty() || self.found.is_empty() {
            return;
        }
        let items = std::mem::take(&mut self.found);
        match kept::claim_all(context, ends, &items).await {
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
    pub(super) fn release(&mut self, context: &Context) {
        for Planned { item, claimed } in self.ready.drain(..) {
            if let Ok(claimed) = claimed {
                kept::release(context, &item, &claimed);
            }
        }
        self.found.clear();
    }
}

/// The largest number of files that wait.
const MOST: usize = 256;
