//! The verbs of jobs that the journal has: `resume`, `retry`, `jobs` and `cancel`. What a job was asked for is a value, and is
//! carried out as if it were asked for now.

use super::asked::{AskedJob, JobPurpose, Start, check_state, with_options};
use super::job_options::absolute;
use super::outputs::complain;
use super::passwords::{self, Passwords};
use super::program::{self, with_defaults};
use super::remote::RemoteArgs;
use super::series::find_job_or_name_series;
use super::verb::{JobVerb, Verb};
use super::{Cli, General, ShellSession, follow};
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::{self, Job, LeftNames, Status};
use crate::journal::as_text::text_of;
use crate::journal::{JobRecord, JobState, KnownJobs, StoredJob, UnreadableRow};
use crate::place::Location;
use crate::queue::JobChange;
use crate::report::{Event, Reporter};
use clap::Args;
use ftp_io::clock::since_1970;
use ftp_io::program::args::Rejected;
use ftp_proto::wire::counted;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::Path;

/// Continue jobs that were interrupted, all of them or one
///
/// Passwords are not kept: they come again from the place where they came from, or from ~/.netrc.
#[derive(Args, Debug)]
pub(super) struct ResumeArgs {
    /// The id or the name of a job, or `last` for the newest job; without it, all that are interrupted
    #[arg(value_name = "JOB")]
    pub(super) job: Option<String>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// Run a job again that has failed or was interrupted
///
/// What it has done already is not done again. Passwords are not kept: they come again from the place where they came from, or
/// from ~/.netrc.
#[derive(Args, Debug)]
pub(super) struct RetryArgs {
    /// The id or the name of a job, or `last` for the newest job
    #[arg(value_name = "JOB")]
    pub(super) job: String,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
    /// Delete the names that this sync has kept because so much was to go, and no others
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// The failure of `retry --yes` with a job of the queue.
pub(super) fn yes_in_queue() -> Failure {
    let what = "--yes agrees to what the last run at a terminal has kept, and this is a job of the queue";
    Failure::usage(what).hint("leave the sync to the queue once more, with --yes")
}

/// What is said where no job was interrupted.
pub(super) fn nothing(jobs: &[JobRecord]) -> String {
    let running = jobs.iter().filter(|job| job.state == JobState::Running);
    let running: Vec<String> = running.map(|job| job.id.to_string()).collect();
    let nothing = "there is nothing to resume: no job was interrupted";
    match running.as_slice() {
        [] => nothing.to_owned(),
        [one] => format!("{nothing}, and job {one} runs"),
        several => format!("{nothing}, and {} jobs run: {}", several.len(), several.join(", ")),
    }
}

/// List the jobs that run, were interrupted, or have ended lately
///
/// Those that go on without this program are among them. The destination of a file that goes on by itself is asked how far it is, if its password need not be typed.
#[derive(Args, Debug)]
pub(super) struct JobsArgs {
    /// In the shell: lists the jobs that have ended, too. The command line always lists them
    #[arg(long)]
    all: bool,
    /// Tell what happens to the jobs of the queue as it happens, until ^C
    #[arg(long, conflicts_with = "all")]
    pub(super) follow: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
    /// Whether it was typed in the shell, where what runs must not scroll away.
    #[arg(skip)]
    pub(super) in_shell: bool,
}

/// Give up a job that was interrupted or is in the queue, and remove what it has left
///
/// Files that are finished stay.
#[derive(Args, Debug)]
pub(super) struct CancelArgs {
    /// The id or the name of a job, or `last` for the newest job
    #[arg(value_name = "JOB")]
    pub(super) job: String,
    /// Ask no server: name what the job may have left, and forget it. For a server that does not come back, and a job that cannot be read
    #[arg(long)]
    pub(super) forget: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// The failure of a verb that a job does not take as it stands.
pub(super) fn nothing_left(job: &JobRecord, verb: &str) -> Failure {
    let nothing = if job.state.has_ended() { format!(": there is nothing to {verb}") } else { String::new() };
    Failure::usage(format!("job {} {}{nothing}", job.id, job.state.verb()))
}

/// Whether a job may have unfinished files. One that runs is among them: to start it again fails with the name of its process.
const fn has_work(job: &JobRecord) -> bool {
    !matches!(job.state, JobState::Done | JobState::Cancelled)
}

/// What is said of a move that is forgotten.
const SOURCE_ASIDE: &str =
    "a source may be called .*.ftp-user.part now: give it its name back, and delete none of these unread";

impl General {
    /// Goes on with jobs that were interrupted.
    pub(super) async fn resume(&self, args: &ResumeArgs) -> Result<Status> {
        let (general, jobs) = self.jobs()?;
        let mut status = Status::Done;
        // A daemon goes on with those of the queue.
        let of = |state| jobs.readable.iter().filter(move |job| job.state == state && job.queued.is_none());
        let chosen: Vec<_> = match &args.job {
            // What moves without this program is waited for last.
            None => of(JobState::Interrupted).chain(of(JobState::Detached)).collect(),
            Some(called) => match find_job_or_name_series(&general, &jobs, called, "resume")? {
                record if record.queued.is_some() => {
                    return general.change_queued(record, JobChange::Resume).await;
                }
                record if has_work(record) => vec![record],
                record => return Err(nothing_left(record, "resume")),
            },
        };
        // One that cannot be read may have been interrupted.
        let unreadable = if args.job.is_none() { &*jobs.unreadable } else { &[] };
        for job in unreadable {
            self.warn(job.to_string()).await?;
        }
        if !unreadable.is_empty() {
            status = Status::Failed(Kind::Other);
        } else if chosen.is_empty() {
            self.warn(nothing(&jobs.readable)).await?;
        }
        general.one_password(chosen.len(), &format!("resume one job at a time: {FtpUser} resume JOB"))?;
        if chosen.len() > 1 {
            // What is wrong with the settings is told once.
            program::settings(self.job.config.as_deref())?;
        }
        let commands: Vec<_> =
            chosen.into_iter().map(|record| (record, general.command("resume", record))).collect();
        let are_several = commands.len() > 1;
        if are_several {
            ask_ahead(&commands, &self.hands).await?;
        }
        let mut waiting = commands.len();
        for (record, command) in commands {
            waiting -= 1;
            // What keeps one job from going on keeps no other.
            let one = match command.and_then(|command| command.go_to(record).map(|()| command)) {
                Ok(command) => {
                    let command = if are_several { command.one_of_several(record) } else { command };
                    Box::pin(command.perform(Start::Kept(AskedJob::again(record, JobPurpose::Run)))).await
                }
                Err(failure) if are_several => {
                    self.status_of(Err(failure.during(format_args!("job {}", record.id))), false)
                }
                Err(failure) => self.status_of(Err(failure), false),
            };
            status = status.and(one);
            if one == Status::Failed(Kind::Interrupted) {
                if waiting > 0 {
                    let others = counted(waiting as u64, "job");
                    let goes_on = format!("{FtpUser} resume goes on with all that are interrupted");
                    let told = self.warn(format!("{others} not resumed yet: {goes_on}")).await;
                    status = status.and(self.status_of(told.map(|()| one), false));
                }
                break;
            }
        }
        Ok(status)
    }

