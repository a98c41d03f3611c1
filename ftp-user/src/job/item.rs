//! One file of a job, and what was done with it.

use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{Protection, Relayed, TransferFacts, Verified};
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::wire::PathName;

/// One file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The number of the file within its job, from 1.
    pub number: u64,
    /// Its path at the source.
    pub source: PathName,
    /// Its path at the destination.
    pub destination: PathName,
    /// What a listing says about the source, so that it need not be asked again.
    pub known: Option<Facts>,
    /// What the destination has said about its path.
    pub target: Target,
    /// The name that an old file at the destination gets before the copy gets its own.
    pub kept_as: Option<PathName>,
    /// Whether a listing has told its name: it may have left out blanks at the beginning.
    pub is_listed: bool,
}

/// What is known of the place of a copy before it begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Target {
    /// The destination has not been asked.
    #[default]
    Unknown,
    /// This is there, or nothing.
    Known(Option<Facts>),
}

impl Item {
    /// How reports call both places.
    pub fn names(&self, ends: &Ends) -> (String, String) {
        (ends.source.show(&self.source), ends.destination.show(&self.destination))
    }
}

#[cfg(test)]
impl Item {
    /// A file that has the same path at both ends, of which nothing else is known.
    pub(in crate::job) fn of_both(number: u64, path: &str) -> Self {
        let path = PathName::from_user(path).unwrap();
        Self {
            number,
            source: path.clone(),
            destination: path,
            known: None,
            target: Target::Unknown,
            kept_as: None,
            is_listed: false,
        }
    }
}

/// What was done with one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The size of the file in bytes, if it is known; also if it was skipped.
    pub size: Option<u64>,
    /// How many of its bytes were at the destination before this run, which has kept them.
    pub before: u64,
    /// How many bytes were sent, if they were only what had changed of the file.
    pub changed_parts: Option<u64>,
    /// The path that it took; `None` if it was skipped.
    pub rung: Option<Rung>,
    /// The path that it took in an earlier run of the job, if this one has skipped it and is a move: whoever moves a tree is not
    /// told that it was there already.
    pub before_by: Option<Rung>,
    /// What passed a relay.
    pub relayed: Option<Relayed>,
    /// What protected its bytes; `None` if none have moved.
    pub protection: Option<Protection>,
    /// What verified it.
    pub verified: Verified,
    /// The number of attempts that may have moved bytes.
    pub attempts: u32,
    /// What has verified it in an earlier run of the job, if that has copied it and this run had nothing to copy. In a move,
    /// that run has deleted the source as well.
    pub earlier: Option<Verified>,
    /// The path that it took in that run, for the journal.
    pub earlier_by: Option<Rung>,
    /// If it moves on without this program: the job that has it. Then nothing of it is verified.
    pub detached: Option<JobId>,
    /// What the source was before its first byte was read, if this run has looked at it.
    pub source: Option<Facts>,
    /// Whether something had the name of the copy before. Then both places may be one.
    pub was_taken: bool,
    /// Whether that is kept under another name.
    pub kept_old: bool,
    /// What is known of its transfer.
    pub facts: TransferFacts,
    /// The session of the destination that has verified the copy, or found it there. `None`: this host, or none that was open
    /// all the time.
    pub session: Option<SessionId>,
}

impl Done {
    /// A file of that size was skipped, since it is the same at the destination.
    pub const fn skipped(size: Option<u64>, verified: Verified) -> Self {
        Self {
            size,
            before: 0,
            changed_parts: None,
            rung: None,
            before_by: None,
            relayed: None,
            protection: None,
            verified,
            attempts: 0,
            earlier: None,
            earlier_by: None,
            detached: None,
            source: None,
            was_taken: true,
            kept_old: false,
            facts: TransferFacts::NONE,
            session: None,
        }
    }

    /// The same, and this run has looked at its source.
    pub fn of(self, source: Facts) -> Self {
        Self { source: Some(source), ..self }
    }

    /// A file of that size would take this path.
    pub fn planned(size: Option<u64>, rung: Rung, verified: Verified) -> Self {
        let skipped = Self::skipped(size, verified);
        Self { rung: Some(rung), ..skipped }
    }

    /// An earlier run of the job has copied the file, and this one has not looked at it.
    pub fn earlier(size: Option<u64>, verified: Verified) -> Self {
        Self { earlier: Some(verified), ..Self::skipped(size, Verified::None) }
    }

    /// Whether an earlier run of the job has copied it, and this one had nothing to do.
    pub fn is_earlier(&self) -> bool {
        self.took().is_none() && self.earlier.is_some()
    }

    /// The path that it took, in this run or in the one before; `None` if it was there already.
    pub fn took(&self) -> Option<Rung> {
        self.rung.or(self.before_by)
    }

    /// Its bytes if it was copied, as far as they are known.
    pub fn copied(&self) -> u64 {
        self.took().and(self.size).unwrap_or(0)
    }

    /// How many of these this run has moved.
    pub fn moved(&self) -> u64 {
        self.copied() - self.copied_before()
    }

    /// How many of these an earlier run has moved.
    pub fn copied_before(&self) -> u64 {
        let before = if self.rung.is_none() { u64::MAX } else { self.before };
        before.min(self.copied())
    }
}
