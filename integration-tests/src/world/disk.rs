//! The files of a program that is killed: what its destructors would still do to them is undone.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What some directories contain.
#[derive(Debug)]
pub(super) struct Snapshot {
    roots: Vec<PathBuf>,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    Directory(u32),
    File { content: Vec<u8>, mode: u32, time: SystemTime },
    Link(PathBuf),
}

impl Snapshot {
    /// What is there now.
    pub(super) fn of(roots: &[PathBuf]) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        for root in roots {
            read(root, &mut entries)?;
        }
        Ok(Self { roots: roots.to_vec(), entries })
    }

    /// Makes everything as it was. What has not changed is not touched.
    pub(super) fn restore(&self) -> io::Result<()> {
        let now = Self::of(&self.roots)?.entries;
        for (path, entry) in now.iter().rev().filter(|(path, _)| !self.entries.contains_key(*path)) {
            match entry {
                Entry::Directory(_) => fs::remove_dir(path)?,
                Entry::File { .. } | Entry::Link(_) => fs::remove_file(path)?,
            }
        }
        for (path, entry) in self.entries.iter().filter(|(path, entry)| now.get(*path) != Some(entry)) {
            match entry {
                Entry::Directory(mode) => {
                    fs::create_dir_all(path)?;
                    fs::set_permissions(path, Permissions::from_mode(*mode))?;
                }
                Entry::File { content, mode, time } => {
                    fs::write(path, content)?;
                    fs::set_permissions(path, Permissions::from_mode(*mode))?;
                    File::options().write(true).open(path)?.set_modified(*time)?;
                }
                Entry::Link(target) => symlink(target, path)?,
            }
        }
        Ok(())
    }
}

fn read(directory: &Path, entries: &mut BTreeMap<PathBuf, Entry>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, facts) = (entry.path(), entry.metadata()?);
        let mode = facts.permissions().mode() & 0o7777;
        if facts.is_dir() {
            read(&path, entries)?;
            entries.insert(path, Entry::Directory(mode));
        } else if facts.is_file() {
            let file = Entry::File { content: fs::read(&path)?, mode, time: facts.modified()? };
            entries.insert(path, file);
        } else if facts.is_symlink() {
            let target = fs::read_link(&path)?;
            entries.insert(path, Entry::Link(target));
        }
    }
    Ok(())
}
