//! Jobs of the queue in the journal: each is submitted, changed, and ends. The oldest of those that have ended are forgotten.

mod submitting;
#[cfg(test)]
mod tests;

pub use submitting::Submitted;

use super::failure::JournalFailure;
use super::job_row::{FileCounts, JobRow, count, next_beginning, one_row_per_job};
use super::record::{JobRecord, JobState, StoredJob};
use super::retention::oldest;
use super::sql::{Result, Row, Sql, StoreError, Value};
use super::store::{DaemonRefusal, JobLock, Store};
use super::table::{DamagedRow, QUEUE, check_files, forget_all, read_json, transaction_number, written_json};
use crate::id::JobId;
use crate::queue::{
    self, Entry, EntryRefusal, FileTotals, Head, JobChange, NamedRequest, Priority, Submission, Wish,
};
use ftp_io::blocking;
use ftp_io::clock::since_1970;
use ftp_io::lock::Lock;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use submitting::Submissions;
use tokio::sync::Notify;

/// The queue of a store. Clones share it. A change is on the disk when the call returns. Calls wait for the disk.
#[derive(Clone, Debug)]
pub struct Queue {
    store: Arc<Mutex<Store>>,
    submissions: Arc<Submissions>,
}

/// The right to carry jobs of a queue. Where only this host has the queue, one process has it at a time; elsewhere one of each name.
#[derive(Debug)]
pub struct DaemonLock {
    _locks: Vec<JobLock>,
}

/// A job of the queue, and what the queue knows of it.
type QueueRow = (JobId, Entry);

impl Queue {
    /// The queue that this store has.
    pub(super) fn of(store: Store) -> Self {
        Self { store: Arc::new(Mutex::new(store)), submissions: Arc::default() }
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, JournalFailure>,
    ) -> Result<T, JournalFailure> {
        work(&self.store.locked())
    }

