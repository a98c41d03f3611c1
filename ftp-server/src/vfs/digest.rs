//! A file that is hashed: it must not change meanwhile (extensions, "HASH").

use std::fs::File;

use ftp_proto::server::ask::FileFailure;
use rustix::fs::{Stat, fstat};

use super::failure::{failure, io_failure};
use super::lock;

/// A file that is hashed, and its state when that began.
#[derive(Debug)]
pub struct Subject {
    file: File,
    before: Stat,
}

impl Subject {
    pub(super) fn new(file: File) -> Result<Self, FileFailure> {
        lock::unwritten(&file)?;
        let before = fstat(&file).map_err(failure)?;
        Ok(Self { file, before })
    }

    /// The file, open for reading.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn file(&self) -> Result<File, FileFailure> {
        self.file.try_clone().map_err(|error| io_failure(&error))
    }

    /// Checks that the file has not changed.
    ///
    /// # Errors
    /// [`FileFailure::Changed`] if it has, [`FileFailure::Busy`] if somebody is writing it.
    pub fn unchanged(&self) -> Result<(), FileFailure> {
        lock::unwritten(&self.file)?;
        let after = fstat(&self.file).map_err(failure)?;
        if facts(&after) == facts(&self.before) { Ok(()) } else { Err(FileFailure::Changed) }
    }
}

/// What shows a change: the size, and both times to the nanosecond.
fn facts(stat: &Stat) -> impl PartialEq {
    (stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec)
}
