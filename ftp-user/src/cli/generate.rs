//! What is generated from the command line: completions, and manual pages with what they say beyond the options.

use super::exit::{meaning, number};
use crate::config;
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::journal::{JobState, RecentJob, recent_jobs};
use crate::place::{Names, Remote};
use crate::shell::{Directory, known_at_servers};
use crate::state::{self, listings};
use clap::Command;
use ftp_io::program::completion::{Candidate, Completions, Files, KnownValues, Part, Reader, ValueKind};
use ftp_io::program::manual::{Manual, Page};
use std::io;
use std::path::{Path, PathBuf};

/// A page for the program, and one for each verb.
pub const PAGES: &[Page] = &[
    page("", OF_PROGRAM).see(&["ftp-server", "ftp-relay-agent"]).examples(&[
        (
            "ftp-user copy -r ftp://ann@one.example/photos ftp://bob@two.example/",
            "Copies a tree straight from one server to the other.",
        ),
        (
            "ftp-user sites add lab ftpes://ann@lab.example/pub",
            "Gives a server a name: lab:file is a place then.",
        ),
        ("ftp-user man copy", "Prints the page of a verb."),
    ]),
    page("copy", OF_COPIES).see(&["ftp-user-resume", "ftp-user-probe", "ftp-user-sites"]).examples(&[
        (
            "ftp-user copy ftp://ann@one.example/a.iso ftp://bob@two.example/pub/",
            "Copies a file from server to server, and compares both ends.",
        ),
        (
            "ftp-user copy -r --exclude '*.tmp' lab:data/ ./data",
            "Copies the content of a directory of the site lab to this host, without *.tmp.",
        ),
        ("ftp-user copy -n -r lab:data backup:2026/", "Prints what would be copied."),
        ("ftp-user copy --explain lab:a.iso backup:", "Tells which paths there are. Nothing is changed."),
    ]),
    page("move", OF_COPIES).see(&["ftp-user-copy", "ftp-user-resume", "ftp-user-mv"]).examples(&[
        (
            "ftp-user move lab:out/report.pdf backup:in/",
            "Copies and verifies a file, then deletes it at its source.",
        ),
        ("ftp-user move -r lab:incoming backup:archive/", "Does the same with a tree."),
        ("ftp-user move -n 'lab:logs/*.gz' backup:logs/", "Prints what would be moved."),
    ]),
    page("sync", OF_COPIES).see(&["ftp-user-copy", "ftp-user-resume"]).examples(&[
        ("ftp-user sync lab:data backup:data", "Copies what is new or different."),
        (
            "ftp-user sync -n --delete lab:data backup:data",
            "Prints what would be copied and what would be deleted.",
        ),
        (
            "ftp-user sync --delete --max-delete 100 -q lab:data backup:data",
            "For a timer: quiet on success, and nothing is deleted if that were more than 100 names.",
        ),
    ]),
    page("append", Page { exits: ALL, ..OF_QUESTIONS }).see(&["ftp-user-copy"]).examples(&[
        ("ftp-user append lab:today.log backup:all.log", "Makes the second file longer by the first one."),
        ("ftp-user append today.log backup:all.log", "Appends a file of this host."),
        ("ftp-user append -n lab:today.log backup:all.log", "Prints what would be done."),
    ]),
    page("ls", OF_QUESTIONS).see(&["ftp-user-tree", "ftp-user-stat"]).examples(&[
        ("ftp-user ls ftp://one.example/", "Prints a name on each line."),
        ("ftp-user ls -l lab:pub backup:pub", "Prints type, mode, size and date too."),
        ("ftp-user ls 'lab:pub/*.iso'", "Prints the names that match."),
    ]),
    page("tree", OF_QUESTIONS).see(&["ftp-user-ls"]).examples(&[
        ("ftp-user tree lab:data", "Draws a directory with everything in it."),
        (
            "ftp-user tree ftp://one.example/pub ./here",
            "Draws two directories; the second one is on this host.",
        ),
        ("ftp-user tree --json lab:data", "Prints sizes and times for a program."),
    ]),
    page("stat", OF_QUESTIONS).see(&["ftp-user-ls", "ftp-user-hash"]).examples(&[
        ("ftp-user stat lab:a.iso", "Tells what is known of a file."),
        ("ftp-user stat ftp://one.example/pub ./here", "Tells what is known of two directories."),
        ("ftp-user stat --json lab:a.iso", "Prints size, time and kind for a program."),
    ]),
    page("cat", OF_QUESTIONS).see(&["ftp-user-copy"]).examples(&[
        ("ftp-user cat lab:notes.txt", "Prints a file."),
        ("ftp-user cat lab:log/today lab:log/now", "Prints one after the other."),
        ("ftp-user cat lab:a.gz | zcat", "Reads it on the way."),
    ]),
    page("mkdir", OF_CHANGES).see(&["ftp-user-rm"]).examples(&[
        ("ftp-user mkdir lab:new", "Makes a directory."),
        ("ftp-user mkdir -p lab:2026/11/22", "Makes the directories above it, too."),
        ("ftp-user mkdir lab:new backup:new", "Makes one at each site."),
    ]),
    page("rm", OF_CHANGES).see(&["ftp-user-mkdir", "ftp-user-move"]).examples(&[
        ("ftp-user rm 'lab:logs/*.old'", "Deletes the files that match."),
        ("ftp-user rm -r -n lab:tmp", "Prints what would be deleted."),
        ("ftp-user rm -r --yes lab:tmp", "Deletes a directory without a question."),
    ]),
    page("mv", OF_CHANGES).see(&["ftp-user-move"]).examples(&[
        ("ftp-user mv lab:a.iso lab:b.iso", "Renames a file. Nothing that exists is replaced."),
        ("ftp-user mv 'lab:*.iso' lab:old/", "Renames several into a directory."),
        ("ftp-user mv ./a ./b", "Renames a file of this host."),
    ]),
    page("hash", OF_QUESTIONS).see(&["ftp-user-stat"]).examples(&[
        ("ftp-user hash lab:a.iso", "Prints the line of sha256sum."),
        ("ftp-user hash --alg md5 lab:a.iso", "Takes another digest."),
        ("ftp-user hash 'lab:pub/*' > SUMS", "Writes the digests of all that match."),
    ]),
    page("probe", OF_PROBE).see(&["ftp-user-why", "ftp-user-copy"]).examples(&[
        ("ftp-user probe lab:data backup:", "Tries every path between two servers, and draws the best one."),
        (
            "ftp-user probe ftp://ann@one.example/ ftp://ann@two.example/",
            "Tries the paths between servers that are no named sites.",
        ),
        ("ftp-user probe --json lab: backup:", "Prints each path for a program."),
    ]),
    page("resume", OF_COPIES).see(&["ftp-user-jobs", "ftp-user-retry", "ftp-user-cancel"]).examples(&[
        ("ftp-user resume", "Continues every job that was interrupted."),
        ("ftp-user resume last", "Continues the last one."),
        ("ftp-user resume 0123456789abcdef", "Continues the one with that id."),
    ]),
    page("retry", OF_COPIES).see(&["ftp-user-jobs", "ftp-user-resume"]).examples(&[
        ("ftp-user retry last", "Runs the last job again, which has failed."),
        ("ftp-user retry 0123456789abcdef", "Runs the one with that id."),
        ("ftp-user retry last --yes", "Deletes what the last sync has kept because so much was to go."),
    ]),
    page("jobs", OF_JOBS).see(&["ftp-user-resume", "ftp-user-why"]).examples(&[
        ("ftp-user jobs", "Shows which jobs run, were interrupted, or have ended."),
        ("ftp-user jobs --json", "Prints them for a program."),
        ("ftp-user jobs --state /var/lib/nightly", "Shows those of another state directory."),
    ]),
    page("pause", OF_JOBS).see(&["ftp-user-daemon", "ftp-user-resume", "ftp-user-jobs"]).examples(&[
        ("ftp-user pause last", "Stops the last job, if it is one of the queue."),
        ("ftp-user pause 0123456789abcdef", "Stops the one with that id; ftp-user resume lets it go on."),
        ("ftp-user pause nightly", "Stops the one with that name (--id)."),
    ]),
    page("cancel", OF_CARRIED_JOBS).see(&["ftp-user-jobs"]).examples(&[
        ("ftp-user cancel last", "Gives up the last job, and removes what it has left."),
        ("ftp-user cancel 0123456789abcdef", "Gives up the one with that id."),
        (
            "ftp-user cancel --forget last",
            "Forgets the job without asking its server, which does not come back.",
        ),
    ]),
    page("series", OF_JOBS).see(&["ftp-user-daemon", "ftp-user-copy", "ftp-user-jobs"]).examples(&[
        ("ftp-user series", "Lists what is carried again and again, with the next runs."),
        ("ftp-user series pause 0123456789abcdef", "Lets no run of that one begin."),
        ("ftp-user series remove 0123456789abcdef", "Removes it. Its runs stay."),
    ]),
    page("daemon", OF_CARRIED_JOBS).see(&["ftp-user-copy", "ftp-user-jobs", "ftp-user-pause"]).examples(&[
        ("ftp-user daemon", "Carries the jobs that were left to the queue, four at the same time."),
        ("ftp-user daemon --state /var/lib/transfers", "Carries those of another state directory."),
        (
            "ftp-user daemon --parallel 1 --drain-timeout 5m",
            "Carries one job, and lets it end after SIGTERM.",
        ),
    ]),
    page("why", Page { files: &[JOURNAL, PAIRS], ..OF_JOBS })
        .see(&["ftp-user-jobs", "ftp-user-probe"])
        .examples(&[
            ("ftp-user why", "Shows what the last run has tried."),
            ("ftp-user why 0123456789abcdef", "Shows what that job has tried."),
            ("ftp-user why --json last", "Prints a receipt for each file."),
        ]),
    page("sites", Page { files: &[SETTINGS, SECRETS, PINS], ..OF_CHANGES })
        .see(&["ftp-user-doctor"])
        .examples(&[
            ("ftp-user sites add lab ftpes://ann@lab.example/pub", "Adds a site without questions."),
            ("ftp-user sites test lab", "Tells what works there, and what to do about the rest."),
            ("ftp-user sites import rclone", "Adds the FTP servers that rclone knows."),
        ]),
    page("shell", OF_PROGRAM).see(&["ftp-user-copy"]).examples(&[
        ("ftp-user shell", "Reads verbs from the terminal."),
        ("ftp-user shell -f nightly.ftp", "Does what a file says, up to the first failure."),
        ("ftp-user shell < nightly.ftp", "Reads the same lines from the standard input."),
    ]),
    page("doctor", OF_DOCTOR).see(&["ftp-user-sites"]).examples(&[
        ("ftp-user doctor", "Tells what is wrong with this host, and what to do."),
        ("ftp-user doctor --json", "Prints each finding for a program."),
        ("ftp-user doctor -v", "Shows more of each finding."),
    ]),
    page("completions", Page { exits: PRINTING, files: &[SETTINGS], ..BLANK }).examples(&[
        (
            "ftp-user completions bash > ~/.local/share/bash-completion/completions/ftp-user",
            "Completes in every bash of this user.",
        ),
        ("ftp-user completions zsh > _ftp-user", "For a directory of $fpath of zsh."),
        ("ftp-user completions fish > ~/.config/fish/completions/ftp-user.fish", "Completes in fish."),
        ("source <(ftp-user completions bash)", "Completes in this bash."),
    ]),
    page("man", Page { exits: PRINTING, ..BLANK }).examples(&[
        ("ftp-user man | man -l -", "Shows the page of the program, where it is not installed."),
        ("ftp-user man copy | man -l -", "Shows that of a verb."),
        ("ftp-user man copy", "Prints the source of the page."),
    ]),
];

