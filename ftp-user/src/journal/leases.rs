//! Workers and leases in the journal: which worker carries which job, and what becomes of a job whose worker was lost.

#[cfg(test)]
mod tests;

use super::failure::JournalFailure;
use super::job_row::JobRow;
use super::queue::{Queue, entries, find, heads, keep, lose_all, read_sites, save, written_sites};
use super::record::JobRecord;
use super::sql::{Row, Sql, StoreError, Value};
use super::store::Store;
use super::table::{LEASES, WORKERS, commits, next_fence, reported, set_commits, set_reported};
use crate::id::{JobId, WorkerId};
use crate::queue::{
    self, CarriedJob, Entry, EntryRefusal, Head, LEASE_TIME, Lease, Wish, WorkerProfile, WorkerRecord,
    reporter,
};
use std::collections::HashMap;
use std::time::Duration;

/// The leases of one worker in the journal of a queue: it takes jobs, renews its leases, and ends jobs.
#[derive(Debug)]
pub struct Leases<'a> {
    queue: &'a Queue,
    worker: WorkerId,
}

/// A job that a worker has taken.
#[derive(Debug)]
pub struct TakenJob {
    /// The right to carry it.
    pub lease: Lease,
    /// The job itself.
    pub record: JobRecord,
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

    /// Where several workers share the jobs, marks those as lost whose leases have expired, but for the `held` ones. Returns them.
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
        let is_held = |job: JobId| held.iter().any(|lease| lease.job == job);
        self.queue.with(|store| {
            // A reader waits for no other process.
            let found = store.sql.now().and_then(|now| expired(&store.sql, now));
            let found = found.map_err(|bad| store.failure(bad))?;
            if !store.is_shared() || found.iter().all(|(job, _)| is_held(*job)) {
                return Ok(Vec::new());
            }
            store.durably(|store| {
                let now = store.sql.now()?;
                if !may(now) {
                    return Ok(Vec::new());
                }
                let mut lost = expired(&store.sql, now)?;
                lost.retain(|(job, _)| !is_held(*job));
                for (job, mut entry) in lost.iter().cloned() {
                    entry.lose_worker(now);
                    keep(store, job, entry)?;
                    delete(&store.sql, job)?;
                }
                Ok(lost.into_iter().map(|(job, _)| job).collect())
            })
        })
    }

    /// Takes the job that is carried next, of those that `may_begin` beside the ones that are carried. `recent` are those that this
    /// worker has carried lately.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn take(
        &self,
        recent: &[CarriedJob],
        mut may_begin: impl FnMut(&Head<JobId>, &[CarriedJob]) -> bool,
    ) -> Result<Option<TakenJob>, JournalFailure> {
        self.queue.with(|store| {
            let found = store.sql.now().and_then(|now| heads(&store.sql, now));
            let mut heads = found.map_err(|bad| store.failure(bad))?;
            if heads.is_empty() {
                return Ok(None);
            }
            let mut carried = carried(&store.sql).map_err(|bad| store.failure(bad))?;
            heads.retain(|head| may_begin(head, &carried));
            carried.extend(recent.iter().cloned());
            let Some(job) = queue::next(heads, &carried) else { return Ok(None) };
            store.durably(|store| take(&store.sql, self.worker, job))
        })
    }

    /// Ends a run of a job. The inner failure: this worker carries it no more.
    ///
    /// # Errors
    ///
    /// It is no job of the queue, or the journal cannot be written.
    pub fn end(
        &self,
        lease: Lease,
        end: impl FnOnce(&mut Entry, u64),
    ) -> Result<Result<Entry, EntryRefusal>, JournalFailure> {
        let ended = self.queue.write(|store| {
            let Some(mut entry) = find(&store.sql, lease.job)? else { return Ok(None) };
            if !is_held(&store.sql, lease)? {
                return Ok(Some(Err(EntryRefusal::LeaseLost)));
            }
            end(&mut entry, store.sql.now()?);
            delete(&store.sql, lease.job)?;
            keep(store, lease.job, entry).map(|entry| Some(Ok(entry)))
        })?;
        ended.ok_or(JournalFailure::Unknown { job: lease.job })
    }

    /// The worker ends, and carries nothing.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn leave(&self) -> Result<(), JournalFailure> {
        let delete = "DELETE FROM workers WHERE id = ?1";
        self.queue.write(|store| store.sql.write(delete, [self.worker.into()]))
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
        match is_held(sql, *lease)? {
            true => save_lease(sql, *lease, now)?,
            false => lost.push(*lease),
        }
    }
    let known = workers(sql)?;
    let started =
        known.iter().find(|known| known.profile.id == profile.id).map_or(now, |known| known.started);
    save_worker(sql, &WorkerRecord { profile: profile.clone(), started, seen: now })?;
    let long_ago = now.saturating_sub(WORKER_KEPT_FOR.as_secs());
    sql.write("DELETE FROM workers WHERE seen < ?1", [long_ago.into()])?;
    let reporter = reporter(&workers(sql)?, now);
    settle_reports(sql, reporter)?;
    let is_reporter = reporter == Some(profile.id);
    // This transaction counts itself when it ends.
    Ok(CheckIn { now, lost, is_reporter, last_change: commits(sql)? + 1, changes_gone })
}

/// Ends all leases if the store has fewer changes than a worker has seen. Returns how many are gone.
fn end_leases_of_older_store(store: &Store, seen: u64) -> Result<Option<u64>, StoreError> {
    let gone = seen.saturating_sub(commits(&store.sql)?);
    if gone == 0 {
        return Ok(None);
    }
    lose_all(store)?;
    next_fence(&store.sql, JUMP)?;
    // Other workers have seen other changes: none of them has seen as many.
    set_commits(&store.sql, seen + JUMP)?;
    Ok(Some(gone))
}

