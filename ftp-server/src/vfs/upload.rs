//! Files that are received: under a temporary name, or in place (extensions, "Names under way").
//!
//! ```text
//! STOR            .ftp-<32 hex>.part beside the target --- whole ---> renamed over the target
//!                                                      \-- broken --> published where nothing was and is
//!                                                                     (not under DISCARD), else deleted
//! STOR, KEEP      the new name itself, from the start
//! REST n + STOR   the file itself, from n on;  APPE: from its end on, made when absent
//! RANG + STOR     the same; the part of a user agent also behind its end, and beside other such writers of the account
//! ```
//!
//! STOR also writes in place if the file has hard links, which a rename would break, or if no file may
//! be made in its directory. The size of a file is bounded, and so is the space of the disk that it may take, whatever its
//! account has stored already.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::Arc;

use ftp_io::copy::{Budget, Meter};
use ftp_proto::command::Partial;
use ftp_proto::server::ask::{FileFailure, Intent};
use ftp_proto::server::is_part_of_agent;
use ftp_proto::wire::{ByteRange, PathName};
use rustix::fd::OwnedFd;
use rustix::fs::{
    Access, AtFlags, Mode, OFlags, Stat, accessat, fstat, fstatvfs, fsync, ftruncate, openat, renameat,
};
use rustix::io::Errno;

use super::durability::Durability;
use super::entry::regular;
use super::lock::RangeWriter;
use super::new_file::{NEW_FILE, NewPartial, inherit, make_partial, may_change, publish, remove};
use super::partial_names::ListedName;
use super::quota::{CountedFile, GrowingFile, Id, RootQuota, id, size};
use super::root::{Located, Root};
use super::{beyond, failure, io_failure, lock};

/// Where a file is to be received. It was resolved and checked; nothing was changed.
#[derive(Debug)]
pub struct Target {
    root: Arc<Root>,
    quota: RootQuota,
    bounds: UploadBounds,
    at: Located,
    /// The account that stores.
    account: Arc<[u8]>,
    old: Option<Stat>,
    how: StoreMode,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StoreMode {
    /// A new file replaces the old one when it is complete.
    Replace,
    /// The old file is overwritten from its start.
    Overwrite,
    /// This part of the file is written, and nothing else changes.
    At(ByteRange),
    /// The same of a file that may have holes, beside other such writers.
    Beside(ByteRange),
    /// The old file gets longer.
    Append,
}

/// A file that is being received. If it is dropped without [`Upload::finish`], nothing appears under
/// the target's name.
#[derive(Debug)]
pub struct Upload {
    at: Located,
    form: Form,
    quota: RootQuota,
    /// Counts the file until it is closed.
    counted: Option<CountedFile>,
    /// Bounds the file while it grows; taken by the copy.
    budget: Option<UploadBudget>,
    durability: Durability,
    /// Its share of the lock, if others may write the file as well.
    beside: Option<RangeWriter>,
}

#[derive(Debug)]
enum Form {
    /// Under a temporary name.
    Partial { name: Vec<u8>, publish: bool, listed: ListedName },
    /// Under the target's name, in this inode.
    InPlace(Id),
    /// Everything was done.
    Finished,
}

/// How much of a file has been received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completeness {
    /// Everything that the peer has sent.
    Whole,
    /// Only a prefix: the transfer was cut.
    Broken,
    /// A local write failed, because the disk is broken or full, or what came is no stream of the mode, or
    /// unpacks to too much. The file is deleted.
    Failed,
}

/// What has become of a file that was received.
#[derive(Debug)]
pub struct Finished {
    /// Whether what has come stands under the name of the file now.
    pub has_name: bool,
    /// Fails if the whole file could not be brought to stable storage, could not get its name, or was removed meanwhile.
    pub result: Result<(), FileFailure>,
}