/// A page without its examples.
struct PageDraft(Page);

/// The page of a verb, which begins with what it has in common with others.
const fn page(verb: &'static str, common: Page) -> PageDraft {
    PageDraft(Page { verb, ..common })
}

impl PageDraft {
    const fn see(self, see: &'static [&'static str]) -> Self {
        Self(Page { see, ..self.0 })
    }

    const fn examples(self, examples: &'static [(&'static str, &'static str)]) -> Page {
        Page { examples, ..self.0 }
    }
}

/// What every page begins with.
const BLANK: Page = Page { verb: "", examples: &[], exits: ALL, files: &[], see: &[] };
/// What the pages of verbs that copy have in common.
const OF_COPIES: Page = Page { files: &[SETTINGS, JOURNAL, NETRC], ..BLANK };
/// The same of the program itself, and of its shell.
const OF_PROGRAM: Page = Page { files: &[SETTINGS, STATE, NETRC], ..BLANK };
/// The same of verbs that change nothing.
const OF_QUESTIONS: Page = Page { exits: ASKING, files: &[SETTINGS, NETRC], ..BLANK };
/// The same of verbs that change something where it is.
const OF_CHANGES: Page = Page { exits: CHANGING, ..OF_QUESTIONS };
/// The same of verbs about jobs.
const OF_JOBS: Page = Page { exits: JOBS, files: &[JOURNAL], ..BLANK };
/// The same of verbs that carry jobs or give them up.
const OF_CARRIED_JOBS: Page = Page { exits: JOBS, files: &[JOURNAL, SETTINGS, NETRC], ..BLANK };
const OF_PROBE: Page = Page {
    exits: &[DONE, OTHER, USAGE, REFUSED, TEMPORARY, NO_PATH, UNTRUSTED],
    files: &[SETTINGS, PAIRS, NETRC],
    ..BLANK
};
const OF_DOCTOR: Page =
    Page { exits: &[DONE, (number(Status::Failed(Kind::Other)), "a finding is BAD"), USAGE], ..OF_PROGRAM };