    /// Runs a job again that has failed or was interrupted.
    pub(super) async fn retry(&self, args: &RetryArgs) -> Result<Status> {
        let (general, jobs) = self.jobs()?;
        let record = find_job_or_name_series(&general, &jobs, &args.job, "retry")?;
        if record.queued.is_some() && args.yes {
            return Err(yes_in_queue());
        }
        if record.queued.is_some() {
            return general.change_queued(record, JobChange::Retry).await;
        }
        if !has_work(record) {
            return Err(nothing_left(record, "retry"));
        }
        let mut command = general.command("retry", record)?;
        if args.yes {
            let Verb::Job(JobVerb::Sync(sync)) = &mut command.verb else {
                let id = record.id;
                return Err(Failure::usage(format!("job {id} is not a sync: it has kept no name to delete")));
            };
            sync.agrees_to_withheld = true;
        }
        command.go_to(record)?;
        Ok(Box::pin(command.perform(Start::Kept(AskedJob::again(record, JobPurpose::Run)))).await)
    }

    /// Refuses one password for several jobs: it is that of one server, and the jobs may be of several.
    fn one_password(&self, jobs: usize, hint: &str) -> Result<()> {
        let (from, without) = match &self.job.password_file {
            _ if jobs < 2 => return Ok(()),
            Some(_) => ("--password-file", "leave out"),
            None if passwords::is_in_environment() => (passwords::VARIABLE, "unset"),
            None => return Ok(()),
        };
        let what = format!("{} and one password ({from})", counted(jobs as u64, "job"));
        Err(Failure::usage(what).hint(format!(
            "if ~/.netrc or the settings have the passwords, {without} {from}; otherwise {hint}"
        )))
    }

