//! Sources that have destinations of their own, as a list names them. A list may have a million lines, so that they wait in
//! a [`Spool`]. What they have in common is in memory: the servers with their logins. No password is written to a file.

use crate::failure::{Failure, Result};
use crate::job::request::job::is_one_host;
use crate::job::spool::Spool;
use crate::place::{Local, Location, Netrc, Place, Remote, RemotePath};
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Sources with their destinations, in their order: an iterator that can be taken once.
#[derive(Debug)]
pub struct Pairs {
    /// The first pair between each two places: two servers with their logins, or a server and this host.
    between: Vec<(Location, Location)>,
    /// The indices of those whose hosts have the same hash.
    by_hosts: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    paths: Spool<Paths>,
}

/// A pair, beside what it has in common with others.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
struct Paths {
    /// The index of the first pair between the same places.
    between: usize,
    source: Path,
    destination: Path,
}

/// The path of a place.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
struct Path {
    /// `None` is the login directory of a server.
    name: Option<Vec<u8>>,
    /// Whether the contents of a directory are meant, or a directory to be made.
    contents: bool,
}

impl Default for Pairs {
    fn default() -> Self {
        let (between, by_hosts) = (Vec::new(), HashMap::new());
        Self { between, by_hosts, hasher: RandomState::new(), paths: Spool::new(IN_MEMORY) }
    }
}

impl Pairs {
    /// Adds a pair. None of its names is a pattern.
    ///
    /// # Errors
    ///
    /// It cannot be copied: both ends are on this host, or the source is its own destination. Or it cannot be kept.
    pub fn push(&mut self, source: Location, destination: Location) -> Result<()> {
        let (source, destination) = (source.literal(), destination.literal());
        refuse_pair(&source, &destination)?;
        let (source_path, destination_path) = (Path::of(&source), Path::of(&destination));
        let between = self.between(source, destination);
        let paths = Paths { between, source: source_path, destination: destination_path };
        self.paths.push(paths).map_err(|error| cannot_keep(&error))
    }

    /// The index of the first pair between the places of this one, which may be the first.
    fn between(&mut self, source: Location, destination: Location) -> usize {
        let hash = self.hasher.hash_one((host_of(&source), host_of(&destination)));
        let indices = self.by_hosts.entry(hash).or_default();
        let known = indices.iter().copied().find(|index| {
            // The same hosts, with the same logins and everything else that holds for them.
            let first = self.between.get(*index).map(|(from, to)| (from.site(), to.site()));
            first == Some((source.site(), destination.site()))
        });
        known.unwrap_or_else(|| {
            indices.push(self.between.len());
            self.between.push((source, destination));
            self.between.len() - 1
        })
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places of the first pair between each two places, each source before its destination: one for each login at
    /// least.
    pub fn places(&self) -> impl Iterator<Item = &Location> {
        self.between.iter().flat_map(|(source, destination)| [source, destination])
    }

    /// The destinations among [`Self::places`].
    pub fn destinations(&self) -> impl Iterator<Item = &Location> {
        self.between.iter().map(|(_, destination)| destination)
    }

    /// The same pairs with other logins: those of `places`, which are [`Self::places`] in their order.
    #[must_use]
    pub fn logged_in(mut self, places: Vec<Location>) -> Self {
        let mut places = places.into_iter();
        for (source, destination) in &mut self.between {
            if let (Some(from), Some(to)) = (places.next(), places.next()) {
                (*source, *destination) = (from, to);
            }
        }
        self
    }
}

impl Iterator for Pairs {
    type Item = Result<(Location, Location)>;

    fn next(&mut self) -> Option<Self::Item> {
        let paths = match self.paths.pop() {
            Ok(paths) => paths?,
            Err(error) => return Some(Err(cannot_keep(&error))),
        };
        let (source, destination) = self.between.get(paths.between)?;
        let pair = paths.source.at(source).and_then(|from| Ok((from, paths.destination.at(destination)?)));
        Some(pair)
    }
}

impl Path {
    fn of(place: &Location) -> Self {
        let name = match &place.place {
            Place::Remote(remote) => remote.path.name.as_ref().map(|name| name.as_bytes().to_vec()),
            Place::Local(local) => Some(local.path.as_os_str().as_bytes().to_vec()),
        };
        Self { name, contents: place.contents }
    }

