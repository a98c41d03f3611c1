//! PACK SEND: the files of one directory as a stream. PACK LOOK, SAME and DELETE: which names something has, which files are what
//! a client says of them, and what is done to those.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ftp_io::copy::Pieces;
use ftp_io::hash::Digester;
use ftp_proto::coding::{write_pack_head, write_unsent};
use ftp_proto::command::FileToSend;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::reply::{FileOutcome, LeftOut};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::{FileName, PathName};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::vfs::copying::has_changed;
use crate::vfs::entry::{exact_identity_of, regular, unique_of};
use crate::vfs::failure;
use crate::vfs::path::Beneath;
use crate::vfs::prepared::read_all;
use crate::vfs::root::Root;

/// Files of a directory that are to be sent. The directory is open; no file was looked at yet.
#[derive(Debug)]
pub struct GroupSource {
    root: Arc<Root>,
    path: Beneath,
    dir: OwnedFd,
    /// Whether a read that brings less than it was asked for has met the end of a file.
    is_local: bool,
    wanted: GroupRequest,
}

/// What is asked for in a directory.
#[derive(Debug)]
pub(in crate::vfs) struct GroupRequest {
    pub(in crate::vfs) files: Arc<[FileToSend]>,
    /// The algorithm of the digest of each file.
    pub(in crate::vfs) algorithm: Algorithm,
    /// Names that mean other directories here.
    pub(in crate::vfs) mounts: Vec<PathName>,
}

/// The files as a stream: each is read when the connection has taken those before it.
#[derive(Debug)]
pub struct GroupStream {
    source: GroupSource,
    /// What became of the files that were looked at.
    outcomes: Vec<FileOutcome>,
}

impl GroupSource {
    /// Opens the directory `path` beneath `root`.
    pub(in crate::vfs) fn open(
        root: &Arc<Root>,
        path: Beneath,
        wanted: GroupRequest,
    ) -> Result<Self, FileFailure> {
        let dir = root.open_beneath(&path, DIRECTORY).map_err(failure)?;
        let is_local = root.is_local_at(&dir);
        Ok(Self { root: Arc::clone(root), path, dir, is_local, wanted })
    }

    /// The same, if that needs no wait for a disk.
    pub(in crate::vfs) fn open_cached(root: &Arc<Root>, path: Beneath, wanted: GroupRequest) -> Option<Self> {
        let dir = root.open_cached(&path, DIRECTORY)?;
        Some(Self { root: Arc::clone(root), path, dir, is_local: true, wanted })
    }

    /// The files as a stream, with their digests.
    pub const fn stream(self) -> GroupStream {
        GroupStream { source: self, outcomes: Vec::new() }
    }

    /// Opens a file for reading. A link is followed as far as it stays beneath the root.
    fn open_file(&self, name: &[u8]) -> Result<(File, bool), Errno> {
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        if self.wanted.mounts.iter().any(|mount| mount.as_bytes() == name) {
            return Err(Errno::ISDIR);
        }
        let here = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        match openat(&self.dir, name, here, Mode::empty()) {
            Err(Errno::LOOP) => Ok((self.root.open_beneath(&self.path.join(name), flags)?.into(), false)),
            other => Ok((other?.into(), self.is_local)),
        }
    }
}

impl GroupStream {
    /// What became of each file that was looked at.
    pub fn into_outcomes(self) -> Vec<FileOutcome> {
        self.outcomes
    }

    /// Appends one file to `stream`, or that it is left out.
    fn append(&self, file: &FileToSend, stream: &mut Vec<u8>) -> FileOutcome {
        let start = stream.len();
        match self.read(file, stream) {
            Ok(digest) => FileOutcome::Moved { bytes: file.size, digest },
            Err(why) => {
                stream.truncate(start);
                write_unsent(stream);
                FileOutcome::LeftOut(why)
            }
        }
    }

