//! Leases in the journal: which worker carries which job, and what becomes of a job whose worker was lost.

#[cfg(test)]
mod tests;

use super::failure::JournalFailure;
use super::job_row::{FileCounts, JobRow, counts};
use super::listing::{RowOf, TableRows};
use super::queue::{
    Queue, SITES, entries, file_totals, find, head_of, heads, jobs_of_group, keep, keep_all, lose_all, save,
    totals,
};
use super::sql::{Counters, Row, Sql, StoreError, Value};
use super::store::Store;
use super::table::{DamagedRow, LEASES, counters, next_fence, read_json, set_counters, transaction_number};
use super::tree_parts;
use super::workers::{forget_silent, save_worker, workers};
use crate::id::{JobId, WorkerId};
use crate::queue::{
    self, CarriedJob, Entry, Head, LEASE_TIME, Lease, RecordedSites, StoredProgress, WHOLE_JOB, Wish,
    WorkerProfile, WorkerRecord, reporter,
};
use std::collections::HashMap;

/// The leases of one worker in the journal of a queue: it takes jobs, renews its leases, and ends jobs.
#[derive(Debug)]
pub struct Leases<'a> {
    pub(super) queue: &'a Queue,
    pub(super) worker: WorkerId,
}

/// A job that a worker has taken, or of which it has taken a part.
#[derive(Debug)]
pub struct TakenJob {
    /// The right to carry it, or the part.
    pub lease: Lease,
    /// What the queue knows of it.
    pub entry: Entry,
}

/// What is known elsewhere of a job that is carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarriedRun {
    /// The worker that carries it.
    pub worker: WorkerId,
    /// Those that carry parts of its tree for that one.
    pub part_workers: Vec<WorkerId>,
    /// How far it is, as the worker has told last; `None` if it has not.
    pub progress: Option<StoredProgress>,
}

/// What a worker finds when it has said that it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckIn {
    /// The time of the store, in seconds since 1970.
    pub now: u64,
    /// The leases that it has no more: other workers may carry these jobs.
    pub lost: Vec<Lease>,
    /// Whether it is the worker that runs its command for jobs that have ended.
    pub is_reporter: bool,
    /// The number of the last change.
    pub last_change: u64,
    /// If the store is older than it was: how many changes are gone.
    pub changes_gone: Option<u64>,
    /// Whether no worker of this name with these sites was known: what others could not carry, it may carry.
    pub is_new: bool,
}

impl<'a> Leases<'a> {
    /// Those of this worker.
    pub const fn of(queue: &'a Queue, worker: WorkerId) -> Self {
        Self { queue, worker }
    }

