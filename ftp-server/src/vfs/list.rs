//! What a directory holds, entry by entry as the kernel gives it. Nothing is collected or sorted, so
//! that a hundred thousand entries need no more memory than one.

use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::{PathName, show};
use rustix::fs::{AtFlags, Dir, DirEntry, OFlags, Stat, fstat, statat};
use rustix::io::Errno;

use super::attributes::target;
use super::entry::{May, entry, shown_entry};
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
    Directory {
        dir: Box<Dir>,
        stat: Stat,
    },
    /// `None` once it was listed.
    File(Option<Box<Entry>>),
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
        let of = Of::Directory { dir: Box::new(Dir::new(dir)?), stat };
        Ok(Self { may, path, of, mounts: Vec::new(), listed: 0 })
    }

    /// The listing of one file.
    pub(super) fn of_file(may: May, path: Beneath, file: Entry) -> Self {
        let of = Of::File(Some(Box::new(file)));
        Self { may, path, of, mounts: Vec::new(), listed: 0 }
    }

    /// The same with mounts.
    pub(super) fn with_mounts(self, mounts: Vec<Mounted>) -> Self {
        Self { mounts, ..self }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.of, Of::Directory { .. })
    }

    /// The path of the directory or file beneath the root, for people.
    pub fn shown_path(&self) -> String {
        format!("/{}", show(self.path.as_bytes()))
    }

    /// The directory's own facts, named `.`; `None` for a file.
    pub fn current(&self) -> Option<Entry> {
        let Of::Directory { stat, .. } = &self.of else { return None };
        let mut current = entry(PathName::from_wire(".").ok()?, stat, None, &self.may);
        current.kind = Kind::Current;
        Some(current)
    }

    /// Reads the next entry. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub fn next_entry(&mut self, detail: Detail) -> Result<Next<Entry>, Errno> {
        match &mut self.of {
            Of::File(file) => Ok(file.take().map_or(Next::End, |file| Next::Found(*file))),
            Of::Directory { dir, stat } => {
                let (found, name) = match next_name(dir, &self.mounts)? {
                    Next::Found(found) => found,
                    Next::Hidden => return Ok(Next::Hidden),
                    Next::Omitted(name) => return Ok(Next::Omitted(name)),
                    Next::End => return Ok(self.next_mount().map_or(Next::End, mounted)),
                };
                match statat(dir.fd()?, found.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => {
                        let mut entry = match detail {
                            Detail::Shown => shown_entry(name, &found),
                            Detail::Facts => entry(name, &found, Some(stat), &self.may),
                        };
                        // A client that walks a tree by its listings never follows a link, so no link makes
                        // the walk endless. RETR, CWD and the like follow links beneath the root.
                        if entry.kind == Kind::Link {
                            entry.target = target(dir.fd()?, entry.name.as_bytes());
                        }
                        Ok(Next::Found(entry))
                    }
                    // It was removed after the kernel had told its name.
                    Err(_) => Ok(Next::Hidden),
                }
            }
        }
    }

    /// Reads the next name. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub fn next_name(&mut self) -> Result<Next<PathName>, Errno> {
        match &mut self.of {
            Of::File(file) => Ok(file.take().map_or(Next::End, |file| Next::Found(file.name))),
            Of::Directory { dir, .. } => match next_name(dir, &self.mounts)? {
                Next::End => Ok(self.next_mount().map_or(Next::End, |mount| Next::Found(mount.name.clone()))),
                other @ (Next::Found(_) | Next::Hidden | Next::Omitted(_)) => Ok(other.map(|(_, name)| name)),
            },
        }
    }

    fn next_mount(&mut self) -> Option<&Mounted> {
        let mount = self.mounts.get(self.listed)?;
        self.listed += 1;
        Some(mount)
    }
}

/// The facts of a mount, or nothing if its directory is gone.
fn mounted(mount: &Mounted) -> Next<Entry> {
    let here = Beneath::root();
    match mount.root.open_beneath(&here, OFlags::PATH).and_then(fstat) {
        Ok(stat) => Next::Found(entry(mount.name.clone(), &stat, None, &mount.may)),
        Err(_) => Next::Hidden,
    }
}

/// The next name. The names of files that are still being received are hidden, and those of mounts.
fn next_name(dir: &mut Dir, mounts: &[Mounted]) -> Result<Next<(DirEntry, PathName)>, Errno> {
    let Some(found) = dir.read() else { return Ok(Next::End) };
    let found = found?;
    let name = found.file_name().to_bytes();
    let is_mount = mounts.iter().any(|mount| mount.name.as_bytes() == name);
    if matches!(name, b"." | b"..") || is_partial(name) || is_mount {
        return Ok(Next::Hidden);
    }
    // A client could not read a line with CR, LF or NUL in it.
    Ok(match PathName::from_user(name) {
        Ok(path) => Next::Found((found, path)),
        Err(_) => Next::Omitted(name.to_vec()),
    })
}
