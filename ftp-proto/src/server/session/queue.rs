//! What the client sends: bytes become lines, and lines become commands that wait for their turn, behind a question or behind a
//! transfer (A06, B22), and may run then or not, according to the row of their verb.
//!
//! The queue is bounded in commands and in bytes, so that no client can make the server hold more. While
//! nothing moves, a line that does not fit is not read yet, so that every command is carried out. During a
//! transfer every line must be read, because ABOR may be among them: what does not fit is counted and
//! refused in its turn, so that every command gets its reply in order.
//!
//! HTTP and TLS clients are detected. A web page may have sent a browser here, so nothing of what they say is executed.

use crate::command::verbs::{Busy, Login, ServerSupport};
use crate::command::{Command, CommandError, Direction, Fault, Verb, parse};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::server::ask::Event;
use crate::server::context::Context;
use crate::server::transfer::request::{direction_of, moves_data};
use crate::server::{login, setup, tls};
use crate::wire::{Item, LineReader};
use std::collections::VecDeque;

/// How many more commands may wait that are done at once (ABOR, STAT, BYE).
const MAX_URGENT: usize = 8;
/// How many bytes of an unknown command the log shows.
const MAX_SHOWN: usize = 32;
/// Commands whose argument is a secret.
const SECRET: [Verb; 3] = [Verb::Pass, Verb::Acct, Verb::Rndz];

/// Something that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum QueuedLine {
    /// A command that was parsed.
    Command(Command),
    /// A line that is no command, and its first word for the log.
    BadLine(CommandError, String),
    /// A line that was too long and has been dropped (A13).
    TooLong,
    /// This many commands that came while the queue was full.
    Overflow(u64),
}

/// The commands that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Each with the length of its line.
    items: VecDeque<(QueuedLine, usize)>,
    bytes: usize,
}

impl Queue {
    /// Parses a line and takes it in.
    pub(super) fn push_line(&mut self, line: &[u8], dialect: Dialect) {
        let waiting = match parse(line, dialect) {
            Ok(command) => QueuedLine::Command(command),
            Err(error) => QueuedLine::BadLine(error, first_word(line)),
        };
        self.push(waiting, line.len());
    }

    /// Takes in a line that was too long.
    pub(super) fn push_too_long(&mut self) {
        self.push(QueuedLine::TooLong, 0);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a line that comes now might not fit.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= Command::MAX_WAITING
            || self.bytes > Command::MAX_WAITING_BYTES - Command::MAX_LINE
    }

    fn push(&mut self, waiting: QueuedLine, bytes: usize) {
        let full = self.items.len() >= Command::MAX_WAITING
            || self.bytes > 0 && self.bytes + bytes > Command::MAX_WAITING_BYTES;
        let urgent = waiting.busy() == Busy::Now && self.items.len() < Command::MAX_WAITING + MAX_URGENT;
        if !full || urgent {
            self.bytes += bytes;
            self.items.push_back((waiting, bytes));
        } else if let Some((QueuedLine::Overflow(count), _)) = self.items.back_mut() {
            *count = count.saturating_add(1);
        } else {
            self.items.push_back((QueuedLine::Overflow(1), 0));
        }
    }

    /// Takes out the next one.
    pub(super) fn pop(&mut self) -> Option<QueuedLine> {
        self.take(0)
    }

    /// Takes out the first one that need not wait any longer.
    pub(super) fn pop_unless(&mut self, waits: impl Fn(&QueuedLine) -> bool) -> Option<QueuedLine> {
        let index = self.items.iter().position(|(waiting, _)| !waits(waiting))?;
        self.take(index)
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn take(&mut self, index: usize) -> Option<QueuedLine> {
        if let Some((QueuedLine::Overflow(count), _)) = self.items.get_mut(index)
            && *count > 1
        {
            *count -= 1;
            return Some(QueuedLine::Overflow(1));
        }
        let (waiting, bytes) = self.items.remove(index)?;
        self.bytes -= bytes;
        if self.items.is_empty() {
            self.items = VecDeque::new(); // most sessions wait, and hold nothing for what is to come
        }
        Some(waiting)
    }
}

impl QueuedLine {
    /// The verb of the line, even if its argument is wrong.
    pub(super) const fn verb(&self) -> Option<Verb> {
        match self {
            Self::Command(command) => Some(command.verb()),
            Self::BadLine(error, _) => error.verb,
            Self::TooLong | Self::Overflow(_) => None,
        }
    }

    /// Whether it waits for the end of a transfer.
    pub(super) fn waits_for_transfer(&self, dialect: Dialect) -> bool {
        match self.verb() {
            // RFC 959: the reply comes after that of the transfer. BYE of 1973 has one of its own (A21).
            Some(Verb::Quit) => dialect == Dialect::Rfc959,
            Some(Verb::Abor) => !self.is_abort(),
            // STAT of a path is a question about files, not about the transfer.
            Some(Verb::Stat) => !self.is_status(),
            Some(_) | None => self.busy() == Busy::Queue,
        }
    }

