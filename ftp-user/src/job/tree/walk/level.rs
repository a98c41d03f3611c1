//! A directory of the chain that a walk has entered: what it is, and which of the directories in it is entered next.

use super::ahead::WaitingListing;
use crate::job::spool::Spool;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
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

/// A directory that was found and not entered yet.
#[derive(Deserialize, Serialize)]
pub(super) struct FoundDirectory {
    pub(super) name: PathName,
    pub(super) identity: Identity,
    /// What is in it, if the server has sent that already.
    #[serde(skip)]
    pub(super) listing: Option<WaitingListing>,
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
    /// The directories in it that are entered next.
    next: VecDeque<FoundDirectory>,
    /// How many of them the server was asked to list.
    asked: usize,
    /// The others in it that were not entered yet.
    pub(super) children: Spool<FoundDirectory>,
}

impl Level {
    /// Nothing in this directory was found yet.
    pub(super) fn new(directory: Arc<EnteredDirectory>) -> Self {
        Self { directory, next: VecDeque::new(), asked: 0, children: Spool::new(CHILDREN_IN_MEMORY) }
    }

    /// The directories in it that are entered next, if there are several and nobody was asked yet to list them: at most `most`.
    ///
    /// # Errors
    ///
    /// What was found cannot be read again.
    pub(super) fn unasked(&mut self, most: usize) -> io::Result<Vec<PathName>> {
        if self.asked > 0 {
            return Ok(Vec::new());
        }
        while self.next.len() < most.max(1)
            && let Some(child) = self.children.pop()?
        {
            self.next.push_back(child);
        }
        let several = most.min(self.next.len());
        let count = if several > 1 { several } else { 0 };
        Ok(self.next.iter().take(count).map(|child| child.name.clone()).collect())
    }

    /// Takes the listings of the first of them.
    pub(super) fn listed(&mut self, listings: Vec<Option<WaitingListing>>) {
        self.asked = listings.len();
        for (child, listing) in self.next.iter_mut().zip(listings) {
            child.listing = listing;
        }
    }

    /// The directory in it that is entered next.
    pub(super) fn next(&mut self) -> Option<FoundDirectory> {
        self.asked = self.asked.saturating_sub(1);
        self.next.pop_front()
    }
}

/// How many directories that wait are in memory, for each directory of the chain.
pub(super) const CHILDREN_IN_MEMORY: usize = 256;
