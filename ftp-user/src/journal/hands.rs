//! Whose hands the state directory and the journal are in. The command lines in the journal are run again, so nobody else
//! may write it, or put a file beside it that would be taken for a part of it.

use super::failure::JournalFailure;
use super::mark::{END, LOG, beside};
use ftp_io::named_file::is_in_other_hands;
use rustix::fs::OFlags;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Looks at the directory of the database, and at the files beside it, before any of them is believed.
///
/// # Errors
///
/// One of them is no regular file or in other hands, or cannot be looked at.
pub(super) fn look_around(path: &Path) -> Result<(), JournalFailure> {
    let unusable = |why: String| JournalFailure::Unusable { path: path.to_owned(), why };
    if let Some(directory) = path.parent() {
        check_directory(directory).map_err(unusable)?;
    }
    for end in BESIDE {
        match fs::symlink_metadata(beside(path, end)) {
            Ok(facts) => is_ours(&facts).map_err(|why| unusable(format!("{end}: {why}")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error.to_string())),
        }
    }
    Ok(())
}

/// Looks at the database itself before SQLite opens it.
///
/// # Errors
///
/// It cannot be opened, is no regular file, or is in other hands.
pub(super) fn look(path: &Path, options: &mut OpenOptions) -> Result<(), JournalFailure> {
    let unusable = |why: String| JournalFailure::Unusable { path: path.to_owned(), why };
    // Opening a FIFO must not wait for somebody at its other end.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = options.read(true).write(true).custom_flags(flags).open(path);
    let facts = file.and_then(|file| file.metadata()).map_err(|error| unusable(error.to_string()))?;
    is_ours(&facts).map_err(unusable)
}

/// Looks at the state directory before one of its files is believed or written: who may write the directory may put another
/// file there, remove one, or have a link lead to any file of this user.
///
/// # Errors
///
/// It is in other hands, or cannot be looked at, in words. One that is not there is in nobody's hands.
pub fn check_directory(directory: &Path) -> Result<(), String> {
    // A file may be named without a directory.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let facts = match fs::metadata(directory) {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    if is_in_other_hands(facts.uid(), facts.mode(), rustix::process::geteuid().as_raw()) {
        return Err(format!("others own the directory {} or may write it", directory.display()));
    }
    Ok(())
}

fn is_ours(facts: &Metadata) -> Result<(), String> {
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if is_in_other_hands(facts.uid(), facts.mode(), rustix::process::geteuid().as_raw()) {
        return Err("others own it or may write it".to_owned());
    }
    Ok(())
}

/// What follows the name of the database in the names of the files beside it: those of SQLite, and its mark.
const BESIDE: [&str; 4] = [LOG, "-shm", "-journal", END];
