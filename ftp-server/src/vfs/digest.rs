//! A file that is hashed: it must not change meanwhile (extensions, "HASH").

use std::fs::File;
use std::io::{Seek, SeekFrom};

use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::ByteRange;
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

    /// The state of the file when that began.
    pub(super) const fn stat(&self) -> &Stat {
        &self.before
    }

    /// The file, open for reading at the first byte of `range`, and how many bytes belong to it.
    ///
    /// # Errors
    /// [`FileFailure::BeyondEnd`] if the range begins behind the end of the file; there is no descriptor
    /// left.
    pub fn part(&self, range: ByteRange) -> Result<(File, u64), FileFailure> {
        let size = u64::try_from(self.before.st_size).unwrap_or(0);
        let length = range.within(size).ok_or(FileFailure::BeyondEnd)?;
        let mut file = self.file.try_clone().map_err(|error| io_failure(&error))?;
        file.seek(SeekFrom::Start(range.first)).map_err(|error| io_failure(&error))?;
        Ok((file, length))
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
