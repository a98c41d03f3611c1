//! Takes jobs from the queue and carries them, several at the same time.

use super::super::program;
use super::carry::{RunResult, carry};
use super::fleet::Daemon;
use crate::context::Cancel;
use crate::failure::Failure;
use crate::id::JobId;
use crate::job;
use crate::journal::{JobRecord, JournalFailure, PlannedRun, Queue, Term};
use crate::queue::{CarriedJob, Entry, Turn, Wish};
use ftp_io::clock::since_1970;
use ftp_io::program::service::{Notice, tell_systemd};
use ftp_io::signal::{Reload, Stop};
use ftp_io::tls::Identity;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

/// What carries jobs.
pub(super) struct Worker {
    daemon: Arc<Daemon>,
    /// The term in which it carries jobs.
    term: Term,
    /// The certificate of page and API.
    certificate: Option<Arc<Identity>>,
    /// What runs, by its task.
    running: HashMap<Id, RunningJob>,
    runs: JoinSet<RunResult>,
    /// The runs that have ended, and are not in the journal yet.
    unwritten: Vec<UnwrittenEnd>,
    /// The jobs that were carried lately, the last one of each owner and pair.
    recent: Vec<CarriedJob>,
    /// The number of the last choice.
    turn: u64,
    /// The number of the last change of the queue that was told.
    told: Option<u64>,
}

/// The end of a run that is not in the journal yet.
#[derive(Clone, Debug)]
struct UnwrittenEnd {
    job: JobId,
    /// The term in which the run began.
    term: Term,
    /// Nothing if it has panicked.
    result: Option<RunResult>,
}

/// A job that is carried.
#[derive(Debug)]
struct RunningJob {
    job: JobId,
    /// The term in which its run began.
    term: Term,
    /// Dropping it stops nothing; sending does.
    stop: watch::Sender<bool>,
    /// Whether it is being given up, which nothing but the end of the daemon stops.
    is_cancel: bool,
    carried: CarriedJob,
}

impl Worker {
    pub(super) fn new(daemon: Arc<Daemon>, certificate: Option<Arc<Identity>>, term: Term) -> Self {
        Self {
            daemon,
            term,
            certificate,
            running: HashMap::new(),
            runs: JoinSet::new(),
            unwritten: Vec::new(),
            recent: Vec::new(),
            turn: 0,
            told: None,
        }
    }

    /// Carries jobs until it is told to stop. Then none begins; those that run may end within `patience`, and are interrupted
    /// after it.
    ///
    /// # Errors
    ///
    /// The queue is damaged. What runs is interrupted then.
    pub(super) async fn run(mut self, signals: (Stop, Reload), patience: Duration) -> Result<(), Failure> {
        let (mut stop, mut reload) = signals;
        let carried = loop {
            let mut looked = self.write_ends().await;
            if looked.is_ok() {
                looked = self.look().await;
            }
            if let Err(JournalFailure::Displaced { .. }) = &looked {
                looked = self.begin_term().await;
            }
            let pause = match looked {
                Ok(()) => {
                    if self.daemon.is_store_away.swap(false, Ordering::Relaxed) {
                        tracing::info!("the journal can be used again");
                    }
                    LOOK_AGAIN
                }
                // A disk may have room again. What runs goes on.
                Err(why @ JournalFailure::Unusable { .. }) => {
                    if !self.daemon.is_store_away.swap(true, Ordering::Relaxed) {
                        tracing::error!(cause = %why, "the journal cannot be used: no job begins until it can");
                    }
                    // Without an answer of a database nothing of them may become final.
                    if self.daemon.has_database() {
                        self.interrupt_all();
                    }
                    LONG_PAUSE
                }
                Err(why) => break Err(job::of_journal(&why)),
            };
            tokio::select! {
                () = stop.wait() => break Ok(()),
                () = reload.wait() => self.reload(),
                () = self.daemon.changed.notified() => {}
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
                () = sleep(pause) => {}
            }
        };
        tell_systemd(Notice::Stopping);
        self.daemon.is_draining.store(true, Ordering::Relaxed);
        let patience = if carried.is_ok() { patience } else { Duration::ZERO };
        if !self.running.is_empty() {
            tracing::info!(jobs = self.running.len(), "ending: no job begins any more");
        }
        let drained = self.drain(&mut stop, patience).await;
        tracing::info!("the daemon has ended");
        carried.and(drained)
    }

