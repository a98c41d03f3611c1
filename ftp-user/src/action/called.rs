//! What a file is called for people: by its path, which is relative to where a shell is, or by its place. Pure.

use crate::job::is_one_host;
use crate::place::{Location, Names, Netrc, Place};
use crate::report::Label;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What files are called for people.
#[derive(Debug)]
pub struct Called {
    /// Where the shell is, if that is not the directory of this program.
    here: Option<Location>,
    /// Whether a path alone does not say where it is.
    are_several_hosts: bool,
}

impl Called {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Location {
        Location::parse(text.as_bytes(), &Netrc::default()).unwrap()
    }

    #[test]
    fn a_file_is_called_as_it_is_typed_where_the_shell_is() {
        let check = |here: Option<&str>, places: &[&str], expect: &[&str]| {
            let places: Vec<Location> = places.iter().map(|text| at(text)).collect();
            let called = Called::new(here.map(OsStr::new), &Names::default(), &places);
            let one = |place: &Location| match called.label(place) {
                Label::Name => place.path.display(),
                Label::Path(path) => path.display(),
                Label::Place(text) => {
                    assert!(called.here.is_some() || called.are_several_hosts, "{text}");
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
