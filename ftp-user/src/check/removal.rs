//! What may be deleted, and why. A [`Removal`] is made by a check and by nothing else, and nothing else is deleted for
//! `rm` and `move`. What `sync` deletes has a check of its own (`surplus`), except for directories that are empty.

use super::change::has_changed;
use super::name::usable;
use crate::context::Context;
use crate::control::{Facts, Listing};
use crate::endpoint::{self, Doomed, Held, Host, local_path};
use crate::failure::{self, Failure};
use crate::outcome::Verified;
use crate::place::{self, Location, Place};
use ftp_proto::wire::PathName;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where things may be deleted: a place that somebody has named, and everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    root: PathName,
    /// What keeps a place of this host the one that was looked at.
    held: Option<Arc<Held>>,
}

impl Scope {
    /// The place that was named to be deleted, with everything in it. `login` is the login directory as the server tells
    /// it.
    ///
    /// # Errors
    ///
    /// The place is the root, a login directory or the current directory, or contains one of them; or it does not name
    /// what is deleted.
    pub(crate) fn of_tree(location: &Location, login: Option<&PathName>) -> Result<Self, Failure> {
        if location.is_local() {
            check_here(location)?;
        } else {
            check_at_server(location, login)?;
        }
        Self::of_entry(location)
    }

    /// The place that was named to be deleted, which is no directory.
    ///
    /// # Errors
    ///
    /// It does not name what is deleted.
    pub(crate) fn of_entry(location: &Location) -> Result<Self, Failure> {
        if place::base_name(&location.path).is_none() {
            return Err(no_name(location));
        }
        Ok(Self { root: without_slashes(&location.path), held: None })
    }

    /// The same place, which is held on this host: nobody can put another one in its stead.
    pub(crate) fn held(self, held: Option<Held>) -> Self {
        Self { held: held.map(Arc::new), ..self }
    }

    /// The source of a move: what was copied from there may be deleted.
    pub(crate) fn of_source(root: &PathName) -> Self {
        Self { root: without_slashes(root), held: None }
    }

    /// The destination of a sync: what is below it may be deleted, never the place itself. So it may be a login directory.
    pub(crate) fn of_destination(root: &PathName) -> Self {
        Self { root: without_slashes(root), held: None }
    }

    /// The path of the place.
    pub(crate) const fn root(&self) -> &PathName {
        &self.root
    }

    /// The path of something below it; `None` is the place itself.
    pub(super) fn path(&self, below: Option<&PathName>) -> Result<PathName, Failure> {
        let Some(below) = below else { return Ok(self.root.clone()) };
        for name in below.as_bytes().split(|byte| *byte == b'/') {
            let leads_out = || Failure::usage(format!("{} leads out of its directory", below.display()));
            let name = PathName::from_wire(name).map_err(|_| leads_out())?;
            usable(&name).map_err(|why| Failure::usage(format!("{}: {why}", below.display())))?;
        }
        Ok(place::join(Some(&self.root), below))
    }
}

/// What a removal deletes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A file, or a symbolic link itself.
    Entry,
    /// A directory, if it is empty.
    Directory,
}

/// One name that may be deleted.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    scope: Scope,
    path: PathName,
    what: What,
}

impl Removal {
    /// Somebody has asked for it: it is the place that was named, or below it.
    ///
    /// # Errors
    ///
    /// A name on the way to it is none that a directory can have.
    pub(crate) fn asked(scope: &Scope, below: Option<&PathName>, what: What) -> Result<Self, Failure> {
        Ok(Self { scope: scope.clone(), path: scope.path(below)?, what })
    }

    /// What a server shows as a directory, if it is a symbolic link: DELE refuses a directory.
    ///
    /// # Errors
    ///
    /// A name on the way to it is none that a directory can have.
    pub(crate) fn link(scope: &Scope, below: Option<&PathName>) -> Result<Self, Failure> {
        Self::asked(scope, below, What::Entry)
    }

    /// A file was moved: `licence` says that its copy was verified, and `now` that it is what it was when it was read.
    ///
    /// # Errors
    ///
    /// It has changed, or nobody can tell.
    pub(crate) fn moved(
        scope: &Scope,
        below: Option<&PathName>,
        licence: &Licence,
        now: &Facts,
    ) -> Result<Self, Failure> {
        let path = scope.path(below)?;
        let Licence { source, is_by_hash, is_doubtful: _ } = licence;
        if now.kind != source.kind || has_changed(source, now) {
            let what = format!("{} stays, because it has changed since it was read", path.display());
            return Err(
                Failure::new(failure::Kind::Unverified, what).hint("move it again when nobody writes to it")
            );
        }
        // Without a time, two files of one size cannot be told apart.
        if !is_by_hash && (source.modified.is_none() || now.modified.is_none()) {
            let what = format!(
                "{} stays, because no time of it is known that would show a change, and no digest has verified the copy",
                path.display()
            );
            return Err(Failure::new(failure::Kind::Unverified, what).hint("delete it with ftp-user rm"));
        }
        Ok(Self { scope: scope.clone(), path, what: What::Entry })
    }

