//! Names of this host, and directories that stay open: from there a name is reached without following a symbolic link.

use super::files::local_path;
use crate::failure::{Failure, Kind, Result};
use ftp_proto::deletion::RemovalKind;
use ftp_proto::listing::{self, Facts, When};
use ftp_proto::wire::PathName;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT,
    chmodat, fcntl_setfl, fstat, linkat, mkdirat, openat, readlinkat, renameat, renameat_with, statat,
    unlinkat, utimensat,
};
use rustix::io::{Errno, retry_on_intr};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The device that holds nothing.
pub(crate) const NULL_DEVICE: &str = "/dev/null";

/// A directory of this host that stays open. Whatever gets its path later is another one. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct OpenDirectory {
    path: PathBuf,
    directory: Arc<OwnedFd>,
}

impl OpenDirectory {
    /// Opens the directory at `path`, which may be a symbolic link to one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = openat(CWD, path, HELD, Mode::empty())?;
        Ok(Self { path: path.to_owned(), directory: Arc::new(directory) })
    }

    /// The same for one that looked like `seen`.
    ///
    /// # Errors
    ///
    /// It was replaced since, or cannot be opened.
    pub(crate) fn open_seen(path: &PathName, seen: &Facts) -> Result<Self> {
        let cannot = |error| Failure::of_this_host(format!("cannot open {}", path.display()), &error);
        let open = Self::open(local_path(path)).map_err(cannot)?;
        let found = open.facts().map_err(cannot)?;
        if seen.unique.is_some() && seen.unique != found.unique {
            return Err(replaced(path));
        }
        Ok(open)
    }

    /// Opens the deepest directory on the way to `path` that is there: `path` itself, or one above it. A file on the
    /// way is skipped; making a name below it fails later.
    pub(crate) fn open_nearest(path: &PathName) -> Result<Self> {
        for path in local_path(path).ancestors() {
            match Self::open(if path.as_os_str().is_empty() { Path::new(".") } else { path }) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                opened => {
                    let what = || format!("cannot open {}", path.display());
                    return opened.map_err(|error| Failure::of_this_host(what(), &error));
                }
            }
        }
        Err(Failure::new(Kind::Missing, format!("no directory on the way to {} is there", path.display())))
    }

    /// What it looks like.
    pub(crate) fn facts(&self) -> io::Result<Facts> {
        Ok(facts(&fstat(&self.directory)?))
    }

    /// A name in it.
    pub(crate) fn name(&self, name: &OsStr) -> LocalName {
        LocalName { directory: Some(Arc::clone(&self.directory)), name: name.to_owned() }
    }

    /// Opens a directory in it, which is no symbolic link.
    ///
    /// # Errors
    ///
    /// It is not there, or a link or something else has the name.
    pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let directory = openat(&self.directory, name, BELOW, Mode::empty())?;
        Ok(Self { path: self.path.join(name), directory: Arc::new(directory) })
    }

    /// The names on the way from here to `path`, if it is here or below: none if it is here.
    pub(crate) fn names_to<'a>(&self, path: &'a PathName) -> Option<Vec<&'a OsStr>> {
        let path = local_path(path);
        if path == self.path {
            return Some(Vec::new());
        }
        let from_here = self.path == Path::new(".") && path.is_relative();
        let below = match path.strip_prefix(&self.path) {
            Ok(below) => below,
            Err(_) if from_here => path,
            Err(_) => return None,
        };
        names_of(below)
    }

    /// Goes from here to the last one of `names`. A directory that is missing is made if `makes`.
    ///
    /// # Errors
    ///
    /// A directory on the way cannot be opened or made, or is a symbolic link.
    pub(crate) fn reach(&self, names: &[&OsStr], makes: bool) -> io::Result<LocalName> {
        let (last, above) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut directory = Arc::clone(&self.directory);
        for name in above {
            directory = Arc::new(match enter(&directory, name) {
                Err(error) if makes && error.kind() == io::ErrorKind::NotFound => {
                    match mkdirat(&directory, *name, Mode::from_raw_mode(ALL_RIGHTS)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    enter(&directory, name)?
                }
                entered => entered?,
            });
        }
        Ok(LocalName { directory: Some(directory), name: (*last).to_owned() })
    }

    /// The last one of `names`, wherever symbolic links on the way to it lead. Without names it is the directory itself.
    pub(crate) fn through_links(&self, names: &[&OsStr]) -> LocalName {
        let path: PathBuf = std::iter::once(OsStr::new(".")).chain(names.iter().copied()).collect();
        self.name(path.as_os_str())
    }
}

