//! Times, permissions and links of files, and the space that is left.

use ftp_proto::listing::When;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, fstatvfs, futimens,
    readlinkat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::failure;
use super::path::Beneath;
use super::root::{Located, Root};

/// Sets the time or the permissions of a file or directory. A symbolic link is followed beneath the root.
pub(super) fn change(
    root: &Root,
    path: &Beneath,
    modified: Option<When>,
    mode: Option<u32>,
) -> Result<(), FileFailure> {
    let looked_at = look(root, path)?;
    let times = modified.map(|When(seconds)| modified_at(seconds));
    let Some(mode) = mode else {
        let Some(times) = times else { return Ok(()) };
        return match utimensat(&looked_at, "", &times, AtFlags::EMPTY_PATH) {
            // An older kernel wants the file open.
            Err(Errno::INVAL | Errno::NOENT) => futimens(open(root, path)?, &times).map_err(failure),
            done => done.map_err(failure),
        };
    };
    let file = open(root, path)?;
    fchmod(&file, Mode::from_raw_mode(mode)).map_err(failure)?;
    times.map_or(Ok(()), |times| futimens(&file, &times).map_err(failure))
}

/// The time of the last modification; that of the last access stays.
pub(super) const fn modified_at(seconds: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 },
    }
}

/// Finds a regular file or a directory. A device must not be opened, because that may do something.
fn look(root: &Root, path: &Beneath) -> Result<OwnedFd, FileFailure> {
    let found = root.open_beneath(path, OFlags::PATH).map_err(failure)?;
    let kind = FileType::from_raw_mode(fstat(&found).map_err(failure)?.st_mode);
    let may_change = matches!(kind, FileType::RegularFile | FileType::Directory);
    if may_change { Ok(found) } else { Err(FileFailure::NotRegular) }
}

/// Opens what was found, in the way that its permissions allow.
fn open(root: &Root, path: &Beneath) -> Result<OwnedFd, FileFailure> {
    match root.open_beneath(path, OFlags::RDONLY | OFlags::NONBLOCK) {
        Err(Errno::ACCESS) => root.open_beneath(path, OFlags::WRONLY | OFlags::NONBLOCK).map_err(failure),
        other => other.map_err(failure),
    }
}

/// Makes the symbolic link `link`. It leads only to what lies in its own directory, or below that: its text
/// then has no `..`, and wherever it is moved, it leads no program of this host out of the root.
pub(super) fn link(root: &Root, target: &Beneath, link: &Beneath) -> Result<(), FileFailure> {
    let Located { dir, name, .. } = root.parent(link).map_err(failure)?.ok_or(FileFailure::Exists)?;
    let text = link.directory().and_then(|above| target.below(&above)).ok_or(FileFailure::LeadsUp)?;
    symlinkat(text.for_kernel(), dir, &*name).map_err(failure)
}

/// Where the symbolic link `name` in `dir` leads. Absolute targets are not shown.
pub(super) fn target(dir: impl rustix::fd::AsFd, name: &[u8]) -> Option<Vec<u8>> {
    let target = readlinkat(dir, name, Vec::new()).ok()?.into_bytes();
    (target.first() != Some(&b'/')).then_some(target)
}

/// How many bytes this process may still store in a directory.
pub(super) fn space(root: &Root, path: &Beneath) -> Result<u64, FileFailure> {
    let dir = root.open_beneath(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(failure)?;
    let disk = fstatvfs(dir).map_err(failure)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
