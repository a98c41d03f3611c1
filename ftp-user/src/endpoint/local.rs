//! Files of this host.

use crate::context::Context;
use crate::control::Facts;
use crate::failure::Failure;
use ftp_io::copy::Meter;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::{Kind, When};
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A name as a path of this host.
pub(crate) fn local_path(name: &PathName) -> &Path {
    Path::new(OsStr::from_bytes(name.as_bytes()))
}

/// What is at `path`; `None` if nothing is.
pub(super) fn facts(path: &PathName) -> Result<Option<Facts>, Failure> {
    let found = match std::fs::metadata(local_path(path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::of_this_host(format!("cannot look at {}", path.display()), &error));
        }
    };
    let kind = if found.is_file() {
        Kind::File
    } else if found.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    };
    Ok(Some(Facts {
        kind,
        size: found.is_file().then_some(found.len()),
        modified: Some(When(found.mtime())),
        unique: Some(format!("{}-{}", found.dev(), found.ino())),
    }))
}

/// The digest of a file, or of its first `length` bytes.
pub(super) async fn digest(
    context: &Context,
    algorithm: Algorithm,
    path: &PathName,
    length: Option<u64>,
) -> Result<Digest, Failure> {
    let what = || format!("cannot hash {}", path.display());
    let file =
        std::fs::File::open(local_path(path)).map_err(|error| Failure::of_this_host(what(), &error))?;
    let meter = Meter::default();
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => {
            meter.stop();
            Err(Failure::interrupted())
        }
        done = ftp_io::hash::digest_of(algorithm, file, length.unwrap_or(u64::MAX), &meter) => {
            let (hex, _) = done.map_err(|error| Failure::of_this_host(what(), &error))?;
            Ok(Digest { algorithm, hex })
        }
    }
}

/// Renames a finished copy.
pub(super) fn rename(from: &PathName, to: &PathName) -> Result<(), Failure> {
    std::fs::rename(local_path(from), local_path(to)).map_err(|error| {
        Failure::of_this_host(format!("cannot rename the finished copy to {}", to.display()), &error)
    })
}

/// Deletes a file. If it is not there, that is no failure.
pub(super) fn delete(path: &PathName) -> Result<(), Failure> {
    match std::fs::remove_file(local_path(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::of_this_host(format!("cannot delete {}", path.display()), &error))
        }
        Ok(()) | Err(_) => Ok(()),
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
