//! Whether one name may go, by the evidence for it, or why it is kept.

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod tests;

use super::absence::Presence;
use crate::command::FileToSend;
use crate::listing::{Facts, Kind};
use crate::wire::PathName;
use serde::{Deserialize, Serialize};

/// A session with one server, or the host of the program itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Deserialize, Serialize)]
pub struct SessionId(u64);

impl SessionId {
    /// The host of the program. It is never away.
    pub const HERE: Self = Self(0);

    /// A session. Each has its own number, and no number is used again.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the session.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Something that a server has told in a session. It counts in that session only: a server that was away may show another
/// disk afterwards, or an older one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learnt<T> {
    told: T,
    by: SessionId,
}

impl<T> Learnt<T> {
    /// Something that was told in the session `by`.
    pub const fn new(told: T, by: SessionId) -> Self {
        Self { told, by }
    }

    /// What was told, if it still counts in the session `now`.
    ///
    /// # Errors
    ///
    /// It was another session: it has to be asked again.
    pub fn in_session(&self, now: SessionId) -> Result<&T, ReasonToKeep> {
        if self.by == now { Ok(&self.told) } else { Err(ReasonToKeep::Stale) }
    }

    /// The same with something that follows from it alone.
    pub fn map<U>(self, follow: impl FnOnce(T) -> U) -> Learnt<U> {
        Learnt { told: follow(self.told), by: self.by }
    }

    /// What was told, whether it still counts or not.
    pub const fn told(&self) -> &T {
        &self.told
    }

    /// The session in which it was told.
    pub const fn session(&self) -> SessionId {
        self.by
    }
}

impl<T> Learnt<Vec<T>> {
    /// Each of several things that were told in one session.
    pub fn each(self) -> impl Iterator<Item = Learnt<T>> {
        let by = self.by;
        self.told.into_iter().map(move |told| Learnt { told, by })
    }
}

/// What a permit is for. It decides which command is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RemovalKind {
    /// A file, or a symbolic link itself: DELE.
    File,
    /// A directory, if it is empty: RMD.
    Directory,
}

impl RemovalKind {
    /// What something of this kind is to a host.
    pub fn of(kind: Kind) -> Self {
        if kind == Kind::Directory { Self::Directory } else { Self::File }
    }
}

/// Leave to delete one name, or to rename it out of the way. Only the judge gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletePermit {
    pub(super) path: PathName,
    pub(super) kind: RemovalKind,
    pub(super) only_if: Option<SameFile>,
}

/// A file of a directory, as its server compares it right before it deletes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SameFile {
    /// The directory that has it.
    pub directory: PathName,
    /// What it must be, and its name there.
    pub file: FileToSend,
}

impl SameFile {
    /// The path of the file.
    pub fn path(&self) -> PathName {
        self.file.name.in_directory(&self.directory)
    }
}

/// An entry of the directory that somebody wants to be deleted with everything in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedEntry {
    /// What it is.
    pub kind: Kind,
    /// Whether the listing that shows it was read to its end, and left nothing out.
    pub is_listing_whole: bool,
}

/// Whether something that the source has was found while a name was looked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Witness {
    /// It was found, before and after.
    Found,
    /// It was not found.
    NotFound,
    /// The server has words of its own for a missing name, so nothing else has to be found.
    NotNeeded,
}

/// What is known of a name that only the destination shows.
#[derive(Clone, Copy, Debug)]
pub struct SurplusEvidence<'a> {
    /// Whether the directory of the source was listed whole.
    pub is_listed_whole: bool,
    /// Whether the source has the name.
    pub presence: Presence,
    /// Whether the source has found something that is there.
    pub witness: Witness,
    /// Whether somebody has to agree, because so much would go, and has not.
    pub needs_consent: bool,
    /// What the destination has shown of it in its listing.
    pub seen: &'a Facts,
    /// What the destination has of that name now.
    pub now: &'a Facts,
}

