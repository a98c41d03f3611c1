//! Files of this host: what is asked of them by their paths.

use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A name as a path of this host.
pub(crate) fn local_path(name: &PathName) -> &Path {
    Path::new(OsStr::from_bytes(name.as_bytes()))
}

/// An absolute path without symbolic links; `None` if nothing is there.
pub(crate) fn real_path(path: &Path) -> io::Result<Option<PathBuf>> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        real => real.map(Some),
    }
}

/// A path from the root, as it is written.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path without symbolic links and `..`, as far as it is there.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let mut above = path.ancestors();
    let found = above.find_map(|above| Some((above.canonicalize().ok()?, path.strip_prefix(above).ok()?)));
    found.map_or_else(|| path.to_owned(), |(real, rest)| real.components().chain(rest.components()).collect())
}

/// Opens whatever has that path to read it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What tells the file system on which `path` is, or would be; `None` if nobody can tell.
pub(crate) fn file_system(path: &PathName) -> Option<u64> {
    let on_the_way = local_path(path).ancestors();
    let mut there = on_the_way.filter_map(|path| match path.as_os_str().is_empty() {
        true => Path::new(".").metadata().ok(),
        false => path.metadata().ok(),
    });
    there.next().map(|facts| facts.dev())
}

/// Writes files and their names to the disk. Many are written together first; then each one tells its own errors. A file
/// that is gone is not on the disk, which is seen when it is looked at.
///
/// # Errors
///
/// One of them may not be on the disk.
pub(crate) fn make_stable(paths: &[PathBuf]) -> io::Result<()> {
    let open = |path: &Path| match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    };
    let directories: HashSet<_> = paths.iter().map(|path| above(path)).collect();
    for directory in directories.iter().filter(|_| paths.len() > FEW) {
        if let Some(directory) = open(directory)? {
            rustix::fs::syncfs(directory)?;
        }
    }
    for path in paths.iter().map(PathBuf::as_path).chain(directories) {
        if let Some(file) = open(path)? {
            file.sync_all()?;
        }
    }
    Ok(())
}

/// The directory that has the last name of a path.
pub(crate) fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What tells an open file from others of this host.
pub(crate) fn unique_of(file: &File) -> io::Result<String> {
    file.metadata().map(|found| super::name::unique((found.dev(), found.ino())))
}

/// So few files are written one by one.
const FEW: usize = 8;
