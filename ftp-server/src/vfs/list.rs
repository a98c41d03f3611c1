//! What a directory holds, entry by entry as the kernel gives it: nothing is collected or sorted,
//! so that a hundred thousand entries need no more memory than one.

use std::ops::ControlFlow;
use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, Stat, fstat, statat};
use rustix::io::Errno;

use super::entry::{Rights, entry, kind};
use super::failure::failure;
use super::partial::is_partial;
use super::path::Beneath;
use super::root::Root;

/// A directory, or the one file that a listing was asked for, opened and ready to be listed.
#[derive(Debug)]
pub struct Listing {
    root: Arc<Root>,
    rights: Arc<Rights>,
    path: Beneath,
    of: Of,
}

#[derive(Debug)]
enum Of {
    Directory { dir: OwnedFd, stat: Stat },
    File(Box<Entry>),
}

impl Listing {
    /// Opens the directory `path`.
    pub(super) fn of_directory(root: &Arc<Root>, rights: &Arc<Rights>, path: Beneath) -> Result<Self, Errno> {
        let dir = root.open_beneath(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let of = Of::Directory { stat: fstat(&dir)?, dir };
        Ok(Self { root: Arc::clone(root), rights: Arc::clone(rights), path, of })
    }

    /// The listing of one file.
    pub(super) fn of_file(root: &Arc<Root>, rights: &Arc<Rights>, path: Beneath, file: Entry) -> Self {
        let of = Of::File(Box::new(file));
        Self { root: Arc::clone(root), rights: Arc::clone(rights), path, of }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.of, Of::Directory { .. })
    }

    /// The directory's own facts, named `.`; `None` for a file.
    pub fn current(&self) -> Option<Entry> {
        let Of::Directory { stat, .. } = &self.of else { return None };
        let mut current = entry(PathName::from_wire(".").ok()?, stat, None, &self.rights);
        current.kind = Kind::Current;
        Some(current)
    }

    /// Hands every entry with its facts to `take`, until that breaks.
    pub fn entries(self, mut take: impl FnMut(Entry) -> ControlFlow<()>) -> Result<(), FileFailure> {
        let Self { root, rights, path, of } = self;
        match of {
            Of::File(file) => {
                let _ = take(*file);
                Ok(())
            }
            Of::Directory { dir, stat } => each(dir, |dir, name| {
                // Gone since the kernel told its name: no entry.
                let Ok(found) = stat_entry(&root, dir, &path, name.as_bytes()) else {
                    return ControlFlow::Continue(());
                };
                take(entry(name, &found, Some(&stat), &rights))
            }),
        }
    }

    /// Hands every name to `take`, until that breaks.
    pub fn names(self, mut take: impl FnMut(PathName) -> ControlFlow<()>) -> Result<(), FileFailure> {
        match self.of {
            Of::File(file) => {
                let _ = take(file.name);
                Ok(())
            }
            Of::Directory { dir, .. } => each(dir, |_, name| take(name)),
        }
    }
}

/// Every name that a client may know: names under way are hidden, and a name that no command line
/// can carry (a line feed in it) cannot be asked for.
fn each(
    dir: OwnedFd,
    mut take: impl FnMut(&OwnedFd, PathName) -> ControlFlow<()>,
) -> Result<(), FileFailure> {
    let names = Dir::read_from(&dir).map_err(failure)?;
    for name in names {
        let name = name.map_err(failure)?;
        let octets = name.file_name().to_bytes();
        if matches!(octets, b"." | b"..") || is_partial(octets) {
            continue;
        }
        let Ok(name) = PathName::from_wire(octets) else { continue };
        if take(&dir, name).is_break() {
            break;
        }
    }
    Ok(())
}

/// The status of `name` in `dir`. A symbolic link shows what it leads to, if that lies beneath the
/// root; else itself.
fn stat_entry(root: &Root, dir: impl AsFd, path: &Beneath, name: &[u8]) -> Result<Stat, Errno> {
    let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if kind(&stat) != Kind::Link {
        return Ok(stat);
    }
    let target = root.open_beneath(&path.join(name), OFlags::PATH).and_then(fstat);
    Ok(target
        .ok()
        .filter(|found| FileType::from_raw_mode(found.st_mode) != FileType::Symlink)
        .unwrap_or(stat))
}
