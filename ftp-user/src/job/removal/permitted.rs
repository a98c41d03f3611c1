//! What may be deleted, and why. Pure. A [`Removal`] has a permit of the judge, and nothing else is deleted for `rm` and `move`, and
//! no other directory for `sync`.

use super::scope::Scope;
use crate::endpoint::files::Listing;
use crate::failure::{self, Failure, Result};
use crate::outcome::Verified;
use crate::session::{Facts, StableStorage};
use ftp_proto::deletion::{
    DeletePermit, Learnt, ListedEntry, MoveEvidence, ReasonToKeep, RemovalKind, SessionId,
};
use ftp_proto::wire::PathName;

/// One name that may be deleted. Where there is none, the failure says why the name stays.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    pub(super) scope: Scope,
    pub(super) permit: DeletePermit,
    /// What tells the file from others of its host, if only that one may be deleted.
    pub(super) seen: Option<String>,
    /// The session of its host that has told what it is, if that counts. In another one it is not deleted.
    pub(super) session: Option<SessionId>,
}

impl Removal {
    /// The place itself, which somebody has named.
    pub(crate) fn named(scope: &Scope, kind: RemovalKind) -> Self {
        Self::of(scope, DeletePermit::for_named(scope.root.clone(), kind))
    }

    /// A whole listing of its directory shows it in the session `now`, and somebody has asked for everything in the place.
    pub(crate) fn listed(
        scope: &Scope,
        (below, kind): (&PathName, RemovalKind),
        seen: &Learnt<ListedEntry>,
        now: SessionId,
    ) -> Result<Self> {
        let permit = DeletePermit::for_listed(&scope.root, (below, kind), seen, now);
        let removal = |permit| Self { session: Some(now), ..Self::of(scope, permit) };
        permit.map(removal).map_err(|why| stays(&scope.path(Some(below)), why))
    }

    /// What a server shows as a directory, if it is a symbolic link: DELE refuses a directory.
    pub(crate) fn link(scope: &Scope, below: Option<&PathName>) -> Result<Self> {
        let permit = DeletePermit::for_link(&scope.root, below);
        permit.map(|permit| Self::of(scope, permit)).map_err(|why| stays(&scope.path(below), why))
    }

    /// A file was moved: all that was seen of it, in this session of its host, and of its copy permits to delete it. A file that
    /// its server compares needs no session.
    pub(crate) fn moved(
        scope: &Scope,
        below: Option<&PathName>,
        evidence: &MoveEvidence<'_>,
        session: Option<SessionId>,
    ) -> Result<Self> {
        let permit = DeletePermit::for_moved(&scope.root, below, evidence).map_err(|why| {
            let failure = stays(&scope.path(below), why);
            match evidence.storage {
                StableStorage::Refused(said) => failure.said(said.clone()),
                StableStorage::Stable | StableStorage::Unasked => failure,
            }
        })?;
        let session = session.filter(|_| permit.only_if().is_none());
        Ok(Self { seen: evidence.source_before.unique.clone(), session, ..Self::of(scope, permit) })
    }

    /// The same file after it was renamed to `aside`. `before` and `now` are its facts before and after that.
    ///
    /// # Errors
    ///
    /// It is in another directory, or has changed.
    pub(crate) fn set_aside(&self, aside: PathName, before: &Facts, now: &Facts) -> Result<Self> {
        let is_root = self.scope.root == *self.path();
        let scope = if is_root { Scope::at(&aside) } else { self.scope.clone() };
        let permit = self.permit.renamed(aside, before, now).map_err(|why| stays(self.path(), why))?;
        Ok(Self { scope, permit, seen: self.seen.clone(), session: None })
    }

    /// A directory from which everything was moved; `None` if its listing shows that something is in it, or does not show
    /// everything.
    pub(crate) fn emptied(
        scope: &Scope,
        below: Option<&PathName>,
        listing: Learnt<Listing>,
        now: SessionId,
    ) -> Result<Option<Self>> {
        let entries = listing.map(|listing| (!listing.is_incomplete()).then_some(listing.entries.len()));
        match DeletePermit::for_emptied(&scope.root, below, &entries, now) {
            Ok(permit) => Ok(Some(Self { session: Some(now), ..Self::of(scope, permit) })),
            Err(ReasonToKeep::NotEmpty | ReasonToKeep::NotListed) => Ok(None),
            Err(why) => Err(stays(&scope.path(below), why)),
        }
    }

    /// A directory from which everything was moved, of a host that removes it only if it is empty.
    pub(crate) fn directory_if_empty(scope: &Scope, below: Option<&PathName>) -> Result<Self> {
        let permit = DeletePermit::for_directory_if_empty(&scope.root, below);
        permit.map(|permit| Self::of(scope, permit)).map_err(|why| stays(&scope.path(below), why))
    }

    fn of(scope: &Scope, permit: DeletePermit) -> Self {
        Self { scope: scope.clone(), permit, seen: None, session: None }
    }

    /// The path of what is deleted.
    pub(crate) const fn path(&self) -> &PathName {
        self.permit.path()
    }

    /// Whether it may be asked for again in another session.
    pub(crate) const fn is_of_any_session(&self) -> bool {
        self.session.is_none()
    }
}

/// The failure if a name stays.
fn stays(path: &PathName, why: ReasonToKeep) -> Failure {
    let what = format!("{} stays, because {why}", path.display());
    Failure::new(failure::Kind::Unverified, what).hint(why.hint())
}

/// What has verified a copy, so that its source may be deleted while it is still what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VerifiedCopy {
    /// What the source was before its first byte was read.
    source: Facts,
    /// Whether a digest has verified the copy.
    is_by_hash: bool,
    /// Whether both places may be one: something had the name of the copy before.
    pub(crate) is_doubtful: bool,
}

