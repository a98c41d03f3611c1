//! The thread that owns the connection of a job that runs. What comes while it writes goes to the disk together.

use super::failure::JournalFailure;
use super::lock::JobLock;
use super::record::{Begun, End, Ended, ItemKey, PartId, Place, Seen, Start};
use super::store::{Claim, Store};
use super::tables::Bad;
use crate::id::JobId;
use ftp_io::clock::Clock;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What is asked of the thread. Whoever waits for the answer knows that it is on the disk.
#[derive(Debug)]
pub(super) enum Ask {
    /// Claims files for the job.
    Begin(Vec<(Place, PartId)>, oneshot::Sender<Vec<Answer>>),
    /// Adds a name for a part.
    Part(ItemKey, PartId, oneshot::Sender<()>),
    /// Notes what the source was.
    Seen(ItemKey, Seen),
    /// Notes how a file has ended.
    Ended(ItemKey, Ended),
    /// Notes what holds for all runs of the job.
    Decided(String, oneshot::Sender<()>),
    /// Notes how the job has ended.
    Finish(End, oneshot::Sender<()>),
}

/// What became of a file that was to be claimed.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is claimed.
    Ours(Begun),
    /// Another job has it.
    Theirs(JobId),
}

impl Ask {
    /// Whether somebody waits for it.
    const fn is_awaited(&self) -> bool {
        match self {
            Self::Begin(..) | Self::Part(..) | Self::Decided(..) | Self::Finish(..) => true,
            Self::Seen(..) | Self::Ended(..) => false,
        }
    }
}

/// Begins the job, then does what is asked until nobody can ask any more. `told` gets why it could not begin, or
/// what has ended the journal; then nothing is answered.
pub(super) fn run(
    directory: &Path,
    start: &Start,
    asks: &Receiver<Ask>,
    started: oneshot::Sender<Option<String>>,
    told: impl FnOnce(JournalFailure),
) {
    let begun = Store::open(directory).and_then(|store| store.start(start).map(|lock| (store, lock)));
    match begun {
        Ok((store, (lock, decided))) => {
            let _ = started.send(decided);
            if let Err(failure) = serve(&store, start.id, asks) {
                told(failure);
            }
            // The connection is closed before another process may take the job.
            drop(store);
            drop::<JobLock>(lock);
        }
        Err(failure) => told(failure),
    }
}

fn serve(store: &Store, job: JobId, asks: &Receiver<Ask>) -> Result<(), JournalFailure> {
    while let Ok(first) = asks.recv() {
        let batch = gather(first, asks);
        // Answers are sent after the commit.
        let answers = store.durably(|store| {
            let answered = batch.into_iter().map(|ask| perform(store, job, ask));
            answered.collect::<Result<Vec<Box<dyn FnOnce()>>, Bad>>()
        })?;
        for answer in answers {
            answer();
        }
    }
    Ok(())
}

/// More of what was asked: all that is there, and what comes soon if nobody waits yet.
fn gather(first: Ask, asks: &Receiver<Ask>) -> Vec<Ask> {
    let clock = Clock::start();
    let until = clock.now() + GATHER;
    let mut is_awaited = first.is_awaited();
    let mut batch = vec![first];
    while batch.len() < MOST {
        let left = if is_awaited { Duration::ZERO } else { until.since(clock.now()) };
        match asks.recv_timeout(left) {
            Ok(ask) => {
                is_awaited |= ask.is_awaited();
                batch.push(ask);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    batch
}

/// Does what is asked. Returns how to answer.
fn perform(store: &Store, job: JobId, ask: Ask) -> Result<Box<dyn FnOnce()>, Bad> {
    // Whoever asked may be gone.
    Ok(match ask {
        Ask::Begin(places, reply) => {
            let claims = places.iter().map(|(place, part)| store.begin(job, place, *part));
            let answers = claims.map(|claim| {
                Ok(match claim? {
                    Claim::Ours(begun) => Answer::Ours(begun),
                    Claim::Theirs(job) => Answer::Theirs(job),
                })
            });
            let answers = answers.collect::<Result<Vec<Answer>, Bad>>()?;
            Box::new(move || drop(reply.send(answers)))
        }
        Ask::Part(key, part, reply) => {
            store.again(key, part)?;
            Box::new(move || {
                let _ = reply.send(());
            })
        }
        Ask::Seen(key, seen) => {
            store.seen(key, seen)?;
            Box::new(|| ())
        }
        Ask::Ended(key, ended) => {
            store.ended(key, ended)?;
            Box::new(|| ())
        }
        Ask::Decided(decided, reply) => {
            store.decided(job, decided)?;
            Box::new(move || {
                let _ = reply.send(());
            })
        }
        Ask::Finish(end, reply) => {
            store.finish(job, end)?;
            Box::new(move || {
                let _ = reply.send(());
            })
        }
    })
}

/// How long what nobody waits for may wait for more.
const GATHER: Duration = Duration::from_millis(50);
/// The largest number of questions that share a transaction.
const MOST: usize = 512;
