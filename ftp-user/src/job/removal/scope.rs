//! Where things may be deleted: below a place that somebody has named, and never what contains the user, or what this
//! program needs itself.

use crate::endpoint::HeldPlace;
use crate::failure::{Failure, FtpUser, Result};
use crate::place::{self, Location};
use crate::state::OwnFiles;
use crate::world::{above, local_path};
use ftp_io::quoting::for_shell;
use ftp_proto::wire::PathName;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where things may be deleted: a place that somebody has named, and everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) root: PathName,
    /// What keeps a place of this host the one that was looked at.
    held: Option<Arc<HeldPlace>>,
}

impl Scope {
    /// The place that was named to be deleted, with everything in it. `login` is the login directory as the server tells
    /// it.
    ///
    /// # Errors
    ///
    /// The place is the root, a login directory, the current directory or one of `own` files, or contains one of them; or
    /// it does not name what is deleted.
    pub(crate) fn of_tree(location: &Location, login: Option<&PathName>, own: &OwnFiles) -> Result<Self> {
        if location.is_local() {
            check_here(location, own)?;
        } else {
            check_at_server(location, login)?;
        }
        Self::of_entry(location)
    }

    /// The place that was named to be deleted, which is no directory.
    pub(crate) fn of_entry(location: &Location) -> Result<Self> {
        if place::base_name(&location.path).is_none() {
            return Err(Failure::usage(format!("{location} does not name what is deleted"))
                .hint("write its path without . and .. at the end"));
        }
        Ok(Self::at(&location.path))
    }

    /// The same place, which is held on this host: nobody can put another one in its stead.
    pub(crate) fn held(self, held: Option<HeldPlace>) -> Self {
        Self { held: held.map(Arc::new), ..self }
    }

    /// A place below which the judge may be asked: the source of a move, the destination of a sync, or what was set aside.
    pub(crate) fn at(root: &PathName) -> Self {
        Self { root: without_slashes(root), held: None }
    }

    /// The path of something below it; `None` is the place itself.
    pub(crate) fn path(&self, below: Option<&PathName>) -> PathName {
        place::at_or_below(&self.root, below)
    }

    /// What keeps the place the same on this host, if it is held.
    pub(super) fn keeper(&self) -> Option<&HeldPlace> {
        self.held.as_deref()
    }
}

/// A path without slashes at its end.
fn without_slashes(path: &PathName) -> PathName {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    bytes.get(..end).and_then(|bytes| PathName::from_wire(bytes).ok()).unwrap_or_else(|| path.clone())
}

fn check_at_server(location: &Location, login: Option<&PathName>) -> Result<()> {
    let path = &location.path;
    if path.names().any(|name| name == b"..") {
        return Err(Failure::usage(format!("{location} leads upwards with .."))
            .hint("write the path of what is deleted without .."));
    }
    let what = match (path.names().next().is_none(), path.is_absolute()) {
        (true, true) => "is the root of the server",
        (true, false) => "is the login directory",
        (false, true) if login.is_some_and(|login| login.is_at_or_below(path)) => {
            "is the login directory, or contains it"
        }
        // What is behind the name may come from a variable that is empty.
        (false, _) if base_of(location, login).is_some_and(|base| base.is_at_or_below(path)) => {
            "is the directory of the site, or contains it"
        }
        (false, _) => return Ok(()),
    };
    Err(too_much(location, what))
}

/// The directory that a site is named for, as its path is written in `location`.
fn base_of(location: &Location, login: Option<&PathName>) -> Option<PathName> {
    let base = location.site()?.named.as_ref()?.base.as_ref()?;
    match (base.is_absolute(), location.path.is_absolute()) {
        (true, true) | (false, false) => Some(base.clone()),
        (false, true) => Some(place::join(Some(login?), base)),
        // Only what is in the login directory can be written this way.
        (true, false) => base.relative_to(login?),
    }
}

/// Why nobody means everything in a directory of this host when it is deleted by a sync, or moved away; `None` if it may
/// be meant. A symbolic link is what it leads to.
pub(crate) fn precious(location: &Location, own: &OwnFiles) -> Option<String> {
    if !location.is_local() {
        return None;
    }
    // What is not there contains nothing.
    precious_tree(&local_path(&location.path).canonicalize().ok()?, own)
}

