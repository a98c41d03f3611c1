//! The root directory, which users cannot leave. The kernel opens every path beneath it, so that neither
//! `..` nor a symbolic link leads out, even if a link is exchanged meanwhile.
//!
//! Without `openat2` this program opens one component after the other. The kernel follows no symbolic link then, and `..`
//! means the directory that was opened before, never what the disk says.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ftp_proto::server::ask::FileFailure;
use ftp_proto::server::is_partial;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, fstatfs, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::durability::{open_to_sync, sync_names};
use super::failure;
use super::lock::RangeWriters;
use super::partial_names::{PartialNames, host_path};
use super::path::{Beneath, can_be_listed, cut, here_if_empty, join};
use super::quota::RootQuota;

/// The directory that users see as `/`.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    /// The device and the inode of the directory.
    pub(super) id: (u64, u64),
    resolver: Resolver,
    /// Whether it is on a disk of this host, or in its memory.
    is_local: bool,
    /// Whether it is in memory only.
    pub(super) is_in_memory: bool,
    /// Where it was on this host when it was opened; `None` where the system does not tell.
    host_path: Option<Vec<u8>>,
    /// Where its temporary names are listed.
    pub(super) partial_names: Arc<PartialNames>,
    /// Who writes ranges of its files.
    pub(super) range_writers: Arc<RangeWriters>,
    /// What is open in its file system as long as the server runs, so that every failed write is told; `None` where nothing
    /// can be opened.
    pub(super) watched: Option<Arc<OwnedFd>>,
}

/// What keeps a path beneath the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resolver {
    /// The kernel, with one call of `openat2`.
    Openat2,
    /// This program, for kernels and sandboxes without `openat2`.
    Walk,
}

/// A name in an open directory. It is not a symbolic link, or was not a moment ago.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) dir: Arc<OwnedFd>,
    pub(super) name: Vec<u8>,
    /// The path of the directory beneath the root.
    above: Vec<u8>,
    /// Whether the directory is known to be on a file system of this host.
    is_near: bool,
}

impl Located {
    /// Whether its directory is on a file system of this host.
    pub(super) fn is_near(&self) -> bool {
        self.is_near || is_of_this_host(&self.dir)
    }

    /// The same directory, with another name in it.
    pub(super) fn beside(&self, name: &[u8]) -> Self {
        Self {
            dir: Arc::clone(&self.dir),
            name: name.to_vec(),
            above: self.above.clone(),
            is_near: self.is_near,
        }
    }

    /// Waits until the names in its directory are on stable storage.
    pub(super) fn sync_names(&self) -> Result<(), Errno> {
        sync_names(&self.dir)
    }

    /// Whether something may be made under this name. Names with CR, LF or NUL cannot be listed, so they may
    /// not be created.
    ///
    /// # Errors
    /// [`FileFailure::BadName`] if not.
    pub(super) fn may_be_made(&self) -> Result<(), FileFailure> {
        if can_be_listed(&self.name) { Ok(()) } else { Err(FileFailure::BadName) }
    }

