//! What a client of the session knows: how many commands it has sent, and which replies have come.

use super::super::script::contains;
use super::lines::{ACCOUNT, PASSWORD, SECRET_DIGITS};
use ftp_proto::reply::ReplyReader;
use ftp_proto::wire::{Item, LineReader};

/// What no reply and no text for a log may show.
const SECRETS: [&str; 3] = [PASSWORD, ACCOUNT, SECRET_DIGITS];
/// How the names of directories begin that are made in order.
const DIRECTORY: &str = "order-";
/// The longest command line that a server takes.
const LINE_LIMIT: usize = 4352;

/// The client's end of the control connection.
pub(super) struct Client {
    sent: LineReader,
    /// Whether a line may have begun.
    pub(super) begun: bool,
    /// How many lines were sent that have a final reply.
    lines: usize,
    replies: ReplyReader,
    /// How many final replies have come, the greeting not counted.
    finals: usize,
    /// The code of the last reply.
    pub(super) last_code: u16,
    greeted: bool,
    /// Whether the script itself contains a secret, so that a reply may repeat it.
    knows_secrets: bool,
    /// The number in the name of the directory that was made last, and in the one that a reply told of last.
    made: (u32, u32),
}

impl Client {
    pub(super) fn new(data: &[u8]) -> Self {
        Self {
            sent: LineReader::new(LINE_LIMIT),
            begun: false,
            lines: 0,
            replies: ReplyReader::new(),
            finals: 0,
            last_code: 0,
            greeted: false,
            knows_secrets: SECRETS.iter().chain([&DIRECTORY]).any(|secret| contains(data, secret)),
            made: (0, 0),
        }
    }

    /// Takes note of bytes that are sent, of which one line end is the last.
    pub(super) fn sends(&mut self, bytes: &[u8]) {
        self.sent.push(bytes);
        self.begun = true;
        while let Some(item) = self.sent.next() {
            self.begun = matches!(item, Item::Respond(_));
            self.lines += usize::from(!self.begun);
        }
    }

    /// The command that makes the next directory. The replies to these commands show in which order all replies come.
    pub(super) fn next_directory(&mut self) -> String {
        self.made.0 += 1;
        format!("MKD {DIRECTORY}{}", self.made.0)
    }

    /// TLS begins or ends: what was not answered yet is dropped.
    pub(super) fn begins_anew(&mut self) {
        self.sent = LineReader::new(LINE_LIMIT);
        self.begun = false;
        self.lines = self.finals;
    }

    /// How many lines have no final reply yet.
    pub(super) const fn owed(&self) -> usize {
        self.lines.saturating_sub(self.finals)
    }

    /// Takes bytes of the server: the answer to a Telnet option, or the beginning or the rest of a reply.
    pub(super) fn hears(&mut self, bytes: &[u8]) {
        self.judge(bytes);
        self.replies.push(bytes);
        while let Some(reply) = self.replies.next().expect("a server speaks FTP") {
            if !std::mem::replace(&mut self.greeted, true) {
                continue;
            }
            self.last_code = reply.code.0;
            self.finals += usize::from(reply.code.0 >= 200);
            let text = std::str::from_utf8(reply.text()).ok().and_then(|text| text.strip_suffix("\" made"));
            let made = text.and_then(|path| path.split_once(DIRECTORY)?.1.parse().ok());
            if let Some(made) = made.filter(|_| !self.knows_secrets) {
                assert!(made > self.made.1 && made <= self.made.0, "replies overtake each other");
                self.made.1 = made;
            }
        }
    }

    /// At rest, without a command under way: every line has had its reply.
    pub(super) fn expects_nothing(&self) {
        assert_eq!(self.finals, self.lines, "every command has one final reply");
        assert!(!self.replies.has_unread(), "the last reply has an end");
    }

    /// Checks a text that people or logs see.
    pub(super) fn judge(&self, text: &[u8]) {
        let shown = SECRETS.iter().find(|secret| contains(text, secret));
        assert!(self.knows_secrets || shown.is_none(), "{shown:?} is shown in {}", text.escape_ascii());
    }
}
