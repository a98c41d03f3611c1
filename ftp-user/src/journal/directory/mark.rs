//! What is known of a journal before it is believed: in whose hands its directory and its files are, and how many transactions it
//! has at least.
//!
//! The command lines in the journal are run again, so nobody else may write it, or put a file beside it that would be taken for
//! a part of it.
//!
//! SQLite takes a log of changes that is cut or has a wrong byte for one that ends there, since a power failure leaves such an
//! end. It cannot tell what was on the disk. The mark can: a file that says how many transactions there are at least. It is
//! written after each commit and never before. It is not synced, so it costs no time; after a power failure it may be older than
//! the journal, and then it promises less.

use crate::journal::failure::{JournalFailure, Result};
use ftp_io::named_file::is_in_other_hands;
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Looks at the directory of the database, and at the files beside it, before any of them is believed.
///
/// # Errors
///
/// One of them is no regular file or in other hands, or cannot be looked at.
pub(super) fn look_around(path: &Path) -> Result<()> {
    if let Some(directory) = path.parent() {
        check_directory(directory).map_err(|why| JournalFailure::unusable(path, why))?;
    }
    for end in BESIDE {
        match fs::symlink_metadata(beside(path, end)) {
            Ok(facts) => {
                is_ours(&facts).map_err(|why| JournalFailure::unusable(path, format!("{end}: {why}")))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(JournalFailure::unusable(path, error)),
        }
    }
    Ok(())
}

/// Looks at the database itself before SQLite opens it. It is not opened for that: closing it would release the locks of every
/// connection that this process has (fcntl(2)), and another process would take itself for the last one and remove the log.
///
/// # Errors
///
/// It is not there, is no regular file, or is in other hands.
pub(super) fn look(path: &Path) -> Result<()> {
    let facts = fs::symlink_metadata(path).map_err(|error| JournalFailure::unusable(path, error))?;
    is_ours(&facts).map_err(|why| JournalFailure::unusable(path, why))
}

/// Makes an empty database if nothing has its name. SQLite gives its other files the same mode.
///
/// # Errors
///
/// It cannot be made.
pub(super) fn make(path: &Path) -> Result<()> {
    match open(path, File::options().write(true).create_new(true)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(JournalFailure::unusable(path, error)),
    }
}

/// Opens a file of the state directory, or makes it for its user alone. A link is not followed, and opening a FIFO does not wait
/// for somebody at its other end.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    options.mode(0o600).custom_flags(flags).open(path)
}

/// Looks at the state directory before one of its files is believed or written: who may write the directory may put another
/// file there, remove one, or have a link lead to any file of this user.
///
/// # Errors
///
/// It is in other hands, or cannot be looked at, in words. One that is not there is in nobody's hands.
pub fn check_directory(directory: &Path) -> Result<(), String> {
    // A file may be named without a directory.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let facts = match fs::metadata(directory) {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    match is_foreign(&facts) {
        true => Err(format!("others own the directory {} or may write it", directory.display())),
        false => Ok(()),
    }
}

fn is_ours(facts: &Metadata) -> Result<(), String> {
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if is_foreign(facts) { Err("others own it or may write it".to_owned()) } else { Ok(()) }
}

fn is_foreign(facts: &Metadata) -> bool {
    is_in_other_hands(facts.uid(), facts.mode(), rustix::process::geteuid().as_raw())
}

/// The mark of one journal.
#[derive(Debug)]
pub(super) struct Mark(PathBuf);

impl Mark {
    /// The mark of the journal at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self(beside(path, END))
    }

    /// How many transactions are on the disk at least. A mark that is not there or cannot be read promises none: the next
    /// commit writes it again.
    pub(super) fn promised(&self) -> u64 {
        let promised = open(&self.0, File::options().read(true)).and_then(|file| read(&file));
        promised.ok().flatten().unwrap_or(0)
    }

    /// Notes that so many transactions are on the disk. Whatever keeps it from being written does no harm: the mark
    /// promises less then.
    pub(super) fn raise(&self, number: u64) {
        let _ = self.try_raise(number);
    }

    fn try_raise(&self, number: u64) -> io::Result<()> {
        let file = open(&self.0, File::options().read(true).write(true).create(true).truncate(false))?;
        // Another process may have committed more meanwhile.
        for _ in 0..TRIES {
            if file.try_lock().is_ok() {
                let is_news = read(&file)?.is_none_or(|promised| promised < number);
                return if is_news { file.write_all_at(text(number).as_bytes(), 0) } else { Ok(()) };
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// How many transactions the journal at `path` has at least, before it is opened. To be asked before the journal is read,
/// since others write meanwhile.
///
/// # Errors
///
/// The database is empty or gone, and the files beside it say that it was not: SQLite would remove them.
pub(super) fn promised(path: &Path) -> Result<u64> {
    let promised = Mark::of(path).promised();
    let has_log = length(&beside(path, LOG)) > 0;
    if (promised > 0 || has_log) && length(path) == 0 {
        let why = "it is empty or gone, and the files beside it belong to one that was not".to_owned();
        return Err(JournalFailure::damaged(path, why));
    }
    Ok(promised)
}

fn length(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |facts| facts.len())
}

/// The name of a file beside the database.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn read(file: &File) -> io::Result<Option<u64>> {
    let mut found = String::new();
    file.take(LONGEST).read_to_string(&mut found)?;
    Ok(number(&found))
}

/// What a mark says. All have the same length, so that one replaces another in one write.
fn text(number: u64) -> String {
    let number = format!("{number:020}");
    format!("{number} {:08x}\n", crc32fast::hash(number.as_bytes()))
}

/// The number of a mark; `None` if it is not what was written.
fn number(found: &str) -> Option<u64> {
    let number = found.get(..20)?.parse().ok()?;
    (text(number) == found).then_some(number)
}

/// What follows the name of the database in the names of the files beside it: those of SQLite, and its mark.
const BESIDE: [&str; 4] = [LOG, "-shm", "-journal", END];
/// What follows the name of the database in that of its mark.
const END: &str = "-mark";
/// The same for the log of changes of SQLite.
const LOG: &str = "-wal";
/// More than any mark.
const LONGEST: u64 = 64;
/// How often the lock is tried. A process that was stopped may hold it.
const TRIES: u32 = 10;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_or_not_at_all() {
        for wanted in [0, 1, 57, u64::MAX] {
            let mark = text(wanted);
            assert_eq!(number(&mark), Some(wanted));
            for at in 0..mark.len() {
                let mut bytes = mark.clone().into_bytes();
                bytes[at] ^= 1;
                assert_eq!(number(&String::from_utf8(bytes).unwrap()), None, "{at}");
                assert_eq!(number(&mark[..at]), None);
            }
            assert_eq!(number(&format!("{mark}\n")), None);
        }
    }

    #[test]
    fn a_mark_only_rises() {
        let home = tempfile::tempdir().unwrap();
        let mark = Mark::of(&home.path().join("journal.db"));
        assert_eq!(mark.promised(), 0);
        for (number, expected) in [(3, 3), (2, 3), (4, 4)] {
            mark.raise(number);
            assert_eq!(mark.promised(), expected);
        }
        fs::write(&mark.0, "00000000000000000009 00000000\n").unwrap();
        assert_eq!(mark.promised(), 0);
        mark.raise(5);
        assert_eq!(mark.promised(), 5);
        // Who holds the lock for ever keeps no one from going on.
        let held = File::open(&mark.0).unwrap();
        held.lock().unwrap();
        mark.raise(6);
        assert_eq!(mark.promised(), 5);
    }
}
