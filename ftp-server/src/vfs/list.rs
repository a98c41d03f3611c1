//! What a directory holds, entry by entry as the kernel gives it. Nothing is collected or sorted, so
//! that a hundred thousand entries need no more memory than one.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::server::is_partial;
use ftp_proto::wire::{PathName, show};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, RawDir, RawMode, Stat, fstat, statat};
use rustix::io::Errno;

use super::attributes::target;
use super::entry::{AccessRights, Detail, describe, describe_shown, describe_unseen, entry};
use super::path::Beneath;
use super::root::Root;

/// A directory, or the one file that a listing was asked for, open and being listed.
#[derive(Debug)]
pub struct Listing {
    may: AccessRights,
    path: Beneath,
    of: Of,
    /// Directories of other roots that are mounted here. They hide what has the same names.
    mounts: Vec<Mounted>,
    /// How many of them were listed.
    listed: usize,
    look: Look,
    unseen: Unseen,
}

/// Looks at a name in a directory.
type Look = fn(&Name<'_>) -> Result<Stat, Errno>;

/// The names at which the server could not look.
#[derive(Debug, Default)]
struct Unseen {
    count: u64,
    /// The first ones, escaped, each with the error.
    names: Vec<String>,
}

impl Unseen {
    fn add(&mut self, name: &PathName, error: Errno) {
        self.count += 1;
        if self.names.len() < SHOWN {
            self.names.push(format!("{} ({error})", name.display()));
        }
    }
}

/// A directory of another root in a listing.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) name: PathName,
    pub(super) root: Arc<Root>,
    pub(super) may: AccessRights,
}

#[derive(Debug)]
enum Of {
    Directory(Box<Directory>),
    File {
        entry: Box<Entry>,
        /// Whether it was listed.
        listed: bool,
    },
}

#[derive(Debug)]
struct Directory {
    names: Names,
    stat: Stat,
    /// The entry that was found last. The next one takes its memory.
    entry: Entry,
}

/// What comes next in a listing.
#[derive(Debug)]
pub enum Next<T> {
    /// A name or an entry.
    Found(T),
    /// A name that clients do not see, or that is gone already.
    Hidden,
    /// A name of which nothing is known: the server cannot look at it, and its directory does not have its type.
    Unknown(PathName),
    /// A name that FTP cannot carry, because it holds CR, LF or NUL. No client could ask for it.
    Omitted(Vec<u8>),
    /// There is nothing more.
    End,
}

impl<T> Next<T> {
    /// Applies `change` to what was found.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Next<U> {
        match self {
            Self::Found(found) => Next::Found(change(found)),
            Self::Hidden => Next::Hidden,
            Self::Unknown(name) => Next::Unknown(name),
            Self::Omitted(name) => Next::Omitted(name),
            Self::End => Next::End,
        }
    }
}

