//! Temporary names of unfinished uploads, listed in the state directory. A server that was killed cannot
//! remove them, so its next start does. What no list has is removed when it is a day old.
//!
//! The list is a file that only grows while the server runs: `+ NAME DIRECTORY` when a name is made,
//! `- NAME` when it is gone, together with the next line of the other kind. It is written anew when most of its lines are
//! of no use any more.
//!
//! Where the server syncs what it receives, the list survives a power failure as well: a name is on stable storage in the
//! list before it is made, and is struck out only after it is gone on stable storage. Otherwise a power failure may take
//! lines of the list, and the names that they had are found when they are a day old.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_proto::listing::When;
use ftp_proto::server::is_partial;
use ftp_proto::wire::PathName;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlink, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::durability::{Durability, sync_names};
use super::entry::regular;
use super::lock;
use super::new_file::{GROUP, is_in_group};
use super::path::Beneath;
use super::root::Root;

/// The temporary names of all roots. Without a state directory it lists nothing.
#[derive(Debug, Default)]
pub(super) struct PartialNames(Mutex<Option<List>>);

#[derive(Debug)]
struct List {
    path: PathBuf,
    /// Shared with those who wait until it is on stable storage.
    file: Arc<File>,
    durability: Durability,
    /// Each name with the directory where it is.
    names: HashMap<Vec<u8>, Vec<u8>>,
    /// How many lines the file has, with those that wait.
    lines: usize,
    /// Lines about names that are gone. They wait for the next line about a new one: without them somebody looks for a
    /// name that is not there.
    gone: Vec<u8>,
}

/// A name on the list. It is struck out when this is dropped.
#[derive(Debug)]
pub(super) struct ListedName {
    all: Arc<PartialNames>,
    name: Vec<u8>,
}

impl PartialNames {
    /// Lists names in the file `path` from now on. What the server before has left there stays listed until
    /// it is removed. Returns these names, each with its directory.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn keep_in(&self, path: &Path, durability: Durability) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut text = Vec::new();
        (&file).take(MAX_LIST).read_to_end(&mut text)?;
        let (path, file) = (path.to_owned(), Arc::new(file));
        let mut list = List { path, file, durability, names: read(&text), lines: 0, gone: Vec::new() };
        list.write_anew()?;
        let left = list.names.clone().into_iter().collect();
        *self.0.locked() = Some(list);
        Ok(left)
    }

    /// Lists `name` in `directory` of this host; without it there is no line. Call this before the name is made.
    pub(super) fn add(self: &Arc<Self>, directory: Option<Vec<u8>>, name: &[u8]) -> ListedName {
        let mut to_sync = None;
        if let Some(list) = self.0.locked().as_mut()
            && let Some(directory) = directory
        {
            list.say(b'+', name, &directory);
            list.names.insert(name.to_vec(), directory);
            to_sync = (list.durability == Durability::Synced).then(|| Arc::clone(&list.file));
        }
        // Others may use the list meanwhile, and what several wait for goes to the disk together.
        if let Some(Err(error)) = to_sync.map(|file| file.sync_data()) {
            tracing::debug!(%error, "cannot sync the list of temporary names");
        }
        ListedName { all: Arc::clone(self), name: name.to_vec() }
    }

    fn is_durable(&self) -> bool {
        self.0.locked().as_ref().is_some_and(|list| list.durability == Durability::Synced)
    }

    /// A name is gone.
    pub(super) fn remove(&self, name: &[u8]) {
        if let Some(list) = self.0.locked().as_mut()
            && list.names.remove(name).is_some()
        {
            list.say(b'-', name, b"");
        }
    }
}

impl List {
    /// Adds a line. On failure, the leftover is found by the search for old files instead.
    fn say(&mut self, sign: u8, name: &[u8], directory: &[u8]) {
        let mut written = Ok(());
        if self.lines > MIN_LINES + 2 * self.names.len() {
            written = self.write_anew();
        } else {
            self.lines += 1;
        }
        self.gone.extend(line(sign, name, directory));
        if sign == b'+' || self.gone.len() > MOST_GONE {
            let lines = std::mem::take(&mut self.gone);
            written = written.and_then(|()| (&*self.file).write_all(&lines));
        }
        if let Err(error) = written {
            tracing::debug!(%error, "cannot write the list of temporary names");
        }
    }

    /// Writes the names that are left, and nothing else, to a new file that takes the place of the old one.
    fn write_anew(&mut self) -> io::Result<()> {
        let text: Vec<u8> =
            self.names.iter().flat_map(|(name, directory)| line(b'+', name, directory)).collect();
        let new = self.path.with_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        if self.durability == Durability::Synced {
            file.sync_all()?;
        }
        std::fs::rename(new, &self.path)?;
        if let (Durability::Synced, Some(directory)) = (self.durability, self.path.parent()) {
            File::open(directory)?.sync_all()?;
        }
        (self.file, self.lines) = (Arc::new(file), self.names.len());
        self.gone.clear();
        Ok(())
    }
}