    /// Checks that the name is that of a directory, or of nothing yet: it had a slash at its end. A symbolic
    /// link is no directory here, as for the system's own calls that remove and rename (POSIX 4.16).
    ///
    /// # Errors
    /// [`FileFailure::NotDirectory`] if there is something else.
    pub(super) fn is_no_file(&self) -> Result<(), FileFailure> {
        match self.stat().map_err(failure)? {
            Some(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => {
                Err(FileFailure::NotDirectory)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The state of what the name names, if it names something. A symbolic link is not followed.
    pub(super) fn stat(&self) -> Result<Option<Stat>, Errno> {
        match statat(&self.dir, &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes what the name names: a file, or with `REMOVEDIR` an empty directory.
    pub(super) fn remove(&self, quota: &RootQuota, flags: AtFlags) -> Result<(), Errno> {
        quota.unlink(&self.dir, self.name.as_ref(), flags)
    }
}

impl Root {
    /// Opens `dir` as the root.
    ///
    /// # Errors
    /// It is not a directory, or may not be entered.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(dir, flags, Mode::empty())?;
        let resolver = match openat2(&dir, ".", flags, Mode::empty(), BENEATH) {
            Ok(_) => Resolver::Openat2,
            Err(Errno::NOSYS | Errno::PERM) => Resolver::Walk,
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&dir)?;
        let (is_local, is_in_memory) = (is_of_this_host(&dir), is_in_memory(&dir));
        let (id, host_path, partial_names) = ((stat.st_dev, stat.st_ino), host_path(&dir), Arc::default());
        let range_writers = Arc::default();
        let watched = None;
        Ok(Self {
            dir,
            id,
            resolver,
            is_local,
            is_in_memory,
            host_path,
            partial_names,
            range_writers,
            watched,
        })
    }

    /// Opens something in its file system that can be synced.
    pub(super) fn open_to_sync(&self) -> Option<OwnedFd> {
        open_to_sync(&self.dir).ok()
    }

    /// Where it is on this host; `None` where the system does not tell.
    pub(super) fn host_path(&self) -> Option<Vec<u8>> {
        host_path(&self.dir)
    }

    /// Whether an open directory beneath it is on a disk of this host, or in its memory.
    pub(super) fn is_local_at(&self, dir: impl AsFd) -> bool {
        self.is_local && is_of_this_host(dir)
    }

    /// The path of a name beneath it, for other programs. Nothing keeps them beneath the root.
    pub(super) fn host_path_of(&self, path: &Beneath) -> Option<PathBuf> {
        let root = self.host_path()?;
        Some(Path::new(OsStr::from_bytes(&root)).join(OsStr::from_bytes(path.as_bytes())))
    }

    /// The same root without `openat2`.
    #[cfg(test)]
    pub(super) fn open_for_walk(dir: &Path) -> io::Result<Self> {
        Ok(Self { resolver: Resolver::Walk, ..Self::open(dir)? })
    }

    /// Opens what `path` names, symbolic links followed as far as they stay beneath the root.
    pub(super) fn open_beneath(&self, path: &Beneath, flags: OFlags) -> Result<OwnedFd, Errno> {
        // A slash at the end follows a link, too, and finds nothing but directories (POSIX 4.16).
        let flags = if path.is_directory() { (flags | OFlags::DIRECTORY) - OFlags::NOFOLLOW } else { flags };
        self.open_path(path.for_kernel(), flags)
    }

    /// The same, if it needs no wait for a disk: the kernel knows the whole path, all of which is on the file system
    /// of the root.
    pub(super) fn open_cached(&self, path: &Beneath, flags: OFlags) -> Option<OwnedFd> {
        if self.resolver != Resolver::Openat2 || !self.is_local {
            return None;
        }
        let flags = if path.is_directory() { (flags | OFlags::DIRECTORY) - OFlags::NOFOLLOW } else { flags };
        let quiet = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NOCTTY };
        openat2(&self.dir, path.for_kernel(), flags | OFlags::CLOEXEC | quiet, Mode::empty(), CACHED).ok()
    }

    fn open_path(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        // openat2 refuses NOCTTY together with PATH.
        let quiet = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NOCTTY };
        let flags = flags | OFlags::CLOEXEC | quiet;
        if self.resolver == Resolver::Walk {
            return walk(self.dir.as_fd(), path, flags, LinksOf::Anybody);
        }
        for _ in 0..RENAME_RACES {
            match openat2(&self.dir, path, flags, Mode::empty(), BENEATH) {
                // If something is renamed while the kernel resolves `..`, it wants us to try again.
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The directory that holds `path`, and the last name of `path`. `None` for the root.
    pub(super) fn parent(&self, path: &Beneath) -> Result<Option<Located>, Errno> {
        let Some((dir, name)) = path.split() else { return Ok(None) };
        self.located(dir, name, LinksOf::Anybody).map(Some)
    }

    /// The same for a name that is made, removed or renamed: on the way, symbolic links of strangers are refused. One that
    /// is put where a directory was must not delete what it leads to.
    pub(super) fn parent_to_change(&self, path: &Beneath) -> Result<Option<Located>, Errno> {
        let Some((dir, name)) = path.split() else { return Ok(None) };
        self.located(dir, name, LinksOf::server()).map(Some)
    }

    /// The name `name` in the directory `above`, which is opened.
    fn located(&self, above: &[u8], name: &[u8], links: LinksOf) -> Result<Located, Errno> {
        let (path, flags) = (here_if_empty(above), OFlags::PATH | OFlags::DIRECTORY);
        let quick = match links {
            LinksOf::Anybody => ON_ITS_FILE_SYSTEM,
            LinksOf::Trusted { .. } => ON_ITS_FILE_SYSTEM.union(ResolveFlags::NO_SYMLINKS),
        };
        // On the root's own file system nothing more has to be asked.
        let near = match self.resolver {
            Resolver::Openat2 if self.is_local => {
                openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), quick).ok()
            }
            Resolver::Openat2 | Resolver::Walk => None,
        };
        let is_near = near.is_some();
        let open = || match links {
            LinksOf::Anybody => self.open_path(path, flags),
            LinksOf::Trusted { .. } => walk(self.dir.as_fd(), path, flags | OFlags::CLOEXEC, links),
        };
        let dir = Arc::new(near.map_or_else(open, Ok)?);
        Ok(Located { dir, name: name.to_vec(), above: above.to_vec(), is_near })
    }

    /// The same in a directory that was opened for another name that is changed, if it is that one.
    pub(super) fn parent_beside(&self, path: &Beneath, other: &Located) -> Result<Option<Located>, Errno> {
        match path.split() {
            Some((above, name)) if above == other.above => Ok(Some(other.beside(name))),
            Some(_) | None => self.parent_to_change(path),
        }
    }

    /// Where the directory of a name is on this host, as far as it is known where the root was when it was opened.
    pub(super) fn host_path_above(&self, at: &Located) -> Option<Vec<u8>> {
        let root = self.host_path.as_deref()?;
        let root = root.strip_suffix(b"/").unwrap_or(root);
        Some(if at.above.is_empty() && !root.is_empty() {
            root.to_vec()
        } else {
            [root, b"/", &at.above].concat()
        })
    }

    /// The directory and the name that `path` means in the end. A symbolic link at its end is followed
    /// here and not by the kernel, because its target need not exist.
    pub(super) fn locate(&self, path: &Beneath) -> Result<Located, FileFailure> {
        if path.is_directory() {
            return Err(match self.open_beneath(path, OFlags::PATH) {
                Ok(_) | Err(Errno::NOENT) => FileFailure::IsDirectory,
                Err(error) => failure(error),
            });
        }
        let mut path = path.as_bytes().to_vec();
        for _ in 0..MAX_LINKS {
            let (dir, name) = cut(&path);
            if matches!(name, b"" | b"." | b"..") {
                return Err(FileFailure::IsDirectory);
            }
            if is_partial(name) {
                return Err(FileFailure::BadName);
            }
            let at = self.located(dir, name, LinksOf::Anybody).map_err(failure)?;
            match readlinkat(&at.dir, name, Vec::new()) {
                Err(Errno::INVAL | Errno::NOENT) => return Ok(at),
                Err(error) => return Err(failure(error)),
                Ok(target) if target.as_bytes().first() == Some(&b'/') => return Err(FileFailure::BadName),
                Ok(target) => path = join(dir, target.as_bytes()),
            }
        }
        Err(FileFailure::BadName)
    }
}

/// Whether opening, looking and reading wait for nothing but a disk of this host, so that nothing is waited for when
/// the kernel has cached it. Elsewhere another host or program is asked all the same.
pub(super) fn is_of_this_host(dir: impl AsFd) -> bool {
    fstatfs(dir).is_ok_and(|at| u64::try_from(at.f_type).is_ok_and(|kind| LOCAL.contains(&kind)))
}

/// Whether a file is in memory only.
pub(super) fn is_in_memory(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|at| u64::try_from(at.f_type) == Ok(TMPFS))
}

/// Whose symbolic links are followed. Who may write in a directory can put a link where another directory was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LinksOf {
    /// Those of every user.
    Anybody,
    /// Those of root, of the user that runs the server, and of the owner of the directory in which they are.
    Trusted {
        /// The user that runs the server.
        server: u32,
    },
}

impl LinksOf {
    /// Links that no stranger has made.
    fn server() -> Self {
        Self::Trusted { server: geteuid().as_raw() }
    }

    /// Whether a link of `owner` is followed, which is in a directory of `directory`.
    const fn may_follow(self, owner: u32, directory: u32) -> bool {
        match self {
            Self::Anybody => true,
            Self::Trusted { server } => owner == 0 || owner == server || owner == directory,
        }
    }
}

/// Opens `path` beneath `root` as `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS` would. A link that is not followed
/// is refused (`EACCES`).
fn walk(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, links_of: LinksOf) -> Result<OwnedFd, Errno> {
    let mut rest: VecDeque<Vec<u8>> = components(path).collect();
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == b".." {
            above.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let here = above.last().map_or(root, AsFd::as_fd);
        let last = rest.is_empty();
        let found = openat(here, &*name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&found)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            above.push(found);
        } else if kind == FileType::Symlink && !(last && flags.contains(OFlags::NOFOLLOW)) {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            if links_of != LinksOf::Anybody && !links_of.may_follow(stat.st_uid, fstat(here)?.st_uid) {
                return Err(Errno::ACCESS);
            }
            let target = readlinkat(&found, "", Vec::new())?.into_bytes();
            if target.first() == Some(&b'/') {
                return Err(Errno::XDEV);
            }
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(component);
            }
        } else if last {
            // The name may have been exchanged since: NOFOLLOW keeps a link from being followed.
            return openat(here, &*name, flags | OFlags::NOFOLLOW, Mode::empty());
        } else {
            return Err(Errno::NOTDIR);
        }
    }
    openat(above.last().map_or(root, AsFd::as_fd), ".", flags & !OFlags::NOFOLLOW, Mode::empty())
}

