//! What is on stable storage when the server says that it is done.

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, fsync, openat};

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