impl Listing {
    /// Opens the directory `path`.
    pub(super) fn of_directory(root: &Root, may: AccessRights, path: Beneath) -> Result<Self, Errno> {
        let dir = root.open_beneath(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let stat = fstat(&dir)?;
        let entry = Entry::new(PathName::root(), Kind::Other);
        let of = Of::Directory(Box::new(Directory { names: Names::new(dir), stat, entry }));
        Ok(Self::new(may, path, of))
    }

    /// The listing of one file.
    pub(super) fn of_file(may: AccessRights, path: Beneath, file: Entry) -> Self {
        let of = Of::File { entry: Box::new(file), listed: false };
        Self::new(may, path, of)
    }

    fn new(may: AccessRights, path: Beneath, of: Of) -> Self {
        Self { may, path, of, mounts: Vec::new(), listed: 0, look, unseen: Unseen::default() }
    }

    /// The same, which looks at names in another way.
    #[cfg(test)]
    pub(super) fn looking(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// The same with mounts.
    pub(super) fn with_mounts(self, mounts: Vec<Mounted>) -> Self {
        Self { mounts, ..self }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.of, Of::Directory(_))
    }

    /// The path of the directory or file beneath the root, for people.
    pub fn shown_path(&self) -> String {
        format!("/{}", show(self.path.as_bytes()))
    }

    /// The directory's own facts, named `.`; `None` for a file.
    pub fn current(&self) -> Option<Entry> {
        let Of::Directory(directory) = &self.of else { return None };
        let mut current = entry(PathName::from_wire(".").ok()?, &directory.stat, None, &self.may);
        current.kind = Kind::Current;
        Some(current)
    }

    /// Logs the names at which the server could not look, in one line.
    pub fn log_unseen(&self) {
        let Unseen { count, names } = &self.unseen;
        if *count > 0 {
            let (directory, names) = (self.shown_path(), names.join(" "));
            tracing::warn!(directory, count, names, "cannot look at names of a directory");
        }
    }

    /// Reads the next entry. Blocks on the disk. A name at which the server cannot look is shown with the type that its
    /// directory has, and without other facts.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub fn next_entry(&mut self, detail: Detail) -> Result<Next<&Entry>, Errno> {
        let Self { may, of, mounts, listed, look, unseen, .. } = self;
        let Directory { names, stat: parent, entry } = match of {
            Of::Directory(directory) => &mut **directory,
            Of::File { entry, listed } => return Ok(once(entry, listed)),
        };
        let found = match next_name(names, mounts, &mut entry.name)? {
            Next::Found(found) => found,
            Next::Hidden => return Ok(Next::Hidden),
            Next::Unknown(name) => return Ok(Next::Unknown(name)),
            Next::Omitted(name) => return Ok(Next::Omitted(name)),
            Next::End => {
                let Some(mount) = next_mount(mounts, listed) else { return Ok(Next::End) };
                if let Err(error) = mounted(mount, entry, detail) {
                    unseen.add(&mount.name, error);
                }
                return Ok(Next::Found(entry));
            }
        };
        let stat = match look(&found) {
            Ok(stat) => stat,
            // It was removed after the kernel had told its name.
            Err(Errno::NOENT) => return Ok(Next::Hidden),
            Err(error) => {
                unseen.add(&entry.name, error);
                return Ok(match describe_unseen(entry, found.kind, detail) {
                    true => Next::Found(entry),
                    false => Next::Unknown(entry.name.clone()),
                });
            }
        };
        match detail {
            Detail::Shown => describe_shown(entry, &stat),
            Detail::Facts => describe(entry, &stat, Some(parent), may),
        }
        // A client that walks a tree by its listings never follows a link, so no link makes
        // the walk endless. RETR, CWD and the like follow links beneath the root.
        if entry.kind == Kind::Link {
            entry.target = target(found.dir, found.name.to_bytes());
        }
        Ok(Next::Found(entry))
    }

    /// Reads the next name. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub fn next_name(&mut self) -> Result<Next<&PathName>, Errno> {
        let Self { of, mounts, listed, .. } = self;
        let Directory { names, entry, .. } = match of {
            Of::Directory(directory) => &mut **directory,
            Of::File { entry, listed } => return Ok(once(entry, listed).map(|file| &file.name)),
        };
        Ok(match next_name(names, mounts, &mut entry.name)? {
            found @ (Next::Found(_) | Next::Hidden | Next::Unknown(_) | Next::Omitted(_)) => {
                found.map(|_| &entry.name)
            }
            Next::End => next_mount(mounts, listed).map_or(Next::End, |mount| Next::Found(&mount.name)),
        })
    }
}

/// The one file of a listing, or its end.
fn once<'a>(file: &'a Entry, listed: &mut bool) -> Next<&'a Entry> {
    if std::mem::replace(listed, true) { Next::End } else { Next::Found(file) }
}

/// The next mount; `listed` counts them.
fn next_mount<'a>(mounts: &'a [Mounted], listed: &mut usize) -> Option<&'a Mounted> {
    let mount = mounts.get(*listed)?;
    *listed += 1;
    Some(mount)
}

/// The facts of a mount, in `room`: none but its type if its directory cannot be looked at.
fn mounted(mount: &Mounted, room: &mut Entry, detail: Detail) -> Result<(), Errno> {
    let looked = mount.root.open_beneath(&Beneath::root(), OFlags::PATH).and_then(fstat);
    room.name = mount.name.clone();
    match &looked {
        Ok(stat) => *room = entry(mount.name.clone(), stat, None, &mount.may),
        Err(_) => drop(describe_unseen(room, FileType::Directory, detail)),
    }
    looked.map(drop)
}

/// Asks the system for the facts of a name. A symbolic link is not followed.
fn look(name: &Name<'_>) -> Result<Stat, Errno> {
    statat(name.dir, name.name, AtFlags::SYMLINK_NOFOLLOW)
}

/// The next name, which `name` becomes. The names of files that are still being received are
/// hidden, and those of mounts.
fn next_name<'a>(
    names: &'a mut Names,
    mounts: &[Mounted],
    name: &mut PathName,
) -> Result<Next<Name<'a>>, Errno> {
    let Some(found) = names.next()? else { return Ok(Next::End) };
    let bytes = found.name.to_bytes();
    let is_mount = mounts.iter().any(|mount| mount.name.as_bytes() == bytes);
    if matches!(bytes, b"." | b"..") || is_partial(bytes) || is_mount {
        return Ok(Next::Hidden);
    }
    // A client could not read a line with CR, LF or NUL in it.
    Ok(match name.set_from_user(bytes) {
        Ok(()) => Next::Found(found),
        Err(_) => Next::Omitted(bytes.to_vec()),
    })
}

