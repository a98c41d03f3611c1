//! The row of a job and the rows beside it: what has failed in its last run, the names that this has kept, and how its files
//! stand in numbers. And what the last runs have tried.

use super::item_row::{IS_FILE, WAS_STORED, has_detached};
use super::record::{Failures, ItemState, JobRecord, JobState, StoredJob};
use super::sql::{GONE, Result, Row, Sql, StoreError, Value};
use super::table::{DamagedRow, FAILURES, JOBS, RUNS, WITHHELD, insert, read_json, written_json};
use super::{leases, queue};
use crate::account::RunAccount;
use crate::id::JobId;
use ftp_io::clock::since_1970;
use ftp_proto::deletion::WithheldName;
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
    pub(super) fn find(sql: &Sql, id: JobId) -> Result<Option<Self>> {
        Self::query(sql, "id = ?1", &[id.into()]).map(|mut rows| rows.pop())
    }

    /// The rows of these jobs; `None` in the place of one that is not there, or cannot be read.
    pub(super) fn readable(sql: &Sql, jobs: &[JobId]) -> Result<Vec<Option<Self>>> {
        let read = |row: &Row<'_>| Ok(JOBS.check(row).and_then(|()| Self::of(row)).ok());
        let found = one_row_per_job(sql, &JOBS.select("id = ?1"), jobs, read)?;
        Ok(found.into_iter().map(Option::flatten).collect())
    }

    pub(super) fn named(sql: &Sql, name: &str) -> Result<Option<Self>> {
        Self::query(sql, "name = ?1", &[name.into()]).map(|mut rows| rows.pop())
    }

    /// Every job, the one that began first comes first, and the rows that are damaged.
    pub(super) fn all_and_damaged(sql: &Sql) -> Result<(Vec<Self>, Vec<DamagedRow>)> {
        JOBS.find_whole(sql, "TRUE ORDER BY begun", &[], Self::of)
    }

    /// The jobs that began last, those that have not ended before the others.
    pub(super) fn latest(sql: &Sql, most: usize) -> Result<Vec<Self>> {
        let latest = format!("ORDER BY state != 0, begun DESC LIMIT {most}");
        Self::query(sql, &format!("id IN (SELECT id FROM jobs {latest}) {latest}"), &[])
    }

    /// Every job of a terminal that has ended. They are few, since the oldest of them are forgotten.
    pub(super) fn ended(sql: &Sql) -> Result<Vec<Self>> {
        Self::query(sql, &format!("state != 0 AND {OF_TERMINAL}"), &[])
    }

    /// Every job that has not ended and that nothing goes on with.
    pub(super) fn passing(sql: &Sql) -> Result<Vec<Self>> {
        Self::open_of_verb(sql, PASSING)
    }

    /// Every job of this verb that has not ended.
    pub(super) fn open_of_verb(sql: &Sql, verb: &str) -> Result<Vec<Self>> {
        Self::query(sql, "state = 0 AND verb = ?1", &[verb.into()])
    }

    /// Every job of this verb that a daemon carries, but for those that cannot be read.
    pub(super) fn carried_of_verb(sql: &Sql, verb: &str) -> Result<Vec<Self>> {
        let carried = "verb = ?1 AND id IN (SELECT job FROM queue WHERE carried = 1)";
        JOBS.find_whole(sql, carried, &[verb.into()], Self::of).map(|(jobs, _)| jobs)
    }

    /// Whether nothing goes on with it: it is in the journal only as long as it runs, because of what it claims.
    pub(super) fn is_passing(&self) -> bool {
        self.job.verb == PASSING
    }

    /// Every job of a terminal that has not ended, has no name and has begun no file.
    pub(super) fn open_without_files(sql: &Sql) -> Result<Vec<Self>> {
        let is_unbegun =
            "state = 0 AND name IS NULL AND NOT EXISTS (SELECT 1 FROM items WHERE job = jobs.id)";
        Self::query(sql, &format!("{is_unbegun} AND {OF_TERMINAL}"), &[])
    }

    /// How many jobs of terminals have not ended.
    pub(super) fn count_open(sql: &Sql) -> Result<u64> {
        let count = format!("SELECT count(*) FROM jobs WHERE state = 0 AND {OF_TERMINAL}");
        sql.one(&count, &[], |row| row.get(0))
    }

    fn query(sql: &Sql, condition: &str, values: &[Value<'_>]) -> Result<Vec<Self>> {
        JOBS.find(sql, condition, values, Self::of)
    }

    fn of(row: &Row<'_>) -> Result<Self> {
        let job: StoredJob = read_json(row.get(3)?, "a job")?;
        Ok(Self {
            id: row.get(0)?,
            job: StoredJob { name: row.get(2)?, ..job },
            state: JobState::numbered(row.get(4)?)?,
            begun: row.get(5)?,
            ended: row.get(6)?,
            decided: row.get(7)?,
        })
    }

    /// Writes the row, in the place of the one that is there.
    pub(super) fn save(&self, sql: &Sql) -> Result<()> {
        let job = written_json(&self.job, "a job")?;
        let values = [
            self.id.into(),
            self.job.verb.as_str().into(),
            self.job.name.as_deref().into(),
            job.as_str().into(),
            self.state.number().into(),
            self.begun.into(),
            self.ended.into(),
            self.decided.as_deref().into(),
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
    pub(super) fn record(self, sql: &Sql, process: Option<Option<u32>>) -> Result<JobRecord> {
        let state = self.state_now(process.is_some(), has_detached(sql, self.id, true)?);
        let FileCounts { done, bytes, failed, open, given_over, failures } = count(sql, self.id)?;
        let (number, why) = failures.map_or((0, None), |failures| (failures.number, Some(failures.why)));
        let queued = queue::find(sql, self.id)?;
        let is_carried = queued.as_ref().is_some_and(|entry| entry.is_carried);
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
            worker_lost: None,
            progress: if is_carried { leases::progress(sql, self.id)? } else { None },
            queued,
        })
    }
}

