//! Which names something has at the destination of a tree. A directory that the job has made is empty; others are listed
//! once, before files move there together.

use crate::context::Context;
use crate::endpoint::Server;
use crate::place;
use ftp_proto::wire::PathName;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The names that directories of the destination had when they were listed. Workers share them.
#[derive(Clone, Debug, Default)]
pub(in crate::job) struct TakenNames(Arc<Mutex<VecDeque<Directory>>>);

/// What is known of the names in a directory.
#[derive(Clone, Debug)]
enum Names {
    /// It was made by this job.
    New,
    /// It was listed, with these names.
    Listed(Arc<HashSet<PathName>>),
    /// It cannot be listed, or is too large.
    Unknown,
}

/// A directory that was made or listed.
#[derive(Clone, Debug)]
struct Directory {
    path: Option<PathName>,
    names: Names,
}

impl TakenNames {
    /// Notes that a directory was made, so that nothing is in it.
    pub(in crate::job) fn note_new(&self, path: &PathName) {
        self.keep(Some(path.clone()), Names::New);
    }

    /// Whether it is known, without a question, that nothing has the name of a file.
    pub(in crate::job) fn is_free(&self, file: &PathName) -> bool {
        self.known(place::parent(file).as_ref()).is_some_and(|names| names.lack(file))
    }

    /// Which of these files have a name that was free when their directory was listed. A file whose directory was not
    /// listed, or which a listing may have left out, counts as not free.
    pub(in crate::job) async fn free(
        &self,
        context: &Context,
        to: &mut Server,
        files: Vec<&PathName>,
    ) -> Vec<bool> {
        let mut free = Vec::new();
        for file in files {
            let path = place::parent(file);
            let names = match self.known(path.as_ref()) {
                Some(names) => names,
                None => self.listed(context, to, path).await,
            };
            free.push(names.lack(file));
        }
        free
    }

    fn known(&self, path: Option<&PathName>) -> Option<Names> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().rev().find(|known| known.path.as_ref() == path).map(|known| known.names.clone())
    }

    fn keep(&self, path: Option<PathName>, names: Names) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back(Directory { path, names });
        let all: usize = known.iter().map(|known| known.names.len()).sum();
        if known.len() > DIRECTORIES || all > MOST {
            known.pop_front();
        }
    }

    /// Lists a directory.
    async fn listed(&self, context: &Context, to: &mut Server, path: Option<PathName>) -> Names {
        let listing = match to.session(context).await {
            Ok(session) => Box::pin(session.list(path.as_ref())).await.ok(),
            Err(_) => return Names::Unknown,
        };
        let listing = listing.filter(|listing| !listing.is_incomplete() && listing.entries.len() < MOST);
        let names = listing.map(|listing| listing.entries.into_iter().map(|entry| entry.name).collect());
        let names = names.map_or(Names::Unknown, |names| Names::Listed(Arc::new(names)));
        self.keep(path, names.clone());
        names
    }
}

impl Names {
    /// Whether nothing has the name of this file.
    fn lack(&self, file: &PathName) -> bool {
        match self {
            Self::New => true,
            Self::Listed(names) => {
                place::base_name(file).is_some_and(|name| is_listed(&name) && !names.contains(&name))
            }
            Self::Unknown => false,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Listed(names) => names.len(),
            Self::New | Self::Unknown => 0,
        }
    }
}

/// Whether every listing shows a file with this name, as it is: one that begins with a dot may be left out, and blanks at
/// the ends may be lost.
fn is_listed(name: &PathName) -> bool {
    let bytes = name.as_bytes();
    let is_blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    !bytes.starts_with(b".") && !is_blank(bytes.first()) && !is_blank(bytes.last()) && !bytes.contains(&b'\\')
}

/// How many directories are remembered. A walk goes through one after the other.
const DIRECTORIES: usize = 512;
/// The largest number of names that are remembered, of all directories.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_has_no_names_and_only_the_last_ones_are_remembered() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let names = TakenNames::default();
        assert!(!names.is_free(&name("a/1")));
        names.note_new(&name("a"));
        assert!(names.is_free(&name("a/1")) && names.is_free(&name("a/.1")) && !names.is_free(&name("b/1")));
        let some: HashSet<PathName> = [name("1")].into();
        names.keep(Some(name("b")), Names::Listed(Arc::new(some)));
        assert!(!names.is_free(&name("b/1")) && names.is_free(&name("b/2")) && !names.is_free(&name("b/.2")));
        for number in 0..DIRECTORIES {
            names.note_new(&name(&format!("c/{number}")));
        }
        assert!(!names.is_free(&name("a/1")) && names.is_free(&name("c/7/x")));
    }

    #[test]
    fn names_that_a_listing_may_leave_out_or_change_are_not_believed_to_be_free() {
        let check = |name: &str, expect| {
            assert_eq!(is_listed(&PathName::from_user(name).unwrap()), expect, "{name:?}");
        };
        check("a", true);
        check("a b", true);
        check(".a", false);
        check(" a", false);
        check("a ", false);
        check("a\\b", false);
    }
}
