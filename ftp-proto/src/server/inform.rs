//! STAT of the session, HELP and FEAT: what the server says about itself.

use super::ask::{Answer, Ask};
use super::context::{Context, Login, Question};
use super::sockets::Target;
use super::tls;
use crate::command::verbs::{Row, ServerSupport};
use crate::command::{DataType, Direction, Site, VERBS, Verb};
use crate::dialect::Dialect;
use crate::feature;
use crate::listing::{FACTS, SELDOM};
use crate::reply::Meaning;

/// STAT without an argument that waits for the limits of the server.
#[derive(Debug)]
pub(super) struct Status;

/// STAT without an argument while no transfer is under way. Accounts that may see them see the limits of the
/// server as well.
pub(super) fn stat(cx: &mut Context) -> Option<Question<Status>> {
    if cx.user().is_some_and(|user| user.account.admin) {
        return Some(cx.question(Status, Ask::Limits));
    }
    say_status(cx, Vec::new());
    None
}

impl Status {
    /// Handles the driver's answer.
    pub(super) fn answered(self, cx: &mut Context, answer: Answer) {
        let Answer::Limits(limits) = answer else { return cx.unexpected(answer) };
        say_status(cx, limits);
    }
}

fn say_status(cx: &mut Context, limits: Vec<String>) {
    let mut lines = session_status(cx);
    lines.extend(limits.into_iter().map(|limit| format!("Limit {limit}")));
    cx.out.status(Meaning::SystemStatus, "Status", &lines);
}

fn session_status(cx: &Context) -> Vec<String> {
    let data_type = match cx.parameters.data_type {
        DataType::Ascii => "A",
        DataType::Image => "I",
        DataType::Local8 | DataType::Unserved => "L 8",
    };
    let user = cx.user().map_or(&b""[..], |user| &user.account.name);
    let mut lines = vec![
        format!("User {}", String::from_utf8_lossy(user)),
        format!("TYPE {data_type}, STRU F, MODE {}, BYTE 8", cx.parameters.mode.letter()),
    ];
    for (direction, name) in [(Direction::Send, "Sending"), (Direction::Receive, "Receiving")] {
        lines.push(match (cx.sockets.listener(direction), cx.sockets.targets.of(direction)) {
            (Some(listener), _) => format!("{name}: listening on port {}", listener.port),
            (None, Target::Sock(to) | Target::Port(to)) => format!("{name}: to {to}"),
            (None, Target::None) => format!("{name}: no data socket"),
        });
    }
    if cx.sockets.symmetric {
        lines.push("RSYM ON".to_owned());
    }
    for (direction, name) in [(Direction::Send, "Sending"), (Direction::Receive, "Receiving")] {
        if let Some(kept) = cx.sockets.kept.get(direction) {
            lines.push(format!("{name}: an open data connection with {}", kept.address));
        }
    }
    if let Some(own) = &cx.sockets.own {
        lines.push(match own.sender {
            None => format!("Data port {}", own.port),
            Some(_) => format!("Data ports {} and {}", own.port, own.port_of(Direction::Send)),
        });
    }
    lines
}

/// HELP. In 1973 it also shows what FEAT shows (dialect-1973 section 13).
pub(super) fn help(cx: &mut Context, verb: Option<&[u8]>) {
    if let Some(name) = verb.map(<[u8]>::trim_ascii) {
        if let Some(word) = name.strip_prefix(b"SITE ")
            && let Some(line) = Site::line(word.trim_ascii(), cx.config.copies)
        {
            return cx.out.reply(Meaning::HelpText, format!("SITE {line}"));
        }
        let row = Verb::named(name).and_then(Verb::row);
        return match row.filter(|row| is_served(cx, row)) {
            Some(row) => {
                let text = format!("{} {} ({})", row.name, row.syntax, row.source);
                cx.out.reply(Meaning::HelpText, text);
            }
            None => cx.out.reply(Meaning::NotImplemented, "That command is not served here"),
        };
    }
    let served: Vec<&str> = VERBS.iter().filter(|row| is_served(cx, row)).map(|row| row.name).collect();
    let mut lines = vec![format!("{} serves", cx.config.software)];
    lines.extend(served.chunks(10).map(|names| names.join(" ")));
    if cx.config.dialect == Dialect::Rfc354 {
        lines.extend(features(cx));
    }
    lines.push("End".to_owned());
    say(cx, Meaning::HelpText, &lines);
}

/// Whether this listener serves the verb of `row`.
fn is_served(cx: &Context, row: &Row) -> bool {
    row.served == ServerSupport::Yes && tls::serves(&cx.config, row.verb)
}

/// HOST: every name leads to the one host that there is (RFC 7151). It comes before USER.
pub(super) fn host(cx: &mut Context, name: &[u8]) {
    match cx.login {
        Login::Nobody => {
            let text = [b"This is ", name].concat();
            let meaning = match cx.config.dialect {
                Dialect::Rfc354 => Meaning::Okay,
                Dialect::Rfc959 => Meaning::Ready, // RFC 7151 3.2
            };
            cx.out.reply(meaning, text);
        }
        Login::Named(_) | Login::Charged(..) | Login::User(_) => {
            cx.out.reply(Meaning::BadSequence, "HOST comes before USER")
        }
    }
}

/// LANG: replies are in English (RFC 2640 4.1).
pub(super) fn lang(cx: &mut Context, language: Option<&[u8]>) {
    let primary = language.map(|tag| tag.split(|byte| *byte == b'-').next().unwrap_or_default());
    match primary {
        Some(primary) if !primary.eq_ignore_ascii_case(b"en") => {
            cx.out.reply(Meaning::ParameterNotImplemented, "Replies are in English only");
        }
        Some(_) | None => cx.out.reply(Meaning::Okay, "Replies are in English"),
    }
}

/// CSID: what this server is.
pub(super) fn csid(cx: &mut Context) {
    let (name, version) = cx.config.software.split_once(' ').unwrap_or((&cx.config.software, ""));
    let text = format!("Name={name}; Version={version}; CaseSensitive=1; DirSep=/;");
    cx.out.reply(Meaning::Okay, text);
}

/// FEAT (RFC 2389).
pub(super) fn feat(cx: &mut Context) {
    let mut lines = vec!["Features".to_owned()];
    lines.extend(features(cx));
    lines.push("End".to_owned());
    say(cx, Meaning::Features, &lines);
}

/// The feature lines, with what OPTS has chosen.
fn features(cx: &Context) -> Vec<String> {
    let offer = feature::Offer {
        tls: tls::serves(&cx.config, Verb::Auth),
        copies: cx.config.copies,
        logged_in: cx.user().is_some(),
    };
    let mut lines = feature::offered(cx.parameters.algorithm, offer);
    if cx.config.dialect == Dialect::Rfc354 {
        lines.retain(|line| {
            !line.starts_with("DGST ") && !line.starts_with("PACK ") && line != feature::RANG_STOR
        });
    }
    if let Some(chosen) = &cx.parameters.facts
        && let Some(line) = lines.iter_mut().find(|line| line.starts_with("MLST "))
    {
        let star = |fact: &str| if chosen.contains(&fact.to_ascii_lowercase()) { "*" } else { "" };
        let facts: String = FACTS.iter().chain(SELDOM).map(|fact| format!("{fact}{};", star(fact))).collect();
        *line = format!("MLST {facts}"); // RFC 3659 7.8
    }
    lines
}

fn say(cx: &mut Context, meaning: Meaning, lines: &[String]) {
    let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
    cx.out.reply_lines(meaning, &lines);
}