/// The same for an absolute path without links.
fn precious_tree(path: &Path, own: &OwnFiles) -> Option<String> {
    if path.parent().is_none() {
        return Some("is the root of this host".to_owned());
    }
    let home = ftp_io::simulated::variable("HOME").and_then(|home| PathBuf::from(home).canonicalize().ok());
    if home.is_some_and(|home| home.starts_with(path)) {
        return Some("is your home directory, or contains it".to_owned());
    }
    own.needs_of_tree(path).map(|what| format!("belongs to {what} of ftp-user, or contains them"))
}

fn check_here(location: &Location, own: &OwnFiles) -> Result<()> {
    let path = local_path(&location.path);
    let Some(name) = path.file_name() else {
        return Err(too_much(location, "is a directory that has no name here"));
    };
    // What is not there contains nothing.
    let Ok(above) = above(path).canonicalize() else { return Ok(()) };
    let path = above.join(name);
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    if here.is_ok_and(|here| here.starts_with(&path)) {
        return Err(too_much(location, "is the current directory, or contains it"));
    }
    precious_tree(&path, own).map_or(Ok(()), |what| Err(too_much(location, &what)))
}

/// The failure if a place is too much to be deleted.
fn too_much(location: &Location, what: &str) -> Failure {
    let all = location.everything_in_it();
    let hint = match location.is_local() {
        // Nobody wants everything of this host to be deleted.
        true if all.trim_matches('/') == "*" => "name what is to be deleted in it".to_owned(),
        true => {
            let directory = all.strip_suffix('*').unwrap_or(&all);
            format!("to delete what is in it, type {FtpUser} rm -r {}*", for_shell(Path::new(directory)))
        }
        false => format!("to delete what is in it, type {FtpUser} rm -r {}", for_shell(Path::new(&all))),
    };
    Failure::usage(format!("{location} {what}, and rm does not delete it, also with --yes")).hint(hint)
}