    /// Says how the worker stands, and renews the leases that it holds. `last_change` is the largest number of a change that it
    /// has seen: if the store has a smaller one, it has come back from a backup or a replica. All leases end then, since other
    /// workers may carry the same jobs.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn check_in(
        &self,
        profile: &WorkerProfile,
        held: &[Lease],
        last_change: u64,
    ) -> Result<CheckIn, JournalFailure> {
        self.queue.write(|store| check_in(store, profile, held, last_change))
    }

    /// Where several workers share the jobs, marks those as lost whose leases have expired, and parts of trees, but for the `held` ones.
    /// Returns them, and the jobs of the parts.
    /// `may` is asked whether the worker may do so at this time of the store.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn lose_expired(
        &self,
        held: &[Lease],
        may: impl Fn(u64) -> bool,
    ) -> Result<Vec<JobId>, JournalFailure> {
        let is_held = |job: JobId| held.iter().any(|lease| lease.job == job && !lease.is_of_tree_part());
        self.queue.with(|store| {
            // A reader waits for no other process.
            let found = store
                .sql
                .now()
                .and_then(|now| Ok((expired(&store.sql, now)?, expired_tree_parts(&store.sql, now)?)));
            let (jobs, parts) = found.map_err(|bad| store.failure(bad))?;
            let has_none =
                jobs.iter().all(|(job, _)| is_held(*job)) && parts.iter().all(|part| held.contains(part));
            if !store.is_shared() || has_none {
                return Ok(Vec::new());
            }
            store.durably(|store| {
                let now = store.sql.now()?;
                if !may(now) {
                    return Ok(Vec::new());
                }
                let of_parts = tree_parts::lose_expired(&store.sql, now, held)?;
                let mut lost = expired(&store.sql, now)?;
                lost.retain(|(job, _)| !is_held(*job));
                for (job, mut entry) in lost.iter().cloned() {
                    entry.note_files(file_totals(&store.sql, job)?);
                    entry.lose_worker(now);
                    keep(store, job, entry)?;
                    delete(&store.sql, &[job])?;
                }
                Ok(lost.into_iter().map(|(job, _)| job).chain(of_parts).collect())
            })
        })
    }

    /// Takes up to `most` jobs, and tells of damaged rows that would have been next. `may_begin` decides about each job, given those that
    /// are carried then. `recent` are those that this worker has carried lately. All are taken in one transaction, which sees what other
    /// workers have taken.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn take(
        &self,
        most: usize,
        recent: &[CarriedJob],
        may_begin: impl Fn(&Head<JobId>, &[CarriedJob]) -> bool,
    ) -> Result<TableRows<TakenJob>, JournalFailure> {
        self.queue.with(|store| {
            let look = |Store { sql, .. }: &Store| {
                let time = sql.now()?;
                let heads = heads(sql, time)?;
                let carried = if heads.is_empty() { Vec::new() } else { carried(sql)? };
                let ready = heads.iter().filter(|head| may_begin(head, &carried));
                let all: Vec<_> = carried.iter().chain(recent).cloned().collect();
                let Some(head) = queue::next(ready, &all) else { return Ok(None) };
                sql.ask_ahead(|sql| {
                    self::carried(sql)?;
                    jobs_of_group(sql, head.group, time, most + MOST_WAITING_OF_GROUP)
                });
                Ok(Some(DueHeads { time, heads }))
            };
            let take = |store: &Store, due| take(store, self.worker, due, most, recent, &may_begin);
            let taken = store.look_and_write(look, take)?;
            Ok(taken.map(|taken| TableRows::of(store, RowOf::Job, taken)).unwrap_or_default())
        })
    }

    /// Notes how far jobs are that this worker carries. Those that it has lost are left out.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn report(&self, all: &[(Lease, StoredProgress)]) -> Result<(), JournalFailure> {
        self.queue.write(|Store { sql, .. }| {
            for (lease, progress) in all {
                if let Some(row) = held_row(sql, *lease)? {
                    LeaseRow { progress: serde_json::to_string(progress).ok(), ..row }.save(sql)?;
                }
            }
            Ok(())
        })
    }

    /// Ends runs of jobs in one transaction. Returns the entries; `None`: this worker carries that job no more.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn end<End: FnOnce(&mut Entry, u64)>(
        &self,
        ends: Vec<(Lease, End)>,
    ) -> Result<Vec<Option<Entry>>, JournalFailure> {
        // Their files change no more, so nobody else has to wait while they are counted.
        let jobs: Vec<JobId> = ends.iter().map(|(lease, _)| lease.job).collect();
        let counted = self.queue.read(|store| counts(&store.sql, &jobs))?;
        self.queue.with(|store| {
            store.sql.ask_ahead(|sql| {
                held_by(sql, self.worker)?;
                carried_by(sql, self.worker)?;
                waiting_for(sql, &jobs)?;
                JobRow::readable(sql, &jobs)
            });
            store.durably(|store| end(&store.sql, self.worker, ends, counted))
        })
    }

    /// The worker ends, and carries nothing.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn leave(&self) -> Result<(), JournalFailure> {
        let delete = "DELETE FROM workers WHERE id = ?1";
        self.queue.write(|store| store.sql.write(delete, &[self.worker.into()]))
    }
}

