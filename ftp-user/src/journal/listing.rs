//! Jobs of the queue and their files as the API lists them: in slices, each of which says where the next one begins.

mod files;
#[cfg(test)]
mod tests;

use super::failure::{JournalFailure, Result};
use super::job_row::JobRow;
use super::leases::{CarriedRun, carried, carried_runs};
use super::queue::{IS_DUE, Queue, TO_BEGIN, entries_and_damaged, find, heads, listed};
use super::record::StoredJob;
use super::sql::{Counters, Sql, StoreError, Value};
use super::store::Store;
use super::table::{DamagedRow, counters, set_counters};
use super::workers::workers;
use crate::failure::FtpUser;
use crate::id::JobId;
use crate::named::named;
use crate::queue::{
    CarriedJob, DONE, Entry, Head, INTERRUPTED, JobCursor, JobQuery, PARTIAL, QueueState, Slice, WorkerRecord,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// A job of the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueuedJob {
    /// The identity of the job.
    pub id: JobId,
    /// What was asked for.
    pub job: StoredJob,
    /// What the queue knows of it.
    pub entry: Entry,
    /// Whether a row of it is damaged, so that nobody goes on with it, and what is shown of it may be wrong.
    pub is_damaged: bool,
}

/// Rows of a table. Damaged ones keep nobody from the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableRows<T> {
    /// Those that can be read.
    pub readable: Vec<T>,
    /// Those whose rows are damaged.
    pub unreadable: Vec<UnreadableRow>,
}

impl<T> Default for TableRows<T> {
    fn default() -> Self {
        Self { readable: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T> TableRows<T> {
    /// The rows of the table of jobs or series that were read, and those that were damaged.
    pub(super) fn of(store: &Store, of: RowOf, (readable, damaged): (Vec<T>, Vec<DamagedRow>)) -> Self {
        let unreadable = damaged.into_iter().map(|row| UnreadableRow::of(store, of, row)).collect();
        Self { readable, unreadable }
    }
}

/// A damaged row of a job or a series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableRow {
    /// Whose row it is.
    pub of: RowOf,
    /// The id of the job or series.
    pub id: JobId,
    /// What is wrong with the journal, as the verb of a job would say it.
    pub failure: JournalFailure,
}

/// Whose row it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowOf {
    /// The row of a job.
    Job,
    /// The row of a series.
    Series,
}

named!(RowOf { Job: "job", Series: "series" });

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} cannot be read: {}; {}", self.of.name(), self.id, self.failure, self.hint())
    }
}

impl UnreadableRow {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let Self { of, id, .. } = self;
        match of {
            RowOf::Series => format!("{FtpUser} series remove {id} removes it"),
            RowOf::Job => {
                format!("{FtpUser} cancel --forget {id} names what it may have left, and forgets it")
            }
        }
    }

    /// What a person is told of a damaged row.
    fn of(store: &Store, of: RowOf, (id, bad): DamagedRow) -> Self {
        Self { of, id, failure: store.failure(bad) }
    }
}

