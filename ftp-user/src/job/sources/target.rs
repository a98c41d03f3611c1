//! Where a source goes, and what of it is refused.

use crate::check::precious;
use crate::failure::Failure;
use crate::place::{self, Location};
use crate::session::Facts;
use crate::state::OwnFiles;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// Whether the root of a tree that is moved goes as well: one whose contents are meant stays, and so does a login directory.
pub(super) fn leaves_root(source: &Location) -> bool {
    !source.contents && place::base_name(&source.path).is_some()
}

/// Whether the copy of a tree would be in the tree. The root of a server has all of its paths in it.
fn is_within(source: &Location, target: &PathName) -> bool {
    let is_root = source.path.as_bytes() == b"/" && !source.is_local();
    let is_relative = !target.is_absolute() && target.as_bytes() != b".";
    target.is_below(&source.path) || (is_root && is_relative)
}

/// Refuses a source that is not what its place says, or that would be copied into itself. `is_also`: both are on one host.
///
/// # Errors
///
/// It is refused.
pub(super) fn refuse(
    source: &Location,
    known: Option<&Facts>,
    target: &PathName,
    is_recursive: bool,
    is_also: bool,
) -> Result<(), Failure> {
    let is_tree = known.is_some_and(|facts| facts.kind == Kind::Directory);
    if is_tree && !is_recursive {
        return Err(Failure::usage(format!("{source} is a directory"))
            .hint("-r takes directories with everything in them"));
    }
    if is_tree && is_also && is_within(source, target) {
        return Err(Failure::usage(format!("{source} would be copied into itself"))
            .hint("choose another destination"));
    }
    if !is_tree && source.contents && known.is_some() {
        return Err(Failure::usage(format!("{source} is not a directory")).hint("leave out the / at its end"));
    }
    Ok(())
}

/// Refuses a tree of this host that nobody wants to be moved away as a whole, if it `may_leave`.
///
/// # Errors
///
/// It is one.
pub(super) fn refuse_precious(source: &Location, may_leave: bool, own: &OwnFiles) -> Result<(), Failure> {
    let Some(what) = may_leave.then(|| precious(source, own)).flatten() else {
        return Ok(());
    };
    let what = format!("{source} {what}, and move does not delete it");
    Err(Failure::usage(what).hint("name what is to be moved in it; copy -r copies everything"))
}

/// The failure of a source that would replace another one of the same job.
pub(super) fn one_name(source: &Location) -> Failure {
    Failure::usage(format!("{source} has the last name of another source, which it would replace"))
        .hint("copy them one after the other, to different names")
}

/// Where a source goes. `into` says that the destination is a directory.
pub(super) fn target(source: &Location, destination: &Location, into: bool) -> PathName {
    let name = if source.contents { None } else { place::base_name(&source.path) };
    match name {
        // `.` is left out, so that the names of files are shorter.
        Some(name) if into && destination.path.as_bytes() == b"." => name,
        Some(name) if into => place::join(Some(&destination.path), &name),
        Some(_) | None => destination.path.clone(),
    }
}

/// Whether a directory receives a source under its last name, and not what is in it.
pub(super) fn takes_name(source: &Location, destination: &Location) -> bool {
    target(source, destination, true) != destination.path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;

    #[test]
    fn trees_and_files_go_where_cp_puts_them() {
        let location = |text: &str| Location::parse(text.as_bytes(), &Netrc::default()).unwrap();
        let check = |source: &str, dest: &str, into: bool, expect: &str| {
            let found = target(&location(source), &location(dest), into);
            assert_eq!(found.display(), expect, "{source:?} {dest:?} {into}");
            let takes_name = takes_name(&location(source), &location(dest));
            assert_eq!(takes_name, !source.ends_with('/'), "{source:?} {dest:?}");
        };
        check("ftp://a/x/f", "ftp://b/g", false, "g");
        check("ftp://a/x/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "ftp://b/d/", true, "d/f");
        check("ftp://a/x/f", "ftp://b/", true, "f");
        check("ftp://a/x/f", "ftp://b", true, "f");
        check("ftp://a/x/f", "ftp://b//", true, "/f");
        check("ftp://a/x/", "ftp://b/d", true, "d");
        check("ftp://a//", "ftp://b/d", true, "d");
        check("dir/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "./d", true, "./d/f");
    }
}