    /// Whether it is a transfer command, served or not.
    pub(super) fn moves_data(&self) -> bool {
        match self {
            Self::Command(Command::Pack(pack)) => pack.direction().is_some(),
            Self::Command(_) | Self::BadLine(..) | Self::TooLong | Self::Overflow(_) => {
                self.verb().is_some_and(moves_data)
            }
        }
    }

    /// In which directions a transfer command would have moved data, seen from this server. A PACK that is no
    /// command may have meant either.
    pub(super) fn directions(&self) -> &'static [Direction] {
        let direction = match self {
            Self::Command(Command::Pack(pack)) => pack.direction(),
            Self::BadLine(error, _) if error.verb == Some(Verb::Pack) => {
                return &[Direction::Send, Direction::Receive];
            }
            Self::Command(_) | Self::BadLine(..) | Self::TooLong | Self::Overflow(_) => {
                self.verb().and_then(direction_of)
            }
        };
        match direction {
            Some(Direction::Send) => &[Direction::Send],
            Some(Direction::Receive) => &[Direction::Receive],
            None => &[],
        }
    }

    /// Whether it is ABOR of what this session does.
    pub(super) const fn is_abort(&self) -> bool {
        matches!(self, Self::Command(Command::Abor))
    }

    /// Whether it asks what this session does.
    pub(super) const fn is_status(&self) -> bool {
        matches!(self, Self::Command(Command::Stat(None)))
    }

    /// What the verb table says about it during a transfer.
    fn busy(&self) -> Busy {
        self.verb().and_then(Verb::row).map_or(Busy::Queue, |row| row.busy)
    }

    /// The line for the log, without secrets.
    pub(super) fn shown(&self, dialect: Dialect) -> Option<String> {
        match self {
            Self::Command(command) => Some(command.redacted(dialect)),
            Self::BadLine(_, word) => Some(word.clone()),
            Self::TooLong | Self::Overflow(_) => None,
        }
    }
}

