//! PACK STORE: a stream becomes files in the temporary directory of its group.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use ftp_io::copy::{Budget, Receiver};
use ftp_io::hash::Digester;
use ftp_proto::coding::{PackPiece, PackReader};
use ftp_proto::command::{FileToStore, GroupNumber};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::When;
use ftp_proto::reply::{FileOutcome, LeftOut};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;
use rustix::fs::{fstat, fsync, futimens};

use super::directory::{GroupDirectory, HeldGroup};
use crate::vfs::attributes::modified_at;
use crate::vfs::durability::Durability;
use crate::vfs::new_file::may_change;
use crate::vfs::path::can_be_listed;
use crate::vfs::quota::{GrowingFile, RootQuota};
use crate::vfs::root::{Located, Root};
use crate::vfs::tree::Resolved;
use crate::vfs::upload::{UploadBounds, UploadBudget};
use crate::vfs::{beyond, failure};

/// Where the files of a group go. Their directory is open and was checked; nothing was changed.
#[derive(Debug)]
pub struct GroupTarget {
    root: Arc<Root>,
    at: Located,
    quota: RootQuota,
    bounds: UploadBounds,
    number: GroupNumber,
    files: Arc<[FileToStore]>,
    /// The algorithm of the digest of each file.
    algorithm: Algorithm,
}

/// Takes the stream of a group and writes its files. If it is dropped, nothing is left of them.
#[derive(Debug)]
pub struct GroupWriter {
    directory: GroupDirectory,
    number: GroupNumber,
    files: Arc<[FileToStore]>,
    reader: PackReader,
    algorithm: Algorithm,
    durability: Durability,
    /// The space that stays free on the disk.
    disk: Option<UploadBudget>,
    open: Option<OpenFile>,
    /// What became of the files that have come.
    outcomes: Vec<FileOutcome>,
}

/// The file that is being written.
#[derive(Debug)]
struct OpenFile {
    file: File,
    digester: Digester,
    growing: Option<GrowingFile>,
}

impl GroupTarget {
    /// Checks the directory `found`, and that nothing is wrong with the names of the files in it.
    pub(in crate::vfs) fn check(
        found: Resolved<'_>,
        mounts: &[PathName],
        number: GroupNumber,
        files: &Arc<[FileToStore]>,
        algorithm: Algorithm,
    ) -> Result<Self, FileFailure> {
        let Resolved { root, path, quota, bounds } = found;
        let first = files.first().ok_or(FileFailure::BadName)?;
        let at = root.parent_to_change(&path.join(first.name.as_bytes())).map_err(failure)?;
        let at = at.ok_or(FileFailure::BadName)?;
        may_change(&at.dir)?;
        for file in files.iter() {
            let name = file.name.as_bytes();
            if !can_be_listed(name) {
                return Err(FileFailure::BadName);
            }
            if mounts.iter().any(|mount| mount.as_bytes() == name) {
                return Err(FileFailure::Exists);
            }
            if bounds.file.is_some_and(|most| u64::from(file.size) > most) {
                return Err(FileFailure::MaxFileSize);
            }
        }
        let (root, files) = (Arc::clone(root), Arc::clone(files));
        Ok(Self { root, at, quota, bounds, number, files, algorithm })
    }

    /// Whether the directory is on a file system of this host.
    pub fn is_near(&self) -> bool {
        self.at.is_near()
    }

    /// Makes the temporary directory. This is the first thing that changes the disk.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(self, durability: Durability) -> Result<GroupWriter, FileFailure> {
        let Self { root, at, quota, bounds, number, files, algorithm } = self;
        // How large each file may be was checked.
        let disk = UploadBounds { file: None, ..bounds }.bound(&at.dir, 0, None);
        let disk = disk.map_err(|error| crate::vfs::io_failure(&error))?;
        let directory = GroupDirectory::make(&root, at, quota)?;
        let reader = PackReader::new(files.iter().map(|file| file.size));
        let (open, outcomes) = (None, Vec::with_capacity(files.len()));
        Ok(GroupWriter { directory, number, files, reader, algorithm, durability, disk, open, outcomes })
    }
}

impl GroupWriter {
    /// All files have come: they are held until they get their names. Returns what became of each as well.
    ///
    /// # Errors
    /// The stream has ended before.
    pub fn finish(self) -> Result<(HeldGroup, Vec<FileOutcome>), FileFailure> {
        if !self.reader.has_ended() {
            return Err(FileFailure::NotTheGroup);
        }
        let Self { directory, number, files, outcomes, .. } = self;
        Ok((HeldGroup { number, directory, files }, outcomes))
    }

    /// Takes one piece of the stream.
    fn take(&mut self, piece: PackPiece<'_>) -> Result<(), FileFailure> {
        match piece {
            PackPiece::Unsent => self.outcomes.push(FileOutcome::LeftOut(LeftOut::Unsent)),
            PackPiece::Begin => {
                let number = u16::try_from(self.outcomes.len() + 1).map_err(|_| FileFailure::NotTheGroup)?;
                let file = self.directory.create(number)?;
                let growing = self.directory.quota.write(&file)?.map(|file| file.growing(0));
                let digester = Digester::new(self.algorithm);
                self.open = Some(OpenFile { file: file.into(), digester, growing });
            }
            PackPiece::Bytes(bytes) => {
                let open = self.open.as_mut().ok_or(FileFailure::NotTheGroup)?;
                let room = open.growing.as_mut().map_or(Ok(()), |growing| growing.take(bytes.len() as u64));
                let taken = room.and_then(|()| open.file.write_all(bytes));
                taken.map_err(|error| crate::vfs::io_failure(&error))?;
                open.digester.update(bytes);
            }
            PackPiece::End => self.end_file()?,
        }
        Ok(())
    }

    /// The file that is open is whole.
    fn end_file(&mut self) -> Result<(), FileFailure> {
        let OpenFile { file, digester, growing } = self.open.take().ok_or(FileFailure::NotTheGroup)?;
        let announced = self.files.get(self.outcomes.len()).ok_or(FileFailure::NotTheGroup)?;
        if let Some(When(seconds)) = announced.modified {
            futimens(&file, &modified_at(seconds)).map_err(failure)?;
        }
        if growing.is_some() {
            self.directory.quota.settle(&fstat(&file).map_err(failure)?);
        }
        if self.durability == Durability::Synced {
            fsync(&file).map_err(failure)?;
        }
        let digest = Digest { algorithm: self.algorithm, hex: digester.hex() };
        self.outcomes.push(FileOutcome::Moved { bytes: announced.size, digest });
        Ok(())
    }
}

impl Receiver for GroupWriter {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if let Some(disk) = &mut self.disk {
            disk.take(bytes.len() as u64)?;
        }
        loop {
            match self.reader.next(&mut bytes) {
                Ok(Some(piece)) => self.take(piece).map_err(beyond)?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(beyond(FileFailure::NotTheGroup)),
            }
        }
    }
}
