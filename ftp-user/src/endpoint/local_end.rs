//! This host as an end of a copy: what its paths are used for decides how they are reached. Below a directory that is held, no
//! symbolic link is followed, and nobody can put another directory in the way; elsewhere a path is used that was checked.

use super::local_root::LocalRoot;
use super::source_tree::{Links, SourceTree};
use crate::context::Context;
use crate::failure::{About, Failure, Kind, Result};
use crate::world::{IsLink, LocalName, Writing, unique_of};
use ftp_io::copy::Meter;
use ftp_proto::deletion::RemovalKind;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::{Facts, When};
use ftp_proto::wire::{ByteRange, PathName};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

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
    pub(super) const fn destination(&self) -> Option<&LocalRoot> {
        match self {
            Self::Destination(root) => Some(root),
            Self::Typed | Self::Source(_) => None,
        }
    }

    /// The name at `path`, reached from a directory that is open and through no symbolic link; `None` if none is open for it.
    /// Missing directories of a destination are made on the way if `makes`.
    pub(crate) fn reach(&self, path: &PathName, makes: bool) -> Option<io::Result<LocalName>> {
        match self {
            Self::Typed => None,
            Self::Destination(root) => root.reach(path, makes),
            Self::Source(tree) => tree.reach(path),
        }
    }

    /// What is at `path`; `None` if nothing is.
    pub(crate) fn facts(&self, path: &PathName) -> Result<Option<Facts>> {
        self.check_file(path)?;
        self.behind(path)
    }

    /// What is at `path`, or where a symbolic link leads that is there; `None` if that is nothing.
    pub(super) fn behind(&self, path: &PathName) -> Result<Option<Facts>> {
        let looked = self.to_read(path).and_then(|name| match self.followed() {
            Links::Skip => name.entry(),
            Links::Files | Links::Follow => name.facts(),
        });
        found(path, looked)
    }

    /// Which symbolic links are followed when something is read.
    const fn followed(&self) -> Links {
        if let Self::Source(tree) = self { tree.followed } else { Links::Follow }
    }

    /// The name at `path`, to be read.
    fn to_read(&self, path: &PathName) -> io::Result<LocalName> {
        if let Self::Source(tree) = self { tree.to_read(path) } else { Ok(LocalName::typed(path)) }
    }

    /// What has the name `path`, where a symbolic link is one; `None` if that is nothing.
    pub(crate) fn entry(&self, path: &PathName) -> Result<Option<Facts>> {
        let Self::Source(tree) = self else { return found(path, LocalName::typed(path).entry()) };
        match tree.reach(path) {
            Some(name) => found(path, name.and_then(|name| name.entry())),
            None => self.facts(path),
        }
    }

    /// Opens a regular file to read it, or the null device where that was typed.
    pub(crate) fn open_to_read(&self, path: &PathName) -> io::Result<File> {
        self.to_read(path)?.open_to_read(self.followed() != Links::Skip)
    }

    /// Opens a file to send it. `seen` is what told it from other files when it was looked at.
    ///
    /// # Errors
    ///
    /// It cannot be read, or another file has its name now.
    pub(crate) fn open_to_send(&self, path: &PathName, seen: Option<&str>) -> Result<File> {
        let cannot = |error: &io::Error| self.failed(format!("cannot read {}", path.display()), error);
        let file = self.open_to_read(path).map_err(|error| cannot(&error))?;
        let found = unique_of(&file).map_err(|error| cannot(&error))?;
        if seen.is_some_and(|seen| *seen != found) {
            let what = format!("{} was replaced after it was looked at", path.display());
            let failure = Failure::new(Kind::Unverified, what).hint("copy it again when nobody writes there");
            return Err(failure.about(About::Changed));
        }
        Ok(file)
    }

    /// The failure to reach a name to read it.
    pub(super) fn failed(&self, what: String, error: &io::Error) -> Failure {
        behind_a_link(what, error, LEADS_OUT)
    }

    /// Hands over the names in a directory, with what has each of them.
    pub(super) fn list(&self, path: &PathName, each: impl FnMut(&[u8], Facts)) -> io::Result<()> {
        self.to_read(path)?.list(self.followed() == Links::Follow, each)
    }

    /// Checks that no symbolic link leads out of the destination on the way to the file `path`.
    ///
    /// # Errors
    ///
    /// One does.
    pub(crate) fn check_file(&self, path: &PathName) -> Result<()> {
        self.destination().map_or(Ok(()), |root| root.check_file(path))
    }

    /// The name at `path` to be written: reached from a directory that is held, or its path.
    fn to_write(&self, path: &PathName) -> io::Result<LocalName> {
        let held = self.destination().and_then(|root| root.reach(path, false));
        held.unwrap_or_else(|| Ok(LocalName::typed(path)))
    }

    /// The destination, if it holds no directory above `path`: then the path is checked.
    fn unheld(&self, path: &PathName) -> Option<&LocalRoot> {
        self.destination().filter(|root| !root.holds(path))
    }

    /// Opens a file to write.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or what is continued is another file.
    pub(crate) fn open_to_write(&self, path: &PathName, writing: Writing) -> io::Result<File> {
        self.to_write(path)?.open_to_write(writing)
    }

    /// Renames a finished copy.
    pub(super) fn rename(&self, from: &PathName, to: &PathName) -> Result<()> {
        let (old, new) = match (self.unheld(from), self.unheld(to)) {
            (None, None) => (self.to_write(from), self.to_write(to)),
            (Some(root), _) | (None, Some(root)) => {
                root.check_file(to)?;
                (Ok(LocalName::typed(from)), Ok(LocalName::typed(to)))
            }
        };
        old.and_then(|old| old.rename(&new?))
            .map_err(|error| cannot(format!("cannot rename the finished copy to {}", to.display()), &error))
    }

    /// Deletes a file. Returns whether it was there.
    pub(super) fn delete(&self, path: &PathName) -> Result<bool> {
        self.unheld(path).map_or(Ok(()), |root| root.check_file(path))?;
        match self.to_write(path).and_then(|name| name.remove(RemovalKind::File)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(cannot(format!("cannot delete {}", path.display()), &error))
            }
            deleted => Ok(deleted.is_ok()),
        }
    }

    /// Makes a directory, unless it is there.
    pub(super) fn make_directory(&self, path: &PathName) -> Result<()> {
        self.unheld(path).map_or(Ok(()), |root| root.check_directory(path))?;
        self.change(path, "make the directory", LocalName::make_directory)
    }

    /// Sets when a file or directory was modified last.
    pub(super) fn set_modified(&self, path: &PathName, time: When) -> Result<()> {
        self.change(path, "set the time of", |name| name.set_modified(time))
    }

    /// Sets the permission bits of a file or directory.
    pub(super) fn set_mode(&self, path: &PathName, mode: u32) -> Result<()> {
        self.change(path, "set the permissions of", |name| name.set_mode(mode))
    }

    /// Does to the name at `path` what `what` calls it.
    fn change(
        &self,
        path: &PathName,
        what: &str,
        act: impl FnOnce(&LocalName) -> io::Result<()>,
    ) -> Result<()> {
        let done = self.to_write(path).and_then(|name| act(&name));
        done.map_err(|error| cannot(format!("cannot {what} {}", path.display()), &error))
    }

    /// The digest of a part of a file.
    pub(super) async fn digest(
        &self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        part: ByteRange,
    ) -> Result<Digest> {
        let what = || format!("cannot hash {}", path.display());
        let open = || {
            let mut file = self.open_to_read(path)?;
            if part.first > 0 {
                file.seek(SeekFrom::Start(part.first))?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| self.failed(what(), &error))?;
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

/// What was found at `path`; `None` if that is nothing.
fn found(path: &PathName, found: io::Result<Option<Facts>>) -> Result<Option<Facts>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found
            .map_err(|error| behind_a_link(format!("cannot look at {}", path.display()), &error, LEADS_OUT)),
    }
}

