//! What the worker and the listeners of one daemon have in common.

use super::super::draft::site_text;
use super::super::queue::site_difference;
use super::super::{General, ShellSession};
use super::feed::Feed;
use super::views::job_view;
use crate::config::Settings;
use crate::context::Cancel;
use crate::id::{JobId, WorkerId};
use crate::journal::{CarriedRun, JobRecord, JournalFailure, Queue, QueuedJob, Tokens};
use crate::queue::{
    CarriedJob, Head, JobsAtOnce, NO_RELAY, RecordedSites, SiteUse, StoredProgress, Token, WorkerProfile,
    WorkerRecord, blamed_settings, has_worker, scattered_sites,
};
use crate::report::{Event, Listener, line_of};
use crate::web::fleet::TokenInfo;
use crate::web::view::JobView;
use ftp_io::lock::Lock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The worker that carries a job.
#[derive(Debug)]
pub(super) struct WorkerOfJob {
    /// The worker itself.
    pub(super) id: WorkerId,
    /// What it is called.
    pub(super) name: String,
    /// How far the job is, as the store knows it.
    pub(super) progress: Option<StoredProgress>,
}

/// What the worker and the listeners of a daemon share.
#[derive(Debug)]
pub(super) struct Daemon {
    /// The options with which it was started.
    pub(super) general: General,
    pub(super) queue: Queue,
    /// The same queue over a connection of its own: what reads keeps nobody waiting who writes.
    pub(super) reader: Queue,
    pub(super) feed: Arc<Feed>,
    /// What its worker says of itself, as it began.
    pub(super) worker: WorkerProfile,
    /// How many jobs are carried at the same time.
    pub(super) parallel: NonZeroUsize,
    /// Whether this one runs the command for jobs that have ended.
    pub(super) is_reporter: AtomicBool,
    /// The jobs that were submitted here last.
    submitted: Mutex<VecDeque<JobId>>,
    /// The settings that were read last.
    pub(super) settings: Mutex<Arc<Settings>>,
    /// The tokens, as the store had them last.
    pub(super) tokens: Mutex<Arc<[TokenInfo]>>,
    /// How many damaged tokens the log has named.
    damaged_tokens: AtomicUsize,
    /// The mistake of the settings because of which a request was refused last; none if they have none.
    pub(super) told_mistake: Mutex<Option<String>>,
    /// Whether no job begins any more.
    pub(super) is_draining: AtomicBool,
    /// Whether the journal could not be used when the worker looked at it.
    pub(super) is_store_away: AtomicBool,
    /// Tells the worker that a job has changed.
    pub(super) changed: Arc<Notify>,
    /// Whether nothing is carried any more.
    pub(super) has_ended: AtomicBool,
    /// For whom plans and explanations are made just now.
    pub(super) plans: Mutex<Vec<String>>,
}

impl Daemon {
    /// A daemon over these two connections with its queue: one writes, the other reads.
    pub(super) fn new(
        general: General,
        [queue, reader]: [Queue; 2],
        settings: Settings,
        (worker, parallel): (WorkerProfile, NonZeroUsize),
    ) -> Result<Self, JournalFailure> {
        let daemon = Self {
            general,
            queue,
            reader,
            feed: Arc::new(Feed::new(worker.name.clone())),
            worker,
            parallel,
            is_reporter: AtomicBool::new(false),
            submitted: Mutex::default(),
            settings: Mutex::new(Arc::new(settings)),
            tokens: Mutex::default(),
            damaged_tokens: AtomicUsize::new(0),
            told_mistake: Mutex::default(),
            is_draining: AtomicBool::new(false),
            is_store_away: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            changed: Arc::default(),
            plans: Mutex::default(),
        };
        daemon.queue.listen(Arc::clone(&daemon.changed))?;
        daemon.renew_tokens()?;
        Ok(daemon)
    }

