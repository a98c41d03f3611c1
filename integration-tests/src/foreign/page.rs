//! The matrices of docs/interoperability.md: what came of every cell, each between two marks of the page.

use super::{Hosts, Kind, Skipped, Who};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What is known so far of one matrix.
#[derive(Debug)]
pub struct Page {
    /// What its marks call it.
    name: &'static str,
    /// The part of `.ci/full` that writes it.
    part: &'static str,
    rows: Vec<String>,
    columns: Vec<String>,
    /// Those whose versions it tells.
    kinds: Vec<Kind>,
    cells: BTreeMap<(String, String), &'static str>,
    reasons: BTreeMap<String, String>,
}

impl Page {
    fn new(name: &'static str, part: &'static str, sides: Vec<String>) -> Self {
        let (rows, columns, kinds) = (sides.clone(), sides, Kind::ALL.to_vec());
        Self { name, part, rows, columns, kinds, cells: BTreeMap::new(), reasons: BTreeMap::new() }
    }

    /// Those of these kinds, each in a row, and what was tried with it in columns.
    pub fn of_kinds(name: &'static str, kinds: Vec<Kind>, columns: &[&str]) -> Self {
        let rows = kinds.iter().map(|kind| kind.name().to_owned()).collect();
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { rows, columns, kinds, ..Self::named(name, Vec::new()) }
    }

    /// Another matrix: what its marks call it, and its sides.
    pub fn named(name: &'static str, sides: Vec<String>) -> Self {
        Self::new(name, "matrix-more", sides)
    }

    /// Notes a cell by the names of its sides.
    pub fn note(&mut self, from: &str, to: &str, word: &'static str) {
        self.cells.insert((from.to_owned(), to.to_owned()), word);
    }

    /// Notes a cell by the names of its sides that cannot be had, and why.
    pub fn note_skipped(&mut self, from: &str, to: &str, why: &Skipped) {
        self.reasons.insert(why.0.clone(), format!("`{from}` to `{to}`"));
        self.note(from, to, "n/a");
    }

    /// From server to server.
    pub fn of_sides() -> Self {
        Self::new("matrix", "matrix", sides().map(side_name).collect())
    }

    /// Writes the matrix between its marks of a page.
    pub fn write(&self, page: &Path) {
        write_between(page, self.name, self.part, &self.text());
    }

    fn text(&self) -> String {
        let Self { rows, columns, .. } = self;
        let corner = if rows == columns { "from \\ to" } else { "server" };
        let mut text =
            format!("\n| {corner} | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
        for from in rows {
            let row: Vec<&str> = columns
                .iter()
                .map(|to| self.cells.get(&(from.clone(), to.clone())).copied().unwrap_or("FAILED"))
                .collect();
            writeln!(text, "| **{from}** | {} |", row.join(" | ")).unwrap();
        }
        text.push_str("\nThe versions: ");
        let version = |kind: Kind| kind.tool().map_or("not here".into(), |tool| tool.version(kind.package()));
        let versions: Vec<String> =
            self.kinds.iter().map(|&kind| format!("{} {}", kind.name(), version(kind))).collect();
        text.push_str(&versions.join(", "));
        text.push_str(".\n");
        for (why, example) in &self.reasons {
            writeln!(text, "n/a ({example} and others): {why}.").unwrap();
        }
        text.push('\n');
        text
    }
}

/// The sides of the matrix: each server as open and as closed as it can be.
pub fn sides() -> impl Iterator<Item = (Who, Hosts)> + Clone {
    Who::all().flat_map(|who| {
        let mut policies = vec![who.most_open(), who.most_closed()];
        policies.dedup();
        policies.into_iter().map(move |hosts| (who, hosts))
    })
}

/// The name of a side.
pub fn side_name((who, hosts): (Who, Hosts)) -> String {
    match hosts {
        _ if hosts == who.most_open() => who.name().to_owned(),
        Hosts::Allowed => format!("{} open", who.name()),
        Hosts::Refused if who == Who::Ours => format!("{} proven", who.name()),
        Hosts::Refused => format!("{} refusing", who.name()),
        Hosts::OnlyToAccept => format!("{} only accepting", who.name()),
        Hosts::OnlyToConnect => format!("{} only connecting", who.name()),
    }
}

/// Writes a text between the marks of a page that have this name. `part` is the part of `.ci/full` that
/// does so.
pub(super) fn write_between(page: &Path, name: &str, part: &str, text: &str) {
    let begin = format!("<!-- {name}: written by .ci/full {part} -->\n");
    let end = format!("<!-- end of the {name} -->");
    // Tests that run beside each other write matrices of one page.
    static WRITING: Mutex<()> = Mutex::new(());
    let _mine = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let old = std::fs::read_to_string(page).unwrap();
    let (before, rest) = old.split_once(&begin).expect("the page has the mark of the beginning");
    let (_, after) = rest.split_once(&end).expect("the page has the mark of the end");
    std::fs::write(page, format!("{before}{begin}{text}{end}{after}")).unwrap();
}
