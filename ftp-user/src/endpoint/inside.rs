//! Goes from one directory of this host to the next, from a directory that stays open. A symbolic link is followed as long as it
//! does not lead out.

use super::identity::BELOW;
use rustix::fs::{Mode, openat, readlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// A walk from an open directory that does not leave this one or one below it.
pub(super) struct Walk<'a> {
    /// The open directory.
    pub(super) base: &'a OwnedFd,
    /// The path of the directory that is not left.
    pub(super) root: &'a Path,
    /// How many names lead to it from the open one. They are no symbolic links.
    pub(super) depth: usize,
}

impl Walk<'_> {
    /// Enters one directory after the other.
    ///
    /// # Errors
    ///
    /// One of them is not there, or a symbolic link leads out.
    pub(super) fn enter(&self, names: &[&OsStr]) -> io::Result<OwnedFd> {
        let mut entered = vec![self.base.try_clone()?];
        let mut next: Vec<OsString> = names.iter().rev().map(|name| (*name).to_owned()).collect();
        let mut links = 0;
        while let Some(name) = next.pop() {
            let is_below = entered.len() > self.depth;
            if name == ".." {
                // The last one that may be left is in the root of the walk.
                if entered.len() <= self.depth + 1 {
                    return Err(leads_out());
                }
                entered.pop();
                continue;
            }
            let directory = entered.last().ok_or(io::ErrorKind::InvalidInput)?;
            match openat(directory, &name, BELOW, Mode::empty()) {
                Ok(below) => entered.push(below),
                Err(error @ (Errno::NOTDIR | Errno::LOOP)) if is_below && links < MOST_LINKS => {
                    links += 1;
                    let target = readlinkat(directory, &name, Vec::new()).map_err(|_| error)?;
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    let target = if target.is_absolute() {
                        entered.truncate(self.depth + 1);
                        self.inside(&target)?
                    } else {
                        target
                    };
                    next.extend(steps(&target)?.into_iter().rev());
                }
                Err(error) => return Err(error.into()),
            }
        }
        entered.pop().ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// The path from the root of the walk to an absolute one.
    fn inside(&self, path: &Path) -> io::Result<PathBuf> {
        let root = self.root.canonicalize()?;
        path.canonicalize()?.strip_prefix(root).map(Path::to_owned).map_err(|_| leads_out())
    }
}

/// The steps of the path of a symbolic link.
fn steps(path: &Path) -> io::Result<Vec<OsString>> {
    let step = |component| match component {
        Component::Normal(name) => Some(Ok(name.to_owned())),
        Component::ParentDir => Some(Ok(OsString::from(".."))),
        Component::CurDir => None,
        Component::Prefix(_) | Component::RootDir => Some(Err(leads_out())),
    };
    path.components().filter_map(step).collect()
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "a symbolic link leads out of the destination")
}

/// The largest number of symbolic links on one way, as the system has it.
const MOST_LINKS: usize = 40;
