//! Files of this host.

use crate::failure::{self, Failure};
use crate::session::Facts;
use ftp_proto::listing::{Kind, When};
use ftp_proto::wire::PathName;
use rustix::fs::{OFlags, fcntl_setfl};
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// The device that holds nothing.
pub(crate) const NULL_DEVICE: &str = "/dev/null";

/// A name as a path of this host.
pub(crate) fn local_path(name: &PathName) -> &Path {
    Path::new(OsStr::from_bytes(name.as_bytes()))
}

/// Opens a regular file to read it, or the null device, which is an empty file. What has become a pipe or another device
/// since it was looked at is refused: to open a pipe waits for somebody who writes.
pub(super) fn open_to_read(path: &PathName) -> io::Result<File> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(local_path(path))?;
    if path.as_bytes() == NULL_DEVICE.as_bytes() { blocking(file) } else { regular(file) }
}

/// A file that was opened without waiting, if it is a regular one.
pub(super) fn regular(file: File) -> io::Result<File> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file any more"));
    }
    blocking(file)
}

fn blocking(file: File) -> io::Result<File> {
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// What is at `path`; `None` if nothing is.
pub(super) fn facts(path: &PathName) -> Result<Option<Facts>, Failure> {
    looked_at(path, std::fs::metadata(local_path(path)))
}

/// What has the name `path`, where a symbolic link is one; `None` if that is nothing.
pub(super) fn entry(path: &PathName) -> Result<Option<Facts>, Failure> {
    looked_at(path, std::fs::symlink_metadata(local_path(path)))
}

/// What was found at `path`; `None` if nothing was.
fn looked_at(path: &PathName, found: io::Result<Metadata>) -> Result<Option<Facts>, Failure> {
    let found = match found {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::of_this_host(format!("cannot look at {}", path.display()), &error));
        }
    };
    let kind = match found.file_type() {
        kind if kind.is_symlink() => Kind::Link,
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_file() => Kind::File,
        _ => Kind::Other,
    };
    Ok(Some(Facts {
        kind,
        size: found.is_file().then_some(found.len()),
        modified: Some(When(found.mtime())),
        unique: Some(format!("{}-{}", found.dev(), found.ino())),
        version: found.is_file().then(|| version((found.ctime(), found.ctime_nsec()))),
        mode: Some(found.mode() & 0o7777),
    }))
}

/// The version of a file: when it was changed last, in nanoseconds.
pub(super) const fn version((seconds, nanoseconds): (i64, i64)) -> u64 {
    seconds.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(nanoseconds.cast_unsigned())
}

/// Checks that no symbolic link leads from below `root` to somewhere else on the way to the file `path`. A file has
/// no directory above `root` that anybody but the user has named.
///
/// # Errors
///
/// A link leads out of `root`.
pub(crate) fn check_file(root: Option<&PathName>, path: &PathName) -> Result<(), Failure> {
    match local_path(path).parent() {
        Some(directory) => check(root, directory, path),
        None => Ok(()),
    }
}

/// Checks the same on the way to what is in the directory `path`.
pub(super) fn check_directory(root: Option<&PathName>, path: &PathName) -> Result<(), Failure> {
    check_file(root, path)?;
    check(root, local_path(path), path)
}

/// Whether a name is a symbolic link.
pub(super) fn is_link(path: &PathName) -> bool {
    std::fs::symlink_metadata(local_path(path)).is_ok_and(|found| found.is_symlink())
}

fn check(root: Option<&PathName>, directory: &Path, path: &PathName) -> Result<(), Failure> {
    let Some(root) = root.map(local_path).filter(|root| directory.starts_with(root)) else { return Ok(()) };
    // What is not there leads nowhere.
    let real = |path: &Path| match path.canonicalize() {
        Ok(real) => Ok(Some(real)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::of_this_host(format!("cannot look at {}", path.display()), &error)),
    };
    let (Some(real_root), Some(real)) = (real(root)?, real(directory)?) else { return Ok(()) };
    if real.starts_with(&real_root) {
        return Ok(());
    }
    let what = format!("cannot write {}: a symbolic link leads out of {}", path.display(), root.display());
    Err(Failure::new(failure::Kind::Refused, what)
        .hint("remove the link, or name its directory as the destination"))
}

