//! Changed parts: a large file at the destination becomes its new content, and only what differs is sent
//! ([decision](../../../../docs/decisions/0101-changed-parts.md)).
//!
//! ```text
//!  both files      digests of chunks      the part of the copy            the part is complete
//!  are large  -->  of both are       -->  begins as a copy of the    -->  and goes the way of every
//!                  compared               old file (SITE CPTO),           copy: its digest as a whole
//!                                         and gets what differs (RANG)    is compared, then its name
//! ```
//!
//! What the chunks have shown is a hint and proves nothing: a copy that was put together in this way is verified by the digest
//! of the whole file, or it is copied whole.

use super::attempts::StartPoint;
use super::copy::{CopyPlan, Copying};
use super::ranges::{AT_ONCE, Span, lacking, length_of_pieces, pieces};
use crate::endpoint::files;
use crate::failure::{Kind, Result};
use crate::job::check::{common_of_parts, same_parts};
use crate::job::race::{Transferred, transfer};
use crate::job::request::job::{ChangedParts, Options};
use crate::ladder::Rung;
use crate::route::{Assignment, Count, Ends};
use ftp_proto::listing;
use ftp_proto::wire::ByteRange;

/// Puts the part together from the old file and what has changed of it. `None` if the file is to be sent whole: nothing of the
/// part is left then.
pub(super) async fn send(
    copy: &mut Copying<'_>,
    plan: CopyPlan<'_>,
    start: &mut StartPoint,
) -> Result<Option<Transferred>> {
    let Some(chunks) = chunks(copy, plan, start) else { return Ok(None) };
    copy.attempts.has_sought_changes = true;
    let name = copy.ends.source.show(&copy.item.source);
    let events = copy.context.run.events.clone();
    let whole = |why: &str| {
        events.notice(format!("{name} is sent whole: {why}"));
        Ok(None)
    };
    let changed = match compare(copy, chunks).await? {
        Sameness::All(changed) => changed,
        Sameness::Little => return whole("too little of it is the same at the destination"),
        Sameness::Unknown(why) => return whole(&why),
    };
    let assignment = copy.assignment(start, plan.source);
    let moved = assemble(copy, &changed, chunks.old, assignment).await;
    if let Err(failure) = &moved.result
        && !matches!(failure.kind, Kind::Temporary | Kind::Interrupted)
        && !copy.context.run.cancel.is_cancelled()
    {
        start.part.discard(&copy.context, &mut copy.ends.destination, moved.count.store_reply).await;
        return whole(&failure.to_string());
    }
    start.assembled = true;
    Ok(Some(moved))
}

/// The chunks of both files, if only what has changed may be sent: between servers, once in a run, and where the digest of the
/// whole file will prove the copy.
fn chunks(copy: &Copying<'_>, plan: CopyPlan<'_>, start: &StartPoint) -> Option<Chunks> {
    let Options { changed_parts, detach, .. } = copy.options;
    let is_untried = !copy.attempts.has_sought_changes && !copy.attempts.in_place;
    let is_wanted = changed_parts == ChangedParts::Auto && is_untried && !detach;
    let is_fresh = start.at == 0 && start.moved.is_none();
    let old = plan.old.filter(|old| old.kind == listing::Kind::File)?.size?;
    let chunks = Chunks::of(plan.source.size?, old)?;
    (is_wanted && is_fresh && plan.means.is_by_digest() && copy.ends.are_servers()).then_some(chunks)
}

