//! What can be answered without a wait for a disk, because the kernel has all of it in its caches: then no thread is
//! needed for it. Whatever else comes out, even a refusal, is left to [`View::prepare`] and [`View::answer`].

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;

use ftp_proto::server::ask::{FileAnswer, FileAsk, Intent};
use ftp_proto::wire::PathName;
use rustix::fs::{OFlags, fstat};
use rustix::io::{ReadWriteFlags, preadv2};

use super::entry::{entry, regular};
use super::group::GroupSource;
use super::prepared::Prepared;
use super::small_file::{ShortRead, whole};
use super::view::View;

impl View {
    /// Whether work on `path` can wait for nothing but a disk of this host: the kernel knows its directory, which is on the
    /// root's own file system.
    pub fn is_near(&self, path: &PathName) -> bool {
        let Ok(found) = self.find(path) else { return false };
        let above = found.path.directory();
        above.is_some_and(|above| found.root.open_cached(&above, OFlags::PATH).is_some())
    }

    /// Prepares a small file or a group of them to send, as [`View::prepare`] does. `None` if that might wait for a disk,
    /// or fail.
    pub fn prepare_cached(&self, path: &PathName, intent: &Intent) -> Option<(Prepared, Option<u64>)> {
        let found = self.find(path).ok()?;
        if let Intent::SendGroup { files, algorithm } = intent {
            let wanted = self.wanted(path, files, *algorithm);
            let source = GroupSource::open_cached(found.root, found.path, wanted)?;
            return Some((Prepared::SendGroup(source), None));
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
        let read = |room: &mut [u8], at| match found.root.is_in_memory() {
            true => file.read_at(room, at),
            false => read_cached(&file, room, at),
        };
        let bytes = whole(size, *range, ShortRead::Ends, read)?;
        Some((Prepared::Send { file, range: *range, whole: Some(bytes), counted: None }, Some(size)))
    }

    /// Answers a question about a file, as [`View::answer`] does. `None` if that might wait for a disk, or fail.
    pub fn answer_cached(&self, ask: &FileAsk) -> Option<FileAnswer> {
        if let FileAsk::Facts(path) = ask {
            let found = self.find(path).ok()?;
            let fd = found.root.open_cached(&found.path, OFlags::PATH)?;
            let parent = match found.path.directory() {
                Some(above) => Some(fstat(found.root.open_cached(&above, OFlags::PATH)?).ok()?),
                None => None,
            };
            let entry = entry(path.clone(), &fstat(&fd).ok()?, parent.as_ref(), &self.may(path));
            return Some(FileAnswer::Entry(entry));
        }
        if let FileAsk::RenameFrom(path) = ask {
            let found = self.find(path).ok().filter(|found| !found.path.is_directory())?;
            let is_fixed = found.path.split().is_none() || self.holds_mount(path);
            let fd =
                found.root.open_cached(&found.path, OFlags::PATH | OFlags::NOFOLLOW).filter(|_| !is_fixed);
            return fd.map(|_| FileAnswer::Done);
        }
        None
    }
}

/// Reads what is cached, and no less. A file system in memory does not know that flag.
fn read_cached(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    Ok(preadv2(file, &mut [IoSliceMut::new(room)], at, ReadWriteFlags::NOWAIT)?)
}
