//! What the verbs of the shell alone show: a line for people, or a JSON object with `--json`.

use crate::failure::{Failure, Result};
use crate::job::Status;
use crate::shell::CacheSize;
use ftp_io::program::output;
use ftp_proto::wire::counted;
use serde::Serialize;

/// One line of what a verb of the shell shows.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Row {
    /// A directory in which the shell is.
    Directory {
        place: String,
    },
    /// Where a name is, or could be.
    Found {
        place: String,
        /// Whether somebody has looked there.
        seen: bool,
    },
    Composite {
        name: String,
        components: Vec<String>,
    },
    Component {
        place: String,
    },
    /// What completion knows.
    Known(CacheSize),
    Line {
        number: usize,
        line: String,
    },
    BackgroundJob {
        number: usize,
        status: &'static str,
        line: String,
    },
}

impl Row {
    /// The line for people.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Directory { place } | Self::Found { place, seen: true } | Self::Component { place } => {
                place.clone()
            }
            Self::Found { place, seen: false } => format!("{place}  (not looked at)"),
            Self::Composite { name, components } => format!("{name}  {}", components.join(" ")),
            Self::Known(CacheSize { directories, servers, names, bytes, gave_way }) => {
                let many = |number: usize, what| counted(number as u64, what);
                let directories = match directories {
                    1 => "1 directory".to_owned(),
                    number => format!("{number} directories"),
                };
                let gave_way = match gave_way {
                    0 => String::new(),
                    number => format!("; {number} gave way to others"),
                };
                format!(
                    "known for completion: {directories} of {}, {}, {}{gave_way}",
                    many(*servers, "server"),
                    many(*names, "name"),
                    many(*bytes, "byte"),
                )
            }
            Self::Line { number, line } => format!("{number:5}  {line}"),
            Self::BackgroundJob { number, status, line } => format!("[{number}] {status:6} {line}"),
        }
    }

    fn json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Failure::new(crate::failure::Kind::Other, format!("cannot write JSON: {error}")))
    }
}

/// Shows these rows.
///
/// # Errors
///
/// Standard output cannot be written.
pub(super) fn show(rows: impl IntoIterator<Item = Row>, is_json: bool) -> Result<Status> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&if is_json { row.json()? } else { row.text() });
        text.push('\n');
    }
    print(&text)
}

/// Prints lines that have their ends.
pub(super) fn print(text: &str) -> Result<Status> {
    output::print(text.as_bytes())
        .map(|()| Status::Done)
        .map_err(|error| Failure::of_this_host("cannot write to standard output", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_for_people_and_an_object_for_programs() {
        let place = || "lab:pub".to_owned();
        for (row, text, json) in [
            (Row::Directory { place: place() }, "lab:pub", r#"{"event":"directory","place":"lab:pub"}"#),
            (
                Row::Found { place: place(), seen: false },
                "lab:pub  (not looked at)",
                r#"{"event":"found","place":"lab:pub","seen":false}"#,
            ),
            (
                Row::Composite { name: "data".into(), components: vec![place(), "[]x".into()] },
                "data  lab:pub []x",
                r#"{"event":"composite","name":"data","components":["lab:pub","[]x"]}"#,
            ),
        ] {
            assert_eq!((row.text().as_str(), row.json().as_deref()), (text, Ok(json)));
        }
    }
}
