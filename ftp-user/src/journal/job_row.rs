//! A job as its row has it.

use super::checksum::{Bad, check, replace, text};
use super::count::Count;
use super::item_row::number;
use super::record::{JobRecord, JobState};
use super::states::job_state;
use super::stored_job::StoredJob;
use crate::id::JobId;
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{Connection, Row};
use std::time::Duration;

/// A job as its row has it: [`JobState::Running`] stands for every job that has not ended.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) id: JobId,
    pub(super) job: StoredJob,
    pub(super) state: JobState,
    /// When it began first, in microseconds since 1970. No other job has the same.
    pub(super) begun: u64,
    /// When it ended last, in seconds since 1970.
    pub(super) ended: Option<u64>,
    /// What the first run has decided for all others.
    pub(super) decided: Option<String>,
}

impl JobRow {
    pub(super) const COLUMNS: &str = "id, verb, name, job, state, begun, ended, decided";
    /// The number of these columns.
    pub(super) const WIDTH: usize = 8;

    pub(super) fn find(sql: &Connection, id: JobId) -> Result<Option<Self>, Bad> {
        Self::query(sql, "id = ?1", &[&id.number().cast_signed()]).map(|rows| rows.into_iter().next())
    }

    pub(super) fn named(sql: &Connection, name: &str) -> Result<Option<Self>, Bad> {
        Self::query(sql, "name = ?1", &[&name]).map(|rows| rows.into_iter().next())
    }

    /// Every job, the one that began first comes first.
    pub(super) fn all(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "1 ORDER BY begun", &[])
    }

    /// The jobs that began last, those that have not ended before the others.
    pub(super) fn latest(sql: &Connection, most: usize) -> Result<Vec<Self>, Bad> {
        let latest = format!("ORDER BY state != 0, begun DESC LIMIT {most}");
        Self::query(sql, &format!("id IN (SELECT id FROM jobs {latest}) {latest}"), &[])
    }

    /// Every job that has ended. They are few, since the oldest of them are forgotten.
    pub(super) fn ended(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "state != 0", &[])
    }

    /// Every job that has not ended and that nothing goes on with.
    pub(super) fn passing(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::open_of_verb(sql, PASSING)
    }

    /// Every job of this verb that has not ended.
    pub(super) fn open_of_verb(sql: &Connection, verb: &str) -> Result<Vec<Self>, Bad> {
        Self::query(sql, "state = 0 AND verb = ?1", &[&verb])
    }

    /// Whether nothing goes on with it: it is in the journal only as long as it runs, because of what it claims.
    pub(super) fn is_passing(&self) -> bool {
        self.job.verb == PASSING
    }

    /// Every job that has not ended, has no name and has begun no file.
    pub(super) fn open_without_files(sql: &Connection) -> Result<Vec<Self>, Bad> {
        Self::query(
            sql,
            "state = 0 AND name IS NULL AND NOT EXISTS (SELECT 1 FROM items WHERE job = jobs.id)",
            &[],
        )
    }

    /// How many jobs have not ended.
    pub(super) fn count_open(sql: &Connection) -> Result<u64, Bad> {
        let count: i64 = sql.query_row("SELECT count(*) FROM jobs WHERE state = 0", [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn query(sql: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<Self>, Bad> {
        let mut statement =
            sql.prepare_cached(&format!("SELECT {}, sum FROM jobs WHERE {condition}", Self::COLUMNS))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            check(row, "jobs", Self::WIDTH)?;
            found.push(Self::of(row)?);
        }
        Ok(found)
    }

    fn of(row: &Row<'_>) -> Result<Self, Bad> {
        let job: StoredJob = serde_json::from_str(&row.get::<_, String>(3)?)
            .map_err(|why| Bad::Row(format!("a job cannot be read: {why}").into()))?;
        Ok(Self {
            id: JobId::new(row.get::<_, i64>(0)?.cast_unsigned()),
            job: StoredJob { name: row.get(2)?, ..job },
            state: job_state(row.get(4)?)?,
            begun: row.get::<_, i64>(5)?.cast_unsigned(),
            ended: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
            decided: row.get(7)?,
        })
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&self, sql: &Connection) -> Result<(), Bad> {
        let job = serde_json::to_string(&self.job)
            .map_err(|why| Bad::Row(format!("a job cannot be written: {why}").into()))?;
        let values = [
            ValueRef::Integer(self.id.number().cast_signed()),
            ValueRef::Text(self.job.verb.as_bytes()),
            text(self.job.name.as_deref()),
            ValueRef::Text(job.as_bytes()),
            ValueRef::Integer(match self.state {
                JobState::Running | JobState::Interrupted | JobState::Detached => 0,
                JobState::Done => 1,
                JobState::Failed => 2,
                JobState::Cancelled => 3,
            }),
            ValueRef::Integer(self.begun.cast_signed()),
            number(self.ended),
            text(self.decided.as_deref()),
        ];
        replace(sql, "jobs", Self::COLUMNS, &values)
    }

    /// The record. `process` is who runs the job, as the lock says; `is_detached` whether a file of it goes from server to
    /// server without this program.
    pub(super) fn record(self, process: Option<Option<u32>>, is_detached: bool, count: Count) -> JobRecord {
        let state = match (self.state, process) {
            (JobState::Running | JobState::Interrupted | JobState::Detached, Some(_)) => JobState::Running,
            (JobState::Running | JobState::Interrupted | JobState::Detached, None) if is_detached => {
                JobState::Detached
            }
            (JobState::Running | JobState::Interrupted | JobState::Detached, None) => JobState::Interrupted,
            (ended @ (JobState::Done | JobState::Failed | JobState::Cancelled), _) => ended,
        };
        let Count { files, bytes, failed, open, given_over, failures } = count;
        let (number, why) = failures.map_or((0, None), |failures| (failures.number, Some(failures.why)));
        JobRecord {
            id: self.id,
            job: self.job,
            state,
            begun: self.begun / MICROSECONDS,
            ended: self.ended,
            files,
            bytes,
            failed: failed.max(number),
            why,
            open,
            given_over,
            process: process.flatten(),
            transfer: None,
        }
    }
}

/// When a job begins that begins now: later than every other one, whatever becomes of the clock.
pub(super) fn begins(sql: &Connection, now: Duration) -> Result<u64, Bad> {
    let last: Option<i64> = sql.query_row("SELECT max(begun) FROM jobs", [], |row| row.get(0))?;
    let after = last.map_or(0, |last| last.cast_unsigned().saturating_add(1));
    Ok(u64::try_from(now.as_micros()).unwrap_or(after).max(after))
}

/// The verb of jobs that nothing goes on with: what they have done cannot be taken back.
const PASSING: &str = "append";
/// Of a second.
const MICROSECONDS: u64 = 1_000_000;
