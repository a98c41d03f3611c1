//! A file that gets lines while the program works: an audit, a log of transfers.
//!
//! A thread of its own writes, so that no session waits for the disk. Lines beyond a bounded queue are lost and counted, and
//! the log says so.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::os_error::words;

/// An open file of lines. Dropping it writes the lines that are still queued, for at most a second.
#[derive(Debug)]
pub struct LineFile {
    /// What the file is called in the log.
    name: &'static str,
    messages: SyncSender<Message>,
    finished: Mutex<Receiver<()>>,
    /// Whether the loss of lines was already logged.
    loses: AtomicBool,
    lost: AtomicU64,
}

/// Which file it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it is called in the log, and its thread: `audit`.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// The mode of a new file.
    pub mode: u32,
    /// At this size it is renamed to `PATH.1`, and a new one begins; `None` lets it grow.
    pub largest: Option<u64>,
}

#[derive(Debug)]
enum Message {
    Line(String),
    Reopen,
    Last,
}

impl LineFile {
    /// Opens the file for appending.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or the system refuses a thread.
    pub fn open(options: Options) -> io::Result<Self> {
        let name = options.name;
        let mut writer = Writer::open(options)?;
        let (messages, queued) = sync_channel(QUEUED);
        let (finish, finished) = sync_channel(1);
        let work = move || {
            writer.write_all(&queued);
            // `LineFile` no longer waits if this took too long.
            let _ = finish.send(());
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        let (loses, lost) = (AtomicBool::new(false), AtomicU64::new(0));
        Ok(Self { name, messages, finished: Mutex::new(finished), loses, lost })
    }

    /// Adds a line, which ends with a line feed. Never waits.
    pub fn add(&self, line: String) {
        self.send(Message::Line(line));
    }

    /// Opens the file again under its name: another program may have moved it away.
    pub fn reopen(&self) {
        self.send(Message::Reopen);
    }

    /// How many lines found the queue full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn send(&self, message: Message) {
        let full = matches!(self.messages.try_send(message), Err(TrySendError::Full(_)));
        if full {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        if full != self.loses.swap(full, Ordering::Relaxed) && full {
            tracing::warn!("lines of the {} are lost, because its file does not take them", self.name);
        }
    }
}

impl Drop for LineFile {
    fn drop(&mut self) {
        if self.messages.try_send(Message::Last).is_ok() {
            let finished = self.finished.get_mut().unwrap_or_else(PoisonError::into_inner);
            let _ = finished.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// The end of the queue: may wait, because it has a thread of its own.
struct Writer {
    options: Options,
    file: File,
    /// Bytes that the file has.
    size: u64,
}

impl Writer {
    fn open(options: Options) -> io::Result<Self> {
        let file = append(&options.path, options.mode)?;
        let size = file.metadata()?.len();
        Ok(Self { options, file, size })
    }

    fn write_all(&mut self, queued: &Receiver<Message>) {
        let mut fails = false;
        while let Ok(message) = queued.recv() {
            let done = match message {
                Message::Line(line) => self.line(&line),
                Message::Reopen => self.reopen(),
                Message::Last => return,
            };
            if let Err(error) = &done
                && !fails
            {
                let (name, path) = (self.options.name, self.options.path.display());
                tracing::error!(error = words(error), %path, "cannot write the {name}");
            }
            fails = done.is_err();
        }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let full = self.options.largest.is_some_and(|largest| self.size.saturating_add(length) > largest);
        if full && self.size > 0 {
            let mut older = self.options.path.clone().into_os_string();
            older.push(".1");
            std::fs::rename(&self.options.path, older)?;
            self.reopen()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.size = self.size.saturating_add(length);
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.options.path, self.options.mode)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }
}

fn append(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(mode).open(path)
}

/// Maximum number of lines that wait for the disk.
const QUEUED: usize = 4_096;
/// How long a slow disk can delay the end of the program.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, largest: Option<u64>) -> LineFile {
        LineFile::open(Options { name: "audit", path: path.to_owned(), mode: 0o600, largest }).unwrap()
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_are_appended_and_a_file_that_was_moved_away_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("audit"), directory.path().join("moved"));
        drop({
            let file = open(&path, None);
            file.add("one\n".to_owned());
            file
        });
        let file = open(&path, None);
        file.add("two\n".to_owned());
        file.reopen();
        drop(file);
        assert_eq!(read(&path), "one\ntwo\n");
        let file = open(&path, None);
        std::fs::rename(&path, &moved).unwrap();
        file.reopen();
        file.add("three\n".to_owned());
        assert_eq!(file.lost(), 0);
        drop(file);
        assert_eq!((read(&path).as_str(), read(&moved).as_str()), ("three\n", "one\ntwo\n"));
    }

    #[test]
    fn two_files_are_kept_and_none_is_larger_than_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let (path, older) = (directory.path().join("audit"), directory.path().join("audit.1"));
        let file = open(&path, Some(10));
        for line in ["12345\n", "6789\n", "abc\n", "longer than the whole file\n", "x\n"] {
            file.add(line.to_owned());
        }
        drop(file);
        assert_eq!((read(&path).as_str(), read(&older).as_str()), ("x\n", "longer than the whole file\n"));
    }
}