impl Target {
    pub(super) fn check(
        root: &Arc<Root>,
        (quota, bounds): (RootQuota, UploadBounds),
        at: Located,
        account: &Arc<[u8]>,
        intent: &Intent,
    ) -> Result<Self, FileFailure> {
        let old = at.stat().map_err(failure)?;
        let mut how = match intent {
            Intent::WriteAt { range } if *range != ByteRange::WHOLE => StoreMode::At(*range),
            Intent::WriteRange { range } => StoreMode::Beside(*range),
            Intent::Append => StoreMode::Append,
            Intent::Replace
            | Intent::WriteAt { .. }
            | Intent::Send { .. }
            | Intent::Probe(_)
            | Intent::SendGroup { .. }
            | Intent::StoreGroup { .. }
            | Intent::List(_) => StoreMode::Replace,
        };
        match &old {
            Some(stat) => {
                regular(stat)?;
                accessat(&at.dir, &*at.name, Access::WRITE_OK, AtFlags::EACCESS).map_err(failure)?;
                if how == StoreMode::Replace && (stat.st_nlink > 1 || may_change(&at.dir).is_err()) {
                    how = StoreMode::Overwrite;
                }
            }
            None => {
                at.may_be_made()?;
                may_change(&at.dir)?;
            }
        }
        if let StoreMode::At(ByteRange { first: offset, .. }) = how {
            let size = old.as_ref().map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
            if offset > size {
                return Err(FileFailure::BeyondEnd);
            }
        }
        Ok(Self { root: Arc::clone(root), quota, bounds, at, account: Arc::clone(account), old, how })
    }

    /// Opens the file for writing, at the right position. This is the first thing that changes the disk.
    ///
    /// # Errors
    /// The file cannot be opened or made, or somebody else is writing it.
    pub fn begin(self, partial: Partial) -> Result<(Upload, File), FileFailure> {
        match (self.how, partial) {
            (StoreMode::Replace, Partial::Keep) if self.old.is_none() => match self.create() {
                // Somebody else has made the file meanwhile.
                Err(FileFailure::Exists) => self.begin_partial(false),
                other => other,
            },
            (StoreMode::Replace, Partial::Publish | Partial::Keep) => {
                let publish = self.old.is_none();
                self.begin_partial(publish)
            }
            (StoreMode::Replace, Partial::Discard) => self.begin_partial(false),
            (StoreMode::Beside(range), _) => self.beside(range),
            (StoreMode::Overwrite | StoreMode::At(_) | StoreMode::Append, _) => self.in_place(),
        }
    }

    /// Whether it means this file.
    pub(super) fn replaces(&self, file: &Stat) -> bool {
        self.old.as_ref().is_some_and(|old| id(old) == id(file))
    }

    /// Whether it is on a file system of this host.
    pub fn is_near(&self) -> bool {
        self.at.is_near()
    }

    /// How many bytes may be received.
    pub const fn limit(&self) -> Option<u64> {
        match self.how {
            StoreMode::At(range) | StoreMode::Beside(range) => range.length,
            StoreMode::Replace | StoreMode::Overwrite | StoreMode::Append => None,
        }
    }

    /// Whether a file is made under its final name if there is none: for APPE, and for RANG from the
    /// first byte on.
    const fn makes_its_file(&self) -> bool {
        match self.how {
            StoreMode::At(range) => range.first == 0,
            StoreMode::Append | StoreMode::Beside(_) => true,
            StoreMode::Replace | StoreMode::Overwrite => false,
        }
    }

