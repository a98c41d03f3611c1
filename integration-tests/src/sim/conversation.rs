//! A dialogue with one server, line by line: what was sent, and which reply belongs to which line.

use ftp_proto::dialect::Dialect;
use ftp_proto::reply::Meaning;
use std::collections::VecDeque;

/// What a line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// The greeting, which nobody asks for.
    Greeting,
    /// A parameter, or a step of the login.
    Set,
    /// Its reply has a port.
    Port,
    /// DETA for the file of this number.
    Detach(usize),
    /// The transfer command of the file of this number.
    Transfer(usize),
    Abort,
    /// A question about a detached transfer.
    Ask {
        own: bool,
    },
    Noop,
    Quit,
}

/// The dialogue with one server.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    received: Vec<u8>,
    /// The lines that have no final reply yet.
    pub(super) waiting: VecDeque<Line>,
    /// The connection has ended.
    pub(super) over: bool,
}

/// A reply to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) to: Line,
    pub(super) code: u16,
    pub(super) text: String,
}

impl Conversation {
    /// Bytes have come.
    pub(super) fn hears(&mut self, bytes: &[u8]) {
        self.received.extend(bytes);
    }

    /// The next reply, with the line that it belongs to if it is the final one.
    pub(super) fn next(&mut self, dialect: Dialect) -> Option<Result<Said, String>> {
        loop {
            let text = self.take_reply()?;
            let code = text.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
            let Some(to) = self.waiting.front().copied() else {
                // The server takes its leave.
                if code == Meaning::Unavailable.code(dialect).0 {
                    continue;
                }
                return Some(Err(format!("nobody has asked for this reply: {text}")));
            };
            if !is_preliminary(dialect, code, to) {
                self.waiting.pop_front();
                return Some(Ok(Said { to, code, text }));
            }
        }
    }

    /// A whole reply, which may have several lines.
    fn take_reply(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let first = text.lines().next()?;
        let end = if first.as_bytes().get(3) == Some(&b'-') {
            let last = format!("\n{} ", first.get(..3)?);
            let at = text.find(&last)? + last.len();
            at + text.get(at..)?.find('\n')? + 1
        } else {
            text.find('\n')? + 1
        };
        self.received.drain(..end);
        Some(text.get(..end)?.trim_end().to_owned())
    }
}

/// Whether another reply to `line` follows.
fn is_preliminary(dialect: Dialect, code: u16, line: Line) -> bool {
    let begins = matches!(line, Line::Transfer(_)) && dialect == Dialect::Rfc354 && code == 250;
    begins || (100..200).contains(&code)
}
