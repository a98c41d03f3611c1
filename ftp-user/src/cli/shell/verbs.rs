//! The verbs of the shell alone, as its lines have them, and what they show: a line for people, or a JSON object with `--json`.

use super::super::job_options::absolute;
use super::super::outputs::print;
use super::super::{Cli, General, later};
use crate::failure::{Failure, Result};
use crate::job::Status;
use crate::report::several;
use crate::shell::{CacheSize, Vocabulary};
use clap::builder::ValueParser;
use clap::{Arg, Command, CommandFactory, Parser, Subcommand};
use ftp_io::program::completion::{Part, Reader};
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A line with a verb of the shell alone.
#[derive(Debug, Parser)]
#[command(name = "ftp-user", max_term_width = 100, infer_subcommands = false, disable_help_subcommand = true)]
pub(super) struct OwnLine {
    #[command(flatten, next_help_heading = "General options")]
    pub(super) general: General,
    #[command(subcommand)]
    pub(super) verb: OwnVerb,
}

/// A verb of the shell alone.
#[derive(Debug, Subcommand)]
pub(super) enum OwnVerb {
    /// Go to a directory: of a site, of a composite directory, or of this host
    Cd {
        /// The directory; without it, this host; - is the one before
        #[arg(value_name = "PLACE")]
        place: Option<String>,
    },
    /// Make one name space of directories of several sites
    Composite {
        #[command(subcommand)]
        what: Option<CompositeVerb>,
    },
    /// Wait for a job in the background and show what it says
    Fg {
        /// Its number; without it, the last one
        #[arg(value_name = "NUMBER")]
        job: Option<String>,
    },
    /// List the verbs, or show the options of one
    Help {
        /// A verb of this list
        #[arg(value_name = "VERB")]
        verb: Option<String>,
    },
    /// Show the lines that are kept
    History,
    /// Change the directory of this host
    Lcd {
        /// The directory; without it, your home directory
        #[arg(value_name = "DIR")]
        directory: Option<String>,
    },
    /// Show the directory of this host
    Lpwd,
    /// Show the directory that names are relative to
    Pwd,
    /// Leave the shell
    Quit {
        #[arg(hide = true)]
        words: Vec<String>,
    },
    /// Show how much is known of directories at servers
    Status,
    /// Wait for jobs in the background
    Wait {
        /// The number of one; without it, all
        #[arg(value_name = "NUMBER")]
        job: Option<String>,
    },
    /// Show where names are
    Where {
        /// Names of files and directories
        #[arg(required = true, value_name = "PLACE")]
        names: Vec<String>,
    },
}

/// What is done with composite directories.
#[derive(Debug, Subcommand)]
pub(super) enum CompositeVerb {
    /// List composite directories, or the components of one
    List {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: Option<String>,
    },
    /// Add components to a composite directory; the first ones make it
    Add {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: String,
        /// Directories of sites, or of this host
        #[arg(required = true, value_name = "PLACE")]
        places: Vec<String>,
    },
    /// Remove a component, or the whole composite directory. No file is deleted
    Remove {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: String,
        /// One of its components
        #[arg(value_name = "PLACE")]
        place: Option<String>,
    },
}

pub(super) fn vocabulary() -> Vocabulary {
    let all = Cli::command();
    let verbs: Vec<Command> =
        all.get_subcommands().filter(|verb| !LEFT_OUT.contains(&verb.get_name())).cloned().collect();
    let command_line = Command::new("ftp-user").args(all.get_arguments().cloned()).subcommands(verbs);
    Vocabulary::new(command_line, &OwnLine::command(), later::advice_in_shell)
}

/// The options of the shell that hold for each of its lines: those of every verb, with paths that do not depend on its directory.
pub(super) fn general_options(words: &[OsString]) -> Vec<OsString> {
    let mut command = Cli::command();
    command.build();
    let mut reader = Reader::at(&command);
    let is_path = |option: &Arg| option.get_value_parser().type_id() == ValueParser::path_buf().type_id();
    let general = |word: &OsString| match reader.read(&word.to_string_lossy()) {
        Part::ValueOf(option, at) if option.is_global_set() && is_path(option) => {
            let (name, path) = word.as_bytes().split_at_checked(at)?;
            let path = absolute(Some(Path::new(OsStr::from_bytes(path))))?;
            Some(OsString::from_vec([name, path.as_os_str().as_bytes()].concat()))
        }
        Part::Option(Some(option)) | Part::ValueOf(option, _) if option.is_global_set() => Some(word.clone()),
        Part::Option(_) | Part::ValueOf(..) | Part::End | Part::Verb(_) | Part::Operand(_) => None,
    };
    words.iter().filter_map(general).collect()
}

/// Verbs that make no sense in the shell.
const LEFT_OUT: [&str; 4] = ["shell", "help", "completions", "man"];

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
                let many = |number: usize, what| several(number as u64, what);
                let gave_way = match gave_way {
                    0 => String::new(),
                    number => format!("; {number} gave way to others"),
                };
                format!(
                    "known for completion: {} of {}, {}, {}{gave_way}",
                    many(*directories, "directory"),
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

pub(super) fn show(rows: impl IntoIterator<Item = Row>, is_json: bool) -> Result<Status> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&if is_json { row.json()? } else { row.text() });
        text.push('\n');
    }
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::words;
    use super::*;
    use ftp_io::program::completion::values;

    #[test]
    fn every_verb_of_the_command_line_is_one_of_the_shell() {
        let vocabulary = vocabulary();
        let verbs = vocabulary.verbs();
        let names: Vec<&str> = verbs.iter().map(|verb| verb.get_name()).collect();
        for name in ["copy", "append", "ls", "rm", "sites", "jobs", "cd", "where"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(LEFT_OUT.iter().all(|name| *name == "help" || !names.contains(name)), "{names:?}");
        let copy = vocabulary.root.find_subcommand("copy").unwrap();
        for (arguments, expect) in [
            ("-r --limit 5 lab:a lab:b", &[3, 4][..]),
            ("-rn lab:a --json --timeout 5 lab:b", &[1, 5]),
            ("--path=direct -j 4 -4v lab:a lab:b", &[4, 5]),
        ] {
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            let values = values(copy, &arguments).into_iter().enumerate();
            let operands = values.filter(|(_, value)| value.as_ref().is_some_and(|value| value.is_operand));
            assert_eq!(operands.map(|(index, _)| index).collect::<Vec<_>>(), expect, "{arguments:?}");
        }
    }

    #[test]
    fn the_options_of_the_shell_hold_for_each_line() {
        for (typed, expect) in [
            ("shell", ""),
            ("--json shell -f x --keep-going --state s", "--json --state HERE/s"),
            (
                "--timeout=5 --config=/c shell --file x -v --state=s",
                "--timeout=5 --config=/c -v --state=HERE/s",
            ),
            ("shell -fx --file=y -4", "-4"),
        ] {
            let expect = expect.replace("HERE", std::env::current_dir().unwrap().to_str().unwrap());
            assert_eq!(general_options(&words(typed)), words(&expect), "{typed}");
        }
    }

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
