//! Where a received file goes, and how much of it may arrive.

use std::fs::File;
use std::io::{self, Write};

use super::burst::Step;
use super::outcome::CopyEnd;

/// Where a received file goes.
#[derive(Debug)]
pub struct Sink<S = File> {
    pub(super) to: S,
    budget: Option<Box<dyn Budget>>,
}

/// What takes the bytes of a received file.
pub trait Receiver: std::fmt::Debug + Send + 'static {
    /// Takes the next bytes. This may block on a disk.
    ///
    /// # Errors
    ///
    /// They cannot be taken, and the copy ends with [`CopyEnd::File`](super::CopyEnd::File).
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The file that gets the bytes as they are, if there is one: then the kernel may move them.
    fn file(&self) -> Option<&File> {
        None
    }
}

impl Receiver for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn file(&self) -> Option<&File> {
        Some(self)
    }
}

/// What a file may take up. It is asked before each write.
pub trait Budget: std::fmt::Debug + Send {
    /// Takes `bytes` more, which are written next.
    ///
    /// # Errors
    ///
    /// There is no room. Nothing is written, and the copy ends with
    /// [`CopyEnd::File`](super::CopyEnd::File).
    fn take(&mut self, bytes: u64) -> io::Result<()>;
}

impl<S: Receiver> Sink<S> {
    /// A file that takes up no more than `budget` allows.
    pub fn with_budget(to: S, budget: Option<Box<dyn Budget>>) -> Self {
        Self { to, budget }
    }

    /// Asks whether so many bytes may be written.
    pub(super) fn take(&mut self, bytes: usize) -> io::Result<()> {
        self.budget.as_mut().map_or(Ok(()), |budget| budget.take(bytes as u64))
    }

    /// Writes bytes, if there is room for them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.take(bytes.len())?;
        self.to.write(bytes)
    }

    /// Writes what a connection has brought; nothing is its end.
    pub(super) fn store(&mut self, piece: io::Result<&[u8]>) -> Step {
        match piece {
            Ok([]) => Step::Ended(CopyEnd::Whole),
            Ok(piece) => match self.write(piece) {
                Ok(()) => Step::Moved(piece.len()),
                Err(error) => Step::Ended(CopyEnd::File(error)),
            },
            Err(error) => Step::failed(error),
        }
    }
}

impl From<File> for Sink {
    fn from(file: File) -> Self {
        Self { to: file, budget: None }
    }
}
