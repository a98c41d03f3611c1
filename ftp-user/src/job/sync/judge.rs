//! What becomes of a path that one tree has, or both. Pure.

use super::begun::BegunFiles;
use super::other_jobs::OtherJobs;
use crate::id::JobId;
use crate::job::request::sync::Compare;
use crate::job::sorted_names::TreeEntry;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::sync::Arc;

/// What becomes of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Both have the same: nothing is done.
    Same,
    /// Only the source has the file: it is copied.
    Missing,
    /// Both have a file, and they differ: it is replaced.
    Differs,
    /// Both have a file, and more has to be asked: their exact times or their digests.
    Unsure,
    /// Only the source has the directory: it is made.
    NewDirectory,
    /// Only the destination has it.
    Surplus,
    /// Only the destination has it, and a job works there that has claimed it.
    Claimed(JobId),
    /// The destination has something else of that name, so that nothing is copied there.
    Blocked,
    /// It is neither copied nor deleted.
    Left,
}

/// Judges the paths of two trees, one after the other in their order.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    compare: Compare,
    /// What an earlier run has begun.
    begun: BegunFiles,
    /// What other jobs have claimed at the destination.
    others: Arc<OtherJobs>,
    /// A directory of the destination in which nothing is deleted: the source has the name for something else.
    spared: Option<PathName>,
    /// A directory of the source that cannot be made.
    blocked: Option<PathName>,
}

impl Judge {
    /// No path was judged yet.
    pub(super) const fn new(compare: Compare, begun: BegunFiles, others: Arc<OtherJobs>) -> Self {
        Self { compare, begun, others, spared: None, blocked: None }
    }

    /// Judges the next path, as each tree has it.
    pub(super) fn judge(&mut self, source: Option<&TreeEntry>, destination: Option<&TreeEntry>) -> Verdict {
        let is_in = |directory: &Option<PathName>, path: &PathName| {
            directory.as_ref().is_some_and(|directory| path.is_below(directory))
        };
        match (source, destination) {
            (Some(source), _) if is_in(&self.blocked, &source.path) => Verdict::Left,
            (None, Some(destination)) if is_in(&self.spared, &destination.path) => Verdict::Left,
            (Some(source), destination) => {
                let judged = both(&source.facts, destination.map(|found| &found.facts), self.compare);
                // Its row in the journal is to end.
                let is_begun = !source.is_directory() && self.begun.has(&source.path);
                let verdict = if judged == Verdict::Same && is_begun { Verdict::Unsure } else { judged };
                if let (Verdict::Blocked | Verdict::Left, Some(destination)) = (verdict, destination)
                    && destination.is_directory()
                {
                    self.spared = Some(destination.path.clone());
                }
                if verdict == Verdict::Blocked && source.is_directory() {
                    self.blocked = Some(source.path.clone());
                }
                verdict
            }
            (None, Some(destination)) => match destination.facts.kind {
                Kind::File | Kind::Link | Kind::Directory => {
                    self.others.claims(&destination.path).map_or(Verdict::Surplus, Verdict::Claimed)
                }
                // What is no regular file stays what it is.
                Kind::Other | Kind::Current | Kind::Parent => Verdict::Left,
            },
            (None, None) => Verdict::Left,
        }
    }
}

/// What becomes of something that the source has.
fn both(source: &Facts, destination: Option<&Facts>, compare: Compare) -> Verdict {
    use Kind::{Directory, File, Link, Other};
    match (source.kind, destination.map(|found| found.kind)) {
        (Directory, None) => Verdict::NewDirectory,
        (Directory, Some(Directory)) => Verdict::Same,
        (File, None) => Verdict::Missing,
        (File, Some(File)) => files(source, destination, compare),
        // The link is replaced, and not what it leads to.
        (File, Some(Link)) => Verdict::Differs,
        (File | Directory, Some(_)) => Verdict::Blocked,
        (Link | Other | Kind::Current | Kind::Parent, _) => Verdict::Left,
    }
}

/// What becomes of a file that both have.
fn files(source: &Facts, destination: Option<&Facts>, compare: Compare) -> Verdict {
    let Some(destination) = destination else { return Verdict::Missing };
    let is_as_long = source.size.is_some() && source.size == destination.size;
    let is_as_old = match (source.modified, destination.modified) {
        (Some(ours), Some(theirs)) => Some(ours == theirs),
        // Whoever compares both asks for their times.
        (Some(_) | None, Some(_) | None) => None,
    };
    match (compare, is_as_long, is_as_old) {
        (Compare::Exists, ..) => Verdict::Same,
        (_, false, _) => Verdict::Differs,
        (Compare::Size, true, _) | (Compare::Time | Compare::Auto, true, Some(true)) => Verdict::Same,
        (Compare::Time, true, Some(false)) => Verdict::Differs,
        (Compare::Time, true, None) | (Compare::Auto, true, _) | (Compare::Hash, true, _) => Verdict::Unsure,
    }
}

#[cfg(test)]
mod tests;