impl DeletePermit {
    /// A name below `root` that somebody wants to be deleted with everything in it (`rm -r`), and that is what it was when he was
    /// asked. `now` is the session that deletes.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_listed(
        root: &PathName,
        (below, kind): (&PathName, RemovalKind),
        entry: &Learnt<ListedEntry>,
        now: SessionId,
    ) -> Result<Self, ReasonToKeep> {
        let path = path_below(root, below)?;
        let entry = entry.in_session(now)?;
        match (entry.is_listing_whole, RemovalKind::of(entry.kind) == kind) {
            (false, _) => Err(ReasonToKeep::NotListed),
            (true, false) => Err(ReasonToKeep::Changed),
            (true, true) => Ok(Self::of(path, kind)),
        }
    }

    /// A place that somebody has named himself, and nothing below it.
    pub const fn for_named(path: PathName, kind: RemovalKind) -> Self {
        Self::of(path, kind)
    }

    /// A permit without a condition.
    pub(super) const fn of(path: PathName, kind: RemovalKind) -> Self {
        Self { path, kind, only_if: None }
    }

    /// What a server shows as a directory at or below `root`, if it is a symbolic link: DELE refuses a directory.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_link(root: &PathName, below: Option<&PathName>) -> Result<Self, ReasonToKeep> {
        Ok(Self::of(path_at(root, below)?, RemovalKind::File))
    }

    /// A name below `root` that the source of a sync lacks. `source` is the session that asks the source now.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_surplus(
        root: &PathName,
        below: &PathName,
        evidence: &Learnt<SurplusEvidence<'_>>,
        source: SessionId,
    ) -> Result<Self, ReasonToKeep> {
        let path = path_below(root, below)?;
        let evidence = evidence.in_session(source)?;
        if !evidence.is_listed_whole {
            return Err(ReasonToKeep::NotListed);
        }
        match (evidence.presence, evidence.witness) {
            (Presence::There, _) => return Err(ReasonToKeep::There),
            (Presence::Unknown, _) => return Err(ReasonToKeep::Unclear),
            (Presence::Missing, Witness::NotFound) => return Err(ReasonToKeep::NoWitness),
            (Presence::Missing, Witness::Found | Witness::NotNeeded) => {}
        }
        match (evidence.needs_consent, is_as_listed(evidence.seen, evidence.now)) {
            (true, _) => Err(ReasonToKeep::Amount),
            (false, false) => Err(ReasonToKeep::Changed),
            (false, true) => Ok(Self::of(path, RemovalKind::of(evidence.now.kind))),
        }
    }

    /// A directory at or below `root` that should be empty now. `entries` is the number of names that its listing shows; `None`
    /// if the listing is not whole.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_emptied(
        root: &PathName,
        below: Option<&PathName>,
        entries: &Learnt<Option<usize>>,
        now: SessionId,
    ) -> Result<Self, ReasonToKeep> {
        let path = path_at(root, below)?;
        match entries.in_session(now)? {
            Some(0) => Ok(Self::of(path, RemovalKind::Directory)),
            Some(_) => Err(ReasonToKeep::NotEmpty),
            None => Err(ReasonToKeep::NotListed),
        }
    }

    /// A directory at or below `root` from which everything was moved, where the host removes no directory that has anything in
    /// it: rmdir(2), and RMD of `ftp-server`.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_directory_if_empty(root: &PathName, below: Option<&PathName>) -> Result<Self, ReasonToKeep> {
        Ok(Self::of(path_at(root, below)?, RemovalKind::Directory))
    }

    /// A permit for the same file after it was renamed to `path`. `before` and `now` are its facts before and after the renaming.
    /// The version is not compared, because renaming may change it.
    ///
    /// # Errors
    ///
    /// That is another directory, or the file has changed.
    pub fn renamed(&self, path: PathName, before: &Facts, now: &Facts) -> Result<Self, ReasonToKeep> {
        fn above(path: &PathName) -> Vec<&[u8]> {
            let mut names: Vec<&[u8]> = path.names().collect();
            names.pop();
            names
        }
        let is_beside = path.is_absolute() == self.path.is_absolute() && above(&path) == above(&self.path);
        // What its server is to compare has the old name.
        if !is_beside || self.only_if.is_some() {
            return Err(ReasonToKeep::Outside);
        }
        if now.kind != before.kind || has_changed(&Facts { version: None, ..before.clone() }, now) {
            return Err(ReasonToKeep::SourceChanged);
        }
        Ok(Self::of(path, self.kind))
    }

    /// The path of the name that may go.
    pub const fn path(&self) -> &PathName {
        &self.path
    }

    /// What its server has to compare right before it deletes it; without that it is not deleted.
    pub const fn only_if(&self) -> Option<&SameFile> {
        self.only_if.as_ref()
    }

    /// What it is.
    pub const fn kind(&self) -> RemovalKind {
        self.kind
    }
}

