//! What lines are carried out with, and what happens beside them.

use super::super::asked::find;
use super::super::conceal::without_passwords;
use super::super::outputs::complain;
use super::super::{General, ShellSession, Verb, program};
use super::jobs::{Job, Jobs};
use super::lookup::{Arguments, Lookup};
use super::reader::{History, Signals};
use super::verbs;
use crate::context::{Cancel, ListedDirectories};
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::shell::{Meaning, Vocabulary, quoted};
use clap::Command;
use ftp_io::program::completion::{Part, Reader};
use ftp_proto::wire::counted;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

/// What lines are carried out with.
#[derive(Debug)]
pub(super) struct Lines {
    /// The options of the shell.
    pub(super) general: General,
    /// The same as words: they hold for each line.
    pub(super) general_words: Vec<OsString>,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) lookup: Lookup,
    pub(super) jobs: Jobs,
    pub(super) history: History,
    pub(super) signals: Signals,
    /// Whether the lines themselves are standard input.
    pub(super) is_script_on_stdin: bool,
    /// Whether somebody wanted to leave while jobs ran in the background.
    pub(super) asked_to_leave: bool,
    /// How jobs of a script have ended for which no line has waited, together.
    pub(super) background: Status,
    /// The line of the script that is carried out: `SCRIPT:NUMBER`.
    pub(super) at: Option<String>,
    /// Where the shell was before it went to its current directory.
    pub(super) before: Option<Meaning>,
}

impl Lines {
    /// Carries out a verb of the command line.
    pub(super) async fn verb(&mut self, verb: &Command, arguments: Arguments, cancel: Cancel) -> Status {
        let words = self.words(verb, &arguments.words);
        let mut cli = match program::read(words.clone()) {
            Ok(cli) => cli,
            Err(status) => return status,
        };
        let changes_sites = matches!(cli.verb, Verb::Sites(_));
        if let Verb::Jobs(args) = &mut cli.verb {
            args.in_shell = true;
            // What runs in the background comes before what the journal knows.
            if let Err(failure) = verbs::show(self.jobs.jobs.iter().map(Job::row), cli.general.json) {
                return self.fail(&failure);
            }
        }
        if let Verb::Cancel(args) = &cli.verb
            && let Err(failure) = self.refuse_running(&cli.general, &args.job)
        {
            return self.fail(&failure);
        }
        let listed = ListedDirectories::wanted();
        cli.general.hands = ShellSession {
            cancel: Some(cancel),
            answers: self.general.hands.answers.clone(),
            listed: listed.clone(),
            grouping: arguments.grouping,
            here: self.here().map(OsString::from),
            ..ShellSession::default()
        };
        let here = std::env::current_dir();
        let status = Box::pin(cli.run_verb(words.get(1..).unwrap_or_default())).await;
        if let Ok(here) = here {
            // A job that goes on has gone to its own directory.
            let _ = std::env::set_current_dir(here);
        }
        if changes_sites {
            self.read_sites_again();
        }
        self.lookup.known.learn(listed.take());
        status
    }

    /// Refuses to cancel what runs in the background of this shell. `called` is its number there, or what the journal calls it.
    fn refuse_running(&self, general: &General, called: &str) -> Result<()> {
        let number = called.strip_prefix('%').unwrap_or(called);
        let of_number = self.jobs.find(Some(number)).ok();
        let of_journal = || -> Option<&Job> {
            let (_, jobs) = general.jobs().ok()?;
            self.jobs.run_by(find(&jobs, called).ok()?.process?)
        };
        match of_number.or_else(of_journal).filter(|job| job.status().is_none()) {
            None => Ok(()),
            Some(Job { number, .. }) => {
                Err(Failure::new(Kind::Exists, format!("[{number}] runs in the background of this shell"))
                    .hint(format!("fg {number} and Ctrl-C interrupt it; then cancel gives it up")))
            }
        }
    }

    /// The words of the command line that a line stands for, the name of the program first.
    pub(super) fn words(&self, verb: &Command, arguments: &[String]) -> Vec<OsString> {
        let own = [verb.get_name()].into_iter().chain(arguments.iter().map(String::as_str));
        let general = self.general_words.iter().cloned();
        [OsString::from("ftp-user")].into_iter().chain(general).chain(own.map(OsString::from)).collect()
    }

    /// The current directory as the command line reads it; `None` if that is the directory of this program, or in several.
    fn here(&self) -> Option<String> {
        match &self.lookup.known.lock().scope.current {
            here if *here == Meaning::default() => None,
            Meaning::At(directory) => Some(directory.place(true)),
            Meaning::In(_) => None,
        }
    }