impl Queue {
    /// The jobs that are asked for, newest first.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn list(&self, query: &JobQuery) -> Result<Slice<QueuedJob, JobCursor>> {
        self.read(|store| list(store, query))
    }

    /// The jobs of this name, newest first, but for those that are damaged; without a name the last job alone. `owner`: whose
    /// they are, else those of all owners.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn called(&self, owner: Option<&str>, name: Option<&str>) -> Result<Vec<QueuedJob>> {
        self.read(|store| match name {
            Some(name) => named(store, owner, name),
            None => Ok(last(store, owner)?.into_iter().collect()),
        })
    }

    /// A job of the queue; `None` if there is none of this id.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn queued(&self, job: JobId) -> Result<Option<QueuedJob>> {
        self.read(|store| match find(&store.sql, job)? {
            Some(entry) => whole(&store.sql, job, entry),
            None => Ok(None),
        })
    }

    /// The jobs that have changed after the change with this number, and the number of the last change.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn changed_after(&self, number: u64) -> Result<(u64, TableRows<QueuedJob>)> {
        self.read(|store| {
            let sql = &store.sql;
            let last = last_change(sql)?;
            if last <= number {
                return Ok((number, TableRows::default()));
            }
            // A transaction is taken whole, so that the number of the last change says what was taken.
            let most = "SELECT max(changed) FROM (SELECT changed FROM queue WHERE changed > ?1 AND changed <= ?3 ORDER BY changed LIMIT ?2) AS next";
            let values = [number.into(), MOST_CHANGED.into(), last.into()];
            // All of them may have changed again meanwhile: they are found behind it.
            let up_to = sql.one(most, &values, |row| row.get::<Option<u64>>(0))?.unwrap_or(last);
            let condition = "changed > ?1 AND changed <= ?2 ORDER BY changed, job";
            let found = entries_and_damaged(sql, condition, &[number.into(), up_to.into()])?;
            Ok((up_to, all_whole(store, found)?))
        })
    }

    /// The jobs that ended first, of those whose ends were not reported, with the number of the change that ended them; `None` if
    /// all were reported, or no worker wants to know of them.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn next_unreported(&self) -> Result<Option<(u64, TableRows<QueuedJob>)>> {
        self.read(|store| {
            let sql = &store.sql;
            let Counters { commits, reported: Some(reported), .. } = counters(sql)? else { return Ok(None) };
            // A row that is damaged may have any number.
            let next =
                "SELECT min(changed) FROM queue WHERE changed > ?1 AND changed <= ?2 AND exit IS NOT NULL";
            let next: Option<u64> = sql.one(next, &[reported.into(), commits.into()], |row| row.get(0))?;
            let Some(number) = next else { return Ok(None) };
            let condition = "changed = ?1 AND exit IS NOT NULL ORDER BY job";
            let ended = entries_and_damaged(sql, condition, &[number.into()])?;
            // Nobody is told of an end that could be taken back.
            sql.settle()?;
            Ok(Some((number, all_whole(store, ended)?)))
        })
    }

    /// Notes that the ends of jobs up to this change were reported, unless more were, or nobody wants to know of them any more.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn set_reported(&self, number: u64) -> Result<()> {
        self.write(|Store { sql, .. }| {
            let counters = counters(sql)?;
            let reported = counters.reported.map(|last| last.max(number));
            set_counters(sql, Counters { reported, ..counters })
        })
    }

    /// The number of the last change.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn last_change(&self) -> Result<u64> {
        self.read(|store| last_change(&store.sql))
    }

    /// The jobs that may begin, if nothing else keeps them: the oldest of each group.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn heads(&self) -> Result<Vec<Head<JobId>>> {
        self.read(|store| heads(&store.sql, store.sql.now()?))
    }

    /// The time of the store, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn now(&self) -> Result<u64> {
        self.read(|store| store.sql.now())
    }

    /// The jobs that are carried, as a worker sees them when it looks for the next one. Each part of a tree counts as one.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn carried_jobs(&self) -> Result<Vec<CarriedJob>> {
        self.read(|store| carried(&store.sql))
    }

    /// The jobs that workers carry.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn carried_runs(&self) -> Result<HashMap<JobId, CarriedRun>> {
        self.read(|store| carried_runs(&store.sql))
    }

    /// The workers that were alive within the last hour.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn workers(&self) -> Result<Vec<WorkerRecord>> {
        self.read(|store| workers(&store.sql))
    }

    /// How many jobs of the queue there are in each state.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn count_by_state(&self) -> Result<BTreeMap<&'static str, u64>> {
        // Indexes have all that is counted here. Jobs between two tries are counted as scheduled, and subtracted below.
        let ended = QueueState::ALL.into_iter().filter(|state| state.has_ended()).collect();
        let scans: [(&str, Vec<QueueState>); 5] = [
            ("exit IS NOT NULL", ended),
            ("carried = 1 AND exit IS NULL", vec![QueueState::Running]),
            (PAUSED, vec![QueueState::Paused]),
            (TO_BEGIN, vec![QueueState::Queued, QueueState::Scheduled]),
            ("exit IS NULL AND cause IS NOT NULL", vec![QueueState::Waiting]),
        ];
        let of = |state: &QueueState| {
            let rows = match state {
                QueueState::Queued => IS_DUE.to_owned(),
                QueueState::Scheduled => format!("NOT {IS_DUE}"),
                QueueState::Running | QueueState::Paused => return "count(*)".to_owned(),
                QueueState::Waiting
                | QueueState::Done
                | QueueState::Partial
                | QueueState::Failed
                | QueueState::Cancelled => condition(Some(&[*state])),
            };
            format!("count(CASE WHEN {rows} THEN 1 END)")
        };
        let selects = (1..).zip(&scans).map(|(number, (rows, states))| {
            let counts: Vec<String> = states.iter().map(of).collect();
            format!("(SELECT {} FROM queue WHERE {rows}) AS scan{number}", counts.join(", "))
        });
        let ask = format!("SELECT * FROM {}", selects.collect::<Vec<_>>().join(", "));
        self.read(|Store { sql, .. }| {
            let mut counted: BTreeMap<&'static str, u64> = sql.one(&ask, &[sql.now()?.into()], |row| {
                let states = scans.iter().flat_map(|(_, states)| states).enumerate();
                states.map(|(column, state)| Ok((state.name(), row.get(column)?))).collect()
            })?;
            let waiting = counted.get(QueueState::Waiting.name()).copied().unwrap_or(0);
            if let Some(scheduled) = counted.get_mut(QueueState::Scheduled.name()) {
                *scheduled = scheduled.saturating_sub(waiting);
            }
            Ok(counted)
        })
    }
}

