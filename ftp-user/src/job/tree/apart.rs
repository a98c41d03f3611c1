//! Names that differ only in upper and lower case: whether the destination keeps both apart.

use super::cases::Names;
use crate::context::Context;
use crate::endpoint::{Host, list_each};
use crate::failure::{Failure, Kind};
use crate::job::retry::{asked, facts};
use crate::place;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;

/// Whether nothing is at `path` of the destination that this run has stored there under the other name, the one with the
/// hash `other`.
///
/// # Errors
///
/// The destination takes both names for one, or cannot be asked.
pub(super) async fn is_free(
    context: &Context,
    destination: &mut Host,
    names: &Names,
    (path, other): (&PathName, u64),
) -> Result<(), Failure> {
    match facts(context, destination, path).await? {
        Some(_) => are_apart(context, destination, names, (path, other)).await,
        None => Ok(()),
    }
}

/// Whether the destination shows both names, this one and the one with the hash `other`.
///
/// # Errors
///
/// The destination takes both names for one, or cannot be asked.
pub(super) async fn are_apart(
    context: &Context,
    destination: &mut Host,
    names: &Names,
    (path, other): (&PathName, u64),
) -> Result<(), Failure> {
    let (Some(above), Some(name)) = (place::parent(path), place::base_name(path)) else { return Ok(()) };
    let (is_there, has_other) = asked(context, destination, async |host| {
        let (mut is_there, mut has_other) = (false, false);
        let mut look = |entry: Entry| {
            is_there |= entry.name == name;
            has_other |= names.hash(&entry.name) == other;
        };
        list_each(context, host, &above, &mut look).await?;
        Ok((is_there, has_other))
    })
    .await?;
    if is_there && has_other {
        return Ok(());
    }
    let name = destination.show(path);
    let what = format!("{name} differs from another name of the tree only in upper and lower case");
    Err(Failure::new(Kind::Exists, what)
        .said(format!("{} takes both for one", destination.show(&above)))
        .hint("rename one of them at the source"))
}
