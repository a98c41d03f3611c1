//! `--queue`: a job is left to the daemon; and what is done with such a job afterwards.

use super::asked::{AskedJob, in_other_words};
use super::exit::of_number;
use super::passwords::Passwords;
use super::remote::{RemoteArgs, wake_daemon};
use super::store::{LONG_PAUSE, may_have_changed};
use super::verb::JobVerb;
use super::{General, places, program};
use crate::config::Settings;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::{self, Job, Mode, Status, Work};
use crate::journal::as_text::{json_of, text_of};
use crate::journal::{JobRecord, JournalFailure, Queue, QueuedJob, SeriesRecord, StoredJob, Submitted};
use crate::place::{Location, Names, Remote};
use crate::queue::{
    Entry, EntryRefusal, JobChange, JobsAtOnce, MISTAKEN, NO_RELAY, Priority, QueueState, RecordedSites,
    Recurrence, Series, SiteUse, Submission, WhenError, are_draining, blamed_settings, has_worker,
    local_time, parse_at, scattered_sites, zone_name,
};
use crate::report::Event;
use crate::world::LocalName;
use clap::Args;
use ftp_io::clock::{Clock, since_1970};
use ftp_io::program::output;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::slice;
use std::sync::Arc;
use tokio::sync::Notify;

/// Where a job is carried.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct QueueArgs {
    /// Leave the job to ftp-user daemon, and print its id
    #[arg(long)]
    pub(super) queue: bool,
    /// Its place among your jobs in the queue, -10 to 10; a higher one comes first
    #[arg(long, requires = "queue", value_name = "N", allow_negative_numbers = true, value_parser = priority)]
    pub(super) priority: Option<Priority>,
    /// Do not begin before this time: 02:30, +2h, 2026-11-26T02:30:00Z
    #[arg(long, requires = "queue", value_name = "TIME", allow_hyphen_values = true)]
    pub(super) at: Option<String>,
    /// Carry it again and again: 15m, daily@02:30, mon,thu@02:30, cron:30 2 * * *
    #[arg(long, requires = "queue", value_name = "WHEN", conflicts_with_all = ["at", "wait"])]
    pub(super) every: Option<String>,
    /// Wait for the end of the job, and end with its exit status
    #[arg(long, requires = "queue")]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

fn priority(text: &str) -> Result<Priority, String> {
    let number = text.parse::<i8>().map_err(|_| "a priority is a number from -10 to 10".to_owned())?;
    Priority::try_from(number)
}

impl QueueArgs {
    /// Nothing was typed.
    pub(super) const NONE: Self =
        Self { queue: false, priority: None, at: None, every: None, wait: false, remote: RemoteArgs::NONE };

    /// When the runs of a series are planned, if the job is one.
    pub(super) fn recurrence(&self) -> Result<Option<Recurrence>> {
        let every = self.every.as_ref().map(|every| every.parse()).transpose();
        every.map_err(|why: WhenError| Failure::usage(why.to_string()))
    }

    /// When the job may begin, in seconds since 1970.
    fn due(&self, now: u64) -> Result<u64> {
        let Some(at) = &self.at else { return Ok(now) };
        let today = Timestamp::from_second(now.cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH);
        let at = parse_at(at, today, &TimeZone::system()).map_err(|why| Failure::usage(why.to_string()))?;
        Ok(u64::try_from(at.as_second()).unwrap_or(now))
    }
}