    /// Makes the target under its final name.
    fn create(&self) -> Result<(Upload, File), FileFailure> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at = self.at.beside(&self.at.name);
        let make = || openat(&at.dir, &*at.name, flags, NEW_FILE).map_err(failure);
        let file = self.quota.add_name(make)?;
        lock::write(&file)?;
        Ok((Upload::in_place(at, (self.quota.clone(), self.bounds), &file, 0)?, file.into()))
    }

    fn in_place(self) -> Result<(Upload, File), FileFailure> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = match openat(&self.at.dir, &*self.at.name, flags, Mode::empty()) {
            Err(Errno::NOENT) if self.makes_its_file() => return self.create(),
            Err(Errno::NOENT) if self.old.is_some() => return Err(FileFailure::Changed),
            other => other.map_err(failure)?,
        };
        lock::write(&file)?;
        let stat = fstat(&file).map_err(failure)?;
        regular(&stat)?;
        let position = match self.how {
            StoreMode::Replace | StoreMode::Overwrite => 0,
            StoreMode::At(ByteRange { first, .. }) | StoreMode::Beside(ByteRange { first, .. }) => first,
            StoreMode::Append => size(&stat),
        };
        let upload = Upload::in_place(self.at, (self.quota, self.bounds), &file, position)?;
        let mut file = File::from(file);
        let seek = match self.how {
            StoreMode::Replace | StoreMode::Overwrite => {
                ftruncate(&file, 0).map_err(failure)?;
                upload.quota.truncated(&stat);
                SeekFrom::Start(0)
            }
            // Another writer may have changed the size since it was checked.
            StoreMode::At(ByteRange { first, .. }) if first > u64::try_from(stat.st_size).unwrap_or(0) => {
                return Err(FileFailure::BeyondEnd);
            }
            StoreMode::At(ByteRange { first, .. }) | StoreMode::Beside(ByteRange { first, .. }) => {
                SeekFrom::Start(first)
            }
            StoreMode::Append => SeekFrom::End(0),
        };
        file.seek(seek).map_err(|error| io_failure(&error))?;
        Ok((upload, file))
    }

    /// Opens the file, or makes it, to write one range of it beside other such writers.
    fn beside(self, range: ByteRange) -> Result<(Upload, File), FileFailure> {
        // A link may have the name of a part and lead to another file.
        if !PathName::from_wire(self.at.name.clone()).is_ok_and(|name| is_part_of_agent(&name)) {
            return Err(FileFailure::BadName);
        }
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let open = || openat(&self.at.dir, &*self.at.name, flags, Mode::empty());
        let make = || openat(&self.at.dir, &*self.at.name, flags | OFlags::CREATE | OFlags::EXCL, NEW_FILE);
        let file = match open() {
            Err(Errno::NOENT) => match self.quota.add_name(|| make().map_err(failure)) {
                // Another writer has made it meanwhile.
                Err(FileFailure::Exists) => open().map_err(failure)?,
                made => made?,
            },
            opened => opened.map_err(failure)?,
        };
        let stat = fstat(&file).map_err(failure)?;
        regular(&stat)?;
        // The lock belongs to what is open: each writer has its own position, and one more descriptor has the lock of all.
        let same = || match open().map_err(failure)? {
            other if fstat(&other).is_ok_and(|now| id(&now) == id(&stat)) => Ok(other),
            _ => Err(FileFailure::Changed),
        };
        let beside = self.root.range_writers.enter(id(&stat), &self.account, same)?;
        let mut upload = Upload::in_place(self.at, (self.quota, self.bounds), &file, range.first)?;
        upload.beside = Some(beside);
        let mut file = File::from(file);
        file.seek(SeekFrom::Start(range.first)).map_err(|error| io_failure(&error))?;
        Ok((upload, file))
    }

    fn begin_partial(self, publish: bool) -> Result<(Upload, File), FileFailure> {
        let make = || make_partial(&self.root, &self.at);
        let NewPartial { name, listed, file } = self.quota.add_temporary_name(make)?;
        // From here on the temporary name is removed whatever happens.
        let form = Form::Partial { name, publish, listed };
        let durability = Durability::default();
        let mut upload = Upload {
            at: self.at,
            form,
            quota: self.quota,
            counted: None,
            budget: None,
            durability,
            beside: None,
        };
        upload.counted = upload.quota.write(&file)?;
        let growing = upload.counted.as_ref().map(|file| file.growing(0));
        upload.budget = self.bounds.bound(&upload.at.dir, 0, growing).map_err(|error| io_failure(&error))?;
        if let Some(old) = &self.old {
            inherit(&upload.at, old, &file);
        }
        Ok((upload, file.into()))
    }
}

impl Upload {
    fn in_place(
        at: Located,
        (quota, bounds): (RootQuota, UploadBounds),
        file: &OwnedFd,
        position: u64,
    ) -> Result<Self, FileFailure> {
        let stat = fstat(file).map_err(failure)?;
        let counted = quota.write(file)?;
        let growing = counted.as_ref().map(|file| file.growing(position));
        let budget = bounds.bound(&at.dir, position, growing).map_err(|error| io_failure(&error))?;
        let form = Form::InPlace(id(&stat));
        Ok(Self { at, form, quota, counted, budget, durability: Durability::default(), beside: None })
    }

