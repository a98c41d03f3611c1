//! PACK SEND: the files of one directory as a stream.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ftp_io::copy::Pieces;
use ftp_io::hash::Digester;
use ftp_proto::coding::{write_pack_head, write_unsent};
use ftp_proto::command::PackedSource;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::reply::{Left, Packed};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

use crate::vfs::entry::{regular, unique_of};
use crate::vfs::failure::failure;
use crate::vfs::path::Beneath;
use crate::vfs::root::Root;

/// Files of a directory that are to be sent. The directory is open; no file was looked at yet.
#[derive(Debug)]
pub struct PackSource {
    root: Arc<Root>,
    path: Beneath,
    dir: OwnedFd,
    /// Names that mean other directories here.
    mounts: Vec<PathName>,
    /// Whether a read that brings less than it was asked for has met the end of a file.
    is_local: bool,
    files: Arc<[PackedSource]>,
}

/// The files as a stream: each is read when the connection has taken those before it.
#[derive(Debug)]
pub struct PackStream {
    source: PackSource,
    algorithm: Algorithm,
    /// What became of the files that were looked at.
    packed: Vec<Packed>,
}

impl PackSource {
    /// Opens the directory `path` beneath `root`. With `cached` only if that needs no wait for a disk.
    pub(in crate::vfs) fn open(
        root: &Arc<Root>,
        path: Beneath,
        mounts: Vec<PathName>,
        (files, cached): (&Arc<[PackedSource]>, bool),
    ) -> Result<Self, FileFailure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let dir = match cached {
            true => root.open_cached(&path, flags).ok_or(FileFailure::Other)?,
            false => root.open_beneath(&path, flags).map_err(failure)?,
        };
        let is_local = cached || root.is_local_at(&dir);
        Ok(Self { root: Arc::clone(root), path, dir, mounts, is_local, files: Arc::clone(files) })
    }

    /// The files as a stream, with their digests.
    pub const fn stream(self, algorithm: Algorithm) -> PackStream {
        PackStream { source: self, algorithm, packed: Vec::new() }
    }

    /// Opens a file for reading. A link is followed as far as it stays beneath the root.
    fn open_file(&self, name: &[u8]) -> Result<(File, bool), Errno> {
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        if self.mounts.iter().any(|mount| mount.as_bytes() == name) {
            return Err(Errno::ISDIR);
        }
        let here = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        match openat(&self.dir, name, here, Mode::empty()) {
            Err(Errno::LOOP) => Ok((self.root.open_beneath(&self.path.join(name), flags)?.into(), false)),
            other => Ok((other?.into(), self.is_local)),
        }
    }
}

impl PackStream {
    /// What became of each file that was looked at.
    pub fn into_packed(self) -> Vec<Packed> {
        self.packed
    }

    /// Appends one file to `stream`, or that it is left out.
    fn append(&self, file: &PackedSource, stream: &mut Vec<u8>) -> Packed {
        let start = stream.len();
        match self.read(file, stream) {
            Ok(digest) => Packed::Moved(file.size, digest),
            Err(why) => {
                stream.truncate(start);
                write_unsent(stream);
                Packed::Left(why)
            }
        }
    }

    fn read(&self, item: &PackedSource, stream: &mut Vec<u8>) -> Result<Digest, Left> {
        let (file, is_local) = self.source.open_file(item.name.as_bytes()).map_err(why)?;
        let before = fstat(&file).map_err(why)?;
        regular(&before).map_err(|_| Left::Gone)?;
        if !is_as_listed(item, &before) {
            return Err(Left::Changed);
        }
        write_pack_head(item.size, stream);
        let (body, size) = (stream.len(), usize::try_from(item.size).map_err(|_| Left::Failed)?);
        // One more than there should be: the end has to be seen.
        stream.resize(body + size + 1, 0);
        let room = stream.get_mut(body..).unwrap_or_default();
        let read = read_all(&file, room, size, is_local).map_err(|_| Left::Failed)?;
        let after = fstat(&file).map_err(why)?;
        if read != size || is_other(&before, &after) {
            return Err(Left::Changed);
        }
        stream.truncate(body + size);
        let mut digester = Digester::new(self.algorithm);
        digester.update(stream.get(body..).unwrap_or_default());
        Ok(Digest { algorithm: self.algorithm, hex: digester.hex() })
    }
}

impl Pieces for PackStream {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let files = Arc::clone(&self.source.files);
        for (count, file) in files.iter().skip(self.packed.len()).enumerate() {
            if room.len() >= PIECE || count == FILES {
                return Ok(ControlFlow::Continue(()));
            }
            let packed = self.append(file, room);
            self.packed.push(packed);
        }
        Ok(ControlFlow::Break(()))
    }
}

/// Reads to the end of the file, and returns how many bytes there are: `size`, or another number.
fn read_all(file: &File, room: &mut [u8], size: usize, is_local: bool) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = room.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, read as u64) {
            Ok(0) => break,
            Ok(count) => {
                read += count;
                if is_local && read == size {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Whether a file is what the command says of it.
fn is_as_listed(item: &PackedSource, stat: &Stat) -> bool {
    u64::try_from(stat.st_size) == Ok(u64::from(item.size))
        && item.modified.is_none_or(|modified| modified.0 == stat.st_mtime)
        && item.unique.as_ref().is_none_or(|unique| *unique == unique_of(stat))
}

/// Whether a file has changed between two looks.
const fn is_other(before: &Stat, after: &Stat) -> bool {
    before.st_size != after.st_size
        || before.st_mtime != after.st_mtime
        || before.st_mtime_nsec != after.st_mtime_nsec
        || before.st_ctime != after.st_ctime
        || before.st_ctime_nsec != after.st_ctime_nsec
}

fn why(error: Errno) -> Left {
    match error {
        Errno::NOENT | Errno::ISDIR | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => Left::Gone,
        Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::LOOP | Errno::NAMETOOLONG => Left::Refused,
        _ => Left::Failed,
    }
}

/// Bytes of a piece of the stream, but for its last file.
const PIECE: usize = 64 * 1024;
/// Files of a piece: a transfer that is to stop waits for no more of them.
const FILES: usize = 32;