/// Pause a job of the queue; ftp-user resume continues it
///
/// What it has copied stays, and is not copied again.
#[derive(Args, Debug)]
pub(super) struct PauseArgs {
    /// The id or the name of a job, or last
    #[arg(value_name = "JOB")]
    pub(super) job: String,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// A job that somebody wants to leave to the queue. Nothing of it is stored yet.
pub(super) struct JobDraft {
    id: JobId,
    job: StoredJob,
    pub(super) entry: Entry,
    every: Option<Recurrence>,
}

/// What a draft has become.
pub(super) enum StoredDraft {
    /// A job of the queue.
    Job(Submitted),
    /// A series of the queue.
    Series(Box<SeriesRecord>),
}

impl JobDraft {
    /// Stores it: it is durable then.
    ///
    /// # Errors
    ///
    /// The queue refuses it, or the journal cannot be written.
    pub(super) fn store(self, queue: &Queue) -> Result<StoredDraft, JournalFailure> {
        let Self { id, job, entry, every } = self;
        let Some(every) = every else {
            return queue.submit(id, job, &entry).map(StoredDraft::Job);
        };
        let Entry { submission, created, .. } = entry;
        let zone = TimeZone::system();
        let now = Timestamp::from_second(created.cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH);
        let next = every.next(now, &zone).and_then(|next| u64::try_from(next.as_second()).ok());
        let zone = zone_name(&zone);
        let (is_paused, last) = (false, None);
        let series = Series { submission, every, zone, created, next, is_paused, last };
        let record = SeriesRecord { id, job, series };
        queue.add_series(&record)?;
        Ok(StoredDraft::Series(Box::new(record)))
    }
}

impl General {
    /// Reads a job that is to be left to the queue. No server is asked, and nothing is stored.
    ///
    /// # Errors
    ///
    /// A daemon cannot carry it.
    pub(super) async fn draft(
        &self,
        verb: &JobVerb,
        typed: Map<String, Value>,
        words: &[OsString],
    ) -> Result<JobDraft> {
        let now = since_1970().as_secs();
        let asked = verb.queue();
        let (due, every) = (asked.due(now)?, asked.recurrence()?);
        if every.is_some() && verb.id().is_some() {
            return Err(Failure::usage("--id names one job, and --every makes many").hint("leave out --id"));
        }
        let settings = program::settings(self.job.config.as_deref())?;
        let names = settings.sites.clone();
        let stored = AskedJob::typed(verb.name(), typed, words, &names).job;
        if stored.had_passwords {
            return Err(Failure::usage("a job in the queue has no password in it").hint(format!(
                "write it into ~/.netrc, or keep the server as a site: {FtpUser} sites add --help tells how"
            )));
        }
        let (mut context, reporter) = self.start(settings, false)?;
        let passwords = Passwords { asks: false, ..self.passwords(context.run.cancel.clone(), false) };
        let prepared = verb.prepare(&mut context, &passwords).await;
        drop(context);
        reporter.finish().await?;
        let prepared = prepared?;
        refuse(&prepared, verb)?;
        if due <= now && every.is_none() {
            // What begins later may find a source that is made by then.
            check_local_sources(&prepared.work)?;
        }
        if super::store::is_database(self)
            && let Some(local) = prepared.work.places().find(|place| place.is_local())
        {
            return Err(Failure::usage(format!(
                "{local} is on this host, and a daemon of another host may carry the job"
            ))
            .hint("name a site or a server, or leave the job to the daemon of this host (--store sqlite:DIR/journal.db)"));
        }
        let submission = Submission {
            owner: user_of_this_host(),
            pair: pair(&prepared),
            priority: asked.priority.unwrap_or_default(),
            is_limited: false,
            sites: sites_of(&prepared, &names),
        };
        let entry = Entry { submission, created: now, due, ..Entry::default() };
        let job = StoredJob { name: verb.id().map(str::to_owned), ..unmoved(stored, &names) };
        Ok(JobDraft { id: prepared.id, job, entry, every })
    }

