//! This host as an end of a copy: what its paths are used for decides how they are reached.

use super::identity::{DIRECTORY, unique};
use super::local::{self, check_file, local_path};
use super::opened::{IsLink, LocalRoot, OpenName};
use super::source_tree::SourceTree;
use crate::context::Context;
use crate::failure::{About, Failure, Kind};
use crate::session::Facts;
use ftp_io::copy::Meter;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::wire::{ByteRange, PathName};
use rustix::fs::{CWD, Mode, openat};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// What this host is for a copy.
#[derive(Clone, Debug)]
pub enum LocalEnd {
    /// A place that was typed. Its path is used as it is, through whatever links.
    Typed,
    /// The destination of a copy.
    Destination(LocalRoot),
    /// A directory that is copied, and what is in it.
    Source(SourceTree),
}

impl LocalEnd {
    /// The destination, if it is one.
    pub(crate) const fn destination(&self) -> Option<&LocalRoot> {
        match self {
            Self::Destination(root) => Some(root),
            Self::Typed | Self::Source(_) => None,
        }
    }

    /// The name at `path`, reached from a directory that is open and through no symbolic link; `None` if none is open for it.
    /// Missing directories of a destination are made on the way if `makes`.
    pub(super) fn reach(&self, path: &PathName, makes: bool) -> Option<io::Result<OpenName>> {
        match self {
            Self::Typed => None,
            Self::Destination(root) => root.reach(path, makes),
            Self::Source(tree) => tree.reach(path),
        }
    }

    /// What is at `path`; `None` if nothing is.
    pub(super) fn facts(&self, path: &PathName) -> Result<Option<Facts>, Failure> {
        match self {
            Self::Typed => local::facts(path),
            Self::Destination(root) => check_file(Some(root.path()), path).and_then(|()| local::facts(path)),
            Self::Source(tree) => found(path, tree.facts(path)),
        }
    }

    /// What is at `path`, or where a symbolic link leads that is there; `None` if that is nothing.
    pub(super) fn behind(&self, path: &PathName) -> Result<Option<Facts>, Failure> {
        match self {
            Self::Typed | Self::Destination(_) => local::facts(path),
            Self::Source(_) => self.facts(path),
        }
    }

    /// What has the name `path`, where a symbolic link is one; `None` if that is nothing.
    pub(super) fn entry(&self, path: &PathName) -> Result<Option<Facts>, Failure> {
        match self {
            Self::Typed | Self::Destination(_) => local::entry(path),
            Self::Source(tree) => match tree.reach(path) {
                Some(name) => found(path, name.and_then(|name| name.facts())),
                None => self.facts(path),
            },
        }
    }

    /// Opens a regular file to read it, or the null device where that was typed.
    pub(crate) fn open_to_read(&self, path: &PathName) -> io::Result<File> {
        match self {
            Self::Typed | Self::Destination(_) => local::open_to_read(path),
            Self::Source(tree) => tree.open_to_read(path),
        }
    }

    /// Opens a file to send it. `seen` is what told it from other files when it was looked at.
    ///
    /// # Errors
    ///
    /// It cannot be read, or another file has its name now.
    pub(crate) fn open_to_send(&self, path: &PathName, seen: Option<&str>) -> Result<File, Failure> {
        let cannot =
            |error: &io::Error| in_the_way(format!("cannot read {}", path.display()), error, LEADS_OUT);
        let file = self.open_to_read(path).map_err(|error| cannot(&error))?;
        let found = file.metadata().map_err(|error| cannot(&error))?;
        if seen.is_some_and(|seen| *seen != unique((found.dev(), found.ino()))) {
            let what = format!("{} was replaced after it was looked at", path.display());
            let failure = Failure::new(Kind::Unverified, what).hint("copy it again when nobody writes there");
            return Err(failure.about(About::Changed));
        }
        Ok(file)
    }

    /// The failure to reach a name to read it.
    pub(super) fn failed(&self, what: String, error: &io::Error) -> Failure {
        in_the_way(what, error, LEADS_OUT)
    }

    /// Opens a directory to list it.
    pub(super) fn open_directory(&self, path: &PathName) -> io::Result<OwnedFd> {
        match self {
            Self::Typed | Self::Destination(_) => {
                Ok(openat(CWD, local_path(path), DIRECTORY, Mode::empty())?)
            }
            Self::Source(tree) => tree.open_directory(path),
        }
    }