impl ListedName {
    /// The name was removed from this directory. Where the list is durable, that is on stable storage when this returns,
    /// so that the name can be struck out.
    pub(super) fn removed_from(&self, dir: impl AsFd) {
        if self.all.is_durable()
            && let Err(error) = sync_names(dir)
        {
            tracing::debug!(%error, "cannot sync the directory of a temporary name");
        }
    }
}

impl Drop for ListedName {
    fn drop(&mut self) {
        self.all.remove(&self.name);
    }
}

/// Where an open directory is on this host; `None` where the system does not tell.
pub(super) fn host_path(dir: impl AsFd) -> Option<Vec<u8>> {
    let path = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    readlink(path, Vec::new()).ok().map(std::ffi::CString::into_bytes)
}

fn line(sign: u8, name: &[u8], directory: &[u8]) -> Vec<u8> {
    let mut line = [&[sign, b' '], name, b" "].concat();
    // A directory may hold any byte; a line ends with a line feed.
    for &byte in directory {
        match byte {
            b'%' => line.extend_from_slice(b"%25"),
            b'\n' => line.extend_from_slice(b"%0A"),
            _ => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

/// The names that a list has and has not struck out. A line that was not written to its end is left out.
fn read(text: &[u8]) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut names = HashMap::new();
    for line in text.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
        let mut words = line.splitn(3, |&byte| byte == b' ');
        match (words.next(), words.next(), words.next()) {
            (Some(b"+"), Some(name), Some(directory)) => {
                names.insert(name.to_vec(), unescaped(directory));
            }
            (Some(b"-"), Some(name), _) => {
                names.remove(name);
            }
            _ => {}
        }
    }
    names
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, after) = match rest.get(..3) {
            Some(b"%25") => (b'%', rest.get(3..)),
            Some(b"%0A") => (b'\n', rest.get(3..)),
            _ => (first, Some(tail)),
        };
        bytes.push(byte);
        rest = after.unwrap_or_default();
    }
    bytes
}

/// Removes `name` in the directory `directory` of this host, if that lies beneath `root` and the file is not
/// being written. Returns whether the directory lies there.
pub(super) fn remove_listed(root: &Root, directory: &[u8], name: &[u8], durability: Durability) -> bool {
    let Some(beneath) = root.host_path().and_then(|top| below(&top, directory)) else { return false };
    let dir = root.open_beneath(&beneath, OFlags::RDONLY | OFlags::DIRECTORY);
    if let Ok(dir) = dir
        && is_partial(name)
        && remove_dead(&dir, name)
    {
        if durability == Durability::Synced {
            // If this fails, a power failure may bring the name back until it is a day old.
            let _ = sync_names(&dir);
        }
        let (directory, name) = (std::ffi::OsStr::from_bytes(directory), String::from_utf8_lossy(name));
        tracing::info!(directory = %directory.display(), %name, "removed what an earlier run has left");
    }
    true
}

/// Removes all temporary files beneath `root` that are older than a day and not being written. Takes as long
/// as a search of all directories.
pub(super) fn remove_old(root: &Root) {
    let When(now) = Clock::today();
    let mut directories = vec![Beneath::root()];
    while let Some(path) = directories.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let Ok(mut dir) = root.open_beneath(&path, flags).and_then(Dir::new) else { continue };
        let mut old = Vec::new();
        while let Some(Ok(found)) = dir.read() {
            let name = found.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let told = Some(found.file_type()).filter(|kind| *kind != FileType::Unknown);
            let kind = told.or_else(|| dir.fd().and_then(|dir| kind_of(dir, name)).ok());
            match kind {
                Some(FileType::RegularFile | FileType::Directory) if is_partial(name) => {
                    old.push(name.to_vec());
                }
                Some(FileType::Directory) if directories.len() < MAX_WAITING => {
                    directories.push(path.join(name));
                }
                _ => {}
            }
        }
        let Ok(dir) = dir.fd() else { continue };
        for name in old {
            let stat = statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW);
            if stat.is_ok_and(|stat| now.saturating_sub(stat.st_mtime) > STALE_AFTER) {
                remove_dead(dir, &name);
            }
        }
    }
}

fn kind_of(dir: impl AsFd, name: &[u8]) -> Result<FileType, Errno> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

/// Removes a regular file that is not being written, or the directory of a group that no session holds. Returns whether it
/// was removed.
fn remove_dead(dir: impl AsFd, name: &[u8]) -> bool {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&dir, name, flags, Mode::empty()) {
        Err(Errno::ISDIR) => return remove_dead_group(dir, name),
        Err(_) => return false,
        Ok(file) => file,
    };
    let ours = fstat(&file).is_ok_and(|stat| regular(&stat).is_ok());
    ours && lock::write(&file).is_ok() && unlinkat(dir, name, AtFlags::empty()).is_ok()
}

