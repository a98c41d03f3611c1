//! The line reader with the command parser, and the reply reader.

use super::input::{choice, pieces};
use ftp_proto::address;
use ftp_proto::command::{VERBS, parse};
use ftp_proto::dialect::Dialect;
use ftp_proto::feature::Capabilities;
use ftp_proto::reply::{Meaning, NotFtp, Reply, ReplyReader, blame, classify, write};
use ftp_proto::wire::{Item, LineReader};
use std::iter::from_fn;

/// The longest command line that the reader under test accepts.
const LINE_LIMIT: usize = 64;

/// Bytes of a client become lines and commands.
///
/// The pieces in which they arrive make no difference, no line is longer than the limit, and a command
/// that was read can be written and read again unless it holds LF or NUL, which are never sent.
pub fn commands(data: &[u8]) {
    let (choice, data) = choice(data);
    let dialect = dialect(choice);
    let items = lines(std::iter::once(data), LINE_LIMIT);
    assert_eq!(lines(pieces(data, choice), LINE_LIMIT), items, "the pieces make a difference");
    for item in items {
        let Item::Line(line) = item else { continue };
        assert!(line.len() <= LINE_LIMIT, "a line of {} bytes", line.len());
        let Ok(command) = parse(&line, dialect) else { continue };
        assert!(!command.redacted(dialect).contains(char::is_control), "a log line would break");
        if line.contains(&b'\n') || line.contains(&0) {
            continue; // a client can send them, ours does not
        }
        let written = command.to_line(dialect);
        let read = lines(std::iter::once(written.as_slice()), 4 * LINE_LIMIT);
        let [Item::Line(line)] = read.as_slice() else { panic!("{command:?} is written as {read:?}") };
        assert_eq!(parse(line, dialect).as_ref(), Ok(&command), "written as {}", line.escape_ascii());
    }
}

/// Bytes of a server become replies.
///
/// The pieces in which they arrive make no difference, what is shown of a reply is one line, every
/// reader of reply texts accepts it, and its lines survive being sent by a server of ours.
pub fn replies(data: &[u8]) {
    let (choice, data) = choice(data);
    let dialect = dialect(choice);
    let replies = read_replies(std::iter::once(data));
    assert_eq!(read_replies(pieces(data, choice)), replies, "the pieces make a difference");
    for reply in replies.into_iter().flatten() {
        assert!(!reply.lines.is_empty() && reply.code.0 < 1000, "{reply:?}");
        assert!(!reply.display().contains(char::is_control), "a log line would break");
        for row in VERBS {
            let _ = classify(dialect, row.verb, reply.code);
            let _ = blame(dialect, row.verb, &reply);
        }
        let _ = Capabilities::from_reply(dialect, &reply);
        for line in &reply.lines {
            assert_ne!(address::parse_255(line), Some(0), "port 0 cannot be reached");
            let _ = (address::parse_227(line), address::parse_229(line));
        }
        let texts: Vec<&[u8]> = reply.lines.iter().map(Vec::as_slice).collect();
        let written = write(dialect, Meaning::SystemStatus, &texts);
        let read = read_replies(std::iter::once(written.as_slice()));
        let [Ok(again)] = read.as_slice() else { panic!("one reply is read as {read:?}") };
        assert_eq!(again.code, Meaning::SystemStatus.code(dialect));
        assert_eq!(again.lines.len(), reply.lines.len(), "a line was lost or added");
    }
}

const fn dialect(choice: u8) -> Dialect {
    if choice >= 128 { Dialect::Rfc354 } else { Dialect::Rfc959 }
}

fn lines<'a>(pieces: impl Iterator<Item = &'a [u8]>, limit: usize) -> Vec<Item> {
    let mut reader = LineReader::new(limit);
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(piece);
        items.extend(from_fn(|| reader.next()));
    }
    items
}

/// Everything up to the first failure, after which a reader stays failed.
fn read_replies<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Reply, NotFtp>> {
    let mut reader = ReplyReader::new();
    let mut replies = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(reply) = reader.next().transpose() {
            let failed = reply.is_err();
            replies.push(reply);
            if failed {
                return replies;
            }
        }
    }
    replies
}
