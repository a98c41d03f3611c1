//! A large file over several data connections: ranges of its part are stored beside each other
//! ([decision](../../../../docs/decisions/0122-one-file-over-several-data-connections.md)).
//!
//! ```text
//!                  what the part lacks                 crew: each pair of sessions takes
//!  part, and   --> of the source is cut        -->     the next range, again and again       -->  ONE digest of the whole
//!  the source      into ranges (list)                  a lost pair gives its range back           at both ends, then the name
//! ```
//!
//! A part with holes is as long as a whole one, so a size says nothing about it: it is verified by the digest of the whole file.
//! An attempt that follows, in this run or by `resume`, finds the ranges that are there by their digests; nothing is kept of them.

mod crew;
mod list;

use super::attempts::StartPoint;
use super::copy::{CopyPlan, Copying};
use crate::endpoint::files;
use crate::failure::Result;
use crate::job::check::{common_of_parts, same_parts};
use crate::job::race::Transferred;
use crate::job::request::job::Options;
use crate::outcome::Verified;
use crate::report::Topic;
use crew::Crew;
use ftp_proto::wire::ByteRange;
use list::RangeList;
pub(super) use list::{Span, lacking};

/// Moves the file in ranges. `None` if one data connection is to move it.
pub(super) async fn send(
    copy: &mut Copying<'_>,
    plan: CopyPlan<'_>,
    start: &mut StartPoint,
) -> Result<Option<Transferred>> {
    let Some(size) = size(copy, plan, start) else { return Ok(None) };
    let missing = match missing(copy, plan.means, start, size).await? {
        Ok(missing) => missing,
        Err(why) => {
            let name = copy.ends.source.show(&copy.item.source);
            let text = format!("one data connection moves {name}: {why}");
            copy.context.run.events.warn_of(Topic::OneStream, copy.ends.destination.name(), text);
            return Ok(None);
        }
    };
    let list = RangeList::new(missing, copy.options.streams.most().get().into());
    if list.streams < 2 && list.is_tail_from(start.at) {
        return Ok(None);
    }
    let assignment = copy.assignment(start, plan.source);
    start.in_ranges = Some(size.saturating_sub(list.bytes()));
    let mut crew = Crew::new(&copy.context, copy.ends, assignment, list);
    let moved = crew.run(copy.options.streams).await;
    crew.leave(copy.ends).await;
    copy.attempts.has_one_stream |= moved.has_refused;
    let (name, target) = copy.item.names(copy.ends);
    Ok(Some(moved.transferred.during(format_args!("cannot copy {name} to {target}"))))
}

/// The size of the file, if ranges of it may move: where that is wanted, and where the digest of the whole file will prove the
/// copy.
fn size(copy: &Copying<'_>, plan: CopyPlan<'_>, start: &StartPoint) -> Option<u64> {
    let Options { streams, detach, .. } = copy.options;
    let is_wanted = streams.most().get() > 1 && !copy.attempts.has_one_stream && !copy.attempts.in_place;
    let is_large = |size: &u64| size.saturating_sub(start.at) >= 2 * LEAST;
    plan.source.size.filter(is_large).filter(|_| is_wanted && !detach && start.moved.is_none())
}

/// What the part lacks of the source, or why one data connection has to move it.
async fn missing(
    copy: &mut Copying<'_>,
    means: Verified,
    start: &StartPoint,
    size: u64,
) -> Result<Result<Vec<Span>, String>> {
    let (context, ends) = (&copy.context, &mut *copy.ends);
    if !means.is_by_digest() {
        return Ok(Err("no digest of the whole file verifies it".to_owned()));
    }
    if !ends.destination.stores_ranges(context).await? {
        return Ok(Err(format!("{} has neither RANG STOR nor ESTO in FEAT", ends.destination.name())));
    }
    let Some(algorithm) = common_of_parts(context, ends).await? else {
        return Ok(Err("both ends have no common digest of files and their parts".to_owned()));
    };
    if ends.are_servers() && ends.keep_rate_for_each_session(context) {
        return Ok(Err("a server keeps the rate of --limit for each session alone".to_owned()));
    }
    let from = start.at;
    let stored =
        files::size(context, &mut ends.destination, &start.part.stored).await?.unwrap_or(0).min(size);
    let mut there = Vec::new();
    let pieces = pieces(from, stored);
    for parts in pieces.chunks(AT_ONCE) {
        let hosts = (&mut ends.source, &mut ends.destination);
        let names = [&copy.item.source, &start.part.stored];
        match same_parts(context, hosts, algorithm, names, parts).await? {
            Ok(found) => there.extend(found),
            // What is not known to be there is sent.
            Err(_) => break,
        }
    }
    Ok(Ok(lacking(from, size, &there)))
}

/// The length of the pieces of so many bytes, but for the last one.
pub(super) fn length_of_pieces(bytes: u64) -> u64 {
    (bytes / MOST_PIECES).next_power_of_two().max(LEAST_PIECE)
}

/// The pieces of what is stored behind `from` that are compared.
pub(super) fn pieces(from: u64, stored: u64) -> Vec<ByteRange> {
    let length = length_of_pieces(stored.saturating_sub(from));
    let starts = (0..).map(|number: u64| from.saturating_add(number.saturating_mul(length)));
    let pieces = starts.take_while(|first| *first < stored);
    pieces.filter_map(|first| ByteRange::before(first, first.saturating_add(length).min(stored))).collect()
}

/// The smallest number of bytes for each data connection. Less is sent within the time that one more needs to begin.
const LEAST: u64 = 16 << 20;
/// How many parts of files both servers are asked for before either is asked for more.
pub(super) const AT_ONCE: usize = 64;
/// The smallest piece that is compared.
const LEAST_PIECE: u64 = 1 << 20;
/// About the largest number of pieces that are compared: each costs a question at both servers, and every second one may be a transfer.
const MOST_PIECES: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_all_that_is_stored_behind_the_beginning() {
        for (from, stored) in [(0, 1), (5, 5), (7, 3 << 20), (1 << 20, (1 << 40) + 3), (9, 4)] {
            let pieces = pieces(from, stored);
            assert!(pieces.len() as u64 <= 2 * MOST_PIECES, "{from} {stored}");
            let mut end = from;
            for piece in pieces {
                assert_eq!(piece.first, end, "{from} {stored}");
                end += piece.length.unwrap();
            }
            assert_eq!(end, stored.max(from), "{from} {stored}");
        }
    }
}