    /// The same file, which was given this name in its directory.
    #[must_use]
    pub(crate) fn set_aside(&self, aside: PathName) -> Self {
        let is_root = self.scope.root == self.path;
        let scope = if is_root { Scope { root: aside.clone(), held: None } } else { self.scope.clone() };
        Self { scope, path: aside, what: self.what }
    }

    /// A directory from which everything was moved; `None` if its listing shows that something is in it, or does not show
    /// everything.
    ///
    /// # Errors
    ///
    /// A name on the way to it is none that a directory can have.
    pub(crate) fn emptied(
        scope: &Scope,
        below: Option<&PathName>,
        listing: &Listing,
    ) -> Result<Option<Self>, Failure> {
        let path = scope.path(below)?;
        let is_empty = listing.entries.is_empty() && !listing.is_incomplete();
        Ok(is_empty.then(|| Self { scope: scope.clone(), path, what: What::Directory }))
    }

    /// The path of what is deleted.
    pub(crate) const fn path(&self) -> &PathName {
        &self.path
    }

    /// Deletes it. `Ok(false)` if it was not there.
    ///
    /// # Errors
    ///
    /// It may still be there.
    pub(crate) async fn carry_out(&self, context: &Context, host: &mut Host) -> Result<bool, Failure> {
        let Self { scope, path, what } = self;
        let doomed = Doomed { root: scope.root(), path, held: scope.held.as_deref() };
        match what {
            What::Entry => endpoint::delete_entry(context, host, doomed).await,
            What::Directory => endpoint::remove_directory(context, host, doomed).await,
        }
    }
}

/// The right to delete the source of a copy, if it is still what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Licence {
    /// What the source was before its first byte was read.
    source: Facts,
    /// Whether a digest has verified the copy.
    is_by_hash: bool,
    /// Whether both places may be one: something had the name of the copy before.
    is_doubtful: bool,
}

impl Licence {
    /// The licence of a copy that this run has `verified`. `source` is what the source was before its first byte was read,
    /// and `was_skipped` says that the copy was there already.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    pub(crate) fn of(
        source: Option<Facts>,
        verified: Verified,
        (was_skipped, was_taken): (bool, bool),
    ) -> Result<Self, &'static str> {
        let is_by_hash = match (verified, was_skipped) {
            (Verified::None, true) => return Err("the destination is not the same file"),
            (Verified::None, false) => return Err("nothing has verified the copy"),
            (Verified::Size, true) => return Err("no digest shows that both are the same"),
            (Verified::Size, false) => false,
            (Verified::Hash(_), _) => true,
        };
        let source = source.ok_or("nobody knows what it was when it was read")?;
        Ok(Self { source, is_by_hash, is_doubtful: was_skipped || was_taken })
    }

    /// A licence that was kept for a while.
    pub(crate) const fn kept(source: Facts, is_by_hash: bool, is_doubtful: bool) -> Self {
        Self { source, is_by_hash, is_doubtful }
    }

    /// What the source was, and whether a digest has verified the copy, to be kept for a while.
    pub(crate) const fn parts(&self) -> (&Facts, bool) {
        (&self.source, self.is_by_hash)
    }

    /// Whether the source and its copy may be one file under two places. Then the source is renamed first, and deleted if
    /// the copy is still there.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }
}

/// The failure if a place has no last name.
fn no_name(location: &Location) -> Failure {
    Failure::usage(format!("{location} does not name what is deleted"))
        .hint("write its path without . and .. at the end")
}

/// A path without slashes at its end.
fn without_slashes(path: &PathName) -> PathName {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    bytes.get(..end).and_then(|bytes| PathName::from_wire(bytes).ok()).unwrap_or_else(|| path.clone())
}

