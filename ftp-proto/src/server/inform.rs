//! STAT, HELP, FEAT, and the listings that travel over a data connection.

use super::ask::{Ask, FileAsk, ListStyle};
use super::session::Session;
use super::sockets::Target;
use super::state::{FileUse, Work};
use super::transfer::Phase;
use crate::command::verbs::Served;
use crate::command::{DataType, Direction, VERBS, Verb};
use crate::dialect::Dialect;
use crate::feature;
use crate::listing::{Entry, FACTS, Kind, facts_line};
use crate::reply::Meaning;
use crate::timer::Timer;
use crate::wire::PathName;

/// Entries that STAT shows on the control connection at most.
const MAX_STATUS_ENTRIES: usize = 200;

impl Session {
    /// LIST. Options as `ls` has them are what many clients send; they change nothing.
    pub(super) fn list_long(&mut self, name: Option<&PathName>) {
        let name = name.and_then(without_options);
        self.list(Verb::List, name.as_ref(), ListStyle::Long);
    }

    /// NLST: every name as RETR takes it (E19).
    pub(super) fn list_names(&mut self, name: Option<&PathName>) {
        let name = name.and_then(without_options);
        let mut prefix = name.as_ref().map_or_else(Vec::new, |name| name.as_bytes().to_vec());
        if prefix.last().is_some_and(|&last| last != b'/') {
            prefix.push(b'/');
        }
        self.list(Verb::Nlst, name.as_ref(), ListStyle::Names { prefix });
    }

    /// MLSD.
    pub(super) fn list_facts(&mut self, name: Option<&PathName>) {
        let facts = self.parameters.facts.clone();
        self.list(Verb::Mlsd, name, ListStyle::Facts(facts));
    }

    /// STAT: of the session, of the transfer under way, of a path.
    pub(super) fn stat(&mut self, name: Option<&PathName>) {
        if let Some(name) = name {
            if let Some(path) = self.resolve(name) {
                self.file(FileUse::Status(path.clone()), FileAsk::Facts(path));
            }
            return;
        }
        let Work::Transfer(transfer) = &mut self.work else {
            let lines = self.session_status();
            return self.status("Status", &lines);
        };
        // Nothing is shown of what happens at the other end (extensions, "No port scanner").
        let Phase::Moving(moving) = &mut transfer.phase else {
            return self.status_of_transfer(&["waiting".to_owned()]);
        };
        let ticket = self.out.ticket();
        moving.stat = Some(ticket);
        self.out.ask(Ask::Progress { ticket, of: moving.ticket });
        if !self.timers.is_armed(Timer::Question) {
            self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
        }
    }

    /// E09: progress of the transfer under way.
    pub(super) fn status_of_transfer(&mut self, lines: &[String]) {
        self.status("Transfer", lines);
    }

    /// A block of status lines; in 1973 a final 200 follows it (A12).
    fn status(&mut self, first: &str, lines: &[String]) {
        let mut block: Vec<&[u8]> = vec![first.as_bytes()];
        block.extend(lines.iter().map(String::as_bytes));
        self.status_block(Meaning::SystemStatus, &mut block);
    }

    fn status_block(&mut self, meaning: Meaning, block: &mut Vec<&[u8]>) {
        if self.config.dialect == Dialect::Rfc959 {
            block.push(b"End");
        }
        self.out.reply_lines(meaning, block);
        if self.config.dialect == Dialect::Rfc354 {
            self.out.reply(Meaning::StatusEnd, "End");
        }
    }

    fn session_status(&self) -> Vec<String> {
        let data_type = match self.parameters.data_type {
            DataType::Ascii => "A",
            DataType::Image => "I",
            DataType::Local8 | DataType::Unserved => "L 8",
        };
        let user = self.member().map_or(&b""[..], |member| &member.account.name);
        let mut lines = vec![
            format!("User {}", String::from_utf8_lossy(user)),
            format!("TYPE {data_type}, STRU F, MODE S, BYTE 8"),
        ];
        for (direction, name) in [(Direction::Send, "Sending"), (Direction::Receive, "Receiving")] {
            lines.push(match (self.sockets.listener(direction), self.sockets.target) {
                (Some(listener), _) => format!("{name}: listening on port {}", listener.port),
                (None, Target::Sock(to) | Target::Port(to)) => format!("{name}: to {to}"),
                (None, Target::None) => format!("{name}: no data socket"),
            });
        }
        if let Some(own) = &self.sockets.own {
            lines.push(format!("Data port {}", own.port));
        }
        lines
    }

