//! Names at the destination: those that something has, and those that the copies of a job get.
//!
//! A directory that the job has made is empty; others are listed once, before files move there together.

use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::journal::Place;
use crate::place;
use crate::remote;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use std::collections::hash_map;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the copies of a job go: no two sources go to one place. One source that is one tree needs none of this, because its
/// names differ.
///
/// Only hashes are kept, so that a million names take about 40 MB. Two names with the same hash are too unlikely to matter: the
/// second file would fail.
#[derive(Debug, Default)]
pub(in crate::job) struct CopyPlaces {
    /// Whether several sources may have names in common.
    is_needed: bool,
    hasher: RandomState,
    /// The hashes of destinations, each with that of its source.
    names: HashMap<u64, u64>,
}

impl CopyPlaces {
    /// From now on names are kept.
    pub(in crate::job) const fn expect_several(&mut self) {
        self.is_needed = true;
    }

    /// Takes the place of a copy. Returns false if this very source has taken it already.
    ///
    /// # Errors
    ///
    /// Another source of this job goes there.
    pub(in crate::job) fn take(&mut self, place: &Place) -> Result<bool, Failure> {
        if !self.is_needed {
            return Ok(true);
        }
        let destination = self.hasher.hash_one((&place.site, &place.path));
        let source = self.hasher.hash_one(&place.source);
        let known = *match self.names.entry(destination) {
            hash_map::Entry::Vacant(free) => {
                free.insert(source);
                return Ok(true);
            }
            hash_map::Entry::Occupied(taken) => taken.into_mut(),
        };
        if known == source {
            return Ok(false);
        }
        let what = format!("{} would replace the copy of another source of this job", place.source);
        Err(Failure::new(Kind::Exists, what).hint("copy them to different directories"))
    }
}

/// The names that directories of the destination had when they were listed. Workers share them.
#[derive(Clone, Debug, Default)]
pub(super) struct TakenNames(Arc<Mutex<Directories>>);

/// The directories that are remembered.
#[derive(Debug, Default)]
struct Directories {
    /// By their paths ([`key`]).
    names: HashMap<Arc<[u8]>, Names>,
    /// The same ones, the oldest one first.
    order: VecDeque<Arc<[u8]>>,
    /// What their paths and names take, in bytes.
    bytes: usize,
}

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

impl TakenNames {
    /// Notes that a directory was made, so that nothing is in it.
    pub(super) fn note_new(&self, path: &PathName) {
        self.keep(Some(path), Names::New);
    }

    /// Whether it is known, without a question, that nothing has the name of a file.
    pub(super) fn is_free(&self, file: &PathName) -> bool {
        self.known(place::parent(file).as_ref()).is_some_and(|names| names.lack(file))
    }

    /// Which of these files have a name that was free when their directory was listed. A file whose directory was not
    /// listed, or which a listing may have left out, counts as not free.
    pub(super) async fn free(&self, context: &Context, to: &mut Server, files: Vec<&PathName>) -> Vec<bool> {
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
        known.names.get(key(path)).cloned()
    }

    fn keep(&self, path: Option<&PathName>, names: Names) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(key(path), names);
    }

    /// Lists a directory.
    async fn listed(&self, context: &Context, to: &mut Server, path: Option<PathName>) -> Names {
        let mut listed = ListedNames::default();
        let listing = match to.session(context).await {
            Ok(session) => {
                let mut gather = |entry: Entry| listed.add(entry.name);
                Box::pin(remote::list_each(session, path.as_ref(), &mut gather)).await.ok()
            }
            Err(_) => return Names::Unknown,
        };
        let names = match listing.is_some_and(|listing| !listing.is_incomplete()) {
            true => listed.finish(),
            false => Names::Unknown,
        };
        self.keep(path.as_ref(), names.clone());
        names
    }
}

impl Directories {
    /// Remembers a directory, in the place of what was known of it. The oldest ones are forgotten.
    fn keep(&mut self, path: &[u8], names: Names) {
        self.bytes += names.bytes();
        if let Some(known) = self.names.get_mut(path) {
            self.bytes -= std::mem::replace(known, names).bytes();
        } else {
            let path: Arc<[u8]> = path.into();
            self.bytes += taken_by(&path);
            self.order.push_back(Arc::clone(&path));
            self.names.insert(path, names);
        }
        while self.order.len() > DIRECTORIES || self.bytes > BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            let names = self.names.remove(&oldest);
            self.bytes -= taken_by(&oldest) + names.map_or(0, |names| names.bytes());
        }
    }
}

/// The name of a directory here. That of a user has none.
fn key(path: Option<&PathName>) -> &[u8] {
    path.map_or(b"", PathName::as_bytes)
}

/// About what a name takes, in bytes.
const fn taken_by(name: &[u8]) -> usize {
    name.len() + OVERHEAD
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

    /// About what they take.
    fn bytes(&self) -> usize {
        match self {
            Self::Listed(names) => names.iter().map(|name| taken_by(name.as_bytes())).sum(),
            Self::New | Self::Unknown => 0,
        }
    }
}

