//! From the bytes of a control connection to command lines: Telnet commands removed, its options refused (RFC 1123 section
//! 4.1.2.12), lengths limited.

use std::collections::VecDeque;
use std::fmt;

/// Assembles command lines from bytes that arrive in pieces of any size (conformance A05, A06, A13).
///
/// Only CR LF ends a line, so that a line feed inside a name cannot begin another command (A14).
///
/// ```
/// use ftp_proto::wire::{Item, LineReader};
///
/// let mut reader = LineReader::new(1024);
/// reader.push(b"\xff\xf4\xff\xf2ABOR\r");
/// assert_eq!(reader.next(), None);
/// reader.push(b"\n");
/// assert_eq!(reader.next(), Some(Item::Line(b"ABOR".to_vec())));
/// ```
pub struct LineReader {
    limit: usize,
    /// Bytes that have arrived and were not looked at, behind the line that `next` returned last.
    unread: VecDeque<u8>,
    telnet: Telnet,
    line: Vec<u8>,
    after_cr: bool,
    too_long: bool,
}

/// What [`LineReader::next`] returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A complete line without its CR LF. CR NUL has become CR, IAC IAC has become 0xFF, and Telnet
    /// commands are removed.
    Line(Vec<u8>),
    /// A line was longer than the limit and was discarded up to its end (A13). This is its beginning.
    TooLong(Vec<u8>),
    /// Bytes to send as the answer to a Telnet option: IAC WONT x or IAC DONT x (A07).
    Respond(Vec<u8>),
}

impl fmt::Debug for LineReader {
    /// Hides the bytes, because a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl LineReader {
    /// Creates a reader for lines of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            unread: VecDeque::new(),
            telnet: Telnet::new(),
            line: Vec::new(),
            after_cr: false,
            too_long: false,
        }
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend(bytes);
    }

    /// Returns the next complete line, or `None` if more bytes are needed.
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: more may come later")]
    pub fn next(&mut self) -> Option<Item> {
        loop {
            self.take_plain();
            let byte = self.unread.pop_front()?;
            match self.telnet.push(byte) {
                Decoded::Nothing => {}
                Decoded::Data(byte) => {
                    if let Some(item) = self.byte(byte) {
                        return Some(item);
                    }
                }
                Decoded::Undoubled(byte) => {
                    self.byte(0xFF);
                    if let Some(item) = self.byte(byte) {
                        return Some(item);
                    }
                }
                // A Synch cancels what stood before it on the line (A08, A09).
                Decoded::Mark => self.start(),
                Decoded::Refuse(answer) => return Some(Item::Respond(answer.to_vec())),
            }
        }
    }

    /// Takes in one piece what follows of the line, up to a CR or to something of Telnet.
    fn take_plain(&mut self) {
        if self.after_cr {
            return;
        }
        let (first, _) = self.unread.as_slices();
        let count = self.telnet.plain(first, b'\r');
        let plain = first.get(..count).unwrap_or_default();
        let kept = plain.get(..self.limit - self.line.len()).unwrap_or(plain);
        self.line.extend_from_slice(kept);
        self.too_long |= kept.len() < plain.len();
        self.unread.drain(..count);
    }

    fn byte(&mut self, byte: u8) -> Option<Item> {
        if std::mem::take(&mut self.after_cr) {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let item = if self.too_long { Item::TooLong(line) } else { Item::Line(line) };
                    self.start();
                    return Some(item);
                }
                0 => {
                    self.keep(b'\r');
                    return None;
                }
                _ => self.keep(b'\r'), // a CR that ends nothing is part of the line
            }
        }
        if byte == b'\r' {
            self.after_cr = true;
        } else {
            self.keep(byte);
        }
        None
    }

    fn keep(&mut self, byte: u8) {
        if self.line.len() < self.limit {
            self.line.push(byte);
        } else {
            self.too_long = true;
        }
    }

    fn start(&mut self) {
        self.line.clear();
        self.after_cr = false;
        self.too_long = false;
    }
}

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const INTERRUPT: u8 = 244;
const DATA_MARK: u8 = 242;
const SE: u8 = 240;