    /// Leaves a job to the queue.
    pub(super) async fn submit(
        &self,
        verb: &JobVerb,
        typed: Map<String, Value>,
        words: &[OsString],
    ) -> Result<Status> {
        let draft = self.draft(verb, typed, words).await?;
        let queue = self.queue()?;
        let begins = Some(draft.entry.due).filter(|due| *due > draft.entry.created);
        let (id, begins) = match draft.store(&queue).map_err(not_submitted)? {
            StoredDraft::Job(Submitted::New(id)) => (id, begins),
            StoredDraft::Job(Submitted::Known(id)) => {
                self.warn(format!("the queue has this job already: {id}")).await?;
                (id, None)
            }
            StoredDraft::Series(record) => {
                match self.json {
                    true => self.tell(Event::Series(*record)).await?,
                    false => {
                        self.print_id(record.id)?;
                        self.say_when(record.series.next, Some(&record.series.every));
                    }
                }
                self.warn_without_daemon(&queue).await?;
                return Ok(Status::Done);
            }
        };
        wake_daemon(self).await;
        self.show_submitted(&queue, id).await?;
        self.say_when(begins, None);
        self.warn_without_daemon(&queue).await?;
        if !verb.queue().wait {
            return Ok(Status::Done);
        }
        let ended = self.hands.cancel()?.unless_cancelled(self.wait(&queue, id)).await;
        ended.map_err(|failure| failure.during(format!("job {id} stays in the queue")))?
    }

    /// Tells people when a job begins that does not begin at once, in the time zone of this host, and its interval if it has one.
    pub(super) fn say_when(&self, begins: Option<u64>, every: Option<&Recurrence>) {
        let at = begins.and_then(|begins| Timestamp::from_second(begins.cast_signed()).ok());
        let words = every.and_then(Recurrence::interval_in_words);
        let then = words.map_or_else(String::new, |words| format!(", then {words}"));
        if let Some(at) = at.filter(|_| !self.quiet && !self.json) {
            output::complain(
                "ftp-user",
                format_args!("the job begins {}{then}", local_time(at, &TimeZone::system())),
            );
        }
    }

    /// The queue of the state directory.
    pub(super) fn queue(&self) -> Result<Queue> {
        Ok(super::store::journal_of_jobs(self)?.queue()?)
    }

    /// Prints the id of a job that was submitted.
    async fn show_submitted(&self, queue: &Queue, id: JobId) -> Result<()> {
        if !self.json {
            return self.print_id(id);
        }
        match queue.job(id)? {
            Some(record) => self.tell(Event::Job(record)).await,
            None => Ok(()),
        }
    }

    fn print_id(&self, id: JobId) -> Result<()> {
        let written = writeln!(output::out(), "{id}");
        written.map_err(|error| {
            Failure::of_this_host(format!("{id} is in the queue, but its id could not be written"), &error)
        })
    }

    pub(super) async fn warn_without_daemon(&self, queue: &Queue) -> Result<()> {
        if queue.has_daemon() {
            // What the store does not tell is not warned of.
            let are_draining = queue.now().and_then(|now| Ok(are_draining(&queue.workers()?, now)));
            if are_draining.unwrap_or(false) {
                let what = "all daemons are draining and take no new job: it waits for the next daemon";
                return self.warn(what.to_owned()).await;
            }
            return Ok(());
        }
        self.warn(format!("no daemon is running that carries the jobs of the queue: start {FtpUser} daemon"))
            .await
    }

    /// Waits for the end of a job of the queue. Says each state that it comes to.
    async fn wait(&self, queue: &Queue, id: JobId) -> Result<Status> {
        let (mut told, mut had_daemon) = (Some(QueueState::Queued), queue.has_daemon());
        let mut is_away = false;
        let (clock, heard) = (Clock::start(), Arc::new(Notify::new()));
        let (began, listener) = (clock.now(), Arc::clone(&heard));
        // If listening fails, the job is looked at once a second.
        let _ = queue.on_disk(move |queue| queue.listen(listener)).await;
        loop {
            let (last, is_quiet) = (told, self.quiet);
            let look = move |queue: &Queue| {
                let Some(QueuedJob { entry, .. }) = queue.queued(id)? else { return Ok(None) };
                let state = entry.state(since_1970().as_secs());
                // All files of a job are counted for its record: only if it is told.
                let record = if last == Some(state) || is_quiet { None } else { queue.job(id)? };
                Ok(Some((entry, state, record)))
            };
            let found = match queue.on_disk(look).await {
                // A database comes back, and the job is in it.
                Err(why) if super::store::is_database(self) => {
                    if !std::mem::replace(&mut is_away, true) {
                        self.warn(format!("{why}; the job stays in the queue, and its end is waited for"))
                            .await?;
                    }
                    tokio::time::sleep(LONG_PAUSE).await;
                    continue;
                }
                found => found?,
            };
            is_away = false;
            let (entry, state, record) = found.ok_or(JournalFailure::Unknown { job: id })?;
            if let Some(record) = record {
                told = Some(state);
                self.tell(Event::Job(record)).await?;
            }
            if let Some(exit) = entry.exit {
                queue.on_disk(Queue::settle).await?;
                return Ok(of_number(exit));
            }
            let has_daemon = queue.has_daemon();
            if had_daemon && !has_daemon {
                self.warn_without_daemon(queue).await?;
            }
            had_daemon = has_daemon;
            may_have_changed(self, &heard, clock.now().since(began)).await;
        }
    }

