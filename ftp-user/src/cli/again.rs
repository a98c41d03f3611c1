//! What is done with jobs of the journal: their commands are read again, and performed as if they were typed now.

use super::asked::{Asked, Start, check_state, go_to};
use super::defaults::{self, with_defaults};
use super::jobs::JobsArgs;
use super::passwords::{self, Passwords};
use super::places::has_relative;
use super::trust::TrustArgs;
use super::verb::{JobArgs, Verb};
use super::{Cli, General, Hands, cancel, resume, status_of};
use crate::failure::{Failure, Kind};
use crate::job::{self, Status};
use crate::journal::{JobRecord, JobState, Journal, Transfer};
use crate::place::Location;
use crate::report::{Event, Reporter};
use crate::state;
use clap::CommandFactory;
use ftp_io::program::completion::{Value, ValueKind, values};
use ftp_io::program::{args, output};
use ftp_proto::wire::counted;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

impl General {
    /// Goes on with jobs that were interrupted.
    pub(super) async fn resume(
        &self,
        trust: &TrustArgs,
        args: &resume::ResumeArgs,
    ) -> Result<Status, Failure> {
        let ((general, jobs), trust) = (self.jobs()?, trust.absolute());
        let mut status = Status::Done;
        let chosen = args.chosen(&jobs)?;
        if chosen.is_empty() {
            self.warn(resume::nothing(&jobs)).await?;
        }
        general.one_password(chosen.len()).map_err(|failure| {
            failure.hint(
                "resume them one after the other (ftp-user jobs lists them), or write the passwords into ~/.netrc",
            )
        })?;
        let commands: Vec<_> =
            chosen.into_iter().map(|record| (record, general.command("resume", &trust, record))).collect();
        let answers = self.hands.answers.clone();
        let are_several = commands.len() > 1;
        if are_several {
            ask_ahead(&commands, &self.hands).await?;
        }
        for (record, command) in commands {
            // What keeps one job from going on keeps no other.
            let one = match command.and_then(|command| command.go_to(record).map(|()| command)) {
                Ok(command) => {
                    let command = if are_several { command.one_of_several(record) } else { command };
                    Box::pin(command.perform(Start::Kept(Asked::again(record)), &answers)).await
                }
                Err(failure) if are_several => {
                    status_of(self.color, Err(failure.during(format_args!("job {}", record.id))))
                }
                Err(failure) => status_of(self.color, Err(failure)),
            };
            status = status.and(one);
            if one == Status::Failed(Kind::Interrupted) {
                break;
            }
        }
        Ok(status)
    }

    /// Runs a job again that has failed.
    pub(super) async fn retry(&self, trust: &TrustArgs, args: &resume::RetryArgs) -> Result<Status, Failure> {
        let ((general, jobs), trust) = (self.jobs()?, trust.absolute());
        let record = args.chosen(&jobs)?;
        let mut command = general.command("retry", &trust, record)?;
        if args.yes {
            let Verb::Sync(sync) = &mut command.verb else {
                let id = record.id;
                return Err(Failure::usage(format!("job {id} is no sync: it has kept no name to delete")));
            };
            sync.agree();
        }
        command.go_to(record)?;
        Ok(Box::pin(command.perform(Start::Kept(Asked::again(record)), &self.hands.answers)).await)
    }

    /// Refuses one password for several jobs: it is that of one server, and the jobs may be of several.
    ///
    /// # Errors
    ///
    /// There are several jobs and one password.
    fn one_password(&self, jobs: usize) -> Result<(), Failure> {
        let from = match &self.password_file {
            Some(_) => "--password-file",
            None if std::env::var_os(passwords::VARIABLE).is_some_and(|password| !password.is_empty()) => {
                passwords::VARIABLE
            }
            None => return Ok(()),
        };
        if jobs < 2 {
            return Ok(());
        }
        Err(Failure::usage(format!("{} and one password ({from})", counted(jobs as u64, "job"))))
    }

