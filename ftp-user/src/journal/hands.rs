//! Whose hands the journal is in. The command lines in it are run again, so nobody else may write it, or put a file beside
//! it that SQLite would take for a part of it.

use super::failure::JournalFailure;
use ftp_io::named_file::is_in_other_hands;
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Looks at the database, at the files that SQLite has beside it, and at their directory, before SQLite opens them.
///
/// # Errors
///
/// One of them cannot be opened, is no regular file, or is in other hands.
pub(super) fn look(path: &Path, options: &mut OpenOptions) -> Result<(), JournalFailure> {
    let unusable = |why: String| JournalFailure::Unusable { path: path.to_owned(), why };
    let own = rustix::process::geteuid().as_raw();
    if let Some(directory) = path.parent() {
        let facts = fs::metadata(directory).map_err(|error| unusable(error.to_string()))?;
        // Who may write the directory may put another database there.
        if is_in_other_hands(facts.uid(), facts.mode(), own) {
            let why = format!("others own the directory {} or may write it", directory.display());
            return Err(unusable(why));
        }
    }
    // Opening a FIFO must not wait for somebody at its other end.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = options.read(true).write(true).custom_flags(flags).open(path);
    let facts = file.and_then(|file| file.metadata()).map_err(|error| unusable(error.to_string()))?;
    is_ours(&facts, own).map_err(unusable)?;
    for beside in BESIDE {
        match fs::symlink_metadata(with_end(path, beside)) {
            Ok(facts) => is_ours(&facts, own).map_err(|why| unusable(format!("{beside}: {why}")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error.to_string())),
        }
    }
    Ok(())
}

fn is_ours(facts: &Metadata, own: u32) -> Result<(), String> {
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if is_in_other_hands(facts.uid(), facts.mode(), own) {
        return Err("others own it or may write it".to_owned());
    }
    Ok(())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// What SQLite adds to the name of a database for the files beside it.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