fn check_in(
    store: &Store,
    profile: &WorkerProfile,
    held: &[Lease],
    last_change: u64,
) -> Result<CheckIn, StoreError> {
    let sql = &store.sql;
    let now = sql.now()?;
    let changes_gone = end_leases_of_older_store(store, last_change)?;
    let mut lost = Vec::new();
    for lease in held {
        match held_row(sql, *lease)? {
            Some(row) => LeaseRow { until: now + LEASE_TIME.as_secs(), ..row }.save(sql)?,
            None => lost.push(*lease),
        }
    }
    let known = workers(sql)?;
    let is_same =
        |known: &WorkerRecord| (&known.profile.name, &known.profile.sites) == (&profile.name, &profile.sites);
    let is_new = !known.iter().any(is_same);
    let started =
        known.iter().find(|known| known.profile.id == profile.id).map_or(now, |known| known.started);
    save_worker(sql, &WorkerRecord { profile: profile.clone(), started, seen: now })?;
    forget_silent(sql, now)?;
    let reporter = reporter(&workers(sql)?, now);
    settle_reports(sql, reporter)?;
    let is_reporter = reporter == Some(profile.id);
    Ok(CheckIn { now, lost, is_reporter, last_change: transaction_number(sql)?, changes_gone, is_new })
}

/// Ends all leases if the store has fewer changes than a worker has seen. Returns how many are gone.
fn end_leases_of_older_store(store: &Store, seen: u64) -> Result<Option<u64>, StoreError> {
    let gone = seen.saturating_sub(counters(&store.sql)?.commits);
    if gone == 0 {
        return Ok(None);
    }
    lose_all(store)?;
    // Other workers have seen other changes: none of them has seen as many.
    let counters = counters(&store.sql)?;
    let new = Counters { commits: seen + JUMP, fence: counters.fence + JUMP, ..counters };
    set_counters(&store.sql, new)?;
    Ok(Some(gone))
}

/// Begins to keep the ends of jobs if a worker wants to know of them, and ends that if none does.
fn settle_reports(sql: &Sql, reporter: Option<WorkerId>) -> Result<(), StoreError> {
    let counters = counters(sql)?;
    // What has ended before counts as reported.
    let reported = reporter.and(counters.reported.or(Some(counters.commits)));
    set_counters(sql, Counters { reported, ..counters })
}

/// The [`heads`] that were due at `time`, in seconds since 1970 by the clock of the store. Others may have changed them since, so a
/// group is read again before one of its jobs begins.
struct DueHeads {
    time: u64,
    heads: Vec<Head<JobId>>,
}

/// Takes at most `most` of these jobs for a worker. Those that another one blocks wait.
fn take(
    store: &Store,
    worker: WorkerId,
    DueHeads { time, mut heads }: DueHeads,
    most: usize,
    recent: &[CarriedJob],
    may_begin: impl Fn(&Head<JobId>, &[CarriedJob]) -> bool,
) -> Result<(Vec<TakenJob>, Vec<DamagedRow>), StoreError> {
    let sql = &store.sql;
    let now = sql.now()?;
    let (mut carried, mut known) = (carried(sql)?, HashMap::new());
    let (mut taken, mut waiting) = (Vec::new(), Vec::new());
    let (mut counters, mut damaged) = (counters(sql)?, Vec::new());
    while taken.len() < most && waiting.len() < MOST_WAITING {
        let ready = heads.iter().filter(|head| may_begin(head, &carried));
        let all: Vec<_> = carried.iter().chain(recent).cloned().collect();
        let Some(head) = queue::next(ready, &all).cloned() else { break };
        let is_of_group = |other: &Head<JobId>| other.group == head.group;
        if !known.contains_key(&head.job) {
            // As many jobs of its group as this look can need.
            let group = jobs_of_group(sql, head.group, time, most + MOST_WAITING_OF_GROUP)?;
            damaged.extend(group.damaged);
            heads.retain(|other| !is_of_group(other));
            heads.extend(group.jobs.iter().map(|(job, entry)| head_of(*job, entry, head.group)));
            let is_sync = |job: JobId| !group.not_syncs.contains(&job);
            known.extend(group.jobs.into_iter().map(|(job, entry)| (job, (entry, is_sync(job)))));
        }
        let job = head.job;
        heads.retain(|other| other.job != job);
        let Some((mut entry, is_sync)) = known.remove(&job) else {
            // Its row may be damaged so much that it is not found with its group.
            if let Err(bad @ StoreError::Row(_)) = find(sql, job)
                && damaged.iter().all(|(other, _)| *other != job)
            {
                damaged.push((job, bad));
            }
            continue;
        };
        // To remove what it has left, it needs the destination for nothing else.
        let may_wait = entry.wish != Wish::Cancel && (is_sync || entry.waits_for.is_some());
        if may_wait && let Some((other, dest)) = in_the_way(store, job, entry.waits_for)? {
            entry.wait_for(other, &dest, now);
            save(sql, job, &entry)?;
            // However many of a group wait, those of others begin: the next look finds the next ones of this group.
            waiting.push(head.clone());
            if waiting.iter().filter(|other| is_of_group(other)).count() >= MOST_WAITING_OF_GROUP {
                heads.retain(|other| !is_of_group(other));
            }
            continue;
        }
        entry.begin(now);
        save(sql, job, &entry)?;
        counters.fence += 1;
        let lease = Lease { job, part: WHOLE_JOB, worker, fence: counters.fence };
        LeaseRow::new(lease, now).save(sql)?;
        carried.push(CarriedJob::of(&entry.submission, lease.fence));
        taken.push(TakenJob { lease, entry });
    }
    set_counters(sql, counters)?;
    Ok((taken, damaged))
}