/// The first word of a line that is no command. What follows it may be a secret, whatever separates the two, and also if
/// nothing does: of a word that begins with the name of a command with a secret only this name is shown.
fn first_word(line: &[u8]) -> String {
    let line = line.trim_ascii_start();
    let word = line.split(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
    let begins_with = |verb: &Verb| {
        word.get(..verb.name().len()).filter(|begin| begin.eq_ignore_ascii_case(verb.name().as_bytes()))
    };
    let word = SECRET.iter().find_map(begins_with).unwrap_or(word);
    let word = word.get(..MAX_SHOWN).unwrap_or(word);
    String::from_utf8_lossy(word).into_owned()
}

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
        if self.is_new && bytes.first() == Some(&HANDSHAKE) {
            return Err(OtherProtocol("TLS"));
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
                if is_http(line) {
                    return Err(OtherProtocol("HTTP"));
                }
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

/// What a line must begin with to be a request of HTTP (RFC 9110 9).
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];

/// The first byte of a TLS handshake record (RFC 8446 5.1).
const HANDSHAKE: u8 = 22;

/// Whether the first line of a client is a request of HTTP.
fn is_http(line: &[u8]) -> bool {
    let line = line.to_ascii_uppercase();
    METHODS.iter().any(|method| line.starts_with(method)) || line.starts_with(b"PRI * HTTP/")
}

/// What the row of a line's verb says: whether it is served, needs a login, is possible during a transfer
/// (`busy`). If not, the reply has been sent. A line without a verb may be said.
pub(super) fn may_run(cx: &mut Context, waiting: &QueuedLine, busy: bool) -> bool {
    let Some((verb, row)) = waiting.verb().and_then(|verb| Some((verb, verb.row()?))) else { return true };
    if row.served == ServerSupport::No || !tls::serves(&cx.config, verb) {
        reply_not_implemented(cx, verb);
    } else if matches!(verb, Verb::User | Verb::Pass) && tls::must_send_auth(cx) {
        if let QueuedLine::Command(Command::User(name)) = waiting
            && !std::mem::replace(&mut cx.told_clear_login, true)
        {
            cx.out.event(Event::LoginInClear { name: name.clone() });
        }
        cx.out.reply(Meaning::NotLoggedIn, "Send AUTH TLS first: nobody logs in in clear here");
    } else if row.login == Login::After && cx.user().is_none() {
        login::missing(cx);
    } else if waiting.moves_data() && tls::must_send_prot(cx) {
        cx.out.event(Event::DataInClear { verb });
        cx.out.reply(Meaning::DataInClear, "Send PBSZ 0 and PROT P first: no data in clear here");
    } else if row.busy == Busy::Refuse && busy {
        let text = format!("{} is not possible during a transfer", row.name); // B22
        cx.out.reply(Meaning::WhileTransfer, text);
    } else {
        return true;
    }
    false
}

/// Says what is wrong with a line.
pub(super) fn reply_bad_line(cx: &mut Context, CommandError { verb, fault }: &CommandError) {
    let (meaning, text) = match fault {
        Fault::Unknown => (Meaning::Unrecognised, "That command is not known"),
        Fault::Empty if cx.config.dialect == Dialect::Rfc354 => (Meaning::Okay, "Blank line ignored"),
        Fault::Empty => (Meaning::Unrecognised, "A command was expected"),
        Fault::Syntax => (Meaning::Syntax, "That argument is not understood"),
        Fault::Missing => (Meaning::Missing, "An argument is missing"),
        // TENEX: "503 Host number out of range 0 - 255.", "503 Socket number out of range."
        Fault::UnknownHost => (Meaning::OutOfRange, "Host number out of range"),
        Fault::OutOfRange => (Meaning::OutOfRange, "Number out of range"),
        Fault::NotAPort => (Meaning::NotAPort, "That socket number is no port"),
        Fault::Unserved => (Meaning::ParameterNotImplemented, "That value is not served here"),
        Fault::BadName => (Meaning::Syntax, "A name cannot contain NUL or a line feed"),
    };
    if *verb == Some(Verb::Sock) {
        setup::drop_sock(cx); // B06
    }
    if *verb == Some(Verb::Rang) {
        cx.parameters.range = None; // draft-bryan-ftp-range 3
    }
    cx.out.reply(meaning, text);
}

/// The reply to a verb that is known but not served.
pub(super) fn reply_not_implemented(cx: &mut Context, verb: Verb) {
    cx.out.reply(Meaning::NotImplemented, format!("{} is not implemented here", verb.name()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Opts;

    fn push(queue: &mut Queue, line: &[u8]) {
        queue.push_line(line, Dialect::Rfc959);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_refused_in_its_turn() {
        let mut queue = Queue::default();
        for _ in 0..Command::MAX_WAITING {
            push(&mut queue, b"NOOP");
        }
        for _ in 0..3 {
            push(&mut queue, b"NOOP");
        }
        push(&mut queue, b"ABOR");
        for _ in 0..Command::MAX_WAITING {
            assert_eq!(queue.pop(), Some(QueuedLine::Command(Command::Noop)));
        }
        for _ in 0..3 {
            assert_eq!(queue.pop(), Some(QueuedLine::Overflow(1)));
        }
        assert_eq!(queue.pop(), Some(QueuedLine::Command(Command::Abor)));
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn long_lines_fill_the_queue_sooner() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            push(&mut queue, &[b"CWD ".as_slice(), &[b'x'; 4000]].concat());
        }
        assert!(queue.bytes <= Command::MAX_WAITING_BYTES);
        assert!(queue.items.len() < 8);
    }

    #[test]
    fn a_command_needs_little_more_memory_than_its_line() {
        let mut queue = Queue::default();
        push(&mut queue, format!("OPTS MLST {}", "a;".repeat(2000)).as_bytes());
        let Some(QueuedLine::Command(Command::Opts(Opts::Mlst(facts)))) = queue.pop() else {
            panic!("OPTS MLST is understood")
        };
        assert_eq!(facts.len(), 64);
    }

    #[test]
    fn a_line_that_is_no_command_shows_only_its_first_word() {
        let mut queue = Queue::default();
        push(&mut queue, b"PSAS secret");
        push(&mut queue, &[b'x'; 100]);
        let shown = |waiting: Option<QueuedLine>| waiting.and_then(|waiting| waiting.shown(Dialect::Rfc959));
        assert_eq!(shown(queue.pop()).as_deref(), Some("PSAS"));
        assert_eq!(shown(queue.pop()), Some("x".repeat(MAX_SHOWN)));
    }

    #[test]
    fn no_separator_brings_a_secret_into_the_log() {
        for dialect in [Dialect::Rfc959, Dialect::Rfc354] {
            for (line, expect) in [
                (b"PASS\tsecret".as_slice(), "PASS"),
                (b"PASS\x0bsecret", "PASS"),
                (b"PASS:secret", "PASS"),
                (b"pass=secret", "pass"),
                (b"PASS\xc2\xa0secret", "PASS"),
                (b"ACCT\tsecret", "ACCT"),
                (b"RNDZ\t00112233445566778899aabbccddeeff", "RNDZ"),
                (b"PASSsecret", "PASS"),
                (b"rndz0011", "rndz"),
                (b"\tPASS secret", "PASS"),
                (b"\xff\xf4swordfish", ""),
                (b" PSAS secret", "PSAS"),
                (b"ADAT c2VjcmV0", "ADAT ***"),
                (b"ENC c2VjcmV0", "ENC ***"),
                (b"QUOT PASS secret", "QUOT ***"),
            ] {
                let mut queue = Queue::default();
                queue.push_line(line, dialect);
                let shown = queue.pop().and_then(|waiting| waiting.shown(dialect));
                assert_eq!(shown.as_deref(), Some(expect), "{}", String::from_utf8_lossy(line));
            }
        }
    }

    #[test]
    fn http_is_told_from_ftp() {
        for line in ["GET / HTTP/1.1", "post /x HTTP/1.0", "PRI * HTTP/2.0", "OPTIONS * HTTP/1.1"] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in ["USER get ", "OPTS UTF8 ON", "NOOP", "GETX", ""] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }
}