/// When a job begins that begins now: later than every other one, whatever becomes of the clock.
pub(super) fn next_beginning(sql: &Sql, now: Duration) -> Result<u64> {
    Ok(beginning_after(sql.one("SELECT max(begun) FROM jobs", &[], |row| row.get(0))?, now))
}

/// A beginning later than `last`: now, or the next microsecond after it.
pub(super) fn beginning_after(last: Option<u64>, now: Duration) -> u64 {
    let after = last.map_or(0, |last| last.saturating_add(1));
    u64::try_from(now.as_micros()).unwrap_or(after).max(after)
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
    /// What has failed in the last run: files, directories that could not be listed, and files that were never begun, which have no row
    /// of their own.
    pub(super) failures: Option<Failures>,
}

impl FileCounts {
    /// Whether no file was begun.
    pub(super) const fn is_idle(&self) -> bool {
        self.done == 0 && self.failed == 0 && self.open == 0 && self.given_over == 0
    }
}

/// Counts the files of a job.
pub(super) fn count(sql: &Sql, job: JobId) -> Result<FileCounts> {
    counts(sql, &[job])?.pop().ok_or(GONE)
}

/// Counts the files of each of these jobs.
pub(super) fn counts(sql: &Sql, jobs: &[JobId]) -> Result<Vec<FileCounts>> {
    let [done, failed, open, given_over] =
        [ItemState::Done, ItemState::Failed, ItemState::Open, ItemState::GivenOver]
            .map(|state| format!("state = {}", state.number()));
    let ask = format!(
        "SELECT count(CASE WHEN {done} THEN 1 END), CAST(coalesce(sum(CASE WHEN {done} THEN bytes END), 0) AS BIGINT),
            count(CASE WHEN {failed} THEN 1 END), count(CASE WHEN {open} AND {is_file} THEN 1 END),
            count(CASE WHEN {given_over} AND {is_file} THEN 1 END) FROM items WHERE job = ?1",
        is_file = *IS_FILE
    );
    let counts = one_row_per_job(sql, &ask, jobs, |row| {
        Ok(FileCounts {
            done: row.get(0)?,
            bytes: row.get(1)?,
            failed: row.get(2)?,
            open: row.get(3)?,
            given_over: row.get(4)?,
            failures: None,
        })
    })?;
    let failures = one_row_per_job(sql, &FAILURES.select("job = ?1"), jobs, |row| {
        FAILURES.check(row)?;
        Ok(Failures { number: row.get(1)?, why: row.get(2)? })
    })?;
    let all = counts.into_iter().zip(failures);
    all.map(|(counts, failures)| Ok(FileCounts { failures, ..counts.ok_or(GONE)? })).collect()
}