    /// Lists the jobs of the journal.
    pub(super) async fn list(&self, args: &JobsArgs) -> Result<Status> {
        if args.follow {
            return follow::follow(self).await;
        }
        let general = self.with_state()?;
        let KnownJobs { readable: mut jobs, unreadable } =
            super::store::journal_of_jobs(&general)?.known_jobs()?;
        let before = jobs.len();
        // A program that reads the lines chooses by the states of the jobs.
        if args.in_shell && !args.all && !self.json {
            jobs.retain(|record| !record.state.has_ended());
        }
        let left_out = before - jobs.len();
        let now = since_1970().as_secs();
        let is_open =
            |record: &JobRecord| record.queued.as_ref().is_some_and(|one| !one.state(now).has_ended());
        if jobs.iter().any(is_open) {
            general.warn_without_daemon(&general.queue()?).await?;
        }
        general.note_lost_workers(&mut jobs)?;
        // Their destinations are asked, each with the password that it lacks.
        let detached = jobs.iter().filter(|record| record.state == JobState::Detached).count();
        general.one_password(detached, "the jobs are listed all the same")?;
        for mut record in jobs {
            if record.state == JobState::Detached {
                let command = general.command("jobs", &record);
                match command.and_then(|command| command.go_to(&record).map(|()| command)) {
                    Ok(command) => {
                        let asked = Start::Kept(AskedJob::again(&record, JobPurpose::Show));
                        if Box::pin(command.perform(asked)).await == Status::Done {
                            continue;
                        }
                    }
                    Err(failure) => record.transfer = Some(Err(failure.to_string())),
                }
            }
            self.tell(Event::JobRow(record)).await?;
        }
        for job in &unreadable {
            self.warn(job.to_string()).await?;
        }
        if left_out > 0 && !self.quiet {
            let ended = counted(left_out as u64, "job");
            let (has, is, it) = if left_out == 1 { ("has", "is", "it") } else { ("have", "are", "them") };
            complain(format_args!("{ended} that {has} ended {is} not listed; jobs --all lists {it}"));
        }
        Ok(if unreadable.is_empty() { Status::Done } else { Status::Failed(Kind::Other) })
    }

    /// Gives up a job that was interrupted.
    pub(super) async fn cancel(&self, args: &CancelArgs) -> Result<Status> {
        let (general, jobs) = self.jobs()?;
        let unreadable = jobs.unreadable.iter().find(|row| args.job.parse() == Ok(row.id));
        if let Some(UnreadableRow { id, .. }) = unreadable.filter(|_| args.forget) {
            general.forget(*id, &[]).await?;
            self.warn(format!(
                "job {id} could not be read, and is forgotten; if it was a move, {SOURCE_ASIDE}"
            ))
            .await?;
            return Ok(Status::Done);
        }
        let record = find_job_or_name_series(&general, &jobs, &args.job, "cancel")?;
        if record.queued.is_some() && !args.forget {
            return general.change_queued(record, JobChange::Cancel).await;
        }
        let is_queued = record.queued.as_ref().is_some_and(|entry| entry.exit.is_none());
        // If some are open, something may be stored at a server.
        if record.state.has_ended() && record.open == 0 && !is_queued {
            return Err(nothing_left(record, "cancel"));
        }
        if args.forget {
            if record.queued.is_some() {
                // It is shown when the journal has forgotten its files, too.
                general.apply_queued(record, JobChange::Forget)?;
            }
            let locations = general.command("cancel", record).map(|command| command.locations());
            general.forget(record.id, &locations.unwrap_or_default()).await?;
            if record.job.verb == "move" && !record.state.has_ended() {
                self.warn(SOURCE_ASIDE.to_owned()).await?;
            }
            let known = super::store::journal_of_jobs(&general)?.known_jobs()?.readable;
            for cancelled in known.into_iter().filter(|known| known.id == record.id) {
                self.tell(Event::Job(cancelled)).await?;
            }
            return Ok(Status::Done);
        }
        let command = general.command("cancel", record)?;
        if let Err(failure) = command.go_to(record) {
            // What it has left elsewhere is removed all the same, and what was in the directory is named.
            self.warn(failure.what).await?;
        }
        let asked = Start::Kept(AskedJob::again(record, JobPurpose::GiveUp));
        Ok(Box::pin(command.perform(asked)).await)
    }

