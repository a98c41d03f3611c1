//! New files, and their temporary names: how they are made, removed, and given their final names, and what they have from the
//! old files that they replace. No client sees or uses a temporary name.

use std::io;

use ftp_proto::command::Pack;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::OwnedFd;
use rustix::fs::{
    Access, AtFlags, Mode, OFlags, RenameFlags, Stat, accessat, fchmod, fchown, fstat, linkat, openat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::partial_names::ListedName;
use super::quota::RootQuota;
use super::root::{Located, Root};
use super::{failure, io_failure, lock};

/// A file under a temporary name.
pub(super) struct NewPartial {
    pub(super) name: Vec<u8>,
    /// The name is known to be in use.
    pub(super) listed: ListedName,
    pub(super) file: OwnedFd,
}

/// Makes a file under a temporary name beside `at`. Its lock shows that it is still being written.
pub(super) fn make_partial(root: &Root, at: &Located) -> Result<NewPartial, FileFailure> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..ATTEMPTS {
        let name = partial_name().map_err(|error| io_failure(&error))?;
        let listed = root.partial_names.add(root.host_path_above(at), &name);
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

/// A new name that cannot be guessed.
///
/// # Errors
/// The operating system has no random numbers.
pub(super) fn partial_name() -> io::Result<Vec<u8>> {
    ftp_io::random::bytes().map(ftp_proto::server::partial_name)
}

/// Whether a file in the temporary directory of a group may have this name: its number, from 1 on.
pub(super) fn is_in_group(name: &[u8]) -> bool {
    let is_plain = !name.starts_with(b"0") && name.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(name).ok().and_then(|digits| digits.parse::<usize>().ok());
    is_plain && number.is_some_and(|number| number <= Pack::MAX_FILES)
}

/// Gives the new file the owner, group, access list, attributes and mode of the old one, as far as
/// this process may. Set-id bits are not inherited, because the content is somebody else's now.
pub(super) fn inherit(at: &Located, old: &Stat, new: &OwnedFd) {
    let owner = (Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid)));
    if fchown(new, owner.0, owner.1).is_err() {
        let _ = fchown(new, None, owner.1);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(old) = openat(&at.dir, &*at.name, flags, Mode::empty()) {
        attributes(&old, new);
    }
    let _ = fchmod(new, Mode::from_raw_mode(old.st_mode & 0o777));
}

/// Copies `user.*` and the access list, but never `security.*`, which may carry privileges.
fn attributes(old: &OwnedFd, new: &OwnedFd) {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    let mut names = vec![0; MAX_ATTRIBUTE];
    let Ok(count) = flistxattr(old, &mut *names) else { return };
    names.truncate(count);
    for name in names.split(|&byte| byte == 0) {
        if !(name.starts_with(b"user.") || name == b"system.posix_acl_access") {
            continue;
        }
        let mut value = vec![0; MAX_ATTRIBUTE];
        if let Ok(size) = fgetxattr(old, name, &mut *value) {
            value.truncate(size);
            let _ = fsetxattr(new, name, &value, XattrFlags::empty());
        }
    }
}

/// The mode of a new file, before the umask.
pub(super) const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
/// How often another temporary name is tried.
const ATTEMPTS: usize = 16;
/// The mode of the temporary directory of a group: its files are of no concern to others until they have their names.
pub(super) const GROUP: Mode = Mode::RWXU;
/// Bytes of an extended attribute, as Linux has it.
const MAX_ATTRIBUTE: usize = 65_536;