fn components(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec)
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
const ON_ITS_FILE_SYSTEM: ResolveFlags = BENEATH.union(ResolveFlags::NO_XDEV);
const CACHED: ResolveFlags = ON_ITS_FILE_SYSTEM.union(ResolveFlags::CACHED);
/// How often a path is tried again because of renames.
const RENAME_RACES: usize = 64;
/// The numbers of file systems (Linux, `magic.h`).
const TMPFS: u64 = 0x0102_1994;
const EXT4: u64 = 0xef53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683e;
const F2FS: u64 = 0xf2f5_2010;
/// Those on a disk or in memory of this host.
const LOCAL: [u64; 5] = [TMPFS, EXT4, XFS, BTRFS, F2FS];
/// Symbolic links that are followed; as many as Linux follows.
const MAX_LINKS: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_strangers_are_not_followed_where_something_changes() {
        let trusted = LinksOf::Trusted { server: 14 };
        for (links, owner, directory, expect) in [
            (trusted, 0, 14, true),
            (trusted, 14, 14, true),
            (trusted, 14, 1000, true),
            (trusted, 1000, 1000, true),
            (trusted, 1001, 14, false),
            (trusted, 1001, 1000, false),
            (trusted, 1001, 0, false),
            (LinksOf::Anybody, 1001, 0, true),
        ] {
            assert_eq!(links.may_follow(owner, directory), expect, "{links:?} {owner} {directory}");
        }
    }
}
