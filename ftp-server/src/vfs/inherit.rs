//! What a new file has from the old one that it replaces.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, Stat, fchmod, fchown, openat};
use rustix::process::{Gid, Uid};

use super::root::Located;

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

/// Bytes of an extended attribute, as Linux has it.
const MAX_ATTRIBUTE: usize = 65_536;
