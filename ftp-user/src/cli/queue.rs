//! `--queue`: a job is left to the daemon; and what is done with such a job afterwards.

use super::asked::in_other_words;
use super::draft::{StoredDraft, draft, site_text};
use super::exit::of_number;
use super::outputs::complain;
use super::remote::{RemoteArgs, wake_daemon};
use super::store::{LONG_PAUSE, may_have_changed};
use super::verb::JobVerb;
use super::{General, program};
use crate::config::Settings;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{JobRecord, JournalFailure, Queue, QueuedJob, Submitted};
use crate::queue::{
    Entry, EntryRefusal, JobChange, JobsAtOnce, MISTAKEN, NO_RELAY, Priority, QueueState, RecordedSites,
    Recurrence, SiteUse, WhenError, are_draining, blamed_settings, has_worker, local_time, moment,
    parse_time_of_day, scattered_sites,
};
use crate::report::Event;
use clap::Args;
use ftp_io::clock::{Clock, since_1970};
use ftp_io::program::output;
use ftp_io::quoting::for_shell;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::num::NonZeroUsize;
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
    /// When the runs of a series are planned, if the job is one.
    pub(super) fn recurrence(&self) -> Result<Option<Recurrence>> {
        let every = self.every.as_ref().map(|every| every.parse()).transpose();
        every.map_err(|why: WhenError| Failure::usage(why.to_string()))
    }

    /// The time zone that its times mean; `None` if they mean the same in all zones.
    pub(super) fn zone(&self) -> Result<Option<TimeZone>> {
        let is_calendar = self.recurrence()?.is_some_and(|every| every.interval_in_words().is_none());
        if !is_calendar && self.at.as_deref().and_then(parse_time_of_day).is_none() {
            return Ok(None);
        }
        let zone = TimeZone::system();
        match std::env::var_os("TZ").filter(|name| !name.is_empty() && zone.is_unknown()) {
            Some(name) => {
                let what = format!("TZ={} names no time zone that this host knows", for_shell(name));
                Err(Failure::usage(what).hint("set TZ to a name like Europe/Berlin, or unset it"))
            }
            None => Ok(Some(zone)),
        }
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

impl General {
    /// Leaves a job to the queue.
    pub(super) async fn submit(
        &self,
        verb: &JobVerb,
        typed: Map<String, Value>,
        words: &[OsString],
    ) -> Result<Status> {
        let draft = draft(self, verb, typed, words, None).await?;
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
        let told = self.show_submitted(&queue, id).await?;
        self.say_when(begins, None);
        self.warn_without_daemon(&queue).await?;
        if !verb.queue().wait {
            return Ok(Status::Done);
        }
        let ended = self.hands.cancel()?.unless_cancelled(self.wait(&queue, id, told)).await;
        ended.map_err(|failure| stays_in_queue(id, failure))?
    }

    /// Tells people when a job begins that does not begin at once, in the time zone of this host, and its interval if it has one.
    pub(super) fn say_when(&self, begins: Option<u64>, every: Option<&Recurrence>) {
        let at = begins.map(moment);
        let words = every.and_then(Recurrence::interval_in_words);
        let then = words.map_or_else(String::new, |words| format!(", then {words}"));
        if let Some(at) = at.filter(|_| !self.quiet && !self.json) {
            complain(format_args!("the job begins {}{then}", local_time(at, &TimeZone::system())));
        }
    }

    /// The queue of the state directory.
    pub(super) fn queue(&self) -> Result<Queue> {
        Ok(super::store::journal_of_jobs(self)?.queue()?)
    }

    /// Prints the id of a job that was submitted, or the job for programs. Returns the state that was told.
    async fn show_submitted(&self, queue: &Queue, id: JobId) -> Result<QueueState> {
        if !self.json {
            return self.print_id(id).map(|()| QueueState::Queued);
        }
        let Some(record) = queue.job(id)? else { return Ok(QueueState::Queued) };
        let state = record.queued.as_ref().map(state_of).unwrap_or_default();
        self.tell(Event::Job(record)).await.map(|()| state)
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
    async fn wait(&self, queue: &Queue, id: JobId, mut told: QueueState) -> Result<Status> {
        let mut is_away = false;
        let (clock, heard) = (Clock::start(), Arc::new(Notify::new()));
        let (began, listener) = (clock.now(), Arc::clone(&heard));
        // Daemons that have lost their database connect again.
        let mut daemon_seen = queue.has_daemon().then_some(began);
        // If listening fails, the job is looked at once a second.
        let _ = queue.on_disk(move |queue| queue.listen(listener)).await;
        loop {
            let (last, is_quiet) = (told, self.quiet);
            let look = move |queue: &Queue| {
                let Some(QueuedJob { entry, .. }) = queue.queued(id)? else { return Ok(None) };
                // All files of a job are counted for its record: only if it is told.
                let record = if last == state_of(&entry) || is_quiet { None } else { queue.job(id)? };
                // The job may have ended since it was looked at.
                let entry = record.as_ref().and_then(|record| record.queued.clone()).unwrap_or(entry);
                Ok(Some((entry, record)))
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
            let (entry, record) = found.ok_or(JournalFailure::Unknown { job: id })?;
            if let Some(record) = record {
                told = state_of(&entry);
                self.tell(Event::Job(record)).await?;
            }
            if let Some(exit) = entry.exit {
                queue.on_disk(Queue::settle).await?;
                return Ok(of_number(exit));
            }
            let now = clock.now();
            if queue.has_daemon() {
                daemon_seen = Some(now);
            } else if daemon_seen.take_if(|seen| now.since(*seen) >= LONG_PAUSE).is_some() {
                self.warn_without_daemon(queue).await?;
            }
            may_have_changed(self, &heard, now.since(began)).await;
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
        Some(format!("this daemon can use no relay for it: {why}; put the settings right, or cancel the job"))
    }

    /// Notes of jobs that count as carried whose worker does not live any more.
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
            let state = record.queued.as_ref().map(state_of);
            if why == EntryRefusal::IsCarried && !queue.has_daemon() {
                let what = format!("job {id} is marked as carried, but its daemon does not live any more");
                return Failure::usage(what).hint(format!(
                    "cancel it without --forget, and start {FtpUser} daemon, which gives it up"
                ));
            }
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

fn state_of(entry: &Entry) -> QueueState {
    entry.state(since_1970().as_secs())
}

/// The failure if the end of a job of the queue is no longer waited for.
pub(super) fn stays_in_queue(id: impl Display, failure: Failure) -> Failure {
    failure.during(format_args!("job {id} stays in the queue, and only the waiting has ended"))
}

/// What to type in place of a change that is refused.
pub(super) fn next_verb(why: EntryRefusal, id: JobId, state: Option<QueueState>) -> String {
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

/// How the settings differ from those with which a job was submitted: the sites that it names.
pub(super) fn site_difference(sites: &RecordedSites, settings: &Settings) -> Option<String> {
    sites.iter().find_map(|(name, recorded)| match settings.sites.find(name) {
        Err(_) => Some(format!(
            "this daemon has no site {name}: add it ({FtpUser} sites add), or cancel the job"
        )),
        Ok(site) => {
            let own = site_text(site);
            let differs = own != *recorded;
            differs.then(|| {
                format!(
                    "the site {name} was {recorded}, and is {own} for this daemon: put the settings back, or cancel the job and submit it again"
                )
            })
        }
    })
}

/// Why a job was not left to the queue. A name that is taken is a mistake of the command line.
fn not_submitted(why: JournalFailure) -> Failure {
    if let JournalFailure::Named { job, name } = &why { in_other_words(name, *job) } else { why.into() }
}

#[cfg(test)]
mod tests;
