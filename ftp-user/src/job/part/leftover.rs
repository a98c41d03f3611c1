//! What a broken attempt leaves at the destination, and whether the next attempt can continue it (H21, H35).
//!
//! One digest of all that is stored settles it in most cases. If it differs, parts are compared: each answer halves the
//! region in which the first wrong byte may be, until that is a chunk. All before it is kept.

use super::Part;
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{About, Kind, Result};
use crate::job::item::Item;
use crate::outcome::Verified;
use crate::report::Topic;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::deletion::has_changed;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::wire::{ByteRange, PathName, counted};

/// What a broken attempt leaves at the destination: all that a later one must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct Leftover {
    /// What is stored.
    pub(in crate::job) part: Part,
    /// The facts of the source before its first byte was read. If they are not known, only the digest decides.
    pub(in crate::job) source: Option<Facts>,
}

/// What can be continued of a broken copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) enum Found {
    /// Nothing is stored.
    Nothing,
    /// So many bytes are stored, and more behind them may be wrong.
    Stored {
        /// The number of bytes.
        bytes: u64,
        /// Whether a digest has compared them with the source. If not, a digest of the whole copy will.
        compared: bool,
    },
    /// What is stored cannot be continued, and why.
    Useless(String),
}

impl Leftover {
    /// Decides what can be continued. `source` are the facts of the source now; `means` will verify the copy.
    pub(in crate::job) async fn look(
        &self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        means: Verified,
    ) -> Result<Found> {
        if self.source.as_ref().is_some_and(|before| has_changed(before, source)) {
            return Ok(Found::Useless("the source has changed since the last attempt".to_owned()));
        }
        let bytes = match (files::size(context, &mut ends.destination, &self.part.stored).await?, source.size)
        {
            (None | Some(0), _) => return Ok(Found::Nothing),
            (Some(stored), Some(size)) if stored <= size => stored,
            (Some(stored), _) => {
                return Ok(Found::Useless(format!(
                    "{} stored, more than the source has",
                    counted(stored, "byte")
                )));
            }
        };
        let count = counted(bytes, "byte");
        let differs = format!("what is stored ({count}) differs from the source");
        let right = match bytes_right(context, ends, &item.source, &self.part.stored, bytes).await {
            // What cannot be read cannot be continued either. If it is the source, the next attempt finds out.
            Err(unread)
                if unread.about == About::Operation
                    && matches!(unread.kind, Kind::Missing | Kind::Refused | Kind::Other) =>
            {
                return Ok(Found::Useless(unread.to_string()));
            }
            right => right?,
        };
        Ok(match right {
            Some(0) => Found::Useless(differs),
            Some(right) => {
                if right < bytes {
                    let text = format!("{differs}: the first {} are right and kept", counted(right, "byte"));
                    context.run.events.warn_of(Topic::Prefix, ends.destination.name(), text);
                }
                Found::Stored { bytes: right, compared: true }
            }
            None if matches!(means, Verified::Hash(_)) => Found::Stored { bytes, compared: false },
            None => Found::Useless(format!("no digest can show whether what is stored ({count}) is right")),
        })
    }

    /// What there is of it where it cannot be continued: nothing, if no byte was stored under its name.
    ///
    /// # Errors
    ///
    /// The destination cannot be asked.
    pub(in crate::job) async fn useless(&self, context: &Context, ends: &mut Ends) -> Result<Found> {
        let (host, path) = (&mut ends.destination, &self.part.stored);
        let is_stored = match files::size(context, host, path).await? {
            Some(bytes) => bytes > 0,
            None => files::tells_no_size(context, host, path).await?,
        };
        let why = || "it cannot be continued".to_owned();
        Ok(if is_stored { Found::Useless(why()) } else { Found::Nothing })
    }
}

/// Whether a broken copy could be continued at all: both ends can start in the middle of a file (REST STREAM;
/// REST of 1973 means something else), and a digest will show whether the copy is right.
pub(in crate::job) async fn can_continue(
    context: &Context,
    ends: &mut Ends,
    source: &Facts,
    means: Verified,
) -> Result<bool> {
    if source.size.is_none()
        || !ends.source.restarts(context).await?
        || !ends.destination.restarts(context).await?
    {
        return Ok(false);
    }
    Ok(match means {
        Verified::Hash(_) => true,
        Verified::Size | Verified::None => prefix_algorithm(context, ends).await?.is_some(),
    })
}

/// The digest that can compare what is stored with the beginning of the source: the source computes it of a part, the
/// destination of a whole file.
async fn prefix_algorithm(context: &Context, ends: &mut Ends) -> Result<Option<Algorithm>> {
    let source = ends.source.part_algorithms(context).await?;
    Ok(best_common(&source, &ends.destination.algorithms(context).await?))
}

/// How many of the `bytes` that are stored are those of the source; `None` if no digest can tell.
async fn bytes_right(
    context: &Context,
    ends: &mut Ends,
    source: &PathName,
    stored: &PathName,
    bytes: u64,
) -> Result<Option<u64>> {
    let Some(algorithm) = prefix_algorithm(context, ends).await? else { return Ok(None) };
    let Ends { source: from, destination: to, .. } = ends;
    let begin = ByteRange { first: 0, length: Some(bytes) };
    let (there, here) = tokio::try_join!(
        files::part_digest(context, from, algorithm, source, begin),
        files::digest(context, to, algorithm, stored, bytes)
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
            files::part_digest(context, from, algorithm, source, part),
            files::part_digest(context, to, algorithm, stored, part)
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
