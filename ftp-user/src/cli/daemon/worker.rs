//! Takes jobs from the queue and carries them, several at the same time.

use super::super::program;
use super::super::store::LONG_PAUSE;
use super::carry::{RunResult, carry};
use super::state::Daemon;
use crate::context::Cancel;
use crate::failure::Failure;
use crate::id::JobId;
use crate::job;
use crate::journal::{
    CheckIn, JournalFailure, Leases, PlannedRun, Queue, TableRows, TakenJob, UnreadableRow,
};
use crate::queue::{CarriedJob, Entry, INTERRUPTED, Lease, RenewalTimer, StoredProgress, Turn, Wish};
use crate::report::{Event, line_of};
use ftp_io::blocking;
use ftp_io::clock::{Clock, since_1970};
use ftp_io::lock::Lock;
use ftp_io::program::service::{Notice, tell_systemd};
use ftp_io::signal::{Reload, Stop};
use ftp_io::tls::Identity;
use ftp_proto::timer::Moment;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

/// What carries jobs.
pub(super) struct Worker {
    daemon: Arc<Daemon>,
    clock: Clock,
    renewal: RenewalTimer,
    /// The certificate of page and API.
    certificate: Option<Arc<Identity>>,
    /// What runs, by its task.
    running: HashMap<Id, RunningJob>,
    runs: JoinSet<RunResult>,
    /// The runs that have ended, and are not in the journal yet.
    unwritten: Vec<UnwrittenEnd>,
    /// The jobs that were carried lately, the last one of each owner and pair.
    recent: Vec<CarriedJob>,
    /// The number of the last change of the queue that was told.
    told: Option<u64>,
    /// The number of the last change that it knows of.
    last_change: u64,
    /// When it has noted last how far its jobs are.
    saved: Option<Moment>,
    /// How far the jobs of other workers are, as those who follow the events know it.
    told_progress: HashMap<JobId, StoredProgress>,
    /// The last jobs that cannot be read of which the log has told.
    unreadable: VecDeque<JobId>,
    /// Whether jobs that wait because of the settings go on with the next look.
    wakes_postponed: bool,
    /// How often the settings have kept jobs from beginning, since they were read.
    postponed: HashMap<JobId, u32>,
}

/// The end of a run that is not in the journal yet.
#[derive(Clone, Debug)]
struct UnwrittenEnd {
    lease: Lease,
    result: RunResult,
    /// How often the settings have kept the job from beginning.
    postponed: u32,
}

/// A job that is carried.
#[derive(Debug)]
struct RunningJob {
    lease: Lease,
    /// Dropping it stops nothing; sending does.
    stop: watch::Sender<bool>,
    /// Whether it is being given up, which nothing but the end of the daemon stops.
    is_cancel: bool,
    carried: CarriedJob,
}

impl Worker {
    pub(super) fn new(daemon: Arc<Daemon>, certificate: Option<Arc<Identity>>) -> Self {
        let clock = Clock::start();
        Self {
            renewal: RenewalTimer::new(clock.now()),
            daemon,
            clock,
            certificate,
            running: HashMap::new(),
            runs: JoinSet::new(),
            unwritten: Vec::new(),
            recent: Vec::new(),
            told: None,
            last_change: 0,
            saved: None,
            told_progress: HashMap::new(),
            wakes_postponed: false,
            postponed: HashMap::new(),
            unreadable: VecDeque::new(),
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
            let looked_at = self.clock.now();
            let mut looked = self.write_ends().await;
            if looked.is_ok() {
                looked = self.look().await;
            }
            let pause = match looked {
                Ok(()) => {
                    if self.daemon.is_store_away.swap(false, Ordering::Relaxed) {
                        tracing::info!("the journal can be used again");
                    }
                    if self.daemon.has_database() { LOOK_AGAIN_AT_DATABASE } else { LOOK_AGAIN }
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
                Err(why) => break Err(why.into()),
            };
            tokio::select! {
                () = stop.wait() => break Ok(()),
                () = reload.wait() => self.reload(),
                () = has_changed(&self.daemon, self.clock, looked_at) => {}
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
                () = sleep(pause) => {}
            }
        };
        tell_systemd(Notice::Stopping);
        self.daemon.is_draining.store(true, Ordering::Relaxed);
        // Whoever leaves a job now is told at once. A store that is away is told below.
        let _ = self.check_in().await;
        let patience = if carried.is_ok() { patience } else { Duration::ZERO };
        if !self.running.is_empty() {
            tracing::info!(jobs = self.running.len(), "ending: no job begins any more");
        }
        let drained = self.drain(&mut stop, patience).await;
        let id = self.daemon.worker.id;
        // Without it, the others learn a little later that this worker has gone.
        let _ = self.daemon.queue.on_disk(move |queue| Leases::of(queue, id).leave()).await;
        tracing::info!("the daemon has ended");
        carried.and(drained)
    }

    /// Reads the settings and the certificate again. Each job reads the settings when it begins, too, and those begin again that
    /// wait because of them.
    fn reload(&mut self) {
        match program::settings(self.daemon.general.job.config.as_deref()) {
            Ok(settings) => {
                *self.daemon.settings.locked() = Arc::new(settings);
                tracing::info!("the settings were read again");
                self.wakes_postponed = true;
                self.postponed.clear();
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
                    if self.write_ends().await.is_ok() && self.attend().await.is_ok() {
                        let _ = self.tell().await;
                    }
                }
            }
        }
        let _ = self.write_ends().await.is_ok() && self.tell().await.is_ok();
        Ok(self.write_ends().await?)
    }