    /// Starts a verb of the command line in the background.
    pub(super) fn start(&mut self, verb: &Command, arguments: &[String]) -> Result<()> {
        let words: Vec<OsString> = self.words(verb, arguments).into_iter().skip(1).collect();
        let plain = without_passwords(&words, |_| false);
        let shown = plain.iter().skip(self.general_words.len()).map(|word| quoted(&word.to_string_lossy()));
        let shown = shown.collect::<Vec<_>>().join(" ");
        let words: Vec<String> = words.into_iter().filter_map(|word| word.into_string().ok()).collect();
        let job = self.jobs.start(&words, shown, self.at.clone())?;
        complain(format_args!("[{}] {}", job.number, job.line));
        Ok(())
    }

    /// The settings may have other sites now.
    fn read_sites_again(&self) {
        if let Ok(settings) = program::settings(self.general.job.config.as_deref()) {
            let mut known = self.lookup.known.lock();
            // What was kept stays where it was found.
            known.cache.sites = settings.sites.clone();
            known.scope.sites = settings.sites;
        }
        self.lookup.servers.begin_anew();
    }

    /// Keeps a line for the arrow keys and later runs. Returns whether it is kept.
    pub(super) fn remember(&mut self, line: &str) -> bool {
        let sites = self.lookup.known.lock().scope.sites.clone();
        self.history.add(line, &sites).unwrap_or_else(|why| {
            complain(format_args!("warning: the line is not kept: {why}"));
            true
        })
    }

    /// Whether the shell may be left. Where jobs run in the background, or one has failed that was not shown, it says so the
    /// first time.
    pub(super) fn may_leave(&mut self) -> bool {
        let has_failed = self.jobs.show_ended(None) != Status::Done;
        let running = self.jobs.running();
        if self.asked_to_leave || (running == 0 && !has_failed) {
            return true;
        }
        // Jobs that run are spoken of by themselves.
        self.asked_to_leave = !has_failed || running == 0;
        if has_failed {
            complain("a job in the background has failed: quit again to leave");
            return false;
        }
        let jobs = counted(running as u64, "job");
        complain(format_args!(
            "in the background: {jobs}; wait for them, or quit again to interrupt them: resume goes on with them"
        ));
        false
    }

    /// Waits for all jobs in the background. Returns how they ended, together.
    pub(super) async fn wait_for_all(&mut self) -> Status {
        let mut signals = self.signals.clone();
        let mut status = std::mem::replace(&mut self.background, Status::Done);
        if signals.is_end() {
            self.jobs.interrupt();
        }
        while let Some(job) = self.jobs.jobs.first() {
            let end = job.end();
            tokio::pin!(end);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut end => break,
                    _ = signals.next() => self.jobs.interrupt(),
                }
            }
            status = status.and(self.jobs.show_ended(None));
        }
        status
    }

    /// Ends what goes on beside the lines, and shows what it has said. Returns how jobs in the background have ended, together.
    pub(super) async fn end(&mut self) -> Status {
        self.jobs.interrupt();
        let ended = async {
            for job in &self.jobs.jobs {
                job.end().await;
            }
            self.lookup.servers.quit().await;
        };
        let _ = tokio::time::timeout(GRACE, ended).await;
        self.jobs.jobs.iter().filter(|job| job.status().is_none()).for_each(Job::show_said);
        self.jobs.show_ended(None)
    }

    /// Says what has failed.
    pub(super) fn fail(&self, failure: &Failure) -> Status {
        self.general.status_of(Err(failure.clone()), false)
    }
}

/// How long the jobs in the background have to end in order when the shell ends.
const GRACE: Duration = Duration::from_secs(3);

/// The arguments of a verb, with the one that it means where there is none.
pub(super) fn with_default(verb: &Command, mut arguments: Vec<String>) -> Vec<String> {
    let mut reader = Reader::at(verb);
    let is_one = |word: &String| matches!(reader.read(word), Part::Verb(_) | Part::Operand(_));
    if !arguments.iter().any(is_one) {
        let default = DEFAULTS.iter().find(|(name, _)| *name == verb.get_name());
        arguments.extend(default.map(|(_, argument)| (*argument).to_owned()));
    }
    arguments
}

/// What verbs mean without an argument in the shell, where there is a current directory.
const DEFAULTS: [(&str, &str); 3] = [("ls", "."), ("sites", "list"), ("tree", ".")];
