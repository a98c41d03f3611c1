//! A directory of the chain that a walk has entered: what it is, and which of the directories in it is entered next.

use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, Listing};
use crate::job::spool::Spool;
use crate::job::tree::below;
use crate::place;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

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
    /// What was in it at a moment, if the server has sent that already.
    #[serde(skip)]
    pub(super) listing: Option<(Listing, Moment)>,
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

    /// The directory in it that is entered next. Those beside it are listed with it if the server can do that, as long as there
    /// is `room` for their listings. `root` is the path of the tree.
    ///
    /// # Errors
    ///
    /// What was found cannot be read again.
    pub(super) async fn next(
        &mut self,
        context: &Context,
        host: &mut Host,
        root: &PathName,
        room: &mut usize,
    ) -> io::Result<Option<FoundDirectory>> {
        if self.asked == 0 {
            while self.next.len() < LISTED_AT_ONCE
                && let Some(child) = self.children.pop()?
            {
                self.next.push_back(child);
            }
            if self.next.len() > 1 && host.lists_at_once() {
                let above = below(root, self.directory.path.as_ref());
                let path = |child: &FoundDirectory| place::join(Some(&above), &child.name);
                let paths: Vec<PathName> = self.next.iter().map(path).collect();
                let listings = files::list_ahead(host, &paths, *room).await;
                self.asked = listings.len();
                let now = context.world.clock.now();
                for (child, listing) in self.next.iter_mut().zip(listings) {
                    *room -= listing.as_ref().map_or(0, Listing::bytes_in_memory);
                    child.listing = listing.map(|listing| (listing, now));
                }
            }
        }
        self.asked = self.asked.saturating_sub(1);
        Ok(self.next.pop_front())
    }
}

/// How many directories that wait are in memory, for each directory of the chain.
pub(super) const CHILDREN_IN_MEMORY: usize = 256;
/// How many directories a server is asked at once to list.
const LISTED_AT_ONCE: usize = 32;
/// Bytes that listings may take that wait for their directories.
pub(super) const ROOM_AHEAD: usize = 8 << 20;
/// How long a listing may wait for its directory. After that it is asked for again.
pub(super) const NEW_FOR: Duration = Duration::from_secs(30);
