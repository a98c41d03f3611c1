//! What lines are carried out with.

use super::super::asked::find;
use super::super::defaults;
use super::super::passwords::Answers;
use super::super::{Cli, General, Hands, Verb, colored, print_failure, program};
use super::background::{Job, Jobs};
use super::history::History;
use super::lookup::{Lookup, Places};
use super::place_use::place_use;
use super::rows::{self, Row};
use super::signals::Signals;
use crate::action::Grouping;
use crate::context::{Cancel, ListedDirectories};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Directory, Meaning, Operand, PlaceUse, Purpose, Vocabulary, quoted};
use clap::Command;
use ftp_io::program::completion::{Part, Reader, Value, ValueKind, values};
use ftp_io::program::output;
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
    /// The line of the script that is carried out: `SCRIPT:NUMBER`.
    pub(super) at: Option<String>,
    /// Where the shell was before it went to its current directory.
    pub(super) before: Option<Meaning>,
}

impl Lines {
    /// Carries out a verb of the command line.
    pub(super) async fn verb(&mut self, verb: &Command, arguments: &Arguments, cancel: Cancel) -> Status {
        let Arguments { words: arguments, grouping } = arguments;
        let words = self.words(verb, arguments);
        let mut cli = match program::read(words.clone()) {
            Ok(cli) => cli,
            Err(status) => return status,
        };
        let changes_sites = matches!(cli.verb, Verb::Sites(_));
        if let Verb::Jobs(args) = &mut cli.verb {
            args.in_shell();
            // What runs in the background comes before what the journal knows.
            let shown = rows::show(self.jobs.all().iter().map(Row::of_job), cli.general.json);
            if let Err(failure) = shown {
                return self.fail(&failure);
            }
        }
        if let Verb::Cancel(args) = &cli.verb
            && let Err(failure) = self.refuse_running(&cli.general, &args.job)
        {
            return self.fail(&failure);
        }
        let listed = ListedDirectories::wanted();
        let (cancel, answers, grouping) = (Some(cancel), self.answers(), *grouping);
        let here = self.here().map(OsString::from);
        cli.general.hands = Hands { cancel, answers, listed: listed.clone(), grouping, here, one_job: None };
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
    ///
    /// # Errors
    ///
    /// It runs.
    fn refuse_running(&self, general: &General, called: &str) -> Result<(), Failure> {
        let number = called.strip_prefix('%').unwrap_or(called);
        let of_number = self.jobs.find(Some(number)).ok();
        let of_journal = || -> Option<&Job> {
            let (_, jobs) = general.jobs().ok()?;
            self.jobs.run_by(find(&jobs, called).ok()?.process?)
        };
        match of_number.or_else(of_journal).filter(|job| job.status().is_none()) {
            None => Ok(()),
            Some(job) => {
                let number = job.number;
                Err(Failure::new(Kind::Exists, format!("[{number}] runs in the background of this shell"))
                    .hint(format!("fg {number} and Ctrl-C interrupt it; then cancel gives it up")))
            }
        }
    }

    /// The words of the command line that a line stands for, the name of the program first.
    pub(super) fn words(&self, verb: &Command, arguments: &[String]) -> Vec<OsString> {
        let mut words = vec![OsString::from("ftp-user")];
        words.extend(self.general_words.iter().cloned());
        words.push(verb.get_name().into());
        words.extend(arguments.iter().map(OsString::from));
        words
    }

    /// The current directory as the command line reads it; `None` if that is the directory of this program, or in several.
    fn here(&self) -> Option<String> {
        match &self.lookup.known.lock().scope.current.0 {
            Meaning::At(directory) if *directory != Directory::HERE => Some(directory.place(true)),
            Meaning::At(_) | Meaning::In(_) => None,
        }
    }

    fn answers(&self) -> Answers {
        self.general.hands.answers.clone()
    }

    /// Starts a verb of the command line in the background.
    pub(super) fn start(&mut self, verb: &Command, arguments: &[String]) -> Result<(), Failure> {
        let words = self.words(verb, arguments).into_iter().skip(1);
        let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
        let plain: Vec<OsString> = super::super::conceal::without_passwords(
            &words.iter().map(OsString::from).collect::<Vec<_>>(),
            |_| false,
        );
        let general = self.general_words.len();
        let shown: Vec<String> =
            plain.iter().skip(general).map(|word| quoted(&word.to_string_lossy())).collect();
        let job = self.jobs.start(&words, (shown.join(" "), self.at.clone()))?;
        output::complain("ftp-user", format_args!("[{}] {}", job.number, job.line));
        Ok(())
    }

    /// The arguments with each place as the command line reads it. `read` is the line as it was typed.
    ///
    /// # Errors
    ///
    /// A name in a composite directory is in no component, or in several.
    pub(super) async fn resolved(
        &self,
        verb: &Command,
        read: &Cli,
        arguments: Vec<String>,
        cancel: &Cancel,
    ) -> Result<Arguments, Failure> {
        let values = values(verb, &arguments);
        if self.is_script_on_stdin {
            refuse_stdin(verb, &arguments, &values)?;
        }
        let (mut words, mut grouping) = (Vec::new(), Grouping::Each);
        let mut touched = Vec::new();
        let mut last = None;
        for (argument, value) in arguments.into_iter().zip(values) {
            let place = value.and_then(|value| Some((value.at, place_use(&read.verb, value.kind())?)));
            let Some(((before, typed), place_use)) =
                place.map(|(at, place_use)| (argument.split_at(at), place_use))
            else {
                words.push(argument);
                continue;
            };
            if place_use == PlaceUse::There(Purpose::Change) {
                self.lookup.check_removal(typed, cancel).await?;
            }
            let (places, component) = self.placed(typed, (place_use, last.as_ref()), cancel).await?;
            last = component;
            if places.len() > 1 {
                grouping = Grouping::AsOne;
            }
            touched.extend(places.iter().filter(|_| place_use.changes()).cloned());
            words.extend(places.into_iter().map(|place| format!("{before}{place}")));
        }
        self.forget_listings(&touched);
        Ok(Arguments { words, grouping })
    }

    /// The places that a word means.
    pub(super) async fn places(
        &self,
        text: &str,
        place_use: PlaceUse,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Failure> {
        self.placed(text, (place_use, None), cancel).await.map(|(places, _)| places)
    }

    /// The same, and in which component it is. `last` is where the place before it on the line is.
    async fn placed(
        &self,
        text: &str,
        (place_use, last): (PlaceUse, Option<&Component>),
        cancel: &Cancel,
    ) -> Result<(Vec<String>, Option<Component>), Failure> {
        let known = &self.lookup.known;
        let operand = known.lock().scope.operand(text)?;
        let (partial, is_contents) = match operand {
            Operand::AsTyped => {
                return Ok((vec![text.to_owned()], None));
            }
            Operand::At(directory, is_contents) => {
                if matches!(place_use, PlaceUse::Destination | PlaceUse::NewName) {
                    self.lookup.warn_of_site(text, cancel).await;
                }
                return Ok((vec![directory.place(is_contents)], None));
            }
            Operand::In(partial, is_contents) => (partial, is_contents),
        };
        let purpose = match place_use {
            PlaceUse::Destination | PlaceUse::NewName => {
                let is_beside =
                    |last: &&Component| place_use == PlaceUse::NewName && last.composite == partial.composite;
                let beside = last.filter(is_beside).map(|last| last.number);
                let place = self.lookup.destination(&partial, beside, cancel).await?;
                return Ok((vec![place.place(is_contents)], None));
            }
            PlaceUse::There(purpose) => purpose,
        };
        let Places { all, component, unseen } = self.lookup.find(&partial, purpose, cancel).await?;
        if !unseen.is_empty() {
            let unseen: Vec<String> = unseen.iter().map(Directory::to_string).collect();
            output::complain("ftp-user", format_args!("warning: not looked at: {}", unseen.join(", ")));
        }
        let component = component.map(|number| Component { composite: partial.composite, number });
        Ok((all.iter().map(|place| place.place(is_contents)).collect(), component))
    }

    /// What is changed is listed anew when somebody wants it.
    fn forget_listings(&self, touched: &[String]) {
        let mut known = self.lookup.known.lock();
        for place in touched {
            let Ok(place) = Directory::parse(place, &known.scope.sites) else { continue };
            known.cache.forget(&place);
            if let Some((parent, _)) = place.split_last() {
                known.cache.forget(&parent);
            }
        }
    }

    /// The settings may have other sites now.
    fn read_sites_again(&self) {
        if let Ok(settings) = defaults::settings(self.general.config.as_deref()) {
            let mut known = self.lookup.known.lock();
            known.cache.know(settings.sites.names.clone());
            known.scope.sites = settings.sites.names;
        }
        self.lookup.servers.begin_anew();
    }

    /// Keeps a line for the arrow keys and later runs. Returns whether it is kept.
    pub(super) fn remember(&mut self, line: &str) -> bool {
        let sites = self.lookup.known.lock().scope.sites.clone();
        match self.history.add(line, &sites) {
            Ok(is_kept) => is_kept,
            Err(why) => {
                output::complain("ftp-user", format_args!("warning: the line is not kept: {why}"));
                true
            }
        }
    }

    /// Whether the shell may be left. Where jobs run in the background it says so the first time.
    pub(super) fn may_leave(&mut self) -> bool {
        let running = self.jobs.running();
        if running == 0 || std::mem::replace(&mut self.asked_to_leave, true) {
            return true;
        }
        let jobs = counted(running as u64, "job");
        output::complain(
            "ftp-user",
            format_args!(
                "in the background: {jobs}; wait for them, or quit again to interrupt them: resume goes on with them"
            ),
        );
        false
    }

    /// Says which jobs in the background have ended, with what they have said.
    pub(super) fn tell_ended(&mut self) {
        for job in self.jobs.take_ended() {
            job.show_said();
            job.tell_end();
        }
    }

    /// Waits for all jobs in the background. Returns how they ended, together.
    pub(super) async fn wait_for_all(&mut self) -> Status {
        let mut signals = self.signals.clone();
        let mut status = Status::Done;
        if signals.is_end() {
            self.jobs.interrupt();
        }
        while let Some(job) = self.jobs.all().first() {
            let end = job.end();
            tokio::pin!(end);
            loop {
                tokio::select! {
                    ended = &mut end => {
                        status = status.and(ended);
                        break;
                    }
                    _ = signals.next() => self.jobs.interrupt(),
                }
            }
            self.tell_ended();
        }
        status
    }

    /// Ends what goes on beside the lines.
    pub(super) async fn end(&mut self) {
        self.jobs.interrupt();
        let ended = async {
            for job in self.jobs.all() {
                job.end().await;
            }
            self.lookup.servers.quit().await;
        };
        let _ = tokio::time::timeout(GRACE, ended).await;
    }

    /// Says what has failed.
    pub(super) fn fail(&self, failure: &Failure) -> Status {
        print_failure(failure, colored(self.general.color));
        Status::Failed(failure.kind)
    }
}

/// The arguments of a verb of the command line.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Each place as the command line reads it.
    pub(super) words: Vec<String>,
    /// How it is shown where one name stands for several directories.
    grouping: Grouping,
}

/// A component of a composite directory.
#[derive(Debug)]
struct Component {
    composite: String,
    number: usize,
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

/// Refuses standard input as a source: the lines themselves come from there.
fn refuse_stdin(verb: &Command, arguments: &[String], values: &[Option<Value>]) -> Result<(), Failure> {
    let reads = |(word, value): (&String, &Option<Value>)| match value {
        Some(value) if value.is_operand => word == "-" && value.kind() != ValueKind::Destination,
        Some(value) => value.kind() == ValueKind::File && word.get(value.at..) == Some("-"),
        None => false,
    };
    if arguments.iter().zip(values).any(reads) {
        let what = format!("{} cannot read standard input: the script is there", verb.get_name());
        return Err(Failure::usage(what).hint("name the script with --file"));
    }
    Ok(())
}
