//! What a directory holds, entry by entry as the kernel gives it. Nothing is collected or sorted, so
//! that a hundred thousand entries need no more memory than one.

use std::ffi::CStr;
use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::{PathName, show};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, OFlags, Stat, fstat, statat};
use rustix::io::Errno;

use super::attributes::target;
use super::entry::{May, describe, describe_shown, entry};
use super::names::Names;
use super::partial::is_partial;
use super::path::Beneath;
use super::root::Root;

/// A directory, or the one file that a listing was asked for, open and being listed.
#[derive(Debug)]
pub struct Listing {
    may: May,
    path: Beneath,
    of: Of,
    /// Directories of other roots that are mounted here. They hide what has the same names.
    mounts: Vec<Mounted>,
    /// How many of them were listed.
    listed: usize,
}

/// A directory of another root in a listing.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) name: PathName,
    pub(super) root: Arc<Root>,
    pub(super) may: May,
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

/// What is wanted of the entries of a listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// What a line of LIST shows.
    Shown,
    /// All facts (RFC 3659 7.5).
    Facts,
}

/// What comes next in a listing.
#[derive(Debug)]
pub enum Next<T> {
    /// A name or an entry.
    Found(T),
    /// A name that clients do not see, or that is gone already.
    Hidden,
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
            Self::Omitted(name) => Next::Omitted(name),
            Self::End => Next::End,
        }
    }
}

impl Listing {
    /// Opens the directory `path`.
    pub(super) fn of_directory(root: &Root, may: May, path: Beneath) -> Result<Self, Errno> {
        let dir = root.open_beneath(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let stat = fstat(&dir)?;
        let entry = Entry::new(PathName::root(), Kind::Other);
        let of = Of::Directory(Box::new(Directory { names: Names::new(dir), stat, entry }));
        Ok(Self { may, path, of, mounts: Vec::new(), listed: 0 })
    }

    /// The listing of one file.
    pub(super) fn of_file(may: May, path: Beneath, file: Entry) -> Self {
        let of = Of::File { entry: Box::new(file), listed: false };
        Self { may, path, of, mounts: Vec::new(), listed: 0 }
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

    /// Reads the next entry. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub fn next_entry(&mut self, detail: Detail) -> Result<Next<&Entry>, Errno> {
        let Self { may, of, mounts, listed, .. } = self;
        let Directory { names, stat: parent, entry } = match of {
            Of::Directory(directory) => &mut **directory,
            Of::File { entry, listed } => return Ok(once(entry, listed)),
        };
        let (dir, name) = match next_name(names, mounts, &mut entry.name)? {
            Next::Found(found) => found,
            Next::Hidden => return Ok(Next::Hidden),
            Next::Omitted(name) => return Ok(Next::Omitted(name)),
            Next::End => {
                return Ok(next_mount(mounts, listed).map_or(Next::End, |mount| mounted(mount, entry)));
            }
        };
        // If this fails, it was removed after the kernel had told its name.
        let Ok(stat) = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(Next::Hidden) };
        match detail {
            Detail::Shown => describe_shown(entry, &stat),
            Detail::Facts => describe(entry, &stat, Some(parent), may),
        }
        // A client that walks a tree by its listings never follows a link, so no link makes
        // the walk endless. RETR, CWD and the like follow links beneath the root.
        if entry.kind == Kind::Link {
            entry.target = target(dir, name.to_bytes());
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
            Next::Found(_) => Next::Found(&entry.name),
            Next::Hidden => Next::Hidden,
            Next::Omitted(name) => Next::Omitted(name),
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

/// The facts of a mount, in `room`, or nothing if its directory is gone.
fn mounted<'a>(mount: &Mounted, room: &'a mut Entry) -> Next<&'a Entry> {
    let here = Beneath::root();
    match mount.root.open_beneath(&here, OFlags::PATH).and_then(fstat) {
        Ok(stat) => {
            *room = entry(mount.name.clone(), &stat, None, &mount.may);
            Next::Found(room)
        }
        Err(_) => Next::Hidden,
    }
}

/// The next name, which `name` becomes, and its directory. The names of files that are still being received are
/// hidden, and those of mounts.
fn next_name<'a>(
    names: &'a mut Names,
    mounts: &[Mounted],
    name: &mut PathName,
) -> Result<Next<(BorrowedFd<'a>, &'a CStr)>, Errno> {
    let Some((dir, found)) = names.next()? else { return Ok(Next::End) };
    let bytes = found.to_bytes();
    let is_mount = mounts.iter().any(|mount| mount.name.as_bytes() == bytes);
    if matches!(bytes, b"." | b"..") || is_partial(bytes) || is_mount {
        return Ok(Next::Hidden);
    }
    // A client could not read a line with CR, LF or NUL in it.
    Ok(match name.set_from_user(bytes) {
        Ok(()) => Next::Found((dir, found)),
        Err(_) => Next::Omitted(bytes.to_vec()),
    })
}
