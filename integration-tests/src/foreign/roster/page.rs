//! The table of clients in docs/interoperability.md.

use super::super::page;
use super::client::{Client, Lack, Step};
use super::list::CLIENTS;
use super::setting::{Mode, Setting};
use crate::skip::Skipped;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// What came of a client in a setting.
pub type Outcome = Result<Result<(), String>, Skipped>;

/// What is known of the table.
#[derive(Debug, Default)]
pub struct Table {
    cells: BTreeMap<(usize, usize, Mode), Cell>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    Good,
    Failed,
    Skipped,
}

impl Table {
    /// Notes what came of a client in a setting.
    pub fn note(&mut self, client: &Client, setting: Setting, outcome: &Outcome) {
        let row = CLIENTS.iter().position(|one| std::ptr::eq(one, client)).unwrap();
        let column = Setting::TLS.iter().position(|tls| *tls == setting.tls).unwrap();
        let cell = match outcome {
            Ok(Ok(())) => Cell::Good,
            Ok(Err(_)) => Cell::Failed,
            Err(_) => Cell::Skipped,
        };
        self.cells.insert((row, column, setting.mode), cell);
    }

    /// Writes the table between its marks of a page.
    pub fn write(&self, path: &Path) {
        page::write_between(path, "table of clients", "clients", &self.text());
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "\n| client | version | in clear | explicit 1.2 | explicit 1.3 | implicit 1.2 | implicit 1.3 | session reuse |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for (row, client) in CLIENTS.iter().enumerate() {
            let version = (client.start)()
                .map_or_else(|_| "not here".to_owned(), |(tool, _)| tool.version(client.package));
            let cells: Vec<String> = (0..Setting::TLS.len()).map(|column| self.cell(row, column)).collect();
            let (name, language) = (client.name, client.language);
            let (cells, reuse) = (cells.join(" | "), reuse(client));
            writeln!(text, "| {name} ({language}) | {version} | {cells} | {reuse} |").unwrap();
        }
        text.push_str("\nWhat a client does not do, and why:\n\n");
        for client in CLIENTS.iter().filter(|client| !client.lacks.is_empty()) {
            let lacks: Vec<String> = client.lacks.iter().map(|(lack, why)| told(*lack, why)).collect();
            writeln!(text, "* {} ({}): {}.", client.name, client.language, lacks.join("; ")).unwrap();
        }
        text.push('\n');
        text
    }

    fn cell(&self, row: usize, column: usize) -> String {
        let of = |mode| self.cells.get(&(row, column, mode)).copied();
        let words: Vec<&str> = [Mode::Passive, Mode::Active]
            .into_iter()
            .filter_map(|mode| match (of(mode)?, mode) {
                (Cell::Good, Mode::Passive) => Some("P"),
                (Cell::Good, Mode::Active) => Some("A"),
                (Cell::Failed, _) => Some("FAILED"),
                (Cell::Skipped, _) => Some("not here"),
            })
            .collect();
        if words.is_empty() { "n/a".to_owned() } else { words.join(" ") }
    }
}

fn reuse(client: &Client) -> &'static str {
    use super::setting::Version::{Tls12, Tls13};
    if client.lacks.iter().any(|(lack, _)| *lack == Lack::Tls) {
        return "n/a";
    }
    match (client.resumes(Tls12), client.resumes(Tls13)) {
        (true, true) => "yes",
        (true, false) => "1.2",
        (false, true) => "1.3",
        (false, false) => "no",
    }
}

fn told(lack: Lack, why: &str) -> String {
    match lack {
        Lack::Tls | Lack::Active => why.to_owned(),
        Lack::Begin(_)
        | Lack::Version(_)
        | Lack::ActiveInsideTls
        | Lack::Step(_)
        | Lack::StepInsideTls(_)
        | Lack::Reuse
        | Lack::ReuseOf(_) => format!("{}: {why}", named(lack)),
    }
}

fn named(lack: Lack) -> String {
    let of = |step: Step| match step {
        Step::List => "list",
        Step::Download => "download",
        Step::ResumeDownload => "resume a download",
        Step::Upload => "upload",
        Step::ResumeUpload => "resume an upload",
        Step::Rename => "rename",
        Step::Delete => "delete",
        Step::Abort => "abort",
    };
    match lack {
        Lack::Tls => "TLS".to_owned(),
        Lack::Begin(begin) => format!("{begin:?} TLS").to_lowercase().replace("tls", "TLS"),
        Lack::Version(version) => format!("TLS {}", version.number()),
        Lack::Active => "active".to_owned(),
        Lack::ActiveInsideTls => "active inside TLS".to_owned(),
        Lack::Step(step) => of(step).to_owned(),
        Lack::StepInsideTls(step) => format!("{} inside TLS", of(step)),
        Lack::Reuse => "session reuse".to_owned(),
        Lack::ReuseOf(version) => format!("session reuse with TLS {}", version.number()),
    }
}
