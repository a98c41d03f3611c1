//! What real servers say about names and directories that fail: one row for each server, failure and question.

use crate::broken_disk::{BrokenDisk, ERRORS, Fault, Part};
use crate::raw::Raw;
use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};

/// What is asked about: `disk/d/x`, which stands beside `disk/d/other`.
const NAME: &str = "disk/d/x";
/// The directory that holds it.
const PARENT: &str = "disk/d";

/// A row of the table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    /// The name of the server.
    pub server: String,
    /// What has happened to the name: `missing`, `file`, `directory`, `broken name` and so on.
    pub what: String,
    /// The name of the error, or `-`.
    pub error: String,
    /// The command; `{name}` is the name, `{parent}` its directory.
    pub command: String,
    /// The final reply, several lines joined by ` / `; the path is `{name}`.
    pub reply: String,
    /// What a listing has shown: names, sorted; `-` for other commands.
    pub shown: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, what, error, command, reply, shown } = self;
        write!(f, "{server}\t{what}\t{error}\t{command}\t{reply}\t{shown}")
    }
}

/// The rows as lines; those that differ in the error only are one.
pub fn lines(rows: &[Row]) -> String {
    let mut lines: Vec<Row> = Vec::new();
    for row in rows {
        let same = |known: &&mut Row| Row { error: row.error.clone(), ..(**known).clone() } == *row;
        match lines.iter_mut().find(same) {
            Some(known) => known.error = format!("{} {}", known.error, row.error),
            None => lines.push(row.clone()),
        }
    }
    lines.iter().map(|row| format!("{row}\n")).collect()
}

/// The questions that are asked about a name.
const QUESTIONS: [&str; 11] = [
    "MLST {name}",
    "SIZE {name}",
    "MDTM {name}",
    "CWD {name}",
    "RNFR {name}",
    "NLST {name}",
    "LIST {name}",
    "MLSD {name}",
    "NLST {parent}",
    "LIST {parent}",
    "MLSD {parent}",
];

/// Asks a server all questions about a name in all conditions. The disk is `disk` in the directory of the login.
pub fn gather(server: &str, disk: &BrokenDisk, login: &dyn Fn() -> Raw) -> Vec<Row> {
    let mut session = Session { login, raw: None };
    let mut rows = Vec::new();
    let mut ask = |what: &str, error: &str, faults: &[Fault]| {
        for command in QUESTIONS {
            // A session that has entered the directory before it fails is another case.
            disk.fails(faults);
            let (reply, shown) = session.ask(command);
            disk.fails(&[]);
            let (server, what, error) = (server.to_owned(), what.to_owned(), error.to_owned());
            rows.push(Row { server, what, error, command: command.into(), reply, shown });
        }
    };
    let present = |directory: bool| {
        disk.clear();
        disk.file("d/other", "other");
        if directory {
            disk.file("d/x/1", "1");
            disk.file("d/x/2", "2");
        } else {
            disk.file("d/x", "x");
        }
    };
    disk.clear();
    disk.file("d/other", "other");
    ask("missing", "-", &[]);
    disk.clear();
    disk.file("e", "e");
    ask("missing with its directory", "-", &[]);
    present(false);
    ask("file", "-", &[]);
    for (error, _) in ERRORS {
        ask("broken name", error, &[Fault::new("d/x", Part::Name, error)]);
        ask("broken parent", error, &[Fault::new("d", Part::Name, error)]);
        ask("names of the parent broken", error, &[Fault::new("d", Part::Inside, error)]);
    }
    present(true);
    ask("directory", "-", &[]);
    for (error, _) in ERRORS {
        ask("opening fails", error, &[Fault::new("d/x", Part::Opening, error)]);
        ask("listing breaks off", error, &[Fault::new("d/x", Part::Reading, error)]);
        ask("names in it broken", error, &[Fault::new("d/x", Part::Inside, error)]);
    }
    rows
}

/// A session that logs in again when it was closed.
struct Session<'a> {
    login: &'a dyn Fn() -> Raw,
    raw: Option<Raw>,
}

impl Session<'_> {
    fn ask(&mut self, command: &str) -> (String, String) {
        let line = command.replace("{name}", NAME).replace("{parent}", PARENT);
        let told = self.told(&line);
        let (reply, shown) = told.unwrap_or_else(|| ("closed".into(), "-".into()));
        // After CWD it is somewhere else, or slower (Pure-FTPd counts those that fail); after RNFR some servers take nothing
        // but RNTO.
        if line.starts_with("CWD") || reply.starts_with("350") || reply == "closed" {
            self.raw = None;
        }
        // Facts depend on the machine.
        let facts = reply.find(" /  ").zip(reply.rfind(" / "));
        let reply = match facts {
            Some((start, end)) if line.starts_with("MLST") && start < end => {
                let kind = if reply.contains("type=dir") { "type=dir" } else { "type=file" };
                format!("{} /  {kind}; /{}", &reply[..start], &reply[end + 2..])
            }
            _ => reply,
        };
        (reply.replace(NAME, "{name}").replace(PARENT, "{parent}"), shown)
    }

    /// The reply and what was listed; `None` if the server has closed the connection.
    fn told(&mut self, line: &str) -> Option<(String, String)> {
        let raw = self.raw.get_or_insert_with(|| (self.login)());
        let lists = ["NLST", "LIST", "MLSD"].contains(&line.get(..4)?);
        if !lists {
            raw.send(line);
            return Some((said(&raw.next_reply()?), "-".into()));
        }
        let address = passive(raw)?;
        let mut data = TcpStream::connect(address).ok()?;
        raw.send(line);
        let first = raw.next_reply()?;
        if first.code >= 200 {
            return Some((said(&first), String::new()));
        }
        let mut text = String::new();
        // A connection that was reset has shown what came before.
        let end = data.read_to_string(&mut text).is_err();
        drop(data);
        let last = raw.next_reply()?;
        let shown = if end { format!("{} (reset)", names(&text)) } else { names(&text) };
        Some((said(&last), shown))
    }
}

fn passive(raw: &mut Raw) -> Option<SocketAddr> {
    raw.send("EPSV");
    let reply = raw.next_reply()?;
    let address: IpAddr = raw.peer_address().ip();
    Some(SocketAddr::new(address, reply.port()))
}

fn said(reply: &crate::raw::Reply) -> String {
    format!("{} {}", reply.code, reply.lines.join(" / "))
}

/// The last word of every line, sorted.
fn names(text: &str) -> String {
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    names.sort_unstable();
    names.join(" ")
}
