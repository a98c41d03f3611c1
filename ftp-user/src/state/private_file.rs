//! Files that are their user's alone, and change as a whole.

use crate::journal::check_directory;
use rustix::fs::OFlags;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Takes the lock of a file, which lies beside it. Makes the directory if need be. If another run holds it, it is tried
/// again, `tries` times in all.
///
/// # Errors
///
/// Others own the directory or may write it, or the lock is held all the time.
pub(crate) fn lock(file: &Path, tries: u32) -> io::Result<File> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        check_directory(directory).map_err(io::Error::other)?;
    }
    let beside = file.with_extension("lock");
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = File::options();
    let lock =
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(beside)?;
    for _ in 0..tries {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("another run holds its lock"))
}

/// Replaces what is in a file. It is written beside it and renamed, so that a reader never sees a half. Whoever calls this
/// holds the lock. With `lasts` it is on the disk before it has the name.
///
/// # Errors
///
/// It cannot be written. Then the old file is there as it was.
pub(crate) fn replace(file: &Path, bytes: &[u8], lasts: bool) -> io::Result<()> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    let beside = file.with_extension(format!("{extension}.{}", std::process::id()));
    // Whoever holds the lock is the only one who writes, so this is what a killed process of that number has left.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let fill = |mut new: File| {
        new.write_all(bytes)?;
        if lasts { new.sync_all() } else { Ok(()) }
    };
    let new = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = fill(new).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // A disk that is full must not get another file with each run.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);
