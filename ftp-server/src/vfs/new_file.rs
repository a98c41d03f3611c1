//! New files, and their temporary names: how they are made, removed, and given their final names.

use rustix::fd::OwnedFd;
use rustix::fs::{
    Access, AtFlags, Mode, OFlags, RenameFlags, accessat, fstat, linkat, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use ftp_proto::server::ask::FileFailure;

use super::failure::{failure, io_failure};
use super::lock;
use super::partial::partial_name;
use super::partial_names::Listed;
use super::quota::RootQuota;
use super::root::{Located, Root};

/// A file under a temporary name.
pub(super) struct NewPartial {
    pub(super) name: Vec<u8>,
    /// The name is known to be in use.
    pub(super) listed: Listed,
    pub(super) file: OwnedFd,
}

/// Makes a file under a temporary name beside `at`. Its lock shows that it is still being written.
pub(super) fn make_partial(root: &Root, at: &Located) -> Result<NewPartial, FileFailure> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..ATTEMPTS {
        let name = partial_name().map_err(|error| io_failure(&error))?;
        let listed = root.partial_names().add(root.host_path_above(at), &name);
        let file = openat(&at.dir, &*name, flags, NEW_FILE).map_err(failure)?;
        lock::write_waiting(&file)?;
        // Another process may have swept the directory before the lock was taken.
        if fstat(&file).is_ok_and(|stat| stat.st_nlink > 0) {
            return Ok(NewPartial { name, listed, file });
        }
    }
    Err(FileFailure::Busy)
}

/// Removes a temporary name.
pub(super) fn remove(quota: &RootQuota, dir: &OwnedFd, name: &[u8]) {
    let _ = quota.unlink(dir, name, AtFlags::empty());
}

/// Whether the process may write into `dir` (make, rename and remove names there).
pub(super) fn may_change(dir: &OwnedFd) -> Result<(), FileFailure> {
    accessat(dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).map_err(failure)
}

/// Renames a file to a name that nothing has.
pub(super) fn publish(from: (&OwnedFd, &[u8]), to: (&OwnedFd, &[u8])) -> Result<(), Errno> {
    match renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        // Some file systems do not know that flag.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?;
            unlinkat(from.0, from.1, AtFlags::empty())
        }
        other => other,
    }
}

/// The mode of a new file, before the umask.
pub(super) const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
/// How often another temporary name is tried.
const ATTEMPTS: usize = 16;
