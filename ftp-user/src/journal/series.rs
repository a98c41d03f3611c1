//! Series in the journal: jobs that are carried again and again.

use super::failure::JournalFailure;
use super::leases::is_live;
use super::listing::{RowOf, TableRows, UnreadableRow};
use super::queue::{self, Queue, SITES, put, submission};
use super::record::StoredJob;
use super::sql::{Result, Row, Sql, StoreError, Value};
use super::store::Store;
use super::table::{DamagedRow, SERIES, read_json, written_json};
use crate::id::JobId;
use crate::queue::{Entry, QueueState, Series, Submission, Turn, turn};

/// A series as the journal has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesRecord {
    /// The identity of the series.
    pub id: JobId,
    /// What is carried in each of its runs.
    pub job: StoredJob,
    /// When, for whom, and what came of it so far.
    pub series: Series,
}

/// What became of a planned run of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedRun {
    /// The series that has planned it.
    pub series: JobId,
    /// Whether it has begun, and in whose place.
    pub turn: Turn,
    /// Its job, or the one before it if it was left out.
    pub job: Option<JobId>,
}

impl Queue {
    /// Adds a series.
    ///
    /// # Errors
    ///
    /// The journal cannot be written, or has as many as it may have.
    pub fn add_series(&self, record: &SeriesRecord) -> Result<(), JournalFailure> {
        self.write(|store| {
            let owner = &record.series.submission.owner;
            let count = "SELECT count(*), count(CASE WHEN owner = ?1 THEN 1 END) FROM series";
            let (all, own): (u64, u64) =
                store.sql.one(count, &[owner.into()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if all >= MOST || own >= MOST_OF_OWNER {
                return Ok(Err(store.full(MOST_OF_OWNER)));
            }
            save(&store.sql, record).map(Ok)
        })?
    }

    /// All series, the oldest first, and those that cannot be read.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn series(&self) -> Result<TableRows<SeriesRecord>, JournalFailure> {
        self.read(|store| {
            let all = find(&store.sql, "TRUE ORDER BY created, id", &[])?;
            Ok(TableRows::of(store, RowOf::Series, all))
        })
    }

    /// Changes a series.
    ///
    /// # Errors
    ///
    /// There is none of this id, or the journal cannot be written.
    pub fn change_series(
        &self,
        id: JobId,
        change: impl FnOnce(&mut Series, u64),
    ) -> Result<SeriesRecord, JournalFailure> {
        let changed = self.write(|store| {
            let Some(mut record) = one(&store.sql, id)? else { return Ok(None) };
            change(&mut record.series, store.sql.now()?);
            save(&store.sql, &record)?;
            Ok(Some(record))
        })?;
        changed.ok_or(JournalFailure::Unknown { job: id })
    }

    /// Removes a series, also one that cannot be read. Its runs stay.
    ///
    /// # Errors
    ///
    /// There is none of this id, or the journal cannot be written.
    pub fn remove_series(&self, id: JobId) -> Result<(), JournalFailure> {
        let remove = "DELETE FROM series WHERE id = ?1";
        match self.write(|store| store.sql.execute(remove, &[id.into()]))? {
            0 => Err(JournalFailure::Unknown { job: id }),
            _ => Ok(()),
        }
    }

    /// Begins the runs whose time has come. `new_id` makes the identity of a job, if there are random numbers.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written, or a job gets no identity.
    pub fn begin_planned(
        &self,
        new_id: impl Fn() -> Option<JobId>,
    ) -> Result<TableRows<PlannedRun>, JournalFailure> {
        self.with(|store| {
            let due = store
                .sql
                .now()
                .and_then(|now| find(&store.sql, "paused = 0 AND next <= ?1 ORDER BY next", &[now.into()]));
            let (due, damaged) = due.map_err(|bad| store.failure(bad))?;
            let mut planned = TableRows::of(store, RowOf::Series, (Vec::new(), damaged));
            for SeriesRecord { id, .. } in due {
                if planned.readable.len() >= MOST_AT_ONCE {
                    break;
                }
                let job = new_id().ok_or_else(|| store.unusable("there are no random numbers"))?;
                match store.durably(|store| begin(store, id, job)) {
                    // Another row that it needs is damaged.
                    Err(failure @ JournalFailure::Damaged { .. }) => {
                        planned.unreadable.push(UnreadableRow { of: RowOf::Series, id, failure });
                    }
                    begun => planned.readable.extend(begun?),
                }
            }
            Ok(planned)
        })
    }
}

/// Begins the planned run of a series, or leaves it out, and plans the next one. `None`: none is planned.
fn begin(store: &Store, id: JobId, job: JobId) -> Result<Option<PlannedRun>> {
    let now = store.sql.now()?;
    // Another daemon may have begun it, or somebody has changed it, since it was found.
    let is_due = |record: &SeriesRecord| {
        !record.series.is_paused && record.series.next.is_some_and(|next| next <= now)
    };
    let Some(mut record) = one(&store.sql, id)?.filter(is_due) else { return Ok(None) };
    let last = record.series.last;
    let before = last.map(|last| queue::find(&store.sql, last)).transpose();
    let (before, state) = match (before, last) {
        // Nobody begins one whose row is damaged, but a run of it may go on.
        (Err(StoreError::Row(_)), Some(last)) => {
            (None, is_live(&store.sql, last)?.then_some(QueueState::Running))
        }
        (before, _) => {
            let before = before?.flatten();
            let state = before.as_ref().map(|entry| entry.state(now));
            (before, state)
        }
    };
    let turn = turn(state);
    if let (Turn::Replace, Some(last), Some(mut entry)) = (turn, last, before) {
        // It has not ended, so it can be given up.
        let _ = entry.cancel(true, now);
        queue::keep(store, last, entry)?;
    }
    if turn != Turn::Skip {
        let (submission, series) = (record.series.submission.clone(), Some(record.id));
        let entry = Entry { submission, created: now, due: now, series, ..Entry::default() };
        put(store, job, record.job.clone(), &entry)?;
        record.series.last = Some(job);
    }
    record.series.plan_next(now);
    save(&store.sql, &record)?;
    let job = if turn == Turn::Skip { last } else { Some(job) };
    Ok(Some(PlannedRun { series: record.id, turn, job }))
}

fn one(sql: &Sql, id: JobId) -> Result<Option<SeriesRecord>> {
    SERIES.find(sql, "id = ?1", &[id.into()], read).map(|mut found| found.pop())
}

fn find(sql: &Sql, condition: &str, values: &[Value<'_>]) -> Result<(Vec<SeriesRecord>, Vec<DamagedRow>)> {
    SERIES.find_whole(sql, condition, values, read)
}

fn read(row: &Row<'_>) -> Result<SeriesRecord> {
    let every: &str = row.get(5)?;
    let every =
        every.parse().map_err(|why| StoreError::Row(format!("a series cannot be read: {why}").into()))?;
    Ok(SeriesRecord {
        id: row.get(0)?,
        job: read_json(row.get(4)?, "a job")?,
        series: Series {
            submission: submission(row, 1, 11)?,
            every,
            zone: row.get(6)?,
            created: row.get(7)?,
            next: row.get(8)?,
            is_paused: row.get(9)?,
            last: row.get(10)?,
        },
    })
}

fn save(sql: &Sql, SeriesRecord { id, job, series }: &SeriesRecord) -> Result<()> {
    let (job, every) = (written_json(job, "a job")?, series.every.to_string());
    let Submission { owner, pair, priority, is_limited, sites } = &series.submission;
    let sites = written_json(sites, SITES)?;
    let values = [
        (*id).into(),
        owner.into(),
        pair.into(),
        i64::from(priority.number()).into(),
        (&job).into(),
        (&every).into(),
        (&series.zone).into(),
        series.created.into(),
        series.next.into(),
        series.is_paused.into(),
        series.last.into(),
        (*is_limited).into(),
        (&sites).into(),
    ];
    SERIES.replace(sql, &values)
}

/// The largest number of series.
const MOST: u64 = 1_000;
/// The largest number of series of one owner.
const MOST_OF_OWNER: u64 = 100;
/// The largest number of planned runs that begin in one look.
const MOST_AT_ONCE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::WorkerId;
    use crate::journal::Leases;
    use crate::queue::QueueState;
    use ftp_io::clock::since_1970;
    use std::cell::Cell;

    fn series(next: u64) -> SeriesRecord {
        let series = Series {
            submission: Submission {
                owner: "ann".to_owned(),
                pair: "one two".to_owned(),
                ..Submission::default()
            },
            every: "1h".parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
            created: 5,
            next: Some(next),
            is_paused: false,
            last: None,
        };
        SeriesRecord { id: JobId::new(1), job: StoredJob::copy_for_tests(), series }
    }

    #[test]
    fn a_run_that_another_daemon_has_begun_or_somebody_has_changed_since_it_was_found_is_left_alone() {
        let (_home, queue) = Queue::for_tests();
        queue.add_series(&series(since_1970().as_secs() - 10)).unwrap();
        let id = JobId::new(1);
        let begin = |job| {
            let begun = queue.with(|store| store.durably(|store| begin(store, id, JobId::new(job))));
            begun.unwrap().map(|run| run.turn)
        };
        assert_eq!((begin(10), begin(11)), (Some(Turn::Begin), None));
        queue
            .change_series(id, |series, now| (series.is_paused, series.next) = (true, Some(now - 1)))
            .unwrap();
        assert_eq!(begin(12), None);
        queue.remove_series(id).unwrap();
        assert_eq!(
            (begin(13), queue.series().unwrap()),
            (None, TableRows::default()),
            "it does not come back"
        );
    }

    #[test]
    fn a_damaged_series_keeps_nobody_from_the_others() {
        let (_home, queue) = Queue::for_tests();
        let due = since_1970().as_secs() - 10;
        for id in [1, 2] {
            queue.add_series(&SeriesRecord { id: JobId::new(id), ..series(due) }).unwrap();
        }
        queue.change_for_tests("UPDATE series SET sum = 0 WHERE id = 1", &[]);
        let TableRows { readable: runs, unreadable } = queue.begin_planned(|| Some(JobId::new(10))).unwrap();
        let ids = |runs: &[PlannedRun]| runs.iter().map(|run| run.series.number()).collect::<Vec<_>>();
        let damaged = |all: &[UnreadableRow]| all.iter().map(|one| one.id.number()).collect::<Vec<_>>();
        assert_eq!((ids(&runs), damaged(&unreadable)), (vec![2], vec![1]));
        let TableRows { readable: all, unreadable } = queue.series().unwrap();
        assert_eq!((all.len(), all[0].id, damaged(&unreadable)), (1, JobId::new(2), vec![1]));
        queue.remove_series(JobId::new(1)).unwrap();
        assert_eq!(queue.series().unwrap(), TableRows { readable: all, unreadable: Vec::new() });
    }

    #[test]
    fn each_run_is_a_job_of_its_own_and_replaces_one_that_has_not_begun() {
        let (_home, queue) = Queue::for_tests();
        let due = Cell::new(since_1970().as_secs() - 10);
        let record = series(due.get());
        queue.add_series(&record).unwrap();
        assert_eq!(queue.series().unwrap().readable, [record]);
        let planned = |id| queue.begin_planned(|| Some(JobId::new(id))).unwrap().readable;
        let run = |turn, job| [PlannedRun { series: JobId::new(1), turn, job: Some(JobId::new(job)) }];
        let again = || {
            queue.change_series(JobId::new(1), |series, now| {
                assert_eq!(series.next, Some(due.get() + 3600));
                due.set(now - 10);
                series.next = Some(due.get());
            })
        };
        assert_eq!(planned(10), run(Turn::Begin, 10));
        assert_eq!(planned(11), [], "the next one is in an hour");
        drop(again().unwrap());
        assert_eq!(planned(12), run(Turn::Replace, 12));
        let state =
            |id| queue.job(JobId::new(id)).unwrap().unwrap().queued.unwrap().state(since_1970().as_secs());
        assert_eq!((state(10), state(12)), (QueueState::Cancelled, QueueState::Queued));
        let holder = Leases::of(&queue, WorkerId::new(1));
        assert_eq!(holder.take(1, &[], |_, _| true).unwrap().readable.len(), 1);
        drop(again().unwrap());
        assert_eq!(planned(13), run(Turn::Skip, 12));
        assert_eq!(queue.job(JobId::new(12)).unwrap().unwrap().queued.unwrap().series, Some(JobId::new(1)));
        // A run that goes on is not begun a second time because its row is damaged, and one that has ended is followed.
        queue.change_for_tests("UPDATE queue SET sum = 0 WHERE job = 12", &[]);
        drop(again().unwrap());
        assert_eq!(planned(14), run(Turn::Skip, 12));
        queue.change_for_tests("DELETE FROM leases", &[]);
        drop(again().unwrap());
        assert_eq!(planned(15), run(Turn::Begin, 15));
        let paused = queue.change_series(JobId::new(1), |series, now| {
            (series.is_paused, series.next) = (true, Some(now - 1));
        });
        assert!(paused.unwrap().series.is_paused && planned(16).is_empty());
        queue.remove_series(JobId::new(1)).unwrap();
        assert_eq!(queue.series().unwrap().readable, []);
        assert!(queue.change_series(JobId::new(1), |_, _| ()).is_err());
        assert!(queue.remove_series(JobId::new(1)).is_err());
    }
}
