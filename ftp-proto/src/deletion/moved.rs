//! Whether the source of a file that was moved may be deleted.

use super::judge::{DeletePermit, RemovalKind, has_changed, path_at};
use super::reason::ReasonToKeep;
use crate::listing::{Facts, Kind, When};
use crate::wire::PathName;

/// Whether what was stored survives a power failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StableStorage {
    /// All of it does.
    Stable,
    /// The server cannot be asked.
    Unasked,
    /// The server was asked, and has said this.
    Refused(String),
}

/// Everything that was seen of a file of a move and of its copy.
#[derive(Clone, Copy, Debug)]
pub struct MoveEvidence<'a> {
    /// What the source was before its first byte was read.
    pub source_before: &'a Facts,
    /// What it is now.
    pub source_now: &'a Facts,
    /// Whether a digest has verified the copy.
    pub is_by_hash: bool,
    /// What the copy must be.
    pub expected: ExpectedCopy,
    /// What has its name now.
    pub copy_now: Option<&'a Facts>,
    /// What shows that it is still the file that was verified.
    pub proof: CopyProof,
    /// What the destination has said of its disk.
    pub storage: &'a StableStorage,
}

/// What a copy is, if it is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExpectedCopy {
    /// Its size in bytes, if that is known.
    pub size: Option<u64>,
    /// Its time, if it was set.
    pub modified: Option<When>,
}

impl ExpectedCopy {
    /// Whether this is it, as far as the destination tells its size and time.
    pub fn is(self, now: Option<&Facts>) -> CopyState {
        fn differ<T: PartialEq>(expected: Option<T>, now: Option<T>) -> bool {
            matches!((expected, now), (Some(expected), Some(now)) if expected != now)
        }
        match now {
            None => CopyState::Missing,
            Some(now) if now.kind != Kind::File || differ(self.size, now.size) => CopyState::Other,
            Some(now) if differ(self.modified, now.modified) => CopyState::OtherTime,
            Some(_) => CopyState::Same,
        }
    }
}

/// What has the name of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyState {
    /// A file of its size, and of its time where both are known.
    Same,
    /// A file of its size with another time: only digests can tell whether it is the copy.
    OtherTime,
    /// Something else has its name.
    Other,
    /// Nothing has its name.
    Missing,
}

/// What shows that a copy is still the file that was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyProof {
    /// The session that has verified it was asked for it again, or it is on this host.
    SameSession,
    /// That session has ended, and the digests of both ends were compared again: they are equal.
    ComparedAgain,
    /// That session has ended, and the digests differ.
    Differs,
    /// That session has ended, and an end has computed no digest.
    NoDigest,
}

impl DeletePermit {
    /// The source of a file that was moved, at or below `root`.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_moved(
        root: &PathName,
        below: Option<&PathName>,
        evidence: &MoveEvidence<'_>,
    ) -> Result<Self, ReasonToKeep> {
        let path = path_at(root, below)?;
        check(evidence).map(|()| Self { path, kind: RemovalKind::File })
    }
}

