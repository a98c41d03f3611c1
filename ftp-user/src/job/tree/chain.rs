//! The directories of a walk: those that were entered, and those that wait. No chain has one of them twice.

use crate::job::spool::{Fields, Record, put_bytes, put_text};
use ftp_proto::wire::PathName;
use std::sync::Arc;

/// A directory that was found and not entered yet.
pub(super) struct Child {
    pub(super) name: PathName,
    pub(super) identity: Identity,
}

impl Record for Child {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { name, identity: Identity { unique, real } } = self;
        put_bytes(out, name.as_bytes());
        put_text(out, unique.as_deref());
        put_bytes(out, real.as_ref().map_or(&[], PathName::as_bytes));
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (name, unique) = (fields.path()?, fields.text()?);
        // No path is empty.
        let real = PathName::from_wire(fields.bytes()?).ok().filter(|real| !real.as_bytes().is_empty());
        Some(Self { name, identity: Identity { unique, real } })
    }
}

/// What shows that two paths lead to the same directory. Nothing need be known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
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

/// A directory that was entered.
#[derive(Debug)]
pub(super) struct Directory {
    /// Relative to the root; `None` is the root.
    pub(super) path: Option<PathName>,
    pub(super) identity: Identity,
    pub(super) parent: Option<Arc<Self>>,
}

impl Directory {
    /// The directory of this chain, from this one up, that has this identity.
    pub(super) fn find(&self, identity: &Identity) -> Option<&Self> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
            .find(|directory| directory.identity.is(identity))
    }

    pub(super) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "the directory that is copied".to_owned(), PathName::display)
    }
}