    /// The digest of a part of a file.
    pub(super) async fn digest(
        &self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        part: ByteRange,
    ) -> Result<Digest, Failure> {
        let what = || format!("cannot hash {}", path.display());
        let open = || {
            let mut file = self.open_to_read(path)?;
            if part.first > 0 {
                file.seek(SeekFrom::Start(part.first))?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| in_the_way(what(), &error, LEADS_OUT))?;
        let meter = Meter::default();
        tokio::select! {
            biased;
            () = context.run.cancel.cancelled() => {
                meter.stop();
                Err(Failure::interrupted())
            }
            done = ftp_io::hash::digest_of(algorithm, file, part.length.unwrap_or(u64::MAX), &meter) => {
                let (hex, _) = done.map_err(|error| Failure::of_this_host(what(), &error))?;
                Ok(Digest { algorithm, hex })
            }
        }
    }
}

/// What was found below a directory that is copied.
fn found(path: &PathName, found: io::Result<Option<Facts>>) -> Result<Option<Facts>, Failure> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => {
            found.map_err(|error| in_the_way(format!("cannot look at {}", path.display()), &error, LEADS_OUT))
        }
    }
}

/// The failure to reach a name. `hint` is what to do if a symbolic link is on the way.
pub(super) fn in_the_way(what: String, error: &io::Error, hint: &str) -> Failure {
    let failure = Failure::of_this_host(what, error);
    match error.get_ref().is_some_and(|why| why.is::<IsLink>()) {
        true => failure.hint(hint),
        false => failure,
    }
}

/// What to do if a symbolic link is where a directory of the source was.
const LEADS_OUT: &str = "a directory was there when it was listed: find out who has replaced it";

#[cfg(test)]
mod tests {
    use super::super::host::Host;
    use super::super::removal::{PermittedName, delete};
    use super::super::source_tree::Followed;
    use super::*;
    use crate::context::Cancel;
    use ftp_proto::deletion::{DeletePermit, RemovalKind};
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn name(path: &Path) -> PathName {
        PathName::from_user(path.as_os_str().as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_move_sends_and_deletes_the_file_that_was_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for directory in ["tree/a", "tree/b"] {
            std::fs::create_dir_all(at(directory)).unwrap();
            std::fs::write(at(directory).join("f"), directory).unwrap();
        }
        symlink("a/f", at("tree/link")).unwrap();
        let root = name(&at("tree"));
        let context = Context::for_tests(Cancel::never());
        let seen = LocalEnd::Typed.facts(&root).unwrap().unwrap();
        let tree = Host::Local(LocalEnd::Typed).reading(&root, &seen, Followed::Files).unwrap();
        let Host::Local(tree) = tree else { panic!("{tree:?}") };
        for end in [LocalEnd::Typed, tree] {
            let path = name(&at("tree/a/f"));
            let seen = end.facts(&path).unwrap().unwrap().unique;
            let swap = || {
                for (from, to) in [("tree/a", "tree/c"), ("tree/b", "tree/a"), ("tree/c", "tree/b")] {
                    std::fs::rename(at(from), at(to)).unwrap();
                }
            };
            let mut host = Host::Local(end.clone());
            // Two directories of the tree change their places.
            swap();
            let failure = end.open_to_send(&path, seen.as_deref()).unwrap_err();
            assert_eq!(failure.about, About::Changed, "{end:?}: {failure}");
            let permit = DeletePermit::for_named(path.clone(), RemovalKind::File);
            let file = PermittedName { root: &root, permit: &permit, held: None, seen: seen.as_deref() };
            assert!(delete(&context, &mut host, file).await.is_err(), "{end:?}");
            assert!(at("tree/a/f").exists() && at("tree/b/f").exists());
            swap();
            let mut text = String::new();
            end.open_to_send(&path, seen.as_deref()).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "tree/a", "{end:?}");
            // Of a link to the file, the link is deleted.
            let link = DeletePermit::for_named(name(&at("tree/link")), RemovalKind::File);
            let link = PermittedName { permit: &link, ..file };
            assert!(delete(&context, &mut host, link).await.unwrap());
            assert!(at("tree/a/f").exists() && !at("tree/link").exists());
            symlink("a/f", at("tree/link")).unwrap();
        }
    }
}
