//! From lines to replies: single lines, `nnn-` blocks (RFC 454, 542, 959), lines that begin with blanks
//! (RFC 354), and careless line ends.

use super::{Code, Reply};
use crate::wire::{Decoded, Telnet, show};
use std::collections::VecDeque;

/// Maximum length of one line in bytes. The longest real lines are listings in the answer to STAT, with
/// one name each, and are much shorter.
const LINE_LIMIT: usize = 64 * 1024;

/// Maximum length of one reply in bytes, enough for some ten thousand lines of STAT.
const REPLY_LIMIT: usize = 1024 * 1024;

/// What each line costs in addition to its bytes, so that empty lines are limited too.
const LINE_COST: usize = 32;

/// Assembles replies from bytes that arrive in pieces of any size.
///
/// * `nnn text` is a reply. Lines that follow it and do not begin with a digit continue its text in
///   RFC 354 and 414. They come after the reply is complete and are ignored.
/// * `nnn-text` begins a block, which ends with the first `nnn text` or lone `nnn` of the same code.
///   Everything between is text, whatever it begins with (RFC 542 nests blocks, RFC 959 section 4.2).
/// * A line ends with LF; a CR before it is optional.
/// * After an error every call returns the same error, because the replies cannot be followed any more.
///
/// ```
/// use ftp_proto::reply::{Code, ReplyReader};
///
/// let mut reader = ReplyReader::new();
/// reader.push(b"230-Welcome\r\n230 Logged in\r\n");
/// let reply = reader.next()?.unwrap();
/// assert_eq!((reply.code, reply.text()), (Code(230), &b"Logged in"[..]));
/// assert_eq!(reader.next()?, None);
/// # Ok::<(), ftp_proto::reply::NotFtp>(())
/// ```
#[derive(Debug, Default)]
pub struct ReplyReader {
    unread: VecDeque<u8>,
    telnet: Telnet,
    line: Vec<u8>,
    block: Option<Block>,
    /// The lines of the last reply, or of the one that is being read, as they were received.
    wire: Vec<Vec<u8>>,
    /// At least one reply was complete, so lines without a code may continue it.
    begun: bool,
    failed: Option<NotFtp>,
}

/// A reply of several lines whose last line is still missing.
#[derive(Debug)]
struct Block {
    code: Code,
    lines: Vec<Vec<u8>>,
    cost: usize,
}

/// Why what a server sent cannot be FTP.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFtp {
    /// A line that should begin a reply does not begin with three digits. It is here as it came, so that whoever knows a
    /// secret can remove it before the line is cut or escaped.
    #[error("expected a reply code, got {:?}", show(.0.get(..80).unwrap_or(.0)))]
    NoCode(Vec<u8>),
    /// The first reply cannot be a greeting.
    #[error("expected a greeting, got {:?}", .0.display())]
    NoGreeting(Reply),
    /// A line or a reply is longer than this limit in bytes.
    #[error("a reply of more than {0} bytes")]
    TooLong(usize),
}

impl ReplyReader {
    /// Creates an empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.unread.extend(bytes);
        }
    }

    /// Returns whether bytes have arrived that do not belong to a complete reply yet.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty() || !self.line.is_empty() || self.block.is_some()
    }

    /// Returns the next complete reply, or `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// Fails if the bytes cannot be FTP; see [`NotFtp`].
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: more may come later")]
    pub fn next(&mut self) -> Result<Option<Reply>, NotFtp> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let next = self.read();
        if let Err(failed) = &next {
            self.failed = Some(failed.clone());
            self.unread = VecDeque::new();
        }
        next
    }

    /// Returns the lines of the last reply as they were received, with their codes, for traces. It
    /// returns them once for each reply.
    pub fn take_wire(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.wire)
    }

    fn read(&mut self) -> Result<Option<Reply>, NotFtp> {
        loop {
            self.take_plain()?;
            let Some(byte) = self.unread.pop_front() else { return Ok(None) };
            let byte = match self.telnet.push(byte) {
                Decoded::Data(byte) => byte,
                Decoded::Undoubled(byte) => {
                    self.line.push(0xFF);
                    byte
                }
                // Servers do not ask for options. Not answering is a refusal too.
                Decoded::Nothing | Decoded::Mark | Decoded::Refuse(_) => continue,
            };
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() > LINE_LIMIT {
                    return Err(NotFtp::TooLong(LINE_LIMIT));
                }
                continue;
            }
            let line = finished(std::mem::take(&mut self.line));
            if let Some(reply) = self.line(line)? {
                return Ok(Some(reply));
            }
        }
    }

    /// Takes in one piece what follows of the line, up to its end or to something of Telnet.
    fn take_plain(&mut self) -> Result<(), NotFtp> {
        let (first, _) = self.unread.as_slices();
        let count = self.telnet.plain(first, b'\n');
        let plain = first.get(..count).unwrap_or_default();
        if self.line.len() + plain.len() > LINE_LIMIT {
            return Err(NotFtp::TooLong(LINE_LIMIT));
        }
        self.line.extend_from_slice(plain);
        self.unread.drain(..count);
        Ok(())
    }

    fn line(&mut self, line: Vec<u8>) -> Result<Option<Reply>, NotFtp> {
        let Some(mut block) = self.block.take() else {
            return self.first_line(&line);
        };
        self.wire.push(line.clone());
        let (text, ends) = match Head::of(&line) {
            Some(head) if head.code == block.code => match head.separator {
                Separator::Dash => (head.text.to_vec(), false),
                Separator::Blank | Separator::End => (head.text.to_vec(), true),
                Separator::None => (line, false),
            },
            Some(_) | None => (line, false),
        };
        block.cost += text.len() + LINE_COST;
        block.lines.push(text);
        if ends {
            self.begun = true;
            return Ok(Some(Reply { code: block.code, lines: block.lines }));
        }
        if block.cost > REPLY_LIMIT {
            return Err(NotFtp::TooLong(REPLY_LIMIT));
        }
        self.block = Some(block);
        Ok(None)
    }

    /// Reads a line while no block is open.
    fn first_line(&mut self, line: &[u8]) -> Result<Option<Reply>, NotFtp> {
        let Some(head) = Head::of(line) else {
            let continues = self.begun && !line.first().is_some_and(u8::is_ascii_digit);
            if continues || line.trim_ascii().is_empty() {
                return Ok(None);
            }
            return Err(NotFtp::NoCode(line.to_vec()));
        };
        let lines = vec![head.text.to_vec()];
        self.wire = vec![line.to_vec()];
        match head.separator {
            Separator::Dash => {
                let cost = head.text.len() + LINE_COST;
                self.block = Some(Block { code: head.code, lines, cost });
                Ok(None)
            }
            Separator::Blank | Separator::End | Separator::None => {
                self.begun = true;
                Ok(Some(Reply { code: head.code, lines }))
            }
        }
    }
}

