//! What is generated from the command line: completions, and manual pages with what they say beyond the options.

use super::exit::{described, number};
use crate::account::shortened_to;
use crate::config;
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::journal::{JobState, RecentJob, recent_jobs};
use crate::place::{Names, Remote};
use crate::shell::{Directory, known_at_servers};
use crate::state::{self, listings};
use clap::Command;
use ftp_io::program::completion::{Candidate, Completions, Files, KnownValues, Part, Reader, ValueKind};
use ftp_io::program::manual::{Ending, Manual, Pages};
use std::io;
use std::path::{Path, PathBuf};

/// A page for the program, and one for each verb.
pub const PAGES: Pages = Pages {
    text: include_str!("pages.txt"),
    endings: &[
        Ending { verbs: &["", "shell"], exits: ALL, files: &[SETTINGS, STATE, NETRC] },
        Ending {
            verbs: &["copy", "move", "sync", "resume", "retry"],
            exits: ALL,
            files: &[SETTINGS, JOURNAL, NETRC],
        },
        Ending { verbs: &["append"], exits: ALL, files: &[SETTINGS, NETRC] },
        Ending { verbs: &["ls", "tree", "stat", "cat", "hash"], exits: ASKING, files: &[SETTINGS, NETRC] },
        Ending { verbs: &["mkdir", "rm", "mv"], exits: CHANGING, files: &[SETTINGS, NETRC] },
        Ending { verbs: &["sites"], exits: CHANGING, files: &[SETTINGS, SECRETS, PINS] },
        Ending { verbs: &["probe"], exits: PROBING, files: &[SETTINGS, PAIRS, NETRC] },
        Ending { verbs: &["jobs", "pause", "series"], exits: JOBS, files: &[JOURNAL] },
        Ending { verbs: &["cancel", "daemon"], exits: JOBS, files: &[JOURNAL, SETTINGS, NETRC] },
        Ending { verbs: &["why"], exits: JOBS, files: &[JOURNAL, PAIRS] },
        Ending { verbs: &["doctor"], exits: FINDING, files: &[SETTINGS, STATE, NETRC] },
        Ending { verbs: &["completions"], exits: PRINTING, files: &[SETTINGS] },
        Ending { verbs: &["man"], exits: PRINTING, files: &[] },
    ],
};

