//! Files that must not change while they are hashed or copied (extensions, "HASH"), and the copy of one within the server (SITE
//! CPTO), a part at a time. It arrives as an upload does: under a temporary name until
//! it is whole.

use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;

use ftp_io::copy::{Budget, Meter};
use ftp_proto::command::Partial;
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::ByteRange;
use rustix::fs::{SeekFrom, Stat, copy_file_range, fstat, ftruncate, ioctl_ficlone, seek};
use rustix::io::Errno;

use super::durability::Durability;
use super::upload::{Completeness, Target, Upload};
use super::{failure, io_failure, lock};

/// A copy that is being made. If it is dropped before [`Copying::finish`], nothing appears under its name.
#[derive(Debug)]
pub struct Copying {
    subject: Subject,
    from: File,
    size: u64,
    /// Bytes that are copied.
    done: u64,
    means: Means,
    to: File,
    upload: Upload,
    budget: Option<Box<dyn Budget>>,
}

/// How the bytes get from one file into the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Means {
    /// The system copies them, or shares them where the file system can.
    System,
    /// They are read and written.
    Buffer,
}

/// Whether there is more to copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more.
    More,
    /// All bytes are copied.
    Whole,
}

impl Copying {
    /// Makes the file that will be the copy.
    pub(super) fn begin(
        subject: Subject,
        target: Target,
        durability: Durability,
    ) -> Result<Self, FileFailure> {
        if target.replaces(subject.stat()) {
            return Err(FileFailure::SameFile);
        }
        let (from, size) = subject.part(ByteRange::WHOLE)?;
        let (upload, to) = target.begin(Partial::Discard)?;
        let mut upload = upload.durable(durability);
        let budget = upload.take_budget();
        let mut copying = Self { subject, from, size, done: 0, means: Means::System, to, upload, budget };
        // A clone shares the blocks of the file, so that it takes no space before it is counted.
        if size > 0 && ioctl_ficlone(&copying.to, &copying.from).is_ok() {
            copying.take(size)?;
            copying.done = size;
        }
        Ok(copying)
    }

    /// Copies the next part, until `meter` stops it.
    ///
    /// # Errors
    /// [`FileFailure::Stopped`] if the meter was stopped; a quota or the disk has no room, or the file cannot be read.
    pub fn step(&mut self, meter: &Meter) -> Result<Progress, FileFailure> {
        let end = self.size.min(self.done.saturating_add(COPIED_AT_ONCE));
        while self.done < end {
            if meter.is_stopped() {
                return Err(FileFailure::Stopped);
            }
            let from = self.done;
            match self.extent()? {
                Extent::Hole(to) => {
                    self.take(to - from)?;
                    self.done = to;
                }
                Extent::Data(to) => {
                    self.take(to - from)?;
                    self.copy(to)?;
                }
            }
            meter.add(usize::try_from(self.done - from).unwrap_or(usize::MAX));
        }
        Ok(if self.done < self.size { Progress::More } else { Progress::Whole })
    }

    /// Gives the copy its name, if the file has not changed meanwhile. Returns how many bytes it has.
    ///
    /// # Errors
    /// The file has changed, or the copy could not be brought to stable storage or get its name.
    pub fn finish(self) -> Result<u64, FileFailure> {
        let Self { subject, size, done, to, upload, .. } = self;
        if done < size {
            return Err(FileFailure::Stopped);
        }
        subject.unchanged()?;
        // The file may end with a hole.
        if fstat(&to).map_err(failure)?.st_size.cast_unsigned() < size {
            ftruncate(&to, size).map_err(failure)?;
        }
        upload.finish(to, Completeness::Whole).result.map(|()| size)
    }

    /// Takes room for bytes that are written next.
    fn take(&mut self, bytes: u64) -> Result<(), FileFailure> {
        self.budget.as_mut().map_or(Ok(()), |budget| budget.take(bytes)).map_err(|error| io_failure(&error))
    }

    /// What is next in the file.
    fn extent(&self) -> Result<Extent, FileFailure> {
        let piece = self.size.min(self.done.saturating_add(PIECE));
        let data = match seek(&self.from, SeekFrom::Data(self.done)) {
            Ok(data) => data.min(self.size),
            // Nothing but a hole is left.
            Err(Errno::NXIO) => self.size,
            // The file system does not tell.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Extent::Data(piece)),
            Err(error) => return Err(failure(error)),
        };
        if data > self.done {
            return Ok(Extent::Hole(data));
        }
        let hole = seek(&self.from, SeekFrom::Hole(self.done)).unwrap_or(piece);
        Ok(Extent::Data(if hole > self.done { hole.min(piece) } else { piece }))
    }

    /// Copies the bytes up to `end`.
    fn copy(&mut self, end: u64) -> Result<(), FileFailure> {
        while self.done < end {
            let wanted = usize::try_from(end - self.done).unwrap_or(usize::MAX);
            let copied = match self.means {
                Means::System => self.by_system(wanted),
                Means::Buffer => self.by_buffer(wanted),
            };
            match copied {
                // It became shorter.
                Ok(0) => return Err(FileFailure::Changed),
                Ok(copied) => self.done += copied as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM)
                    if self.means == Means::System =>
                {
                    self.means = Means::Buffer;
                }
                Err(error) => return Err(failure(error)),
            }
        }
        Ok(())
    }

    fn by_system(&self, wanted: usize) -> Result<usize, Errno> {
        let (mut from, mut to) = (self.done, self.done);
        copy_file_range(&self.from, Some(&mut from), &self.to, Some(&mut to), wanted)
    }

    fn by_buffer(&self, wanted: usize) -> Result<usize, Errno> {
        let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let mut buffer = vec![0; wanted.min(BUFFER)];
        let read = self.from.read_at(&mut buffer, self.done).map_err(errno)?;
        buffer.truncate(read);
        self.to.write_all_at(&buffer, self.done).map_err(errno)?;
        Ok(read)
    }
}

/// What is next in a file, and where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Extent {
    Data(u64),
    Hole(u64),
}

/// Bytes of a file that are copied in one turn.
const COPIED_AT_ONCE: u64 = 64 * 1024 * 1024;
/// Bytes that are copied before the meter is looked at again.
const PIECE: u64 = 4 * 1024 * 1024;
/// Bytes that are read at once where the system copies nothing.
const BUFFER: usize = 256 * 1024;

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
        file.seek(io::SeekFrom::Start(range.first)).map_err(|error| io_failure(&error))?;
        Ok((file, length))
    }

    /// Checks that the file has not changed.
    ///
    /// # Errors
    /// [`FileFailure::Changed`] if it has, [`FileFailure::Busy`] if somebody is writing it.
    pub fn unchanged(&self) -> Result<(), FileFailure> {
        lock::unwritten(&self.file)?;
        let after = fstat(&self.file).map_err(failure)?;
        if has_changed(&self.before, &after) { Err(FileFailure::Changed) } else { Ok(()) }
    }
}

/// Whether a file has changed between two looks: its size, or one of its times, to the nanosecond.
pub(super) fn has_changed(before: &Stat, after: &Stat) -> bool {
    let marks =
        |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec);
    marks(before) != marks(after)
}
