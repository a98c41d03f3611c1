//! `completions` and `man`: made of the command line itself.

use super::pages::PAGES;
use crate::config;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::place::Remote;
use crate::shell::known_at_servers;
use crate::state;
use clap::Command;
use ftp_io::program::completion::{Candidate, Completions, Files, Known, Part, Reader, ValueKind};
use ftp_io::program::manual::Manual;
use std::io;
use std::path::PathBuf;

/// Prints a script for a shell, or what completes a line.
#[allow(clippy::needless_pass_by_value, reason = "every verb takes its arguments")]
pub(super) fn completions(
    command: Command,
    names: NamesOfLine,
    args: Completions,
) -> Result<Status, Failure> {
    let known = |command: &Command, words: &[String]| {
        let names = names.clone().of_line(command, words);
        move |name: &str, typed: &str| names.known(name, typed)
    };
    args.print(command, known).map(|()| Status::Done).map_err(cannot_print)
}

/// Prints a manual page.
pub(super) fn man(command: Command, args: Manual) -> Result<Status, Failure> {
    match args.print(command, PAGES).map_err(cannot_print)? {
        None => Ok(Status::Done),
        Some(verb) => Err(Failure::usage(format!("there is no verb {verb}"))
            .hint("ftp-user man lists the verbs; ftp-user man copy prints the page of one")),
    }
}

/// Where the names are that complete a line.
#[derive(Clone, Debug)]
pub(super) struct NamesOfLine {
    /// The settings, if other ones than the usual are meant.
    pub(super) settings: Option<PathBuf>,
    /// The state directory, if another one than the usual is meant.
    pub(super) state: Option<PathBuf>,
}

impl NamesOfLine {
    /// The files that the line names.
    fn of_line(mut self, command: &Command, words: &[String]) -> Self {
        let mut reader = Reader::at(command);
        for word in words.iter().take(words.len().saturating_sub(1)) {
            if let Part::ValueOf(option, at) = reader.read(word) {
                let value = || word.get(at..).map(PathBuf::from);
                match option.get_long() {
                    Some("config") => self.settings = value(),
                    Some("state") => self.state = value(),
                    Some(_) | None => {}
                }
            }
        }
        self
    }

    /// What a value can be, as far as this host knows. No server is asked. Settings with a mistake know no site: nobody
    /// reads an error while a word is completed.
    fn known(&self, name: &str, typed: &str) -> Known {
        match name {
            "JOB" | "JOB|last" => {
                let help = "the job that began last".to_owned();
                let last = Candidate { text: "last".to_owned(), help };
                Some(last).filter(|last| last.text.starts_with(typed)).into_iter().collect::<Vec<_>>().into()
            }
            "SITE" => self.sites(typed, "").into(),
            name if ValueKind::of(name).is_place() => self.places(typed),
            _ => Known::default(),
        }
    }

    fn sites(&self, typed: &str, end: &str) -> Vec<Candidate> {
        let Ok(settings) = config::load(self.settings.as_deref()) else { return Vec::new() };
        let shown = |(name, remote): (&str, &Remote)| Candidate {
            text: format!("{name}{end}"),
            help: remote.site.url(),
        };
        settings.sites.names.iter().map(shown).filter(|site| site.text.starts_with(typed)).collect()
    }

    /// Sites, and behind the name of one what the shell knows of its directories.
    fn places(&self, typed: &str) -> Known {
        let names = config::load(self.settings.as_deref()).map(|settings| settings.sites.names);
        let names = names.unwrap_or_default();
        let is_at_server = typed.contains("://") || names.has_site_of(typed.as_bytes());
        if !is_at_server {
            return self.sites(typed, ":").into();
        }
        let mut cache = crate::shell::Cache::of(names.clone());
        let directory = state::directory(self.state.clone());
        // A file that cannot be read knows nothing.
        let _ = state::listings::read(directory, &mut cache);
        let words = known_at_servers(typed, names, &mut cache);
        let words = words.into_iter().map(|text| Candidate { text, help: String::new() }).collect();
        Known { words, files: Some(Files::None) }
    }
}

fn cannot_print(error: io::Error) -> Failure {
    Failure::new(Kind::Other, format!("cannot write to standard output: {error}"))
}