/// The number of an exit status, and what it means.
type Exit = (u8, &'static str);

const fn failed(kind: Kind) -> Exit {
    described(Status::Failed(kind))
}

const DONE: Exit = described(Status::Done);
const OTHER: Exit = failed(Kind::Other);
const USAGE: Exit = failed(Kind::Usage);
const MISSING: Exit = failed(Kind::Missing);
const REFUSED: Exit = failed(Kind::Refused);
const TEMPORARY: Exit = failed(Kind::Temporary);
const NO_PATH: Exit = failed(Kind::NoPath);
const UNVERIFIED: Exit = failed(Kind::Unverified);
const EXISTS: Exit = failed(Kind::Exists);
const PARTLY: Exit = described(Status::Partly);
const INTERRUPT: Exit = failed(Kind::Interrupted);
const UNTRUSTED: Exit = failed(Kind::Untrusted);

/// Of verbs that copy.
const ALL: &[Exit] = &[
    DONE, OTHER, USAGE, MISSING, REFUSED, TEMPORARY, NO_PATH, UNVERIFIED, EXISTS, PARTLY, INTERRUPT,
    UNTRUSTED,
];
/// Of verbs that change nothing.
const ASKING: &[Exit] = &[DONE, OTHER, USAGE, MISSING, REFUSED, TEMPORARY, PARTLY, INTERRUPT, UNTRUSTED];
/// Of verbs that change something where it is.
const CHANGING: &[Exit] =
    &[DONE, OTHER, USAGE, MISSING, REFUSED, TEMPORARY, EXISTS, PARTLY, INTERRUPT, UNTRUSTED];
/// Of the verb that tries paths.
const PROBING: &[Exit] = &[DONE, OTHER, USAGE, REFUSED, TEMPORARY, NO_PATH, UNTRUSTED];
/// Of the verb that looks at this host.
const FINDING: &[Exit] = &[DONE, (number(Status::Failed(Kind::Other)), "a finding is BAD"), USAGE];
/// Of verbs about jobs.
const JOBS: &[Exit] = &[DONE, OTHER, USAGE, MISSING, REFUSED, TEMPORARY, EXISTS];
/// Of verbs about the program itself.
const PRINTING: &[Exit] = &[DONE, OTHER, USAGE];

const SETTINGS: (&str, &str) = (
    "~/.config/ftp-user/config.toml",
    "settings, defaults of options, sites; --config and FTP_USER_CONFIG name another file",
);
const SECRETS: (&str, &str) =
    ("~/.config/ftp-user/secrets/", "passwords that sites add has stored, mode 0600");
const STATE: (&str, &str) = (
    "~/.local/state/ftp-user/",
    "what is kept between runs; --state and FTP_USER_STATE name another directory",
);
const JOURNAL: (&str, &str) =
    ("~/.local/state/ftp-user/journal.db", "jobs: what they have begun and finished");
const PAIRS: (&str, &str) = ("~/.local/state/ftp-user/pairs.json", "which paths worked between two servers");
const PINS: (&str, &str) =
    ("~/.local/state/ftp-user/sites.json", "which certificates were accepted and kept");
const NETRC: (&str, &str) = ("~/.netrc", "passwords, mode 0600: machine HOST login USER password PASSWORD");

/// Prints a script for a shell, or what completes a line.
#[allow(clippy::needless_pass_by_value, reason = "every verb takes its arguments")]
pub(super) fn completions(command: Command, names: NamesOfLine, args: Completions) -> Result<Status> {
    let known = |command: &Command, words: &[String]| {
        let (names, verb) = names.clone().of_line(command, words);
        move |name: &str, typed: &str| names.known(&verb, name, typed)
    };
    args.print(command, known).map(|()| Status::Done).map_err(cannot_print)
}

pub(super) fn man(command: Command, args: Manual) -> Result<Status> {
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
    /// The files that the line names, and its verb.
    fn of_line(mut self, command: &Command, words: &[String]) -> (Self, String) {
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
        (self, reader.verb().get_name().to_owned())
    }

    /// What a value can be, as far as this host knows. No server is asked. Settings with a mistake know no site: nobody
    /// reads an error while a word is completed.
    fn known(&self, verb: &str, name: &str, typed: &str) -> KnownValues {
        match name {
            "JOB" | "JOB|last" => {
                let words = jobs(state::directory(self.state.clone()).as_deref(), verb);
                let words = words.into_iter().filter(|job| job.text.starts_with(typed)).collect();
                KnownValues { words, files: None, are_ids: true }
            }
            "SITE" => sites(&self.sites(), typed, "", "").into(),
            name if ValueKind::of(name).is_place() => self.places(typed),
            _ => KnownValues::default(),
        }
    }

    fn sites(&self) -> Names {
        config::load(self.settings.as_deref(), None).map(|settings| settings.sites).unwrap_or_default()
    }

    /// Sites, and behind the name of one what the shell knows of its directories.
    fn places(&self, typed: &str) -> KnownValues {
        let names = self.sites();
        let is_at_server = typed.contains("://") || names.has_site_of(typed.as_bytes());
        if !is_at_server {
            let (start, end) = if typed.starts_with('[') { ("[", "]") } else { ("", ":") };
            return sites(&names, typed, start, end).into();
        }
        let kept = state::directory(self.state.clone());
        // A file that cannot be read knows nothing.
        let directories = || listings::directories(kept.clone(), &names).unwrap_or_default();
        let beginning = |directory: &Directory, begin: &str| {
            listings::beginning(kept.clone(), directory, begin, &names).unwrap_or_default()
        };
        let words = known_at_servers(typed, &names, directories, beginning);
        let words = words.into_iter().map(|text| Candidate { text, help: String::new() }).collect();
        KnownValues { words, files: Some(Files::None), are_ids: false }
    }
}

/// The names of sites between these.
fn sites(names: &Names, typed: &str, start: &str, end: &str) -> Vec<Candidate> {
    let shown = |(name, remote): (&str, &Remote)| Candidate {
        text: format!("{start}{name}{end}"),
        help: remote.site.url(),
    };
    names.iter().map(shown).filter(|site| site.text.starts_with(typed)).collect()
}

/// The jobs that a verb takes, by their names or ids, and `last`, with what they are. No server is asked, and nothing is
/// written.
pub(super) fn jobs(state: Option<&Path>, verb: &str) -> Vec<Candidate> {
    let is_taken = |state: JobState| match state {
        JobState::Interrupted | JobState::Detached => true,
        JobState::Failed => verb != "cancel",
        // A process runs it, or it is over: the others refuse it.
        JobState::Running | JobState::Done | JobState::Cancelled => verb == "why",
    };
    let shown = |job: &RecentJob| {
        let words: Vec<_> = job.job.words.iter().map(|word| word.to_string_lossy()).collect();
        let help = format!("{}: {}", job.state.name(), words.join(" "));
        let text = job.job.name.clone().unwrap_or_else(|| job.id.to_string());
        Candidate { text, help: shortened_to(&help, LONGEST_HELP) }
    };
    let recent = state.map(recent_jobs).unwrap_or_default();
    let jobs = recent.iter().filter(|job| is_taken(job.state)).map(shown);
    let last = Candidate { text: "last".to_owned(), help: "the job that began last".to_owned() };
    jobs.chain([last]).collect()
}

/// Characters of what a job is.
const LONGEST_HELP: usize = 60;

fn cannot_print(error: io::Error) -> Failure {
    Failure::new(Kind::Other, format!("cannot write to standard output: {error}"))
}
