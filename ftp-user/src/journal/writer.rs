//! The thread that owns the connection of a job that runs. What comes while it writes goes to the disk together.

use super::below::{FilesBelow, files_below};
use super::checksum::Bad;
use super::claiming::Claim;
use super::failure::JournalFailure;
use super::lock::JobLock;
use super::others::{ClaimsBelow, ClaimsPage};
use super::record::{
    Begun, Detached, End, Ended, Failures, ItemKey, ItemRecord, ItemState, NewItem, PartId, Place, Seen,
    Start,
};
use super::runs::keep_run;
use super::store::Store;
use super::withheld::{add_withheld, take_withheld};
use crate::account::RunAccount;
use crate::id::JobId;
use ftp_io::clock::Clock;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is asked of the thread. Whoever waits for the answer knows that it is on the disk.
#[derive(Debug)]
pub(super) enum Ask {
    /// Claims files for the job.
    Begin(Vec<NewItem>, oneshot::Sender<Vec<Answer>>),
    /// Adds a name for a part.
    Part(ItemKey, PartId, oneshot::Sender<()>),
    /// Something of a file may be stored under its final name.
    InPlace(ItemKey, PartId, oneshot::Sender<()>),
    /// Notes a transfer that may go on without this program, or that there is none any more.
    Detached(ItemKey, Option<Detached>, oneshot::Sender<()>),
    /// Notes what the source was.
    Seen(ItemKey, Seen, oneshot::Sender<()>),
    /// Notes by which path the bytes of a file move to a name that nothing equal has, or that they do not.
    Moves(ItemKey, Option<String>, oneshot::Sender<()>),
    /// Notes that so many attempts have ended, and why the last of them has failed.
    Attempted(ItemKey, u32, Option<String>),
    /// Notes how a file has ended.
    Ended(ItemKey, Ended),
    /// Notes what holds for all runs of the job. The answer is a job that may have made the directory that receives it.
    Decided(String, oneshot::Sender<Option<JobId>>),
    /// Which files were begun and have not ended.
    Open(oneshot::Sender<Vec<ItemRecord>>),
    /// How the files stand whose sources begin like this.
    Below(String, oneshot::Sender<FilesBelow>),
    /// What other jobs have claimed below a directory.
    Others(ClaimsBelow, oneshot::Sender<ClaimsPage>),
    /// Which other moves run.
    OtherMoves(oneshot::Sender<Vec<JobId>>),
    /// Which other move has claimed each of these places.
    ClaimedByMoves(Vec<Place>, oneshot::Sender<Vec<Option<JobId>>>),
    /// These names are kept because nobody has agreed to delete them.
    Withhold(Vec<Vec<u8>>),
    /// Which names the last run has kept so. They are forgotten.
    TakeWithheld(oneshot::Sender<Vec<Vec<u8>>>),
    /// Keeps what the run has tried.
    KeepRun(Box<RunAccount>),
    /// Notes how the job has ended, and what has failed in this run.
    Finish(End, Option<Failures>, oneshot::Sender<()>),
}

/// What was done.
#[derive(Debug)]
enum Performed {
    /// It was noted.
    Noted,
    /// Files that were to be claimed, in their order.
    Claimed(Vec<Answer>),
    /// Files that were begun and have not ended.
    Open(Vec<ItemRecord>),
    /// How the files below a source stand.
    Below(FilesBelow),
    /// What other jobs have claimed.
    Others(ClaimsPage),
    /// Other moves that run.
    OtherMoves(Vec<JobId>),
    /// The move that has claimed each place.
    ClaimedByMoves(Vec<Option<JobId>>),
    /// What the job has decided, and which other job may have made its destination.
    Decided(Option<JobId>),
    /// The names that the last run has kept because nobody had agreed.
    Withheld(Vec<Vec<u8>>),
}

/// What became of a file that was to be claimed.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is claimed.
    Ours(Begun),
    /// Another job has it.
    Theirs(JobId),
    /// A transfer of another job moves there without this program.
    Moves(JobId),
}

