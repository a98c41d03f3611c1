//! A source of a move that is not there any more: an earlier run may have deleted it, which it does when its copy is verified.

use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::item::Item;
use crate::outcome::FileCopy;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing;

/// What came of a file whose source is gone and which an earlier run has copied: `done`, if the copy is still there.
///
/// # Errors
///
/// Nobody can say whether the copy is there.
pub(super) async fn moved_before(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    done: FileCopy,
) -> Result<Result<FileCopy, Failure>, Failure> {
    let found = ends.destination.facts(context, &item.destination).await?;
    if may_be_copy(found.as_ref(), done.size) {
        return Ok(Ok(done));
    }
    let (source, dest) = item.names(ends);
    let what = format!("neither the source nor the verified copy is there: {source}, {dest}");
    let failure = Failure::new(Kind::Missing, what);
    Ok(Err(match found {
        Some(_) => failure.hint("something else has the name of the copy"),
        None => failure,
    }))
}

/// Whether what has the name of the copy can be the copy of a source of that size.
fn may_be_copy(found: Option<&Facts>, size: Option<u64>) -> bool {
    let Some(found) = found else { return false };
    let is_other = matches!((found.size, size), (Some(theirs), Some(ours)) if theirs != ours);
    found.kind != listing::Kind::Directory && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_there_if_its_name_has_a_file_of_its_size() {
        let facts =
            |kind, size| Facts { kind, size, modified: None, unique: None, version: None, mode: None };
        let file = |size| Some(facts(listing::Kind::File, size));
        let directory = Some(facts(listing::Kind::Directory, Some(5)));
        for (found, size, expect) in [
            (None, Some(5), false),
            (None, None, false),
            (file(Some(5)), Some(5), true),
            (file(Some(6)), Some(5), false),
            (file(None), Some(5), true),
            (file(Some(6)), None, true),
            (directory, Some(5), false),
        ] {
            assert_eq!(may_be_copy(found.as_ref(), size), expect, "{found:?} {size:?}");
        }
    }
}