    async fn take_over(&mut self) -> Result<(), JournalFailure> {
        let (id, held, renewal, clock) = (self.daemon.worker.id, self.held(), self.renewal, self.clock);
        let lose = move |queue: &Queue| {
            Leases::of(queue, id).lose_expired(&held, |store| renewal.may_take_over(clock.now(), store))
        };
        for job in self.daemon.queue.on_disk(lose).await? {
            tracing::warn!(%job, "a job, or a part of its tree, has lost its worker: its next run takes over what is left");
        }
        Ok(())
    }

    /// The leases of what runs, and of what has ended and is not in the journal yet.
    fn held(&self) -> Vec<Lease> {
        let unwritten = self.unwritten.iter().map(|end| end.lease);
        self.running.values().map(|running| running.lease).chain(unwritten).collect()
    }

    /// Renews the leases, if it is time. What this worker has lost ends without a result.
    async fn renew(&mut self) -> Result<(), JournalFailure> {
        if self.renewal.is_due(self.clock.now()) { self.check_in().await } else { Ok(()) }
    }

    /// Says how this worker stands, and renews its leases.
    async fn check_in(&mut self) -> Result<(), JournalFailure> {
        let asked = self.clock.now();
        let (id, held, profile, last_change) =
            (self.daemon.worker.id, self.held(), self.daemon.profile(), self.last_change);
        let check_in = move |queue: &Queue| Leases::of(queue, id).check_in(&profile, &held, last_change);
        let found = self.daemon.queue.on_disk(check_in).await?;
        let CheckIn { now, lost, is_reporter, last_change, changes_gone, is_new } = found;
        self.wakes_postponed |= is_new;
        self.renewal.note_renewal(asked, self.clock.now(), now);
        self.last_change = last_change;
        self.daemon.is_reporter.store(is_reporter, Ordering::Relaxed);
        if let Some(changes) = changes_gone {
            tracing::error!(
                changes,
                "the store went back to an older state: running jobs begin again, and jobs submitted since then are lost"
            );
            self.daemon.log_lost_submissions().await?;
        }
        for running in self.running.values().filter(|running| lost.contains(&running.lease)) {
            running.interrupt();
            tracing::warn!(job = %running.lease.job, "a job has lost its lease: its run ends here");
        }
        if let Err(failure) = self.daemon.queue.on_disk(Queue::forget_oldest).await {
            tracing::warn!(%failure, "old jobs are not forgotten");
        }
        Ok(())
    }