    /// Reads the store.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Store) -> Result<T>) -> Result<T, JournalFailure> {
        self.with(|store| work(store).map_err(|bad| store.failure(bad)))
    }

    /// Changes the store in one transaction.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Store) -> Result<T>) -> Result<T, JournalFailure> {
        self.with(|store| store.durably(work))
    }

    /// Does something with the queue on a thread that may wait for the disk or the database.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, JournalFailure> + Send + 'static,
    ) -> Result<T, JournalFailure> {
        let queue = self.clone();
        let done = blocking::spawn(move || work(&queue)).await;
        done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// Begins to carry jobs as the worker of this name. The inner failure: another process keeps this one from that.
    ///
    /// # Errors
    ///
    /// The lock cannot be taken.
    pub fn daemon_lock(&self, name: &str) -> Result<Result<DaemonLock, DaemonRefusal>, JournalFailure> {
        self.with(|store| Ok(store.lock_daemon(name)?.map(|locks| DaemonLock { _locks: locks })))
    }

    /// Has `heard` told of each change of jobs and tokens that is made over another connection, if the store can do that. Whoever
    /// must not miss one looks again now and then.
    ///
    /// # Errors
    ///
    /// The store cannot be reached.
    pub fn listen(&self, heard: Arc<Notify>) -> Result<(), JournalFailure> {
        self.read(|store| store.sql.listen(heard))
    }

    /// Whether a daemon carries the jobs of this queue. If that cannot be asked, one does.
    pub fn has_daemon(&self) -> bool {
        self.read(Store::has_daemon).unwrap_or(true)
    }

    /// Waits until everything that this connection has read is on the disk, for whoever acts on it elsewhere.
    ///
    /// # Errors
    ///
    /// The store cannot be reached.
    pub fn settle(&self) -> Result<(), JournalFailure> {
        self.read(|store| store.sql.settle())
    }

    /// Applies a change to a job as it stands now. `is_limited`: whoever wants it has a token for some sites, and the job is limited to
    /// them from then on.
    ///
    /// # Errors
    ///
    /// It is not a job of the queue, or the journal cannot be written. The inner failure says why it cannot be done.
    pub fn apply(
        &self,
        job: JobId,
        change: JobChange,
        is_limited: bool,
    ) -> Result<Result<Entry, EntryRefusal>, JournalFailure> {
        let changed = self.write(|store| {
            let Some(mut entry) = find(&store.sql, job)? else { return Ok(None) };
            if !entry.is_carried {
                entry.note_files(file_totals(&store.sql, job)?);
            }
            let has_left = count(&store.sql, job)?.open > 0;
            entry.submission.is_limited |= is_limited;
            let now = store.sql.now()?;
            if let Err(refusal) = entry.apply(change, has_left, now) {
                return Ok(Some(Err(refusal)));
            }
            Ok(Some(Ok(keep(store, job, entry)?)))
        })?;
        changed.ok_or(JournalFailure::Unknown { job })
    }

    /// Checks all rows of files. Where nobody else may carry jobs, forgets earlier daemons, and marks the jobs as lost that they
    /// have left; returns their number.
    ///
    /// # Errors
    ///
    /// The journal is damaged, or cannot be read or written.
    pub fn lose_workers(&self, _: &DaemonLock) -> Result<usize, JournalFailure> {
        if self.read(|store| check_files(&store.sql).map(|()| store.is_shared()))? {
            return Ok(0);
        }
        self.write(|store| {
            store.sql.write("DELETE FROM workers", &[])?;
            lose_all(store)
        })
    }

    /// The jobs that are carried although their owners want them to stop, or that are given up just now.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn unwanted(&self) -> Result<Vec<JobId>, JournalFailure> {
        self.read(|store| {
            let found = entries(&store.sql, "carried = 1 AND wish != ?1", &[Wish::Run.number().into()])?;
            Ok(found.into_iter().map(|(job, _)| job).collect())
        })
    }

    /// Lets jobs go on that no worker could carry because of the settings ([`Entry::postpone`]).
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn wake_postponed(&self) -> Result<(), JournalFailure> {
        self.write(|store| {
            let now = store.sql.now()?;
            // Jobs that are tried again for another reason know since when they fail.
            let postponed = "exit IS NULL AND carried = 0 AND due > ?1
                AND cause IS NOT NULL AND waits_for IS NULL AND failing IS NULL";
            for (job, entry) in entries(&store.sql, postponed, &[now.into()])? {
                save(&store.sql, job, &Entry { due: now, ..entry })?;
            }
            Ok(())
        })
    }

    /// Forgets some of the jobs that ended long ago, and of the oldest of too many.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn forget_oldest(&self) -> Result<(), JournalFailure> {
        // Nobody else has to wait while they are looked for.
        let found = self.read(|store| oldest(&store.sql))?;
        if found.is_empty() {
            return Ok(());
        }
        let jobs: Vec<JobId> = found.iter().map(|(job, _)| *job).collect();
        self.write(|store| {
            // Somebody may have tried one of them again meanwhile.
            let ask = "SELECT changed FROM queue WHERE job = ?1";
            let changes = one_row_per_job(&store.sql, ask, &jobs, |row| row.get::<u64>(0))?;
            let same = found.iter().zip(changes).filter(|((_, changed), now)| *now == Some(*changed));
            forget_all(&store.sql, &same.map(|((job, _), _)| *job).collect::<Vec<_>>())
        })
    }

    /// Whether a process runs a job. If that cannot be asked, one does.
    pub fn is_run(&self, job: JobId) -> bool {
        self.read(|store| store.is_held(job)).unwrap_or(true)
    }

    /// A job; `None` if there is none of this id.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn job(&self, job: JobId) -> Result<Option<JobRecord>, JournalFailure> {
        self.read(|store| {
            let record = |row: JobRow| row.record(&store.sql, store.holder(job)?);
            JobRow::find(&store.sql, job)?.map(record).transpose()
        })
    }
}

/// Marks all jobs as lost that are carried, and ends all leases. Returns their number.
pub(super) fn lose_all(store: &Store) -> Result<usize> {
    let (left, now) = (entries(&store.sql, "carried = 1", &[])?, store.sql.now()?);
    for (job, mut entry) in left.iter().cloned() {
        entry.note_files(file_totals(&store.sql, job)?);
        entry.lose_worker(now);
        keep(store, job, entry)?;
    }
    store.sql.write("DELETE FROM leases", &[])?;
    store.sql.write("DELETE FROM tree_parts", &[])?;
    Ok(left.len())
}

/// Writes a new job and its entry.
pub(super) fn put(store: &Store, id: JobId, job: StoredJob, entry: &Entry) -> Result<()> {
    put_at(store, next_beginning(&store.sql, since_1970())?, id, job, entry)
}

fn put_at(store: &Store, begun: u64, id: JobId, job: StoredJob, entry: &Entry) -> Result<()> {
    let (state, ended, decided) = (JobState::Running, None, None);
    JobRow { id, job, state, begun, ended, decided }.save(&store.sql)?;
    save(&store.sql, id, entry)
}