impl VerifiedCopy {
    /// The copy that this run has `verified`. `source` is what the source was before its first byte was read,
    /// and `was_skipped` says that the copy was there already.
    pub(crate) fn of(
        source: Option<Facts>,
        verified: Verified,
        (was_skipped, was_taken): (bool, bool),
    ) -> Result<Self, &'static str> {
        let is_by_hash = match (verified, was_skipped) {
            (Verified::None, true) => return Err("the destination is not the same file"),
            (Verified::None, false) => return Err("nothing has verified the copy"),
            (Verified::Size, true) => return Err("no digest shows that both are the same"),
            (Verified::Size, false) => false,
            (Verified::Hash(_), _) => true,
        };
        let source = source.ok_or("nobody knows what it was when it was read")?;
        Ok(Self { source, is_by_hash, is_doubtful: was_skipped || was_taken })
    }

    /// What the source was, and whether a digest has verified the copy, for the evidence of a move.
    pub(crate) const fn parts(&self) -> (&Facts, bool) {
        (&self.source, self.is_by_hash)
    }

    /// Digests have shown that the source, as it is `now`, is still what was copied.
    pub(crate) fn is_compared_again(&mut self, now: Facts) {
        (self.source, self.is_by_hash) = (now, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::{location, path};
    use ftp_proto::deletion::{CopyProof, ExpectedCopy, SourceNow};
    use ftp_proto::digest::Algorithm;
    use ftp_proto::listing::{Entry, Kind, When};

    #[test]
    fn h25_nothing_outside_the_place_may_be_deleted() {
        let scope =
            Scope::of_tree(&location("ftp://h/d/"), None, &crate::state::OwnFiles::default()).unwrap();
        let check = |below: &str, expect: Option<&str>| {
            let below = PathName::from_wire(below.as_bytes()).unwrap();
            let removal = Removal::link(&scope, Some(&below));
            assert_eq!(removal.ok().map(|removal| removal.path().display()).as_deref(), expect, "{below:?}");
        };
        check("a", Some("d/a"));
        check("a/b", Some("d/a/b"));
        check("..", None);
        check("a/../../b", None);
        check("/etc/passwd", None);
        check("a//b", None);
        check("a/./b", None);
        check("a\rDELE b", None);
        assert_eq!(Removal::named(&scope, RemovalKind::Directory).path().display(), "d");
    }

    #[test]
    fn a_source_is_deleted_only_if_it_is_unchanged_and_its_copy_was_verified() {
        let scope = Scope::at(&path("d"));
        let facts = |size: u64, modified: Option<i64>, unique: Option<&str>| Facts {
            size: Some(size),
            modified: modified.map(When),
            unique: unique.map(str::to_owned),
            ..Facts::of_kind(Kind::File)
        };
        let hash = Verified::Hash(Algorithm::Sha256);
        let before = facts(5, Some(1), Some("a"));
        let check = |source: Option<&Facts>, verified, was_skipped, now: &Facts, expect: bool| {
            let verified_copy = VerifiedCopy::of(source.cloned(), verified, (was_skipped, was_skipped));
            let removal = verified_copy.as_ref().map(|verified_copy| {
                let (source_before, is_by_hash) = verified_copy.parts();
                let evidence = MoveEvidence {
                    source_before,
                    source_now: &SourceNow::Seen(now.clone()),
                    is_by_hash,
                    expected: ExpectedCopy::default(),
                    copy_now: Some(&before),
                    proof: CopyProof::SameSession,
                    storage: &StableStorage::Stable,
                };
                Removal::moved(&scope, Some(&path("f")), &evidence, Some(SessionId::HERE))
            });
            let is_given = matches!(removal, Ok(Ok(_)));
            assert_eq!(is_given, expect, "{source:?} {verified:?} {was_skipped} {now:?} {removal:?}");
        };
        for (verified, was_skipped, expect) in [
            (hash, false, true),
            (Verified::Size, false, true),
            (Verified::None, false, false),
            (hash, true, true),
            (Verified::Size, true, false),
            (Verified::None, true, false),
        ] {
            check(Some(&before), verified, was_skipped, &before, expect);
        }
        check(None, hash, false, &before, false);
        for now in [facts(6, Some(1), Some("a")), facts(5, Some(2), Some("a")), facts(5, Some(1), Some("b"))]
        {
            check(Some(&before), hash, false, &now, false);
        }
        check(Some(&before), hash, false, &Facts { kind: Kind::Link, ..before.clone() }, false);
        // Its server tells no time: only a digest is enough.
        let timeless = facts(5, None, None);
        check(Some(&timeless), Verified::Size, false, &timeless, false);
        check(Some(&timeless), hash, false, &timeless, true);
    }

    #[test]
    fn a_directory_is_removed_only_if_its_listing_shows_that_it_is_empty() {
        let scope = Scope::at(&path("d"));
        let check = |listing: Listing, expect: bool| {
            let shown = format!("{listing:?}");
            let learnt = Learnt::new(listing, SessionId::HERE);
            let removal = Removal::emptied(&scope, Some(&path("e")), learnt, SessionId::HERE).unwrap();
            assert_eq!(removal.is_some(), expect, "{shown}");
        };
        check(Listing::default(), true);
        check(Listing { omitted: 1, ..Listing::default() }, false);
        check(Listing { unread: 1, ..Listing::default() }, false);
        let entries = vec![Entry::new(path("f"), Kind::File)];
        check(Listing { entries, ..Listing::default() }, false);
        // The host looks itself.
        let removal = Removal::directory_if_empty(&scope, Some(&path("e"))).unwrap();
        assert_eq!(removal.path().display(), "d/e");
        assert!(Removal::directory_if_empty(&scope, Some(&path("../e"))).is_err());
    }
}
