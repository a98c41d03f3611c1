//! Whether the source of a file that was moved may be deleted.

use super::judge::{DeletePermit, ReasonToKeep, RemovalKind, SameFile, differ, has_changed, path_at};
use crate::command::FileToSend;
use crate::listing::{Facts, Kind, When};
use crate::wire::PathName;
use serde::{Deserialize, Serialize};

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
    pub source_now: &'a SourceNow,
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

/// What is known of a source when its deletion is asked for.
#[derive(Clone, Debug)]
pub enum SourceNow {
    /// It was looked at.
    Seen(Facts),
    /// Its server looks at it right before it deletes it (PACK DELETE).
    Compared(SameFile),
}

impl SourceNow {
    /// Whether it is what it was before. `path` is its path.
    fn is_unchanged(&self, path: &PathName, before: &Facts) -> bool {
        match self {
            Self::Seen(now) => now.kind == before.kind && !has_changed(before, now),
            Self::Compared(same) => {
                let FileToSend { size, modified, unique, name: _ } = &same.file;
                let is_before = before.kind == Kind::File
                    && before.size == Some(u64::from(*size))
                    && before.modified == *modified
                    && before.exact_identity() == *unique;
                is_before && same.file.is_whole() && same.path() == *path
            }
        }
    }

    const fn has_time(&self) -> bool {
        match self {
            Self::Seen(now) => now.modified.is_some(),
            Self::Compared(same) => same.file.modified.is_some(),
        }
    }
}

/// What a copy is, if it is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct ExpectedCopy {
    /// Its size in bytes, if that is known.
    pub size: Option<u64>,
    /// Its time, if it was set.
    pub modified: Option<When>,
}

impl ExpectedCopy {
    /// Whether this is it, as far as the destination tells its size and time.
    pub fn is(self, now: Option<&Facts>) -> CopyState {
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
    /// The digests of both ends were compared again, and are equal.
    ComparedAgain,
    /// They were compared again, and differ.
    Differs,
    /// They could not be compared again: an end has computed none.
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
        check(&path, evidence)?;
        let only_if = match evidence.source_now {
            SourceNow::Seen(_) => None,
            SourceNow::Compared(same) => Some(same.clone()),
        };
        Ok(Self { path, kind: RemovalKind::File, only_if })
    }
}

fn check(path: &PathName, evidence: &MoveEvidence<'_>) -> Result<(), ReasonToKeep> {
    let MoveEvidence { source_before, source_now, is_by_hash, expected, copy_now, proof, storage } =
        *evidence;
    if !source_now.is_unchanged(path, source_before) {
        return Err(ReasonToKeep::SourceChanged);
    }
    // Without a time, two files of one size cannot be told apart.
    if !is_by_hash && (source_before.modified.is_none() || !source_now.has_time()) {
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
    use crate::wire::FileName;

    fn path() -> PathName {
        PathName::from_user("d/f").unwrap()
    }

    fn facts(kind: Kind, size: Option<u64>, modified: Option<i64>) -> Facts {
        Facts { kind, size, modified: modified.map(When), unique: None, version: None, mode: None }
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
                source_now: &SourceNow::Seen(now.clone()),
                is_by_hash: true,
                expected,
                copy_now: copy.as_ref(),
                proof,
                storage,
            };
            assert_eq!(check(&path(), &evidence), expect, "{now:?} {copy:?} {proof:?} {storage:?}");
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
        check(&before, None, NoDigest, &stable, Err(ReasonToKeep::CopyMissing));
        for proof in [NoDigest, ComparedAgain] {
            check(&before, Some(file(6, Some(1))), proof, &stable, Err(ReasonToKeep::CopyChanged));
        }
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
    fn a_source_that_its_server_compares_leaves_only_if_that_is_what_it_was() {
        let before = Facts { unique: Some("u".to_owned()), ..facts(Kind::File, Some(5), Some(1)) };
        let same =
            |size, modified: Option<i64>, unique: Option<&str>, directory: &str, name: &str| SameFile {
                directory: PathName::from_user(directory).unwrap(),
                file: FileToSend {
                    size,
                    modified: modified.map(When),
                    unique: unique.map(str::to_owned),
                    name: FileName::from_wire(name.as_bytes()).unwrap(),
                },
            };
        let check = |before: &Facts, same: &SameFile, is_by_hash| {
            let evidence = MoveEvidence {
                source_before: before,
                source_now: &SourceNow::Compared(same.clone()),
                is_by_hash,
                expected: ExpectedCopy::default(),
                copy_now: Some(before),
                proof: CopyProof::SameSession,
                storage: &StableStorage::Stable,
            };
            let below = PathName::from_user("f").unwrap();
            DeletePermit::for_moved(&PathName::from_user("d").unwrap(), Some(&below), &evidence)
        };
        let whole = same(5, Some(1), Some("u"), "d", "f");
        assert_eq!(check(&before, &whole, false).unwrap().only_if(), Some(&whole));
        let versioned = Facts { version: Some(0x1f), ..before.clone() };
        assert_eq!(check(&versioned, &whole, true), Err(ReasonToKeep::SourceChanged), "of any version");
        assert!(check(&versioned, &same(5, Some(1), Some("u.1f"), "d", "f"), true).is_ok());
        for other in [
            same(6, Some(1), Some("u"), "d", "f"),
            same(5, Some(2), Some("u"), "d", "f"),
            same(5, None, Some("u"), "d", "f"),
            same(5, Some(1), None, "d", "f"),
            same(5, Some(1), Some("v"), "d", "f"),
            same(5, Some(1), Some("u"), "d", "g"),
            same(5, Some(1), Some("u"), "e", "f"),
        ] {
            assert_eq!(check(&before, &other, true), Err(ReasonToKeep::SourceChanged), "{other:?}");
        }
        for kind in [Kind::Link, Kind::Directory, Kind::Other] {
            let other = Facts { kind, ..before.clone() };
            assert_eq!(check(&other, &whole, true), Err(ReasonToKeep::SourceChanged), "{kind:?}");
        }
        let timeless = facts(Kind::File, Some(5), None);
        let whole = same(5, None, None, "d", "f");
        assert_eq!(check(&timeless, &whole, false), Err(ReasonToKeep::NoTime));
        assert!(check(&timeless, &whole, true).is_ok());
        // What cannot stand in a command would not be compared.
        let odd = Facts { unique: Some("a b".to_owned()), ..before };
        let same = same(5, Some(1), Some("a b"), "d", "f");
        assert_eq!(check(&odd, &same, true), Err(ReasonToKeep::SourceChanged));
    }

    #[test]
    fn without_a_digest_a_time_must_show_that_the_source_is_unchanged() {
        let timeless = facts(Kind::File, Some(5), None);
        for (is_by_hash, expect) in [(true, Ok(())), (false, Err(ReasonToKeep::NoTime))] {
            let evidence = MoveEvidence {
                source_before: &timeless,
                source_now: &SourceNow::Seen(timeless.clone()),
                is_by_hash,
                expected: ExpectedCopy::default(),
                copy_now: Some(&timeless),
                proof: CopyProof::SameSession,
                storage: &StableStorage::Stable,
            };
            assert_eq!(check(&path(), &evidence), expect);
        }
    }
}