/// The Telnet decoder for one direction of a control connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Telnet(State);

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    #[default]
    Data,
    Iac,
    /// After IAC IP (interrupt process).
    Interrupted,
    /// After IAC and WILL, WONT, DO or DONT.
    Option(u8),
    Sub,
    SubIac,
}

/// What one byte turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decoded {
    /// A part of a Telnet command, which means nothing to FTP.
    Nothing,
    /// A byte of the line.
    Data(u8),
    /// 0xFF and this byte of the line. The IAC began no Telnet command, so the sender forgot to double a
    /// 0xFF.
    Undoubled(u8),
    /// The end of a Synch.
    Mark,
    /// The end of an offer or request, which is refused with these bytes (A07).
    Refuse([u8; 3]),
}

impl Telnet {
    pub(crate) const fn new() -> Self {
        Self(State::Data)
    }

    /// How many bytes at the beginning of `bytes` are data of the line, and no byte that `ends` it is among them. Whatever
    /// follows has to be pushed; perhaps these, too.
    pub(crate) fn plain(self, bytes: &[u8], ends: u8) -> usize {
        match self.0 {
            State::Data => memchr::memchr2(IAC, ends, bytes).unwrap_or(bytes.len()),
            State::Iac | State::Interrupted | State::Option(_) | State::Sub | State::SubIac => 0,
        }
    }

    pub(crate) const fn push(&mut self, byte: u8) -> Decoded {
        let (state, decoded) = match (self.0, byte) {
            // Where urgent data is not inline, the IAC before the mark is lost.
            (State::Interrupted, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Data | State::Interrupted, IAC) => (State::Iac, Decoded::Nothing),
            (State::Data | State::Interrupted, _) => (State::Data, Decoded::Data(byte)),
            (State::Iac, IAC) => (State::Data, Decoded::Data(IAC)),
            (State::Iac, WILL | WONT | DO | DONT) => (State::Option(byte), Decoded::Nothing),
            (State::Iac, SB) => (State::Sub, Decoded::Nothing),
            (State::Iac, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Iac, INTERRUPT) => (State::Interrupted, Decoded::Nothing),
            (State::Iac, SE..) => (State::Data, Decoded::Nothing), // AO, AYT and the like, without effect
            (State::Iac, _) => (State::Data, Decoded::Undoubled(byte)),
            (State::Option(WILL), _) => (State::Data, Decoded::Refuse([IAC, DONT, byte])),
            (State::Option(DO), _) => (State::Data, Decoded::Refuse([IAC, WONT, byte])),
            (State::Option(_), _) => (State::Data, Decoded::Nothing),
            (State::Sub, IAC) => (State::SubIac, Decoded::Nothing),
            (State::SubIac, SE) => (State::Data, Decoded::Nothing),
            (State::Sub | State::SubIac, _) => (State::Sub, Decoded::Nothing),
        };
        self.0 = state;
        decoded
    }
}

/// How many bytes of a line these are at most: Telnet doubles some.
pub(crate) fn escaped_len(bytes: &[u8]) -> usize {
    bytes.len() + memchr::memchr2_iter(IAC, b'\r', bytes).count()
}

