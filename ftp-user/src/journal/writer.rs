//! What owns the connection of a job that runs: a thread. What comes while it writes goes to the disk together.

use super::failure::JournalFailure;
use super::jobs::StartedJob;
use super::record::JobStart;
use super::sql::StoreError;
use super::store::{JobLock, Store};
use crate::id::JobId;
use crate::queue::Lease;
use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::simulated;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, Thread};
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

/// Who writes what is asked.
#[derive(Debug)]
pub(super) enum Writer {
    /// A thread of its own.
    Thread(Thread),
    /// On a host of a simulation, whoever asks.
    Asker(Box<Mutex<Option<JobWriter>>>),
}

impl Writer {
    /// Has the job begun by `begin` and written down.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub(super) fn start(begin: impl FnOnce() -> Option<JobWriter> + Send + 'static) -> io::Result<Self> {
        if simulated::host().is_some() {
            return Ok(Self::Asker(Box::new(Mutex::new(begin()))));
        }
        let work = move || {
            let mut writer = begin();
            while let Some(writes) = writer {
                writer = writes.requests.recv().ok().and_then(|first| writes.write(first));
            }
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(work)?;
        Ok(Self::Thread(thread.thread().clone()))
    }

    /// Something was asked.
    pub(super) fn wake(&self, is_awaited: bool) {
        match self {
            Self::Thread(thread) if is_awaited => thread.unpark(),
            Self::Thread(_) => {}
            Self::Asker(writer) => {
                let mut writer = writer.locked();
                while let Some(writes) = writer.take() {
                    match writes.requests.try_recv() {
                        Ok(first) => *writer = writes.write(first),
                        Err(_) => {
                            *writer = Some(writes);
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// What writes a job that has begun.
pub(super) struct JobWriter {
    store: Store,
    /// The lock of the job, if this run has it.
    lock: Option<JobLock>,
    job: JobId,
    /// The right of the worker that carries it; `None` if none does.
    lease: Option<Lease>,
    requests: Receiver<Request>,
    /// Gets what has ended the journal; then nothing is answered.
    end: Arc<OnceLock<JournalFailure>>,
}

impl Debug for JobWriter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobWriter").field("job", &self.job).finish_non_exhaustive()
    }
}

impl JobWriter {
    /// Begins the job. `end` gets why it could not begin. `None`: nothing more is to be written.
    pub(super) fn begin(
        store: Result<Store, JournalFailure>,
        start: &JobStart,
        requests: Receiver<Request>,
        started: oneshot::Sender<Option<String>>,
        end: Arc<OnceLock<JournalFailure>>,
    ) -> Option<Self> {
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
                Self { store, lock, job: start.id, lease: start.lease, requests, end }.answer(first)
            }
            Err(failure) => {
                drop(end.set(failure));
                None
            }
        }
    }

    /// Writes what is asked, and what comes with it. `None` if the job has ended, or the journal has.
    fn write(self, first: Request) -> Option<Self> {
        let mut batch = gather(first, &self.requests);
        let work = |store: &Store| {
            store.check_lease(self.lease)?;
            self.lock.as_ref().map_or(Ok(()), JobLock::check)?;
            perform_all(store, self.job, &mut batch)
        };
        match self.store.durably(work) {
            // Answers are sent after the commit.
            Ok(()) => self.answer(batch),
            // Whoever waits learns that there is no answer when the batch ends, and finds the reason then.
            Err(failure) => {
                drop(self.end.set(failure));
                None
            }
        }
    }

    /// Tells those who asked that it is on the disk. `None` if the job ends with it.
    fn answer(self, batch: Vec<Request>) -> Option<Self> {
        let (at_the_end, now): (Vec<_>, Vec<_>) = batch.into_iter().partition(|request| request.ends_job);
        now.into_iter().for_each(|request| request.work.reply());
        if at_the_end.is_empty() {
            return Some(self);
        }
        // The connection is closed before another process may take the job. The process may end as soon as it
        // knows that the job is finished, so the lock is gone before that.
        drop(self.store);
        drop(self.lock);
        at_the_end.into_iter().for_each(|request| request.work.reply());
        None
    }
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
            Err(TryRecvError::Empty) if !is_awaited && simulated::host().is_none() => {
                match until.since(clock.now()) {
                    Duration::ZERO => break,
                    left => thread::park_timeout(left.min(NAP)),
                }
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    batch
}

/// Does all that is asked, in its order.
fn perform_all(store: &Store, job: JobId, batch: &mut [Request]) -> Result<(), StoreError> {
    batch.iter_mut().try_for_each(|request| request.work.perform(store, job))
}

/// How long a note that nobody waits for may wait for others to share its commit.
const GATHER: Duration = Duration::from_millis(50);
/// How long the queue fills meanwhile before it is emptied.
const NAP: Duration = Duration::from_millis(10);
/// The largest number of questions that share a transaction.
const MOST: usize = 2048;
