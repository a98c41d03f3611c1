//! What the machine has to say, in order: replies, requests and events until the driver takes them.

use super::ask::{Answer, Ask, ConnId, Ending, Event, Output, Ticket};
use crate::dialect::Dialect;
use crate::reply::{self, Meaning};
use crate::wire::show;
use std::collections::VecDeque;

/// Outputs that wait for `poll`, and the tickets of the session.
#[derive(Debug)]
pub(super) struct Outbox {
    dialect: Dialect,
    outputs: VecDeque<Output>,
    last_ticket: u64,
    /// Whether replies are dropped, because the control connection is gone.
    drops_replies: bool,
}

impl Outbox {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self { dialect, outputs: VecDeque::new(), last_ticket: 0, drops_replies: false }
    }

    /// The next output. When there is none, nothing is kept for those to come: most sessions wait.
    pub(super) fn pop(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            self.outputs = VecDeque::new();
        }
        output
    }

    /// A ticket that this session has not used yet.
    pub(super) const fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.outputs.push_back(Output::Ask(ask));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Closes a data connection with a reset, which no peer takes for the end of a file.
    pub(super) fn reset(&mut self, conn: ConnId) {
        self.ask(Ask::Drop { conn, how: Ending::Reset });
    }

    /// Disposes of an answer that came too late: a connection in it must not stay open.
    pub(super) fn unwanted(&mut self, answer: Answer) {
        if let Answer::Connected { conn } = answer {
            self.reset(conn);
        }
    }

    /// Bytes that are no reply: answers to Telnet options.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if !self.drops_replies {
            self.outputs.push_back(Output::Send(bytes));
        }
    }

    /// A reply of one line.
    pub(super) fn reply(&mut self, meaning: Meaning, text: impl AsRef<[u8]>) {
        self.reply_lines(meaning, &[text.as_ref()]);
    }

    /// The first line of a reply, or one more line before its last one: `nnn-text`.
    pub(super) fn begin_reply(&mut self, meaning: Meaning, text: &str) {
        self.reply_bytes(reply::write_open(self.dialect, meaning, text.as_bytes()));
    }

    /// A reply of any number of lines.
    pub(super) fn reply_lines(&mut self, meaning: Meaning, lines: &[&[u8]]) {
        self.reply_bytes(reply::write(self.dialect, meaning, lines));
    }

    /// A final reply with facts before its last line, in one piece.
    pub(super) fn reply_facts(&mut self, meaning: Meaning, facts: &[String], last: &str) {
        self.reply_bytes(reply::write_facts(self.dialect, meaning, facts, last.as_bytes()));
    }

    /// A block of status lines under the heading `first`. In 1973 a final 200 follows it (A12).
    pub(super) fn status(&mut self, meaning: Meaning, first: &str, lines: &[impl AsRef<[u8]>]) {
        let mut block: Vec<&[u8]> = vec![first.as_bytes()];
        block.extend(lines.iter().map(AsRef::as_ref));
        match self.dialect {
            Dialect::Rfc959 => {
                block.push(b"End");
                self.reply_lines(meaning, &block);
            }
            Dialect::Rfc354 => {
                self.reply_lines(meaning, &block);
                self.reply(Meaning::StatusEnd, "End");
            }
        }
    }

    /// A reply that the driver sends with what it is asked for next.
    pub(super) fn compose(&mut self, meaning: Meaning, lines: &[&[u8]]) -> Vec<u8> {
        let bytes = reply::write(self.dialect, meaning, lines);
        self.tell(&bytes);
        bytes
    }

    /// A block of lines that clients read as those of LIST: they stand in the reply without a blank before
    /// them, and none begins with a digit.
    pub(super) fn listing(&mut self, meaning: Meaning, first: &str, lines: &[Vec<u8>], last: &str) {
        let mut bytes = reply::write_open(self.dialect, meaning, first.as_bytes());
        for line in lines {
            bytes.extend(reply::write_inner(line));
        }
        match self.dialect {
            Dialect::Rfc959 => {
                bytes.extend(reply::write(self.dialect, meaning, &[last.as_bytes()]));
                self.reply_bytes(bytes);
            }
            Dialect::Rfc354 => {
                bytes.extend(reply::write(self.dialect, meaning, &[b"End"]));
                self.reply_bytes(bytes);
                self.reply(Meaning::StatusEnd, last);
            }
        }
    }

    fn reply_bytes(&mut self, bytes: Vec<u8>) {
        if self.drops_replies {
            return;
        }
        self.tell(&bytes);
        self.send(bytes);
    }

    /// Tells the log about a reply.
    fn tell(&mut self, bytes: &[u8]) {
        let first = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
        self.event(Event::Replied(show(first)));
    }

    /// Closes the control connection after flushing; nothing is queued later.
    pub(super) fn close(&mut self) {
        self.outputs.push_back(Output::Close);
    }

    /// Drops all replies from now on: the session is over for its client, and goes on.
    pub(super) const fn say_nothing_more(&mut self) {
        self.drops_replies = true;
    }

    /// The same where the control connection is gone: what was not sent yet is dropped, too.
    pub(super) fn drop_replies(&mut self) {
        self.say_nothing_more();
        self.outputs.retain(|output| !matches!(output, Output::Send(_)));
    }

    /// Whether replies are dropped.
    pub(super) const fn drops_replies(&self) -> bool {
        self.drops_replies
    }

    /// Drops everything but events: the control connection is gone.
    pub(super) fn discard(&mut self) {
        self.outputs.retain(|output| matches!(output, Output::Event(_)));
    }
}
