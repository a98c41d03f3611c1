//! Names at the destination: those that something has, and those that the copies of a job get.
//!
//! A directory that the job has made is empty; others are listed once, before files move there together.

use crate::context::Context;
use crate::endpoint::{Server, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::similar::folded;
use crate::job::spool::NameSet;
use crate::journal::Place;
use crate::place;
use ftp_io::lock::Lock;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

/// Where the copies of a job go: no two sources go to one place. One source that is one tree needs none of this, because its
/// names differ.
///
/// Only hashes are kept, so that a million names take about 60 MB. Two names with the same hash are too unlikely to matter: the
/// second file would fail.
#[derive(Debug, Default)]
pub(in crate::job) struct CopyPlaces {
    /// Whether several sources may have names in common.
    is_needed: bool,
    hasher: RandomState,
    /// The first copy to each destination, by the hash of its path without case.
    first: HashMap<u64, HashedCopy>,
    /// Copies whose destinations differ from the first one only in case: the hash of the source by that of the destination.
    similar: HashMap<u64, u64>,
}

/// The hashes of a destination and of its source.
#[derive(Clone, Copy, Debug)]
struct HashedCopy {
    destination: u64,
    source: u64,
}

/// What else of a job goes to the place of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum PlaceState {
    /// Nothing goes there.
    Free,
    /// This very source went there before.
    TakenBySameSource,
    /// Nothing goes there, and another copy goes to a place that differs only in case.
    FreeButSimilar,
}

impl CopyPlaces {
    /// From now on places are kept.
    pub(in crate::job) const fn expect_several(&mut self) {
        self.is_needed = true;
    }

    /// Takes the place of a copy, which is asked for only if places are kept.
    ///
    /// # Errors
    ///
    /// Another source of this job goes there.
    pub(in crate::job) fn take(&mut self, place: impl FnOnce() -> Place) -> Result<PlaceState> {
        if !self.is_needed {
            return Ok(PlaceState::Free);
        }
        let place = place();
        let without_case = self.hasher.hash_one((&place.site, folded(&place.path)));
        let destination = self.hasher.hash_one((&place.site, &place.path));
        let source = self.hasher.hash_one(&place.source);
        let Some(first) = self.first.get(&without_case) else {
            self.first.insert(without_case, HashedCopy { destination, source });
            return Ok(PlaceState::Free);
        };
        let known = match first.destination == destination {
            true => first.source,
            false => match self.similar.entry(destination) {
                MapEntry::Occupied(taken) => *taken.get(),
                MapEntry::Vacant(free) => {
                    free.insert(source);
                    return Ok(PlaceState::FreeButSimilar);
                }
            },
        };
        if known == source {
            return Ok(PlaceState::TakenBySameSource);
        }
        let what = format!("{} would replace the copy of another source of this job", place.source);
        Err(Failure::new(Kind::Exists, what).hint("copy them to different directories"))
    }
}

/// The names that directories of the destination had when they were listed. Workers share them.
#[derive(Clone, Debug, Default)]
pub(super) struct TakenNames(Arc<Mutex<Directories>>);

/// The directories that are remembered, by their paths: with a hash in its place, a new directory could stand for one that
/// has files. That of a user has no path.
#[derive(Debug, Default)]
struct Directories {
    names: HashMap<Option<PathName>, Names>,
    /// The same ones, the oldest one first.
    order: VecDeque<Option<PathName>>,
    /// What their paths and names take, in bytes.
    bytes: usize,
}

/// What is known of the names in a directory.
#[derive(Clone, Debug)]
enum Names {
    /// It was made by this job.
    New,
    /// It was listed, with these names: without their case, since it may not count there.
    Listed(Arc<NameSet>),
    /// It cannot be listed, or is too large.
    Unknown,
}

impl TakenNames {
    /// Notes that a directory was made, so that nothing is in it.
    pub(super) fn note_new(&self, path: &PathName) {
        self.0.locked().keep(Some(path.clone()), Names::New);
    }

    /// Whether it is known, without a question, that nothing has the name of a file.
    pub(super) fn is_free(&self, file: &PathName) -> bool {
        self.0.locked().known(&place::parent(file)).is_some_and(|names| names.lack(file))
    }

    /// Whether the directory of a file was made by this job.
    pub(super) fn is_in_new_directory(&self, file: &PathName) -> bool {
        matches!(self.0.locked().known(&place::parent(file)), Some(Names::New))
    }

    /// Which of these files have a name that was free when their directory was listed. A file whose directory was not
    /// listed, or which a listing may have left out, counts as not free.
    pub(super) async fn free(&self, context: &Context, to: &mut Server, files: Vec<&PathName>) -> Vec<bool> {
        let mut free = Vec::new();
        for file in files {
            let path = place::parent(file);
            let known = self.0.locked().known(&path);
            let names = match known {
                Some(names) => names,
                None => self.listed(context, to, path).await,
            };
            free.push(names.lack(file));
        }
        free
    }

    /// Lists a directory. A listing without end takes no more memory than one that is remembered.
    async fn listed(&self, context: &Context, to: &mut Server, path: Option<PathName>) -> Names {
        let Ok(session) = to.session(context).await else { return Names::Unknown };
        let mut listed = NameSet::default();
        let mut gather = |entry: Entry| {
            if listed.len() < MOST {
                listed.insert(&folded(entry.name.as_bytes()));
            }
        };
        let listing = Box::pin(files::list_each_at_server(session, path.as_ref(), &mut gather)).await;
        let is_whole = listing.is_ok_and(|listing| !listing.is_incomplete()) && listed.len() < MOST;
        let names = if is_whole { Names::Listed(Arc::new(listed)) } else { Names::Unknown };
        self.0.locked().keep(path, names.clone());
        names
    }
}

