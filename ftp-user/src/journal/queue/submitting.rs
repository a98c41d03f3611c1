//! Jobs are submitted. Those that come while the store is busy share the next transaction: a database of another host does as much for
//! eight of them as for one.

use super::super::job_row::{JobRow, beginning_after};
use super::super::sql::{GONE, Result, Sql, Value};
use super::super::store::Store;
use super::super::table::QUEUE;
use super::{JournalFailure, Queue, find, put_at, read};
use crate::id::JobId;
use crate::journal::StoredJob;
use crate::queue::{Entry, MOST_OF_OWNER, NamedRequest};
use ftp_io::clock::since_1970;
use ftp_io::lock::Lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{RecvError, SyncSender, sync_channel};
use std::{iter, slice};

/// What became of a job that was submitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Submitted {
    /// It is in the queue.
    New(JobId),
    /// A job of this name and work is there already.
    Known(JobId),
}

/// A job that is not in the store yet.
#[derive(Debug)]
pub(super) struct NewJob {
    pub(super) id: JobId,
    pub(super) job: StoredJob,
    pub(super) entry: Entry,
}

/// What its submitter is told.
pub(super) type Reply = Result<Submitted, JournalFailure>;

/// The jobs that wait for the store. One submitter writes them all and tells the others the result.
#[derive(Debug, Default)]
pub(super) struct Submissions(Mutex<WaitingJobs>);

#[derive(Debug, Default)]
struct WaitingJobs {
    jobs: Vec<(NewJob, SyncSender<SubmitterMessage>)>,
    /// Whether one of the submitters writes now, or was told to.
    has_writer: bool,
}

/// What one submitter sends to another one.
enum SubmitterMessage {
    /// What became of its job.
    Submitted(Reply),
    /// The receiver has to write all jobs that wait. Its own is one of them.
    Write,
}

/// The right to write the jobs that wait. When it is dropped, the submitter of the first job that waits gets it.
struct WriterTurn<'s>(&'s Submissions);

/// What a transaction has to know to add jobs to the queue.
#[derive(Debug)]
struct QueueFacts {
    /// How many jobs of each owner wait.
    waiting: HashMap<String, u64>,
    /// When the last job of all has begun.
    last: Option<u64>,
}

impl Queue {
    /// Puts a job into the queue.
    ///
    /// # Errors
    ///
    /// Its owner has too many, or another work has its name, or the journal cannot be written.
    pub fn submit(&self, id: JobId, job: StoredJob, entry: &Entry) -> Result<Submitted, JournalFailure> {
        // There are at most two messages, so that a sender never waits.
        let (sender, messages) = sync_channel(2);
        let is_first = self.submissions.add(NewJob { id, job, entry: entry.clone() }, sender);
        let mut message = if is_first { Ok(SubmitterMessage::Write) } else { messages.recv() };
        if matches!(message, Ok(SubmitterMessage::Write)) {
            self.write_waiting(WriterTurn(&self.submissions));
            message = messages.recv();
        }
        let submitted = match message {
            Ok(SubmitterMessage::Submitted(submitted)) => submitted?,
            Ok(SubmitterMessage::Write) | Err(RecvError) => {
                return self.with(|store| Err(store.unusable("the thread that wrote the job has panicked")));
            }
        };
        if matches!(submitted, Submitted::Known(_)) {
            self.settle()?;
        }
        Ok(submitted)
    }

    /// Submits the jobs that wait.
    fn write_waiting(&self, turn: WriterTurn<'_>) {
        let store = self.store.locked();
        let (jobs, senders): (Vec<_>, Vec<_>) = turn.0.take().into_iter().unzip();
        for (sender, submitted) in senders.into_iter().zip(submit_all(&store, &jobs)) {
            let _ = sender.send(SubmitterMessage::Submitted(submitted));
        }
    }
}

impl Submissions {
    /// Has a job wait. Returns whether its submitter writes.
    fn add(&self, job: NewJob, sender: SyncSender<SubmitterMessage>) -> bool {
        let mut waiting = self.0.locked();
        waiting.jobs.push((job, sender));
        !std::mem::replace(&mut waiting.has_writer, true)
    }

    /// Takes the jobs of one transaction.
    fn take(&self) -> Vec<(NewJob, SyncSender<SubmitterMessage>)> {
        let jobs = &mut self.0.locked().jobs;
        jobs.drain(..jobs.len().min(MOST_TOGETHER)).collect()
    }
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.0.locked();
        let next = waiting.jobs.first().map(|(_, sender)| sender.clone());
        waiting.has_writer = next.is_some_and(|sender| sender.send(SubmitterMessage::Write).is_ok());
    }
}

#[cfg(test)]
impl Submissions {
    /// How many of them wait.
    pub(super) fn number(&self) -> usize {
        self.0.locked().jobs.len()
    }
}