    /// Notes how far the jobs are that run here, for those who look elsewhere.
    async fn save_progress(&mut self) -> Result<(), JournalFailure> {
        let now = self.clock.now();
        let is_due = self.saved.is_none_or(|last| now.since(last) >= SAVE_PROGRESS);
        let running =
            || self.running.values().map(|running| running.lease).filter(|lease| !lease.is_of_tree_part());
        if !is_due || running().next().is_none() {
            return Ok(());
        }
        // A run that has not begun to move knows less than the store.
        let known = |lease: Lease| {
            let progress = self.daemon.feed.progress(lease.job)?;
            (progress != StoredProgress::default()).then_some((lease, progress))
        };
        let (id, all): (_, Vec<_>) = (self.daemon.worker.id, running().filter_map(known).collect());
        self.daemon.queue.on_disk(move |queue| Leases::of(queue, id).report(&all)).await?;
        self.saved = Some(now);
        Ok(())
    }

    /// Sees to the jobs that run here: renews their leases, notes how far they are, and stops what is not wanted any more.
    async fn attend(&mut self) -> Result<(), JournalFailure> {
        self.renew().await?;
        self.save_progress().await?;
        if !self.running.is_empty() {
            for job in self.daemon.queue.on_disk(Queue::unwanted).await? {
                let is_unwanted = |running: &&RunningJob| running.lease.job == job && !running.is_cancel;
                for running in self.running.values().filter(is_unwanted) {
                    running.interrupt();
                }
            }
            self.interrupt_out_of_hours();
        }
        Ok(())
    }

