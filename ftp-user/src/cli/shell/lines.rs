//! What lines are carried out with.

use super::super::passwords::Answers;
use super::super::{General, Hands, colored, print_failure, program};
use super::background::Jobs;
use super::history::History;
use super::lookup::{Lookup, Places};
use super::signals::Signals;
use crate::config;
use crate::context::Cancel;
use crate::failure::Failure;
use crate::job::Status;
use crate::shell::{
    Directory, Meaning, Operand, Purpose, Role, VerbWords, Vocabulary, quoted, role, takes_away,
};
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
}

impl Lines {
    /// Carries out a verb of the command line.
    pub(super) async fn verb(&mut self, verb: &VerbWords, arguments: &[String], cancel: Cancel) -> Status {
        let mut words = vec![OsString::from("ftp-user")];
        words.extend(self.words(verb, arguments));
        let mut cli = match program::read(words.clone()) {
            Ok(cli) => cli,
            Err(status) => return status,
        };
        cli.general.hands = Hands { cancel: Some(cancel), answers: self.answers() };
        let here = std::env::current_dir();
        let status = Box::pin(cli.run_verb(words.get(1..).unwrap_or_default())).await;
        if let Ok(here) = here {
            // A job that goes on has gone to its own directory.
            let _ = std::env::set_current_dir(here);
        }
        if verb.name == "sites" {
            self.read_sites_again();
        }
        status
    }

    fn words(&self, verb: &VerbWords, arguments: &[String]) -> Vec<OsString> {
        let mut words = self.general_words.clone();
        words.push(verb.name.clone().into());
        words.extend(arguments.iter().map(OsString::from));
        words
    }

    fn answers(&self) -> Answers {
        self.general.hands.answers.clone()
    }

    /// Starts a verb of the command line in the background.
    pub(super) fn start(&mut self, verb: &VerbWords, arguments: &[String]) -> Result<(), Failure> {
        let words: Vec<String> =
            self.words(verb, arguments).into_iter().filter_map(|word| word.into_string().ok()).collect();
        let plain: Vec<OsString> = super::super::conceal::without_passwords(
            &words.iter().map(OsString::from).collect::<Vec<_>>(),
            |_| false,
        );
        let general = self.general_words.len();
        let shown: Vec<String> =
            plain.iter().skip(general).map(|word| quoted(&word.to_string_lossy())).collect();
        let job = self.jobs.start(&words, shown.join(" "))?;
        output::complain("ftp-user", format_args!("[{}] {}", job.number, job.line));
        Ok(())
    }

    /// The arguments with each place as the command line reads it.
    ///
    /// # Errors
    ///
    /// A name in a composite directory is in no component, or in several.
    pub(super) async fn resolved(
        &self,
        verb: &VerbWords,
        arguments: Vec<String>,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Failure> {
        let operands = verb.operands(&arguments);
        if self.is_script_on_stdin {
            refuse_stdin(verb, &arguments, &operands)?;
        }
        let mut words = Vec::new();
        let mut touched = Vec::new();
        for (index, argument) in arguments.into_iter().enumerate() {
            let role = match operands.iter().position(|operand| *operand == index) {
                Some(place) => role(&verb.name, place, operands.len()),
                None => Role::Plain,
            };
            if role == Role::Plain {
                words.push(argument);
                continue;
            }
            if role == Role::There(Purpose::Change) && takes_away(&verb.name) {
                self.lookup.known.lock().scope.check_removal(&argument)?;
            }
            let places = self.places(&argument, role, cancel).await?;
            let changes = matches!(role, Role::Destination | Role::There(Purpose::Change));
            touched.extend(places.iter().filter(|_| changes).cloned());
            words.extend(places);
        }
        if operands.is_empty() && matches!(verb.name.as_str(), "ls" | "tree") {
            let here = self.lookup.known.lock().scope.current.0.clone();
            if !matches!(&here, Meaning::At(directory) if directory.is_local()) {
                words.extend(self.places(".", Role::There(Purpose::List), cancel).await?);
            }
        }
        self.forget_listings(&touched);
        Ok(words)
    }

    /// The places that a word means.
    pub(super) async fn places(
        &self,
        text: &str,
        role: Role,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Failure> {
        let known = &self.lookup.known;
        let operand = known.lock().scope.operand(text)?;
        let (partial, is_contents) = match operand {
            Operand::AsTyped => {
                let directory = Directory::parse(text, &known.lock().scope.sites);
                if let Ok(directory) = directory {
                    known.watch(&directory);
                }
                return Ok(vec![text.to_owned()]);
            }
            Operand::At(directory, is_contents) => {
                known.watch(&directory);
                return Ok(vec![directory.place(is_contents)]);
            }
            Operand::In(partial, is_contents) => (partial, is_contents),
        };
        let purpose = match role {
            Role::Destination => {
                let place = self.lookup.destination(&partial, cancel).await?;
                return Ok(vec![place.place(is_contents)]);
            }
            Role::There(purpose) => purpose,
            Role::Plain => Purpose::Read,
        };
        let Places { all, unseen } = self.lookup.find(&partial, purpose, cancel).await?;
        if !unseen.is_empty() {
            let unseen: Vec<String> = unseen.iter().map(Directory::to_string).collect();
            output::complain("ftp-user", format_args!("warning: not looked at: {}", unseen.join(", ")));
        }
        Ok(all.iter().map(|place| place.place(is_contents)).collect())
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
        if let Ok(settings) = config::load(self.general.config.as_deref()) {
            self.lookup.known.lock().scope.sites = settings.sites.names;
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

/// How long the jobs in the background have to end in order when the shell ends.
const GRACE: Duration = Duration::from_secs(3);

/// Refuses standard input as a source: the lines themselves come from there.
fn refuse_stdin(verb: &VerbWords, arguments: &[String], operands: &[usize]) -> Result<(), Failure> {
    let sources = operands.split_last().map_or(operands, |(_, sources)| sources);
    let is_source = sources.iter().any(|index| arguments.get(*index).is_some_and(|word| word == "-"));
    let is_list = arguments.windows(2).any(|two| two == ["--from-file", "-"])
        || arguments.iter().any(|word| word == "--from-file=-");
    if is_source || is_list {
        let what = format!("{} cannot read standard input: the script is there", verb.name);
        return Err(Failure::usage(what).hint("name the script with --file"));
    }
    Ok(())
}
