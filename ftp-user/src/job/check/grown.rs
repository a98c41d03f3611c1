//! A source that only grows while it is copied, as the log of a program that runs: its copy is what it was at one moment.

use super::{ComparedFiles, Proof};
use crate::context::Context;
use crate::endpoint::{both, files};
use crate::failure::Result;
use crate::outcome::Verified;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::listing::Kind;
use ftp_proto::wire::ByteRange;

/// The digest that can compare what is stored with the beginning of the source: the source computes it of a part, the
/// destination of a whole file.
pub(crate) async fn prefix_algorithm(context: &Context, ends: &mut Ends) -> Result<Option<Algorithm>> {
    let source = ends.source.part_algorithms(context).await?;
    Ok(best_common(&source, &ends.destination.algorithms(context).await?))
}

/// What was copied of a source that has only grown since it was looked at: the same file with the size of its copy, and the
/// proof that these bytes are its first ones. `None` if it has changed in another way, or nobody can tell. The user is warned.
pub(crate) async fn grown(
    context: &Context,
    ends: &mut Ends,
    files: &ComparedFiles<'_>,
    before: &Facts,
) -> Result<Option<(Facts, Proof)>> {
    let Some(algorithm) = prefix_algorithm(context, ends).await? else { return Ok(None) };
    let Ends { source: from, destination: to, .. } = ends;
    let (now, copied) =
        both(files::facts(context, from, files.source), files::size(context, to, files.copy)).await?;
    let (Some(now), Some(copied)) = (now, copied) else { return Ok(None) };
    if !can_have_grown(before, copied, &now) {
        return Ok(None);
    }
    let begin = ByteRange { first: 0, length: Some(copied) };
    let (there, here) = both(
        files::part_digest(context, from, algorithm, files.source, begin),
        files::digest(context, to, algorithm, files.copy, copied),
    )
    .await?;
    let (Ok(there), Ok(here)) = (there, here) else { return Ok(None) };
    if !there.hex.eq_ignore_ascii_case(&here.hex) {
        return Ok(None);
    }
    let (name, size) = (from.show(files.source), before.size.unwrap_or(0));
    let text = format!(
        "{name} grows: it had {size} bytes, and the copy is its first {copied}; copy it again for the rest"
    );
    context.run.events.warn(text);
    let source = Facts { size: Some(copied), ..before.clone() };
    let digest = Some(here.hex.to_ascii_lowercase());
    Ok(Some((source, Proof { by: Verified::Hash(algorithm), digest })))
}

/// Whether a file that was this before, and of which so many bytes were copied, can have grown and nothing else.
fn can_have_grown(before: &Facts, copied: u64, now: &Facts) -> bool {
    let is_same = now.kind == Kind::File
        && before.unique.as_ref().zip(now.unique.as_ref()).is_none_or(|(before, now)| before == now);
    let sizes = before.size.zip(now.size);
    is_same
        && sizes.is_some_and(|(before, now)| (1..=copied).contains(&before) && copied <= now && before < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_grown_if_it_is_the_same_one_and_has_all_that_was_copied() {
        let facts = |size: u64, unique: Option<&str>| Facts {
            size: Some(size),
            unique: unique.map(str::to_owned),
            ..Facts::of_kind(Kind::File)
        };
        for (before, copied, now, unique, expect) in [
            (5, 5, 6, Some("a"), true),
            (5, 6, 6, Some("a"), true),
            (5, 6, 9, None, true),
            (5, 6, 9, Some("b"), false),
            (5, 6, 5, Some("a"), false),
            (5, 4, 6, Some("a"), false),
            (5, 5, 5, Some("a"), false),
            (5, 7, 6, Some("a"), false),
            // Of nothing no digest is asked.
            (0, 0, 6, Some("a"), false),
        ] {
            let found = can_have_grown(&facts(before, Some("a")), copied, &facts(now, unique));
            assert_eq!(found, expect, "{before} {copied} {now} {unique:?}");
        }
        let link = Facts::of_kind(Kind::Link);
        assert!(!can_have_grown(&facts(5, None), 5, &Facts { size: Some(6), ..link }));
    }
}