    /// Attends to what runs, takes over what others have lost, and begins what there is room for.
    async fn look(&mut self) -> Result<(), JournalFailure> {
        self.attend().await?;
        self.take_over().await?;
        if self.wakes_postponed {
            match self.daemon.queue.on_disk(Queue::wake_postponed).await {
                Err(away @ JournalFailure::Unusable { .. }) => return Err(away),
                Err(why) => {
                    tracing::error!(cause = %why, "jobs that wait because of the settings begin later")
                }
                Ok(()) => {}
            }
            self.wakes_postponed = false;
        }
        let planned = self.daemon.queue.on_disk(|queue| queue.begin_planned(|| job::new_job_id().ok()));
        let TableRows { readable: runs, unreadable } = planned.await?;
        self.tell_unreadable(unreadable);
        for PlannedRun { series, turn, job } in runs {
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
        let room = self.daemon.parallel.get().saturating_sub(self.running.len());
        if room > 0 {
            let (recent, daemon) = (self.recent.clone(), Arc::clone(&self.daemon));
            let take = move |queue: &Queue| {
                Leases::of(queue, daemon.worker.id).take(room, &recent, daemon.may_begin())
            };
            let TableRows { readable: jobs, unreadable } = self.daemon.queue.on_disk(take).await?;
            jobs.into_iter().for_each(|taken| self.begin(taken));
            self.tell_unreadable(unreadable);
        }
        if self.daemon.has_database() && self.daemon.parallel.get() > self.running.len() {
            let daemon = Arc::clone(&self.daemon);
            let take =
                move |queue: &Queue| Leases::of(queue, daemon.worker.id).take_tree_part(daemon.may_begin());
            self.daemon.queue.on_disk(take).await?.into_iter().for_each(|taken| self.begin(taken));
        }
        self.tell().await
    }

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
                    tracing::info!(job = %running.lease.job, "a job is interrupted: the hours of its site are over");
                }
            }
        });
    }

    /// Takes the tokens that there are now, and tells which jobs have changed, and how far those of other workers are.
    async fn tell(&mut self) -> Result<(), JournalFailure> {
        let daemon = Arc::clone(&self.daemon);
        self.daemon.queue.on_disk(move |_| daemon.renew_tokens()).await?;
        self.tell_changes().await?;
        if self.daemon.has_database() && self.daemon.feed.log.followers() > 0 {
            let (daemon, told) = (Arc::clone(&self.daemon), std::mem::take(&mut self.told_progress));
            self.told_progress = self.daemon.queue.on_disk(move |_| daemon.tell_progress(&told)).await?;
        }
        Ok(())
    }

    /// Tells those who follow the events which jobs have changed, whoever has changed them.
    async fn tell_changes(&mut self) -> Result<(), JournalFailure> {
        let Some(mut told) = self.told else {
            self.told = Some(self.daemon.queue.on_disk(Queue::last_change).await?);
            return Ok(());
        };
        loop {
            let daemon = Arc::clone(&self.daemon);
            let tell = move |queue: &Queue| {
                let (last, changed) = queue.changed_after(told)?;
                changed.readable.iter().for_each(|job| daemon.tell(job));
                Ok((last, changed.unreadable))
            };
            let (last, unreadable) = self.daemon.queue.on_disk(tell).await?;
            self.tell_unreadable(unreadable);
            self.told = Some(last);
            if last == told {
                return Ok(());
            }
            told = last;
        }
    }

    /// Tells the log and those who follow the events of jobs and series that cannot be read, of each once.
    fn tell_unreadable(&mut self, rows: Vec<UnreadableRow>) {
        for row in rows {
            if self.unreadable.contains(&row.id) {
                continue;
            }
            tracing::error!(job = %row.id, cause = %row.failure, "a {} cannot be read: the others go on", row.of.name());
            if let Some(line) = line_of(&Event::Warning { message: row.to_string() }) {
                self.daemon.feed.tell(row.id, "", &line);
            }
            self.unreadable.truncate(MOST_UNREADABLE);
            self.unreadable.push_front(row.id);
        }
    }

    fn begin(&mut self, taken: TakenJob) {
        let TakenJob { lease, entry } = &taken;
        let (lease, is_cancel) = (*lease, entry.wish == Wish::Cancel);
        let carried = CarriedJob::of(&entry.submission, lease.fence);
        let (stop, cancel) = Cancel::new();
        tracing::info!(job = %lease.job, part = lease.part, fence = lease.fence, owner = carried.owner, tries = entry.tries, "a job begins");
        let daemon = Arc::clone(&self.daemon);
        // What a job waits for may be the disk.
        let run = blocking::run_in(&mut self.runs, move || carry(daemon, taken, cancel));
        self.running.insert(run.id(), RunningJob { lease, stop, is_cancel, carried });
    }

    /// Notes the end of a run. It is not in the journal yet.
    fn ended(&mut self, ended: Result<(Id, RunResult), JoinError>) {
        let (task, result) = match ended {
            Ok(ended) => ended,
            Err(panicked) => (panicked.id(), RunResult::LostRun),
        };
        let Some(RunningJob { lease, carried, .. }) = self.running.remove(&task) else { return };
        self.recent.retain(|recent| (&recent.owner, &recent.pair) != (&carried.owner, &carried.pair));
        if self.recent.len() >= MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(CarriedJob { is_running: false, ..carried });
        let mut postponed = 0;
        if result.has_not_begun() && !lease.is_of_tree_part() {
            if self.postponed.len() >= MOST_POSTPONED {
                self.postponed.clear();
            }
            let times = self.postponed.entry(lease.job).or_default();
            *times += 1;
            postponed = *times;
        } else {
            self.postponed.remove(&lease.job);
        }
        self.unwritten.push(UnwrittenEnd { lease, result, postponed });
    }

    /// Writes the ends of runs into the journal.
    async fn write_ends(&mut self) -> Result<(), JournalFailure> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let of_parts = self.unwritten.iter().filter(|end| end.lease.is_of_tree_part());
        let has_begun = |end: &UnwrittenEnd| !end.result.has_not_begun();
        let parts: Vec<(Lease, bool)> = of_parts.map(|end| (end.lease, has_begun(end))).collect();
        let id = self.daemon.worker.id;
        if !parts.is_empty() {
            // Those that have a result are not changed.
            let end = move |queue: &Queue| Leases::of(queue, id).end_tree_parts(&parts);
            let gone = self.daemon.queue.on_disk(end).await?;
            for end in self.unwritten.extract_if(.., |end| end.lease.is_of_tree_part()) {
                let has_result = matches!(end.result, RunResult::Ended { exit, .. } if exit != INTERRUPTED);
                if !has_result && gone.contains(&end.lease) {
                    tracing::warn!(job = %end.lease.job, "a job has lost its lease: the run of a part of its tree has ended");
                }
            }
        }
        let ends = self.unwritten.clone();
        let end = move |queue: &Queue| {
            let end = |end: UnwrittenEnd| (end.lease, move |entry: &mut Entry, now| end.note(entry, now));
            Leases::of(queue, id).end(ends.into_iter().map(end).collect())
        };
        let written = self.daemon.queue.on_disk(end).await?;
        for (UnwrittenEnd { lease, .. }, entry) in self.unwritten.drain(..).zip(written) {
            let job = lease.job;
            // Somebody may have forgotten it meanwhile, too.
            let Some(entry) = entry else {
                tracing::warn!(%job, "a job has lost its lease, or its row is damaged: the result of its run is left out");
                continue;
            };
            let state = entry.state(since_1970().as_secs());
            if state.has_ended() {
                self.daemon.feed.counted.job(state);
            }
            let state = state.name();
            tracing::info!(%job, state, exit = entry.exit, cause = entry.cause, "a run of a job has ended");
        }
        Ok(())
    }
}