/// Begins to keep the ends of jobs if a worker wants to know of them, and ends that if none does.
fn settle_reports(sql: &Sql, reporter: Option<WorkerId>) -> Result<(), StoreError> {
    match (reporter, reported(sql)?) {
        (None, Some(_)) => set_reported(sql, None),
        // What has ended before counts as reported.
        (Some(_), None) => set_reported(sql, Some(commits(sql)?)),
        (None, None) | (Some(_), Some(_)) => Ok(()),
    }
}

fn take(sql: &Sql, worker: WorkerId, job: JobId) -> Result<Option<TakenJob>, StoreError> {
    let Some(mut entry) = find(sql, job)? else { return Ok(None) };
    if entry.is_carried || entry.exit.is_some() || entry.wish == Wish::Pause {
        return Ok(None);
    }
    let now = sql.now()?;
    entry.begin(now);
    save(sql, job, &entry)?;
    let lease = Lease { job, worker, fence: next_fence(sql, 1)? };
    save_lease(sql, lease, now)?;
    let Some(row) = JobRow::find(sql, job)? else { return Ok(None) };
    Ok(Some(TakenJob { lease, record: row.record(sql, None)? }))
}

/// Whether this is still the lease of its job. Time alone does not end it: see [`Lease`].
pub(super) fn is_held(sql: &Sql, lease: Lease) -> Result<bool, StoreError> {
    let found = LEASES.find(sql, "job = ?1", [lease.job.into()], read_lease)?;
    Ok(found.contains(&lease))
}

/// Forgets the lease of a job.
pub(super) fn delete(sql: &Sql, job: JobId) -> Result<(), StoreError> {
    sql.write("DELETE FROM leases WHERE job = ?1", [job.into()])
}

fn save_lease(sql: &Sql, lease: Lease, now: u64) -> Result<(), StoreError> {
    let Lease { job, worker, fence } = lease;
    LEASES.replace(sql, &[job.into(), worker.into(), fence.into(), (now + LEASE_TIME.as_secs()).into()])
}

fn read_lease(row: &Row<'_>) -> Result<Lease, StoreError> {
    Ok(Lease { job: row.get(0)?, worker: row.get(1)?, fence: row.get(2)? })
}

/// The jobs that are carried, and whose leases have expired. One that ends later than any lease does was written before the clock of
/// the store went back.
fn expired(sql: &Sql, now: u64) -> Result<Vec<(JobId, Entry)>, StoreError> {
    let condition = "carried = 1 AND job NOT IN (SELECT job FROM leases WHERE until > ?1 AND until <= ?2)";
    entries(sql, condition, [now.into(), (now + LEASE_TIME.as_secs()).into()])
}

/// The jobs that are carried, by whatever worker.
fn carried(sql: &Sql) -> Result<Vec<CarriedJob>, StoreError> {
    let leases = LEASES.find(sql, "TRUE", [], read_lease)?;
    let fences: HashMap<JobId, u64> = leases.into_iter().map(|lease| (lease.job, lease.fence)).collect();
    let carried = entries(sql, "carried = 1", [])?;
    let carried = carried.iter().map(|(job, entry)| (entry, fences.get(job).copied().unwrap_or(0)));
    Ok(carried.map(|(entry, fence)| CarriedJob::of(&entry.submission, fence)).collect())
}

/// The workers that carry jobs, by the jobs.
pub(super) fn carriers(sql: &Sql) -> Result<HashMap<JobId, WorkerId>, StoreError> {
    let leases = LEASES.find(sql, "TRUE", [], read_lease)?;
    Ok(leases.into_iter().map(|lease| (lease.job, lease.worker)).collect())
}

/// The workers that were alive within the last hour.
pub(super) fn workers(sql: &Sql) -> Result<Vec<WorkerRecord>, StoreError> {
    let condition = format!("TRUE ORDER BY name, id LIMIT {MOST_WORKERS}");
    WORKERS.find(sql, &condition, [], |row| {
        let profile = WorkerProfile {
            id: row.get(0)?,
            name: row.get(1)?,
            version: row.get(2)?,
            parallel: u32::try_from(row.get::<u64>(3)?).unwrap_or(u32::MAX),
            is_draining: row.get(6)?,
            reports_ends: row.get(7)?,
            sites: read_sites(row.get(8)?)?,
        };
        Ok(WorkerRecord { profile, started: row.get(4)?, seen: row.get(5)? })
    })
}

fn save_worker(sql: &Sql, worker: &WorkerRecord) -> Result<(), StoreError> {
    let WorkerRecord { profile, started, seen } = worker;
    let WorkerProfile { id, name, version, parallel, is_draining, reports_ends, sites } = profile;
    let sites = written_sites(sites)?;
    let values: [Value<'_>; 9] = [
        (*id).into(),
        name.into(),
        version.into(),
        u64::from(*parallel).into(),
        (*started).into(),
        (*seen).into(),
        (*is_draining).into(),
        (*reports_ends).into(),
        (&sites).into(),
    ];
    WORKERS.replace(sql, &values)
}

/// By how much fences and changes jump when the store is older than it was: there were never as many.
const JUMP: u64 = 1 << 32;
/// For how long a worker is remembered that is not heard of.
const WORKER_KEPT_FOR: Duration = Duration::from_secs(3600);
/// The largest number of workers that are shown.
const MOST_WORKERS: u32 = 1000;