fn check_at_server(location: &Location, login: Option<&PathName>) -> Result<(), Failure> {
    let path = &location.path;
    let (is_absolute, names) = (path.as_bytes().starts_with(b"/"), place::names(path));
    if names.contains(&b"..".as_slice()) {
        return Err(Failure::usage(format!("{location} leads upwards with .."))
            .hint("write the path of what is deleted without .."));
    }
    let is_prefix = |login: &PathName| place::names(login).starts_with(&names);
    let what = match (names.is_empty(), is_absolute) {
        (true, true) => "is the root of the server",
        (true, false) => "is the login directory",
        (false, true) if login.is_some_and(is_prefix) => "is the login directory, or contains it",
        // What is behind the name may come from a variable that is empty.
        (false, _) if base_of(location, login).is_some_and(|base| is_prefix(&base)) => {
            "is the directory of the site, or contains it"
        }
        (false, _) => return Ok(()),
    };
    Err(too_much(location, what))
}

/// The directory that a site is named for, as its path is written in `location`.
fn base_of(location: &Location, login: Option<&PathName>) -> Option<PathName> {
    let Place::Remote(remote) = &location.place else { return None };
    let base = remote.site.named.as_ref()?.base.as_ref()?;
    let is_absolute = |path: &PathName| path.as_bytes().starts_with(b"/");
    match (is_absolute(base), is_absolute(&location.path)) {
        (true, true) | (false, false) => Some(base.clone()),
        (false, true) => Some(place::join(Some(login?), base)),
        (true, false) => {
            // Only what is in the login directory can be written this way.
            let below = base.as_bytes().strip_prefix(login?.as_bytes())?;
            let start = below.iter().position(|byte| *byte != b'/')?;
            PathName::from_wire(below.get(start..)?).ok()
        }
    }
}

fn check_here(location: &Location) -> Result<(), Failure> {
    let path = local_path(&location.path);
    let Some(name) = path.file_name() else {
        return Err(too_much(location, "is a directory that has no name here"));
    };
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What is not there contains nothing.
    let Ok(above) = above.canonicalize() else { return Ok(()) };
    let path = above.join(name);
    let own = |directory: Option<PathBuf>| directory.and_then(|directory| directory.canonicalize().ok());
    let here = own(std::env::current_dir().ok());
    let home = own(std::env::var_os("HOME").map(PathBuf::from));
    for (directory, what) in [(here, "is the current directory"), (home, "is your home directory")] {
        if directory.is_some_and(|directory| directory.starts_with(&path)) {
            return Err(too_much(location, &format!("{what}, or contains it")));
        }
    }
    Ok(())
}

