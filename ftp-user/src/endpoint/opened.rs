//! Directories of this host that stay open, and the names that are reached from there without following a symbolic link.

use super::free_name;
use super::identity::{BELOW, HELD, above, identity, replaced, unique};
use super::local::{local_path, version};
use crate::failure::{Failure, Kind};
use crate::session::Facts;
use ftp_proto::listing::{self, When};
use ftp_proto::wire::PathName;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, UTIME_OMIT, fstat, mkdirat,
    openat, readlinkat, renameat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A directory of this host that stays open. Whatever gets its path later is another one.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    path: PathBuf,
    directory: OwnedFd,
}

impl OpenDirectory {
    fn at(path: &Path, directory: OwnedFd) -> Self {
        Self { path: path.to_owned(), directory }
    }

    /// Opens the directory at `path`, which may be a symbolic link to one, and which looked like `seen`.
    ///
    /// # Errors
    ///
    /// It was replaced since, or cannot be opened.
    pub(crate) fn seen(path: &PathName, seen: &Facts) -> Result<Self, Failure> {
        let cannot =
            |error: Errno| Failure::of_this_host(format!("cannot open {}", path.display()), &error.into());
        let directory = openat(CWD, local_path(path), HELD, Mode::empty()).map_err(cannot)?;
        let found = fstat(&directory).map_err(cannot)?;
        if seen.unique.as_ref().is_some_and(|seen| *seen != unique(identity(&found))) {
            return Err(replaced(path));
        }
        Ok(Self::at(local_path(path), directory))
    }

    /// Opens the deepest directory on the way to `path` that is there: `path` itself, or one above it. What is no directory is
    /// passed over: whoever makes a name there is told.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub(crate) fn nearest(path: &PathName) -> Result<Self, Failure> {
        for path in local_path(path).ancestors() {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            match openat(CWD, path, HELD, Mode::empty()) {
                Ok(directory) => return Ok(Self::at(path, directory)),
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => {
                    let what = format!("cannot open {}", path.display());
                    return Err(Failure::of_this_host(what, &error.into()));
                }
            }
        }
        Err(Failure::new(Kind::Missing, format!("no directory on the way to {} is there", path.display())))
    }

    /// The names on the way from here to `path`, if it is below.
    fn names<'a>(&self, path: &'a Path) -> Option<Vec<&'a OsStr>> {
        self.names_to(path).filter(|names| !names.is_empty())
    }

    /// The names on the way from here to `path`, if it is here or below: none if it is here.
    pub(super) fn names_to<'a>(&self, path: &'a Path) -> Option<Vec<&'a OsStr>> {
        if path == self.path {
            return Some(Vec::new());
        }
        let from_here = self.path == Path::new(".") && path.is_relative();
        let below = match path.strip_prefix(&self.path) {
            Ok(below) => below,
            Err(_) if from_here => path,
            Err(_) => return None,
        };
        let name = |component| match component {
            Component::Normal(name) => Some(name),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        };
        below.components().map(name).collect()
    }

    /// Goes from here to the last one of `names`. A directory that is missing is made if `makes`.
    pub(super) fn reach(&self, names: &[&OsStr], makes: bool) -> io::Result<OpenName> {
        let (last, above) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut directory = self.directory.try_clone()?;
        for name in above {
            directory = match enter(&directory, name) {
                Err(error) if makes && error.kind() == io::ErrorKind::NotFound => {
                    match mkdirat(&directory, *name, Mode::from_raw_mode(ALL_RIGHTS)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    enter(&directory, name)?
                }
                entered => entered?,
            };
        }
        Ok(OpenName { directory, name: (*last).to_owned() })
    }

    /// The last one of `names`, wherever symbolic links on the way to it lead. Without names it is the directory itself.
    pub(super) fn through_links(&self, names: &[&OsStr]) -> io::Result<OpenName> {
        let path: PathBuf = std::iter::once(OsStr::new(".")).chain(names.iter().copied()).collect();
        Ok(OpenName { directory: self.directory.try_clone()?, name: path.into_os_string() })
    }
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
#[derive(Debug)]
pub(super) struct IsLink(OsString);

impl std::fmt::Display for IsLink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} is a symbolic link, and none is followed there", self.0.display())
    }
}