/// One name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    /// The directory that has it.
    pub(super) dir: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
    /// What it names, as the directory itself says. Some file systems say nothing.
    pub(super) kind: FileType,
}

/// The names in an open directory, `.` and `..` among them, in the kernel's order. The next ones are read when
/// the last ones were given, into the same memory.
#[derive(Debug)]
struct Names {
    dir: OwnedFd,
    /// What the last read brought: names, each behind a byte for its type and with a NUL at its end.
    names: Vec<u8>,
    /// Where in `names` the next one begins.
    at: usize,
}

impl Names {
    /// The names in `dir`, which is open for reading.
    const fn new(dir: OwnedFd) -> Self {
        Self { dir, names: Vec::new(), at: 0 }
    }

    /// The next name; `None` at the end. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    fn next(&mut self) -> Result<Option<Name<'_>>, Errno> {
        if self.at == self.names.len() {
            self.read()?;
        }
        let rest = self.names.get(self.at..).unwrap_or_default();
        let Some((&kind, rest)) = rest.split_first() else { return Ok(None) };
        let Ok(name) = CStr::from_bytes_until_nul(rest) else { return Ok(None) };
        self.at += 1 + name.to_bytes_with_nul().len();
        let kind = FileType::from_raw_mode(RawMode::from(kind) << TYPE_SHIFT);
        Ok(Some(Name { dir: self.dir.as_fd(), name, kind }))
    }

    /// Reads the next names; none at the end.
    fn read(&mut self) -> Result<(), Errno> {
        self.names.clear();
        self.at = 0;
        let mut room = [MaybeUninit::uninit(); ROOM];
        let mut entries = RawDir::new(&self.dir, &mut room);
        loop {
            match entries.next() {
                // The directory was removed: nothing is left in it.
                None | Some(Err(Errno::NOENT)) => return Ok(()),
                Some(Err(Errno::INTR)) => {}
                Some(Err(error)) => return Err(error),
                Some(Ok(entry)) => {
                    self.names.push((entry.file_type().as_raw_mode() >> TYPE_SHIFT) as u8);
                    self.names.extend_from_slice(entry.file_name().to_bytes_with_nul());
                    if entries.is_buffer_empty() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Names that the log shows of those at which the server cannot look.
const SHOWN: usize = 10;
/// Where the type stands in a mode. What is left of it is the type as directories have it (readdir(3)).
const TYPE_SHIFT: u32 = 12;
/// Bytes that one read of a directory may take: some hundred names.
const ROOM: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, OFlags, openat};

    fn names(of: &std::path::Path) -> Vec<String> {
        let dir = openat(CWD, of, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut names = Names::new(dir);
        let mut all = Vec::new();
        while let Some(found) = names.next().unwrap() {
            all.push(found.name.to_str().unwrap().to_owned());
        }
        assert!(names.next().unwrap().is_none(), "the end stays the end");
        all.sort();
        all
    }

    #[test]
    fn every_name_comes_once_however_many_reads_it_takes() {
        let top = tempfile::tempdir().unwrap();
        assert_eq!(names(top.path()), [".", ".."]);
        let mut all: Vec<String> = (0..1_000).map(|number| format!("{number:0>200}")).collect();
        all.iter().for_each(|name| std::fs::write(top.path().join(name), "").unwrap());
        all.splice(0..0, [".".to_owned(), "..".to_owned()]);
        assert_eq!(names(top.path()), all);
    }

    #[test]
    fn every_name_comes_with_the_type_that_the_directory_has() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("nothing", top.path().join("link")).unwrap();
        let dir = openat(CWD, top.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut names = Names::new(dir);
        while let Some(Name { name, kind, .. }) = names.next().unwrap() {
            let expect = match name.to_bytes() {
                b"file" => FileType::RegularFile,
                b"link" => FileType::Symlink,
                _ => FileType::Directory,
            };
            assert!(kind == expect || kind == FileType::Unknown, "{name:?}: {kind:?}");
        }
    }

    #[test]
    fn a_directory_that_was_removed_has_no_names() {
        let top = tempfile::tempdir().unwrap();
        let gone = top.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let dir = openat(CWD, &gone, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        std::fs::remove_dir(&gone).unwrap();
        assert!(Names::new(dir).next().unwrap().is_none());
    }
}
