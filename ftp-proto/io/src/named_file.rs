//! Files that somebody names in options, settings and the environment. The name may be that of a pipe, a device or a
//! directory: none of them makes a program wait without a word, and none fills its memory.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// What may have the name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readable {
    /// A regular file, or the null device, which is an empty one.
    File,
    /// The same, or a pipe whose writer is running, such as `<(pass show ftp)`. It is waited for.
    FileOrPipe,
}

/// A file that was opened to read.
#[derive(Debug)]
pub struct NamedFile {
    file: File,
    facts: Metadata,
    /// Whether nothing was read yet.
    is_fresh: bool,
}

impl NamedFile {
    /// Opens a file without waiting for another process.
    ///
    /// # Errors
    ///
    /// The system refuses, or something else has the name than `readable` says.
    pub fn open(path: &Path, readable: Readable) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let facts = file.metadata()?;
        let kind = facts.file_type();
        if kind.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        let is_null = kind.is_char_device()
            && std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == facts.rdev());
        match readable {
            _ if kind.is_file() || is_null => {}
            Readable::FileOrPipe if kind.is_fifo() => waits_from_now_on(&file)?,
            Readable::File | Readable::FileOrPipe => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
            }
        }
        Ok(Self { file, facts, is_fresh: true })
    }

    /// What the system says of the file.
    pub const fn facts(&self) -> &Metadata {
        &self.facts
    }

    /// Whether another user than this one and root owns it: what it holds may be his, whatever its permission bits are.
    pub fn is_of_another_user(&self) -> bool {
        is_of_another_user(self.facts.uid(), rustix::process::geteuid().as_raw())
    }

    /// Reads it to its end.
    ///
    /// # Errors
    ///
    /// It cannot be read, it has more than `limit` bytes, or it is a pipe that had no writer.
    pub fn read(self, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let bytes = self.read_first(limit.saturating_add(1))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// Reads its first `count` bytes, or all if it has fewer.
    ///
    /// # Errors
    ///
    /// It cannot be read, or it is a pipe that had no writer.
    fn read_first(self, count: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        self.take(count).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A piece after the other. A pipe that had no writer is an error.
impl Read for NamedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        if count == 0 && !into.is_empty() && self.is_fresh && self.facts.file_type().is_fifo() {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "nobody has written into this pipe"));
        }
        self.is_fresh = false;
        Ok(count)
    }
}

/// Reads the file of that name, which has no more than `limit` bytes.
///
/// # Errors
///
/// As for [`NamedFile::open`] and [`NamedFile::read`].
pub fn read(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    NamedFile::open(path, Readable::File)?.read(limit)
}

/// Opens a file to write with these options. A pipe must have a reader already.
///
/// # Errors
///
/// The system refuses, or it is a pipe without a reader.
pub fn open_to_write(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file =
        options.write(true).custom_flags(flags).open(path).map_err(|error| {
            match Errno::from_io_error(&error) {
                Some(Errno::NXIO) => io::Error::new(ErrorKind::BrokenPipe, "nobody reads this pipe"),
                Some(_) | None => error,
            }
        })?;
    waits_from_now_on(&file)?;
    Ok(file)
}

/// Whether `owner` is neither root nor `own`, the user of this process.
pub const fn is_of_another_user(owner: u32, own: u32) -> bool {
    owner != own && owner != 0
}

/// Whether somebody else than root and `own`, the user of this process, may say what a file with this owner and these
/// permission bits holds. Root may write everything anyway.
pub const fn is_in_other_hands(owner: u32, mode: u32, own: u32) -> bool {
    is_of_another_user(owner, own) || mode & 0o022 != 0
}

fn waits_from_now_on(file: &File) -> io::Result<()> {
    fcntl_setfl(file, fcntl_getfl(file)?.difference(OFlags::NONBLOCK))?;
    Ok(())
}

/// Bytes of a file of settings, of certificates and of keys, at most.
pub const LARGEST_SETTINGS: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    /// A pipe that has a name, and its directory.
    fn fifo() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        (directory, path)
    }

    fn words(read: io::Result<Zeroizing<Vec<u8>>>) -> String {
        read.unwrap_err().to_string()
    }

    #[test]
    fn a_regular_file_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().as_slice(), b"12345");
        assert_eq!(words(read(&path, 4)), "it is larger than 4 bytes");
        assert_eq!(read(&directory.path().join("y"), 4).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let (directory, path) = fifo();
        assert_eq!(words(read(&path, 9)), "it is not a regular file");
        assert_eq!(words(read(Path::new("/dev/zero"), 9)), "it is not a regular file");
        assert_eq!(read(directory.path(), 9).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read(Path::new("/dev/null"), 9).unwrap().as_slice(), b"");
    }

    #[test]
    fn a_pipe_is_read_where_it_makes_sense() {
        let (_directory, path) = fifo();
        let open = |path: &Path| NamedFile::open(path, Readable::FileOrPipe);
        assert_eq!(words(open(&path).unwrap().read(9)), "nobody has written into this pipe");
        // As the shell passes `<(...)`: the writer is there, and has written nothing yet.
        let (reader, mut writer) = io::pipe().unwrap();
        let file = open(Path::new(&format!("/dev/fd/{}", reader.as_raw_fd()))).unwrap();
        assert!(!file.is_of_another_user());
        let writing = std::thread::spawn(move || writer.write_all(b"s3cret\n"));
        assert_eq!(file.read(9).unwrap().as_slice(), b"s3cret\n");
        writing.join().unwrap().unwrap();
    }

    #[test]
    fn a_pipe_without_a_reader_is_not_opened_to_write() {
        let (_directory, path) = fifo();
        let open = || open_to_write(&mut OpenOptions::new(), &path);
        assert_eq!(open().unwrap_err().to_string(), "nobody reads this pipe");
        let _reader = NamedFile::open(&path, Readable::FileOrPipe).unwrap();
        let file = open().unwrap();
        assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK), "it waits from now on");
    }

    #[test]
    fn root_and_this_user_may_own_a_file() {
        for (owner, is_bad) in [(1000, false), (0, false), (1001, true)] {
            assert_eq!(is_of_another_user(owner, 1000), is_bad, "{owner}");
            assert_eq!(is_in_other_hands(owner, 0o644, 1000), is_bad, "{owner}");
            assert!(
                is_in_other_hands(owner, 0o620, 1000) && is_in_other_hands(owner, 0o602, 1000),
                "{owner}"
            );
        }
        assert!(is_of_another_user(1000, 0));
    }
}
