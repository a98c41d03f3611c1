//! What is on stable storage when the server says that it is done, and for SITE SYNC the file systems that hold what an account
//! has stored: those of its directories, and those that are mounted beneath them on this host.
//!
//! A failed write is told once to each descriptor that was open when it failed, and to the first one that is opened
//! afterwards. So each file system of a root has one that is open as long as the server runs.

use std::sync::Arc;

use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, fsync, openat, syncfs};
use rustix::io::Errno;

use super::path::Beneath;
use super::root::Root;
use super::view::View;

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

/// A file system that holds files of an account.
#[derive(Debug)]
pub struct FileSystem {
    device: u64,
    /// A file or directory in it.
    file: Arc<OwnedFd>,
}

impl FileSystem {
    /// The number of its device (stat(2)).
    pub const fn device(&self) -> u64 {
        self.device
    }

    /// Waits until everything in it is on stable storage. Returns whether it is.
    pub fn sync(&self) -> bool {
        let synced = syncfs(&self.file);
        if let Err(error) = synced {
            tracing::error!(device = self.device, %error, "cannot sync a file system");
        }
        synced.is_ok()
    }
}

impl View {
    /// The file systems in which the account may have stored something. Blocks on the disks.
    ///
    /// # Errors
    /// One of them does not answer.
    pub fn file_systems(&self) -> Result<Vec<FileSystem>, FileFailure> {
        let mount_points = mount_points()?;
        let mut found = Vec::new();
        for (path, root) in self.places_to_change() {
            add(&mut found, root, &Beneath::root()).map_err(|error| unknown(&path, error))?;
            let Some(top) = root.host_path() else { continue };
            for point in mount_points.iter().filter_map(|point| beneath(point, &top)) {
                match add(&mut found, root, &point) {
                    // Something else is mounted over it, or nothing in it can be reached.
                    Ok(())
                    | Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::XDEV) => {}
                    Err(error) => return Err(unknown(&path, error)),
                }
            }
        }
        Ok(found)
    }
}

/// Nothing is known of a file system, so nothing can be said of what is stored there.
fn unknown(path: &PathName, error: Errno) -> FileFailure {
    tracing::warn!(path = %path.display(), %error, "cannot look at the file systems mounted here");
    FileFailure::NotSynced
}

/// Adds the file system of `path` beneath `root`, if it is a new one that can be written.
fn add(found: &mut Vec<FileSystem>, root: &Root, path: &Beneath) -> Result<(), Errno> {
    let here = root.open_beneath(path, OFlags::PATH)?;
    let device = fstat(&here)?.st_dev;
    let is_known = found.iter().any(|one| one.device == device);
    if is_known || fstatvfs(&here)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let file = match root.watched.as_ref().filter(|_| device == root.id.0) {
        Some(file) => Arc::clone(file),
        None => Arc::new(open_to_sync(&here).or_else(|_| root.open_beneath(path, FILE))?),
    };
    found.push(FileSystem { device, file });
    Ok(())
}

/// The path beneath `top` of a mount point of this host.
fn beneath(point: &[u8], top: &[u8]) -> Option<Beneath> {
    let rest = point.strip_prefix(top.strip_suffix(b"/").unwrap_or(top))?;
    if !rest.starts_with(b"/") || rest == b"/" {
        return None;
    }
    // What no client can name holds nothing of a client.
    Beneath::parse(&PathName::from_user(rest).ok()?).ok()
}

/// All mount points of this host that this process sees.
fn mount_points() -> Result<Vec<Vec<u8>>, FileFailure> {
    let table = std::fs::read(MOUNT_INFO).map_err(|error| {
        tracing::warn!(%error, "cannot read what is mounted on this host");
        FileFailure::NotSynced
    })?;
    Ok(points_of(&table))
}

/// The mount points in a table of mounts (proc_pid_mountinfo(5)): the fifth word of each line.
fn points_of(table: &[u8]) -> Vec<Vec<u8>> {
    let lines = table.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(unescaped).collect()
}

/// A word of the table, in which blanks and the like stand as a backslash and three octal digits.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind.split_at_checked(3).filter(|_| first == b'\\').and_then(|(digits, behind)| {
            let value = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?;
            Some((value, behind))
        });
        let (byte, behind) = escaped.unwrap_or((first, behind));
        plain.push(byte);
        rest = behind;
    }
    plain
}

/// How a file is opened that is a mount point.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);
const MOUNT_INFO: &str = "/proc/self/mountinfo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_beneath_a_directory_are_found() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/a rw\n\
            30 22 8:2 / /srv/ftp rw - ext4 /dev/b rw\n\
            31 30 8:3 / /srv/ftp/a\\040b/c\\134 rw - xfs /dev/c rw\n\
            32 22 8:4 / /srv/ftpd rw - xfs /dev/d rw\n";
        let points = points_of(table);
        let below = |top: &[u8]| -> Vec<Vec<u8>> {
            let found = points.iter().filter_map(|point| beneath(point, top));
            found.map(|path| path.as_bytes().to_vec()).collect()
        };
        assert_eq!(below(b"/srv/ftp"), [b"a b/c\\"]);
        assert_eq!(below(b"/srv/ftpd").len(), 0);
        assert_eq!(below(b"/").len(), 3);
    }
}
