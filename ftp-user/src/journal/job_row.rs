//! The row of a job and the rows beside it: what has failed in its last run, the names that this has kept, and how its files
//! stand in numbers. And what the last runs have tried.

use super::item_row::{IS_FILE, has_detached};
use super::queue;
use super::record::{Failures, ItemState, JobRecord, JobState, StoredJob};
use super::table::{FAILURES, JOBS, RUNS, StoreError, WITHHELD, insert, number, text};
use crate::account::RunAccount;
use crate::id::JobId;
use ftp_io::clock::since_1970;
use ftp_proto::deletion::WithheldName;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, params};
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
    pub(super) fn find(sql: &Connection, id: JobId) -> Result<Option<Self>, StoreError> {
        Self::query(sql, "id = ?1", [id.number().cast_signed()]).map(|mut rows| rows.pop())
    }

    pub(super) fn named(sql: &Connection, name: &str) -> Result<Option<Self>, StoreError> {
        Self::query(sql, "name = ?1", [name]).map(|mut rows| rows.pop())
    }

    /// Every job, the one that began first comes first.
    pub(super) fn all(sql: &Connection) -> Result<Vec<Self>, StoreError> {
        Self::query(sql, "1 ORDER BY begun", [])
    }

    /// The jobs that began last, those that have not ended before the others.
    pub(super) fn latest(sql: &Connection, most: usize) -> Result<Vec<Self>, StoreError> {
        let latest = format!("ORDER BY state != 0, begun DESC LIMIT {most}");
        Self::query(sql, &format!("id IN (SELECT id FROM jobs {latest}) {latest}"), [])
    }

    /// Every job of a terminal that has ended. They are few, since the oldest of them are forgotten.
    pub(super) fn ended(sql: &Connection) -> Result<Vec<Self>, StoreError> {
        Self::query(sql, &format!("state != 0 AND {OF_TERMINAL}"), [])
    }

    /// Every job that has not ended and that nothing goes on with.
    pub(super) fn passing(sql: &Connection) -> Result<Vec<Self>, StoreError> {
        Self::open_of_verb(sql, PASSING)
    }

    /// Every job of this verb that has not ended.
    pub(super) fn open_of_verb(sql: &Connection, verb: &str) -> Result<Vec<Self>, StoreError> {
        Self::query(sql, "state = 0 AND verb = ?1", [verb])
    }

    /// Whether nothing goes on with it: it is in the journal only as long as it runs, because of what it claims.
    pub(super) fn is_passing(&self) -> bool {
        self.job.verb == PASSING
    }

    /// Every job of a terminal that has not ended, has no name and has begun no file.
    pub(super) fn open_without_files(sql: &Connection) -> Result<Vec<Self>, StoreError> {
        let is_unbegun =
            "state = 0 AND name IS NULL AND NOT EXISTS (SELECT 1 FROM items WHERE job = jobs.id)";
        Self::query(sql, &format!("{is_unbegun} AND {OF_TERMINAL}"), [])
    }

    /// How many jobs of terminals have not ended.
    pub(super) fn count_open(sql: &Connection) -> Result<u64, StoreError> {
        let count = format!("SELECT count(*) FROM jobs WHERE state = 0 AND {OF_TERMINAL}");
        let count: i64 = sql.query_row(&count, [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn query(sql: &Connection, condition: &str, values: impl Params) -> Result<Vec<Self>, StoreError> {
        JOBS.find(sql, condition, values, Self::of)
    }

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let job = Self::read_job(&row.get::<_, String>(3)?)?;
        Ok(Self {
            id: JobId::new(row.get::<_, i64>(0)?.cast_unsigned()),
            job: StoredJob { name: row.get(2)?, ..job },
            state: JobState::numbered(row.get(4)?)?,
            begun: row.get::<_, i64>(5)?.cast_unsigned(),
            ended: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
            decided: row.get(7)?,
        })
    }

    /// What was asked for, as a row has it.
    pub(super) fn read_job(text: &str) -> Result<StoredJob, StoreError> {
        serde_json::from_str(text)
            .map_err(|why| StoreError::Row(format!("a job cannot be read: {why}").into()))
    }

    /// The text of what was asked for.
    pub(super) fn written_job(job: &StoredJob) -> Result<String, StoreError> {
        serde_json::to_string(job)
            .map_err(|why| StoreError::Row(format!("a job cannot be written: {why}").into()))
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&self, sql: &Connection) -> Result<(), StoreError> {
        let job = Self::written_job(&self.job)?;
        let values = [
            ValueRef::Integer(self.id.number().cast_signed()),
            ValueRef::Text(self.job.verb.as_bytes()),
            text(self.job.name.as_deref()),
            ValueRef::Text(job.as_bytes()),
            ValueRef::Integer(self.state.number()),
            ValueRef::Integer(self.begun.cast_signed()),
            number(self.ended),
            text(self.decided.as_deref()),
        ];
        JOBS.replace(sql, &values)
    }

    /// How the job stands. `is_detached`: a file of it goes from server to server without this program.
    pub(super) const fn state_now(&self, is_run: bool, is_detached: bool) -> JobState {
        match (is_run, is_detached) {
            _ if self.state.has_ended() => self.state,
            (true, _) => JobState::Running,
            (false, true) => JobState::Detached,
            (false, false) => JobState::Interrupted,
        }
    }

    /// The record. `process` is who runs the job, as the lock says.
    pub(super) fn record(
        self,
        sql: &Connection,
        process: Option<Option<u32>>,
    ) -> Result<JobRecord, StoreError> {
        let state = self.state_now(process.is_some(), has_detached(sql, self.id, true)?);
        let FileCounts { done, bytes, failed, open, given_over, failures } = count(sql, self.id)?;
        let (number, why) = failures.map_or((0, None), |failures| (failures.number, Some(failures.why)));
        Ok(JobRecord {
            id: self.id,
            job: self.job,
            state,
            // A clock that was ahead once has made it later than it was.
            begun: (self.begun / MICROSECONDS).min(self.ended.unwrap_or_else(|| since_1970().as_secs())),
            ended: self.ended,
            files: done,
            bytes,
            failed: failed.max(number),
            why,
            open,
            given_over,
            process: process.flatten(),
            transfer: None,
            queued: queue::find(sql, self.id)?,
        })
    }
}

/// When a job begins that begins now: later than every other one, whatever becomes of the clock.
pub(super) fn next_beginning(sql: &Connection, now: Duration) -> Result<u64, StoreError> {
    let last: Option<i64> = sql.query_row("SELECT max(begun) FROM jobs", [], |row| row.get(0))?;
    let after = last.map_or(0, |last| last.cast_unsigned().saturating_add(1));
    Ok(u64::try_from(now.as_micros()).unwrap_or(after).max(after))
}

/// How the files of a job stand.
#[derive(Clone, Debug)]
pub(super) struct FileCounts {
    pub(super) done: u64,
    /// The bytes of those that are done.
    pub(super) bytes: u64,
    pub(super) failed: u64,
    pub(super) open: u64,
    pub(super) given_over: u64,
    /// What has failed in the last run, also what is no file.
    pub(super) failures: Option<Failures>,
}

impl FileCounts {
    /// Whether no file was begun.
    pub(super) const fn is_idle(&self) -> bool {
        self.done == 0 && self.failed == 0 && self.open == 0 && self.given_over == 0
    }
}

/// Counts the files of a job.
pub(super) fn count(sql: &Connection, job: JobId) -> Result<FileCounts, StoreError> {
    let number = |state: ItemState, what: &str| -> Result<u64, StoreError> {
        let ask = format!("SELECT {what} FROM items WHERE job = ?1 AND state = ?2");
        let values = [job.number().cast_signed(), state.number()];
        let found: i64 = sql.prepare_cached(&ask)?.query_row(values, |row| row.get(0))?;
        Ok(found.cast_unsigned())
    };
    let files = format!("coalesce(sum({}), 0)", *IS_FILE);
    Ok(FileCounts {
        done: number(ItemState::Done, "count(*)")?,
        bytes: number(ItemState::Done, "coalesce(sum(bytes), 0)")?,
        failed: number(ItemState::Failed, "count(*)")?,
        open: number(ItemState::Open, &files)?,
        given_over: number(ItemState::GivenOver, &files)?,
        failures: failures(sql, job)?,
    })
}

/// How many files of a source there are in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilesBelow {
    /// Those whose copies are finished.
    pub finished: u64,
    /// All others: begun, failed or left to another job.
    pub unfinished: u64,
}

