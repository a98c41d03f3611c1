//! The destination of a copy on this host, and how a name below it is reached.

use crate::failure::{Failure, Kind, Result};
use crate::world::{LocalName, OpenDirectory, local_path, real_path};
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The destination of a copy on this host.
#[derive(Clone, Debug)]
pub struct LocalRoot {
    path: PathName,
    /// The destination, and where its old files go, while a sync holds them.
    open: Arc<OnceLock<Vec<OpenDirectory>>>,
}

impl LocalRoot {
    /// The destination at `path`. Nothing is open.
    pub(super) fn at(path: PathName) -> Self {
        Self { path, open: Arc::default() }
    }

    /// Whether directories are kept open.
    pub(super) fn is_held(&self) -> bool {
        self.open.get().is_some()
    }

    /// Keeps directories open: what is below one of them is reached from there. Only the first call counts.
    pub(super) fn hold(&self, directories: Vec<OpenDirectory>) {
        // The first ones are those that were looked at.
        let _ = self.open.set(directories);
    }

    /// The name at `path`, reached from a directory that is open; `None` if it is below none of them.
    pub(super) fn reach(&self, path: &PathName, makes: bool) -> Option<io::Result<LocalName>> {
        let (open, names) = self.held_above(path)?;
        Some(open.reach(&names, makes))
    }