/// The path of a place, or of a name below it.
pub(super) fn path_at(root: &PathName, below: Option<&PathName>) -> Result<PathName, ReasonToKeep> {
    below.map_or_else(|| Ok(root.clone()), |below| path_below(root, below))
}

/// The path of a name below a place.
///
/// # Errors
///
/// A name on the way to it may lead elsewhere.
pub fn path_below(root: &PathName, below: &PathName) -> Result<PathName, ReasonToKeep> {
    let leads_out = |name: &[u8]| name.is_empty() || matches!(name, b"." | b"..") || name.contains(&b'\r');
    if below.as_bytes().split(|byte| *byte == b'/').any(leads_out) {
        return Err(ReasonToKeep::Outside);
    }
    let separator: &[u8] = if root.as_bytes().ends_with(b"/") { b"" } else { b"/" };
    let path = [root.as_bytes(), separator, below.as_bytes()].concat();
    PathName::from_wire(path).map_err(|_| ReasonToKeep::Outside)
}

/// Whether a name is still what a listing has shown of it. One that tells no size shows no change of it.
pub fn is_as_listed(seen: &Facts, now: &Facts) -> bool {
    let size = seen.size.and(now.size).and(seen.size).or(now.size);
    seen.kind == now.kind && !has_changed(&Facts { size, ..seen.clone() }, now)
}

/// Whether a file is another one now: its size, time, identity or version differs. A missing time, identity or version is no
/// difference; a missing size is.
pub fn has_changed(before: &Facts, now: &Facts) -> bool {
    before.size != now.size
        || differ(before.modified, now.modified)
        || differ(before.unique.as_ref(), now.unique.as_ref())
        || differ(before.version, now.version)
}

/// Whether both are known and not the same.
pub(super) fn differ<T: PartialEq>(before: Option<T>, now: Option<T>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

/// Why a name stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReasonToKeep {
    /// The session that gave the evidence has ended.
    #[error("the session in which it was looked at has ended")]
    Stale,
    /// The path leads out of the place.
    #[error("its path leads out of the place")]
    Outside,
    /// A listing is not whole, or does not show the name.
    #[error("no whole listing tells what is in its directory")]
    NotListed,
    /// The source has the name.
    #[error("the source has it when it is asked")]
    There,
    /// The source does not say clearly whether it has the name.
    #[error("the source does not say clearly that it lacks it")]
    Unclear,
    /// The source found nothing at all while it was asked, also not what is there.
    #[error("the source did not find what it has in that directory either")]
    NoWitness,
    /// So much would go that somebody has to agree.
    #[error("more than half of its directory would be deleted")]
    Amount,
    /// It is not what it was when it was looked at.
    #[error("it has changed since it was looked at")]
    Changed,
    /// Something is in the directory.
    #[error("something is in it")]
    NotEmpty,
    /// The source of a move is another file now.
    #[error("it has changed since it was read")]
    SourceChanged,
    /// Neither a time nor a digest would show a change of it.
    #[error("no time of it is known that would show a change, and no digest has verified the copy")]
    NoTime,
    /// The destination does not have the copy any more.
    #[error("its copy is not there any more")]
    CopyMissing,
    /// Something else has the name of the copy.
    #[error("its copy is not what was verified")]
    CopyChanged,
    /// Nothing shows that the copy is still what was verified.
    #[error(
        "the session that has verified its copy has ended, and no digest shows that the copy is the same"
    )]
    NotProven,
    /// The destination has not said that the copy survives a power failure.
    #[error("the destination does not say that its copy is on stable storage")]
    NotStable,
}

impl ReasonToKeep {
    /// What to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Stale
            | Self::Outside
            | Self::NotListed
            | Self::There
            | Self::Unclear
            | Self::NoWitness
            | Self::Amount
            | Self::Changed
            | Self::NotEmpty => "do it again, to see what is there now",
            Self::SourceChanged => "move it again when nobody writes to it",
            Self::CopyMissing | Self::CopyChanged => "look at the destination, then move it again",
            Self::NoTime | Self::NotProven => "compare both, and delete it with ftp-user rm",
            Self::NotStable => "look at the log of the destination, then move it again",
        }
    }
}
