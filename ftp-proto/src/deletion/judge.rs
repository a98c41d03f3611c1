//! Whether one name may go, by the evidence for it.

use super::absence::Presence;
use super::containment::relative;
use crate::listing::{Facts, Kind};
use crate::wire::PathName;

/// A session with one server, or the host of the program itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
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
    pub fn in_session(&self, now: SessionId) -> Result<&T, Kept> {
        if self.by == now { Ok(&self.told) } else { Err(Kept::Stale) }
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

/// Why a name stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kept {
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
}

/// Leave to delete one name, or to rename it out of the way. Only the judge gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletePermit {
    pub(super) path: PathName,
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
    /// A name below `root` that somebody wants to be deleted with everything in it (`rm -r`). `now` is the session that deletes.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub fn for_listed(
        root: &PathName,
        below: &PathName,
        entry: &Learnt<ListedEntry>,
        now: SessionId,
    ) -> Result<Self, Kept> {
        let path = path_below(root, below)?;
        let entry = entry.in_session(now)?;
        if entry.is_listing_whole { Ok(Self { path }) } else { Err(Kept::NotListed) }
    }

    /// A place that somebody has named himself, and nothing below it.
    pub const fn for_named(path: PathName) -> Self {
        Self { path }
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
    ) -> Result<Self, Kept> {
        let path = path_below(root, below)?;
        let evidence = evidence.in_session(source)?;
        if !evidence.is_listed_whole {
            return Err(Kept::NotListed);
        }
        match (evidence.presence, evidence.witness) {
            (Presence::There, _) => return Err(Kept::There),
            (Presence::Unknown, _) => return Err(Kept::Unclear),
            (Presence::Missing, Witness::NotFound) => return Err(Kept::NoWitness),
            (Presence::Missing, Witness::Found | Witness::NotNeeded) => {}
        }
        if evidence.needs_consent {
            return Err(Kept::Amount);
        }
        // A listing that tells no size shows no change of it.
        let size = evidence.seen.size.and(evidence.now.size).and(evidence.seen.size).or(evidence.now.size);
        let seen = Facts { size, ..evidence.seen.clone() };
        if seen.kind != evidence.now.kind || has_changed(&seen, evidence.now) {
            Err(Kept::Changed)
        } else {
            Ok(Self { path })
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
    ) -> Result<Self, Kept> {
        let path = below.map_or_else(|| Ok(root.clone()), |below| path_below(root, below))?;
        match entries.in_session(now)? {
            Some(0) => Ok(Self { path }),
            Some(_) => Err(Kept::NotEmpty),
            None => Err(Kept::NotListed),
        }
    }

    /// The path of the name that may go.
    pub const fn path(&self) -> &PathName {
        &self.path
    }
}

/// The path of a name below a place: no name on the way to it leads elsewhere.
fn path_below(root: &PathName, below: &PathName) -> Result<PathName, Kept> {
    let leads_out = |name: &[u8]| name.is_empty() || matches!(name, b"." | b"..") || name.contains(&b'\r');
    if below.as_bytes().split(|byte| *byte == b'/').any(leads_out) {
        return Err(Kept::Outside);
    }
    let separator: &[u8] = if root.as_bytes().ends_with(b"/") { b"" } else { b"/" };
    let path = [root.as_bytes(), separator, below.as_bytes()].concat();
    let path = PathName::from_wire(path).map_err(|_| Kept::Outside)?;
    let is_inside = super::containment::is_below(root, &path) || relative(root, &path).is_some();
    if is_inside { Ok(path) } else { Err(Kept::Outside) }
}

/// Whether a file is another one now: its size, time or identity differs. A fact that was not told at one of both times
/// is no difference, but a size is one.
pub fn has_changed(before: &Facts, now: &Facts) -> bool {
    fn differ<T: PartialEq>(before: Option<T>, now: Option<T>) -> bool {
        matches!((before, now), (Some(before), Some(now)) if before != now)
    }
    before.size != now.size
        || differ(before.modified, now.modified)
        || differ(before.unique.as_ref(), now.unique.as_ref())
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
