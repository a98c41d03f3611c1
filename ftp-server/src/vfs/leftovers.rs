//! Removes what killed servers have left under temporary names.

use std::os::unix::ffi::OsStrExt;

use ftp_io::clock::Clock;
use ftp_proto::listing::When;
use ftp_proto::wire::PathName;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::durability::{Durability, sync_names};
use super::entry::regular;
use super::lock;
use super::partial::{GROUP, is_in_group, is_partial};
use super::path::Beneath;
use super::root::Root;

/// Removes `name` in the directory `directory` of this host, if that lies beneath `root` and the file is not
/// being written. Returns whether the directory lies there.
pub(super) fn remove_listed(root: &Root, directory: &[u8], name: &[u8], durability: Durability) -> bool {
    let Some(beneath) = root.host_path().and_then(|top| below(&top, directory)) else { return false };
    let dir = root.open_beneath(&beneath, OFlags::RDONLY | OFlags::DIRECTORY);
    if let Ok(dir) = dir
        && is_partial(name)
        && remove_dead(&dir, name)
    {
        if durability == Durability::Synced {
            // If this fails, a power failure may bring the name back until it is a day old.
            let _ = sync_names(&dir);
        }
        let (directory, name) = (std::ffi::OsStr::from_bytes(directory), String::from_utf8_lossy(name));
        tracing::info!(directory = %directory.display(), %name, "removed what an earlier run has left");
    }
    true
}

/// Removes all temporary files beneath `root` that are older than a day and not being written. Takes as long
/// as a search of all directories.
pub(super) fn remove_old(root: &Root) {
    let When(now) = Clock::today();
    let mut directories = vec![Beneath::root()];
    while let Some(path) = directories.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let Ok(mut dir) = root.open_beneath(&path, flags).and_then(Dir::new) else { continue };
        let mut old = Vec::new();
        while let Some(Ok(found)) = dir.read() {
            let name = found.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let told = Some(found.file_type()).filter(|kind| *kind != FileType::Unknown);
            let kind = told.or_else(|| dir.fd().and_then(|dir| kind_of(dir, name)).ok());
            match kind {
                Some(FileType::RegularFile | FileType::Directory) if is_partial(name) => {
                    old.push(name.to_vec());
                }
                Some(FileType::Directory) if directories.len() < MAX_WAITING => {
                    directories.push(path.join(name));
                }
                _ => {}
            }
        }
        let Ok(dir) = dir.fd() else { continue };
        for name in old {
            let stat = statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW);
            if stat.is_ok_and(|stat| now.saturating_sub(stat.st_mtime) > STALE_AFTER) {
                remove_dead(dir, &name);
            }
        }
    }
}

fn kind_of(dir: impl AsFd, name: &[u8]) -> Result<FileType, Errno> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

/// Removes a regular file that is not being written, or the directory of a group that no session holds. Returns whether it
/// was removed.
fn remove_dead(dir: impl AsFd, name: &[u8]) -> bool {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&dir, name, flags, Mode::empty()) {
        Err(Errno::ISDIR) => return remove_dead_group(dir, name),
        Err(_) => return false,
        Ok(file) => file,
    };
    let ours = fstat(&file).is_ok_and(|stat| regular(&stat).is_ok());
    ours && lock::write(&file).is_ok() && unlinkat(dir, name, AtFlags::empty()).is_ok()
}

/// Removes the temporary directory of a group with its files, unless a session holds it. Another user of this host may have
/// given its name to another directory: what a server has not made itself is left as it is, with all that is in it.
fn remove_dead_group(dir: impl AsFd, name: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(group) = openat(&dir, name, flags, Mode::empty()) else { return false };
    let is_ours =
        fstat(&group).is_ok_and(|stat| is_own(&stat) && stat.st_mode & 0o777 == GROUP.as_raw_mode());
    if !is_ours || lock::write(&group).is_err() {
        return false;
    }
    let Some(files) = files_of_group(&group) else { return false };
    for file in files {
        let _ = unlinkat(&group, file, AtFlags::empty());
    }
    unlinkat(dir, name, AtFlags::REMOVEDIR).is_ok()
}

/// The names in the directory of a group; `None` if something is in it that no group has.
fn files_of_group(group: &OwnedFd) -> Option<Vec<Vec<u8>>> {
    let (mut names, mut files) = (Dir::read_from(group).ok()?, Vec::new());
    while let Some(found) = names.read() {
        let found = found.ok()?;
        let name = found.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let stat = statat(group, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if !is_in_group(name) || regular(&stat).is_err() || !is_own(&stat) {
            return None;
        }
        files.push(name.to_vec());
    }
    Some(files)
}

/// Whether a file or directory belongs to the user that runs the server.
fn is_own(stat: &Stat) -> bool {
    stat.st_uid == geteuid().as_raw()
}

/// The path of `directory` beneath `top`, if it lies there.
fn below(top: &[u8], directory: &[u8]) -> Option<Beneath> {
    let rest = if top == b"/" { directory } else { directory.strip_prefix(top)? };
    if rest.is_empty() {
        return Some(Beneath::root());
    }
    let path = PathName::from_wire(rest.starts_with(b"/").then_some(rest)?).ok()?;
    Beneath::parse(&path).ok()
}

/// Age in seconds from which on an unlocked temporary file is stale.
const STALE_AFTER: i64 = 24 * 60 * 60;
/// Directories that wait to be searched; what is beyond is left to a later start.
const MAX_WAITING: usize = 1_000_000;