    /// Gives up a job without its servers, and names what it may have left at these.
    async fn forget(&self, job: JobId, locations: &[Location]) -> Result<()> {
        for item in super::store::journal_of_jobs(self)?.abandon(job)? {
            let sites = locations.iter().filter_map(Location::site);
            let LeftNames { target, stored, old } = job::left_of(&item.place, &item.parts, sites);
            for name in stored {
                self.warn(format!("nobody has removed {name}: delete it if it is there")).await?;
            }
            for old in old {
                self.warn(format!(
                    "the file that {target} was before may be {old}: rename it back if nothing is called {target}"
                ))
                .await?;
            }
            if item.parts.detached.is_some() {
                self.warn(format!("the transfer of {} may go on for an hour", item.place.source)).await?;
            }
        }
        Ok(())
    }

    /// The jobs of the journal, and these options with paths that do not depend on the current directory.
    pub(super) fn jobs(&self) -> Result<(Self, KnownJobs)> {
        let general = self.with_state()?;
        let jobs = super::store::journal_of_jobs(&general)?.known_jobs()?;
        Ok((general, jobs))
    }

    /// The same for the verbs of jobs, whose state directory is there.
    fn with_state(&self) -> Result<Self> {
        check_state(self.state.as_deref().filter(|_| self.store.is_none()))?;
        let state = absolute(self.state_directory().as_deref());
        Ok(Self { state, ..self.absolute() })
    }

    /// The same with paths that do not depend on the current directory.
    pub(super) fn absolute(&self) -> Self {
        let (state, trace) = (absolute(self.state.as_deref()), absolute(self.trace.as_deref()));
        let (job, typed, trust) = (self.job.absolute(), self.typed.absolute(), self.trust.absolute());
        Self { state, trace, job, typed, trust, ..self.clone() }
    }

    /// Says something to know.
    pub(super) async fn warn(&self, message: String) -> Result<()> {
        self.tell(Event::Warning { message }).await
    }

    pub(super) async fn tell(&self, event: Event) -> Result<()> {
        let (events, reporter) = Reporter::start(self.style(false), None);
        events.say(event);
        drop(events);
        reporter.finish().await
    }

    /// The command of a job, as it was asked for. How it is shown and how long it waits is up to this run; what this run trusts
    /// is added ([`TrustArgs::and`]).
    pub(super) fn command(&self, verb: &str, record: &JobRecord) -> Result<Cli> {
        let id = record.id;
        if !record.job.can_run() {
            return Err(Failure::new(Kind::Other, format!("job {id} was made by an older ftp-user"))
                .said("this version cannot go on with it")
                .hint(format!(
                    "ftp-user {LAST_WITH_WORDS} is the last version that can; {FtpUser} cancel --forget {id} gives the job up"
                )));
        }
        let mut cli = self.read(&record.job).map_err(|why| {
            Failure::new(Kind::Other, format!("the command of job {id} is not understood")).said(why)
        })?;
        let trust = cli.general.trust.and(verb, &self.trust)?;
        let (job, typed) = (self.typed.or(&cli.general.job), self.typed.or(&cli.general.typed));
        cli.general = Self { job, typed, trust, ..self.clone() };
        Ok(cli)
    }

    /// The command line of a job. What was not typed is as the settings say now.
    fn read(&self, job: &StoredJob) -> Result<Cli, String> {
        let mut typed = job.options.clone();
        // A proxy with a password has to be named again.
        typed.retain(|option, _| option != "proxy" || self.job.proxy.is_none());
        let own = typed.get("config").and_then(text_of).map(|file| job.directory.join(file));
        let settings = self.job.config.clone().or(own);
        let mistake = |rejected: Rejected| rejected.mistake_seeing("ftp-user --help").unwrap_or_default();
        let words = ["ftp-user", &job.verb, ".", "."].map(OsString::from).to_vec();
        let base = Cli::read_typed(words.clone())
            .and_then(|cli| with_defaults(cli, words, settings.as_deref()))
            .map_err(mistake)?;
        let mut all = base.options();
        all.extend(typed.clone());
        let verb = Verb::Job(with_options(&[(job.verb.clone(), all.clone().into())].into_iter().collect())?);
        let (trust, job) = (with_options(&all)?, with_options(&all)?);
        let general = Self { job, trust, typed: with_options(&typed)?, ..Self::default() };
        Ok(Cli { general, verb, typed })
    }
}

/// Asks for the passwords that these jobs lack, each once, before the first of them begins: whoever starts several jobs
/// need not wait for the second one.
async fn ask_ahead(commands: &[(&JobRecord, Result<Cli>)], hands: &ShellSession) -> Result<()> {
    // What cannot be read is told when its job begins.
    let commands = commands.iter().filter_map(|(_, command)| command.as_ref().ok());
    let unanswered = commands.filter(|command| command.general.job.password_file.is_none());
    let locations: Vec<Location> = unanswered.flat_map(Cli::locations).collect();
    if passwords::is_in_environment() || passwords::lacking(&locations).is_empty() {
        return Ok(());
    }
    let passwords = Passwords::new(None, None, hands.cancel()?);
    Passwords { answers: hands.answers.clone(), ..passwords }.ask_ahead(locations).await
}

impl Cli {
    /// The same command; what it says names its job, since it is one of several.
    fn one_of_several(mut self, record: &JobRecord) -> Self {
        let settings = program::settings(self.general.job.config.as_deref()).unwrap_or_default();
        let dest = self.verb.job().and_then(|job| job.destination(&settings.sites));
        let dest = dest.map(|place| place.to_string()).unwrap_or_default();
        self.general.hands.one_job = Some((record.id, dest));
        self
    }

