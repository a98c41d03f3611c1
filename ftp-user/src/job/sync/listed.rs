//! Takes in what a walk finds: the names in their order, and what else there is to tell.

use crate::context::Context;
use crate::failure::{About, Failure};
use crate::job::remains::part::Part;
use crate::job::sorted_names::{self, SortedNames, Sorter, TreeEntry};
use crate::job::tree::{Visit, Visits};
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// A tree that was read to its end. By default it has no name.
#[derive(Debug, Default)]
pub(super) struct Listed {
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

impl Listed {
    /// Whether all names are known.
    pub(super) fn is_complete(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Which of both trees it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The tree that is read. What its listing does not tell of a file is asked when the file is copied.
    Source,
    /// The tree that is changed. Of what nobody knows nothing is deleted.
    Destination,
}

/// Reads a tree to its end. Parts of copies are neither copied nor deleted: they belong to jobs.
///
/// # Errors
///
/// Somebody has asked the program to stop, or the names cannot be kept.
pub(super) async fn listed(context: &Context, mut visits: Visits, side: Side) -> Result<Listed, Failure> {
    let mut sorter = Sorter::new(context.run.cancel.clone());
    let (mut skipped, mut failed, mut others, mut is_nested) = (Vec::new(), Vec::new(), 0, false);
    while let Some(visit) = tokio::select! {
        visit = visits.next() => visit,
        () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
    } {
        is_nested |= matches!(&visit, Visit::Failed(_, failure) if failure.about == About::Nested);
        match visit {
            Visit::Directory(path, attributes) => {
                let (modified, mode) = (attributes.modified, attributes.mode);
                let facts = Facts { modified, mode, ..Facts::of_kind(Kind::Directory) };
                sorter.push(TreeEntry { path, facts }).map_err(|error| cannot_keep(&error))?;
            }
            Visit::File(path, _) if Part::is_name(&path) => match side {
                Side::Source => {}
                // Its directory stays.
                Side::Destination => {
                    let entry = TreeEntry { path, facts: Facts::of_kind(Kind::Other) };
                    sorter.push(entry).map_err(|error| cannot_keep(&error))?;
                }
            },
            Visit::File(path, facts) => {
                let kind = match side {
                    Side::Source => Kind::File,
                    Side::Destination => Kind::Other,
                };
                let facts = facts.unwrap_or(Facts::of_kind(kind));
                sorter.push(TreeEntry { path, facts }).map_err(|error| cannot_keep(&error))?;
            }
            Visit::Skipped(path, why) if skipped.len() < MOST_TOLD => skipped.push((path, why)),
            Visit::Failed(path, failure) if failed.len() < MOST_TOLD => failed.push((path, failure)),
            Visit::Skipped(..) => {}
            Visit::Failed(..) => others += 1,
        }
    }
    if context.run.cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let names = sorter.finish().map_err(|error| cannot_keep(&error))?;
    Ok(Listed { names, skipped, failed, others, is_nested })
}

/// The failure if names cannot be kept on the disk, or were not because the program should stop.
pub(super) fn cannot_keep(error: &std::io::Error) -> Failure {
    sorted_names::cannot_keep("the names of both trees", error)
}

/// The largest number of skipped names, and of failures, that are told one by one.
const MOST_TOLD: usize = 1000;