/// Ends runs. `files` has the counts of each, in the same order.
fn end<End: FnOnce(&mut Entry, u64)>(
    sql: &Sql,
    worker: WorkerId,
    ends: Vec<(Lease, End)>,
    files: Vec<FileCounts>,
) -> Result<Vec<Option<Entry>>, StoreError> {
    let (now, held, mut known) = (sql.now()?, held_by(sql, worker)?, carried_by(sql, worker)?);
    let jobs: Vec<JobId> = ends.iter().map(|(lease, _)| lease.job).collect();
    let lost: Vec<bool> = ends.iter().map(|(lease, _)| !held.contains(lease)).collect();
    let mut ended = Vec::new();
    for (((lease, end), files), is_lost) in ends.into_iter().zip(files).zip(&lost) {
        // There is none if the lease was lost or the row is damaged.
        let entry = known.remove(&lease.job).filter(|_| !is_lost);
        ended.push(entry.map(|mut entry| {
            entry.note_files(totals(files));
            end(&mut entry, now);
            entry
        }));
    }
    // One that waits itself makes room for nobody: two of them would wake each other without end.
    let has_made_room = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.waits_for.is_none());
    let free: Vec<JobId> =
        jobs.iter().zip(&ended).filter(|(_, entry)| has_made_room(entry)).map(|(job, _)| *job).collect();
    for entry in ended.iter_mut().flatten() {
        if entry.waits_for.is_some_and(|other| free.contains(&other)) {
            entry.stop_waiting(now);
        }
    }
    let waiting = waiting_for(sql, &free)?;
    let kept: Vec<(JobId, &Entry)> =
        jobs.iter().zip(&ended).filter_map(|(job, entry)| Some((*job, entry.as_ref()?))).collect();
    keep_all(sql, &kept)?;
    let held_jobs = jobs.iter().zip(&lost).filter(|(_, is_lost)| !**is_lost);
    delete(sql, &held_jobs.map(|(job, _)| *job).collect::<Vec<_>>())?;
    for (job, mut entry) in waiting {
        entry.stop_waiting(now);
        save(sql, job, &entry)?;
    }
    Ok(ended)
}

/// The job that keeps this one from storing, and where this one would store: the one that it waits for, if that still runs, or a sync
/// that is carried and changes the destination of this sync, or a place in it or around it. Whether other jobs are in each other's
/// way turns out at their files.
fn in_the_way(
    store: &Store,
    job: JobId,
    waits_for: Option<JobId>,
) -> Result<Option<(JobId, String)>, StoreError> {
    let found = match JobRow::find(&store.sql, job) {
        // Its run tells that it cannot be read.
        Err(StoreError::Row(_)) => None,
        found => found?,
    };
    let Some(JobRow { job, .. }) = found else { return Ok(None) };
    let still = match waits_for {
        Some(other) if store.is_held(other)? => Some(other),
        Some(_) | None if job.verb == "sync" => {
            let syncs = JobRow::carried_of_verb(&store.sql, "sync")?;
            syncs.into_iter().find(|other| other.job.stores_beside(&job)).map(|other| other.id)
        }
        Some(_) | None => None,
    };
    Ok(still.map(|other| (other, job.dest().unwrap_or_default().to_string_lossy().into_owned())))
}