impl UnwrittenEnd {
    /// Notes the end in the entry of its job.
    fn note(self, entry: &mut Entry, now: u64) {
        match self.result {
            RunResult::Ended { exit, cause } => entry.end(exit, cause, now),
            RunResult::GivenUp { exit, cause } => entry.end_cancel(exit, cause, now),
            RunResult::Postponed { cause } => {
                entry.postpone(cause, now);
                lengthen(entry, self.postponed, LONGEST_POSTPONED, now);
            }
            RunResult::HeldBack { cause, pause } => {
                entry.hold_back(cause, pause, now);
                lengthen(entry, self.postponed, LONGEST_HELD_BACK, now);
            }
            RunResult::WaitsFor { other, dest } => entry.wait_for(other, &dest, now),
            RunResult::LostRun => entry.lose_worker(now),
        }
    }
}

/// What nobody puts right is looked at less and less often.
fn lengthen(entry: &mut Entry, postponed: u32, longest: Duration, now: u64) {
    let pause = entry.due.saturating_sub(now) << postponed.saturating_sub(1).min(16);
    entry.due = now + pause.min(longest.as_secs());
}

impl RunningJob {
    /// Has it end as after ^C. Whether it did not have to before.
    fn interrupt(&self) -> bool {
        self.stop.send_if_modified(|stop| !std::mem::replace(stop, true))
    }
}

/// Waits until a job has changed. Where many change, they are looked at together.
async fn has_changed(daemon: &Daemon, clock: Clock, looked_at: Moment) {
    daemon.changed.notified().await;
    sleep(SHORT_PAUSE.saturating_sub(clock.now().since(looked_at))).await;
}

/// How often the queue is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The same where the store tells what others change: times come, and what it tells can get lost.
const LOOK_AGAIN_AT_DATABASE: Duration = Duration::from_secs(1);
/// How often it is noted how far jobs are.
const SAVE_PROGRESS: Duration = Duration::from_secs(2);
/// The shortest time between two looks, unless a run has ended.
const SHORT_PAUSE: Duration = Duration::from_millis(20);
/// The largest number of unreadable jobs that are remembered: of more of them, the log tells again.
const MOST_UNREADABLE: usize = 1_000;
/// The longest pause of a job that waits until the settings are read again.
const LONGEST_POSTPONED: Duration = Duration::from_secs(600);
/// The same of a job whose worker has lost the store.
const LONGEST_HELD_BACK: Duration = Duration::from_secs(60);
/// The largest number of jobs of which is remembered how often they were kept from beginning: of more of them, the pauses begin anew.
const MOST_POSTPONED: usize = 10_000;
/// The largest number of jobs that are remembered after they were carried, for the shares of their owners.
const MOST_RECENT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::WorkerId;

    #[test]
    fn a_job_that_waits_for_the_settings_or_the_store_is_looked_at_less_and_less_often() {
        let lease = Lease { job: JobId::new(1), part: 0, worker: WorkerId::new(1), fence: 1 };
        let cause = || "x".to_owned();
        let lost = || RunResult::HeldBack { cause: cause(), pause: Duration::from_secs(5) };
        for (postponed, of_settings, of_store) in
            [(1, 60, 5), (2, 120, 10), (3, 240, 20), (4, 480, 40), (5, 600, 60), (u32::MAX, 600, 60)]
        {
            for (result, pause) in
                [(RunResult::Postponed { cause: cause() }, of_settings), (lost(), of_store)]
            {
                let mut entry = Entry::default();
                UnwrittenEnd { lease, result, postponed }.note(&mut entry, 1_000);
                assert_eq!(entry.due, 1_000 + pause, "{postponed}");
            }
        }
    }
}
