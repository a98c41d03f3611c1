//! Takes jobs from the queue and carries them, several at the same time.

use super::super::General;
use super::carry::{RunResult, carry};
use crate::context::Cancel;
use crate::failure::Failure;
use crate::id::JobId;
use crate::job;
use crate::journal::{JobRecord, JournalFailure, Queue};
use crate::queue::CarriedJob;
use ftp_io::clock::since_1970;
use ftp_io::signal::Stop;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::sleep;

/// What carries jobs.
pub(super) struct Worker {
    general: General,
    queue: Queue,
    parallel: NonZeroUsize,
    /// What runs, by its task.
    running: HashMap<Id, RunningJob>,
    runs: JoinSet<RunResult>,
    /// The jobs that were carried lately, the last one of each owner and pair.
    recent: Vec<CarriedJob>,
    /// The number of the last choice.
    turn: u64,
}

/// A job that is carried.
#[derive(Debug)]
struct RunningJob {
    job: JobId,
    /// Dropping it stops nothing; sending does.
    stop: watch::Sender<bool>,
    carried: CarriedJob,
}

impl Worker {
    pub(super) fn new(general: General, queue: Queue, parallel: NonZeroUsize) -> Self {
        let (running, runs, recent) = (HashMap::new(), JoinSet::new(), Vec::new());
        Self { general, queue, parallel, running, runs, recent, turn: 0 }
    }

    /// Carries jobs until `stop`. Then none begins; those that run may end within `patience`, and are interrupted after it.
    ///
    /// # Errors
    ///
    /// The queue cannot be read or written. What runs is interrupted then.
    pub(super) async fn run(mut self, mut stop: Stop, patience: Duration) -> Result<(), Failure> {
        let carried = loop {
            if let Err(why) = self.look().await {
                break Err(job::of_journal(&why));
            }
            tokio::select! {
                () = stop.wait() => break Ok(()),
                Some(ended) = self.runs.join_next_with_id() => {
                    if let Err(why) = self.ended(ended).await {
                        break Err(job::of_journal(&why));
                    }
                }
                () = sleep(LOOK_AGAIN) => {}
            }
        };
        let patience = if carried.is_ok() { patience } else { Duration::ZERO };
        if !self.running.is_empty() {
            tracing::info!(jobs = self.running.len(), "ending: no job begins any more");
        }
        let drained = self.drain(&mut stop, patience).await;
        carried.and(drained)
    }

    /// Waits for the ends of what runs.
    async fn drain(&mut self, stop: &mut Stop, patience: Duration) -> Result<(), Failure> {
        let (mut is_over, mut end) = (false, pin!(sleep(patience)));
        while !self.running.is_empty() {
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => {
                    self.ended(ended).await.map_err(|why| job::of_journal(&why))?;
                }
                () = &mut end, if !is_over => {
                    is_over = true;
                    self.running.values().for_each(RunningJob::interrupt);
                }
                () = stop.wait() => {
                    if is_over {
                        return Err(Failure::interrupted());
                    }
                    is_over = true;
                    self.running.values().for_each(RunningJob::interrupt);
                }
            }
        }
        Ok(())
    }

    /// Stops what is not wanted any more, and begins what there is room for.
    async fn look(&mut self) -> Result<(), JournalFailure> {
        if !self.running.is_empty() {
            for job in self.on_disk(Queue::unwanted).await? {
                self.running.values().filter(|running| running.job == job).for_each(RunningJob::interrupt);
            }
        }
        while self.running.len() < self.parallel.get() {
            let carried = self.carried();
            let Some(record) = self.on_disk(move |queue| queue.take(&carried)).await? else { break };
            self.begin(record);
        }
        Ok(())
    }

    /// Those that are carried, and with `false` those that were.
    fn carried(&self) -> Vec<(CarriedJob, bool)> {
        let now = self.running.values().map(|running| (running.carried.clone(), true));
        now.chain(self.recent.iter().map(|recent| (recent.clone(), false))).collect()
    }

    fn begin(&mut self, record: JobRecord) {
        let (id, entry) = (record.id, record.queued.clone().unwrap_or_default());
        self.turn += 1;
        let carried = CarriedJob { owner: entry.owner, pair: entry.pair, turn: self.turn };
        let (stop, cancel) = Cancel::new();
        tracing::info!(job = %id, owner = carried.owner, tries = entry.tries, "a job begins");
        let general = self.general.clone();
        let scheduler = Handle::current();
        // On a thread of its own: what a job waits for may be the disk.
        let run = self.runs.spawn_blocking(move || scheduler.block_on(carry(general, record, cancel)));
        self.running.insert(run.id(), RunningJob { job: id, stop, carried });
    }

    /// Notes the end of a run.
    async fn ended(&mut self, ended: Result<(Id, RunResult), JoinError>) -> Result<(), JournalFailure> {
        let (task, result) = match ended {
            Ok((task, result)) => (task, Some(result)),
            Err(panicked) => (panicked.id(), None),
        };
        let Some(RunningJob { job, carried, .. }) = self.running.remove(&task) else { return Ok(()) };
        self.recent.retain(|recent| (&recent.owner, &recent.pair) != (&carried.owner, &carried.pair));
        if self.recent.len() >= MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(carried);
        let entry = self
            .on_disk(move |queue| {
                queue.change(job, |entry, now| {
                    match result {
                        Some(RunResult { exit, cause, was_cancel: true }) => {
                            entry.end_cancel(exit, cause, now)
                        }
                        Some(RunResult { exit, cause, was_cancel: false }) => entry.end(exit, cause, now),
                        None => entry.lose_worker(now),
                    }
                    Ok(())
                })
            })
            .await?;
        if let Ok(entry) = entry {
            let state = entry.state(since_1970().as_secs()).name();
            tracing::info!(%job, state, exit = entry.exit, cause = entry.cause, "a job has ended");
        }
        Ok(())
    }

    /// Does something with the queue on a thread that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Queue) -> Result<T, JournalFailure> + Send + 'static,
    ) -> Result<T, JournalFailure> {
        let queue = self.queue.clone();
        spawn_blocking(move || work(&queue)).await.unwrap_or(Err(JournalFailure::Nowhere))
    }
}

impl RunningJob {
    /// Has it stop in order.
    fn interrupt(&self) {
        let _ = self.stop.send(true);
    }
}

/// How often the queue is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The largest number of jobs that are remembered after they were carried, for the shares of their owners.
const MOST_RECENT: usize = 256;