impl QueueFacts {
    /// Asks for them once for all owners.
    fn of(sql: &Sql, jobs: &[NewJob]) -> Result<Self> {
        let mut facts = Self { waiting: HashMap::new(), last: None };
        let mut owners: Vec<&str> = jobs.iter().map(|new| new.entry.submission.owner.as_str()).collect();
        owners.sort_unstable();
        owners.dedup();
        let values: Vec<[Value<'_>; 1]> = owners.iter().map(|owner| [(*owner).into()]).collect();
        let values: Vec<&[Value<'_>]> = values.iter().map(<[Value<'_>; 1]>::as_slice).collect();
        let ask = "SELECT (SELECT count(*) FROM queue WHERE coalesce(exit, -1) < 0 AND owner = ?1), (SELECT max(begun) FROM jobs)";
        sql.query_each(ask, &values, &mut |number, row| {
            let owner = *owners.get(number).ok_or(GONE)?;
            facts.waiting.insert(owner.to_owned(), row.get(0)?);
            facts.last = row.get(1)?;
            Ok(())
        })?;
        Ok(facts)
    }
}

/// Submits jobs in one transaction. Returns what became of each.
pub(super) fn submit_all(store: &Store, jobs: &[NewJob]) -> Vec<Reply> {
    store.sql.ask_ahead(|sql| QueueFacts::of(sql, jobs));
    let mut has_lock = false;
    let submitted = store.durably(|store| {
        has_lock = true;
        let mut facts = QueueFacts::of(&store.sql, jobs)?;
        jobs.iter().map(|new| submit(store, new, &mut facts)).collect()
    });
    match submitted {
        Ok(submitted) => submitted,
        // One of the jobs may be to blame if the transaction got its lock and the store can still be reached.
        Err(failure) if has_lock && store.sql.now().is_ok() => {
            jobs.iter().map(|new| submit_again(store, new, jobs.len() > 1, &failure)).collect()
        }
        Err(failure) => iter::repeat_n(Err(failure), jobs.len()).collect(),
    }
}

/// Submits a job of a transaction that has failed: it is there if only the answer to the commit was lost, and may have begun since.
/// Otherwise it is submitted alone, if it was not.
pub(super) fn submit_again(
    store: &Store,
    new: &NewJob,
    was_with_others: bool,
    failure: &JournalFailure,
) -> Reply {
    if store.durably(|store| JobRow::find(&store.sql, new.id))?.is_some() {
        store.sql.settle().map_err(|bad| store.failure(bad))?;
        return Ok(Submitted::New(new.id));
    }
    let alone = was_with_others.then(|| submit_all(store, slice::from_ref(new)).pop()).flatten();
    alone.unwrap_or_else(|| Err(failure.clone()))
}

fn submit(store: &Store, new: &NewJob, facts: &mut QueueFacts) -> Result<Reply> {
    let NewJob { id, job, entry } = new;
    let owner = &entry.submission.owner;
    if let Some(NamedRequest { name, .. }) = &entry.request {
        let values = [owner.into(), name.into()];
        // A damaged one may be of this request: it is refused, and carried twice by nobody.
        let known = QUEUE.find(&store.sql, "owner = ?1 AND request = ?2", &values, read)?;
        if let Some((known, other)) = known.into_iter().next() {
            return Ok(match other.request == entry.request {
                true => Ok(Submitted::Known(known)),
                false => Err(JournalFailure::Named { job: known, name: name.clone() }),
            });
        }
    }
    let other = job.name.as_deref().map(|name| JobRow::named(&store.sql, name)).transpose()?.flatten();
    if let (Some(other), Some(name)) = (other, &job.name) {
        let is_known = other.job.has_work_of(job) && find(&store.sql, other.id)?.is_some();
        return Ok(match is_known {
            true => Ok(Submitted::Known(other.id)),
            false => Err(JournalFailure::Named { job: other.id, name: name.clone() }),
        });
    }
    let now = store.sql.now()?;
    // The clock of whoever submits it may be wrong.
    let due = if entry.due <= entry.created { now } else { entry.due };
    let entry = Entry { created: now, due, ..entry.clone() };
    let waiting = facts.waiting.entry(owner.clone()).or_default();
    if *waiting >= MOST_OF_OWNER {
        return Ok(Err(store.full(MOST_OF_OWNER)));
    }
    *waiting += 1;
    let begun = beginning_after(facts.last, since_1970());
    facts.last = Some(begun);
    put_at(store, begun, *id, job.clone(), &entry)?;
    Ok(Ok(Submitted::New(*id)))
}

/// The largest number of jobs that share a transaction.
const MOST_TOGETHER: usize = 64;
