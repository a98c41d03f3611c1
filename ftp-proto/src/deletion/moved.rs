//! Whether the source of a file that was moved may be deleted.

use super::judge::{DeletePermit, has_changed};
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

/// Why a source is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeptReason {
    /// It is another file now.
    SourceChanged,
    /// Neither a time nor a digest would show a change of it.
    NoTime,
    /// The destination does not have the copy any more.
    CopyMissing,
    /// Something else has the name of the copy.
    CopyChanged,
    /// Nothing shows that the copy is still what was verified.
    NotProven,
    /// The destination has not said that the copy survives a power failure.
    NotStable,
}

impl KeptReason {
    /// The reason in words: the source stays, because ...
    pub const fn words(self) -> &'static str {
        match self {
            Self::SourceChanged => "it has changed since it was read",
            Self::NoTime => {
                "no time of it is known that would show a change, and no digest has verified the copy"
            }
            Self::CopyMissing => "its copy is not there any more",
            Self::CopyChanged => "its copy is not what was verified",
            Self::NotProven => {
                "the session that has verified its copy has ended, and no digest shows that the copy is the same"
            }
            Self::NotStable => "the destination does not say that its copy is on stable storage",
        }
    }

    /// What to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::SourceChanged => "move it again when nobody writes to it",
            Self::CopyMissing | Self::CopyChanged => "look at the destination, then move it again",
            Self::NoTime | Self::NotProven => "compare both, and delete it with ftp-user rm",
            Self::NotStable => "look at the log of the destination, then move it again",
        }
    }
}

impl DeletePermit {
    /// The source of a file that was moved, at `path`.
    ///
    /// # Errors
    ///
    /// Why it is kept.
    pub fn for_moved(path: PathName, evidence: &MoveEvidence<'_>) -> Result<Self, KeptReason> {
        check(evidence).map(|()| Self { path })
    }
}

fn check(evidence: &MoveEvidence<'_>) -> Result<(), KeptReason> {
    let MoveEvidence { source_before, source_now, is_by_hash, expected, copy_now, proof, storage } =
        *evidence;
    if source_now.kind != source_before.kind || has_changed(source_before, source_now) {
        return Err(KeptReason::SourceChanged);
    }
    // Without a time, two files of one size cannot be told apart.
    if !is_by_hash && (source_before.modified.is_none() || source_now.modified.is_none()) {
        return Err(KeptReason::NoTime);
    }
    match (expected.is(copy_now), proof) {
        (CopyState::Missing, _) => return Err(KeptReason::CopyMissing),
        (CopyState::Other, _) | (_, CopyProof::Differs) => return Err(KeptReason::CopyChanged),
        (CopyState::OtherTime, CopyProof::SameSession | CopyProof::NoDigest) => {
            return Err(KeptReason::CopyChanged);
        }
        (CopyState::Same, CopyProof::NoDigest) => return Err(KeptReason::NotProven),
        (CopyState::Same | CopyState::OtherTime, CopyProof::ComparedAgain)
        | (CopyState::Same, CopyProof::SameSession) => {}
    }
    match storage {
        StableStorage::Stable | StableStorage::Unasked => Ok(()),
        StableStorage::Refused(_) => Err(KeptReason::NotStable),
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
        check(&before, same(), SameSession, &refused, Err(KeptReason::NotStable));
        check(&before, same(), ComparedAgain, &stable, Ok(()));
        check(&before, same(), NoDigest, &stable, Err(KeptReason::NotProven));
        check(&before, same(), Differs, &stable, Err(KeptReason::CopyChanged));
        // What the destination does not tell is no difference.
        check(&before, Some(facts(Kind::File, None, None)), SameSession, &stable, Ok(()));
        check(&before, None, SameSession, &stable, Err(KeptReason::CopyMissing));
        check(&before, None, ComparedAgain, &stable, Err(KeptReason::CopyMissing));
        check(&before, Some(file(6, Some(1))), SameSession, &stable, Err(KeptReason::CopyChanged));
        let link = Some(facts(Kind::Link, Some(5), Some(1)));
        check(&before, link, SameSession, &stable, Err(KeptReason::CopyChanged));
        // A server may round times: digests decide.
        for (proof, expect) in [
            (SameSession, Err(KeptReason::CopyChanged)),
            (NoDigest, Err(KeptReason::CopyChanged)),
            (ComparedAgain, Ok(())),
            (Differs, Err(KeptReason::CopyChanged)),
        ] {
            check(&before, Some(file(5, Some(2))), proof, &stable, expect);
        }
        for now in [file(6, Some(1)), file(5, Some(2)), facts(Kind::Link, Some(5), Some(1))] {
            check(&now, same(), SameSession, &stable, Err(KeptReason::SourceChanged));
        }
    }

    #[test]
    fn without_a_digest_a_time_must_show_that_the_source_is_unchanged() {
        let timeless = facts(Kind::File, Some(5), None);
        for (is_by_hash, expect) in [(true, Ok(())), (false, Err(KeptReason::NoTime))] {
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