    fn read(&self, item: &FileToSend, stream: &mut Vec<u8>) -> Result<Digest, LeftOut> {
        let (file, is_local) = self.source.open_file(item.name.as_bytes()).map_err(why_not_sent)?;
        let before = fstat(&file).map_err(why_not_sent)?;
        regular(&before).map_err(|_| LeftOut::Gone)?;
        if !is_as_listed(item, &before) {
            return Err(LeftOut::Changed);
        }
        write_pack_head(item.size, stream);
        let (body, size) = (stream.len(), usize::try_from(item.size).map_err(|_| LeftOut::Failed)?);
        // One more than there should be: the end has to be seen.
        stream.resize(body + size + 1, 0);
        let room = stream.get_mut(body..).unwrap_or_default();
        let read =
            read_all(room, size, is_local, |room, at| file.read_at(room, at)).map_err(|_| LeftOut::Failed)?;
        let after = fstat(&file).map_err(why_not_sent)?;
        if read != size || has_changed(&before, &after) {
            return Err(LeftOut::Changed);
        }
        stream.truncate(body + size);
        let algorithm = self.source.wanted.algorithm;
        let mut digester = Digester::new(algorithm);
        digester.update(stream.get(body..).unwrap_or_default());
        Ok(Digest { algorithm, hex: digester.hex() })
    }
}

impl Pieces for GroupStream {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let files = Arc::clone(&self.source.wanted.files);
        for (count, file) in files.iter().skip(self.outcomes.len()).enumerate() {
            if room.len() >= PIECE || count == FILES {
                return Ok(ControlFlow::Continue(()));
            }
            let outcome = self.append(file, room);
            self.outcomes.push(outcome);
        }
        Ok(ControlFlow::Break(()))
    }
}

/// Whether a file is what the command says of it.
fn is_as_listed(item: &FileToSend, stat: &Stat) -> bool {
    u64::try_from(stat.st_size) == Ok(u64::from(item.size))
        && item.modified.is_none_or(|modified| modified.0 == stat.st_mtime)
        && item.unique.as_ref().is_none_or(|unique| match unique.contains('.') {
            true => *unique == exact_identity_of(stat),
            false => *unique == unique_of(stat),
        })
}

fn why_not_sent(error: Errno) -> LeftOut {
    match error {
        Errno::NOENT | Errno::ISDIR | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => LeftOut::Gone,
        Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::LOOP | Errno::NAMETOOLONG => LeftOut::Refused,
        _ => LeftOut::Failed,
    }
}

/// How the directory of a group is opened.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
/// Bytes of a piece of the stream, but for its last file.
const PIECE: usize = 64 * 1024;
/// Files of a piece: a transfer that is to stop waits for no more of them.
const FILES: usize = 32;

/// Which of these names in a directory something has, by their numbers from 1. Some names mean other directories there.
pub(in crate::vfs) fn look(dir: &OwnedFd, mounts: &[PathName], names: &[FileName]) -> Vec<(u16, LeftOut)> {
    let looked = (1..).zip(names).filter_map(|(number, name)| {
        if mounts.contains(name.as_path()) {
            return Some((number, LeftOut::Taken));
        }
        match statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Some((number, LeftOut::Taken)),
            Err(Errno::NOENT) => None,
            Err(_) => Some((number, LeftOut::Refused)),
        }
    });
    looked.collect()
}

/// Which of these files in a directory are not what is said of them, by their numbers from 1. No link is followed. `then` is done
/// to the others, by their names; the system may refuse it.
pub(in crate::vfs) fn compare(
    dir: &OwnedFd,
    mounts: &[PathName],
    files: &[FileToSend],
    then: impl Fn(&[u8]) -> Result<(), Errno>,
) -> Vec<(u16, LeftOut)> {
    let state = |file: &FileToSend| {
        if mounts.contains(file.name.as_path()) {
            return Err(LeftOut::Gone);
        }
        let found = statat(dir, file.name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(why_not_sent)?;
        regular(&found).map_err(|_| LeftOut::Gone)?;
        if !is_as_listed(file, &found) {
            return Err(LeftOut::Changed);
        }
        then(file.name.as_bytes()).map_err(why_not_sent)
    };
    (1..).zip(files).filter_map(|(number, file)| Some((number, state(file).err()?))).collect()
}
