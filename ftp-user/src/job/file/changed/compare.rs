//! Digests of the chunks of both files, which both servers compute at the same time.

use super::ranges::{Changed, Chunks, Worth};
use crate::context::Context;
use crate::failure::Failure;
use crate::job::item::Item;
use crate::route::Ends;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::wire::ByteRange;

/// What the digests of the chunks have shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job::file) enum Sameness {
    /// The old file has all of the source but this.
    All(Changed),
    /// Too little is the same in both files.
    Little,
    /// It cannot be found out, or the destination cannot copy a file: why not.
    Unknown(String),
}

/// Compares the chunks of the old file at the destination with those of the source.
///
/// # Errors
///
/// A server does not answer any more, or the run was interrupted.
pub(in crate::job::file) async fn compare(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    chunks: Chunks,
) -> Result<Sameness, Failure> {
    if !ends.destination.copies_files(context).await? {
        return Ok(Sameness::Unknown("the destination cannot copy a file within itself".to_owned()));
    }
    let Some(algorithm) = algorithm(context, ends).await? else {
        return Ok(Sameness::Unknown("the servers have no common digest of parts of files".to_owned()));
    };
    let mut same = Vec::new();
    let (samples, others) = (chunks.samples(), chunks.others());
    for parts in std::iter::once(samples.as_slice()).chain(others.chunks(AT_ONCE)) {
        match self::same(context, ends, item, (algorithm, parts)).await? {
            Ok(found) => same.extend(found),
            Err(failure) => return Ok(Sameness::Unknown(failure.to_string())),
        }
        if same.is_empty() {
            return Ok(Sameness::Little);
        }
    }
    Ok(match chunks.judge(&same) {
        Worth::Changed(changed) => Sameness::All(changed),
        Worth::Whole => Sameness::Little,
    })
}

/// A digest, and no mere checksum, that both servers compute of a part of a file.
async fn algorithm(context: &Context, ends: &mut Ends) -> Result<Option<Algorithm>, Failure> {
    let mut source = ends.source.part_algorithms(context).await?;
    source.retain(|algorithm| !Algorithm::CHECKSUMS.contains(algorithm));
    Ok(best_common(&source, &ends.destination.part_algorithms(context).await?))
}

/// Which of these parts are the same in both files. The inner error says which server does not compute a digest.
async fn same(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    (algorithm, parts): (Algorithm, &[ByteRange]),
) -> Result<Result<Vec<ByteRange>, Failure>, Failure> {
    let Ends { source: from, destination: to, .. } = ends;
    let (there, here) = tokio::try_join!(
        from.part_digests(context, algorithm, &item.source, parts),
        to.part_digests(context, algorithm, &item.destination, parts)
    )?;
    Ok(match (there, here) {
        (Ok(there), Ok(here)) => {
            let both = there.iter().zip(&here).zip(parts);
            let is_same = both.filter(|((there, here), _)| there.hex.eq_ignore_ascii_case(&here.hex));
            Ok(is_same.map(|(_, part)| *part).collect())
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    })
}

/// How many chunks both servers are asked for before either is asked for more.
const AT_ONCE: usize = 64;