    /// Stops a job of the queue.
    pub(super) async fn pause(&self, args: &PauseArgs) -> Result<Status> {
        let (general, jobs) = self.jobs()?;
        let record = super::series::find_job_or_name_series(&general, &jobs, &args.job, "pause")?;
        if record.queued.is_none() {
            return Err(Failure::usage(format!("job {} is not a job of the queue", record.id)).hint(
                "end its process with ^C, and resume it later; copy --queue leaves a job to the daemon",
            ));
        }
        general.change_queued(record, JobChange::Pause).await
    }

    /// What keeps a job from beginning; `None` if nothing does, or if it is not a job of the queue that has to begin.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub(super) fn obstacle(&self, job: &JobRecord) -> Result<Option<String>> {
        let Some(entry) = job.queued.as_ref().filter(|entry| entry.exit.is_none() && !entry.is_carried)
        else {
            return Ok(None);
        };
        let carried = self.queue()?.carried_jobs()?;
        let Ok(settings) = program::settings(self.job.config.as_deref()) else {
            // A daemon with these settings carries none. At a terminal they were told.
            return Ok(self.hands.unattended.as_ref().map(|_| blamed_settings(None, MISTAKEN)));
        };
        let at_once = match super::store::is_database(self) {
            true => JobsAtOnce::Any,
            false => self.hands.at_once.unwrap_or(JobsAtOnce::UpTo(NonZeroUsize::MAX)),
        };
        let limits = &settings.shared_limits;
        let sites = SiteUse { limits, at_once, now: Timestamp::now(), zone: &TimeZone::system() };
        let refusal = || sites.refusal(entry.submission.sites.keys(), &carried).map(|why| why.to_string());
        Ok(self.why_not_here(job, &entry.submission.sites, &settings)?.or_else(refusal))
    }

    /// Why no worker can carry a job of these sites. If none is there, these settings stand for its own.
    fn why_not_here(
        &self,
        job: &JobRecord,
        sites: &RecordedSites,
        settings: &Settings,
    ) -> Result<Option<String>> {
        let queue = self.queue()?;
        let (now, workers) = (queue.now()?, queue.workers()?);
        if has_worker(&workers, sites, now) {
            return Ok(None);
        }
        match workers.iter().any(|worker| worker.is_alive(now)) && super::store::is_database(self) {
            true => Ok(scattered_sites(&workers, sites, now)),
            false => {
                let no_relay = || {
                    let why = self.unusable_relay(job, settings)?;
                    Some(if self.hands.unattended.is_some() { blamed_settings(None, NO_RELAY) } else { why })
                };
                Ok(site_difference(sites, settings).or_else(no_relay))
            }
        }
    }

    /// Why these settings keep a job of the queue from its relays. As with a site that they lack, it waits until they are right. It
    /// names files of the settings, so it is for their owner alone.
    pub(super) fn unusable_relay(&self, record: &JobRecord, settings: &Settings) -> Option<String> {
        // What cannot be read is told by its run.
        let command = self.command("resume", record).ok()?;
        let job = command.verb.job()?;
        let why = job.transfer().check_relays(settings, &job.locations(&settings.sites)).err()?;
        Some(format!("this worker can use no relay for it: {why}; put the settings right, or cancel the job"))
    }