/// Counts the files of a job whose sources begin with `prefix`.
pub(super) fn files_below(sql: &Connection, job: JobId, prefix: &str) -> Result<FilesBelow, StoreError> {
    let ask = "SELECT coalesce(sum(state = ?3), 0), coalesce(sum(state != ?3), 0) FROM items
        WHERE job = ?1 AND instr(source, ?2) = 1";
    let values = params![job.number().cast_signed(), prefix, ItemState::Done.number()];
    let (finished, unfinished): (i64, i64) =
        sql.prepare_cached(ask)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(FilesBelow { finished: finished.cast_unsigned(), unfinished: unfinished.cast_unsigned() })
}

/// What has failed in the last run of a job: its files, directories that could not be listed, and files that were never begun,
/// which have no row of their own.
fn failures(sql: &Connection, job: JobId) -> Result<Option<Failures>, StoreError> {
    let found = FAILURES.find(sql, "job = ?1", [job.number().cast_signed()], |row| {
        Ok(Failures { number: row.get::<_, i64>(1)?.cast_unsigned(), why: row.get(2)? })
    });
    found.map(|mut rows| rows.pop())
}

/// Writes what has failed in a run of a job, in the place of what was known.
pub(super) fn set_failures(
    sql: &Connection,
    job: JobId,
    failures: Option<&Failures>,
) -> Result<(), StoreError> {
    let job = job.number().cast_signed();
    let Some(Failures { number, why }) = failures else {
        sql.prepare_cached("DELETE FROM failures WHERE job = ?1")?.execute([job])?;
        return Ok(());
    };
    let values =
        [ValueRef::Integer(job), ValueRef::Integer(number.cast_signed()), ValueRef::Text(why.as_bytes())];
    FAILURES.replace(sql, &values)
}