    /// STAT of a path: a directory's entries are asked for, anything else is told.
    pub(super) fn status_of_entry(&mut self, path: PathName, mut entry: Entry) {
        if matches!(entry.kind, Kind::Directory | Kind::Current | Kind::Parent) {
            let ask = FileAsk::List(path.clone(), MAX_STATUS_ENTRIES);
            return self.file(FileUse::StatusOf(path), ask);
        }
        entry.name = path;
        self.status_of_entries(&[entry], false);
    }

    /// STAT of a directory.
    pub(super) fn status_of_entries(&mut self, entries: &[Entry], more: bool) {
        let lines: Vec<Vec<u8>> = entries
            .iter()
            .take(MAX_STATUS_ENTRIES)
            .map(|entry| facts_line(entry, self.parameters.facts.as_deref()))
            .collect();
        let mut block: Vec<&[u8]> = vec![b"Status"];
        block.extend(lines.iter().map(Vec::as_slice));
        if more || entries.len() > MAX_STATUS_ENTRIES {
            block.push(b"and more: send MLSD");
        }
        self.status_block(Meaning::FileStatus, &mut block);
    }

    /// HELP; in 1973 it also says what FEAT says (dialect-1973 section 13).
    pub(super) fn help(&mut self, verb: Option<&[u8]>) {
        if let Some(name) = verb {
            let row = Verb::named(name.trim_ascii()).and_then(Verb::row);
            return match row.filter(|row| row.served == Served::Yes) {
                Some(row) => {
                    let text = format!("{} {} ({})", row.name, row.syntax, row.source);
                    self.out.reply(Meaning::HelpText, text);
                }
                None => self.out.reply(Meaning::HelpText, "That command is not served here"),
            };
        }
        let served: Vec<&str> =
            VERBS.iter().filter(|row| row.served == Served::Yes).map(|row| row.name).collect();
        let mut lines = vec![format!("{} serves", self.config.software)];
        lines.extend(served.chunks(10).map(|names| names.join(" ")));
        if self.config.dialect == Dialect::Rfc354 {
            lines.extend(self.features());
        }
        lines.push("End".to_owned());
        self.lines(Meaning::HelpText, &lines);
    }

    /// FEAT (RFC 2389).
    pub(super) fn feat(&mut self) {
        let mut lines = vec!["Features".to_owned()];
        lines.extend(self.features());
        lines.push("End".to_owned());
        self.lines(Meaning::Features, &lines);
    }

    /// The feature lines, with what OPTS has chosen.
    fn features(&self) -> Vec<String> {
        let mut lines = feature::offered(self.parameters.algorithm);
        if let Some(chosen) = &self.parameters.facts
            && let Some(line) = lines.iter_mut().find(|line| line.starts_with("MLST "))
        {
            let star = |fact: &str| if chosen.contains(&fact.to_ascii_lowercase()) { "*" } else { "" };
            let facts: String = FACTS.iter().map(|fact| format!("{fact}{};", star(fact))).collect();
            *line = format!("MLST {facts}"); // RFC 3659 7.8
        }
        lines
    }

    fn lines(&mut self, meaning: Meaning, lines: &[String]) {
        let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        self.out.reply_lines(meaning, &lines);
    }
}

/// The name behind options like `-la`.
fn without_options(name: &PathName) -> Option<PathName> {
    let mut rest = name.as_bytes();
    while rest.starts_with(b"-") {
        rest =
            rest.iter().position(|&o| o == b' ').and_then(|blank| rest.get(blank + 1..)).unwrap_or_default();
    }
    PathName::from_wire(rest).ok()
}
