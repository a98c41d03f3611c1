//! The directories that a walk has entered, and those that it enters next.

use super::ahead::WaitingListing;
use crate::job::spool::Spool;
use crate::place;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What shows that two paths lead to the same directory. Nothing need be known.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub(super) struct Identity {
    /// The server's own identity of it.
    pub(super) unique: Option<String>,
    /// Its path without symbolic links.
    pub(super) real: Option<PathName>,
}

impl Identity {
    fn is(&self, other: &Self) -> bool {
        let same_unique = self.unique.is_some() && self.unique == other.unique;
        same_unique || (self.real.is_some() && self.real == other.real)
    }
}

/// A directory that was found.
#[derive(Deserialize, Serialize)]
pub(super) struct FoundDirectory {
    pub(super) name: PathName,
    pub(super) identity: Identity,
}

/// A directory that is entered next.
pub(super) struct NextDirectory {
    pub(super) parent: Arc<EnteredDirectory>,
    pub(super) found: FoundDirectory,
    /// What is in it, if the server has sent that already.
    pub(super) listing: Option<WaitingListing>,
}

impl NextDirectory {
    /// Its path below the root.
    pub(super) fn path(&self) -> PathName {
        place::join(self.parent.path.as_ref(), &self.found.name)
    }
}

/// A directory that was entered.
#[derive(Debug)]
pub(super) struct EnteredDirectory {
    /// Relative to the root; `None` is the root.
    pub(super) path: Option<PathName>,
    pub(super) identity: Identity,
    pub(super) parent: Option<Arc<Self>>,
}

impl EnteredDirectory {
    /// The directory of this chain, from this one up, that has this identity.
    pub(super) fn find(&self, identity: &Identity) -> Option<&Self> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
            .find(|directory| directory.identity.is(identity))
    }

    pub(super) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "the directory that is copied".to_owned(), PathName::display)
    }
}

/// A directory that was entered, with those in it that were not.
pub(super) struct Level {
    pub(super) directory: Arc<EnteredDirectory>,
    pub(super) children: Spool<FoundDirectory>,
}

impl Level {
    /// Nothing in this directory was found yet.
    pub(super) fn new(directory: Arc<EnteredDirectory>) -> Self {
        Self { directory, children: Spool::new(CHILDREN_IN_MEMORY) }
    }
}

/// How many directories that wait are in memory, for each directory that was entered.
pub(super) const CHILDREN_IN_MEMORY: usize = 256;
