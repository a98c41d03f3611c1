//! A group that was received: its files wait for their names.

use std::sync::Arc;

use ftp_proto::command::{FileNumbers, FileToStore, GroupNumber};
use ftp_proto::reply::LeftOut;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::directory::GroupDirectory;
use crate::vfs::durability::Durability;

/// A group that was received. If it is dropped, its files are removed.
#[derive(Debug)]
pub struct HeldGroup {
    number: GroupNumber,
    directory: GroupDirectory,
    files: Arc<[FileToStore]>,
}

impl HeldGroup {
    pub(super) const fn new(
        number: GroupNumber,
        directory: GroupDirectory,
        files: Arc<[FileToStore]>,
    ) -> Self {
        Self { number, directory, files }
    }

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
            let file = file.filter(|_| self.directory.has(number));
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
        self.directory.strike_out();
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
