//! Directories that only the destination has, while the names in them pass by in their order: each goes with what is in it,
//! or stays because something in it stays. Pure.

use ftp_proto::wire::PathName;

/// The directories in which the last name was. Each is in the one before it.
#[derive(Clone, Debug)]
pub(super) struct EmptiedDirectories {
    open: Vec<OpenDirectory>,
    /// Whether a directory stays in which nothing was deleted: only some files are wanted, or another job may have made it.
    keeps_empty: bool,
    /// The first such directory.
    first_empty: Option<PathName>,
}

#[derive(Clone, Debug)]
struct OpenDirectory {
    below: PathName,
    /// Whether something in it was deleted.
    is_emptier: bool,
    /// Whether something in it stays.
    is_needed: bool,
}

impl EmptiedDirectories {
    /// No name has come yet.
    pub(super) const fn new(keeps_empty: bool) -> Self {
        Self { open: Vec::new(), keeps_empty, first_empty: None }
    }

    /// The next directory in which `next` is not, and which goes. It is asked for until there is none.
    pub(super) fn leave(&mut self, next: Option<&PathName>) -> Option<PathName> {
        let is_left = |open: &mut OpenDirectory| next.is_none_or(|next| !next.is_below(&open.below));
        while let Some(OpenDirectory { below, is_emptier, is_needed }) = self.open.pop_if(is_left) {
            if !is_needed && (is_emptier || !self.keeps_empty) {
                return Some(below);
            }
            if !is_needed {
                self.first_empty.get_or_insert(below);
            }
            self.stays();
        }
        None
    }

    /// The first directory that stays because nothing in it was deleted.
    pub(super) const fn first_empty(&self) -> Option<&PathName> {
        self.first_empty.as_ref()
    }

    /// The next name is a directory that goes, unless something in it stays.
    pub(super) fn enter(&mut self, below: PathName) {
        self.open.push(OpenDirectory { below, is_emptier: false, is_needed: false });
    }

    /// The next name goes.
    pub(super) fn goes(&mut self) {
        self.open.iter_mut().for_each(|open| open.is_emptier = true);
    }

    /// The next name stays. Returns whether it is the first one by which its directory does.
    pub(super) fn stays(&mut self) -> bool {
        self.open.last_mut().is_some_and(|open| !std::mem::replace(&mut open.is_needed, true))
    }
}