/// Appends `bytes` as they travel inside a line: 0xFF doubled, CR as CR NUL (RFC 2640 section 3.1).
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(IAC, b'\r', rest) {
        let (plain, behind) = rest.split_at(at + 1);
        out.extend_from_slice(plain);
        out.push(if plain.last() == Some(&IAC) { IAC } else { 0 });
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// Removes leading blanks. A CR, a tab or a line feed there belongs to a name (A14).
pub(crate) const fn unindented(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(limit: usize, pieces: &[&[u8]]) -> Vec<Item> {
        let mut reader = LineReader::new(limit);
        let mut found = Vec::new();
        for piece in pieces {
            reader.push(piece);
            found.extend(std::iter::from_fn(|| reader.next()));
        }
        found
    }

    fn line(text: &[u8]) -> Item {
        Item::Line(text.to_vec())
    }

    #[test]
    fn a05_nothing_is_a_line_before_its_line_feed() {
        assert_eq!(items(64, &[b"LSTN R\r"]), []);
        assert_eq!(items(64, &[b"LSTN R\r", b"\n"]), [line(b"LSTN R")]);
    }

    #[test]
    fn a06_two_commands_in_one_segment_are_two_lines_in_order() {
        assert_eq!(items(64, &[b"NOOP\r\nPWD\r\nQU"]), [line(b"NOOP"), line(b"PWD")]);
    }

    #[test]
    fn a07_options_are_refused_and_the_line_stays_intact() {
        assert_eq!(
            items(64, &[b"NO\xff\xfd\x01O\xff\xfb\x03P\xff\xfc\x03\xff\xfe\x01\r\xff\xf1\n"]),
            [Item::Respond(vec![255, 252, 1]), Item::Respond(vec![255, 254, 3]), line(b"NOOP")]
        );
        assert_eq!(items(64, &[b"NO\xff\xfa\x18\x00ab\xff\xffc\r\n\xff\xf0OP\r\n"]), [line(b"NOOP")]);
    }

    #[test]
    fn a08_ip_and_synch_before_abor_leave_abor() {
        assert_eq!(items(64, &[b"\xff\xf4\xff", b"\xf2ABOR\r\n"]), [line(b"ABOR")]);
        assert_eq!(items(64, &[b"\xff\xf4\xf2ABOR\r\n"]), [line(b"ABOR")]); // urgent IAC not inline
    }

    #[test]
    fn a09_synch_discards_an_incomplete_line() {
        assert_eq!(items(64, &[b"NOOP\r\nRETR fi\xff\xf2ABOR\r\n"]), [line(b"NOOP"), line(b"ABOR")]);
        assert_eq!(items(4, &[b"far too long\r\xff\xf2ABOR\r\n"]), [line(b"ABOR")]);
    }

    #[test]
    fn a13_a_line_beyond_the_limit_is_discarded() {
        assert_eq!(
            items(4, &[b"NOOP\r\nNOOPS\r\nPWD\r\n"]),
            [line(b"NOOP"), Item::TooLong(b"NOOP".to_vec()), line(b"PWD")]
        );
        let endless = vec![b'x'; 1 << 20];
        let mut reader = LineReader::new(512);
        for _ in 0..8 {
            reader.push(&endless);
            assert_eq!(reader.next(), None);
            assert!(!reader.line.is_empty() && reader.line.len() <= 512);
        }
        reader.push(b"\r\nNOOP\r\n");
        assert_eq!(reader.next(), Some(Item::TooLong(vec![b'x'; 512])));
        assert_eq!(reader.next(), Some(line(b"NOOP")));
    }

    #[test]
    fn a14_cr_nul_is_a_cr_and_a_bare_line_feed_ends_nothing() {
        assert_eq!(items(64, &[b"RETR a\r\0b\r\n"]), [line(b"RETR a\rb")]);
        assert_eq!(items(64, &[b"RETR a\nDELE b\r\n"]), [line(b"RETR a\nDELE b")]);
        assert_eq!(items(64, &[b"RETR a\r\r\0b\r\r\n"]), [line(b"RETR a\r\rb\r")]);
    }

    #[test]
    fn a_byte_255_travels_doubled_and_is_forgiven_single() {
        assert_eq!(items(64, &[b"RETR \xff\xffa\r\n"]), [line(b"RETR \xffa")]);
        assert_eq!(items(64, &[b"RETR \xffa\r\n"]), [line(b"RETR \xffa")]);
        assert_eq!(items(64, &[b"RETR \xff\r\n"]), [line(b"RETR \xff")]);
    }
}