/// The failure to write a name.
fn cannot(what: String, error: &io::Error) -> Failure {
    behind_a_link(what, error, "remove the link, or name its directory as the destination")
}

/// The failure to reach a name. `hint` is what to do if a symbolic link is on the way.
fn behind_a_link(what: String, error: &io::Error, hint: &str) -> Failure {
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
    use super::*;
    use crate::world::OpenDirectory;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    const HERE: LocalEnd = LocalEnd::Typed;

    #[test]
    fn nothing_is_written_through_a_link_that_has_taken_the_place_of_a_directory() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let name = |path: &Path| PathName::from_user(path.as_os_str().as_bytes()).unwrap();
        for directory in ["tree/sub", "victim"] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        let path = name(&at("tree"));
        let root = LocalRoot::at(path.clone());
        let seen = HERE.facts(&path).unwrap().unwrap();
        root.hold(vec![OpenDirectory::open_seen(&path, &seen).unwrap()]);
        let end = LocalEnd::Destination(root);
        let (part, file) = (name(&at("tree/sub/part")), name(&at("tree/sub/file")));
        let copy = |contents: &[u8]| {
            end.open_to_write(&part, Writing::Anew).unwrap().write_all(contents).unwrap();
            end.set_modified(&part, When(1_000_000_000)).unwrap();
            end.set_mode(&part, 0o640).unwrap();
            end.rename(&part, &file).unwrap();
        };
        copy(b"first, and longer");
        copy(b"second");
        end.make_directory(&name(&at("tree/sub/new"))).unwrap();
        end.make_directory(&name(&at("tree/sub/new"))).unwrap();
        let facts = std::fs::metadata(at("tree/sub/file")).unwrap();
        assert_eq!((facts.mtime(), facts.permissions().mode() & 0o777), (1_000_000_000, 0o640));
        assert_eq!(std::fs::read(at("tree/sub/file")).unwrap(), b"second");
        // A link has the name of the part.
        std::fs::write(at("victim/file"), "kept").unwrap();
        symlink("../../victim/file", at("tree/sub/part")).unwrap();
        assert!(end.open_to_write(&part, Writing::Anew).is_err());
        assert!(end.open_to_write(&part, Writing::Append).is_err());
        assert!(end.set_mode(&part, 0o777).is_err());
        std::fs::write(at("victim/part"), "kept").unwrap();
        let before = std::fs::metadata(at("victim/file")).unwrap();
        // A link has the name of the directory.
        std::fs::rename(at("tree/sub"), at("tree/was")).unwrap();
        symlink("../victim", at("tree/sub")).unwrap();
        assert!(end.open_to_write(&part, Writing::Anew).is_err());
        assert!(end.rename(&part, &file).is_err() && end.delete(&part).is_err());
        assert!(end.set_modified(&file, When(1)).is_err() && end.set_mode(&file, 0o777).is_err());
        assert!(end.make_directory(&name(&at("tree/sub/more"))).is_err());
        let mut names: Vec<_> =
            std::fs::read_dir(at("victim")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["file", "part"]);
        for kept in ["victim/file", "victim/part"] {
            assert_eq!(std::fs::read(at(kept)).unwrap(), b"kept");
        }
        let after = std::fs::metadata(at("victim/file")).unwrap();
        assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
    }
}
