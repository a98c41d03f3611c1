//! What files are called for people: by their paths, which are relative to where a shell is, or by their places; and several
//! directories as one, which a composite directory shows. Pure.

use crate::job::is_one_host;
use crate::place::{self, Location, Names, Netrc, Place, Remote, RemotePath};
use crate::report::Label;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What files are called for people.
#[derive(Debug)]
pub struct FileLabels {
    /// Where the shell is, if that is not the directory of this program.
    here: Option<Location>,
    /// Whether a path alone does not say where it is.
    are_several_hosts: bool,
}

impl FileLabels {
    /// What files at these places are called. `here` is where the shell is, as the command line reads it.
    pub fn new(here: Option<&OsStr>, names: &Names, places: &[Location]) -> Self {
        let here = here.and_then(|text| Place::parse_with(text.as_bytes(), names).ok());
        let here = here.and_then(|place| Location::of(place, &Netrc::default()).ok());
        let are_several_hosts =
            places.first().is_some_and(|first| places.iter().any(|place| !is_one_host(first, place)));
        Self { here, are_several_hosts }
    }

    /// What the file at a place is called.
    pub fn label(&self, location: &Location) -> Label {
        let place = || match (&self.here, location.is_local()) {
            (Some(_), true) => format!("[]{}", location.path.display()),
            (None, true) | (Some(_) | None, false) => location.to_string(),
        };
        match &self.here {
            _ if self.are_several_hosts => Label::Place(place()),
            None => Label::Name,
            Some(here) => {
                let below = location.path.relative_to(&here.path).filter(|_| is_one_host(here, location));
                below.map_or_else(|| Label::Place(place()), Label::Path)
            }
        }
    }
}

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
pub struct UnionEntry<At> {
    /// Where it is, and what is known of it there.
    pub first: (At, Entry),
    /// The same directory in others.
    pub others: Vec<(At, Entry)>,
    /// Whether something else has its name too, so that it must be called by its place.
    pub has_namesake: bool,
}

/// The entries of all directories as those of one, in the order of their names. Directories with the same name are one;
/// anything else stands there once for each that has it.
pub fn united<At: Clone>(held: impl IntoIterator<Item = (At, Vec<Entry>)>) -> Vec<UnionEntry<At>> {
    let mut by_name: BTreeMap<PathName, Vec<(At, Entry)>> = BTreeMap::new();
    for (at, entries) in held {
        for entry in entries {
            by_name.entry(entry.name.clone()).or_default().push((at.clone(), entry));
        }
    }
    let mut all = Vec::with_capacity(by_name.len());
    for same in by_name.into_values() {
        let has_namesake = same.len() > 1 && same.iter().any(|(_, entry)| entry.kind != Kind::Directory);
        let mut same = same.into_iter();
        while let Some(first) = same.next() {
            let others = if has_namesake { Vec::new() } else { same.by_ref().collect() };
            all.push(UnionEntry { first, others, has_namesake });
        }
    }
    all
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::location;

    #[test]
    fn a_file_is_called_as_it_is_typed_where_the_shell_is() {
        let check = |here: Option<&str>, places: &[&str], expect: &[&str]| {
            let places: Vec<Location> = places.iter().map(|text| location(text)).collect();
            let labels = FileLabels::new(here.map(OsStr::new), &Names::default(), &places);
            let one = |place: &Location| match labels.label(place) {
                Label::Name => place.path.display(),
                Label::Path(path) => path.display(),
                Label::Place(text) => {
                    assert!(labels.here.is_some() || labels.are_several_hosts, "{text}");
                    text
                }
                Label::Hidden => "hidden".to_owned(),
            };
            assert_eq!(places.iter().map(one).collect::<Vec<_>>(), expect, "{here:?}");
        };
        check(None, &["ftp://h/bk/n1", "ftp://h/x"], &["bk/n1", "x"]);
        check(None, &["ftp://h/bk/n1", "ftp://i/bk/n1"], &["ftp://h/bk/n1", "ftp://i/bk/n1"]);
        check(None, &["ftp://h/bk/n1", "./n1"], &["ftp://h/bk/n1", "./n1"]);
        check(Some("ftp://h/bk/"), &["ftp://h/bk/n1", "ftp://h/bk/d/n2"], &["n1", "d/n2"]);
        check(Some("ftp://h/bk/"), &["ftp://h/bkx", "ftp://h//etc/x"], &["ftp://h/bkx", "ftp://h//etc/x"]);
        check(
            Some("ftp://h/"),
            &["ftp://h/n1", "ftp://h//n1", "ftp://h/../x"],
            &["n1", "ftp://h//n1", "ftp://h/../x"],
        );
        check(Some("ftp://h//"), &["ftp://h//n1"], &["n1"]);
        check(Some("ftp://h/bk/"), &["ftp://i/bk/n1"], &["ftp://i/bk/n1"]);
        check(Some("ftp://h/bk/"), &["./n1"], &["[]./n1"]);
        check(Some("./sub/"), &["./sub/n1"], &["n1"]);
        check(None, &["./n1", "n2"], &["./n1", "n2"]);
    }
}