/// The names of a path without `..`.
pub(crate) fn names_of(path: &Path) -> Option<Vec<&OsStr>> {
    let name = |component| match component {
        Component::Normal(name) => Some(name),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    };
    path.components().map(name).collect()
}

/// Opens a directory below an open one. A symbolic link is none, wherever it leads: it may have been put there a moment ago.
fn enter(directory: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    openat(directory, name, BELOW, Mode::empty()).map_err(|error| not_followed(error, directory, name))
}

/// Why a name was not opened by a call that follows no symbolic link.
fn not_followed(error: Errno, directory: &OwnedFd, name: &OsStr) -> io::Error {
    match error {
        Errno::NOTDIR | Errno::LOOP => match readlinkat(directory, name, Vec::new()) {
            Ok(_) => io::Error::new(io::ErrorKind::PermissionDenied, IsLink(name.to_owned())),
            Err(_) => error.into(),
        },
        _ => error.into(),
    }
}

/// A symbolic link on the way to a name below an open directory.
#[derive(Debug, thiserror::Error)]
#[error("{} is a symbolic link, and none is followed there", .0.display())]
pub(crate) struct IsLink(OsString);

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    /// From its start; it is made, or cut off.
    Anew,
    /// At its end.
    Append,
    /// What an earlier attempt or run has left goes on.
    Continue,
    /// In ranges beside each other; it is made if it is not there.
    Range,
}

/// A name of this host. One in an open directory stays there: what is looked at is what is read, deleted or renamed, and no
/// symbolic link is followed to write it. A path that was typed is used through whatever links.
#[derive(Clone, Debug)]
pub(crate) struct LocalName {
    directory: Option<Arc<OwnedFd>>,
    name: OsString,
}

impl LocalName {
    /// A path that was typed.
    pub(crate) fn typed(path: &PathName) -> Self {
        Self { directory: None, name: local_path(path).as_os_str().to_owned() }
    }

