//! The part of a copy begins as a copy of the old file and gets what has changed.

use super::ranges::Changed;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::file::transfer::{Transferred, transfer};
use crate::job::item::Item;
use crate::ladder::Rung;
use crate::route::{Assignment, Count, Ends};
use ftp_proto::wire::{ByteRange, PathName};

/// A copy that is put together from the old file and what has changed.
#[derive(Debug)]
pub(in crate::job::file) struct Assembly<'a> {
    /// What is sent.
    pub(in crate::job::file) changed: &'a Changed,
    /// The size of the old file.
    pub(in crate::job::file) old: u64,
    /// What all transfers have in common.
    pub(in crate::job::file) assignment: Assignment,
}

/// Makes the copy of the old file under the name of the part, which the journal knows, and sends what has changed. The first
/// transfer that fails ends it.
pub(in crate::job::file) async fn assemble(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    assembly: Assembly<'_>,
) -> Transferred {
    let Assembly { changed, old, assignment } = assembly;
    let stored = assignment.stored.clone();
    // Nobody knows how much of the part a relay has passed on: most of it was there.
    let mut count = Count::of_others();
    let copied = copy_old(context, ends, (&item.destination, &stored), old).await;
    if let Err(failure) = copied {
        count.touched = failure.is_lost;
        return Transferred { result: Err(failure.failure), count, stored };
    }
    (count.touched, count.attempts) = (true, 1);
    let mut path = None;
    for ByteRange { first, length } in changed.ranges() {
        let until = length.map(|length| first.saturating_add(length));
        let moved = transfer(context, ends, &Assignment { before: first, until, ..assignment.clone() }).await;
        count.follow(moved.count);
        match moved.result {
            Ok(rung) => path = Some(rung),
            Err(failure) => return Transferred { result: Err(failure), count, stored },
        }
    }
    count.bytes = changed.bytes();
    Transferred { result: Ok(path.unwrap_or(Rung::Local)), count, stored }
}

/// Why there is no copy of the old file.
struct NoCopy {
    failure: Failure,
    /// Whether the server has not said so: it may be there, or come yet.
    is_lost: bool,
}

async fn copy_old(
    context: &Context,
    ends: &mut Ends,
    (old, part): (&PathName, &PathName),
    size: u64,
) -> Result<(), NoCopy> {
    match ends.destination.copy_within(context, old, part, size).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(failure)) => Err(NoCopy { failure, is_lost: false }),
        Err(failure) => Err(NoCopy { failure, is_lost: true }),
    }
}