    /// The places of a job, as far as they can be read.
    fn locations(&self) -> Vec<Location> {
        let settings = program::settings(self.general.job.config.as_deref()).unwrap_or_default();
        self.verb.job().map_or_else(Vec::new, |job| job.locations(&settings.sites))
    }

    /// Goes to the directory in which a job was typed. If it is gone, that is no failure of a job whose places and files do
    /// not depend on it.
    fn go_to(&self, record: &JobRecord) -> Result<()> {
        let has_relative = || self.verb.job().is_none_or(JobVerb::has_relative);
        let JobRecord { id, job: StoredJob { directory, options, .. }, .. } = record;
        match std::env::set_current_dir(directory) {
            Err(error) if has_relative() || names_a_relative_file(options) => {
                let what = format!("job {id}: cannot go to {}", directory.display());
                Err(Failure::of_this_host(what, &error).as_kind(Kind::Other).hint(format!(
                    "the job was typed there, and its paths are relative to it: make it again; {FtpUser} cancel {id} gives this one up"
                )))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Whether an option names a file by a path that is relative. Options of the state directory do not count: a job goes on with
/// that of its new run.
fn names_a_relative_file(options: &Map<String, Value>) -> bool {
    let named = FILES.into_iter().filter_map(|option| options.get(option));
    // A name that is no UTF-8 is an array, too.
    let mut texts = named.flat_map(|value| match (text_of(value), value.as_array()) {
        (None, Some(several)) => several.iter().filter_map(text_of).collect(),
        (text, _) => Vec::from_iter(text),
    });
    texts.any(|file| Path::new(&file).is_relative())
}

/// The options that name files.
pub(super) const FILES: [&str; 6] =
    ["ca", "config", "filter_from", "from_file", "password_file", "relay_token_file"];
/// The last version that kept the words of command lines.
const LAST_WITH_WORDS: &str = "0.1.0";

/// Shows a job with what its destination says of the transfer that goes on without this program.
pub(super) async fn shown(job: Result<Job>, id: JobId, context: &Context) -> Status {
    let asked = async { job::transfer_of(&job?, context).await };
    let transfer = asked.await.map_err(|failure| failure.to_string()).transpose();
    if let Some(record) = record_of(id, context) {
        context.run.events.say(Event::JobRow(JobRecord { transfer, ..record }));
    }
    Status::Done
}

pub(super) async fn cancelled(job: Job, context: &Context) -> Status {
    let (id, verb) = (job.id, "cancel");
    if let Err(failure) = job::cancel(job, context).await {
        return job::refused(verb, or_forget(failure, id), context).status;
    }
    if let Some(record) = record_of(id, context) {
        context.run.events.say(Event::Job(record));
    }
    Status::Done
}

fn record_of(id: JobId, context: &Context) -> Option<JobRecord> {
    let jobs = context.store.journal.known_jobs().unwrap_or_default().readable;
    jobs.into_iter().find(|record| record.id == id)
}

/// The failure to give a job up, and what to do if its server does not come back.
fn or_forget(failure: Failure, id: JobId) -> Failure {
    if !matches!(failure.kind, Kind::Temporary | Kind::Refused | Kind::Other | Kind::Untrusted) {
        return failure;
    }
    let forget = format!("{FtpUser} cancel --forget {id} gives the job up without its server");
    let hint = failure.hint.as_ref().map_or_else(|| forget.clone(), |hint| format!("{hint}; {forget}"));
    failure.hint(hint)
}

#[cfg(test)]
mod tests;