    /// What [`Self::name`] starts from.
    fn at(&self) -> BorrowedFd<'_> {
        self.directory.as_ref().map_or(CWD, |directory| directory.as_fd())
    }

    /// Whether the file that has the name, or where it leads if it is a symbolic link, is this one.
    pub(crate) fn is(&self, seen: &str) -> io::Result<bool> {
        let found = statat(self.at(), &self.name, AtFlags::empty())?;
        Ok(unique(identity(&found)) == seen)
    }

    /// What has the name, where a symbolic link is one; `None` if that is nothing.
    pub(crate) fn entry(&self) -> io::Result<Option<Facts>> {
        self.look(AtFlags::SYMLINK_NOFOLLOW)
    }

    /// What has the name, or where a symbolic link leads that has it; `None` if that is nothing.
    pub(crate) fn facts(&self) -> io::Result<Option<Facts>> {
        self.look(AtFlags::empty())
    }

    fn look(&self, flags: AtFlags) -> io::Result<Option<Facts>> {
        match statat(self.at(), &self.name, flags) {
            Err(Errno::NOENT) => Ok(None),
            found => Ok(Some(facts(&found?))),
        }
    }

    /// Opens a regular file to read it, or the null device where that was typed, which is an empty file. What has become a pipe or
    /// another device since it was looked at is refused: to open a pipe waits for somebody who writes.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is no regular file.
    pub(crate) fn open_to_read(&self, follows: bool) -> io::Result<File> {
        let file = File::from(self.open(OFlags::RDONLY | OFlags::NONBLOCK | follow(follows))?);
        let is_null = self.directory.is_none() && self.name.as_bytes() == NULL_DEVICE.as_bytes();
        if !is_null && !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file any more"));
        }
        fcntl_setfl(&file, OFlags::empty())?;
        Ok(file)
    }

    /// Opens a file to write.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or what is continued is another file.
    pub(crate) fn open_to_write(&self, writing: Writing) -> io::Result<File> {
        let goes_on = matches!(writing, Writing::Continue | Writing::Range);
        let flags = match writing {
            Writing::Append => OFlags::APPEND | OFlags::CREATE,
            Writing::Continue => OFlags::NONBLOCK,
            Writing::Range => OFlags::NONBLOCK | OFlags::CREATE,
            Writing::Anew => OFlags::CREATE | OFlags::TRUNC,
        };
        // A link may have taken the name of what an earlier run has left: what it leads to is another file.
        let follows = self.directory.is_none() && !goes_on;
        let file = File::from(self.open(OFlags::WRONLY | flags | follow(follows))?);
        if goes_on {
            let facts = file.metadata()?;
            if !facts.is_file() || facts.nlink() != 1 {
                return Err(io::Error::other("what an earlier run has left there is another file now"));
            }
        }
        Ok(file)
    }

    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let rights = Mode::from_raw_mode(RIGHTS_OF_A_FILE);
        let opened = retry_on_intr(|| openat(self.at(), &self.name, flags | OFlags::CLOEXEC, rights));
        opened.map_err(|error| match &self.directory {
            Some(directory) if flags.contains(OFlags::NOFOLLOW) => not_followed(error, directory, &self.name),
            Some(_) | None => error.into(),
        })
    }

    /// Hands over the names in a directory, in no order, with what has each of them.
    pub(crate) fn list(&self, follows: bool, mut each: impl FnMut(&[u8], Facts)) -> io::Result<()> {
        let mut names = Dir::new(self.open(DIRECTORY | follow(follows))?)?;
        while let Some(found) = names.read() {
            let found = found?;
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let looked = names.fd().and_then(|open| statat(open, name, AtFlags::SYMLINK_NOFOLLOW));
            // It may have gone since.
            let facts =
                looked.map_or_else(|_| Facts::of_kind(kind(found.file_type())), |found| facts(&found));
            each(name.to_bytes(), facts);
        }
        Ok(())
    }

    /// Removes the name: a file or a link, or an empty directory.
    ///
    /// # Errors
    ///
    /// It may still be there.
    pub(crate) fn remove(&self, kind: RemovalKind) -> io::Result<()> {
        let flags = match kind {
            RemovalKind::File => AtFlags::empty(),
            RemovalKind::Directory => AtFlags::REMOVEDIR,
        };
        Ok(unlinkat(self.at(), &self.name, flags)?)
    }

    /// Gives it another name. A file that has that one is replaced.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        Ok(renameat(self.at(), &self.name, to.at(), &to.name)?)
    }

    /// Gives it another name, which nothing has.
    ///
    /// # Errors
    ///
    /// It was not renamed; with [`io::ErrorKind::AlreadyExists`] if the name is taken.
    pub(crate) fn rename_free(&self, to: &Self) -> io::Result<()> {
        match renameat_with(self.at(), &self.name, to.at(), &to.name, RenameFlags::NOREPLACE) {
            // Some file systems cannot promise it (NFS), nor can old systems.
            Err(error @ (Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)) => {
                // A directory has one name.
                self.link_free(to).map_err(|other| if other == Errno::EXIST { other } else { error })?;
            }
            renamed => renamed?,
        }
        Ok(())
    }

    /// The same for a file by a second name, after which the first one is removed.
    fn link_free(&self, to: &Self) -> std::result::Result<(), Errno> {
        linkat(self.at(), &self.name, to.at(), &to.name, AtFlags::empty())?;
        let look = |name: &Self| statat(name.at(), &name.name, AtFlags::SYMLINK_NOFOLLOW);
        // Somebody may have put another file there meanwhile. It stays.
        match (look(self), look(to)) {
            (Ok(old), Ok(new)) if identity(&old) == identity(&new) => {
                unlinkat(self.at(), &self.name, AtFlags::empty()).inspect_err(|_| {
                    // It keeps its first name, so the second one goes.
                    let _ = unlinkat(to.at(), &to.name, AtFlags::empty());
                })
            }
            _ => Ok(()),
        }
    }

    /// Makes a directory, unless it is there.
    ///
    /// # Errors
    ///
    /// It is not there, or in an open directory a symbolic link has its name.
    pub(crate) fn make_directory(&self) -> io::Result<()> {
        let made = mkdirat(self.at(), &self.name, Mode::from_raw_mode(ALL_RIGHTS));
        match (made, &self.directory) {
            (Err(Errno::EXIST), Some(directory)) => match enter(directory, &self.name) {
                // What has the name is a file.
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Errno::EXIST.into()),
                entered => entered.map(drop),
            },
            (Err(Errno::EXIST), None) if self.is_directory() => Ok(()),
            (made, _) => Ok(made?),
        }
    }

    /// Whether it is, or leads to, a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.facts().is_ok_and(|found| found.is_some_and(|found| found.kind == listing::Kind::Directory))
    }

    /// Sets when it was modified last.
    pub(crate) fn set_modified(&self, time: When) -> io::Result<()> {
        let is_typed = self.directory.is_none();
        // A device has no time of its own.
        if is_typed && self.facts()?.is_some_and(|found| found.kind == listing::Kind::Other) {
            return Ok(());
        }
        let flags = if is_typed { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps { last_access: at(0, UTIME_OMIT), last_modification: at(time.0, 0) };
        Ok(utimensat(self.at(), &self.name, &times, flags)?)
    }

    /// Sets the permission bits of a file or directory.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        if self.directory.is_none() {
            let mode = Mode::from_raw_mode(mode as RawMode);
            return Ok(retry_on_intr(|| chmodat(CWD, &self.name, mode, AtFlags::empty()))?);
        }
        let file = File::from(self.open(OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?);
        file.set_permissions(Permissions::from_mode(mode))
    }
}

