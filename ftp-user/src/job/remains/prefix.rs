//! How much of what a broken attempt has stored is the beginning of the source (H21, N7).
//!
//! One digest of all that is stored settles it in most cases. If it differs, parts are compared: each answer halves the
//! region in which the first wrong byte may be, until that is a chunk. All before it is kept.

use crate::context::Context;
use crate::failure::Failure;
use crate::route::Ends;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::wire::{ByteRange, PathName};

/// A source, and what is stored of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::job) struct Compared<'a> {
    /// The path of the source.
    pub(in crate::job) source: &'a PathName,
    /// The path of what is stored.
    pub(in crate::job) stored: &'a PathName,
}

/// The digest that can compare what is stored with the beginning of the source: the source computes it of a part, the
/// destination of a whole file.
pub(in crate::job) async fn algorithm(
    context: &Context,
    ends: &mut Ends,
) -> Result<Option<Algorithm>, Failure> {
    let source = ends.source.part_algorithms(context).await?;
    Ok(best_common(&source, &ends.destination.algorithms(context).await?))
}

/// How many of the `bytes` that are stored are those of the source; `None` if no digest can tell.
pub(in crate::job) async fn right(
    context: &Context,
    ends: &mut Ends,
    files: Compared<'_>,
    bytes: u64,
) -> Result<Option<u64>, Failure> {
    let Some(algorithm) = algorithm(context, ends).await? else { return Ok(None) };
    let Ends { source: from, destination: to, .. } = ends;
    let begin = ByteRange { first: 0, length: Some(bytes) };
    let (there, here) = tokio::try_join!(
        from.part_digest(context, algorithm, files.source, begin),
        to.digest(context, algorithm, files.stored, bytes)
    )?;
    let (Ok(there), Ok(here)) = (there, here) else { return Ok(None) };
    if there.hex.eq_ignore_ascii_case(&here.hex) {
        return Ok(Some(bytes));
    }
    let mut search = Search { good: 0, bad: bytes };
    if !to.part_algorithms(context).await?.contains(&algorithm) {
        return Ok(Some(search.good));
    }
    while let Some(part) = search.next() {
        let (there, here) = tokio::try_join!(
            from.part_digest(context, algorithm, files.source, part),
            to.part_digest(context, algorithm, files.stored, part)
        )?;
        match (there, here) {
            (Ok(there), Ok(here)) => search.note(there.hex.eq_ignore_ascii_case(&here.hex)),
            // What is known so far is right.
            (Err(_), _) | (_, Err(_)) => break,
        }
    }
    Ok(Some(search.good))
}

/// The search for the first wrong byte. Pure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Search {
    /// All bytes before this one are right.
    good: u64,
    /// A wrong byte stands before this one.
    bad: u64,
}

impl Search {
    /// The part to compare next: the first half of the region in which the first wrong byte is.
    fn next(self) -> Option<ByteRange> {
        let length = self.bad.saturating_sub(self.good);
        let half = (length / 2).next_multiple_of(CHUNK);
        (length > CHUNK).then_some(ByteRange { first: self.good, length: Some(half) })
    }

    /// Notes whether that part is right.
    fn note(&mut self, is_right: bool) {
        let Some(ByteRange { first, length: Some(length) }) = self.next() else { return };
        let end = first.saturating_add(length);
        if is_right { self.good = end } else { self.bad = end }
    }
}

/// The size of a chunk in bytes: that much at most is stored again although it was right.
const CHUNK: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h21_the_search_ends_at_the_chunk_of_the_first_wrong_byte() {
        for bytes in [1, CHUNK, CHUNK + 1, 10 * CHUNK - 1, 10 * CHUNK, 1000 * CHUNK + 17] {
            for wrong in [0, 1, CHUNK - 1, CHUNK, bytes / 3, bytes / 2, bytes - 1] {
                let wrong = wrong.min(bytes - 1);
                let mut search = Search { good: 0, bad: bytes };
                let mut asked = 0;
                while let Some(part) = search.next() {
                    let end = part.first + part.length.unwrap();
                    assert!(part.first >= search.good && end < search.bad, "{search:?} {part:?}");
                    search.note(end <= wrong);
                    asked += 1;
                }
                assert!(search.good <= wrong && wrong < search.bad, "{bytes} {wrong} {search:?}");
                assert!(search.bad - search.good <= CHUNK, "{bytes} {wrong} {search:?}");
                assert!(asked <= 12, "{bytes} {wrong}: {asked}");
            }
        }
    }
}
