//! What is open for a transfer before there is a data connection. A small file is read when it is opened: it needs no more
//! visits to the disk.
//!
//! What the kernel has in its caches can be answered without a wait for a disk: then no thread is needed for it. Whatever else
//! comes out, even a refusal, is left to [`View::prepare`] and [`View::answer`].

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt;

use ftp_proto::server::ask::{FileAnswer, FileAsk, Intent, ListStyle};
use ftp_proto::wire::{ByteRange, PathName};
use rustix::fs::{OFlags, fstat};
use rustix::io::{ReadWriteFlags, preadv2};

use super::entry::{entry, regular};
use super::group::{GroupSource, GroupTarget};
use super::list::Listing;
use super::quota::CountedFile;
use super::upload::Target;
use super::view::{View, identity};

/// A file or directory that was checked for a transfer, before there is a data connection (RFC 614.3).
#[derive(Debug)]
pub enum PreparedTransfer {
    /// A file to send.
    Send {
        /// Open for reading.
        file: File,
        /// Which part of it.
        range: ByteRange,
        /// All of that part, if it is small: it needs no more visits to the disk.
        whole: Option<Vec<u8>>,
        /// Counts the file until it is closed.
        counted: Option<CountedFile>,
    },
    /// A file to receive; nothing was changed yet.
    Receive(Target),
    /// A group of small files to send.
    SendGroup(GroupSource),
    /// A group of small files to receive; nothing was changed yet.
    ReceiveGroup(GroupTarget),
    /// A listing to send.
    List {
        /// Open for listing.
        listing: Listing,
        /// How the lines look.
        style: ListStyle,
    },
}

impl PreparedTransfer {
    /// Whether it is open already: a file to receive has still to be made.
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Send { .. } | Self::SendGroup(_) | Self::List { .. } => true,
            Self::Receive(_) | Self::ReceiveGroup(_) => false,
        }
    }

    /// Whether a file to receive is made on a file system of this host.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Send { .. } | Self::SendGroup(_) | Self::List { .. } => false,
            Self::Receive(target) => target.is_near(),
            Self::ReceiveGroup(target) => target.is_near(),
        }
    }
}

/// The part of a small file, unless it cannot be read or its size is not what it was.
pub(super) fn whole(
    size: u64,
    range: ByteRange,
    is_local: bool,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|size| (1..=SMALL_FILE).contains(size))?;
    // One more than there should be: the end has to be seen.
    let mut bytes = vec![0; size + 1];
    let read = read_all(&mut bytes, size, is_local, read_at).ok()?;
    let first = usize::try_from(range.first).ok()?.min(size);
    let end = range.length.and_then(|length| usize::try_from(length).ok());
    let end = end.and_then(|length| first.checked_add(length)).map_or(size, |end| end.min(size));
    (read == size).then(|| bytes.get(first..end).unwrap_or_default().to_vec())
}

/// Reads to the end of a file, and returns how many bytes there are: `size`, or another number. `is_local`: it is on a file
/// system of this host, where a read that brings less than it was asked for has met the end.
pub(super) fn read_all(
    room: &mut [u8],
    size: usize,
    is_local: bool,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = room.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match read_at(rest, read as u64) {
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

/// Bytes of a file that is read when it is opened. So much fits into the empty buffer of a connection.
const SMALL_FILE: usize = 16 * 1024;

impl View {
    /// Whether work on `path` can wait for nothing but a disk of this host: the kernel knows its directory, which is on the
    /// root's own file system.
    pub fn is_near(&self, path: &PathName) -> bool {
        let Ok(found) = self.tree.find(path) else { return false };
        let above = found.path.directory();
        above.is_some_and(|above| found.root.open_cached(&above, OFlags::PATH).is_some())
    }

    /// Prepares a small file or a group of them to send, as [`View::prepare`] does. `None` if that might wait for a disk,
    /// or fail.
    pub fn prepare_cached(
        &self,
        path: &PathName,
        intent: &Intent,
    ) -> Option<(PreparedTransfer, Option<u64>)> {
        let found = self.tree.find(path).ok()?;
        if let Intent::SendGroup { files, algorithm } = intent {
            let wanted = self.wanted(path, files, *algorithm);
            let source = GroupSource::open_cached(found.root, found.path, wanted)?;
            return Some((PreparedTransfer::SendGroup(source), None));
        }
        let Intent::Send { range } = intent else { return None };
        let fd = found.root.open_cached(&found.path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let stat = fstat(&fd).ok()?;
        regular(&stat).ok()?;
        let (file, size) = (File::from(fd), u64::try_from(stat.st_size).ok()?);
        if range.first > size {
            return None;
        }
        // It is on the file system of the root.
        let read = |room: &mut [u8], at| match found.root.is_in_memory {
            true => file.read_at(room, at),
            false => read_cached(&file, room, at),
        };
        let bytes = whole(size, *range, true, read)?;
        Some((PreparedTransfer::Send { file, range: *range, whole: Some(bytes), counted: None }, Some(size)))
    }

    /// Answers a question about a file, as [`View::answer`] does. `None` if that might wait for a disk, or fail.
    pub fn answer_cached(&self, ask: &FileAsk) -> Option<FileAnswer> {
        if let FileAsk::Facts(path) = ask {
            let found = self.tree.find(path).ok()?;
            let fd = found.root.open_cached(&found.path, OFlags::PATH)?;
            let parent = match found.path.directory() {
                Some(above) => Some(fstat(found.root.open_cached(&above, OFlags::PATH)?).ok()?),
                None => None,
            };
            let entry = entry(path.clone(), &fstat(&fd).ok()?, parent.as_ref(), &self.may(path));
            return Some(FileAnswer::Entry(entry));
        }
        if let FileAsk::RenameFrom(path) = ask {
            let found = self.tree.find(path).ok().filter(|found| !found.path.is_directory())?;
            let is_fixed = found.path.split().is_none() || self.tree.holds_mount(path);
            let fd =
                found.root.open_cached(&found.path, OFlags::PATH | OFlags::NOFOLLOW).filter(|_| !is_fixed);
            return Some(FileAnswer::Identity(identity(&fstat(fd?).ok()?)));
        }
        None
    }
}

/// Reads what is cached, and no less. A file system in memory does not know that flag.
fn read_cached(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    Ok(preadv2(file, &mut [IoSliceMut::new(room)], at, ReadWriteFlags::NOWAIT)?)
}