const fn follow(follows: bool) -> OFlags {
    if follows { OFlags::empty() } else { OFlags::NOFOLLOW }
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the types differ from system to system"
)]
fn facts(found: &Stat) -> Facts {
    let kind = kind(FileType::from_raw_mode(found.st_mode as RawMode));
    let is_file = kind == listing::Kind::File;
    // When it was changed last, in nanoseconds.
    let changed =
        (found.st_ctime as u64).wrapping_mul(1_000_000_000).wrapping_add(found.st_ctime_nsec as u64);
    Facts {
        kind,
        size: u64::try_from(found.st_size).ok().filter(|_| is_file),
        modified: Some(When(found.st_mtime as i64)),
        unique: Some(unique(identity(found))),
        version: is_file.then_some(changed),
        mode: Some(found.st_mode as u32 & 0o7777),
    }
}

/// What tells two files of this host apart: the device, and the number there.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the types differ from system to system"
)]
const fn identity(found: &Stat) -> (u64, u64) {
    (found.st_dev as u64, found.st_ino as u64)
}

/// The same as a fact.
pub(super) fn unique((device, number): (u64, u64)) -> String {
    format!("{device}-{number}")
}

/// The device in that fact.
pub(crate) fn device_in(unique: &str) -> Option<&str> {
    unique.split_once('-').map(|(device, _)| device)
}

