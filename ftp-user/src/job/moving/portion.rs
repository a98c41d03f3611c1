//! Files that were copied, and whose sources wait to be deleted.

use super::look::ExpectedFile;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind, Result};
use crate::job::Item;
use crate::job::checked_directories::DeletedLinks;
use crate::job::removal::{Scope, VerifiedCopy};
use crate::job::request::job::Options;
use crate::outcome::FileCopy;
use crate::place;
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::deletion::{ExpectedCopy, SameFile};
use ftp_proto::listing;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The tree of a move. Its workers share it.
#[derive(Clone, Debug)]
pub(in crate::job) struct MovedTree {
    pub(super) scope: Arc<Scope>,
    /// The symbolic links of it that were deleted.
    pub(super) links: DeletedLinks,
}

impl MovedTree {
    /// The tree whose root has this path at the source.
    pub(in crate::job) fn of(root: &PathName) -> Self {
        Self { scope: Arc::new(Scope::at(root)), links: DeletedLinks::default() }
    }

    /// Its root at the source.
    pub(in crate::job) fn root(&self) -> &PathName {
        &self.scope.root
    }
}

/// A file that may be deleted, if all that is seen of it permits that.
#[derive(Debug)]
pub(super) struct CopiedFile {
    /// Its number within its job.
    pub(super) number: u64,
    pub(super) scope: Arc<Scope>,
    /// Its path below the root of the scope; `None` is the root.
    pub(super) below: Option<PathName>,
    pub(super) source: PathName,
    pub(super) copy: PathName,
    pub(super) verified_copy: VerifiedCopy,
    pub(super) expected: ExpectedCopy,
    /// The session of the destination that has verified the copy.
    pub(super) session: Option<SessionId>,
    /// When it was verified, at the latest.
    pub(super) verified: Moment,
    /// The source may have been told to delete it: no reply came, or none that can be read.
    pub(super) was_told: bool,
    /// The file to which it leads, if it is known to be a symbolic link.
    pub(super) leads_to: Option<Facts>,
}

impl CopiedFile {
    /// A file that was copied.
    fn of(
        tree: Option<&MovedTree>,
        item: &Item,
        done: &FileCopy,
        expected: ExpectedCopy,
        verified: Moment,
    ) -> Result<Self> {
        let before = (done.moved_by().is_none(), done.was_taken);
        let verified_copy = VerifiedCopy::of(done.source.clone(), done.verified, before).map_err(|why| {
            let what = format!("{} stays, because {why}", item.source.display());
            Failure::new(Kind::Unverified, what).hint("compare both, and delete it with ftp-user rm")
        })?;
        let (scope, below) = match tree {
            Some(tree) => {
                let below = item.source.relative_to(&tree.scope.root);
                let below = below.ok_or_else(|| Failure::usage("it is not below the tree"))?;
                (Arc::clone(&tree.scope), Some(below))
            }
            None => (Arc::new(Scope::at(&item.source)), None),
        };
        let (source, copy, session) = (item.source.clone(), item.destination.clone(), done.session);
        let (was_told, leads_to) = (false, item.leads_to.clone());
        Ok(Self {
            number: item.number,
            scope,
            below,
            source,
            copy,
            verified_copy,
            expected,
            session,
            verified,
            was_told,
            leads_to,
        })
    }

    /// Whether both are in one directory of the same tree.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        let directory = |copied: &Self| copied.below.as_ref().and_then(place::parent);
        Arc::ptr_eq(&self.scope, &other.scope) && directory(self) == directory(other)
    }

    /// What the source was before its first byte was read.
    pub(super) fn source_before(&self) -> &Facts {
        self.verified_copy.parts().0
    }

    pub(super) fn expected_source(&self) -> ExpectedFile {
        ExpectedFile { path: self.source.clone(), facts: self.source_before().clone() }
    }

    /// What its server has to compare; `None` if a command cannot say all of it.
    pub(super) fn same_file(&self) -> Option<SameFile> {
        let file = self.expected_source().described()?;
        let same = SameFile { directory: place::parent(&self.source)?, file };
        (same.path() == self.scope.path(self.below.as_ref())).then_some(same)
    }

    pub(super) fn expected_copy(&self) -> ExpectedFile {
        let ExpectedCopy { size, modified } = self.expected;
        let facts = Facts { size, modified, ..Facts::of_kind(listing::Kind::File) };
        ExpectedFile { path: self.copy.clone(), facts }
    }

    /// Whether the session that has verified the copy is open. This host is always there.
    pub(super) fn has_session(&self, destination: &mut Host) -> bool {
        destination.is_local() || (self.session.is_some() && self.session == destination.session_id())
    }
}

/// What a verified copy has to look like as long as nobody has changed it. What was there already has a time of its own.
pub(in crate::job) fn expected_copy(ends: &Ends, options: Options, done: &FileCopy) -> ExpectedCopy {
    let sets = options.times && done.moved_by().is_some() && !ends.no_times.load(Ordering::Relaxed);
    let modified = done.source.as_ref().and_then(|source| source.modified).filter(|_| sets);
    ExpectedCopy { size: done.size, modified }
}

/// A source that was not deleted, although it was copied.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::job) struct KeptSource {
    /// The number of the file within its job.
    pub(in crate::job) number: u64,
    pub(in crate::job) source: PathName,
    pub(in crate::job) copy: PathName,
    /// Why it stays.
    pub(in crate::job) failure: Failure,
}