/// The failure if a place is too much to be deleted.
fn too_much(location: &Location, what: &str) -> Failure {
    let all = location.everything_in_it();
    let hint = match location.is_local() {
        // Nobody wants everything of this host to be deleted.
        true if all.trim_matches('/') == "*" => "name what is to be deleted in it".to_owned(),
        true => format!("to delete what is in it, type rm -r {all}"),
        false => format!("to delete what is in it, type rm -r '{all}'"),
    };
    Failure::usage(format!("{location} {what}, and rm does not delete it, also with --yes")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Named, Netrc};
    use ftp_proto::digest::Algorithm;
    use ftp_proto::listing::{Entry, Kind, When};

    fn location(text: &str) -> Location {
        Location::parse(text.as_bytes(), &Netrc::default()).unwrap()
    }

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
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
            let found = Scope::of_tree(&location(place), Some(&login)).map_err(|failure| failure.to_string());
            match expect {
                Some(words) => {
                    assert!(found.as_ref().is_err_and(|why| why.contains(words)), "{place}: {found:?}")
                }
                None => assert!(found.is_ok(), "{place}: {found:?}"),
            }
        }
        let what = Scope::of_tree(&location("ftp://h//"), None).unwrap_err();
        assert!(what.to_string().contains("rm -r 'ftp://h//*'"), "{what}");
        let what = Scope::of_tree(&location("ftp://ann:s3cret@h/"), None).unwrap_err().to_string();
        assert!(what.contains("@h/*'") && !what.contains("s3cret"), "{what}");
    }

    #[test]
    fn the_directory_of_a_site_is_never_deleted() {
        let check = |base: &str, written: &str, expect: bool| {
            let mut location = location(&format!("ftp://ann@h/{written}"));
            if let Place::Remote(remote) = &mut location.place {
                let named = Named { name: "lab".to_owned(), base: Some(path(base)), ..Named::default() };
                remote.site.named = Some(Arc::new(named));
            }
            let found = Scope::of_tree(&location, Some(&path("/users/ann")));
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
    }

    #[test]
    fn what_is_advised_for_a_site_is_its_directory_and_not_the_root_of_its_server() {
        let refused = |base: Option<&str>, written: &str| {
            let mut location = location(&format!("ftp://ann@h/{written}"));
            if let Place::Remote(remote) = &mut location.place {
                let named = Named { name: "lab".to_owned(), base: base.map(path), ..Named::default() };
                remote.site.named = Some(Arc::new(named));
            }
            let failure = Scope::of_tree(&location, Some(&path("/users/ann"))).unwrap_err().to_string();
            failure.split("type rm -r ").nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(refused(None, ""), "'lab:*'");
        assert_eq!(refused(Some("pub/data"), "pub/data"), "'lab:*'");
        assert_eq!(refused(None, "//"), "'lab:/*'");
    }

    #[test]
    fn the_current_directory_is_never_deleted() {
        let here = std::env::current_dir().unwrap();
        for place in [here.clone(), here.parent().unwrap().to_owned()] {
            let found = Scope::of_tree(&location(place.to_str().unwrap()), None);
            assert!(found.is_err(), "{}", place.display());
        }
        assert!(Scope::of_tree(&location("./no-such-directory"), None).is_ok());
    }

    #[test]
    fn h25_nothing_outside_the_place_may_be_deleted() {
        let scope = Scope::of_tree(&location("ftp://h/d/"), None).unwrap();
        let check = |below: &str, expect: Option<&str>| {
            let below = PathName::from_wire(below.as_bytes()).unwrap();
            let removal = Removal::asked(&scope, Some(&below), What::Entry);
            assert_eq!(removal.ok().map(|removal| removal.path().display()).as_deref(), expect, "{below:?}");
        };
        check("a", Some("d/a"));
        check("a/b", Some("d/a/b"));
        check("..", None);
        check("a/../../b", None);
        check("/etc/passwd", None);
        check("a//b", None);
        check("a/./b", None);
        check("a\rDELE b", None);
        assert_eq!(Removal::asked(&scope, None, What::Directory).unwrap().path().display(), "d");
    }

    #[test]
    fn a_source_is_deleted_only_if_it_is_unchanged_and_its_copy_was_verified() {
        let scope = Scope::of_source(&path("d"));
        let facts = |size: u64, modified: Option<i64>, unique: Option<&str>| Facts {
            kind: Kind::File,
            size: Some(size),
            modified: modified.map(When),
            unique: unique.map(str::to_owned),
            mode: None,
        };
        let hash = Verified::Hash(Algorithm::Sha256);
        let check = |source: Option<&Facts>, verified, was_skipped, now: &Facts, expect: bool| {
            let licence = Licence::of(source.cloned(), verified, (was_skipped, was_skipped));
            let removal =
                licence.as_ref().map(|licence| Removal::moved(&scope, Some(&path("f")), licence, now));
            let is_given = matches!(removal, Ok(Ok(_)));
            assert_eq!(is_given, expect, "{source:?} {verified:?} {was_skipped} {now:?} {removal:?}");
        };
        let before = facts(5, Some(1), Some("a"));
        for (verified, was_skipped, expect) in [
            (hash, false, true),
            (Verified::Size, false, true),
            (Verified::None, false, false),
            (hash, true, true),
            (Verified::Size, true, false),
            (Verified::None, true, false),
        ] {
            check(Some(&before), verified, was_skipped, &before, expect);
        }
        check(None, hash, false, &before, false);
        for now in [facts(6, Some(1), Some("a")), facts(5, Some(2), Some("a")), facts(5, Some(1), Some("b"))]
        {
            check(Some(&before), hash, false, &now, false);
        }
        check(Some(&before), hash, false, &Facts { kind: Kind::Link, ..before.clone() }, false);
        // Its server tells no time: only a digest is enough.
        let timeless = facts(5, None, None);
        check(Some(&timeless), Verified::Size, false, &timeless, false);
        check(Some(&timeless), hash, false, &timeless, true);
    }

    #[test]
    fn a_directory_is_removed_only_if_its_listing_shows_that_it_is_empty() {
        let scope = Scope::of_source(&path("d"));
        let check = |listing: &Listing, expect: bool| {
            let removal = Removal::emptied(&scope, Some(&path("e")), listing).unwrap();
            assert_eq!(removal.is_some(), expect, "{listing:?}");
        };
        check(&Listing::default(), true);
        check(&Listing { omitted: 1, ..Listing::default() }, false);
        check(&Listing { unread: 1, ..Listing::default() }, false);
        let entries = vec![Entry::new(path("f"), Kind::File)];
        check(&Listing { entries, ..Listing::default() }, false);
    }
}
