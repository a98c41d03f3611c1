//! Writing the bytes of one reply, and final replies with facts (extensions): each fact is a line `nnn-fact` before the last
//! line.

use super::Meaning;
use crate::dialect::Dialect;
use crate::wire::escape;
use std::borrow::Cow;

/// Writes one reply: `nnn text`, or `nnn-first`, inner lines with one leading blank, and `nnn last`
/// (A11). Control characters in texts become `%XX`. In [`Dialect::Rfc354`] a status reply (1xx) of
/// several lines must be followed by a final 200, which the caller writes (A12).
///
/// ```
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Meaning, write};
///
/// assert_eq!(write(Dialect::Rfc354, Meaning::Socket, &[b"SOCK 40002"]), b"255 SOCK 40002\r\n");
/// ```
pub fn write(dialect: Dialect, meaning: Meaning, lines: &[&[u8]]) -> Vec<u8> {
    let code = format!("{:03}", meaning.code(dialect).0);
    // The code, what separates it, and the end of the line.
    let room = lines.iter().map(|line| line.len() + 6).sum();
    let mut out = Vec::with_capacity(room);
    let mut line = |start: &[&str], text: &[u8]| {
        start.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        escape(&shown(text), &mut out);
        out.extend_from_slice(b"\r\n");
    };
    match lines {
        [] => line(&[&code, " "], b""),
        [only] => line(&[&code, " "], only),
        [first, inner @ .., last] => {
            line(&[&code, "-"], first);
            for text in inner {
                line(&[" "], text);
            }
            line(&[&code, " "], last);
        }
    }
    out
}

/// Writes an inner line of a reply as it is. A line that begins with a digit, which could be taken for
/// the end of the reply, gets a leading blank (A11).
pub fn write_inner(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 3);
    if text.first().is_some_and(u8::is_ascii_digit) {
        out.push(b' ');
    }
    escape(&shown(text), &mut out);
    out.extend_from_slice(b"\r\n");
    out
}

/// Replaces ASCII control characters with `%XX`, so that no name can end a reply early.
fn shown(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(u8::is_ascii_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = Vec::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_control() {
            shown.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            shown.push(byte);
        }
    }
    Cow::Owned(shown)
}

/// Writes `facts` and then `last`, each on a line with the code. Control characters become `%XX`.
///
/// ```
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Meaning, write_facts};
///
/// let facts = ["Bytes 5".to_owned()];
/// let reply = write_facts(Dialect::Rfc959, Meaning::Transferred, &facts, b"Transfer complete.");
/// assert_eq!(reply, b"226-Bytes 5\r\n226 Transfer complete.\r\n");
/// ```
pub fn write_facts(dialect: Dialect, meaning: Meaning, facts: &[String], last: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for fact in facts {
        out.extend(write_open(dialect, meaning, fact.as_bytes()));
    }
    out.extend(write(dialect, meaning, &[last]));
    out
}

/// Writes one line of a reply whose last line follows later: `nnn-text`.
pub fn write_open(dialect: Dialect, meaning: Meaning, text: &[u8]) -> Vec<u8> {
    let mut line = write(dialect, meaning, &[text]);
    if let Some(separator) = line.get_mut(3) {
        *separator = b'-';
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Rfc354, Rfc959};

    #[test]
    fn a11_inner_lines_cannot_be_taken_for_the_end() {
        assert_eq!(
            write(Rfc959, Meaning::Features, &[b"Features", b"SIZE", b"211 trap", b"End"]),
            b"211-Features\r\n SIZE\r\n 211 trap\r\n211 End\r\n"
        );
        assert_eq!(write(Rfc354, Meaning::Features, &[b"a", b"b"]), b"200-a\r\n200 b\r\n");
    }

    #[test]
    fn a11_a_line_of_a_listing_stands_as_it_is_unless_it_begins_with_a_digit() {
        assert_eq!(write_inner(b"-rw-r--r-- a\rb"), b"-rw-r--r-- a%0Db\r\n");
        assert_eq!(write_inner(b"213 trap"), b" 213 trap\r\n");
    }

    #[test]
    fn one_line_is_one_line_in_both_dialects() {
        assert_eq!(write(Rfc959, Meaning::Ready, &[b"hello"]), b"220 hello\r\n");
        assert_eq!(write(Rfc354, Meaning::Ready, &[b"hello"]), b"300 hello\r\n");
        assert_eq!(write(Rfc959, Meaning::Okay, &[]), b"200 \r\n");
    }

    #[test]
    fn control_characters_cannot_begin_another_reply() {
        assert_eq!(write(Rfc959, Meaning::NotFound, &[b"a\r\n226 b\0\x7f"]), b"550 a%0D%0A226 b%00%7F\r\n");
        assert_eq!(write(Rfc959, Meaning::NotFound, &[b"\xff"]), b"550 \xff\xff\r\n");
    }

    #[test]
    fn every_fact_is_a_line_before_the_last_one() {
        let facts = ["Bytes 5".to_owned(), "Peer 192.0.2.1:4".to_owned()];
        let write = |facts: &[String]| write_facts(Rfc959, Meaning::Transferred, facts, b"Done.");
        assert_eq!(write(&facts), b"226-Bytes 5\r\n226-Peer 192.0.2.1:4\r\n226 Done.\r\n");
        assert_eq!(write(&[]), b"226 Done.\r\n");
    }
}