/// The names of a directory while it is listed. A listing without end takes no more memory than one that is remembered.
#[derive(Debug, Default)]
struct ListedNames {
    names: HashSet<PathName>,
    /// What they take, in bytes.
    bytes: usize,
    /// Whether they would take the place of most others.
    is_too_large: bool,
}

impl ListedNames {
    fn add(&mut self, name: PathName) {
        if self.is_too_large {
            return;
        }
        let taken = taken_by(name.as_bytes());
        if self.names.insert(name) {
            self.bytes += taken;
        }
        if self.bytes > BYTES / 2 || self.names.len() >= MOST {
            *self = Self { is_too_large: true, ..Self::default() };
        }
    }

    /// All names, unless they are too many.
    fn finish(self) -> Names {
        if self.is_too_large { Names::Unknown } else { Names::Listed(Arc::new(self.names)) }
    }
}

/// Whether every listing shows a file with this name, as it is: one that begins with a dot may be left out, and blanks at
/// the ends may be lost.
fn is_listed(name: &PathName) -> bool {
    let bytes = name.as_bytes();
    let is_blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    !bytes.starts_with(b".") && !is_blank(bytes.first()) && !is_blank(bytes.last()) && !bytes.contains(&b'\\')
}

/// How many directories are remembered, if their paths are short: all of one that a walk enters later, which it tells before what is in them.
const DIRECTORIES: usize = 16_384;
/// The largest number of names that are remembered of one directory.
const MOST: usize = 100_000;
/// What all of them may take, in bytes: paths may be long.
const BYTES: usize = 16 << 20;
/// What a name takes beside its bytes: its place in a table, and in the memory.
const OVERHEAD: usize = 64;

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
        names.keep(Some(&name("b")), Names::Listed(Arc::new(some)));
        assert!(!names.is_free(&name("b/1")) && names.is_free(&name("b/2")) && !names.is_free(&name("b/.2")));
        for number in 0..DIRECTORIES {
            names.note_new(&name(&format!("c/{number}")));
        }
        assert!(!names.is_free(&name("a/1")) && names.is_free(&name("c/7/x")));
    }

    #[test]
    fn what_is_remembered_of_directories_is_bounded_in_bytes() {
        let long = |number: usize| PathName::from_user(format!("{}/{number}", "d".repeat(4000))).unwrap();
        let names = TakenNames::default();
        let bytes = || names.0.lock().unwrap().bytes;
        (0..5000).for_each(|number| names.note_new(&long(number)));
        assert!((BYTES - 5000..=BYTES).contains(&bytes()), "{}", bytes());
        let file = |number| place::join(Some(&long(number)), &PathName::from_user("f").unwrap());
        assert!(!names.is_free(&file(0)) && names.is_free(&file(4999)));
        // The same one again takes no more.
        let before = bytes();
        names.note_new(&long(4999));
        assert_eq!(bytes(), before);
        // A listing that would take the place of most others is not remembered.
        let listed = |count| {
            let mut listed = ListedNames::default();
            for name in (0..count).map(long) {
                listed.add(name);
                assert!(listed.bytes <= BYTES / 2 && listed.names.len() < MOST);
            }
            listed.finish()
        };
        assert!(matches!(listed(3000), Names::Unknown));
        let listed = listed(1000);
        assert!(matches!(listed, Names::Listed(_)));
        names.keep(Some(&long(4999)), listed);
        names.keep(Some(&long(4999)), Names::New);
        (0..5000).for_each(|number| names.note_new(&PathName::from_user(format!("{number}")).unwrap()));
        let known = names.0.lock().unwrap();
        let counted = |(path, names): (&Arc<[u8]>, &Names)| taken_by(path) + names.bytes();
        assert_eq!(known.bytes, known.names.iter().map(counted).sum::<usize>());
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

    #[test]
    fn h35_a_name_is_places_to_one_source() {
        let place = |source: &str, site: &str, path: &str| Place {
            source: source.to_owned(),
            site: site.to_owned(),
            path: path.as_bytes().to_vec(),
        };
        let mut places = CopyPlaces::default();
        assert!(places.take(&place("a", "two", "d/x")).unwrap());
        assert!(places.take(&place("b", "two", "d/x")).unwrap());
        places.expect_several();
        assert!(places.take(&place("a", "two", "d/w")).unwrap());
        assert!(!places.take(&place("a", "two", "d/w")).unwrap(), "the same again");
        for (source, site, path, is_free) in [
            ("a", "two", "d/x", true),
            ("a", "two", "d/x", true),
            ("b", "two", "d/y", true),
            ("b", "two", "d/x", false),
            ("b", "two", "/d/x", true),
            ("b", "three", "d/x", true),
        ] {
            assert_eq!(places.take(&place(source, site, path)).is_ok(), is_free, "{source} {site} {path}");
        }
    }
}