impl Directories {
    fn known(&self, path: &Option<PathName>) -> Option<Names> {
        self.names.get(path).cloned()
    }

    /// Remembers a directory, in the place of what was known of it. The oldest ones are forgotten.
    fn keep(&mut self, path: Option<PathName>, names: Names) {
        let path_bytes = |path: &Option<PathName>| path.as_ref().map_or(0, |path| path.as_bytes().len());
        self.bytes += names.bytes();
        match self.names.insert(path.clone(), names) {
            Some(before) => self.bytes -= before.bytes(),
            None => {
                self.bytes += path_bytes(&path);
                self.order.push_back(path);
            }
        }
        while self.order.len() > DIRECTORIES || self.bytes > BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= path_bytes(&oldest);
            self.bytes -= self.names.remove(&oldest).map_or(0, |names| names.bytes());
        }
    }
}

impl Names {
    /// Whether nothing has the name of this file.
    fn lack(&self, file: &PathName) -> bool {
        match self {
            Self::New => true,
            Self::Listed(names) => {
                let name = place::base_name(file).filter(is_listed);
                name.is_some_and(|name| !names.contains(&folded(name.as_bytes())))
            }
            Self::Unknown => false,
        }
    }

    /// About what they take, in bytes.
    fn bytes(&self) -> usize {
        if let Self::Listed(names) = self { names.len() * size_of::<u64>() } else { 0 }
    }
}

/// Whether every listing shows a file with this name, as it is: one that begins with a dot may be left out, and blanks at
/// the ends may be lost.
fn is_listed(name: &PathName) -> bool {
    let bytes = name.as_bytes();
    let is_blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    !bytes.starts_with(b".") && !is_blank(bytes.first()) && !is_blank(bytes.last()) && !bytes.contains(&b'\\')
}

/// How many directories are remembered: all of one that a walk enters later, which it tells before what is in them.
const DIRECTORIES: usize = 16_384;
/// The largest number of names that are remembered of one directory.
const MOST: usize = 100_000;
/// The largest number of bytes that all of them take, with their paths.
const BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::path;

    #[test]
    fn a_new_directory_has_no_names_and_only_the_last_ones_are_remembered() {
        let names = TakenNames::default();
        assert!(!names.is_free(&path("a/1")) && !names.is_in_new_directory(&path("a/1")));
        names.note_new(&path("a"));
        assert!(names.is_in_new_directory(&path("a/1")));
        assert!(names.is_free(&path("a/1")) && names.is_free(&path("a/.1")) && !names.is_free(&path("b/1")));
        let mut some = NameSet::default();
        some.insert(b"1");
        names.0.locked().keep(Some(path("b")), Names::Listed(Arc::new(some)));
        assert!(!names.is_in_new_directory(&path("b/2")));
        assert!(!names.is_free(&path("b/1")) && names.is_free(&path("b/2")) && !names.is_free(&path("b/.2")));
        for number in 0..DIRECTORIES {
            names.note_new(&path(format!("c/{number}")));
        }
        assert!(!names.is_free(&path("a/1")) && names.is_free(&path("c/7/x")));
    }

    #[test]
    fn what_is_remembered_of_directories_is_bounded() {
        let mut directories = Directories::default();
        let listed = |count: usize| {
            let mut names = NameSet::default();
            for number in 0..count {
                names.insert(&number.to_le_bytes());
            }
            Names::Listed(Arc::new(names))
        };
        for number in 0..25 {
            directories.keep(Some(path(format!("d{number}"))), listed(MOST - 1));
            assert!(directories.bytes <= BYTES);
        }
        assert!(directories.known(&Some(path("d0"))).is_none());
        assert!(directories.known(&Some(path("d24"))).is_some());
        // The same one again takes no more.
        let before = directories.bytes;
        directories.keep(Some(path("d24")), listed(MOST - 1));
        assert_eq!(directories.bytes, before);
        directories.keep(Some(path("d24")), Names::New);
        assert_eq!(directories.bytes, before - 8 * (MOST - 1));
    }

    #[test]
    fn names_that_a_listing_may_leave_out_or_change_are_not_believed_to_be_free() {
        let check = |name: &str, expect| {
            assert_eq!(is_listed(&path(name)), expect, "{name:?}");
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
        use PlaceState::{Free, FreeButSimilar, TakenBySameSource};
        let mut places = CopyPlaces::default();
        for source in ["a", "b"] {
            assert_eq!(places.take(|| place(source, "two", "d/x")).unwrap(), Free, "nobody keeps places");
        }
        places.expect_several();
        for (source, site, path, expect) in [
            ("a", "two", "d/w", Some(Free)),
            ("a", "two", "d/w", Some(TakenBySameSource)),
            ("a", "two", "d/x", Some(Free)),
            ("b", "two", "d/y", Some(Free)),
            ("b", "two", "d/x", None),
            ("b", "two", "/d/x", Some(Free)),
            ("b", "three", "d/x", Some(Free)),
            ("c", "two", "d/X", Some(FreeButSimilar)),
            ("c", "two", "d/X", Some(TakenBySameSource)),
            ("d", "two", "d/X", None),
            ("d", "two", "d/X", None),
            ("c", "two", "d/X", Some(TakenBySameSource)),
            ("d", "two", "D/x", Some(FreeButSimilar)),
            ("d", "three", "D/X", Some(FreeButSimilar)),
            ("a", "two", "d/x", Some(TakenBySameSource)),
        ] {
            let taken = places.take(|| place(source, site, path)).ok();
            assert_eq!(taken, expect, "{source} {site} {path}");
        }
    }
}
