//! The names in a directory, as the kernel gives them.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, RawDir, RawMode};
use rustix::io::Errno;

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
pub(super) struct Names {
    dir: OwnedFd,
    /// What the last read brought: names, each behind a byte for its type and with a NUL at its end.
    names: Vec<u8>,
    /// Where in `names` the next one begins.
    at: usize,
}

impl Names {
    /// The names in `dir`, which is open for reading.
    pub(super) const fn new(dir: OwnedFd) -> Self {
        Self { dir, names: Vec::new(), at: 0 }
    }

    /// The next name; `None` at the end. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be read further.
    pub(super) fn next(&mut self) -> Result<Option<Name<'_>>, Errno> {
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