/// Makes a copy of the old file, which has `old` bytes, under the name of the part, which the journal knows, and sends what has
/// changed. The first transfer that fails ends it.
async fn assemble(copy: &mut Copying<'_>, changed: &[Span], old: u64, assignment: Assignment) -> Transferred {
    let (context, ends) = (&copy.context, &mut *copy.ends);
    let stored = assignment.stored.clone();
    // Nobody knows how much of the part a relay has passed on: most of it was there.
    let mut count = Count::of_others();
    let copied =
        files::copy_within(context, &mut ends.destination, &copy.item.destination, &stored, old).await;
    if let Ok(Err(failure)) | Err(failure) = &copied {
        // A server that has not answered may have made the copy, or may make it yet.
        count.touched = copied.is_err();
        return Transferred { result: Err(failure.clone()), count, stored };
    }
    (count.touched, count.attempts) = (true, 1);
    let mut result = Ok(Rung::Local);
    for Span { first, end } in changed.iter().copied() {
        let assignment = Assignment { before: first, until: Some(end), ..assignment.clone() };
        let moved = transfer(context, ends, &assignment).await;
        count.follow(moved.count);
        result = moved.result;
        if result.is_err() {
            return Transferred { result, count, stored };
        }
    }
    count.bytes = changed.iter().map(|span| span.length()).sum();
    Transferred { result, count, stored }
}

/// What the digests of the chunks have shown.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Sameness {
    /// The old file has all of the source but this.
    All(Vec<Span>),
    /// Too little is the same in both files.
    Little,
    /// It cannot be found out, or the destination cannot copy a file: why not.
    Unknown(String),
}

/// Compares the chunks of the old file at the destination with those of the source. Both servers compute at the same time.
async fn compare(copy: &mut Copying<'_>, chunks: Chunks) -> Result<Sameness> {
    let (context, ends) = (&copy.context, &mut *copy.ends);
    if !ends.destination.copies_files(context).await? {
        return Ok(Sameness::Unknown("the destination cannot copy a file within itself".to_owned()));
    }
    let Some(algorithm) = common_of_parts(context, ends).await? else {
        return Ok(Sameness::Unknown("the servers have no common digest of parts of files".to_owned()));
    };
    let Ends { source: from, destination: to, .. } = ends;
    let mut same = Vec::new();
    let (samples, others) = chunks.samples_and_others();
    for parts in std::iter::once(samples.as_slice()).chain(others.chunks(AT_ONCE)) {
        let names = [&copy.item.source, &copy.item.destination];
        match same_parts(context, (from, to), algorithm, names, parts).await? {
            Ok(found) => same.extend(found),
            Err(failure) => return Ok(Sameness::Unknown(failure.to_string())),
        }
        if same.is_empty() {
            return Ok(Sameness::Little);
        }
    }
    Ok(chunks.judge(same).map_or(Sameness::Little, Sameness::All))
}

/// Two files of one name, cut into chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Chunks {
    /// The size of the source.
    size: u64,
    /// The size of the old file.
    old: u64,
}

impl Chunks {
    /// The chunks of a source of `size` bytes and an old file of `old` bytes. `None` if it is not worth the questions, or if the
    /// file has become shorter: FTP has no command that cuts a file off.
    fn of(size: u64, old: u64) -> Option<Self> {
        (old >= LEAST_SIZE && size >= old).then_some(Self { size, old })
    }

    /// The chunks that are compared first, some of all places, and all others.
    fn samples_and_others(self) -> (Vec<ByteRange>, Vec<ByteRange>) {
        let length = length_of_pieces(self.old);
        let step = (self.old / length / SAMPLES).saturating_add(1);
        pieces(0, self.old).into_iter().partition(|chunk| (chunk.first / length).is_multiple_of(step))
    }

    /// What is sent, if these chunks are the same in both files and all others are not; `None` if too little is the same. These
    /// are ranges in the order of the file, with something between any two of them. There is one, so that the copy has a path.
    fn judge(self, mut same: Vec<ByteRange>) -> Option<Vec<Span>> {
        same.sort_by_key(|chunk| chunk.first);
        let differing = lacking(0, self.size, &same);
        let sent: u64 = differing.iter().map(|span| span.length()).sum();
        if sent > self.size / 4 * 3 {
            return None;
        }
        if differing.is_empty() {
            let last = same.last()?;
            return Some(vec![Span { first: last.first, end: self.old }]);
        }
        Some(differing)
    }
}