    /// The directory that is open and has `path` below it, and the names from there.
    fn held_above<'a>(&'a self, path: &'a PathName) -> Option<(&'a OpenDirectory, Vec<&'a OsStr>)> {
        let names = |open: &OpenDirectory| open.names_to(path).filter(|names| !names.is_empty());
        self.open.get()?.iter().find_map(|open| Some((open, names(open)?)))
    }

    /// Whether `path` is below a directory that is open.
    pub(super) fn holds(&self, path: &PathName) -> bool {
        self.held_above(path).is_some()
    }

    /// Checks that no symbolic link leads from below the destination to somewhere else on the way to the file `path`. A file
    /// has no directory above the destination that anybody but the user has named.
    ///
    /// # Errors
    ///
    /// A link leads out of the destination.
    pub(super) fn check_file(&self, path: &PathName) -> Result<()> {
        local_path(path).parent().map_or(Ok(()), |directory| self.check(directory, path))
    }

    /// Checks the same on the way to what is in the directory `path`.
    ///
    /// # Errors
    ///
    /// A link leads out of the destination.
    pub(super) fn check_directory(&self, path: &PathName) -> Result<()> {
        self.check_file(path)?;
        self.check(local_path(path), path)
    }

    fn check(&self, directory: &Path, path: &PathName) -> Result<()> {
        let root = local_path(&self.path);
        if !directory.starts_with(root) {
            return Ok(());
        }
        // What is not there leads nowhere.
        let real = |path: &Path| {
            let what = || format!("cannot look at {}", path.display());
            real_path(path).map_err(|error| Failure::of_this_host(what(), &error))
        };
        let (Some(real_root), Some(real)) = (real(root)?, real(directory)?) else { return Ok(()) };
        if real.starts_with(&real_root) {
            return Ok(());
        }
        let what =
            format!("cannot write {}: a symbolic link leads out of {}", path.display(), root.display());
        Err(Failure::new(Kind::Refused, what)
            .hint("remove the link, or name its directory as the destination"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::place::tests::path as name;
    use crate::world::IsLink;
    use ftp_proto::deletion::RemovalKind;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_in_the_destination_of_a_copy_leads_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for directory in ["dest/real/deep", "dest/sub", "dest/other", "victim"] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        for (link, target) in [
            ("in", "real"),
            ("real/back", "../sub"),
            ("absolute", at("dest/real").to_str().unwrap()),
            ("out", "../victim"),
            ("loop", "loop"),
            ("dangling", "nowhere"),
        ] {
            symlink(target, at("dest").join(link)).unwrap();
        }
        std::fs::write(at("dest/file"), "x").unwrap();
        let root = name(at("dest"));
        let local = LocalRoot::at(root.clone());
        local.hold(vec![OpenDirectory::open_nearest(&root).unwrap()]);
        let make = |path: &str| {
            let reached = local.reach(&name(at(path)), false).unwrap();
            reached.and_then(|name| name.make_directory())
        };
        assert!(make("dest/new").is_ok() && make("dest/real/deep/a").is_ok());
        for path in ["in", "in/a", "real/back/b", "absolute/c", "out/e", "loop/e", "dangling/e"] {
            let error = make(&format!("dest/{path}")).unwrap_err();
            assert!(error.get_ref().unwrap().is::<IsLink>(), "{path}: {error}");
        }
        for path in ["file/e", "none/e"] {
            assert!(make(&format!("dest/{path}")).unwrap_err().get_ref().is_none(), "{path}");
        }
        // A directory that was there becomes a link to another place in the destination.
        std::fs::rename(at("dest/sub"), at("dest/was")).unwrap();
        symlink("other", at("dest/sub")).unwrap();
        assert!(make("dest/sub/e").is_err());
        // The whole destination is exchanged: what was opened stays the destination.
        std::fs::rename(at("dest"), at("moved")).unwrap();
        symlink("victim", at("dest")).unwrap();
        assert!(make("dest/real/f").is_ok() && at("moved/real/f").is_dir());
        for empty in ["victim", "moved/other"] {
            assert_eq!(std::fs::read_dir(at(empty)).unwrap().count(), 0, "{empty}");
        }
    }

    #[test]
    fn a_destination_that_is_new_is_no_link_that_has_taken_its_name() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::create_dir_all(at("above/other")).unwrap();
        let root = name(at("above/new"));
        let local = LocalRoot::at(root.clone());
        local.hold(vec![OpenDirectory::open_nearest(&root).unwrap()]);
        let make = |path: &str| {
            let reached = local.reach(&name(at(path)), false).unwrap();
            reached.and_then(|name| name.make_directory()).is_ok()
        };
        assert!(make("above/new") && make("above/new/d") && make("above/new/d"));
        symlink("../other", at("above/new/l")).unwrap();
        symlink("d", at("above/new/in")).unwrap();
        assert!(!make("above/new/l/x") && !make("above/new/in/x"));
        std::fs::rename(at("above/new"), at("above/was")).unwrap();
        symlink("other", at("above/new")).unwrap();
        assert!(!make("above/new/y") && !at("above/other/y").exists());
    }

    #[test]
    fn what_is_exchanged_after_it_was_opened_is_not_touched() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for tree in ["eve/tree/sub", "victim/sub", "victim/tree/sub"] {
            std::fs::create_dir_all(at(tree)).unwrap();
            std::fs::write(at(tree).join("f"), tree).unwrap();
        }
        let (root, old) = (name(at("eve/tree")), name(at("old/today")));
        let local = LocalRoot::at(root.clone());
        let seen = LocalName::typed(&root).facts().unwrap().unwrap();
        local.hold(vec![
            OpenDirectory::open_seen(&root, &seen).unwrap(),
            OpenDirectory::open_nearest(&old).unwrap(),
        ]);
        let file = name(at("eve/tree/sub/f"));
        let open = local.reach(&file, false).unwrap().unwrap();
        assert!(open.entry().unwrap().is_some());
        // A directory below it becomes a link: the name that was reached is still in the old one.
        std::fs::rename(at("eve/tree/sub"), at("eve/tree/was")).unwrap();
        symlink("../../victim/sub", at("eve/tree/sub")).unwrap();
        assert!(local.reach(&file, false).unwrap().is_err());
        let kept = local.reach(&name(at("old/today/sub/f")), true).unwrap().unwrap();
        open.rename_free(&kept).unwrap();
        assert_eq!(std::fs::read(at("old/today/sub/f")).unwrap(), b"eve/tree/sub");
        // Nothing is made behind a link, and nothing is kept there.
        assert!(local.reach(&name(at("eve/tree/sub/new/f")), true).unwrap().is_err());
        // The directory above it becomes a link: the path leads elsewhere, the open directory does not.
        std::fs::write(at("eve/tree/was/g"), "g").unwrap();
        std::fs::rename(at("eve"), at("moved")).unwrap();
        symlink("victim", at("eve")).unwrap();
        std::fs::create_dir(at("victim/tree/was")).unwrap();
        std::fs::write(at("victim/tree/was/g"), "kept").unwrap();
        let open = local.reach(&name(at("eve/tree/was/g")), false).unwrap().unwrap();
        open.remove(RemovalKind::File).unwrap();
        assert!(!at("moved/tree/was/g").exists() && at("victim/tree/was/g").exists());
        for kept in ["victim/sub/f", "victim/tree/sub/f"] {
            assert!(at(kept).exists(), "{kept}");
        }
        assert!(!at("victim/sub/new").exists());
        // What was looked at is not what is opened.
        assert_eq!(OpenDirectory::open_seen(&root, &seen).unwrap_err().kind, Kind::Unverified);
    }

    #[test]
    fn below_the_destination_no_link_leads_out_of_it() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let at_root = |root: &PathName| LocalRoot::at(root.clone());
        for directory in ["outside", "in", "in/real"] {
            std::fs::create_dir(at(directory)).unwrap();
        }
        symlink("../outside", at("in/out")).unwrap();
        symlink("real", at("in/inside")).unwrap();
        symlink("in", at("typed")).unwrap();
        for (root, path, expect) in [
            ("in", "in/out/f", false),
            ("in", "in/out", true),
            ("in", "in/inside/f", true),
            ("in", "in/real/f", true),
            ("in", "in/absent/f", true),
            ("typed", "typed/f", true),
            ("typed", "typed/out/f", false),
            ("in/out", "in/out/f", true),
            ("in/f", "in/.part", true),
        ] {
            let name = |name| PathName::from_wire(at(name).as_os_str().as_bytes()).unwrap();
            let (root, path) = (name(root), name(path));
            assert_eq!(at_root(&root).check_file(&path).is_ok(), expect, "{}", path.display());
        }
        let name = |name| PathName::from_wire(at(name).as_os_str().as_bytes()).unwrap();
        let root = at_root(&name("in"));
        assert!(root.check_directory(&name("in/out")).is_err());
        assert!(root.check_directory(&name("in/inside")).is_ok());
        assert!(root.check_directory(&name("in/absent")).is_ok());
    }
}
