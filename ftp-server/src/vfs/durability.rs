//! What is on stable storage when the server says that it is done.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fsync, openat};
use rustix::io::Errno;

/// When a file counts as stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Once the system has taken it. A system that crashes may lose it.
    #[default]
    Cached,
    /// Once it is on stable storage, with its name.
    Synced,
}

/// Waits until the names in a directory are on stable storage.
pub(super) fn sync_names(dir: impl AsFd) -> rustix::io::Result<()> {
    fsync(openat(dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens something in the file system of a directory that `syncfs` takes.
pub(super) fn open_to_sync(dir: impl AsFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(&dir, ".", flags, Mode::empty()) {
        // A directory that can be written and not read: a file without a name will do.
        Err(Errno::ACCESS) => {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(&dir, ".", flags, Mode::RUSR | Mode::WUSR)
        }
        opened => opened,
    }
}
