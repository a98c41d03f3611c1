//! The jobs that a shell offers while a word is completed: nothing is written, nothing is waited for, and their number is bounded.

use super::checksum::Bad;
use super::hands::{look, look_around};
use super::job_row::JobRow;
use super::lock;
use super::mark::promised;
use super::part_rows::has_detached;
use super::record::JobState;
use super::store::FILE;
use super::stored_job::StoredJob;
use super::tables::VERSION;
use crate::id::JobId;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// A job of the journal, by which a person knows it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentJob {
    /// The identity of the job.
    pub id: JobId,
    /// How it stands. One that is not over and that nobody runs is called interrupted, also if it had begun nothing.
    pub state: JobState,
    /// What was asked for.
    pub job: StoredJob,
}

/// The jobs of the journal in this directory: first those that have not ended, and of each kind the last ones. None if there
/// is no journal, or if it cannot be read at once: whoever wants to know why asks with `jobs`.
pub fn recent_jobs(directory: &Path) -> Vec<RecentJob> {
    read(directory).unwrap_or_default()
}

fn read(directory: &Path) -> Option<Vec<RecentJob>> {
    let path = directory.join(FILE);
    fs::symlink_metadata(&path).ok()?;
    look_around(&path).ok()?;
    // SQLite removes the log of an empty database, even if it only reads.
    promised(&path).ok()?;
    look(&path, &mut File::options()).ok()?;
    // Without a log of changes beside it, the file is all there is. With this promise SQLite makes no file beside it.
    let is_whole = !directory.join(format!("{FILE}-wal")).exists();
    let promise = if is_whole { "&immutable=1" } else { "" };
    let uri = format!("file:{}?mode=ro{promise}", encoded(path.as_os_str().as_bytes()));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = Connection::open_with_flags(uri, flags).ok()?;
    sql.busy_timeout(PATIENCE).ok()?;
    let version: i64 = sql.pragma_query_value(None, "user_version", |row| row.get(0)).ok()?;
    let rows = if version == VERSION { JobRow::latest(&sql, MOST).ok()? } else { return None };
    let recent = rows.into_iter().filter(|row| !row.is_passing()).map(|row| recent(directory, &sql, row));
    recent.collect::<Result<_, Bad>>().ok()
}

fn recent(directory: &Path, sql: &Connection, row: JobRow) -> Result<RecentJob, Bad> {
    let state = match row.state {
        JobState::Running if lock::holder(directory, row.id).is_some() => JobState::Running,
        JobState::Running if has_detached(sql, row.id, true)? => JobState::Detached,
        JobState::Running => JobState::Interrupted,
        ended @ (JobState::Interrupted
        | JobState::Detached
        | JobState::Done
        | JobState::Failed
        | JobState::Cancelled) => ended,
    };
    Ok(RecentJob { id: row.id, state, job: row.job })
}

/// A path as a part of a URI.
fn encoded(path: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'/' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.iter().map(one).collect()
}

/// The largest number of jobs that are offered.
const MOST: usize = 50;
/// How long another process may hold the database.
const PATIENCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::{End, Start};
    use crate::journal::store::Store;

    fn start(store: &Store, number: u64, name: Option<&str>) -> lock::JobLock {
        let job = StoredJob { name: name.map(str::to_owned), ..StoredJob::for_tests("copy a b") };
        let start = Start { id: JobId::new(number), job, resumes: false };
        store.start(&start).unwrap().0
    }

    fn shown(directory: &Path) -> Vec<(u64, Option<String>, JobState)> {
        let jobs = recent_jobs(directory).into_iter();
        jobs.map(|job| (job.id.number(), job.job.name, job.state)).collect()
    }

    #[test]
    fn jobs_that_have_not_ended_come_first_and_nothing_is_written() {
        let home = tempfile::tempdir().unwrap();
        // A path may have characters that mean something to SQLite.
        let directory = home.path().join("st%41te ?#");
        assert_eq!(shown(&directory), []);
        let store = Store::open_for_tests(&directory).unwrap();
        drop(start(&store, 1, Some("night")));
        let runs = start(&store, 2, None);
        drop(start(&store, 3, None));
        store.finish(JobId::new(3), End::Done, None).unwrap();
        let expect = [
            (2, None, JobState::Running),
            (1, Some("night".to_owned()), JobState::Interrupted),
            (3, None, JobState::Done),
        ];
        assert_eq!(shown(&directory), expect, "while another process writes");
        drop((runs, store));
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        assert_eq!(shown(&directory).len(), 3, "when nobody does");
        assert_eq!(names(), before);
        fs::write(directory.join(FILE), "no journal").unwrap();
        assert_eq!(shown(&directory), []);
    }

    #[test]
    fn the_number_of_jobs_is_bounded() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open_for_tests(home.path()).unwrap();
        for number in 1..=MOST as u64 + 10 {
            let lock = start(&store, number, None);
            store.sql.execute("INSERT INTO items (id, job, source, site, path, state, looked, bytes, attempts, sum) SELECT ?1, ?1, '', '', CAST(?1 AS BLOB), 0, 0, 0, 0, 0", [number.cast_signed()]).unwrap();
            drop(lock);
        }
        let jobs = recent_jobs(home.path());
        assert_eq!((jobs.len(), jobs[0].id), (MOST, JobId::new(MOST as u64 + 10)));
    }
}
