//! A name gets another one (RNTO).

use ftp_proto::listing::Kind;
use ftp_proto::server::ask::FileFailure;
use rustix::fs::{AtFlags, Stat, renameat, statat};
use rustix::io::Errno;

use super::entry::kind;
use super::failure::failure;
use super::quota::RootQuota;
use super::root::Located;

/// Gives `from` the name `to`, which may be one of a directory only if it had a slash at its end. A regular file at the new
/// name is replaced atomically; nothing else is replaced.
pub(super) fn rename(
    from: &Located,
    to: &Located,
    quota: &RootQuota,
    means_directory: bool,
) -> Result<(), FileFailure> {
    to.may_be_made()?;
    let old = statat(&from.dir, &*from.name, AtFlags::SYMLINK_NOFOLLOW).map_err(failure)?;
    match statat(&to.dir, &*to.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if (there.st_dev, there.st_ino) == (old.st_dev, old.st_ino) => {}
        Ok(there) if kind(&there) != Kind::File => return Err(FileFailure::Exists),
        Ok(_) if kind(&old) == Kind::Directory => return Err(FileFailure::Exists),
        Err(Errno::NOENT) if means_directory && kind(&old) != Kind::Directory => {
            return Err(FileFailure::NotDirectory);
        }
        Ok(_) | Err(Errno::NOENT) => {}
        Err(error) => return Err(failure(error)),
    }
    // Others may have renamed and made files meanwhile; under the lock of the quota nothing changes.
    let look = || replaced(from, to);
    match quota.remove_name(look, || renameat(&from.dir, &*from.name, &to.dir, &*to.name)) {
        // The root has several file systems; the name does not lead out.
        Err(Errno::XDEV) => Err(FileFailure::Other),
        // A directory cannot be moved into itself.
        Err(Errno::INVAL) => Err(FileFailure::BadName),
        other => other.map_err(failure),
    }
}

/// What stands at `to` and will be gone when `from` is renamed to it. Nothing, if both name one file.
fn replaced(from: &Located, to: &Located) -> Result<Option<Stat>, Errno> {
    let old = statat(&from.dir, &*from.name, AtFlags::SYMLINK_NOFOLLOW)?;
    match statat(&to.dir, &*to.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if (there.st_dev, there.st_ino) == (old.st_dev, old.st_ino) => Ok(None),
        Ok(there) => Ok(Some(there)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}
