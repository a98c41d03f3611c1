//! What directories of servers held when they were listed last. Pure: time is told.
//!
//! Completion takes names from here and from nowhere else, so it waits for no server. What is here may be out of date.

use super::directory::Directory;
use super::search::Occupant;
use crate::place::{Names, Place};
use ftp_proto::wire::PathName;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Listings of directories, the last ones that were used. It never grows beyond its bounds.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    listings: HashMap<Key, CachedDirectory>,
    /// The sites that a directory may be at.
    pub sites: Names,
    /// Counts uses, so that the listing that was not used for longest gives way.
    uses: u64,
    /// Whether something is here that the file of the state directory does not have.
    is_changed: bool,
    /// How many listings have given way.
    gave_way: u64,
}

/// A listing of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedListing {
    /// Its names in order, as they are typed. That of a directory ends in `/`.
    pub names: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub at: u64,
    /// Whether it had more names than are kept.
    pub is_cut: bool,
}

/// A directory, however it is written: by the name of a site or by a URL, relative to the directory of the site or to that of
/// the login. Nobody knows here whether the directory of a login is the root.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    At {
        server: String,
        login: Vec<u8>,
        path: Vec<u8>,
    },
    /// It cannot be read, so nothing is there.
    Text(Directory),
}

impl Key {
    fn of(directory: &Directory, sites: &Names) -> Self {
        let Ok(Place::Remote(remote)) = Place::parse_with(directory.place(true).as_bytes(), sites) else {
            return Self::Text(directory.clone());
        };
        let plain = |path: &PathName| {
            let begin: &[u8] = if path.is_absolute() { b"/" } else { b"" };
            [begin, &path.names().collect::<Vec<_>>().join(&b'/')].concat()
        };
        let path = remote.path.name.as_ref().map(plain).unwrap_or_default();
        Self::At { server: remote.site.key(), login: remote.site.login().to_vec(), path }
    }

    /// Whose directory it is.
    fn server(&self) -> (&str, &[u8]) {
        match self {
            Self::At { server, login, .. } => (server, login),
            Self::Text(_) => ("", b""),
        }
    }
}

#[derive(Clone, Debug)]
struct CachedDirectory {
    /// As it was written last.
    directory: Directory,
    known: CachedListing,
    bytes: usize,
    used: u64,
}

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CacheSize {
    /// The number of directories.
    pub directories: usize,
    /// The servers that they are at.
    pub servers: usize,
    /// Names of all of them.
    pub names: usize,
    /// Bytes of these names.
    pub bytes: usize,
    /// Listings that have given way to others.
    pub gave_way: u64,
}

impl CachedListing {
    /// A listing with so many of these names as are kept. Those of directories end in `/`.
    pub fn new(mut names: Vec<String>, at: u64, is_cut: bool) -> Self {
        names.sort_unstable();
        names.dedup();
        let mut bytes = 0;
        let fit = names.iter().take(MOST_OF_ONE).take_while(|name| {
            bytes += name.len();
            bytes <= MOST_BYTES_OF_ONE
        });
        let fit = fit.count();
        let is_cut = is_cut || fit < names.len();
        names.truncate(fit);
        Self { names, at, is_cut }
    }

    /// Its names that begin so.
    pub fn beginning(&self, begin: &str) -> &[String] {
        let from = self.names.partition_point(|name| name.as_str() < begin);
        let rest = self.names.get(from..).unwrap_or_default();
        let many = rest.partition_point(|name| name.starts_with(begin));
        rest.get(..many).unwrap_or_default()
    }

    /// Whether a name is here; `None` if it may be among those that are not kept.
    pub fn occupant(&self, name: &str) -> Option<Occupant> {
        let has = |name: &str| self.names.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
        match (has(name), has(&format!("{name}/"))) {
            (_, true) => Some(Occupant::Directory),
            (true, false) => Some(Occupant::Other),
            (false, false) if self.is_cut => None,
            (false, false) => Some(Occupant::Nothing),
        }
    }

    /// Whether it is so new that nobody need look again. A clock that was wrong may have noted a time to come.
    pub fn is_fresh(&self, now: u64) -> bool {
        now.checked_sub(self.at).is_some_and(|age| age < FRESH.as_secs())
    }
}

impl Cache {
    /// Keeps nothing yet. A directory of one of these sites is the same by its URL.
    pub fn of(sites: Names) -> Self {
        Self { sites, ..Self::default() }
    }

    /// Keeps a listing, in place of an older one of the same directory.
    pub fn keep(&mut self, directory: Directory, known: CachedListing) {
        let bytes = known.names.iter().map(String::len).sum();
        self.uses += 1;
        self.is_changed = true;
        let key = Key::of(&directory, &self.sites);
        self.listings.insert(key, CachedDirectory { directory, known, bytes, used: self.uses });
        self.give_way();
    }

    /// Forgets a directory: it is not there.
    pub fn forget(&mut self, directory: &Directory) {
        self.is_changed |= self.listings.remove(&Key::of(directory, &self.sites)).is_some();
    }

    /// What a directory held.
    pub fn find(&mut self, directory: &Directory) -> Option<&CachedListing> {
        self.uses += 1;
        let kept = self.listings.get_mut(&Key::of(directory, &self.sites))?;
        kept.used = self.uses;
        Some(&kept.known)
    }