/// Asks a statement whose only value is a job for all of these at once. `None`: it has found no row.
pub(super) fn one_row_per_job<T>(
    sql: &Sql,
    statement: &str,
    jobs: &[JobId],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    let values: Vec<[Value<'_>; 1]> = jobs.iter().map(|job| [(*job).into()]).collect();
    let values: Vec<&[Value<'_>]> = values.iter().map(<[Value<'_>; 1]>::as_slice).collect();
    let mut found: Vec<Option<T>> = jobs.iter().map(|_| None).collect();
    sql.query_each(statement, &values, &mut |number, row| {
        *found.get_mut(number).ok_or(GONE)? = Some(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// How many files of a source there are in the journal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FilesBelow {
    /// Those whose copies are finished, and for a move those that were finished and lost since: it may have deleted their sources.
    pub finished: u64,
    /// All others: begun, failed or left to another job.
    pub unfinished: u64,
    /// What told one of their sources from other files.
    pub unique: Option<String>,
}

/// Counts the files of a job whose sources begin with `prefix`.
pub(super) fn files_below(sql: &Sql, job: JobId, prefix: &str, moves: bool) -> Result<FilesBelow> {
    let finished = if moves { WAS_STORED.clone() } else { format!("state = {}", ItemState::Done.number()) };
    // An empty end stands for none: nothing is before an empty text.
    let ask = format!(
        "SELECT count(CASE WHEN {finished} THEN 1 END), count(CASE WHEN {finished} THEN NULL ELSE 1 END),
            max(uniq) FROM items
        WHERE job = ?1 AND source >= ?2 AND (?3 = '' OR source < ?3)"
    );
    let end = end_of_prefix(prefix);
    sql.one(&ask, &[job.into(), prefix.into(), end.as_str().into()], |row| {
        Ok(FilesBelow { finished: row.get(0)?, unfinished: row.get(1)?, unique: row.get(2)? })
    })
}

/// The first text behind all those that begin with `prefix`; an empty one if there is none.
fn end_of_prefix(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // What follows the last character before the surrogates is the first one behind them.
        let mut next = (u32::from(last) + 1..=u32::from(char::MAX)).filter_map(char::from_u32);
        if let Some(next) = next.next() {
            end.push(next);
            break;
        }
    }
    end
}

/// Writes what has failed in a run of a job, in the place of what was known.
pub(super) fn set_failures(sql: &Sql, job: JobId, failures: Option<&Failures>) -> Result<()> {
    let Some(Failures { number, why }) = failures else {
        sql.write("DELETE FROM failures WHERE job = ?1", &[job.into()])?;
        return Ok(());
    };
    FAILURES.replace(sql, &[job.into(), (*number).into(), why.into()])
}

/// Notes names that a job keeps.
pub(super) fn add_withheld(sql: &Sql, job: JobId, names: &[WithheldName]) -> Result<()> {
    let (known, addition) =
        ("SELECT count(*) FROM withheld WHERE job = ?1 AND path = ?2", WITHHELD.addition());
    for name in names {
        let name = [job.into(), name.as_bytes().into()];
        if sql.number(known, &name)? == 0 {
            insert(sql, &addition, &name)?;
        }
    }
    Ok(())
}

/// The names that a job has kept. `retry --yes` agrees to delete them, once: they are forgotten.
pub(super) fn take_withheld(sql: &Sql, job: JobId) -> Result<Vec<WithheldName>> {
    let job = [job.into()];
    let names = WITHHELD.find(sql, "job = ?1", &job, |row| Ok(WithheldName::from_stored(row.get(1)?)))?;
    sql.write("DELETE FROM withheld WHERE job = ?1", &job)?;
    Ok(names)
}

/// Keeps a run. The oldest runs are forgotten.
pub(super) fn keep_run(sql: &Sql, run: &RunAccount) -> Result<()> {
    let text = serde_json::to_string(run).map_err(|error| StoreError::Row(error.to_string().into()))?;
    let next = sql.number("SELECT coalesce(max(id), 0) + 1 FROM runs", &[])?;
    RUNS.replace(sql, &[next.into(), (&text).into()])?;
    sql.write("DELETE FROM runs WHERE id <= ?1", &[(next - RUNS_KEPT).into()])?;
    Ok(())
}

/// The runs that are kept, the last one last. Runs are only shown, so one that was damaged is left out: it stops neither a
/// job nor the other runs.
pub(super) fn runs(sql: &Sql) -> Result<Vec<RunAccount>> {
    let found = sql.all(&RUNS.select("TRUE ORDER BY id"), &[], |row| {
        let text = RUNS.check(row).and_then(|()| row.get::<&str>(1)).ok();
        Ok(text.and_then(|text| serde_json::from_str(text).ok()))
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Whether a job is not a job of the queue.
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
    use crate::journal::directory::FILE;
    use crate::journal::record::JobStart;
    use crate::journal::sql::SqliteConnection;
    use crate::journal::store::Store;
    use crate::journal::table::check_files;

    use ftp_proto::listing::{Facts, Kind};
    use ftp_proto::wire::PathName;

    #[test]
    fn names_that_were_kept_are_told_once_and_a_changed_row_is_noticed() {
        let (_home, store) = Store::for_tests();
        let id = JobId::new(1);
        let _lock = store.start(&JobStart::for_tests(id, "sync")).unwrap();
        let file = Facts { size: Some(5), ..Facts::of_kind(Kind::File) };
        let name = |path: &[u8]| WithheldName::new(&PathName::from_wire(path.to_vec()).unwrap(), &file);
        let names = vec![name(b"a"), name(b"b/\xff")];
        store.durably(|store| add_withheld(&store.sql, id, &names)).unwrap();
        // The names of one job are not those of another.
        assert!(store.durably(|store| take_withheld(&store.sql, JobId::new(2))).unwrap().is_empty());
        assert_eq!(store.durably(|store| take_withheld(&store.sql, id)).unwrap(), names);
        assert!(store.durably(|store| take_withheld(&store.sql, id)).unwrap().is_empty());
        store.durably(|store| add_withheld(&store.sql, id, &names)).unwrap();
        store.sql.execute("UPDATE withheld SET path = 'c' WHERE substr(path, 1, 1) = x'61'", &[]).unwrap();
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
        let sql = SqliteConnection::open_for_tests(&home.path().join(FILE));
        sql.execute("UPDATE runs SET account = '{}' WHERE id = 3", &[]).unwrap();
        let left: Vec<String> = journal.runs().unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(left, ["1", "3", "4", "5", "6", "7", "8", "9", "10"], "every row has a checksum");
        check_files(&sql).expect("what is only shown stops no job");
    }
}
