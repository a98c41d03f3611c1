//! What directories get after their contents.

use super::AT_ONCE;
use super::visits::Visit;
use crate::context::Context;
use crate::endpoint::Host;
use crate::job::file::times::{Attributes, Wanted, finish_directories};
use crate::job::retry::Question;
use crate::job::spool::Spool;
use crate::place;
use ftp_proto::wire::PathName;

/// Directories get their times and modes after their contents: each file changes the time of its directory, and a
/// directory may be one into which nothing can be written. `made` are those below the root.
pub(super) async fn directories(
    context: &Context,
    destination: &mut Host,
    (root, attributes, made): (PathName, Attributes, &mut Spool<Visit>),
    mut wanted: Wanted,
) {
    let question = Question::new(context);
    let mut next = vec![(root.clone(), attributes)];
    while !next.is_empty() {
        if !wanted.is_any()
            || context.run.cancel.is_cancelled()
            || question.connect(destination).await.is_err()
        {
            return;
        }
        finish_directories(context, destination, &next, &mut wanted).await;
        next.clear();
        while next.len() < AT_ONCE
            && let Ok(Some(Visit::Directory(path, attributes))) = made.pop()
        {
            next.push((place::join(Some(&root), &path), attributes));
        }
    }
}