/// What speaks against the deletion of a place whose own path is `real`, if something does. `above` is the own path of the
/// directory in which it was named, and `login` the login directory, as far as they are known.
pub(crate) fn against(
    place: &PathName,
    (above, login): (Option<&PathName>, Option<&PathName>),
    real: &PathName,
) -> Option<String> {
    if real.names().next().is_none() {
        return Some("is the root of the server".to_owned());
    }
    if login.is_some_and(|login| login.is_at_or_below(real)) {
        return Some(format!("is {}: the login directory, or contains it", real.display()));
    }
    let (above, name) = (above?, place::base_name(place)?);
    // Paths of other systems are not put together like this.
    let is_elsewhere = above.is_absolute() && real.relative_to(above).as_ref() != Some(&name);
    is_elsewhere.then(|| format!("is a symbolic link to {}", real.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::{location, path};
    use crate::place::{Place, SiteSettings};

    /// A place at a site that is named for this directory.
    fn at_site(base: Option<&str>, written: &str) -> Location {
        let mut location = location(&format!("ftp://ann@h/{written}"));
        if let Place::Remote(remote) = &mut location.place {
            let (name, base) = ("lab".to_owned(), base.map(path));
            remote.site.named = Some(Arc::new(SiteSettings { name, base, ..SiteSettings::default() }));
        }
        location
    }

    #[test]
    fn the_root_and_a_login_directory_are_never_deleted() {
        let login = path("/users/ann");
        for (place, expect) in [
            ("ftp://h/", Some("is the login directory")),
            ("ftp://h", Some("is the login directory")),
            ("ftp://h/.", Some("is the login directory")),
            ("ftp://h/././/", Some("is the login directory")),
            ("ftp://h//", Some("is the root of the server")),
            ("ftp://h/%2F.", Some("is the root of the server")),
            ("ftp://h//users", Some("is the login directory, or contains it")),
            ("ftp://h//users/./ann/", Some("is the login directory, or contains it")),
            ("ftp://h//users/ann/d", None),
            ("ftp://h//users/annabel", None),
            ("ftp://h/d", None),
            ("ftp://h/d/", None),
            ("ftp://h/d/..", Some("leads upwards")),
            ("ftp://h/../x", Some("leads upwards")),
            ("ftp://h/d/.", Some("does not name what is deleted")),
            ("/", Some("rm does not delete it")),
            (".", Some("rm does not delete it")),
            ("..", Some("rm does not delete it")),
        ] {
            let found = Scope::of_tree(&location(place), Some(&login), &OwnFiles::default())
                .map_err(|failure| failure.to_string());
            match expect {
                Some(words) => {
                    assert!(found.as_ref().is_err_and(|why| why.contains(words)), "{place}: {found:?}")
                }
                None => assert!(found.is_ok(), "{place}: {found:?}"),
            }
        }
        let what = Scope::of_tree(&location("ftp://h//"), None, &OwnFiles::default()).unwrap_err();
        assert!(what.to_string().contains("rm -r 'ftp://h//*'"), "{what}");
        let what = Scope::of_tree(&location("ftp://ann:s3cret@h/"), None, &OwnFiles::default())
            .unwrap_err()
            .to_string();
        assert!(what.contains("@h/*'") && !what.contains("s3cret"), "{what}");
    }

    #[test]
    fn the_directory_of_a_site_is_never_deleted() {
        let check = |base: &str, written: &str, expect: bool| {
            let location = at_site(Some(base), written);
            let found = Scope::of_tree(&location, Some(&path("/users/ann")), &OwnFiles::default());
            assert_eq!(found.is_ok(), expect, "{base} {written}: {found:?}");
        };
        check("pub/data", "pub/data", false);
        check("pub/data", "pub/data/", false);
        check("pub/data", "pub", false);
        check("pub/data", "/users/ann/pub/data", false);
        check("/users/ann/pub/data", "pub/data", false);
        check("/srv", "/srv", false);
        check("pub/data", "pub/data/x", true);
        check("pub/data", "pub/other", true);
        check("/srv", "pub", true);
        check("/users/anna/x", "a/x", true);
    }

    #[test]
    fn what_is_advised_for_a_site_is_its_directory_and_not_the_root_of_its_server() {
        let refused = |base: Option<&str>, written: &str| {
            let location = at_site(base, written);
            let failure = Scope::of_tree(&location, Some(&path("/users/ann")), &OwnFiles::default())
                .unwrap_err()
                .to_string();
            failure.split("type ftp-user rm -r ").nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(refused(None, ""), "'lab:*'");
        assert_eq!(refused(Some("pub/data"), "pub/data"), "'lab:*'");
        assert_eq!(refused(None, "//"), "'lab:/*'");
    }

    #[test]
    fn what_is_advised_for_a_directory_of_this_host_is_quoted_for_a_shell() {
        let failure = too_much(&location("../old ~;x"), "is the login directory").to_string();
        assert!(failure.ends_with("type ftp-user rm -r '../old ~;x/'*"), "{failure}");
    }

    #[test]
    fn the_current_directory_is_never_deleted() {
        let here = std::env::current_dir().unwrap();
        for place in [here.clone(), here.parent().unwrap().to_owned()] {
            let found = Scope::of_tree(&location(place.to_str().unwrap()), None, &OwnFiles::default());
            assert!(found.is_err(), "{}", place.display());
        }
        assert!(Scope::of_tree(&location("./no-such-directory"), None, &OwnFiles::default()).is_ok());
    }

    #[test]
    fn a_place_that_is_a_link_or_contains_the_login_directory_is_not_deleted() {
        let check = |place: &str, above: Option<&str>, real: &str, expect: Option<&str>| {
            let (above, login) = (above.map(path), path("/users/ann"));
            let found = against(&path(place), (above.as_ref(), Some(&login)), &path(real));
            let is_right = match (&found, expect) {
                (Some(found), Some(expect)) => found.contains(expect),
                (found, expect) => found.is_none() && expect.is_none(),
            };
            assert!(is_right, "{place} {above:?} {real}: {found:?}");
        };
        check("/pub/tree", Some("/pub"), "/pub/tree", None);
        check("tree", Some("/users/ann"), "/users/ann/tree", None);
        // Another link on the way was named.
        check("/alias/tree", Some("/pub"), "/pub/tree", None);
        check("/pub/tree", None, "/elsewhere/tree", None);
        check("/pub/tree", Some("C:\\pub"), "C:\\pub\\tree", None);
        // Most servers tell capital letters from small ones.
        check("/pub/tree", Some("/pub"), "/pub/TREE", Some("symbolic link to /pub/TREE"));
        check("/pub/tree", Some("/pub"), "/victim", Some("symbolic link to /victim"));
        check("/pub/tree", Some("/pub"), "/users/ann", Some("login directory"));
        check("/pub/tree", None, "/users", Some("login directory"));
        check("/pub/tree", Some("/pub"), "/", Some("root of the server"));
    }
}