    /// Notes of jobs that count as carried whose worker does not live any more.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub(super) fn note_lost_workers(&self, jobs: &mut [JobRecord]) -> Result<()> {
        let is_carried = |job: &JobRecord| job.queued.as_ref().is_some_and(|entry| entry.is_carried);
        if !jobs.iter().any(is_carried) {
            return Ok(());
        }
        let queue = self.queue()?;
        let (now, runs, workers) = (queue.now()?, queue.carried_runs()?, queue.workers()?);
        let has_daemon = queue.has_daemon();
        for job in jobs.iter_mut().filter(|job| is_carried(job)) {
            let worker = runs.get(&job.id).map(|run| run.worker);
            let worker = workers.iter().find(|known| Some(known.profile.id) == worker);
            if !has_daemon || !worker.is_some_and(|worker| worker.is_alive(now)) {
                let begun = job.queued.as_ref().and_then(|entry| entry.started).unwrap_or(job.begun);
                job.worker_lost = Some(worker.map_or(begun, |worker| worker.seen));
            }
        }
        Ok(())
    }

    /// Changes a job of the queue. Returns the queue.
    pub(super) fn apply_queued(&self, record: &JobRecord, change: JobChange) -> Result<Queue> {
        let id = record.id;
        let queue = self.queue()?;
        queue.apply(id, change, false)?.map_err(|why| {
            if why == EntryRefusal::IsDone {
                return super::jobs::nothing_left(record, change.name());
            }
            let state = record.queued.as_ref().map(|entry| entry.state(since_1970().as_secs()));
            let failure = Failure::new(Kind::Usage, format!("cannot {} job {id}: {why}", change.name()));
            failure.hint(next_verb(why, id, state))
        })?;
        Ok(queue)
    }

    /// Changes a job of the queue, and shows it.
    pub(super) async fn change_queued(&self, record: &JobRecord, change: JobChange) -> Result<Status> {
        let queue = self.apply_queued(record, change)?;
        wake_daemon(self).await;
        if let Some(record) = queue.job(record.id)? {
            let is_over = record.queued.as_ref().is_none_or(|entry| entry.exit.is_some());
            self.tell(Event::Job(record)).await?;
            if !is_over {
                if let Err(mistake) = program::settings(self.job.config.as_deref()) {
                    self.warn(format!("{mistake}; a daemon with these settings carries no job")).await?;
                }
                self.warn_without_daemon(&queue).await?;
            }
        }
        Ok(Status::Done)
    }
}

/// What to type in place of a change that is refused.
fn next_verb(why: EntryRefusal, id: JobId, state: Option<QueueState>) -> String {
    let is_paused = state == Some(QueueState::Paused);
    match why {
        EntryRefusal::HasEnded if state != Some(QueueState::Done) => {
            format!("{FtpUser} retry {id} carries it once more")
        }
        EntryRefusal::IsCarried => "cancel it without --forget".to_owned(),
        EntryRefusal::HasNotEnded if is_paused => format!("{FtpUser} resume {id} continues it"),
        EntryRefusal::HasEnded
        | EntryRefusal::IsDone
        | EntryRefusal::HasNotEnded
        | EntryRefusal::IsCancelled
        | EntryRefusal::IsNotPaused => {
            format!("{FtpUser} why {id} tells how it stands")
        }
    }
}

/// Refuses what no daemon can carry.
///
/// # Errors
///
/// The job reads or writes standard streams, changes nothing, is detached, asks about relays, or takes a list from a pipe.
fn refuse(job: &Job, verb: &JobVerb) -> Result<()> {
    if matches!(job.work, Work::Input { .. } | Work::Output { .. }) {
        return Err(Failure::usage("standard input and output (-) cannot be left to a daemon")
            .hint("leave out --queue, or write to a file"));
    }
    if job.options.mode != Mode::Run {
        return Err(Failure::usage("-n and --explain show what would be done now").hint("leave out --queue"));
    }
    if job.options.detach {
        return Err(Failure::usage("--detach leaves a file to its servers, and --queue to a daemon")
            .hint("leave out one of them"));
    }
    if verb.transfer().asks_for_relays() {
        return Err(Failure::usage("nobody is asked about relays in the queue")
            .hint("permit those that you have named: --relay-consent own"));
    }
    if !verb.can_be_repeated() {
        return Err(
            Failure::usage("a list from a pipe cannot be left to a daemon").hint("write it into a file")
        );
    }
    Ok(())
}

