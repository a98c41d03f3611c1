//! Several directories as one, which a composite directory shows. Pure.

use crate::place::{self, Location, Place, Remote, RemotePath};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::collections::BTreeMap;

/// How several directories are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Grouping {
    /// One after the other.
    #[default]
    Each,
    /// As one directory, as a composite directory has it.
    AsOne,
}

/// What stands on one line: a name of one of the directories, or a directory that several of them have.
#[derive(Clone, PartialEq, Debug)]
pub struct United<At> {
    /// Where it is, and what is known of it there.
    pub first: (At, Entry),
    /// The same directory in others.
    pub others: Vec<(At, Entry)>,
    /// Whether something else has its name too, so that it must be called by its place.
    pub has_namesake: bool,
}

impl<At> United<At> {
    /// It has its name alone.
    pub const fn alone(at: At, entry: Entry) -> Self {
        Self { first: (at, entry), others: Vec::new(), has_namesake: false }
    }
}

/// The entries of all directories as those of one, in the order of their names. Directories with the same name are one;
/// anything else stands there once for each that has it.
pub fn united<At: Clone>(held: Vec<(At, Vec<Entry>)>) -> Vec<United<At>> {
    let mut by_name: BTreeMap<PathName, Vec<(At, Entry)>> = BTreeMap::new();
    for (at, entries) in held {
        for entry in entries {
            by_name.entry(entry.name.clone()).or_default().push((at.clone(), entry));
        }
    }
    let of_name = |same: Vec<(At, Entry)>| -> Vec<United<At>> {
        let has_namesake = same.len() > 1 && same.iter().any(|(_, entry)| entry.kind != Kind::Directory);
        let mut all = same.into_iter();
        if has_namesake {
            let each = |first| United { first, others: Vec::new(), has_namesake };
            return all.map(each).collect();
        }
        let first = all.next();
        first.map(|first| United { first, others: all.collect(), has_namesake }).into_iter().collect()
    };
    by_name.into_values().flat_map(of_name).collect()
}

/// A name below a directory as the shell reads it, wherever that is.
pub fn typed(directory: &Location, below: &PathName) -> String {
    let above = Some(&directory.path).filter(|path| path.as_bytes() != b".");
    let path = place::join(above, below);
    match &directory.place {
        Place::Remote(Remote { site, .. }) => {
            site.show(&RemotePath { name: Some(path), contents: false, glob: None })
        }
        Place::Local(_) => format!("[]{}", path.display()),
    }
}
