//! What one upload may take up, whatever its account has stored already: the size of a file, and the space of
//! the disk that stays free.

use std::io;

use ftp_io::copy::Budget;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::OwnedFd;
use rustix::fs::fstatvfs;

use super::failure::beyond;
use super::quota::GrowingFile;

/// The bounds of every upload of an account to one root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct UploadBounds {
    /// Maximum size of a file in bytes; `None` means no limit.
    pub(super) file: Option<u64>,
    /// Bytes that stay free on the disk.
    pub(super) keep_free: u64,
}

/// The bounds of one upload. It is the budget of the copy that writes its file.
#[derive(Debug)]
pub(super) struct UploadBudget {
    /// What the file may still get; `None` means any number of bytes.
    left: Option<u64>,
    disk: Option<Disk>,
    growing: Option<GrowingFile>,
}

#[derive(Debug)]
struct Disk {
    /// The directory of the file.
    dir: OwnedFd,
    keep_free: u64,
    /// Bytes that may be written before the disk is asked again.
    granted: u64,
}

impl UploadBounds {
    /// The bounds of an upload at `position` of a file in the directory `dir`; `growing` counts it. `None` if
    /// there are none.
    pub(super) fn bound(
        self,
        dir: &OwnedFd,
        position: u64,
        growing: Option<GrowingFile>,
    ) -> io::Result<Option<UploadBudget>> {
        if self == Self::default() && growing.is_none() {
            return Ok(None);
        }
        let disk = match self.keep_free {
            0 => None,
            keep_free => Some(Disk { dir: dir.try_clone()?, keep_free, granted: 0 }),
        };
        let left = self.file.map(|most| most.saturating_sub(position));
        Ok(Some(UploadBudget { left, disk, growing }))
    }
}

impl Disk {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        if self.granted < bytes {
            let disk = fstatvfs(&self.dir)?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(self.keep_free);
            if free < bytes {
                return Err(beyond(FileFailure::KeptFree));
            }
            self.granted = free.min(bytes.max(DISK_CHECK_INTERVAL));
        }
        self.granted -= bytes;
        Ok(())
    }
}

impl Budget for UploadBudget {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes).ok_or_else(|| beyond(FileFailure::MaxFileSize))?;
        }
        if let Some(disk) = &mut self.disk {
            disk.take(bytes)?;
        }
        self.growing.as_mut().map_or(Ok(()), |growing| growing.take(bytes))
    }
}

/// Bytes that an upload may write before the disk is asked again. Each upload may exceed the reserve by at
/// most this much.
const DISK_CHECK_INTERVAL: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::failure::io_failure;

    fn bounded(room: UploadBounds, position: u64) -> Option<UploadBudget> {
        let dir = std::fs::File::open(std::env::temp_dir()).unwrap();
        room.bound(&dir.into(), position, None).unwrap()
    }

    #[test]
    fn a_file_has_a_largest_size_also_if_it_goes_on_in_the_middle() {
        assert!(bounded(UploadBounds::default(), 0).is_none());
        let mut whole = bounded(UploadBounds { file: Some(10), keep_free: 0 }, 0).unwrap();
        assert!(whole.take(6).is_ok() && whole.take(4).is_ok());
        assert_eq!(io_failure(&whole.take(1).unwrap_err()), FileFailure::MaxFileSize);
        let mut rest = bounded(UploadBounds { file: Some(10), keep_free: 0 }, 8).unwrap();
        assert!(rest.take(2).is_ok() && rest.take(1).is_err());
        assert!(bounded(UploadBounds { file: Some(10), keep_free: 0 }, 11).unwrap().take(1).is_err());
    }

    #[test]
    fn the_last_space_of_a_disk_stays_free() {
        let mut some = bounded(UploadBounds { file: None, keep_free: 1 }, 0).unwrap();
        assert!(some.take(1).is_ok());
        let mut none = bounded(UploadBounds { file: None, keep_free: u64::MAX }, 0).unwrap();
        assert_eq!(io_failure(&none.take(1).unwrap_err()), FileFailure::KeptFree);
    }
}
