//! The temporary directory of a group, and the group whose files wait there for their names. While it is held, its lock keeps others from sweeping it away.

use std::collections::BTreeSet;
use std::sync::Arc;

use ftp_proto::command::{FileNumbers, FileToStore, GroupNumber};
use ftp_proto::reply::LeftOut;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::vfs::durability::Durability;
use crate::vfs::new_file::{GROUP, NEW_FILE, partial_name, publish, remove};
use crate::vfs::partial_names::ListedName;
use crate::vfs::quota::RootQuota;
use crate::vfs::root::{Located, Root};
use crate::vfs::{failure, io_failure, lock};

/// The temporary directory of a group. If it is dropped, it is removed with the files in it.
#[derive(Debug)]
pub(super) struct GroupDirectory {
    /// A name in the directory of the targets.
    pub(super) at: Located,
    name: Vec<u8>,
    dir: OwnedFd,
    /// The numbers of the files in it.
    files: BTreeSet<u16>,
    pub(super) quota: RootQuota,
    listed: Option<ListedName>,
}

impl GroupDirectory {
    /// Makes it beside the targets.
    pub(super) fn make(root: &Root, at: Located, quota: RootQuota) -> Result<Self, FileFailure> {
        for _ in 0..ATTEMPTS {
            let name = partial_name().map_err(|error| io_failure(&error))?;
            let listed = root.partial_names.add(root.host_path_above(&at), &name);
            mkdirat(&at.dir, &*name, GROUP).map_err(failure)?;
            match open(&at, &name) {
                Ok(Some(dir)) => {
                    let (files, listed) = (BTreeSet::new(), Some(listed));
                    return Ok(Self { at, name, dir, files, quota, listed });
                }
                // Somebody has swept it away or exchanged it before it was locked.
                Ok(None) => {}
                Err(error) => {
                    let _ = unlinkat(&at.dir, &*name, AtFlags::REMOVEDIR);
                    return Err(error);
                }
            }
        }
        Err(FileFailure::Busy)
    }

    /// Makes the file with this number in it.
    pub(super) fn create(&mut self, number: u16) -> Result<OwnedFd, FileFailure> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || openat(&self.dir, number.to_string(), flags, NEW_FILE).map_err(failure);
        let file = self.quota.add_temporary_name(make)?;
        self.files.insert(number);
        Ok(file)
    }

    /// Gives the file with this number its name, unless something has it.
    pub(super) fn publish(&mut self, number: u16, name: &[u8]) -> Result<(), Errno> {
        let from = number.to_string();
        self.quota.change_name(|| publish((&self.dir, from.as_bytes()), (&self.at.dir, name)))?;
        self.files.remove(&number);
        Ok(())
    }

    /// Whether the directory of the targets is `now`.
    fn is_beside(&self, now: &OwnedFd) -> bool {
        match (fstat(&self.at.dir), fstat(now)) {
            (Ok(then), Ok(now)) => (then.st_dev, then.st_ino) == (now.st_dev, now.st_ino),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Removes the directory with what is left in it. Its line in the list stays until the caller has synced the names.
    pub(super) fn clear(&mut self) {
        for number in std::mem::take(&mut self.files) {
            remove(&self.quota, &self.dir, number.to_string().as_bytes());
        }
        if let Err(error) = unlinkat(&self.at.dir, &*self.name, AtFlags::REMOVEDIR)
            && error != Errno::NOENT
        {
            tracing::debug!(%error, "cannot remove the temporary directory of a group");
        }
    }
}

impl Drop for GroupDirectory {
    fn drop(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.clear();
            listed.removed_from(&self.at.dir);
        }
    }
}

/// Opens a directory that was made just now, and locks it. `None` if that is not the same one any more.
fn open(at: &Located, name: &[u8]) -> Result<Option<OwnedFd>, FileFailure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match openat(&at.dir, name, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        other => other.map_err(failure)?,
    };
    lock::write_waiting(&dir)?;
    let stat = fstat(&dir).map_err(failure)?;
    Ok((stat.st_nlink > 0 && stat.st_uid == geteuid().as_raw()).then_some(dir))
}

/// How often another temporary name is tried.
const ATTEMPTS: usize = 16;

/// A group that was received. If it is dropped, its files are removed.
#[derive(Debug)]
pub struct HeldGroup {
    pub(super) number: GroupNumber,
    pub(super) directory: GroupDirectory,
    pub(super) files: Arc<[FileToStore]>,
}

impl HeldGroup {
    /// The number by which the client names it.
    pub const fn number(&self) -> GroupNumber {
        self.number
    }

    /// Gives these files their names in the directory `now`, and replaces nothing. The other files are removed. Returns
    /// which did not get their names, and why.
    pub(in crate::vfs) fn keep(
        mut self,
        now: &OwnedFd,
        numbers: &FileNumbers,
        durability: Durability,
    ) -> Result<Vec<(u16, LeftOut)>, FileFailure> {
        if !self.directory.is_beside(now) {
            return Err(FileFailure::OtherDirectory);
        }
        let mut left = Vec::new();
        for number in numbers.iter() {
            let file = self.files.get(usize::from(number).saturating_sub(1));
            let file = file.filter(|_| self.directory.files.contains(&number));
            let named = match file {
                Some(file) => self.directory.publish(number, file.name.as_bytes()).map_err(why_not_named),
                None => Err(LeftOut::Unsent),
            };
            if let Err(why) = named {
                left.push((number, why));
            }
        }
        self.directory.clear();
        if durability == Durability::Synced {
            // Files have their names then, so no failure that says otherwise is told.
            self.directory.at.sync_names().map_err(|error| {
                tracing::warn!(%error, "cannot sync the names of a group");
                FileFailure::Other
            })?;
        }
        // It was removed, and that is on stable storage if it has to be.
        self.directory.listed = None;
        Ok(left)
    }
}

fn why_not_named(error: Errno) -> LeftOut {
    match error {
        Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => LeftOut::Taken,
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => {
            LeftOut::Refused
        }
        _ => LeftOut::Failed,
    }
}