/// Refuses a job that begins at once if a source on this host is not there.
fn check_local_sources(work: &Work) -> Result<()> {
    let sources: &[Location] = match work {
        Work::Copy { sources, .. } => sources,
        Work::Sync { source, .. } | Work::Append { source, .. } => slice::from_ref(source),
        // The lines of a list fail one by one.
        Work::CopyEach { .. } | Work::Output { .. } | Work::Input { .. } => &[],
    };
    let is_missing =
        |source: &&Location| source.is_local() && matches!(LocalName::typed(&source.path).facts(), Ok(None));
    sources.iter().find(is_missing).map_or(Ok(()), |source| Err(job::missing(source)))
}

/// The servers of a job as one text: those of its sources, and at the end that of its destination.
fn pair(job: &Job) -> String {
    let name = |place: &Location| place.site().map_or_else(String::new, ToString::to_string);
    let mut all: Vec<String> = job.work.places().map(name).collect();
    let dest = all.pop().unwrap_or_default();
    let mut seen = HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all.push(dest);
    all.join(" ")
}

/// The sites that a job names, as the settings have them.
fn sites_of(job: &Job, names: &Names) -> RecordedSites {
    let named = job.work.places().filter_map(|place| place.site()?.name());
    named.filter_map(|name| Some((name.to_owned(), site_text(names.find(name).ok()?)))).collect()
}

/// A site as it is recorded with a job: its URL with the user and the directory in which it begins.
pub(super) fn site_text(site: &Remote) -> String {
    format!("{}{}", site.site.url(), site.path)
}

/// How the settings differ from those with which a job was submitted: the sites that it names.
pub(super) fn site_difference(sites: &RecordedSites, settings: &Settings) -> Option<String> {
    sites.iter().find_map(|(name, recorded)| match settings.sites.find(name) {
        Err(_) => Some(format!(
            "this worker has no site {name}: add it ({FtpUser} sites add), or cancel the job"
        )),
        Ok(site) => {
            let own = site_text(site);
            let differs = own != *recorded;
            differs.then(|| {
                format!(
                    "the site {name} was {recorded}, and is {own} for this worker: put the settings back, or cancel the job and submit it again"
                )
            })
        }
    })
}

/// Why a job was not left to the queue. A name that is taken is a mistake of the command line.
fn not_submitted(why: JournalFailure) -> Failure {
    if let JournalFailure::Named { job, name } = &why { in_other_words(name, *job) } else { why.into() }
}

/// The user of this host who runs this program.
pub(super) fn user_of_this_host() -> String {
    let uid = rustix::process::geteuid();
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid.as_raw())).ok().flatten();
    user.map_or_else(|| format!("user {}", uid.as_raw()), |user| user.name)
}

/// The same job with paths that do not depend on the current directory.
fn unmoved(mut job: StoredJob, names: &Names) -> StoredJob {
    let is_place = |option: &str| PLACES.contains(&option);
    for (option, value) in &mut job.options {
        if !is_place(option) && !super::jobs::FILES.contains(&option.as_str()) {
            continue;
        }
        let unmoved = |value: &mut Value| {
            if let Some(text) =
                text_of(value).filter(|text| !is_place(option) || places::is_here(text, names))
                && let Ok(path) = std::path::absolute(&text)
            {
                *value = json_of(path.as_os_str());
            }
        };
        // A name that is no UTF-8 is an array of numbers.
        match value.as_array_mut().filter(|several| several.iter().all(|one| !one.is_number())) {
            Some(several) => several.iter_mut().for_each(unmoved),
            None => unmoved(value),
        }
    }
    job
}

/// The options whose values are places.
const PLACES: [&str; 4] = ["places", "source", "dest", "backup_dir"];

#[cfg(test)]
mod tests;