/// The smallest file of which parts are compared. A smaller one is sent within the time that the questions take.
const LEAST_SIZE: u64 = 16 << 20;
/// About how many chunks are compared first. If none of them is the same, nothing is.
const SAMPLES: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn chunks(size: u64, old: u64) -> Chunks {
        Chunks::of(size, old).unwrap()
    }

    fn all(chunks: Chunks) -> Vec<ByteRange> {
        let mut all = [chunks.samples_and_others().0, chunks.samples_and_others().1].concat();
        all.sort_by_key(|part| part.first);
        all
    }

    /// What is sent if the chunks with these numbers differ.
    fn sent(chunks: Chunks, differ: &[u64]) -> Option<Vec<(u64, u64)>> {
        let length = length_of_pieces(chunks.old);
        let same: Vec<ByteRange> =
            all(chunks).into_iter().filter(|part| !differ.contains(&(part.first / length))).collect();
        let changed = chunks.judge(same)?;
        Some(changed.iter().map(|span| (span.first, span.end)).collect())
    }

    #[test]
    fn the_chunks_are_the_whole_old_file_and_there_are_at_most_some_hundreds() {
        for old in [16 * MIB, 16 * MIB + 1, 64 * MIB - 1, 600 * MIB, 1 << 30, (1 << 40) + 7] {
            let chunks = chunks(old + 5, old);
            let (samples, others) = chunks.samples_and_others();
            let (samples, others) = (samples.len() as u64, others.len() as u64);
            assert!(samples + others <= 513 && (8..=SAMPLES + 1).contains(&samples), "{old}");
            let mut end = 0;
            for part in all(chunks) {
                assert_eq!(part.first, end, "{old}");
                end += part.length.unwrap();
            }
            assert_eq!(end, old);
        }
        assert_eq!(Chunks::of(20 * MIB, 16 * MIB - 1), None, "it is small");
        assert_eq!(Chunks::of(20 * MIB - 1, 20 * MIB), None, "it has become shorter");
        assert_eq!(Chunks::of(0, 0), None);
    }

    #[test]
    fn what_differs_is_sent_and_neighbours_are_sent_together() {
        let same_size = chunks(64 * MIB, 64 * MIB);
        for (differ, expect) in [
            (&[0][..], &[(0, 1)][..]),
            (&[3, 4, 5, 9], &[(3, 6), (9, 10)]),
            (&[0, 63], &[(0, 1), (63, 64)]),
            // A copy has a path.
            (&[], &[(63, 64)]),
        ] {
            let expect: Vec<(u64, u64)> =
                expect.iter().map(|(first, end)| (first * MIB, end * MIB)).collect();
            assert_eq!(sent(same_size, differ), Some(expect), "{differ:?}");
        }
    }

    #[test]
    fn what_is_behind_the_old_file_is_sent_with_its_last_chunk_if_that_differs() {
        let longer = chunks(40 * MIB + 3, 32 * MIB + 1);
        let (old, size) = (32 * MIB + 1, 40 * MIB + 3);
        assert_eq!(sent(longer, &[]), Some(vec![(old, size)]));
        assert_eq!(sent(longer, &[32]), Some(vec![(32 * MIB, size)]));
        assert_eq!(sent(longer, &[1, 31, 32]), Some(vec![(MIB, 2 * MIB), (31 * MIB, size)]));
    }

    #[test]
    fn a_file_of_which_little_is_the_same_is_sent_whole() {
        let same_size = chunks(64 * MIB, 64 * MIB);
        let first = |count: u64| (0..count).collect::<Vec<u64>>();
        assert_eq!(sent(same_size, &first(48)), Some(vec![(0, 48 * MIB)]));
        assert_eq!(sent(same_size, &first(49)), None);
        assert_eq!(sent(same_size, &first(64)), None);
        assert_eq!(sent(chunks(1 << 30, 16 * MIB), &[]), None, "nearly all of it is new");
    }
}