/// Writes an entry, and the end of its job if nothing has run that would have. The row of a job that cannot be read stays as it is.
pub(super) fn keep(store: &Store, job: JobId, entry: Entry) -> Result<Entry> {
    keep_all(&store.sql, &[(job, &entry)])?;
    Ok(entry)
}

/// Writes the entries of several jobs, and their ends.
pub(super) fn keep_all(sql: &Sql, kept: &[(JobId, &Entry)]) -> Result<()> {
    let ended: Vec<(JobId, u64, &Entry)> =
        kept.iter().filter_map(|(job, entry)| Some((*job, entry.ended?, *entry))).collect();
    let jobs: Vec<JobId> = ended.iter().map(|(job, ..)| *job).collect();
    let rows = JobRow::readable(sql, &jobs)?.into_iter().zip(ended);
    kept.iter().try_for_each(|(job, entry)| save(sql, *job, entry))?;
    for (mut row, (_, ended, entry)) in rows.filter_map(|(row, of)| Some((row?, of))) {
        if row.state.has_ended() {
            continue;
        }
        let was_cancelled = entry.state(ended) == queue::QueueState::Cancelled;
        row.state = if was_cancelled { JobState::Cancelled } else { JobState::Failed };
        row.ended = Some(ended);
        row.save(sql)?;
    }
    Ok(())
}

/// Counts the files of a job that a worker has carried.
pub(super) fn file_totals(sql: &Sql, job: JobId) -> Result<FileTotals> {
    count(sql, job).map(totals)
}

pub(super) fn totals(FileCounts { done, bytes, failed, failures, .. }: FileCounts) -> FileTotals {
    FileTotals { done, bytes, failed: failed.max(failures.map_or(0, |failures| failures.number)) }
}

/// The entry of a job; `None` if it is not a job of the queue.
pub(super) fn find(sql: &Sql, job: JobId) -> Result<Option<Entry>> {
    let mut found = QUEUE.find(sql, "job = ?1", &[job.into()], read)?;
    Ok(found.pop().map(|(_, entry)| entry))
}