    /// The place with this path on the host of another one, with the same login.
    fn at(self, other: &Location) -> Result<Location> {
        let Self { name, contents } = self;
        let place = match &other.place {
            Place::Remote(Remote { site, .. }) => {
                let name = name.map(PathName::from_wire).transpose();
                let name = name.map_err(|bad| Failure::usage(format!("a path cannot be used: {bad}")))?;
                Place::Remote(Remote { site: site.clone(), path: RemotePath { name, contents, glob: None } })
            }
            Place::Local(_) => {
                let path = PathBuf::from(OsString::from_vec(name.unwrap_or_default()));
                Place::Local(Local { path, contents })
            }
        };
        Location::of(place, &Netrc::default())
    }
}

/// Who logs in where; `None` is this host.
fn host_of(place: &Location) -> Option<(&str, u16, Option<&[u8]>)> {
    place.site().map(|site| (site.host.as_str(), site.port, site.user.as_deref()))
}

fn cannot_keep(error: &std::io::Error) -> Failure {
    Failure::of_temporary_files("the lines of the list", error)
}

/// Refuses a copy whose two ends are on this host, or the same.
pub(super) fn refuse_pair(source: &Location, destination: &Location) -> Result<()> {
    if source.is_local() && destination.is_local() {
        return Err(Failure::usage(format!("{source} and {destination} are both on this host"))
            .hint("use cp or mv, or name a server with ftp://"));
    }
    refuse_itself(source, destination)
}

/// H32, as far as it can be seen without asking: the same server, user and path.
pub(super) fn refuse_itself(source: &Location, destination: &Location) -> Result<()> {
    if is_one_host(source, destination) && source.path == destination.path {
        return Err(
            Failure::usage(format!("{source} is source and destination")).hint("choose another destination")
        );
    }
    Ok(())
}

/// How many pairs are in memory before a file is written.
const IN_MEMORY: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::location;

    #[test]
    fn pairs_come_back_as_they_were_however_many_there_are() {
        let lines = [
            ["ftp://ann:one@h/a", "./b"],
            ["ftp://ann:two@h/d/", "ftps://h//abs/x"],
            ["local/%41/", "ftp://h:2121/d%2Fe%2A"],
            ["ftp://ann:one@h", "c/"],
            ["ftp://ann:one@H/a//b", "ftps://h/"],
        ];
        let line = |number: usize| {
            let [source, destination] = lines[number % lines.len()].map(location);
            (source, destination)
        };
        for count in [0, 1, 5, 20_000] {
            let mut pairs = Pairs::default();
            for number in 0..count {
                let (source, destination) = line(number);
                pairs.push(source, destination).unwrap();
                assert!(pairs.paths.in_memory() < 10_000);
            }
            assert_eq!((pairs.len(), pairs.is_empty()), (count, count == 0));
            assert_eq!(pairs.places().count(), 2 * count.min(4), "the fourth one is between known places");
            for number in 0..count {
                assert_eq!(pairs.next().unwrap().unwrap(), line(number), "{number} of {count}");
            }
            assert!(pairs.next().is_none());
        }
    }

    #[test]
    fn no_name_of_a_pair_is_a_pattern_and_logins_are_completed_for_all() {
        let mut pairs = Pairs::default();
        pairs.push(location("ftp://ann@h/a*"), location("ftp://bob@i/b?")).unwrap();
        pairs.push(location("ftp://ann@h/c"), location("ftp://bob@i/d")).unwrap();
        let places: Vec<Location> = pairs.places().cloned().collect();
        assert_eq!(places.iter().map(Location::glob).collect::<Vec<_>>(), [None, None]);
        let with_password = places.into_iter().map(|mut place| {
            if let Place::Remote(remote) = &mut place.place {
                remote.site.password = Some(ftp_proto::wire::Secret::new("s3cret"));
            }
            place
        });
        let mut pairs = pairs.logged_in(with_password.collect());
        let expect = |text: &str| location(&text.replace('@', ":s3cret@")).literal();
        for [source, destination] in
            [["ftp://ann@h/a*", "ftp://bob@i/b?"], ["ftp://ann@h/c", "ftp://bob@i/d"]]
        {
            assert_eq!(pairs.next().unwrap().unwrap(), (expect(source), expect(destination)));
        }
    }

    #[test]
    fn what_cannot_be_copied_is_refused_when_it_is_read() {
        let mut pairs = Pairs::default();
        for (source, destination, expect) in [
            ("./a", "./b", "both on this host"),
            ("ftp://u@h/a", "ftp://u@H:21/a", "is source and destination"),
        ] {
            let refused = pairs.push(location(source), location(destination)).unwrap_err();
            assert!(refused.to_string().contains(expect), "{refused}");
        }
        assert!(pairs.is_empty());
    }
}