impl Ask {
    /// Whether somebody waits for it.
    pub(super) const fn is_awaited(&self) -> bool {
        match self {
            Self::Begin(..)
            | Self::Part(..)
            | Self::InPlace(..)
            | Self::Detached(..)
            | Self::Seen(..)
            | Self::Moves(..)
            | Self::Decided(..)
            | Self::Open(..)
            | Self::Below(..)
            | Self::Others(..)
            | Self::OtherMoves(..)
            | Self::ClaimedByMoves(..)
            | Self::TakeWithheld(..)
            | Self::Finish(..) => true,
            Self::Attempted(..) | Self::Ended(..) | Self::Withhold(..) | Self::KeepRun(..) => false,
        }
    }
}

/// Begins the job, then does what is asked until nobody can ask any more. `told` gets why it could not begin, or
/// what has ended the journal; then nothing is answered.
pub(super) fn run(
    store: Result<Store, JournalFailure>,
    start: &Start,
    asks: &Receiver<Ask>,
    started: oneshot::Sender<Option<String>>,
    told: impl FnOnce(JournalFailure),
) {
    let begun = store.and_then(|store| {
        // What was asked while the database was opened shares the first write.
        let first: Vec<Ask> = asks.try_iter().take(MOST).collect();
        let (lock, decided, done) = store.start_with(start, |store| perform_all(store, start.id, &first))?;
        Ok((store, lock, decided, (first, done)))
    });
    match begun {
        Ok((store, lock, decided, (first, done))) => {
            let _ = started.send(decided);
            let mut finished = answer_all(first, done);
            if finished.is_empty() {
                finished = serve(&store, start.id, asks, told);
            }
            // The connection is closed before another process may take the job. The process may end as soon as it
            // knows that the job is finished, so the lock is gone before that.
            drop(store);
            drop::<JobLock>(lock);
            for reply in finished {
                let _ = reply.send(());
            }
        }
        Err(failure) => told(failure),
    }
}