/// The jobs of the queue that fit, with what it knows of them, but for those whose rows are damaged.
pub(super) fn entries(sql: &Sql, condition: &str, values: &[Value<'_>]) -> Result<Vec<(JobId, Entry)>> {
    entries_and_damaged(sql, condition, values).map(|(entries, _)| entries)
}

/// The same, and the jobs whose rows are damaged.
pub(super) fn entries_and_damaged(
    sql: &Sql,
    condition: &str,
    values: &[Value<'_>],
) -> Result<(Vec<QueueRow>, Vec<DamagedRow>)> {
    QUEUE.find_whole(sql, condition, values, read)
}

/// The same in their order, with those whose rows are damaged: of these, only whose they are, when they were submitted and whether they
/// are carried is told, if it can be read. The others are paused: nobody goes on with them, and whether they have ended is not known.
pub(super) fn listed(
    sql: &Sql,
    condition: &str,
    values: &[Value<'_>],
) -> Result<Vec<(QueueRow, Option<StoreError>)>> {
    sql.all(&QUEUE.select(condition), values, |row| {
        let bad = match QUEUE.check(row).and_then(|()| read(row)) {
            Err(bad @ StoreError::Row(_)) => bad,
            entry => return Ok((entry?, None)),
        };
        let owner = row.get(1).unwrap_or_default();
        let entry = Entry {
            submission: Submission { owner, ..Submission::default() },
            created: row.get(4).unwrap_or_default(),
            submitted: row.get(23).ok(),
            is_carried: row.get(7).unwrap_or_default(),
            wish: Wish::Pause,
            ..Entry::default()
        };
        Ok(((row.get(0).unwrap_or_default(), entry), Some(bad)))
    })
}

fn read(row: &Row<'_>) -> Result<(JobId, Entry)> {
    let strange = |what: &'static str| StoreError::Row(what.into());
    let entry = Entry {
        submission: submission(row, 1, 17)?,
        created: row.get(4)?,
        submitted: Some(row.get(23)?),
        due: row.get(5)?,
        wish: Wish::numbered(row.get(6)?).ok_or_else(|| strange("a job of the queue has no known wish"))?,
        is_carried: row.get(7)?,
        tries: row.get(8)?,
        failing_since: row.get(9)?,
        started: row.get(10)?,
        ended: row.get(11)?,
        exit: row
            .get::<Option<u64>>(12)?
            .map(u8::try_from)
            .transpose()
            .map_err(|_| strange("a job has no known exit"))?,
        cause: row.get(13)?,
        waits_for: row.get(24)?,
        series: row.get(14)?,
        request: request(row)?,
        files: FileTotals { done: row.get(19)?, bytes: row.get(20)?, failed: row.get(21)? },
        has_got_on: false,
    };
    Ok((row.get(0)?, entry))
}

/// The request that has made a job.
fn request(row: &Row<'_>) -> Result<Option<NamedRequest>> {
    let (name, digest) = (row.get::<Option<String>>(15)?, row.get::<Option<Vec<u8>>>(16)?);
    let Some((name, digest)) = name.zip(digest) else { return Ok(None) };
    let bad = |_| StoreError::Row("the request of a job cannot be read".into());
    Ok(Some(NamedRequest { name, digest: digest.try_into().map_err(bad)? }))
}

/// For whom a job is: `owner` and `limited` are the first columns of each half of it.
pub(super) fn submission(row: &Row<'_>, owner: usize, limited: usize) -> Result<Submission> {
    Ok(Submission {
        owner: row.get(owner)?,
        pair: row.get(owner + 1)?,
        priority: priority(row.get(owner + 2)?)?,
        is_limited: row.get(limited)?,
        sites: read_json(row.get(limited + 1)?, SITES)?,
    })
}

fn priority(number: i64) -> Result<Priority> {
    let priority = i8::try_from(number).ok().and_then(|number| Priority::try_from(number).ok());
    priority.ok_or(StoreError::Row("a job of the queue has no known priority".into()))
}

/// The servers of a job, as an index takes them: of many, the beginning and the end.
fn indexed(pair: &str) -> Cow<'_, str> {
    let (first, _) = pair.split_at(pair.floor_char_boundary(LONGEST_PAIR / 2));
    let (_, last) = pair.split_at(pair.ceil_char_boundary(pair.len().saturating_sub(LONGEST_PAIR / 2)));
    if pair.len() > LONGEST_PAIR { Cow::Owned(format!("{first}{last}")) } else { Cow::Borrowed(pair) }
}

pub(super) fn save(sql: &Sql, job: JobId, entry: &Entry) -> Result<()> {
    let Submission { owner, pair, priority, is_limited, sites } = &entry.submission;
    let (pair, sites) = (indexed(pair), written_json(sites, SITES)?);
    let group = group_of(&entry.submission)?;
    let change = transaction_number(sql)?;
    let values = [
        job.into(),
        owner.into(),
        (&*pair).into(),
        i64::from(priority.number()).into(),
        entry.created.into(),
        entry.due.into(),
        entry.wish.number().into(),
        entry.is_carried.into(),
        u64::from(entry.tries).into(),
        entry.failing_since.into(),
        entry.started.into(),
        entry.ended.into(),
        entry.exit.map(u64::from).into(),
        entry.cause.as_deref().into(),
        entry.series.into(),
        entry.request.as_ref().map(|request| &request.name).into(),
        entry.request.as_ref().map(|request| request.digest.as_slice()).into(),
        (*is_limited).into(),
        (&sites).into(),
        entry.files.done.into(),
        entry.files.bytes.into(),
        entry.files.failed.into(),
        change.into(),
        entry.submitted.unwrap_or(change).into(),
        entry.waits_for.into(),
        group.into(),
    ];
    QUEUE.replace(sql, &values)?;
    sql.notify()
}

/// The number that jobs of the same owner, pair, priority and sites have in common. Nobody can choose these so that they have the number
/// of somebody else's.
pub(super) fn group_of(submission: &Submission) -> Result<i64> {
    let Submission { owner, pair, priority, sites, .. } = submission;
    let mut hash = Sha256::new();
    for text in [owner, &*indexed(pair), &priority.number().to_string(), &written_json(sites, SITES)?] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let digest: [u8; 32] = hash.finalize().into();
    Ok(digest.first_chunk().map_or(0, |first| i64::from_le_bytes(*first)))
}

/// The job that was submitted first of each group, of those that may begin: the first [`MOST_HEADS`] of each owner, those of the
/// highest priority before the others.
pub(super) fn heads(sql: &Sql, now: u64) -> Result<Vec<Head<JobId>>> {
    sql.all(&ask_for_heads(), &[now.into()], |row| {
        let (job, group) = (row.get(0).unwrap_or_default(), row.get(GROUP).unwrap_or_default());
        match QUEUE.check(row).and_then(|()| read(row)) {
            // Nothing of it counts. Whoever takes it finds out what is wrong with it.
            Err(StoreError::Row(_)) => Ok(Head { job, group, ..Head::default() }),
            entry => entry.map(|(job, entry)| head_of(job, &entry, group)),
        }
    })
}

/// Asks for the [`heads`]. An index leads from group to group and to the first job of each that is due, whatever the server knows of the
/// table. Jobs behind that one are not read.
pub(super) fn ask_for_heads() -> String {
    format!(
        "WITH RECURSIVE groups (number) AS (
            SELECT (SELECT job_group FROM queue WHERE {TO_BEGIN} ORDER BY job_group LIMIT 1)
            UNION ALL
            SELECT (SELECT job_group FROM queue WHERE {TO_BEGIN} AND job_group > groups.number ORDER BY job_group LIMIT 1)
            FROM groups WHERE groups.number IS NOT NULL)
        SELECT {columns}, sum FROM (
            SELECT head.*, row_number() OVER (PARTITION BY owner ORDER BY priority DESC, submitted, job) AS place
            FROM groups JOIN queue AS head ON head.job = (
                SELECT job FROM queue WHERE {TO_BEGIN} AND {IS_DUE} AND job_group = groups.number ORDER BY submitted LIMIT 1)
            ) AS heads
        WHERE place <= {MOST_HEADS}",
        columns = QUEUE.columns.join(", ")
    )
}

/// The first jobs of a group that may begin.
#[derive(Debug, Default)]
pub(super) struct JobGroup {
    /// Oldest first, without those whose rows are damaged.
    pub(super) jobs: Vec<(JobId, Entry)>,
    /// Those of them that are known not to be syncs. A job that this second question misses counts as a sync, so its destination is
    /// checked.
    pub(super) not_syncs: Vec<JobId>,
    pub(super) damaged: Vec<DamagedRow>,
}

/// The first jobs of a group.
pub(super) fn jobs_of_group(sql: &Sql, group: i64, now: u64, most: usize) -> Result<JobGroup> {
    let of_group = of_group();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut all_damaged = Vec::new();
    for page in 0..MOST_PAGES {
        let values = [now.into(), group.into(), most.into(), most.saturating_mul(page).into()];
        let (jobs, damaged) = entries_and_damaged(sql, &of_group, &values)?;
        let is_last = damaged.is_empty();
        all_damaged.extend(damaged);
        // Whole rows may stand behind damaged ones.
        if jobs.is_empty() && !is_last {
            continue;
        }
        let ask = format!(
            "SELECT id FROM jobs WHERE verb != 'sync' AND id IN (SELECT job FROM queue WHERE {of_group})"
        );
        let not_syncs = sql.all(&ask, &values, |row| row.get(0))?;
        return Ok(JobGroup { jobs, not_syncs, damaged: all_damaged });
    }
    Ok(JobGroup { damaged: all_damaged, ..JobGroup::default() })
}

/// The condition of the jobs of a group, oldest first. An index has this order, so no other jobs are read and nothing is sorted. Jobs
/// that were submitted in one transaction come in any order.
pub(super) fn of_group() -> String {
    format!("{TO_BEGIN} AND {IS_DUE} AND job_group = ?2 ORDER BY submitted LIMIT ?3 OFFSET ?4")
}

/// The head that this job would be if it were the first of its group.
pub(super) fn head_of(job: JobId, entry: &Entry, group: i64) -> Head<JobId> {
    let Submission { owner, pair, priority, sites, .. } = entry.submission.clone();
    let submitted = entry.submitted.unwrap_or(0);
    Head { job, group, owner, pair, sites, priority, submitted, due: entry.due }
}

/// What a failure calls the sites of a job.
pub(super) const SITES: &str = "the sites of a job";
/// The longest text of the servers of a job, in bytes. PostgreSQL indexes at most some 2,700 bytes.
const LONGEST_PAIR: usize = 1024;
/// How often [`jobs_of_group`] reads on behind damaged rows.
const MOST_PAGES: i64 = 16;
/// The column of the group.
const GROUP: usize = 25;
/// How many [`heads`] one owner has at most, whatever the number of pairs.
const MOST_HEADS: usize = 256;
/// The condition of the rows of jobs that wait for their turn or their time. One that is paused has the wish 1.
pub(super) const TO_BEGIN: &str = "exit IS NULL AND carried = 0 AND wish != 1";
/// The condition of those whose time has come. `?1` is the time.
pub(super) const IS_DUE: &str = "due <= ?1";