/// Jobs that wait for these. Of very many, the others find out for themselves that these have ended.
fn waiting_for(sql: &Sql, ended: &[JobId]) -> Result<Vec<(JobId, Entry)>, StoreError> {
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value<'_>> = ended.iter().copied().map(Value::from).collect();
    entries(sql, &wait_for_any(ended.len()), &values)
}

/// The condition of jobs that wait for one of so many others. It says "has not ended" without "exit IS NULL": with that, a plan made
/// while the table is empty uses `queue_open` and reads every job that has not ended, in place of `queue_behind`.
pub(super) fn wait_for_any(number: usize) -> String {
    let marks: Vec<String> = (1..=number).map(|number| format!("?{number}")).collect();
    let marks = marks.join(", ");
    format!("waits_for IN ({marks}) AND coalesce(exit, -1) < 0 AND carried = 0 LIMIT {MOST_WAITING}")
}

/// Gives a worker the right to a job, or to a part of its tree.
pub(super) fn new_lease(sql: &Sql, job: JobId, part: u64, worker: WorkerId) -> Result<Lease, StoreError> {
    let lease = Lease { job, part, worker, fence: next_fence(sql, 1)? };
    LeaseRow::new(lease, sql.now()?).save(sql)?;
    Ok(lease)
}

/// A lease, as its row has it.
struct LeaseRow {
    lease: Lease,
    /// When it expires, in seconds since 1970.
    until: u64,
    /// The text of how far its job is, if that was told.
    progress: Option<String>,
}

impl LeaseRow {
    /// A lease that begins now.
    const fn new(lease: Lease, now: u64) -> Self {
        Self { lease, until: now + LEASE_TIME.as_secs(), progress: None }
    }

    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let lease = Lease { job: row.get(0)?, part: row.get(1)?, worker: row.get(2)?, fence: row.get(3)? };
        Ok(Self { lease, until: row.get(4)?, progress: row.get(5)? })
    }

    fn save(&self, sql: &Sql) -> Result<(), StoreError> {
        let Self { lease: Lease { job, part, worker, fence }, until, progress } = self;
        let values = [
            (*job).into(),
            (*part).into(),
            (*worker).into(),
            (*fence).into(),
            (*until).into(),
            progress.as_deref().into(),
        ];
        LEASES.replace(sql, &values)
    }

    /// How far its job is; `None` if that was not told, or by a worker of another version.
    fn progress(&self) -> Option<StoredProgress> {
        self.progress.as_ref().and_then(|text| serde_json::from_str(text).ok())
    }
}

/// The row of the lease of a job, or of a part of its tree.
fn row_of(sql: &Sql, job: JobId, part: u64) -> Result<Option<LeaseRow>, StoreError> {
    let found = LEASES.find(sql, "job = ?1 AND part = ?2", &[job.into(), part.into()], LeaseRow::read)?;
    Ok(found.into_iter().next())
}

/// The row of this lease, if it is still that of its job. Time alone does not end it: see [`Lease`].
fn held_row(sql: &Sql, lease: Lease) -> Result<Option<LeaseRow>, StoreError> {
    Ok(row_of(sql, lease.job, lease.part)?.filter(|row| row.lease == lease))
}

/// The leases of whole jobs that a worker holds.
fn held_by(sql: &Sql, worker: WorkerId) -> Result<Vec<Lease>, StoreError> {
    LEASES.find(sql, "worker = ?1 AND part = 0", &[worker.into()], |row| Ok(LeaseRow::read(row)?.lease))
}

/// The jobs of these leases.
fn carried_by(sql: &Sql, worker: WorkerId) -> Result<HashMap<JobId, Entry>, StoreError> {
    let of_worker = "carried = 1 AND job IN (SELECT job FROM leases WHERE worker = ?1 AND part = 0)";
    Ok(entries(sql, of_worker, &[worker.into()])?.into_iter().collect())
}

/// Whether a worker carries a part.
pub(super) fn is_taken(sql: &Sql, job: JobId, part: u64) -> Result<bool, StoreError> {
    Ok(row_of(sql, job, part)?.is_some())
}

/// Whether the lease of a job is there and has not expired.
pub(super) fn is_live(sql: &Sql, job: JobId) -> Result<bool, StoreError> {
    let now = sql.now()?;
    let is_live = |row: LeaseRow| row.until > now && row.until <= now + LEASE_TIME.as_secs();
    Ok(row_of(sql, job, WHOLE_JOB)?.is_some_and(is_live))
}