fn list(store: &Store, query: &JobQuery) -> Result<Slice<QueuedJob, JobCursor>, StoreError> {
    let site = query.site.as_ref().map(|site| format!(" {site} "));
    let (mut conditions, mut values) =
        (vec![condition(query.states.as_deref())], vec![Value::from(store.sql.now()?)]);
    if let Some(owner) = &query.owner {
        values.push(owner.into());
        conditions.push(format!("owner = ?{}", values.len()));
    }
    if let Some(site) = &site {
        values.push(site.into());
        // A pair is the names of its ends with a space between them.
        conditions.push(format!("replace(' ' || pair || ' ', ?{}, '') != ' ' || pair || ' '", values.len()));
    }
    if let Some(JobCursor { submitted, job }) = query.after {
        values.extend([Value::from(submitted), job.into()]);
        conditions.push(format!("(submitted, job) < (?{}, ?{})", values.len() - 1, values.len()));
    }
    let most = query.most;
    let condition =
        format!("{} ORDER BY submitted DESC, job DESC LIMIT {}", conditions.join(" AND "), most + 1);
    let mut found = listed(&store.sql, &condition, &values)?;
    let has_more = found.len() > most;
    found.truncate(most);
    let (mut items, mut size, mut next) = (Vec::new(), 0, None);
    let (last, now) = (found.len(), store.sql.now()?);
    // What a damaged row says of its state is not shown.
    let is_asked =
        |entry: &Entry| query.states.as_ref().is_none_or(|states| states.contains(&entry.state(now)));
    for (at, ((job, entry), damage)) in (1..).zip(found) {
        let cursor = JobCursor { submitted: entry.submitted.unwrap_or(0), job };
        let found = damage.map_or_else(|| whole(&store.sql, job, entry.clone()), Err);
        let shown = match found {
            Err(StoreError::Row(_)) => {
                let is_shown = is_asked(&entry);
                is_shown.then(|| QueuedJob { id: job, job: StoredJob::unreadable(), entry, is_damaged: true })
            }
            found => found?,
        };
        if let Some(whole) = shown {
            size += whole.job.words.iter().map(|word| word.len()).sum::<usize>();
            items.push(whole);
        }
        next = (has_more || at < last).then_some(cursor);
        if size > MOST_TEXT {
            break;
        }
    }
    Ok(Slice { items, next })
}

/// The jobs of this name that can be read, newest first. They are found by indexes: the owners one after the other, since a request is
/// found by both.
fn named(store: &Store, owner: Option<&str>, name: &str) -> Result<Vec<QueuedJob>, StoreError> {
    let sql = &store.sql;
    let (mut found, _) = entries_and_damaged(sql, OF_COMMAND, &[name.into()])?;
    let next = format!("SELECT min(owner) FROM queue WHERE {NEXT_OWNER}");
    let mut of_request = |owner: &str| -> Result<(), StoreError> {
        found.extend(entries_and_damaged(sql, OF_REQUEST, &[owner.into(), name.into()])?.0);
        Ok(())
    };
    match owner {
        Some(owner) => {
            of_request(owner)?;
            found.retain(|(_, entry)| entry.submission.owner == owner);
        }
        None => {
            let mut before = String::new();
            while let Some(owner) =
                sql.one::<Option<String>>(&next, &[(&*before).into()], |row| row.get(0))?
            {
                of_request(&owner)?;
                before = owner;
            }
        }
    }
    found.sort_by_key(|(job, entry)| Reverse((entry.submitted, *job)));
    found.dedup_by_key(|(job, _)| *job);
    Ok(all_whole(store, (found, Vec::new()))?.readable)
}

