//! Takes in what a walk finds: the names in their order, and what else there is to tell.

use crate::context::Context;
use crate::failure::{About, Failure, Result};
use crate::job::part::Part;
use crate::job::sorted_names::{self, SortedNames, Sorter, TreeEntry};
use crate::job::tree::{Visit, Visits};
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// A tree that was read to its end. By default it has no name.
#[derive(Debug, Default)]
pub(super) struct ListedTree {
    /// Its names in their order.
    pub(super) names: SortedNames,
    /// What was skipped and why, the first ones.
    pub(super) skipped: Vec<(PathName, String)>,
    /// What could not be looked at, the first ones; `None` is the root.
    pub(super) failed: Vec<(Option<PathName>, Failure)>,
    /// The number of others that could not be looked at.
    pub(super) others: u64,
    /// Whether the root of the other tree seems to be in it.
    pub(super) is_nested: bool,
}

impl ListedTree {
    /// Whether the tree may have something at `path` that it could not show. If not all failures are named, that is everywhere.
    pub(super) fn hides(&self, path: &PathName) -> bool {
        let is_in = |unlisted: &Option<PathName>| {
            unlisted.as_ref().is_none_or(|unlisted| path.is_at_or_below(unlisted))
        };
        self.others > 0 || self.failed.iter().any(|(unlisted, _)| is_in(unlisted))
    }
}

/// Which of both trees it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TreeSide {
    /// The tree that is read. What its listing does not tell of a file is asked when the file is copied.
    Source,
    /// The tree that is changed. Names whose state is unknown are kept.
    Destination,
}

/// Reads a tree to its end. Parts of copies are neither copied nor deleted: they belong to jobs.
///
/// # Errors
///
/// Somebody has asked the program to stop, or the names cannot be kept.
pub(super) async fn list_tree(context: &Context, mut visits: Visits, side: TreeSide) -> Result<ListedTree> {
    let cancel = &context.run.cancel;
    let (mut sorter, mut tree) = (Sorter::new(cancel.clone()), ListedTree::default());
    while let Some(visit) = tokio::select! {
        visit = visits.next() => visit,
        () = cancel.cancelled() => return Err(Failure::interrupted()),
    } {
        let (path, facts) = match visit {
            Visit::Directory(path, attributes) => {
                let (modified, mode) = (attributes.modified, attributes.mode);
                (path, Facts { modified, mode, ..Facts::of_kind(Kind::Directory) })
            }
            Visit::File(path, _) if Part::is_name(&path) => match side {
                TreeSide::Source => continue,
                // Its directory stays.
                TreeSide::Destination => (path, Facts::of_kind(Kind::Other)),
            },
            Visit::File(path, facts) => {
                let unknown = match side {
                    TreeSide::Source => Kind::File,
                    TreeSide::Destination => Kind::Other,
                };
                (path, facts.unwrap_or(Facts::of_kind(unknown)))
            }
            Visit::Skipped(path, why) => {
                if tree.skipped.len() < MOST_TOLD {
                    tree.skipped.push((path, why));
                }
                continue;
            }
            Visit::Failed(path, failure) => {
                tree.is_nested |= failure.about == About::Nested;
                if tree.failed.len() < MOST_TOLD {
                    tree.failed.push((path, failure));
                } else {
                    tree.others += 1;
                }
                continue;
            }
        };
        sorter.push(TreeEntry { path, facts }).map_err(|error| cannot_keep(&error))?;
    }
    if cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    tree.names = sorter.finish().map_err(|error| cannot_keep(&error))?;
    Ok(tree)
}

/// The failure if names cannot be kept on the disk, or were not because the program should stop.
pub(super) fn cannot_keep(error: &std::io::Error) -> Failure {
    sorted_names::cannot_keep("the names of both trees", error)
}

/// The largest number of skipped names, and of failures, that are told one by one.
const MOST_TOLD: usize = 1000;