impl std::error::Error for IsLink {}

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

    /// The path of the destination.
    pub(crate) const fn path(&self) -> &PathName {
        &self.path
    }

    /// Whether directories are kept open.
    pub(crate) fn is_held(&self) -> bool {
        self.open.get().is_some()
    }

    /// Keeps directories open: what is below one of them is reached from there. Only the first call counts.
    pub(crate) fn hold(&self, directories: Vec<OpenDirectory>) {
        // The first ones are those that were looked at.
        let _ = self.open.set(directories);
    }

    /// The name at `path`, reached from a directory that is open; `None` if it is below none of them.
    pub(super) fn reach(&self, path: &PathName, makes: bool) -> Option<io::Result<OpenName>> {
        let path = local_path(path);
        let directories = self.open.get()?.iter();
        let mut below = directories.filter_map(|open| Some((open, open.names(path)?)));
        below.next().map(|(open, names)| open.reach(&names, makes))
    }
}

/// A name and its directory, which stays open: what is looked at there is what is read, deleted or renamed there.
#[derive(Debug)]
pub(super) struct OpenName {
    directory: OwnedFd,
    name: OsString,
}

impl OpenName {
    /// The name at `path`, whose directory is opened now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = openat(CWD, above(path), HELD, Mode::empty())?;
        Ok(Self { directory, name: name.to_owned() })
    }

    /// A name in an open directory.
    pub(super) fn of(directory: OwnedFd, name: &OsStr) -> Self {
        Self { directory, name: name.to_owned() }
    }

    /// Whether the file that has the name, or where it leads if it is a symbolic link, is this one.
    pub(super) fn is(&self, seen: &str) -> io::Result<bool> {
        let found = statat(&self.directory, &self.name, AtFlags::empty())?;
        Ok(unique(identity(&found)) == seen)
    }

    /// What has the name, where a symbolic link is one; `None` if that is nothing.
    pub(super) fn facts(&self) -> io::Result<Option<Facts>> {
        match statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(facts(&found))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What has the name, or where a symbolic link leads that has it.
    pub(super) fn facts_behind(&self) -> io::Result<Option<Facts>> {
        match statat(&self.directory, &self.name, AtFlags::empty()) {
            Ok(found) => Ok(Some(facts(&found))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the name: a file or a link, with [`AtFlags::REMOVEDIR`] an empty directory.
    pub(super) fn remove(&self, flags: AtFlags) -> io::Result<()> {
        Ok(unlinkat(&self.directory, &self.name, flags)?)
    }

    /// Opens a file.
    pub(super) fn open(&self, flags: OFlags) -> io::Result<File> {
        let rights = Mode::from_raw_mode(RIGHTS_OF_A_FILE);
        let opened = openat(&self.directory, &self.name, flags | OFlags::CLOEXEC, rights);
        let opened = opened.map_err(|error| match flags.contains(OFlags::NOFOLLOW) {
            true => not_followed(error, &self.directory, &self.name),
            false => error.into(),
        });
        Ok(opened?.into())
    }

    /// Gives it another name. A file that has that one is replaced.
    pub(super) fn rename(&self, to: &Self) -> io::Result<()> {
        Ok(renameat(&self.directory, &self.name, &to.directory, &to.name)?)
    }

    /// Makes a directory, unless it is there.
    pub(super) fn make_directory(&self) -> io::Result<()> {
        match mkdirat(&self.directory, &self.name, Mode::from_raw_mode(ALL_RIGHTS)) {
            Err(Errno::EXIST) => match enter(&self.directory, &self.name) {
                // What has the name is a file.
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Errno::EXIST.into()),
                entered => entered.map(drop),
            },
            made => Ok(made?),
        }
    }

    /// Sets when it was modified last.
    pub(super) fn set_modified(&self, time: When) -> io::Result<()> {
        let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps { last_access: at(0, UTIME_OMIT), last_modification: at(time.0, 0) };
        Ok(utimensat(&self.directory, &self.name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Sets the permission bits of a file or directory.
    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let file = self.open(OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Gives it another name, which nothing has.
    pub(super) fn rename_free(&self, to: &Self) -> Result<(), Errno> {
        let (from, above) = (self.directory.as_fd(), to.directory.as_fd());
        free_name::rename_free((from, Path::new(&self.name)), (above, Path::new(&to.name)))
    }
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the types differ from system to system"
)]
pub(super) fn facts(found: &Stat) -> Facts {
    let kind = kind(FileType::from_raw_mode(found.st_mode as RawMode));
    let size = u64::try_from(found.st_size).ok().filter(|_| kind == listing::Kind::File);
    Facts {
        kind,
        size,
        modified: Some(When(found.st_mtime as i64)),
        unique: Some(unique(identity(found))),
        version: (kind == listing::Kind::File)
            .then(|| version((found.st_ctime as i64, found.st_ctime_nsec as i64))),
        mode: Some(found.st_mode as u32 & 0o7777),
    }
}

/// What a type of files is in a listing.
pub(super) const fn kind(of: FileType) -> listing::Kind {
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

/// The rights of a new directory, of which the umask takes some.
const ALL_RIGHTS: RawMode = 0o777;
/// Those of a new file.
const RIGHTS_OF_A_FILE: RawMode = 0o666;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn name(path: &Path) -> PathName {
        PathName::from_user(path.as_os_str().as_bytes()).unwrap()
    }

    #[test]
    fn a_directory_is_below_where_its_path_says() {
        let check = |root: &str, path: &str, expect: Option<&[&str]>| {
            let directory = openat(CWD, ".", HELD, Mode::empty()).unwrap();
            let open = OpenDirectory::at(Path::new(root), directory);
            let found = open.names(Path::new(path));
            let expect = expect.map(|names| names.iter().map(OsStr::new).collect());
            assert_eq!(found, expect, "{root} {path}");
        };
        check("d", "d/a/b", Some(&["a", "b"]));
        check("d/", "d//a/./b", Some(&["a", "b"]));
        check("./d", "./d/a", Some(&["a"]));
        check(".", "./a", Some(&["a"]));
        check(".", "a/b", Some(&["a", "b"]));
        check("/", "/a", Some(&["a"]));
        check("d", "d", None);
        check("d", "e/a", None);
        check("d", "d/../a", None);
        check(".", "../a", None);
        check(".", "/a", None);
    }

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
        let root = name(&at("dest"));
        let local = LocalRoot::at(root.clone());
        local.hold(vec![OpenDirectory::nearest(&root).unwrap()]);
        let make = |path: &str| {
            let reached = local.reach(&name(&at(path)), false).unwrap();
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
        let root = name(&at("above/new"));
        let local = LocalRoot::at(root.clone());
        local.hold(vec![OpenDirectory::nearest(&root).unwrap()]);
        let make = |path: &str| {
            let reached = local.reach(&name(&at(path)), false).unwrap();
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
        let (root, old) = (name(&at("eve/tree")), name(&at("old/today")));
        let local = LocalRoot::at(root.clone());
        let seen = super::super::local::facts(&root).unwrap().unwrap();
        local.hold(vec![OpenDirectory::seen(&root, &seen).unwrap(), OpenDirectory::nearest(&old).unwrap()]);
        let file = name(&at("eve/tree/sub/f"));
        let open = local.reach(&file, false).unwrap().unwrap();
        assert!(open.facts().unwrap().is_some());
        // A directory below it becomes a link: the name that was reached is still in the old one.
        std::fs::rename(at("eve/tree/sub"), at("eve/tree/was")).unwrap();
        symlink("../../victim/sub", at("eve/tree/sub")).unwrap();
        assert!(local.reach(&file, false).unwrap().is_err());
        let kept = local.reach(&name(&at("old/today/sub/f")), true).unwrap().unwrap();
        open.rename_free(&kept).unwrap();
        assert_eq!(std::fs::read(at("old/today/sub/f")).unwrap(), b"eve/tree/sub");
        // Nothing is made behind a link, and nothing is kept there.
        assert!(local.reach(&name(&at("eve/tree/sub/new/f")), true).unwrap().is_err());
        // The directory above it becomes a link: the path leads elsewhere, the open directory does not.
        std::fs::write(at("eve/tree/was/g"), "g").unwrap();
        std::fs::rename(at("eve"), at("moved")).unwrap();
        symlink("victim", at("eve")).unwrap();
        std::fs::create_dir(at("victim/tree/was")).unwrap();
        std::fs::write(at("victim/tree/was/g"), "kept").unwrap();
        let open = local.reach(&name(&at("eve/tree/was/g")), false).unwrap().unwrap();
        open.remove(AtFlags::empty()).unwrap();
        assert!(!at("moved/tree/was/g").exists() && at("victim/tree/was/g").exists());
        for kept in ["victim/sub/f", "victim/tree/sub/f"] {
            assert!(at(kept).exists(), "{kept}");
        }
        assert!(!at("victim/sub/new").exists());
        // What was looked at is not what is opened.
        assert_eq!(OpenDirectory::seen(&root, &seen).unwrap_err().kind, Kind::Unverified);
    }
}