    /// Lists the jobs of the journal.
    pub(super) async fn list(&self, trust: &TrustArgs, args: &JobsArgs) -> Result<Status, Failure> {
        let ((general, mut jobs), trust) = (self.jobs()?, trust.absolute());
        let before = jobs.len();
        // A program that reads the lines chooses by the states of the jobs.
        if args.leaves_out_ended() && !self.json {
            jobs.retain(|record| !record.state.has_ended());
        }
        let left_out = before - jobs.len();
        // Their destinations are asked, each with the password that it lacks.
        let detached = jobs.iter().filter(|record| record.state == JobState::Detached).count();
        general.one_password(detached).map_err(|failure| {
            failure.hint(
                "leave the password out: the jobs are listed all the same; or write the passwords into ~/.netrc",
            )
        })?;
        for mut record in jobs {
            if record.state == JobState::Detached {
                let command = general.command("jobs", &trust, &record);
                match command.and_then(|command| command.go_to(&record).map(|()| command)) {
                    Ok(command) => {
                        let asked = Start::Kept(Asked::shown(&record));
                        if Box::pin(command.perform(asked, &self.hands.answers)).await == Status::Done {
                            continue;
                        }
                    }
                    Err(failure) => record.transfer = Some(Transfer::NotAsked(failure.to_string())),
                }
            }
            self.tell(Event::Job(record)).await?;
        }
        if left_out > 0 && !self.quiet {
            let ended = counted(left_out as u64, "job");
            let (has, is, it) = if left_out == 1 { ("has", "is", "it") } else { ("have", "are", "them") };
            output::complain(
                "ftp-user",
                format_args!("{ended} that {has} ended {is} not listed; jobs --all lists {it}"),
            );
        }
        Ok(Status::Done)
    }

    /// Gives up a job that was interrupted.
    pub(super) async fn cancel(
        &self,
        trust: &TrustArgs,
        args: &cancel::CancelArgs,
    ) -> Result<Status, Failure> {
        let ((general, jobs), trust) = (self.jobs()?, trust.absolute());
        let record = args.chosen(&jobs)?;
        if args.forget {
            return general.forget(record).await;
        }
        let command = general.command("cancel", &trust, record)?;
        if let Err(failure) = command.go_to(record) {
            // What it has left elsewhere is removed all the same, and what was in the directory is named.
            self.warn(failure.what).await?;
        }
        let asked = Start::Kept(Asked::never_again(record));
        Ok(Box::pin(command.perform(asked, &self.hands.answers)).await)
    }

    /// Gives up a job without its servers, and names what it may have left there.
    async fn forget(&self, record: &JobRecord) -> Result<Status, Failure> {
        let journal = Journal::at(state::directory(self.state.clone()));
        let open = journal.abandon(record.id).map_err(|why| job::of_journal(&why))?;
        for item in &open {
            for name in job::left_of(item) {
                self.warn(format!("nobody has removed {name}: delete it if it is there")).await?;
            }
            if item.detached.is_some() {
                self.warn(format!("the transfer of {} may go on for an hour", item.place.source)).await?;
            }
        }
        let jobs = journal.jobs().map_err(|why| job::of_journal(&why))?;
        for cancelled in jobs.into_iter().filter(|known| known.id == record.id) {
            self.tell(Event::Job(cancelled)).await?;
        }
        Ok(Status::Done)
    }

    /// The jobs of the journal, and these options with paths that do not depend on the current directory.
    pub(super) fn jobs(&self) -> Result<(Self, Vec<JobRecord>), Failure> {
        check_state(self.state.as_deref())?;
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let here = |path: &Option<PathBuf>| path.as_deref().map(absolute);
        let state = state::directory(self.state.clone()).as_deref().map(absolute);
        let (config, trace) = (here(&self.config), here(&self.trace));
        let password_file = here(&self.password_file);
        let jobs = Journal::at(state.clone()).jobs().map_err(|why| job::of_journal(&why))?;
        Ok((Self { config, trace, password_file, state, ..self.clone() }, jobs))
    }

    /// Says something to know.
    async fn warn(&self, message: String) -> Result<(), Failure> {
        self.tell(Event::Warning { message }).await
    }

    async fn tell(&self, event: Event) -> Result<(), Failure> {
        let (events, reporter) = Reporter::start(self.style(), None);
        events.say(event);
        drop(events);
        reporter.finish().await
    }