/// Removes the CRs at the end of the line, and turns CR NUL into CR.
fn finished(mut line: Vec<u8>) -> Vec<u8> {
    while line.last() == Some(&b'\r') {
        line.pop();
    }
    let mut after_cr = false;
    line.retain(|&byte| {
        let padding = after_cr && byte == 0;
        after_cr = byte == b'\r';
        !padding
    });
    line
}

/// The character after a code.
enum Separator {
    Dash,
    Blank,
    End,
    None,
}

/// A line that begins with a code.
struct Head<'a> {
    code: Code,
    separator: Separator,
    text: &'a [u8],
}

impl<'a> Head<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let code = Code(digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')));
        let (separator, text) = match rest {
            [] => (Separator::End, rest),
            [b'-', text @ ..] => (Separator::Dash, text),
            [b' ' | b'\t', text @ ..] => (Separator::Blank, text),
            [b'0'..=b'9', ..] => return None, // a longer number is not a code
            [_, ..] => (Separator::None, rest),
        };
        Some(Self { code, separator, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes and lines of the replies in `bytes`, read whole and byte by byte.
    fn check(bytes: &[u8], expect: &[(u16, &[&str])]) {
        let expect: Vec<Reply> = expect
            .iter()
            .map(|(code, lines)| Reply {
                code: Code(*code),
                lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
            })
            .collect();
        for size in [1, 2, 3, bytes.len().max(1)] {
            let mut reader = ReplyReader::new();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(reply) = reader.next().unwrap() {
                    found.push(reply);
                }
            }
            assert_eq!(found, expect, "{} in pieces of {size}", bytes.escape_ascii());
        }
    }

    fn refused(bytes: &[u8], expect: &NotFtp) {
        let mut reader = ReplyReader::new();
        reader.push(bytes);
        assert_eq!(reader.next().as_ref(), Err(expect));
        reader.push(b"220 Ready\r\n");
        assert_eq!(reader.next().as_ref(), Err(expect), "what has failed stays failed");
    }

    #[test]
    fn one_line_is_one_reply() {
        check(b"255 SOCK 40002\r\n226 Done\r\n", &[(255, &["SOCK 40002"]), (226, &["Done"])]);
        check(b"000 TENEX\r\n300 Go on\r\n", &[(0, &["TENEX"]), (300, &["Go on"])]);
    }

    #[test]
    fn a11_a_block_ends_with_its_own_code_and_a_blank() {
        check(
            b"211-Features\r\n SIZE\r\n220 not the end\r\n211-MDTM\r\n211 End\r\n200 Next\r\n",
            &[(211, &["Features", " SIZE", "220 not the end", "MDTM", "End"]), (200, &["Next"])],
        );
    }

    #[test]
    fn blocks_nest_as_in_rfc_542() {
        check(
            b"230-You\r\n030-news\r\n030 end of news\r\n230 Hello\r\n",
            &[(230, &["You", "030-news", "030 end of news", "Hello"])],
        );
    }

    #[test]
    fn lines_without_a_digit_continue_a_reply_of_rfc_354() {
        check(b"150 status\r\n   user me\r\nbyte 8\r\n200 end\r\n", &[(150, &["status"]), (200, &["end"])]);
    }

    #[test]
    fn sloppy_ends_are_ends() {
        check(b"226\r\n", &[(226, &[""])]);
        check(b"226-a\n226\n", &[(226, &["a", ""])]);
        check(b"226-a\r\r\n226\tb\r\r\n", &[(226, &["a", "b"])]);
        check(b"\r\n220Hello\r\n", &[(220, &["Hello"])]);
        check(b"211-a\r\n2110 b\r\n211 c\r\n", &[(211, &["a", "2110 b", "c"])]);
    }

    #[test]
    fn the_lines_of_a_reply_are_kept_as_they_came() {
        let mut reader = ReplyReader::new();
        reader.push(b"226-Peer a\r\n226-Bytes 6\r\n x\r\n226 Done\r\n  late\r\n200 Next\r\n");
        assert_eq!(reader.next().unwrap().unwrap().code, Code(226));
        assert_eq!(reader.take_wire(), [&b"226-Peer a"[..], b"226-Bytes 6", b" x", b"226 Done"]);
        assert_eq!(reader.next().unwrap().unwrap().code, Code(200));
        assert_eq!(reader.take_wire(), [b"200 Next"]);
    }

    #[test]
    fn telnet_is_taken_out_and_a_byte_255_kept() {
        check(b"\xff\xfb\x0122\xff\xf10 a\xff\xf2b\r\n", &[(220, &["ab"])]);
        let mut reader = ReplyReader::new();
        reader.push(b"257 \"\xff\xffa\xffb\rc\r\0d\"\r\n");
        assert_eq!(reader.next().unwrap().unwrap().text(), b"\"\xffa\xffb\rc\rd\"");
    }

    #[test]
    fn what_is_not_ftp_is_refused_and_shown() {
        refused(b"SSH-2.0-OpenSSH_9\r\n", &NotFtp::NoCode(b"SSH-2.0-OpenSSH_9".to_vec()));
        refused(b"HTTP/1.1 400 Bad Request\r\n", &NotFtp::NoCode(b"HTTP/1.1 400 Bad Request".to_vec()));
        refused(b"22 x\r\n", &NotFtp::NoCode(b"22 x".to_vec()));
        refused(b"2200 x\r\n", &NotFtp::NoCode(b"2200 x".to_vec()));
        refused(b"   x\r\n", &NotFtp::NoCode(b"   x".to_vec()));
        // Telnet doubles a byte 255.
        refused(b"\x16\x03\xff\xff\n", &NotFtp::NoCode(b"\x16\x03\xff".to_vec()));
    }

    #[test]
    fn a_line_may_have_64_kib_and_a_reply_1_mib() {
        let text = |length| vec![b'x'; length];
        let line = [&b"220 "[..], &text(65_536 - 4)].concat();
        let mut reader = ReplyReader::new();
        reader.push(&[&line[..], b"\n"].concat());
        assert_eq!(reader.next().unwrap().unwrap().text().len(), 65_532);
        refused(&[&line[..], b"x"].concat(), &NotFtp::TooLong(65_536));
        // Each line costs its text and 32 bytes: the first and 15 more of 64 KiB make 1 MiB.
        let block = |last: usize| {
            let first = [&b"211-"[..], &text(65_536 - 32), b"\n"].concat();
            let inner = [&text(65_536 - 32)[..], b"\n"].concat().repeat(14);
            let last = [&text(last)[..], b"\n"].concat();
            [first, inner, last].concat()
        };
        let mut reader = ReplyReader::new();
        reader.push(&block(65_536 - 32));
        assert_eq!(reader.next(), Ok(None));
        reader.push(b"211 end\n");
        assert_eq!(reader.next().unwrap().unwrap().lines.len(), 17);
        refused(&block(65_536 - 31), &NotFtp::TooLong(1_048_576));
    }

    #[test]
    fn what_belongs_to_no_complete_reply_is_unread() {
        let check = |bytes: &[u8], unread: bool| {
            let mut reader = ReplyReader::new();
            reader.push(bytes);
            while reader.next().unwrap().is_some() {}
            assert_eq!(reader.has_unread(), unread, "{}", bytes.escape_ascii());
        };
        check(b"", false);
        check(b"220 Ready\r\n", false);
        check(b"220 Ready\r\n2", true);
        check(b"220-Ready\r\n", true);
        check(b"220-Ready\r\n220 Now\r\n", false);
        let mut reader = ReplyReader::new();
        reader.push(b"220 Ready\r\n");
        assert!(reader.has_unread(), "nobody has asked for it");
    }

    #[test]
    fn an_endless_line_and_an_endless_reply_are_refused() {
        refused(&vec![b'2'; LINE_LIMIT + 1], &NotFtp::TooLong(LINE_LIMIT));
        let endless = [&b"211-\r\n"[..], &b"\r\n".repeat(REPLY_LIMIT / LINE_COST + 1)].concat();
        refused(&endless, &NotFtp::TooLong(REPLY_LIMIT));
    }
}
