//! What the machine has to say, in order: replies, requests and events until the driver takes them.

use super::ask::{Ask, Event, Output, Ticket};
use crate::dialect::Dialect;
use crate::reply::{self, Meaning};
use crate::wire::PathName;
use std::collections::VecDeque;

/// Outputs that wait for `poll`, and the tickets of the session.
#[derive(Debug)]
pub(super) struct Outbox {
    dialect: Dialect,
    outputs: VecDeque<Output>,
    last_ticket: u64,
}

impl Outbox {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self { dialect, outputs: VecDeque::new(), last_ticket: 0 }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A ticket that was never used in this session.
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

    /// Octets that are no reply: answers to Telnet options.
    pub(super) fn send(&mut self, octets: Vec<u8>) {
        self.outputs.push_back(Output::Send(octets));
    }

    /// A reply of one line.
    pub(super) fn reply(&mut self, meaning: Meaning, text: impl AsRef<[u8]>) {
        self.reply_lines(meaning, &[text.as_ref()]);
    }

    /// A reply of any number of lines.
    pub(super) fn reply_lines(&mut self, meaning: Meaning, lines: &[&[u8]]) {
        self.reply_octets(reply::write(self.dialect, meaning, lines));
    }

    /// A final reply with facts before its last line, in one piece.
    pub(super) fn reply_facts(&mut self, meaning: Meaning, facts: &[String], last: &str) {
        self.reply_octets(reply::write_facts(self.dialect, meaning, facts, last.as_bytes()));
    }

    fn reply_octets(&mut self, octets: Vec<u8>) {
        let first = octets.split(|&o| o == b'\r').next().unwrap_or_default();
        let shown = PathName::from_wire(first).map_or_else(|_| String::new(), |line| line.display());
        self.event(Event::Replied(shown));
        self.send(octets);
    }

    /// The end: what was promised is flushed, nothing comes after it.
    pub(super) fn close(&mut self) {
        self.outputs.push_back(Output::Close);
    }

    /// The control connection is gone: nobody reads what waits here.
    pub(super) fn discard(&mut self) {
        self.outputs.retain(|output| matches!(output, Output::Event(_)));
    }
}