/// The last job that can be read.
fn last(store: &Store, owner: Option<&str>) -> Result<Option<QueuedJob>, StoreError> {
    let mut query = JobQuery { owner: owner.map(str::to_owned), most: 1, ..JobQuery::default() };
    loop {
        let Slice { items, next } = list(store, &query)?;
        let found = items.into_iter().find(|job| !job.is_damaged);
        if found.is_some() || next.is_none() {
            return Ok(found);
        }
        query.after = next;
    }
}

fn all_whole(
    store: &Store,
    (found, mut damaged): (Vec<(JobId, Entry)>, Vec<DamagedRow>),
) -> Result<TableRows<QueuedJob>, StoreError> {
    let mut jobs = Vec::new();
    for (job, entry) in found {
        match whole(&store.sql, job, entry) {
            Err(bad @ StoreError::Row(_)) => damaged.push((job, bad)),
            whole => jobs.extend(whole?),
        }
    }
    Ok(TableRows::of(store, RowOf::Job, (jobs, damaged)))
}

fn whole(sql: &Sql, id: JobId, entry: Entry) -> Result<Option<QueuedJob>, StoreError> {
    Ok(JobRow::find(sql, id)?.map(|row| QueuedJob { id, job: row.job, entry, is_damaged: false }))
}

/// The condition of rows in one of these states. `?1` is the time, and is always used. It says the same as [`Entry::state`].
fn condition(states: Option<&[QueueState]>) -> String {
    let Some(states) = states else { return ALL.to_owned() };
    let (done, partial, cancelled) = (DONE, PARTIAL, INTERRUPTED);
    let of = |state: &QueueState| match state {
        QueueState::Done => format!("exit = {done}"),
        QueueState::Partial => format!("exit = {partial}"),
        QueueState::Cancelled => format!("exit = {cancelled}"),
        QueueState::Failed => format!("exit NOT IN ({done}, {partial}, {cancelled})"),
        QueueState::Running => "exit IS NULL AND carried = 1".to_owned(),
        QueueState::Paused => PAUSED.to_owned(),
        QueueState::Waiting => format!("{TO_BEGIN} AND NOT {IS_DUE} AND cause IS NOT NULL"),
        QueueState::Scheduled => format!("{TO_BEGIN} AND NOT {IS_DUE} AND cause IS NULL"),
        QueueState::Queued => format!("{TO_BEGIN} AND {IS_DUE}"),
    };
    let any: Vec<String> = states.iter().map(|state| format!("({})", of(state))).collect();
    format!("{ALL} AND ({})", if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") })
}

/// The condition of the rows of jobs that are paused.
const PAUSED: &str = "exit IS NULL AND carried = 0 AND wish = 1";
/// The condition of the row of the job that a command line has named so.
const OF_COMMAND: &str = "job IN (SELECT id FROM jobs WHERE name = ?1)";
/// The condition of the row of the job of this owner that a request has named so.
const OF_REQUEST: &str = "owner = ?1 AND request = ?2";
/// The condition of the rows of the owners after this one.
const NEXT_OWNER: &str = "owner > ?1";
/// The condition of all rows, with the time as `?1`.
const ALL: &str = "CAST(?1 AS BIGINT) IS NOT NULL";

fn last_change(sql: &Sql) -> Result<u64, StoreError> {
    // A row that is damaged may have any number.
    let last = "SELECT coalesce(max(changed), 0) FROM queue WHERE changed <= ?1";
    sql.one(last, &[counters(sql)?.commits.into()], |row| row.get(0))
}

/// A slice of jobs ends when their words are larger than that, in bytes.
const MOST_TEXT: usize = 1 << 20;
/// The largest number of changes that are read at once.
const MOST_CHANGED: i64 = 500;