/// Files whose sources wait to be deleted: those that one worker has copied since it has deleted some.
#[derive(Debug, Default)]
pub(in crate::job) struct MovedPortion {
    pub(super) files: Vec<CopiedFile>,
    bytes: u64,
    /// When the first of them was noted.
    since: Option<Moment>,
}

impl MovedPortion {
    /// Notes that a file was copied, unless an earlier run has deleted its source.
    ///
    /// # Errors
    ///
    /// Its source stays, and why.
    pub(in crate::job) fn note(
        &mut self,
        context: &Context,
        tree: Option<&MovedTree>,
        item: &Item,
        done: &FileCopy,
        expected: ExpectedCopy,
    ) -> Result<()> {
        if done.verified_earlier().is_none() {
            let now = context.world.clock.now();
            self.files.push(CopiedFile::of(tree, item, done, expected, now)?);
            self.bytes = self.bytes.saturating_add(done.size.unwrap_or(0));
            self.since.get_or_insert(now);
        }
        Ok(())
    }

    /// Whether nothing waits.
    pub(in crate::job) const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// When they are deleted at the latest.
    pub(in crate::job) fn due_at(&self) -> Option<Moment> {
        self.since.map(|since| since + LONGEST)
    }

    /// Whether they are to be deleted now.
    pub(in crate::job) fn is_due(&self, now: Moment) -> bool {
        self.files.len() >= MOST || self.bytes >= MOST_BYTES || self.due_at().is_some_and(|due| due <= now)
    }

    /// Whether they are to be deleted before a file of this size is copied, which may take long.
    pub(in crate::job) fn is_due_before(&self, size: Option<u64>) -> bool {
        !self.is_empty() && size.is_none_or(|size| size >= MOST_BYTES)
    }

    /// Takes over what another worker has copied.
    pub(in crate::job) fn append(&mut self, mut other: Self) {
        self.files.append(&mut other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.since = [self.since, other.since].into_iter().flatten().min();
    }

    /// Takes back files that cannot be deleted for now.
    pub(super) fn put_back(&mut self, files: Vec<CopiedFile>, now: Moment) {
        if !files.is_empty() {
            self.since.get_or_insert(now);
            self.files.extend(files);
        }
    }

    /// Takes the files out.
    pub(super) fn take(&mut self) -> Vec<CopiedFile> {
        std::mem::take(self).files
    }
}

/// The largest number of files of a portion.
pub(super) const MOST: usize = 1_000;
/// So many bytes are worth the questions of a portion.
const MOST_BYTES: u64 = 64 << 20;
/// How long the source of a verified copy waits.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outcome::Verified;
    use ftp_proto::digest::Algorithm;

    #[test]
    fn only_what_is_in_the_tree_of_a_move_may_be_deleted() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        for (root, source, expect) in [
            ("t", "t/a/b", Some("a/b")),
            ("t/", "t/a", Some("a")),
            ("/", "/a", Some("a")),
            (".", "./a", Some("a")),
            ("../t", "../t/a", Some("a")),
            ("t", "u/a", None),
            ("t", "t", None),
            ("/a", "/ab/c", None),
        ] {
            let item = Item::of_both(1, source);
            let facts = Facts::of_kind(listing::Kind::File);
            let done = FileCopy::skipped(None, Verified::Hash(Algorithm::Sha256)).of(facts);
            let tree = MovedTree::of(&name(root));
            let copied = CopiedFile::of(Some(&tree), &item, &done, ExpectedCopy::default(), Moment::START);
            let below = copied.ok().and_then(|copied| copied.below);
            assert_eq!(below.map(|below| below.display()).as_deref(), expect, "{root} {source}");
        }
    }

    /// A file that was copied, and whose source was this.
    pub(in crate::job::moving) fn copied_with(item: &Item, facts: Facts) -> CopiedFile {
        let done = FileCopy::skipped(None, Verified::Hash(Algorithm::Sha256)).of(facts);
        CopiedFile::of(None, item, &done, ExpectedCopy::default(), Moment::START).unwrap()
    }

    fn at(second: u64) -> Moment {
        Moment::START + Duration::from_secs(second)
    }

    fn portion(files: usize, bytes: u64, since: Option<u64>) -> MovedPortion {
        let file = |_| copied_with(&Item::of_both(1, "t/a"), Facts::of_kind(listing::Kind::File));
        MovedPortion { files: (0..files).map(file).collect(), bytes, since: since.map(at) }
    }

    #[test]
    fn sources_wait_until_they_are_many_or_large_or_old_or_a_large_file_comes() {
        for (files, bytes, since, is_due, is_due_before_large) in [
            (0, 0, None, false, false),
            (1, 10, Some(99), false, true),
            (MOST - 1, MOST_BYTES - 1, Some(41), false, true),
            (MOST, 10, Some(100), true, true),
            (1, MOST_BYTES, Some(100), true, true),
            (1, 10, Some(40), true, true),
        ] {
            let portion = portion(files, bytes, since);
            assert_eq!(portion.is_due(at(100)), is_due, "{files} {bytes} {since:?}");
            assert!(!portion.is_due_before(Some(MOST_BYTES - 1)));
            assert_eq!(portion.is_due_before(Some(MOST_BYTES)), is_due_before_large);
            assert_eq!(portion.is_due_before(None), is_due_before_large);
        }
        let mut both = portion(1, 5, None);
        both.append(portion(2, 6, Some(7)));
        both.append(portion(1, 1, Some(9)));
        assert_eq!((both.files.len(), both.bytes, both.due_at()), (4, 12, Some(at(67))));
    }
}