fn check(evidence: &MoveEvidence<'_>) -> Result<(), ReasonToKeep> {
    let MoveEvidence { source_before, source_now, is_by_hash, expected, copy_now, proof, storage } =
        *evidence;
    if source_now.kind != source_before.kind || has_changed(source_before, source_now) {
        return Err(ReasonToKeep::SourceChanged);
    }
    // Without a time, two files of one size cannot be told apart.
    if !is_by_hash && (source_before.modified.is_none() || source_now.modified.is_none()) {
        return Err(ReasonToKeep::NoTime);
    }
    match (expected.is(copy_now), proof) {
        (CopyState::Missing, _) => return Err(ReasonToKeep::CopyMissing),
        (CopyState::Other, _) | (_, CopyProof::Differs) => return Err(ReasonToKeep::CopyChanged),
        (CopyState::OtherTime, CopyProof::SameSession | CopyProof::NoDigest) => {
            return Err(ReasonToKeep::CopyChanged);
        }
        (CopyState::Same, CopyProof::NoDigest) => return Err(ReasonToKeep::NotProven),
        (CopyState::Same | CopyState::OtherTime, CopyProof::ComparedAgain)
        | (CopyState::Same, CopyProof::SameSession) => {}
    }
    match storage {
        StableStorage::Stable | StableStorage::Unasked => Ok(()),
        StableStorage::Refused(_) => Err(ReasonToKeep::NotStable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: Kind, size: Option<u64>, modified: Option<i64>) -> Facts {
        Facts { kind, size, modified: modified.map(When), unique: None, mode: None }
    }

    #[test]
    fn a_source_leaves_only_if_all_evidence_is_there() {
        use CopyProof::{ComparedAgain, Differs, NoDigest, SameSession};
        let file = |size, modified| facts(Kind::File, Some(size), modified);
        let (stable, refused) = (StableStorage::Stable, StableStorage::Refused("500".to_owned()));
        let before = file(5, Some(1));
        let check = |now: &Facts, copy: Option<Facts>, proof, storage: &StableStorage, expect| {
            let expected = ExpectedCopy { size: Some(5), modified: Some(When(1)) };
            let evidence = MoveEvidence {
                source_before: &before,
                source_now: now,
                is_by_hash: true,
                expected,
                copy_now: copy.as_ref(),
                proof,
                storage,
            };
            assert_eq!(check(&evidence), expect, "{now:?} {copy:?} {proof:?} {storage:?}");
        };
        let same = || Some(file(5, Some(1)));
        check(&before, same(), SameSession, &stable, Ok(()));
        check(&before, same(), SameSession, &StableStorage::Unasked, Ok(()));
        check(&before, same(), SameSession, &refused, Err(ReasonToKeep::NotStable));
        check(&before, same(), ComparedAgain, &stable, Ok(()));
        check(&before, same(), NoDigest, &stable, Err(ReasonToKeep::NotProven));
        check(&before, same(), Differs, &stable, Err(ReasonToKeep::CopyChanged));
        // What the destination does not tell is no difference.
        check(&before, Some(facts(Kind::File, None, None)), SameSession, &stable, Ok(()));
        check(&before, None, SameSession, &stable, Err(ReasonToKeep::CopyMissing));
        check(&before, None, ComparedAgain, &stable, Err(ReasonToKeep::CopyMissing));
        check(&before, Some(file(6, Some(1))), SameSession, &stable, Err(ReasonToKeep::CopyChanged));
        let link = Some(facts(Kind::Link, Some(5), Some(1)));
        check(&before, link, SameSession, &stable, Err(ReasonToKeep::CopyChanged));
        // A server may round times: digests decide.
        for (proof, expect) in [
            (SameSession, Err(ReasonToKeep::CopyChanged)),
            (NoDigest, Err(ReasonToKeep::CopyChanged)),
            (ComparedAgain, Ok(())),
            (Differs, Err(ReasonToKeep::CopyChanged)),
        ] {
            check(&before, Some(file(5, Some(2))), proof, &stable, expect);
        }
        for now in [file(6, Some(1)), file(5, Some(2)), facts(Kind::Link, Some(5), Some(1))] {
            check(&now, same(), SameSession, &stable, Err(ReasonToKeep::SourceChanged));
        }
    }

    #[test]
    fn without_a_digest_a_time_must_show_that_the_source_is_unchanged() {
        let timeless = facts(Kind::File, Some(5), None);
        for (is_by_hash, expect) in [(true, Ok(())), (false, Err(ReasonToKeep::NoTime))] {
            let evidence = MoveEvidence {
                source_before: &timeless,
                source_now: &timeless,
                is_by_hash,
                expected: ExpectedCopy::default(),
                copy_now: Some(&timeless),
                proof: CopyProof::SameSession,
                storage: &StableStorage::Stable,
            };
            assert_eq!(check(&evidence), expect);
        }
    }
}