    /// The same options with nobody at a terminal. Everything is told to the listener; signals are for the daemon.
    pub(super) fn unattended(&self, listener: Listener, cancel: Cancel) -> General {
        let (cancel, unattended) = (Some(cancel), Some(listener));
        let at_once = Some(self.jobs_at_once());
        let memory = self.general.hands.memory.clone();
        let hands = ShellSession { cancel, unattended, at_once, memory, ..ShellSession::default() };
        General { json: true, verbose: false, quiet: false, hands, ..self.general.clone() }
    }

    /// What all jobs together may use of sites, as the settings were read last.
    pub(super) fn with_site_use<T>(&self, work: impl FnOnce(&SiteUse<'_>) -> T) -> T {
        let settings = Arc::clone(&self.settings.locked());
        let (limits, at_once) = (&settings.shared_limits, self.jobs_at_once());
        work(&SiteUse { limits, at_once, now: Timestamp::now(), zone: &TimeZone::system() })
    }

    fn jobs_at_once(&self) -> JobsAtOnce {
        if self.has_database() { JobsAtOnce::Any } else { JobsAtOnce::UpTo(self.parallel) }
    }

    /// What its worker says of itself now.
    pub(super) fn profile(&self) -> WorkerProfile {
        let settings = Arc::clone(&self.settings.locked());
        let sites = settings.sites.iter().map(|(name, site)| (name.to_owned(), site_text(site))).collect();
        let is_draining = self.is_draining.load(Ordering::Relaxed);
        WorkerProfile { is_draining, sites, ..self.worker.clone() }
    }

    /// Returns the test for jobs that this worker may begin beside those that are carried. A job whose sites no worker has passes,
    /// so that its run can say so. The store is asked for the other workers once. If it does not answer, one of them has the sites.
    pub(super) fn may_begin(&self) -> impl Fn(&Head<JobId>, &[CarriedJob]) -> bool {
        let others = OnceCell::new();
        move |head, carried| {
            let settings = Arc::clone(&self.settings.locked());
            let is_own = site_difference(&head.sites, &settings).is_none();
            let is_known_elsewhere = || {
                let known = others.get_or_init(|| self.known_workers().ok()).as_ref();
                known.is_none_or(|(workers, now)| has_worker(workers, &head.sites, *now))
            };
            (is_own || !is_known_elsewhere())
                && self.with_site_use(|sites| sites.refusal(head.sites.keys(), carried).is_none())
        }
    }

    /// Why the settings keep a job of these sites from being carried here, if they do: it waits until they are right.
    pub(super) fn why_not_here(
        &self,
        job: &JobRecord,
        sites: &RecordedSites,
        settings: &Settings,
    ) -> Option<String> {
        let Some(own) = site_difference(sites, settings) else {
            let why = self.general.unusable_relay(job, settings)?;
            return Some(self.blame_settings(job.id, NO_RELAY, &why));
        };
        let known = if self.has_database() { self.known_workers().ok() } else { None };
        known.and_then(|(workers, now)| scattered_sites(&workers, sites, now)).or(Some(own))
    }

    /// What the owner of a job is told that waits because of the settings. The log has the cause.
    pub(super) fn blame_settings(&self, job: JobId, fault: &str, cause: &str) -> String {
        tracing::warn!(%job, cause, "a job waits: the settings of this daemon {fault}");
        blamed_settings(Some(&self.worker.name), fault)
    }

    /// The workers that the store has, and its time.
    pub(super) fn known_workers(&self) -> Result<(Vec<WorkerRecord>, u64), JournalFailure> {
        Ok((self.reader.workers()?, self.reader.now()?))
    }

    /// Tells the log which jobs were submitted here and are gone with the last changes of the store.
    pub(super) async fn log_lost_submissions(self: &Arc<Self>) -> Result<(), JournalFailure> {
        let daemon = Arc::clone(self);
        self.queue
            .on_disk(move |queue| {
                let submitted = daemon.submitted.locked().clone();
                for job in submitted {
                    if matches!(queue.queued(job), Ok(None)) {
                        tracing::error!(%job, "a job that was submitted here is gone: submit it again");
                    }
                }
                Ok(())
            })
            .await
    }

    /// Takes the tokens that the store has now.
    pub(super) fn renew_tokens(&self) -> Result<(), JournalFailure> {
        let (tokens, damaged) = Tokens::of(&self.reader).all()?;
        if self.damaged_tokens.swap(damaged.len(), Ordering::Relaxed) < damaged.len() {
            for cause in damaged {
                tracing::error!(%cause, "a token cannot be read and grants nothing");
            }
        }
        let settings = Arc::clone(&self.settings.locked());
        let sites = |token: &Token| settings.tokens.get(&token.name).cloned().unwrap_or_default();
        let info = |token: Token| TokenInfo { sites: sites(&token), token };
        *self.tokens.locked() = tokens.into_iter().map(info).collect();
        Ok(())
    }

    /// Whether the jobs are in a database that several hosts may share.
    pub(super) fn has_database(&self) -> bool {
        super::super::store::is_database(&self.general)
    }

    /// Tells those who follow the events how a job stands now.
    pub(super) fn tell(&self, job: &QueuedJob) {
        if let Ok(Some(record)) = self.reader.job(job.id)
            && let Some(line) = line_of(&Event::Job(record))
        {
            self.feed.tell(job.id, &job.entry.submission.owner, &line);
        }
    }

    /// A job as the API shows it.
    pub(super) fn view(&self, job: &QueuedJob) -> JobView {
        let worker = job.entry.is_carried.then(|| self.workers_of_jobs().remove(&job.id)).flatten();
        self.view_with(job, worker)
    }

    /// A job as the API shows it, and who carries it.
    pub(super) fn view_with(&self, job: &QueuedJob, worker: Option<WorkerOfJob>) -> JobView {
        // If another worker carries it, the run of this one is an earlier one.
        let is_elsewhere = worker.as_ref().is_some_and(|worker| worker.id != self.worker.id);
        let run = if is_elsewhere { None } else { self.feed.run(job.id) };
        job_view(job, run.as_ref(), worker)
    }

    /// Who carries jobs, by the jobs. What is not known now is left out.
    pub(super) fn workers_of_jobs(&self) -> HashMap<JobId, WorkerOfJob> {
        let (runs, workers) = (self.reader.carried_runs(), self.reader.workers().unwrap_or_default());
        let names: HashMap<WorkerId, String> =
            workers.into_iter().map(|worker| (worker.profile.id, worker.profile.name)).collect();
        let named = |(job, CarriedRun { worker, progress, .. }): (JobId, CarriedRun)| {
            let name = names.get(&worker).cloned().unwrap_or_else(|| worker.to_string());
            (job, WorkerOfJob { id: worker, name, progress })
        };
        runs.unwrap_or_default().into_iter().map(named).collect()
    }

    /// Tells those who follow the events how far the jobs of other workers are, where that is not `told` yet. Returns how far they
    /// are now.
    pub(super) fn tell_progress(
        &self,
        told: &HashMap<JobId, StoredProgress>,
    ) -> Result<HashMap<JobId, StoredProgress>, JournalFailure> {
        let mut now = HashMap::new();
        for (job, WorkerOfJob { id, name, progress }) in self.workers_of_jobs() {
            let Some(progress) = progress.filter(|_| id != self.worker.id) else { continue };
            if told.get(&job) != Some(&progress)
                && let Some(queued) = self.readable(job)?
            {
                self.feed.tell_progress(job, &queued.entry.submission.owner, &name, &progress);
            }
            now.insert(job, progress);
        }
        Ok(now)
    }

    /// A job of the queue; `None` if there is none, or its row is damaged.
    fn readable(&self, job: JobId) -> Result<Option<QueuedJob>, JournalFailure> {
        match self.reader.queued(job) {
            Err(JournalFailure::Damaged { .. }) => Ok(None),
            found => found,
        }
    }

    pub(super) fn remember_submitted(&self, job: JobId) {
        let mut submitted = self.submitted.locked();
        if submitted.len() >= MOST_SUBMITTED {
            submitted.pop_front();
        }
        submitted.push_back(job);
    }
}

/// The largest number of submitted jobs that are remembered.
const MOST_SUBMITTED: usize = 1000;
