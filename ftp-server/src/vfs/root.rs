//! The root directory, which nobody leaves: every path is opened beneath it by the kernel, so that
//! neither `..` nor a symbolic link, nor one that is exchanged meanwhile, leads out.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ftp_proto::server::ask::FileFailure;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, openat2, readlinkat};
use rustix::io::Errno;

use super::failure::failure;
use super::partial::is_partial;
use super::path::{Beneath, cut, here_if_empty, join};
use super::walk;

/// The directory that users see as `/`.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    resolver: Resolver,
    /// Directories whose abandoned names under way have been removed.
    swept: Mutex<HashSet<(u64, u64)>>,
}

/// Who keeps a path beneath the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resolver {
    /// The kernel, in one call.
    Openat2,
    /// We ourselves: old kernels and some sandboxes have no `openat2`.
    Walk,
}

/// A name in an open directory that is no symbolic link (or was none a moment ago).
#[derive(Debug)]
pub(super) struct Located {
    pub(super) dir: OwnedFd,
    pub(super) name: Vec<u8>,
}

impl Root {
    /// Opens `dir` as the root.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(dir, flags, Mode::empty())?;
        let resolver = match openat2(&dir, ".", flags, Mode::empty(), BENEATH) {
            Ok(_) => Resolver::Openat2,
            Err(Errno::NOSYS | Errno::PERM) => Resolver::Walk,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { dir, resolver, swept: Mutex::default() })
    }

    /// The same root without `openat2`.
    #[cfg(test)]
    pub(super) fn open_for_walk(dir: &Path) -> io::Result<Self> {
        Ok(Self { resolver: Resolver::Walk, ..Self::open(dir)? })
    }

    /// Opens what `path` names, symbolic links followed as far as they stay beneath the root.
    pub(super) fn open_beneath(&self, path: &Beneath, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_octets(path.for_kernel(), flags)
    }

    fn open_octets(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        // openat2 takes no other flag beside PATH.
        let quiet = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NOCTTY };
        let flags = flags | OFlags::CLOEXEC | quiet;
        if self.resolver == Resolver::Walk {
            return walk::open(self.dir.as_fd(), path, flags);
        }
        for _ in 0..RENAME_RACES {
            match openat2(&self.dir, path, flags, Mode::empty(), BENEATH) {
                // A rename elsewhere, while the kernel went through `..`, makes it ask us to try again.
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The directory that holds `path`, and its last name there, whatever that is.
    pub(super) fn parent(&self, path: &Beneath) -> Result<Option<Located>, Errno> {
        let Some((dir, name)) = path.split() else { return Ok(None) };
        let dir = self.open_octets(here_if_empty(dir), OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(Some(Located { dir, name: name.to_vec() }))
    }

    /// The directory and the name that `path` finally means: a symbolic link at its end is followed
    /// by hand, since what it points to need not exist.
    pub(super) fn locate(&self, path: &Beneath) -> Result<Located, FileFailure> {
        let mut path = path.as_bytes().to_vec();
        for _ in 0..MAX_LINKS {
            let (dir, name) = cut(&path);
            if matches!(name, b"" | b"." | b"..") {
                return Err(FileFailure::IsDirectory);
            }
            if is_partial(name) {
                return Err(FileFailure::BadName);
            }
            let fd =
                self.open_octets(here_if_empty(dir), OFlags::PATH | OFlags::DIRECTORY).map_err(failure)?;
            match readlinkat(&fd, name, Vec::new()) {
                Err(Errno::INVAL | Errno::NOENT) => return Ok(Located { dir: fd, name: name.to_vec() }),
                Err(error) => return Err(failure(error)),
                Ok(target) if target.as_bytes().first() == Some(&b'/') => return Err(FileFailure::BadName),
                Ok(target) => path = join(dir, target.as_bytes()),
            }
        }
        Err(FileFailure::BadName)
    }

    /// Whether this is the first question about this directory.
    pub(super) fn first_visit(&self, stat: &Stat) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.len() >= MAX_SWEPT {
            swept.clear();
        }
        swept.insert((stat.st_dev, stat.st_ino))
    }
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// As many as Linux follows.
const MAX_LINKS: usize = 40;
const MAX_SWEPT: usize = 65_536;
const RENAME_RACES: usize = 64;