/// The number of an exit status, and what it means.
type Exit = (u8, &'static str);

const fn of(status: Status) -> Exit {
    (number(status), meaning(status))
}

const fn failed(kind: Kind) -> Exit {
    of(Status::Failed(kind))
}

const DONE: Exit = of(Status::Done);
const OTHER: Exit = failed(Kind::Other);
const USAGE: Exit = failed(Kind::Usage);
const MISSING: Exit = failed(Kind::Missing);
const REFUSED: Exit = failed(Kind::Refused);
const TEMPORARY: Exit = failed(Kind::Temporary);
const NO_PATH: Exit = failed(Kind::NoPath);
const UNVERIFIED: Exit = failed(Kind::Unverified);
const EXISTS: Exit = failed(Kind::Exists);
const PARTLY: Exit = of(Status::Partly);
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

/// Prints a manual page.
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
        Candidate { text, help: shortened(&help) }
    };
    let recent = state.map(recent_jobs).unwrap_or_default();
    let jobs = recent.iter().filter(|job| is_taken(job.state)).map(shown);
    let last = Candidate { text: "last".to_owned(), help: "the job that began last".to_owned() };
    jobs.chain([last]).collect()
}

/// A line that a list has room for.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_HELP) {
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Characters of what a job is.
const LONGEST_HELP: usize = 60;

fn cannot_print(error: io::Error) -> Failure {
    Failure::new(Kind::Other, format!("cannot write to standard output: {error}"))
}