    /// Reads the settings and the certificate again. Each job reads the settings when it begins, too.
    fn reload(&self) {
        match program::settings(self.daemon.general.job.config.as_deref()) {
            Ok(settings) => {
                self.daemon.take_settings(settings);
                tracing::info!("the settings were read again");
            }
            Err(why) => tracing::warn!(cause = %why, "the settings cannot be used: jobs wait until they can"),
        }
        if let Some(Err(error)) = self.certificate.as_ref().map(|certificate| certificate.reload()) {
            tracing::warn!(%error, "the certificate cannot be read: the one before stays");
        }
    }

    /// Waits for the ends of what runs.
    async fn drain(&mut self, stop: &mut Stop, patience: Duration) -> Result<(), Failure> {
        let (mut is_over, mut end) = (false, pin!(sleep(patience)));
        while !self.running.is_empty() {
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
                () = &mut end, if !is_over => {
                    is_over = true;
                    self.interrupt_all();
                }
                () = stop.wait() => {
                    if is_over {
                        return Err(Failure::interrupted());
                    }
                    is_over = true;
                    self.interrupt_all();
                }
                () = sleep(LOOK_AGAIN) => {
                    // A store that is away is told at the end.
                    if self.write_ends().await.is_ok() {
                        let _ = self.tell().await;
                    }
                }
            }
        }
        let _ = self.write_ends().await.is_ok() && self.tell().await.is_ok();
        self.write_ends().await.map_err(|why| job::of_journal(&why))
    }

    /// Another daemon has carried the jobs, and has ended. Whatever runs here began before that: it ends, and nothing of it is
    /// written.
    async fn begin_term(&mut self) -> Result<(), JournalFailure> {
        self.interrupt_all();
        let (term, lost) = self.daemon.queue.on_disk(Queue::begin_term).await?;
        self.term = term;
        tracing::warn!(
            jobs = lost,
            "another daemon has carried the jobs meanwhile: what it has left is carried again"
        );
        Ok(())
    }

    /// Stops what is not wanted any more, and begins what there is room for.
    async fn look(&mut self) -> Result<(), JournalFailure> {
        let term = self.term;
        self.daemon.queue.on_disk(move |queue| queue.check_term(term)).await?;
        if !self.running.is_empty() {
            for job in self.daemon.queue.on_disk(Queue::unwanted).await? {
                let is_unwanted = |running: &&RunningJob| running.job == job && !running.is_cancel;
                for running in self.running.values().filter(is_unwanted) {
                    running.interrupt();
                }
            }
            self.interrupt_out_of_hours();
        }
        let planned = self.daemon.queue.on_disk(|queue| queue.begin_planned(|| job::new_job_id().ok()));
        for PlannedRun { series, turn, job } in planned.await? {
            let job = job.map(|job| job.to_string());
            match turn {
                Turn::Begin => tracing::info!(%series, job, "a planned run is in the queue"),
                Turn::Replace => {
                    tracing::info!(%series, job, "a planned run takes the place of one that has not ended");
                }
                Turn::Skip => tracing::warn!(
                    %series, job, "a planned run is left out: the one before it is carried or paused"
                ),
            }
        }
        while self.running.len() < self.daemon.parallel.get() {
            let (carried, daemon, term) = (self.carried(), Arc::clone(&self.daemon), self.term);
            let take = move |queue: &Queue| {
                daemon.with_site_use(|sites| {
                    queue.take(term, &carried, |head| sites.refusal(head.sites.iter(), &carried).is_none())
                })
            };
            let Some(record) = self.daemon.queue.on_disk(take).await? else { break };
            self.begin(record);
        }
        self.tell().await
    }

    /// Interrupts all that runs.
    fn interrupt_all(&self) {
        for running in self.running.values() {
            running.interrupt();
        }
    }

    /// Interrupts what uses a site whose hours are over. It goes on when they begin again.
    fn interrupt_out_of_hours(&self) {
        self.daemon.with_site_use(|sites| {
            for running in self.running.values() {
                if sites.is_closed(running.carried.sites.iter()) && running.interrupt() {
                    tracing::info!(job = %running.job, "a job is interrupted: the hours of its site are over");
                }
            }
        });
    }

    /// Takes the tokens that there are now, and tells which jobs have changed.
    async fn tell(&mut self) -> Result<(), JournalFailure> {
        let daemon = Arc::clone(&self.daemon);
        self.daemon.queue.on_disk(move |_| daemon.renew_tokens()).await?;
        self.tell_changes().await
    }

    /// Tells those who follow the events which jobs have changed, whoever has changed them.
    async fn tell_changes(&mut self) -> Result<(), JournalFailure> {
        let Some(mut told) = self.told else {
            self.told = Some(self.daemon.queue.on_disk(Queue::last_change).await?);
            return Ok(());
        };
        loop {
            let daemon = Arc::clone(&self.daemon);
            let (last, changed) = self
                .daemon
                .queue
                .on_disk(move |queue| {
                    let (last, changed) = queue.changed_after(told)?;
                    changed.iter().for_each(|job| daemon.tell(job));
                    Ok((last, changed))
                })
                .await?;
            self.told = Some(last);
            if changed.is_empty() {
                return Ok(());
            }
            told = last;
        }
    }

    /// Those that are carried, and those that were lately.
    fn carried(&self) -> Vec<CarriedJob> {
        self.running.values().map(|running| &running.carried).chain(&self.recent).cloned().collect()
    }

    fn begin(&mut self, record: JobRecord) {
        let (id, entry) = (record.id, record.queued.clone().unwrap_or_default());
        self.turn += 1;
        let carried = CarriedJob::of(&entry.submission, self.turn);
        let (stop, cancel) = Cancel::new();
        tracing::info!(job = %id, owner = carried.owner, tries = entry.tries, "a job begins");
        let daemon = Arc::clone(&self.daemon);
        let scheduler = Handle::current();
        // On a thread of its own: what a job waits for may be the disk.
        let run = self.runs.spawn_blocking(move || scheduler.block_on(carry(daemon, record, cancel)));
        let is_cancel = entry.wish == Wish::Cancel;
        self.running.insert(run.id(), RunningJob { job: id, term: self.term, stop, is_cancel, carried });
    }

    /// Notes the end of a run. It is not in the journal yet.
    fn ended(&mut self, ended: Result<(Id, RunResult), JoinError>) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, Some(result)),
            Err(panicked) => (panicked.id(), None),
        };
        let Some(RunningJob { job, term, carried, .. }) = self.running.remove(&task) else { return };
        self.recent.retain(|recent| (&recent.owner, &recent.pair) != (&carried.owner, &carried.pair));
        if self.recent.len() >= MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(CarriedJob { is_running: false, ..carried });
        self.unwritten.push(UnwrittenEnd { job, term, result });
    }

    /// Writes the ends of runs into the journal.
    async fn write_ends(&mut self) -> Result<(), JournalFailure> {
        while let Some(UnwrittenEnd { job, term, result }) = self.unwritten.last().cloned() {
            if term != self.term {
                tracing::warn!(%job, "the end of a run is left out: another daemon has carried the job since it began");
                self.unwritten.pop();
                continue;
            }
            let end = move |entry: &mut Entry, now| match result {
                Some(RunResult::Ended { exit, cause }) => entry.end(exit, cause, now),
                Some(RunResult::GivenUp { exit, cause }) => entry.end_cancel(exit, cause, now),
                Some(RunResult::Postponed { cause }) => entry.postpone(cause, now),
                None => entry.lose_worker(now),
            };
            match self.daemon.queue.on_disk(move |queue| queue.end(term, job, end)).await {
                Ok(Ok(entry)) => {
                    let state = entry.state(since_1970().as_secs());
                    if state.has_ended() {
                        self.daemon.feed.counted.job(state);
                    }
                    let state = state.name();
                    tracing::info!(%job, state, exit = entry.exit, cause = entry.cause, "a job has ended");
                }
                // Somebody has forgotten it meanwhile.
                Ok(Err(_)) | Err(JournalFailure::Unknown { .. }) => {}
                Err(why) => return Err(why),
            }
            self.unwritten.pop();
        }
        Ok(())
    }
}

impl RunningJob {
    /// Has it end as after ^C. Whether it did not have to before.
    fn interrupt(&self) -> bool {
        self.stop.send_if_modified(|stop| !std::mem::replace(stop, true))
    }
}

/// How often the queue is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The same after the journal could not be used.
const LONG_PAUSE: Duration = Duration::from_secs(2);
/// The largest number of jobs that are remembered after they were carried, for the shares of their owners.
const MOST_RECENT: usize = 256;