/// Does what is asked until nobody can ask any more, or the job has ended. Returns who wants to know that it has.
fn serve(
    store: &Store,
    job: JobId,
    asks: &Receiver<Ask>,
    told: impl FnOnce(JournalFailure),
) -> Vec<oneshot::Sender<()>> {
    while let Ok(first) = asks.recv() {
        let batch = gather(first, asks);
        match store.durably(|store| perform_all(store, job, &batch)) {
            // Answers are sent after the commit.
            Ok(done) => {
                let finished = answer_all(batch, done);
                if !finished.is_empty() {
                    return finished;
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
fn gather(first: Ask, asks: &Receiver<Ask>) -> Vec<Ask> {
    let clock = Clock::start();
    let until = clock.now() + GATHER;
    let mut is_awaited = first.is_awaited();
    let mut batch = vec![first];
    while batch.len() < MOST {
        match asks.try_recv() {
            Ok(ask) => {
                is_awaited |= ask.is_awaited();
                batch.push(ask);
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
fn perform_all(store: &Store, job: JobId, asks: &[Ask]) -> Result<Vec<Performed>, Bad> {
    asks.iter().map(|ask| perform(store, job, ask)).collect()
}

/// Tells those who asked that it is on the disk. Returns who wants to know that the job has ended.
fn answer_all(asks: Vec<Ask>, done: Vec<Performed>) -> Vec<oneshot::Sender<()>> {
    asks.into_iter().zip(done).filter_map(|(ask, done)| answer(ask, done)).collect()
}

/// Does what is asked.
fn perform(store: &Store, job: JobId, ask: &Ask) -> Result<Performed, Bad> {
    match ask {
        Ask::Begin(files, _) => {
            let claims = files.iter().map(|file| store.begin(job, file));
            let answers = claims.map(|claim| {
                Ok(match claim? {
                    Claim::Ours(begun) => Answer::Ours(begun),
                    Claim::Theirs(job) => Answer::Theirs(job),
                    Claim::Moves(job) => Answer::Moves(job),
                })
            });
            return answers.collect::<Result<_, Bad>>().map(Performed::Claimed);
        }
        Ask::Open(_) => return store.files(job, ItemState::Open).map(Performed::Open),
        Ask::Below(prefix, _) => return files_below(&store.sql, job, prefix).map(Performed::Below),
        Ask::Others(asked, _) => return store.claims_below(Some(job), asked).map(Performed::Others),
        Ask::OtherMoves(_) => return store.other_moves(job).map(Performed::OtherMoves),
        Ask::ClaimedByMoves(places, _) => {
            return store.claimed_by_moves(job, places).map(Performed::ClaimedByMoves);
        }
        Ask::Part(key, part, _) => store.again(*key, *part)?,
        Ask::InPlace(key, part, _) => store.in_place(*key, *part)?,
        Ask::Detached(key, detached, _) => store.detached(*key, detached.as_ref())?,
        Ask::Seen(key, seen, _) => store.seen(*key, seen.clone())?,
        Ask::Moves(key, path, _) => store.moves(*key, path.clone())?,
        Ask::Attempted(key, attempts, why) => store.attempted(*key, *attempts, why.as_deref())?,
        Ask::Ended(key, ended) => store.ended(*key, ended.clone())?,
        Ask::Decided(decided, _) => {
            return store.decided(job, decided.clone()).map(Performed::Decided);
        }
        Ask::Withhold(paths) => add_withheld(&store.sql, job, paths)?,
        Ask::TakeWithheld(_) => return take_withheld(&store.sql, job).map(Performed::Withheld),
        Ask::KeepRun(run) => keep_run(&store.sql, run)?,
        Ask::Finish(end, failures, _) => store.finish(job, *end, failures.as_ref())?,
    }
    Ok(Performed::Noted)
}

/// Tells the one who asked that it is on the disk; he may be gone. The end of the job is told later, by the caller.
fn answer(ask: Ask, done: Performed) -> Option<oneshot::Sender<()>> {
    match (ask, done) {
        (Ask::Begin(_, reply), Performed::Claimed(answers)) => drop(reply.send(answers)),
        (Ask::Open(reply), Performed::Open(items)) => drop(reply.send(items)),
        (Ask::Below(_, reply), Performed::Below(found)) => drop(reply.send(found)),
        (Ask::Others(_, reply), Performed::Others(page)) => drop(reply.send(page)),
        (Ask::OtherMoves(reply), Performed::OtherMoves(moves)) => drop(reply.send(moves)),
        (Ask::ClaimedByMoves(_, reply), Performed::ClaimedByMoves(moves)) => drop(reply.send(moves)),
        (Ask::Decided(_, reply), Performed::Decided(maker)) => drop(reply.send(maker)),
        (Ask::TakeWithheld(reply), Performed::Withheld(paths)) => drop(reply.send(paths)),
        (
            Ask::Part(_, _, reply)
            | Ask::InPlace(_, _, reply)
            | Ask::Detached(_, _, reply)
            | Ask::Seen(_, _, reply)
            | Ask::Moves(_, _, reply),
            _,
        ) => drop(reply.send(())),
        // Whoever asked for something else has no answer.
        (
            Ask::Begin(..)
            | Ask::Open(..)
            | Ask::Below(..)
            | Ask::Others(..)
            | Ask::OtherMoves(..)
            | Ask::ClaimedByMoves(..)
            | Ask::Decided(..)
            | Ask::Attempted(..)
            | Ask::Withhold(..)
            | Ask::TakeWithheld(..)
            | Ask::KeepRun(..)
            | Ask::Ended(..),
            _,
        ) => {}
        (Ask::Finish(_, _, reply), _) => return Some(reply),
    }
    None
}

/// How long a note that nobody waits for may wait for others to share its commit.
const GATHER: Duration = Duration::from_millis(50);
/// How long the queue fills meanwhile before it is emptied.
const NAP: Duration = Duration::from_millis(10);
/// The largest number of questions that share a transaction.
const MOST: usize = 512;