    /// What the file may take up, for the copy that writes it; `None` if nothing bounds it.
    pub fn take_budget(&mut self) -> Option<Box<dyn Budget>> {
        self.budget.take().map(|budget| -> Box<dyn Budget> { Box::new(budget) })
    }

    /// Stops `meter`, which moves the bytes, when the file loses its last name. A file that nothing counts goes on.
    pub fn stop_with_name(&self, meter: &Meter) {
        if let Some(counted) = &self.counted {
            counted.stop_with_name(meter);
        }
    }

    /// Whether a file that is counted has lost its last name.
    pub fn is_unnamed(&self) -> bool {
        self.counted.as_ref().is_some_and(CountedFile::is_unnamed)
    }

    /// The same file, which counts as stored as `durability` says.
    pub const fn durable(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Brings a whole file to stable storage, where that is wanted.
    fn sync(&self, file: &File, received: Completeness) -> Result<(), Errno> {
        match (self.durability, received) {
            (Durability::Synced, Completeness::Whole) => fsync(file),
            (Durability::Cached, _) | (_, Completeness::Broken | Completeness::Failed) => Ok(()),
        }
    }

    /// The same for the names in its directory.
    fn sync_names(&self) -> Result<(), Errno> {
        match self.durability {
            Durability::Cached => Ok(()),
            Durability::Synced => self.at.sync_names(),
        }
    }

    /// Closes the file and gives it its final name. The reply comes after this (E24).
    pub fn finish(mut self, file: File, received: Completeness) -> Finished {
        // The counts of a file that is being written are as large as what was allowed; now it has its size.
        let settle = |file: &File| {
            if let Ok(now) = fstat(file) {
                self.quota.settle(&now);
            }
        };
        let form = std::mem::replace(&mut self.form, Form::Finished);
        let synced = self.sync(&file, received);
        let Located { dir, name: target, .. } = &self.at;
        match form {
            Form::Partial { name, publish: publishes, listed } => {
                settle(&file);
                let moved = match received {
                    Completeness::Whole => synced.and_then(|()| {
                        self.quota.remove_name(|| self.at.stat(), || renameat(dir, &*name, dir, &**target))
                    }),
                    // What has arrived gets the target's name, if nothing has that name now.
                    Completeness::Broken if publishes => {
                        self.quota.change_name(|| publish((dir, &name), (dir, target)))
                    }
                    Completeness::Broken | Completeness::Failed => Err(Errno::CANCELED),
                };
                // Its lock keeps others from sweeping the temporary name away before it is renamed.
                drop(file);
                if let Err(error) = moved {
                    remove(&self.quota, dir, &name);
                    listed.removed_from(dir);
                    drop(listed);
                    let failed = received == Completeness::Whole;
                    let result = if failed { Err(failure(error)) } else { Ok(()) };
                    return Finished { has_name: false, result };
                }
                Finished { has_name: true, result: self.sync_names().map_err(failure) }
            }
            Form::InPlace(inode) => {
                settle(&file);
                drop(file);
                let synced = synced.and_then(|()| self.sync_names()).map_err(failure);
                let has_name = matches!(self.at.stat(), Ok(Some(now)) if id(&now) == inode);
                // What was written has no name any more: the reply is 451, not 226.
                let result = synced.and(if has_name { Ok(()) } else { Err(FileFailure::Changed) });
                Finished { has_name, result }
            }
            Form::Finished => Finished { has_name: false, result: Ok(()) },
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        match &self.form {
            Form::Partial { name, listed, .. } => {
                remove(&self.quota, &self.at.dir, name);
                listed.removed_from(&self.at.dir);
            }
            Form::InPlace(inode) => {
                if let Ok(Some(now)) = self.at.stat()
                    && id(&now) == *inode
                {
                    self.quota.settle(&now);
                }
            }
            Form::Finished => {}
        }
    }
}

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
    use crate::vfs::io_failure;

    fn bounded(room: UploadBounds, position: u64) -> Option<UploadBudget> {
        let dir = File::open(std::env::temp_dir()).unwrap();
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