/// Whether this is still the lease of its job.
pub(super) fn is_held(sql: &Sql, lease: Lease) -> Result<bool, StoreError> {
    Ok(held_row(sql, lease)?.is_some())
}

/// How far a job is, if it is carried and its worker has told it.
pub(super) fn progress(sql: &Sql, job: JobId) -> Result<Option<StoredProgress>, StoreError> {
    Ok(row_of(sql, job, WHOLE_JOB)?.as_ref().and_then(LeaseRow::progress))
}

/// Forgets the leases of jobs. All parts of their trees end with them.
pub(super) fn delete(sql: &Sql, jobs: &[JobId]) -> Result<(), StoreError> {
    for statement in ["DELETE FROM leases WHERE job = ?1", "DELETE FROM tree_parts WHERE job = ?1"] {
        jobs.iter().try_for_each(|job| sql.write(statement, &[(*job).into()]))?;
    }
    Ok(())
}

/// Forgets the lease of a part.
pub(super) fn delete_part(sql: &Sql, job: JobId, part: u64) -> Result<(), StoreError> {
    sql.write("DELETE FROM leases WHERE job = ?1 AND part = ?2", &[job.into(), part.into()])
}

/// The jobs that are carried, and whose leases have expired. One that ends later than any lease does was written before the clock of
/// the store went back.
fn expired(sql: &Sql, now: u64) -> Result<Vec<(JobId, Entry)>, StoreError> {
    let condition =
        "carried = 1 AND job NOT IN (SELECT job FROM leases WHERE part = 0 AND until > ?1 AND until <= ?2)";
    entries(sql, condition, &[now.into(), (now + LEASE_TIME.as_secs()).into()])
}

/// The leases of parts that have expired.
pub(super) fn expired_tree_parts(sql: &Sql, now: u64) -> Result<Vec<Lease>, StoreError> {
    let expired = "part > 0 AND (until <= ?1 OR until > ?2)";
    let values = [now.into(), (now + LEASE_TIME.as_secs()).into()];
    let (lost, _) =
        LEASES.find_whole(sql, expired, &values, |row| LeaseRow::read(row).map(|row| row.lease))?;
    Ok(lost)
}

/// The jobs that are carried, by whatever worker. Each part of a tree counts as one of them.
pub(super) fn carried(sql: &Sql) -> Result<Vec<CarriedJob>, StoreError> {
    let ask = "SELECT owner, pair, sites, fence FROM queue JOIN leases ON leases.job = queue.job
        WHERE carried = 1";
    sql.all(ask, &[], |row| {
        // What cannot be read of a damaged row counts as nothing.
        let sites: Result<RecordedSites, StoreError> = row.get(2).and_then(|text| read_json(text, SITES));
        let sites = sites.unwrap_or_default().into_keys().collect();
        let [owner, pair] = [0, 1].map(|column| row.get(column).unwrap_or_default());
        let fence = row.get(3).unwrap_or_default();
        Ok(CarriedJob { owner, pair, sites, fence, is_running: true })
    })
}

/// The jobs that workers carry.
pub(super) fn carried_runs(sql: &Sql) -> Result<HashMap<JobId, CarriedRun>, StoreError> {
    let (whole, _) = LEASES.find_whole(sql, "TRUE", &[], LeaseRow::read)?;
    let (jobs, parts): (Vec<_>, Vec<_>) = whole.into_iter().partition(|row| !row.lease.is_of_tree_part());
    let run = |row: LeaseRow| {
        let (job, worker, progress) = (row.lease.job, row.lease.worker, row.progress());
        let others = parts.iter().map(|part| part.lease).filter(|part| part.job == job);
        (job, CarriedRun { worker, part_workers: others.map(|part| part.worker).collect(), progress })
    };
    Ok(jobs.into_iter().map(run).collect())
}

/// By how much fences and changes jump when the store is older than it was: there were never as many.
const JUMP: u64 = 1 << 32;
/// The largest number of jobs that one transaction lets wait, and that it lets go on.
const MOST_WAITING: usize = 64;
/// How many it lets wait of one group.
const MOST_WAITING_OF_GROUP: usize = 8;