/// Sets when a file was modified last. A time before 1970 is left out.
pub(super) fn set_modified(path: &PathName, time: When) -> Result<(), Failure> {
    let distance = Duration::from_secs(time.0.unsigned_abs());
    let moment = if time.0 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    let Some(moment) = moment else { return Ok(()) };
    let set = || {
        // A directory can only be opened for reading, and a file without rights for its owner not even so.
        let is_directory = local_path(path).is_dir();
        let file = File::options().write(!is_directory).read(is_directory).open(local_path(path))?;
        // A device has no time of its own.
        if is_directory || file.metadata()?.is_file() {
            file.set_modified(moment)?;
        }
        Ok(())
    };
    set().map_err(|error| Failure::of_this_host(format!("cannot set the time of {}", path.display()), &error))
}

/// Sets the permission bits of a file or directory.
pub(super) fn set_mode(path: &PathName, mode: u32) -> Result<(), Failure> {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(local_path(path), permissions).map_err(|error| {
        Failure::of_this_host(format!("cannot set the permissions of {}", path.display()), &error)
    })
}

/// Renames a finished copy.
pub(super) fn rename(from: &PathName, to: &PathName) -> Result<(), Failure> {
    std::fs::rename(local_path(from), local_path(to)).map_err(|error| {
        Failure::of_this_host(format!("cannot rename the finished copy to {}", to.display()), &error)
    })
}

/// Deletes a file. Returns whether it was there.
pub(super) fn delete(path: &PathName) -> Result<bool, Failure> {
    match std::fs::remove_file(local_path(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::of_this_host(format!("cannot delete {}", path.display()), &error))
        }
        deleted => Ok(deleted.is_ok()),
    }
}

/// Makes a directory, unless it is there.
pub(super) fn make_directory(path: &PathName) -> Result<(), Failure> {
    match std::fs::create_dir(local_path(path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && local_path(path).is_dir() => Ok(()),
        made => made.map_err(|error| {
            Failure::of_this_host(format!("cannot make the directory {}", path.display()), &error)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let here = tempfile::tempdir().unwrap();
        let [pipe, file] = ["pipe", "file"].map(|name| here.path().join(name));
        mkfifoat(CWD, &pipe, Mode::RUSR).unwrap();
        std::fs::write(&file, "text").unwrap();
        let open = |path: &Path| open_to_read(&PathName::from_wire(path.as_os_str().as_bytes()).unwrap());
        assert!(open(&pipe).unwrap_err().to_string().contains("not a regular file"));
        assert!(open(here.path()).is_err());
        let mut text = String::new();
        open(&file).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert!(open(Path::new("/dev/zero")).is_err());
        assert_eq!(open(Path::new(NULL_DEVICE)).unwrap().read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn below_the_destination_no_link_leads_out_of_it() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for directory in ["outside", "in", "in/real"] {
            std::fs::create_dir(at(directory)).unwrap();
        }
        symlink("../outside", at("in/out")).unwrap();
        symlink("real", at("in/inside")).unwrap();
        symlink("in", at("typed")).unwrap();
        for (root, path, expect) in [
            ("in", "in/out/f", false),
            ("in", "in/out", true),
            ("in", "in/inside/f", true),
            ("in", "in/real/f", true),
            ("in", "in/absent/f", true),
            ("typed", "typed/f", true),
            ("typed", "typed/out/f", false),
            ("in/out", "in/out/f", true),
            ("in/f", "in/.part", true),
        ] {
            let name = |name| PathName::from_wire(at(name).as_os_str().as_bytes()).unwrap();
            let (root, path) = (name(root), name(path));
            assert_eq!(check_file(Some(&root), &path).is_ok(), expect, "{}", path.display());
            assert!(check_file(None, &path).is_ok());
        }
        let name = |name| PathName::from_wire(at(name).as_os_str().as_bytes()).unwrap();
        let root = name("in");
        assert!(check_directory(Some(&root), &name("in/out")).is_err());
        assert!(check_directory(Some(&root), &name("in/inside")).is_ok());
        assert!(check_directory(Some(&root), &name("in/absent")).is_ok());
    }
}