    /// The command of a job, as it was typed. How it is shown and how long it waits is up to this run;
    /// what this run trusts is added ([`TrustArgs::and`]).
    fn command(&self, verb: &str, trust: &TrustArgs, record: &JobRecord) -> Result<Cli, Failure> {
        let name = OsString::from("ftp-user");
        let words: Vec<_> = [name].into_iter().chain(record.command.words.iter().cloned()).collect();
        // What was not typed is as the settings say now.
        let again = |typed: Cli| {
            let own = typed.general.config.as_deref().map(|file| record.command.directory.join(file));
            let settings = self.config.clone().or(own);
            with_defaults(typed.without_defaults(), words.clone(), settings.as_deref())
        };
        let mut cli = args::parse(words.clone()).and_then(again).map_err(|rejected| {
            let why = rejected.mistake_seeing("ftp-user --help").unwrap_or_default();
            Failure::new(Kind::Other, format!("the command of job {} is not understood", record.id)).said(why)
        })?;
        cli.trust = cli.trust.and(verb, trust)?;
        let Self { json, trace, color, progress, verbose, quiet, state, hands, .. } = self.clone();
        let typed = cli.general;
        let (v4, v6) = if self.v4 || self.v6 { (self.v4, self.v6) } else { (typed.v4, typed.v6) };
        cli.general = Self {
            v4,
            v6,
            waits: self.typed.or(&typed.waits),
            typed: self.typed.or(&typed.typed),
            config: self.config.clone().or(typed.config),
            password_file: self.password_file.clone().or(typed.password_file),
            proxy: self.proxy.clone().or(typed.proxy),
            json,
            trace,
            color,
            progress,
            verbose,
            quiet,
            state,
            hands,
        };
        Ok(cli)
    }
}

/// Asks for the passwords that these jobs lack, each once, before the first of them begins: whoever starts several jobs
/// need not wait for the second one.
///
/// # Errors
///
/// The person at the terminal has interrupted it.
async fn ask_ahead(commands: &[(&JobRecord, Result<Cli, Failure>)], hands: &Hands) -> Result<(), Failure> {
    // What cannot be read is told when its job begins.
    let commands = commands.iter().filter_map(|(_, command)| command.as_ref().ok());
    let unanswered = commands.filter(|command| command.general.password_file.is_none());
    let locations: Vec<Location> = unanswered
        .flat_map(|command| {
            let settings = defaults::settings(command.general.config.as_deref()).unwrap_or_default();
            command.verb.job().map_or_else(Vec::new, |job| job.locations(&settings.sites.names))
        })
        .collect();
    let is_given = std::env::var_os(passwords::VARIABLE).is_some_and(|password| !password.is_empty());
    if is_given || !passwords::are_lacking(&locations) {
        return Ok(());
    }
    Passwords::new(None, None, hands.cancel()?).with(hands.answers.clone()).ask_ahead(locations).await
}

impl Cli {
    /// The same command; what it says names its job, since it is one of several.
    fn one_of_several(mut self, record: &JobRecord) -> Self {
        let settings = defaults::settings(self.general.config.as_deref()).unwrap_or_default();
        let dest = self.verb.job().and_then(|job| job.destination(&settings.sites.names));
        let dest = dest.map(|place| place.to_string()).unwrap_or_default();
        self.general.hands.one_job = Some((record.id, dest));
        self
    }

    /// Goes to the directory in which a job was typed. If it is gone, that is no failure of a job whose places and files do
    /// not depend on it.
    ///
    /// # Errors
    ///
    /// The directory is gone, and the job needs it.
    fn go_to(&self, record: &JobRecord) -> Result<(), Failure> {
        let is_relative = self.verb.job().is_none_or(JobArgs::has_relative);
        match go_to(record) {
            Err(_) if !is_relative && !names_a_relative_file(&record.command.words) => Ok(()),
            gone_or_there => gone_or_there,
        }
    }
}

/// Whether an option of these words names a file by a path that is relative. Options of the state directory do not count: a
/// job goes on with that of its new run.
fn names_a_relative_file(words: &[OsString]) -> bool {
    let mut command = Cli::command();
    command.build();
    let texts: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let is_relative = |(value, word): (Option<Value>, &OsString)| {
        let Some(value) = value.filter(|value| !value.is_operand) else { return false };
        let Some(typed) = word.as_bytes().get(value.at..).map(OsStr::from_bytes) else { return false };
        match value.kind() {
            ValueKind::File => Path::new(typed).is_relative(),
            ValueKind::Place => has_relative(&[typed.to_owned()]),
            ValueKind::Path
            | ValueKind::Directory
            | ValueKind::Source
            | ValueKind::Destination
            | ValueKind::Other => false,
        }
    };
    values(&command, &texts).into_iter().zip(words).any(is_relative)
}

#[cfg(test)]
mod tests {
    use super::super::waits::Waits;
    use super::*;
    use crate::id::JobId;
    use crate::journal::Command;
    use clap::Parser;
    use std::time::Duration;

