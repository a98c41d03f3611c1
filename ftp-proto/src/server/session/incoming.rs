//! What the client sends: bytes become lines, and lines become commands that wait for their turn.

use super::other_protocol::other_protocol;
use super::queue::Queue;
use crate::command::Command;
use crate::server::context::Context;
use crate::wire::{Item, LineReader};

/// The bytes, lines and commands of a client that have not had their turn.
#[derive(Debug)]
pub(super) struct Incoming {
    lines: LineReader,
    pub(super) queue: Queue,
    /// Whether no line has come from the client yet, or none since TLS has begun. Empty lines are none.
    is_new: bool,
}

/// The client speaks another protocol; this is its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OtherProtocol(pub(super) &'static str);

impl Incoming {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self { lines: LineReader::new(Command::MAX_LINE), queue: Queue::default(), is_new: true }
    }

    /// Takes bytes.
    ///
    /// # Errors
    ///
    /// They are the first ones, and not FTP.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), OtherProtocol> {
        if self.is_new {
            check(bytes.first().copied(), None)?;
        }
        self.lines.push(bytes);
        Ok(())
    }

    /// Parses lines until the queue is full; with `urgent`, all of them. Answers Telnet options.
    ///
    /// # Errors
    ///
    /// The first line is not FTP.
    pub(super) fn read(&mut self, cx: &mut Context, urgent: bool) -> Result<(), OtherProtocol> {
        while urgent || !self.queue.is_full() {
            let Some(item) = self.lines.next() else { break };
            if let Item::Line(line) | Item::TooLong(line) = &item
                && self.is_new
            {
                self.is_new = line.is_empty();
                check(None, Some(line))?;
            }
            match item {
                Item::Line(line) => self.queue.push_line(&line, cx.config.dialect),
                Item::TooLong(_) => self.queue.push_too_long(),
                Item::Respond(answer) => cx.out.send(answer),
            }
        }
        Ok(())
    }

    /// Drops everything that has come so far: what comes next is inside TLS.
    pub(super) fn begin_anew(&mut self) {
        self.clear();
        self.is_new = true;
    }

    /// Drops everything that has come so far.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.lines = LineReader::new(Command::MAX_LINE);
    }
}

fn check(byte: Option<u8>, line: Option<&[u8]>) -> Result<(), OtherProtocol> {
    other_protocol(byte, line).map_or(Ok(()), |name| Err(OtherProtocol(name)))
}
