//! A directory of this host that is copied. It stays open, and what is in it is reached from there: nothing is copied from
//! elsewhere, whoever puts a symbolic link or another directory in the way meanwhile.

use crate::failure::Result;
use crate::world::{LocalName, OpenDirectory};
use clap::ValueEnum;
use ftp_proto::listing::Facts;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io;

/// What happens to symbolic links in a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Links {
    /// Copy links to files as files; skip links to directories, with a warning
    #[default]
    Files,
    /// Skip all links, with a warning
    Skip,
    /// Copy what links lead to, also directories; none is entered twice on one chain
    Follow,
}

/// A directory of this host that is copied.
#[derive(Clone, Debug)]
pub struct SourceTree {
    root: OpenDirectory,
    pub(super) followed: Links,
}

impl SourceTree {
    /// The directory at `path`, which may be a symbolic link to one, and which looked like `seen`.
    ///
    /// # Errors
    ///
    /// It was replaced since, or cannot be opened.
    pub(super) fn seen(path: &PathName, seen: &Facts, followed: Links) -> Result<Self> {
        Ok(Self { root: OpenDirectory::open_seen(path, seen)?, followed })
    }

    /// The name at `path`, to be deleted or renamed: no symbolic link is followed on the way to it. `None` if it is that of
    /// the whole directory.
    pub(super) fn reach(&self, path: &PathName) -> Option<io::Result<LocalName>> {
        match self.names_to(path) {
            Ok(names) if names.is_empty() => None,
            names => Some(names.and_then(|names| self.root.reach(&names, false))),
        }
    }

    /// The name at `path`, to be read.
    pub(super) fn to_read(&self, path: &PathName) -> io::Result<LocalName> {
        let names = self.names_to(path)?;
        match self.followed {
            Links::Skip | Links::Files if !names.is_empty() => self.root.reach(&names, false),
            Links::Skip | Links::Files | Links::Follow => Ok(self.root.through_links(&names)),
        }
    }

    fn names_to<'a>(&self, path: &'a PathName) -> io::Result<Vec<&'a OsStr>> {
        let names = self.root.names_to(path);
        names.ok_or_else(|| io::Error::other("it is not in the directory that is copied"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::local_end::LocalEnd;
    use super::*;
    use crate::place::tests::path as name;
    use ftp_proto::deletion::RemovalKind;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn tree(root: &Path, followed: Links) -> LocalEnd {
        let root = name(root);
        let seen = LocalName::typed(&root).facts().unwrap().unwrap();
        LocalEnd::Source(SourceTree::seen(&root, &seen, followed).unwrap())
    }

    fn text(tree: &LocalEnd, path: &Path) -> Option<String> {
        let mut text = String::new();
        tree.open_to_read(&name(path)).ok()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    #[test]
    fn only_such_links_are_followed_as_the_option_promises() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::create_dir_all(at("tree/real")).unwrap();
        std::fs::create_dir_all(at("victim")).unwrap();
        for file in ["tree/real/f", "victim/f"] {
            std::fs::write(at(file), file).unwrap();
        }
        symlink("../victim", at("tree/directory")).unwrap();
        symlink("../victim/f", at("tree/file")).unwrap();
        symlink("real", at("tree/inside")).unwrap();
        symlink("tree", at("alias")).unwrap();
        for (path, nothing, files, all) in [
            ("real/f", Some("tree/real/f"), Some("tree/real/f"), Some("tree/real/f")),
            ("file", None, Some("victim/f"), Some("victim/f")),
            ("directory/f", None, None, Some("victim/f")),
            ("inside/f", None, None, Some("tree/real/f")),
            ("../victim/f", None, None, None),
            ("real", None, None, None),
        ] {
            for (followed, expect) in [(Links::Skip, nothing), (Links::Files, files), (Links::Follow, all)] {
                // The directory that was named may be a link.
                for root in ["tree", "alias"] {
                    let tree = tree(&at(root), followed);
                    let path = at(root).join(path);
                    assert_eq!(text(&tree, &path).as_deref(), expect, "{} {followed:?}", path.display());
                    let found = tree.facts(&name(&path)).ok().flatten();
                    let is_file = found.is_some_and(|found| found.size.is_some());
                    assert_eq!(is_file, expect.is_some(), "{} {followed:?}", path.display());
                }
            }
        }
        for (path, expect) in [("", true), ("real", true), ("inside", false), ("directory", false)] {
            for (followed, follows) in [(Links::Skip, false), (Links::Files, false), (Links::Follow, true)] {
                let is_listed = tree(&at("tree"), followed).list(&name(at("tree").join(path)), |_, _| {});
                assert_eq!(is_listed.is_ok(), expect || follows, "{path} {followed:?}");
            }
        }
    }

    #[test]
    fn what_is_exchanged_while_it_is_copied_leads_nowhere_else() {
        for followed in [Links::Skip, Links::Files] {
            let home = tempfile::tempdir().unwrap();
            let at = |path: &str| home.path().join(path);
            for directory in ["eve/tree/sub", "victim/sub", "victim/tree/sub"] {
                std::fs::create_dir_all(at(directory)).unwrap();
                std::fs::write(at(directory).join("f"), directory).unwrap();
            }
            let tree = tree(&at("eve/tree"), followed);
            let (directory, file) = (at("eve/tree/sub"), at("eve/tree/sub/f"));
            // A directory that was found becomes a link.
            std::fs::rename(&directory, at("eve/tree/was")).unwrap();
            symlink("../../victim/sub", &directory).unwrap();
            assert!(text(&tree, &file).is_none() && tree.facts(&name(&file)).is_err(), "{followed:?}");
            assert!(tree.list(&name(&directory), |_, _| {}).is_err());
            assert!(tree.reach(&name(&file), false).unwrap().is_err());
            // The directory above the tree does: what was opened stays the tree.
            std::fs::rename(at("eve"), at("moved")).unwrap();
            symlink("victim", at("eve")).unwrap();
            assert!(text(&tree, &file).is_none());
            assert_eq!(text(&tree, &at("eve/tree/was/f")).as_deref(), Some("eve/tree/sub"));
            tree.reach(&name(at("eve/tree/was/f")), false)
                .unwrap()
                .unwrap()
                .remove(RemovalKind::File)
                .unwrap();
            assert!(!at("moved/tree/was/f").exists());
            assert!(at("victim/sub/f").exists() && at("victim/tree/sub/f").exists());
        }
    }
}