    /// Which of these directories is this one, however it is written.
    pub fn position<'a>(
        directory: &Directory,
        mut among: impl Iterator<Item = &'a Directory>,
        sites: &Names,
    ) -> Option<usize> {
        let key = Key::of(directory, sites);
        among.position(|other| Key::of(other, sites) == key)
    }

    /// How much is kept.
    pub fn size(&self) -> CacheSize {
        let hosts: BTreeSet<_> = self.listings.keys().map(Key::server).collect();
        CacheSize {
            directories: self.listings.len(),
            servers: hosts.len(),
            names: self.listings.values().map(|kept| kept.known.names.len()).sum(),
            bytes: self.listings.values().map(|kept| kept.bytes).sum(),
            gave_way: self.gave_way,
        }
    }

    /// All listings, those that were used last first.
    pub fn all(&self) -> Vec<(&Directory, &CachedListing)> {
        let mut all: Vec<_> = self.listings.values().collect();
        all.sort_by_key(|kept| std::cmp::Reverse(kept.used));
        all.into_iter().map(|kept| (&kept.directory, &kept.known)).collect()
    }

    /// Whether something has changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    fn give_way(&mut self) {
        loop {
            let held = self.size();
            let fits = held.directories <= MOST_DIRECTORIES
                && held.servers <= MOST_HOSTS
                && held.names <= MOST_NAMES
                && held.bytes <= MOST_BYTES;
            let oldest = self.listings.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()).filter(|_| !fits) else {
                return;
            };
            self.listings.remove(&oldest);
            self.gave_way += 1;
        }
    }
}

/// A listing that is older is made anew when somebody wants it.
const FRESH: Duration = Duration::from_secs(60);
/// The largest number of directories.
const MOST_DIRECTORIES: usize = 256;
/// The largest number of servers.
const MOST_HOSTS: usize = 32;
/// The largest number of names.
const MOST_NAMES: usize = 50_000;
/// The largest number of bytes of all names.
const MOST_BYTES: usize = 2 << 20;
/// The largest number of names of one directory.
pub const MOST_OF_ONE: usize = 10_000;
/// The largest number of bytes of the names of one directory.
const MOST_BYTES_OF_ONE: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::super::directory::tests::{at, sites};
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("name{number:06}")).collect()
    }

    #[test]
    fn a_listing_says_what_a_directory_holds() {
        let known = CachedListing::new(vec!["b".to_owned(), "a/".to_owned(), "a.c".to_owned()], 100, false);
        let held = ["a", "b", "a.c", "x"].map(|name| known.occupant(name));
        let expect = [Occupant::Directory, Occupant::Other, Occupant::Other, Occupant::Nothing];
        assert_eq!(held, expect.map(Some));
        assert_eq!([99, 100, 159, 160].map(|now| known.is_fresh(now)), [false, true, true, false]);
        for (begin, count) in [("", 3), ("a", 2), ("a.", 1), ("b", 1), ("c", 0), ("0", 0)] {
            assert_eq!(known.beginning(begin).len(), count, "{begin}");
        }
        let cut = CachedListing::new(names(MOST_OF_ONE + 1), 0, false);
        assert!(cut.is_cut && cut.names.len() == MOST_OF_ONE);
        assert_eq!(cut.occupant("zzz"), None, "it may be among those that are not kept");
    }

    #[test]
    fn the_listing_that_was_not_used_for_longest_gives_way() {
        let mut cache = Cache::default();
        for number in 0..MOST_DIRECTORIES {
            cache.keep(at(&format!("lab:{number}")), CachedListing::new(names(1), 0, false));
        }
        assert!(cache.find(&at("lab:0")).is_some());
        cache.keep(at("lab:more"), CachedListing::new(names(1), 0, false));
        assert!(cache.find(&at("lab:0")).is_some() && cache.find(&at("lab:1")).is_none());
        assert_eq!((cache.size().directories, cache.size().gave_way), (MOST_DIRECTORIES, 1));
        assert_eq!(cache.all()[0].0, &at("lab:0"));
    }

    #[test]
    fn a_directory_is_found_however_it_was_typed() {
        let mut cache = Cache::of(sites());
        cache.keep(at("lab:a b/\u{fc}"), CachedListing::new(names(1), 0, false));
        assert!(cache.find(&at("lab:a%20b/%C3%BC")).is_some());
        assert!(cache.find(&at("[lab]%61 b/\u{fc}/")).is_some() && cache.find(&at("lab:%zz")).is_none());
        let url = "ftp://lab.example/a%20b/%c3%bc";
        assert!(
            cache.find(&at(url)).is_some() && cache.find(&at("FTP://LAB.example:21/a b/\u{fc}")).is_some()
        );
        for other in [
            "lab:/a%20b/\u{fc}",
            "home:a%20b/\u{fc}",
            "ftp://ann@lab.example/a%20b/\u{fc}",
            "lab:a%2520b/\u{fc}",
        ] {
            assert!(cache.find(&at(other)).is_none(), "{other}");
        }
        cache.keep(at(url), CachedListing::new(names(2), 0, false));
        assert_eq!((cache.size().directories, cache.size().servers), (1, 1));
        cache.forget(&at("lab:a%20b/\u{fc}"));
        assert_eq!(cache.size().directories, 0);
    }

    #[test]
    fn it_never_grows_beyond_its_bounds() {
        let mut cache = Cache::default();
        for number in 0..40 {
            let long = names(4000).into_iter().map(|name| format!("{name}{}", "x".repeat(90)));
            cache.keep(at(&format!("ftp://h{number}/")), CachedListing::new(long.collect(), 0, false));
            let held = cache.size();
            assert!(
                held.servers <= MOST_HOSTS && held.names <= MOST_NAMES && held.bytes <= MOST_BYTES,
                "{held:?}"
            );
        }
        for number in 0..40 {
            cache.keep(at(&format!("ftp://h{number}/")), CachedListing::new(names(10), 0, false));
            assert!(cache.size().servers <= MOST_HOSTS);
        }
        assert!(cache.take_changed() && !cache.take_changed());
        cache.forget(&at("ftp://h39/"));
        assert!(cache.take_changed() && cache.find(&at("ftp://h39/")).is_none());
    }
}
