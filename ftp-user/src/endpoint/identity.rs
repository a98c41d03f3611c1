//! What tells files of this host apart, and how their directories are opened.

use super::local::local_path;
use crate::failure::{Failure, Kind};
use ftp_proto::wire::PathName;
use rustix::fs::{OFlags, Stat};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The failure if something else has the name of the place now.
pub(super) fn replaced(root: &PathName) -> Failure {
    let what = format!("{} was replaced after it was looked at", root.display());
    Failure::new(Kind::Unverified, what).hint("nothing was done there; look at what is there now")
}

/// What tells two files of this host apart, as a fact.
pub(super) fn unique((device, number): (u64, u64)) -> String {
    format!("{device}-{number}")
}

/// What tells two files of this host apart.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the types differ from system to system"
)]
pub(super) const fn identity(found: &Stat) -> (u64, u64) {
    (found.st_dev as u64, found.st_ino as u64)
}

/// What tells the file system of this host on which `path` is, or would be; `None` if nobody can tell.
pub(crate) fn file_system(path: &PathName) -> Option<u64> {
    let on_the_way = local_path(path).ancestors();
    let mut there = on_the_way.filter_map(|path| match path.as_os_str().is_empty() {
        true => Path::new(".").metadata().ok(),
        false => path.metadata().ok(),
    });
    there.next().map(|facts| facts.dev())
}

/// The directory that has the last name of a path.
pub(super) fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How a directory is opened.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a directory is opened that is not read: it may be one that only its owner may write.
#[cfg(target_os = "linux")]
pub(super) const HELD: OFlags = DIRECTORY.union(OFlags::PATH);
#[cfg(not(target_os = "linux"))]
pub(super) const HELD: OFlags = DIRECTORY;
/// How a directory below an open one is opened.
pub(super) const BELOW: OFlags = HELD.union(OFlags::NOFOLLOW);