/// What a type of files is in a listing.
const fn kind(of: FileType) -> listing::Kind {
    match of {
        FileType::Symlink => listing::Kind::Link,
        FileType::Directory => listing::Kind::Directory,
        FileType::RegularFile => listing::Kind::File,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => listing::Kind::Other,
    }
}

/// The failure if something else has the name of the place now.
pub(crate) fn replaced(root: &PathName) -> Failure {
    let what = format!("{} was replaced after it was looked at", root.display());
    Failure::new(Kind::Unverified, what).hint("nothing was done there; look at what is there now")
}

/// The rights of a new directory, of which the umask takes some.
const ALL_RIGHTS: RawMode = 0o777;
/// Those of a new file.
const RIGHTS_OF_A_FILE: RawMode = 0o666;
/// How a directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a directory is opened that is not read: it may be one that only its owner may write.
#[cfg(target_os = "linux")]
const HELD: OFlags = DIRECTORY.union(OFlags::PATH);
#[cfg(not(target_os = "linux"))]
const HELD: OFlags = DIRECTORY;
/// How a directory below an open one is opened.
const BELOW: OFlags = HELD.union(OFlags::NOFOLLOW);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::path;
    use rustix::fs::mkfifoat;
    use std::fs;
    use std::io::Read;

    #[test]
    fn a_directory_is_below_where_its_path_says() {
        let check = |root: &str, below: &str, expect: Option<&[&str]>| {
            let open = OpenDirectory { path: root.into(), ..OpenDirectory::open(Path::new(".")).unwrap() };
            let path = path(below);
            let found = open.names_to(&path);
            let expect = expect.map(|names| names.iter().map(OsStr::new).collect());
            assert_eq!(found, expect, "{root} {}", path.display());
        };
        check("d", "d/a/b", Some(&["a", "b"]));
        check("d/", "d//a/./b", Some(&["a", "b"]));
        check("./d", "./d/a", Some(&["a"]));
        check(".", "./a", Some(&["a"]));
        check(".", "a/b", Some(&["a", "b"]));
        check("/", "/a", Some(&["a"]));
        check("d", "d", Some(&[]));
        check("d", "e/a", None);
        check("d", "d/../a", None);
        check(".", "../a", None);
        check(".", "/a", None);
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let here = tempfile::tempdir().unwrap();
        let [pipe, file] = ["pipe", "file"].map(|name| here.path().join(name));
        mkfifoat(CWD, &pipe, Mode::RUSR).unwrap();
        fs::write(&file, "text").unwrap();
        let open = |file: &Path| LocalName::typed(&path(file)).open_to_read(true);
        assert!(open(&pipe).unwrap_err().to_string().contains("not a regular file"));
        assert!(open(here.path()).is_err());
        let mut text = String::new();
        open(&file).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert!(open(Path::new("/dev/zero")).is_err());
        assert_eq!(open(Path::new(NULL_DEVICE)).unwrap().read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_file_gets_a_name_that_is_free_also_where_the_system_cannot_promise_it() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let name = |file: &str| LocalName::typed(&path(at(file)));
        let by_link = |from: &LocalName, to: &LocalName| from.link_free(to).map_err(io::Error::from);
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("taken"), "taken").unwrap();
        for rename in [LocalName::rename_free, by_link] {
            fs::write(at("a"), "a").unwrap();
            let taken = rename(&name("a"), &name("taken")).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            rename(&name("a"), &name("b")).unwrap();
            assert_eq!((at("a").exists(), fs::read(at("b")).unwrap()), (false, b"a".to_vec()));
            fs::remove_file(at("b")).unwrap();
        }
        assert!(name("directory").link_free(&name("other")).is_err());
        assert_eq!(fs::read(at("taken")).unwrap(), b"taken");
        name("directory").rename_free(&name("other")).unwrap();
    }
}
