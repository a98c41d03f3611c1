//! The matrix of docs/interoperability.md: what came of every cell, between two marks of the page.

use super::{Hosts, Kind, Skipped, Way, Who};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- matrix: written by .ci/full matrix -->\n";
const END: &str = "<!-- end of the matrix -->";

/// What is known so far.
#[derive(Debug, Default)]
pub struct Page {
    cells: BTreeMap<(String, String), &'static str>,
    reasons: BTreeMap<String, String>,
}

impl Page {
    /// Notes a cell that came out as it should.
    pub fn good(&mut self, from: (Who, Hosts), to: (Who, Hosts), way: Way) {
        let word = match way {
            Way::DestinationListens => "direct, D",
            Way::SourceListens => "direct, S",
            Way::NotDirect => "user",
        };
        self.cells.insert((side(from), side(to)), word);
    }

    /// Notes a cell that cannot be had, and why.
    pub fn not_applicable(&mut self, from: (Who, Hosts), to: (Who, Hosts), why: &Skipped) {
        self.cells.insert((side(from), side(to)), "n/a");
        self.reasons.insert(why.0.clone(), format!("`{}` to `{}`", side(from), side(to)));
    }

    /// Writes the matrix between the marks of a page.
    pub fn write(&self, page: &Path) {
        let text = std::fs::read_to_string(page).unwrap();
        let (before, rest) = text.split_once(BEGIN).expect("the page has the mark of the beginning");
        let (_, after) = rest.split_once(END).expect("the page has the mark of the end");
        std::fs::write(page, format!("{before}{BEGIN}{}{END}{after}", self.text())).unwrap();
    }

    fn text(&self) -> String {
        let sides: Vec<String> = sides().map(side).collect();
        let mut text =
            format!("\n| from \\ to | {} |\n|---|{}\n", sides.join(" | "), "---|".repeat(sides.len()));
        for from in &sides {
            let row: Vec<&str> = sides
                .iter()
                .map(|to| self.cells.get(&(from.clone(), to.clone())).copied().unwrap_or("FAILED"))
                .collect();
            writeln!(text, "| **{from}** | {} |", row.join(" | ")).unwrap();
        }
        text.push_str("\nThe versions: ");
        let version = |kind: Kind| kind.tool().map_or("not here".into(), |tool| tool.version(kind.package()));
        text.push_str(&Kind::ALL.map(|kind| format!("{} {}", kind.name(), version(kind))).join(", "));
        text.push_str(".\n");
        for (why, example) in &self.reasons {
            writeln!(text, "n/a ({example} and others): {why}.").unwrap();
        }
        text.push('\n');
        text
    }
}

/// The sides of the matrix. globus has no switch to refuse with.
pub fn sides() -> impl Iterator<Item = (Who, Hosts)> + Clone {
    let all = Who::all().flat_map(|who| [Hosts::Allowed, Hosts::Refused].map(|hosts| (who, hosts)));
    all.filter(|side| *side != (Who::Theirs(Kind::Globus), Hosts::Refused))
}

fn side((who, hosts): (Who, Hosts)) -> String {
    match hosts {
        Hosts::Allowed => who.name().to_owned(),
        Hosts::Refused if who == Who::Ours => format!("{} proven", who.name()),
        Hosts::Refused => format!("{} refusing", who.name()),
        Hosts::OnlyToConnect | Hosts::OnlyToAccept => format!("{} {hosts:?}", who.name()),
    }
}