/// Notes names that a job keeps.
pub(super) fn add_withheld(sql: &Connection, job: JobId, names: &[WithheldName]) -> Result<(), StoreError> {
    let statement = WITHHELD.replacement();
    for name in names {
        let name = ValueRef::Blob(name.as_bytes());
        insert(sql, &statement, &[ValueRef::Integer(job.number().cast_signed()), name])?;
    }
    Ok(())
}

/// The names that a job has kept. `retry --yes` agrees to delete them, once: they are forgotten.
pub(super) fn take_withheld(sql: &Connection, job: JobId) -> Result<Vec<WithheldName>, StoreError> {
    let job = [job.number().cast_signed()];
    let names = WITHHELD.find(sql, "job = ?1", job, |row| Ok(WithheldName::from_stored(row.get(1)?)))?;
    sql.prepare_cached("DELETE FROM withheld WHERE job = ?1")?.execute(job)?;
    Ok(names)
}

/// Keeps a run. The oldest runs are forgotten.
pub(super) fn keep_run(sql: &Connection, run: &RunAccount) -> Result<(), StoreError> {
    let text = serde_json::to_string(run).map_err(|error| StoreError::Row(error.to_string().into()))?;
    let next: i64 = sql.query_row("SELECT coalesce(max(id), 0) + 1 FROM runs", [], |row| row.get(0))?;
    RUNS.replace(sql, &[ValueRef::Integer(next), ValueRef::Text(text.as_bytes())])?;
    sql.execute("DELETE FROM runs WHERE id <= ?1", [next - RUNS_KEPT])?;
    Ok(())
}

/// The runs that are kept, the last one last. Runs are only shown, so one that was damaged is left out: it stops neither a
/// job nor the other runs.
pub(super) fn runs(sql: &Connection) -> Result<Vec<RunAccount>, StoreError> {
    let mut statement = sql.prepare(&RUNS.select("1 ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = RUNS.check(row).ok().and_then(|()| row.get_ref(1).ok()?.as_str().ok());
        found.extend(text.and_then(|text| serde_json::from_str::<RunAccount>(text).ok()));
    }
    Ok(found)
}

/// Whether a job is no job of the queue.
const OF_TERMINAL: &str = "NOT EXISTS (SELECT 1 FROM queue WHERE job = jobs.id)";
/// The verb of jobs that nothing goes on with: what they have done cannot be taken back.
const PASSING: &str = "append";
/// Of a second.
const MICROSECONDS: u64 = 1_000_000;
/// The largest number of runs that are kept.
const RUNS_KEPT: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::journal::record::JobStart;
    use crate::journal::store::{FILE, Store};
    use crate::journal::table::check_files;

    use ftp_proto::listing::{Facts, Kind};
    use ftp_proto::wire::PathName;

    #[test]
    fn names_that_were_kept_are_told_once_and_a_changed_row_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let id = JobId::new(1);
        let start = JobStart { id, job: StoredJob::for_tests("sync"), resumes: false };
        let store = Store::open_for_tests(home.path()).unwrap();
        let _lock = store.start(&start).unwrap();
        let file = Facts { size: Some(5), ..Facts::of_kind(Kind::File) };
        let name = |path: &[u8]| WithheldName::new(&PathName::from_wire(path.to_vec()).unwrap(), &file);
        let names = vec![name(b"a"), name(b"b/\xff")];
        store.durably(|store| add_withheld(&store.sql, id, &names)).unwrap();
        // The names of one job are not those of another.
        assert!(store.durably(|store| take_withheld(&store.sql, JobId::new(2))).unwrap().is_empty());
        assert_eq!(store.durably(|store| take_withheld(&store.sql, id)).unwrap(), names);
        assert!(store.durably(|store| take_withheld(&store.sql, id)).unwrap().is_empty());
        store.durably(|store| add_withheld(&store.sql, id, &names)).unwrap();
        store.sql.execute("UPDATE withheld SET path = 'c' WHERE substr(path, 1, 1) = x'61'", []).unwrap();
        assert!(store.durably(|store| take_withheld(&store.sql, id)).is_err());
    }

    #[test]
    fn n14_the_last_runs_are_kept_and_the_oldest_one_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::at(Some(home.path().to_path_buf()), |_| None);
        assert_eq!(journal.runs().unwrap(), []);
        for id in 0..=RUNS_KEPT {
            journal.keep_run(&RunAccount { id: id.to_string(), ..RunAccount::default() }).unwrap();
        }
        let kept = journal.runs().unwrap();
        assert_eq!((kept.len() as i64, kept[0].id.as_str()), (RUNS_KEPT, "1"));
        let sql = Connection::open(home.path().join(FILE)).unwrap();
        sql.execute("UPDATE runs SET account = '{}' WHERE id = 3", []).unwrap();
        let left: Vec<String> = journal.runs().unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(left, ["1", "3", "4", "5", "6", "7", "8", "9", "10"], "every row has a checksum");
        check_files(&sql).expect("what is only shown stops no job");
    }
}