    fn record() -> JobRecord {
        JobRecord {
            id: JobId::new(1),
            verb: "copy".to_owned(),
            command: Command { directory: std::env::current_dir().unwrap(), ..Command::default() },
            state: JobState::Interrupted,
            begun: 0,
            ended: None,
            files: 0,
            bytes: 0,
            failed: 0,
            why: None,
            open: 0,
            given_over: 0,
            process: None,
            transfer: None,
        }
    }

    #[test]
    fn how_long_a_resumed_job_waits_and_by_which_addresses_is_up_to_its_new_run() {
        let words = ["--timeout", "7s", "--stall", "7s", "-4", "--retries", "7", "copy", "a", "b"];
        let command = Command { words: words.map(OsString::from).to_vec(), ..record().command };
        let record = JobRecord { command, ..record() };
        let again = |options: &[&str]| {
            let typed = ["ftp-user", "resume"].iter().chain(options);
            let typed = Cli::try_parse_from(typed).unwrap().without_defaults();
            let General { waits, v4, v6, .. } =
                typed.general.command("resume", &typed.trust, &record).unwrap().general;
            let Waits { timeout, stall, retries, .. } = waits;
            (timeout.map(|time| time.as_secs()), stall.map(|time| time.as_secs()), retries, v4, v6)
        };
        assert_eq!(again(&[]), (Some(7), Some(7), Some(7), true, false));
        let replaced = again(&["--timeout", "5s", "--retries", "0", "-6"]);
        assert_eq!(replaced, (Some(5), Some(7), Some(0), false, true));
    }

    #[test]
    fn a_resumed_job_has_what_was_typed_and_else_the_defaults_of_today() {
        let directory = tempfile::tempdir().unwrap();
        let settings = directory.path().join("own.toml");
        let text = "[defaults]\ntimeout = \"9s\"\nstall = \"9s\"\nretries = 9\nverify = \"size\"\noverwrite = \"never\"\n";
        std::fs::write(&settings, text).unwrap();
        let words = ["--config", "own.toml", "--timeout", "7s", "copy", "--verify", "hash", "a", "b"];
        let record = JobRecord {
            command: Command {
                words: words.map(OsString::from).to_vec(),
                directory: directory.path().to_owned(),
                ..Command::default()
            },
            ..record()
        };
        let typed = Cli::try_parse_from(["ftp-user", "--stall", "5s", "resume"]).unwrap().without_defaults();
        let cli = typed.general.command("resume", &typed.trust, &record).unwrap();
        let General { waits, typed, .. } = &cli.general;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        assert_eq!((seconds(waits.timeout), seconds(waits.stall)), (Some(7), Some(5)));
        assert_eq!((waits.retries, typed.retries), (Some(9), None), "a default is not typed");
        let shown = format!("{:?}", cli.verb);
        assert!(shown.contains("verify: Hash") && shown.contains("overwrite: Never"), "{shown}");
        // Another file of settings is that of the new run.
        std::fs::write(directory.path().join("new.toml"), "[defaults]\noverwrite = \"always\"\n").unwrap();
        let other = directory.path().join("new.toml").into_os_string();
        let typed = ["ftp-user".into(), "resume".into(), "--config".into(), other];
        let typed = Cli::try_parse_from(typed).unwrap().without_defaults();
        let shown = format!("{:?}", typed.general.command("resume", &typed.trust, &record).unwrap().verb);
        assert!(shown.contains("overwrite: Always"), "{shown}");
    }

    #[test]
    fn options_that_name_files_depend_on_the_directory() {
        let check = |typed: &str, expect| {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            assert_eq!(names_a_relative_file(&words), expect, "{typed}");
        };
        check("copy -r --id n --limit 5MB ftp://h/a ftp://i/b", false);
        check("copy --ca own.pem ftp://h/a ftp://i/b", true);
        check("--config=own.toml copy ftp://h/a ftp://i/b", true);
        check("copy --relay h:1 --relay-token-file t ftp://h/a ftp://i/b", true);
        check("copy --trace /tmp/tr --ca=/own.pem ftp://h/a ftp://i/b", false);
        check("copy ftp://h/a ftp://i/b --trace tr", true);
        check("copy --id --trace ftp://h/a ftp://i/b", false);
        check("copy --include ca ftp://h/a ftp://i/b", false);
        check("sync --backup-dir /b ftp://h/a ftp://i/b", false);
        check("sync --backup-dir=b ftp://h/a ftp://i/b", true);
        check("sync --backup-dir ftp://i/old ftp://h/a ftp://i/b", false);
    }
}