/// Removes the temporary directory of a group with its files, unless a session holds it. Another user of this host may have
/// given its name to another directory: what a server has not made itself is left as it is, with all that is in it.
fn remove_dead_group(dir: impl AsFd, name: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(group) = openat(&dir, name, flags, Mode::empty()) else { return false };
    let is_ours =
        fstat(&group).is_ok_and(|stat| is_own(&stat) && stat.st_mode & 0o777 == GROUP.as_raw_mode());
    if !is_ours || lock::write(&group).is_err() {
        return false;
    }
    let Some(files) = files_of_group(&group) else { return false };
    for file in files {
        let _ = unlinkat(&group, file, AtFlags::empty());
    }
    unlinkat(dir, name, AtFlags::REMOVEDIR).is_ok()
}

/// The names in the directory of a group; `None` if something is in it that no group has.
fn files_of_group(group: &OwnedFd) -> Option<Vec<Vec<u8>>> {
    let (mut names, mut files) = (Dir::read_from(group).ok()?, Vec::new());
    while let Some(found) = names.read() {
        let found = found.ok()?;
        let name = found.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let stat = statat(group, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if !is_in_group(name) || regular(&stat).is_err() || !is_own(&stat) {
            return None;
        }
        files.push(name.to_vec());
    }
    Some(files)
}

/// Whether a file or directory belongs to the user that runs the server.
fn is_own(stat: &Stat) -> bool {
    stat.st_uid == geteuid().as_raw()
}

/// The path of `directory` beneath `top`, if it lies there.
fn below(top: &[u8], directory: &[u8]) -> Option<Beneath> {
    let rest = if top == b"/" { directory } else { directory.strip_prefix(top)? };
    if rest.is_empty() {
        return Some(Beneath::root());
    }
    let path = PathName::from_wire(rest.starts_with(b"/").then_some(rest)?).ok()?;
    Beneath::parse(&path).ok()
}

/// Bytes of a list that are read at most.
const MAX_LIST: u64 = 64 * 1024 * 1024;
/// Bytes of lines about names that are gone and that wait.
const MOST_GONE: usize = 4_000;
/// Lines before a list is written anew.
const MIN_LINES: usize = 4_096;
/// Age in seconds from which on an unlocked temporary file is stale.
const STALE_AFTER: i64 = 24 * 60 * 60;
/// Directories that wait to be searched; what is beyond is left to a later start.
const MAX_WAITING: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_what_is_under_way_and_the_next_start_finds_it() {
        let top = tempfile::tempdir().unwrap();
        let (path, strange) = (top.path().join("list"), top.path().join("a %0A\nb"));
        std::fs::create_dir(&strange).unwrap();
        let dir = File::open(&strange).unwrap();
        let all = Arc::new(PartialNames::default());
        let directory = || host_path(&dir);
        drop(all.add(directory(), b"not listed"));
        assert_eq!(all.keep_in(&path, Durability::Synced).unwrap(), []);
        drop(all.add(directory(), b"gone"));
        std::mem::forget(all.add(directory(), b"kept"));
        // The last line was not written to its end.
        File::options().append(true).open(&path).unwrap().write_all(b"+ cut /som").unwrap();
        let next = PartialNames::default();
        let left = next.keep_in(&path, Durability::Cached).unwrap();
        assert_eq!(left, [(b"kept".to_vec(), host_path(&dir).unwrap())]);
        next.remove(b"kept");
        // The line that strikes a name out waits for that of another name.
        let next = Arc::new(next);
        drop(next.add(directory(), b"last"));
        let left = PartialNames::default().keep_in(&path, Durability::Cached).unwrap();
        assert_eq!(left, [(b"last".to_vec(), host_path(&dir).unwrap())]);
    }

    #[test]
    fn a_list_stays_short() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("list");
        let dir = File::open(top.path()).unwrap();
        let all = Arc::new(PartialNames::default());
        all.keep_in(&path, Durability::Synced).unwrap();
        let _kept = all.add(host_path(&dir), b"kept");
        let mut most = 0;
        for _ in 0..3 * MIN_LINES {
            drop(all.add(host_path(&dir), b"name"));
            most = most.max(all.0.locked().as_ref().map_or(0, |list| list.gone.len()));
        }
        assert!((1..=MOST_GONE).contains(&most), "{most} bytes have waited");
        let text = std::fs::read(&path).unwrap();
        assert!(text.split(|&byte| byte == b'\n').count() < MIN_LINES + 10);
        drop(all.add(host_path(&dir), b"last"));
        let mut left = PartialNames::default().keep_in(&path, Durability::Cached).unwrap();
        left.sort();
        let left: Vec<_> = left.into_iter().map(|(name, _)| name).collect();
        assert_eq!(left, [b"kept", b"last"]);
    }
}
