//! The thread that owns the connection of a job that runs. What comes while it writes goes to the disk together.

use super::jobs::StartedJob;
use super::record::JobStart;
use super::store::{JournalFailure, Store};
use super::table::StoreError;
use crate::id::JobId;
use ftp_io::clock::Clock;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is asked of the thread.
pub(super) struct Request {
    pub(super) work: Box<dyn Work>,
    /// Whether somebody waits for the reply.
    pub(super) is_awaited: bool,
    /// Whether the job ends with it. Then the reply comes after the job has given back its lock.
    pub(super) ends_job: bool,
}

/// What is done in the transaction that a batch of requests shares.
pub(super) trait Work: Send {
    /// Carries it out in that transaction.
    fn perform(&mut self, store: &Store, job: JobId) -> Result<(), StoreError>;
    /// Tells the asker that it is on the disk; the asker may be gone.
    fn reply(self: Box<Self>);
}

/// Begins the job, then does what is asked until nobody can ask any more. `told` gets why it could not begin, or
/// what has ended the journal; then nothing is answered.
pub(super) fn run(
    store: Result<Store, JournalFailure>,
    start: &JobStart,
    requests: &Receiver<Request>,
    started: oneshot::Sender<Option<String>>,
    told: impl FnOnce(JournalFailure),
) {
    let mut first = Vec::new();
    let begun = store.and_then(|store| {
        // What was asked while the database was opened shares the first write.
        first.extend(requests.try_iter().take(MOST));
        let work = |store: &Store| perform_all(store, start.id, &mut first);
        let started = store.start_with(start, work)?;
        Ok((store, started))
    });
    match begun {
        Ok((store, StartedJob { lock, decided })) => {
            let _ = started.send(decided);
            let mut at_the_end = answer_all(first);
            if at_the_end.is_empty() {
                at_the_end = serve(&store, start.id, requests, told);
            }
            // The connection is closed before another process may take the job. The process may end as soon as it
            // knows that the job is finished, so the lock is gone before that.
            drop(store);
            drop(lock);
            at_the_end.into_iter().for_each(|request| request.work.reply());
        }
        Err(failure) => told(failure),
    }
}

/// Does what is asked until nobody can ask any more, or the job has ended. Returns the requests of those who want to know that
/// it has.
fn serve(
    store: &Store,
    job: JobId,
    requests: &Receiver<Request>,
    told: impl FnOnce(JournalFailure),
) -> Vec<Request> {
    while let Ok(first) = requests.recv() {
        let mut batch = gather(first, requests);
        match store.durably(|store| perform_all(store, job, &mut batch)) {
            // Answers are sent after the commit.
            Ok(()) => {
                let at_the_end = answer_all(batch);
                if !at_the_end.is_empty() {
                    return at_the_end;
                }
            }
            // Whoever waits learns that there is no answer when the batch ends, and finds the reason then.
            Err(failure) => {
                told(failure);
                return Vec::new();
            }
        }
    }
    Vec::new()
}

/// Collects one batch of requests: all that are queued and, while nobody waits, those that come within GATHER. A note does
/// not wake this thread, since that costs more than to write it. A question wakes it.
fn gather(first: Request, requests: &Receiver<Request>) -> Vec<Request> {
    let clock = Clock::start();
    let until = clock.now() + GATHER;
    let mut is_awaited = first.is_awaited;
    let mut batch = vec![first];
    while batch.len() < MOST {
        match requests.try_recv() {
            Ok(request) => {
                is_awaited |= request.is_awaited;
                batch.push(request);
            }
            Err(TryRecvError::Empty) if !is_awaited => match until.since(clock.now()) {
                Duration::ZERO => break,
                left => thread::park_timeout(left.min(NAP)),
            },
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    batch
}

/// Does all that is asked, in its order.
fn perform_all(store: &Store, job: JobId, batch: &mut [Request]) -> Result<(), StoreError> {
    batch.iter_mut().try_for_each(|request| request.work.perform(store, job))
}

/// Tells those who asked that it is on the disk. Returns the requests that wait for the end of the job.
fn answer_all(batch: Vec<Request>) -> Vec<Request> {
    let (at_the_end, now): (Vec<_>, Vec<_>) = batch.into_iter().partition(|request| request.ends_job);
    now.into_iter().for_each(|request| request.work.reply());
    at_the_end
}

/// How long a note that nobody waits for may wait for others to share its commit.
const GATHER: Duration = Duration::from_millis(50);
/// How long the queue fills meanwhile before it is emptied.
const NAP: Duration = Duration::from_millis(10);
/// The largest number of questions that share a transaction.
const MOST: usize = 512;
