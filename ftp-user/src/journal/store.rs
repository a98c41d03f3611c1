//! The database: opened, checked, read and changed.

use super::failure::JournalFailure;
use super::lock::{self, JobLock, Taken};
use super::record::{
    Begun, End, Ended, Found, ItemKey, ItemRecord, ItemState, JobRecord, JobState, NewItem, PartId, Seen,
    Start,
};
use super::tables::{Bad, ItemRow, JobRow, Parts, SCHEMA, VERSION, begins, check_files, count, forget};
use crate::id::JobId;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::OFlags;
use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The open database of one state directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    path: PathBuf,
    sql: Connection,
}

/// What became of a file that a job wants to begin.
#[derive(Debug)]
pub(super) enum Claim {
    /// It is claimed for the job.
    Ours(Begun),
    /// Another job that runs has claimed its destination.
    Theirs(JobId),
}

impl Store {
    /// Opens the journal for a job that writes. Makes it if it is not there.
    pub(super) fn open(directory: &Path) -> Result<Self, JournalFailure> {
        let path = directory.join(FILE);
        let cannot =
            |error: io::Error| JournalFailure::Unusable { path: path.clone(), why: error.to_string() };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot)?;
        // SQLite gives its other files the same mode.
        look(&path, File::options().create(true).truncate(false).mode(0o600))?;
        Self::at(directory, path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens the journal if it is there, and checks all of it.
    pub(super) fn existing(directory: &Path) -> Result<Option<Self>, JournalFailure> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        look(&path, &mut File::options())?;
        let store = Self::at(directory, path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.check()?;
        Ok(Some(store))
    }

    fn at(directory: &Path, path: PathBuf, flags: OpenFlags) -> Result<Self, JournalFailure> {
        let opened = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let sql = opened.map_err(|error| failure_of(&path, Bad::Sql(error)))?;
        let store = Self { directory: directory.to_owned(), path, sql };
        store.prepare().map_err(|bad| store.failure(bad))?;
        let found = store.version().map_err(|bad| store.failure(bad))?;
        match found {
            VERSION => Ok(store),
            found => Err(JournalFailure::Newer { path: store.path, found, known: VERSION }),
        }
    }

    fn prepare(&self) -> Result<(), Bad> {
        self.sql.busy_timeout(BUSY)?;
        // A reader of the version must not change a journal that it does not understand.
        if self.version()? > VERSION {
            return Ok(());
        }
        self.sql.pragma_update(None, "journal_mode", "WAL")?;
        self.sql.pragma_update(None, "synchronous", "FULL")?;
        if self.version()? == 0 {
            let version = format!("BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;");
            if let Err(error) = self.sql.execute_batch(&version) {
                let _ = self.sql.execute_batch("ROLLBACK");
                // Another run may have made them meanwhile.
                if self.version()? != VERSION {
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn version(&self) -> Result<i64, Bad> {
        Ok(self.sql.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// Checks the pages of the database and the sum of every row that matters.
    fn check(&self) -> Result<(), JournalFailure> {
        let checked = || -> Result<String, Bad> {
            JobRow::all(&self.sql)?;
            Ok(self.sql.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?)
        };
        match checked() {
            Ok(said) if said == "ok" => Ok(()),
            Ok(said) => Err(JournalFailure::Damaged { path: self.path.clone(), why: said }),
            Err(bad) => Err(self.failure(bad)),
        }
    }

    /// What a failure of the database means.
    pub(super) fn failure(&self, bad: Bad) -> JournalFailure {
        failure_of(&self.path, bad)
    }

    /// Does `work` in one transaction. It is on the disk when this returns.
    pub(super) fn durably<T>(&self, work: impl FnOnce(&Self) -> Result<T, Bad>) -> Result<T, JournalFailure> {
        let begun = self.sql.execute_batch("BEGIN IMMEDIATE").map_err(Bad::Sql);
        let done = begun.and_then(|()| work(self)).and_then(|done| {
            self.sql.execute_batch("COMMIT")?;
            Ok(done)
        });
        done.map_err(|bad| {
            let _ = self.sql.execute_batch("ROLLBACK");
            self.failure(bad)
        })
    }

    /// Begins a job or goes on with it. The lock is kept as long as it runs. With it comes what an earlier run has decided.
    /// A job goes on only if all rows of files are whole.
    pub(super) fn start(&self, start: &Start) -> Result<(JobLock, Option<String>), JournalFailure> {
        let taken = JobLock::take(&self.directory, start.id);
        let lock = match taken.map_err(|error| self.unusable(&error))? {
            Taken::Ours(lock) => lock,
            Taken::Theirs(process) => return Err(JournalFailure::Held { job: start.id, process }),
        };
        let begun = self.durably(|store| {
            if start.resumes {
                check_files(&store.sql)?;
            }
            if let Some(mut row) = JobRow::find(&store.sql, start.id)? {
                (row.state, row.ended) = (JobState::Running, None);
                row.save(&store.sql)?;
                return Ok(Ok(row.decided));
            }
            if start.resumes {
                return Ok(Err(JournalFailure::Unknown { job: start.id }));
            }
            let name = start.command.name.as_deref();
            if let Some(other) = name.map(|name| JobRow::named(&store.sql, name)).transpose()?.flatten() {
                // It was not there a moment ago: another process has begun it at the same time.
                let name = name.unwrap_or_default().to_owned();
                let is_same = other.command == start.command;
                return Ok(Err(match lock::holder(&store.directory, other.id).filter(|_| is_same) {
                    Some(process) => JournalFailure::Held { job: other.id, process },
                    None => JournalFailure::Named { job: other.id, name },
                }));
            }
            store.prune()?;
            let (verb, command) = (start.verb.clone(), start.command.clone());
            let (state, ended, decided) = (JobState::Running, None, None);
            let begun = begins(&store.sql, now())?;
            JobRow { id: start.id, verb, command, state, begun, ended, decided }.save(&store.sql)?;
            Ok(Ok(None))
        })?;
        begun.map(|decided| (lock, decided))
    }

    /// Forgets the oldest jobs that have ended.
    fn prune(&self) -> Result<(), Bad> {
        let ended: Vec<JobRow> =
            JobRow::all(&self.sql)?.into_iter().filter(|job| job.state != JobState::Running).collect();
        let surplus = (ended.len() + 1).saturating_sub(ENDED);
        for job in ended.iter().take(surplus) {
            forget(&self.sql, job.id)?;
        }
        Ok(())
    }

    /// Claims a file for a job.
    pub(super) fn begin(&self, job: JobId, file: &NewItem) -> Result<Claim, Bad> {
        let NewItem { place, part: first, seen } = file;
        let rows = ItemRow::at(&self.sql, place)?;
        let mut adopted = None;
        let mut known = None;
        for mut row in rows {
            if row.job == job {
                known = Some(row);
                continue;
            }
            if row.state != ItemState::Open {
                continue;
            }
            if lock::holder(&self.directory, row.job).is_some() {
                return Ok(Claim::Theirs(row.job));
            }
            // Its job was killed. What it has left is the business of this one now.
            let parts = row.parts(&self.sql)?;
            row.forget_parts(&self.sql)?;
            row.state = ItemState::GivenOver;
            row.why = Some(format!("job {job} has claimed its destination"));
            row.save(&self.sql)?;
            adopted = Some((parts, row.seen.filter(|_| row.place.source == place.source)));
        }
        let mut row = known.clone().unwrap_or_else(|| ItemRow::new(job, place.clone()));
        let is_same = row.place.source == place.source;
        let mut parts = Parts::default();
        let found = match (row.state, adopted) {
            (ItemState::Done, None) if is_same && known.is_some() => {
                let (seen, verified) = (row.seen.clone().unwrap_or_default(), row.verified.clone());
                Found::Done { seen, verified }
            }
            (ItemState::Open, None) if known.is_some() => {
                let seen = row.seen.clone().filter(|_| is_same);
                parts = row.parts(&self.sql)?;
                Found::Open { parts: parts.names.clone(), seen, in_place: parts.in_place.is_some() }
            }
            (_, Some((theirs, seen))) => {
                parts = theirs;
                Found::Open { parts: parts.names.clone(), seen, in_place: parts.in_place.is_some() }
            }
            (ItemState::Open | ItemState::Done | ItemState::Failed | ItemState::GivenOver, None) => {
                Found::New
            }
        };
        row.place = place.clone();
        if matches!(found, Found::Done { .. }) {
            return Ok(Claim::Ours(Begun { key: ItemKey(row.key), first: None, found }));
        }
        (row.state, row.why, row.verified, row.taken, row.bytes) = (ItemState::Open, None, None, None, 0);
        let first = match &found {
            Found::Open { seen, .. } => {
                row.seen.clone_from(seen);
                row.save(&self.sql)?;
                row.forget_parts(&self.sql)?;
                for part in &parts.names {
                    row.add_part(&self.sql, *part)?;
                }
                if let Some(part) = parts.in_place {
                    row.add_in_place(&self.sql, part)?;
                }
                None
            }
            Found::New | Found::Done { .. } => {
                row.seen.clone_from(seen);
                row.save(&self.sql)?;
                row.forget_parts(&self.sql)?;
                row.add_part(&self.sql, *first)?;
                Some(*first)
            }
        };
        Ok(Claim::Ours(Begun { key: ItemKey(row.key), first, found }))
    }

    /// A file that was found done is copied again: it gets a part.
    pub(super) fn again(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        if row.state != ItemState::Open {
            row.state = ItemState::Open;
            row.save(&self.sql)?;
        }
        row.add_part(&self.sql, part)
    }

    /// Something of a file may be stored under its final name.
    pub(super) fn in_place(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.add_in_place(&self.sql, part)
    }

    /// Notes what the source was before its first byte was read.
    pub(super) fn seen(&self, key: ItemKey, seen: Seen) -> Result<(), Bad> {
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.seen = Some(seen);
        row.save(&self.sql)
    }

    /// Notes how a file has ended.
    pub(super) fn ended(&self, key: ItemKey, ended: Ended) -> Result<(), Bad> {
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        match ended {
            Ended::Done { bytes, verified, path } => {
                row.state = ItemState::Done;
                (row.bytes, row.verified, row.taken, row.why) = (bytes, Some(verified), path, None);
            }
            Ended::Failed(why) => (row.state, row.why) = (ItemState::Failed, Some(why)),
            Ended::Unbegun => return row.forget(&self.sql),
        }
        row.save(&self.sql)?;
        row.forget_parts(&self.sql)
    }

    /// Notes what holds for all runs of a job.
    pub(super) fn decided(&self, job: JobId, decided: String) -> Result<(), Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        row.decided = Some(decided);
        row.save(&self.sql)
    }

    /// Notes how a job has ended.
    pub(super) fn finish(&self, job: JobId, end: End) -> Result<(), Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        row.state = end.state;
        row.ended = Some(now().as_secs());
        row.save(&self.sql)
    }

    /// Every job, the one that began first comes first.
    pub(super) fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        let all = || -> Result<Vec<JobRecord>, Bad> {
            let jobs = JobRow::all(&self.sql)?.into_iter().map(|row| {
                let process = lock::holder(&self.directory, row.id);
                let count = count(&self.sql, row.id)?;
                Ok(row.record(process, count))
            });
            jobs.collect()
        };
        all().map_err(|bad| self.failure(bad))
    }

    /// The files of a job in that state.
    pub(super) fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, JournalFailure> {
        let all = || -> Result<Vec<ItemRecord>, Bad> {
            ItemRow::of_job(&self.sql, job, state)?.into_iter().map(|row| row.record(&self.sql)).collect()
        };
        all().map_err(|bad| self.failure(bad))
    }

    fn unusable(&self, error: &io::Error) -> JournalFailure {
        JournalFailure::Unusable { path: self.path.clone(), why: error.to_string() }
    }
}

/// Looks at the file before SQLite opens it. The command lines in it are run again, so others may not write it.
fn look(path: &Path, options: &mut OpenOptions) -> Result<(), JournalFailure> {
    let unusable = |why: String| JournalFailure::Unusable { path: path.to_owned(), why };
    // Opening a FIFO must not wait for somebody at its other end.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = options.read(true).write(true).custom_flags(flags).open(path);
    let facts = file.and_then(|file| file.metadata()).map_err(|error| unusable(error.to_string()))?;
    if !facts.is_file() {
        return Err(unusable("it is not a regular file".to_owned()));
    }
    let own = rustix::process::geteuid().as_raw();
    if (facts.uid() != own && facts.uid() != 0) || facts.mode() & 0o022 != 0 {
        return Err(unusable("others own it or may write it".to_owned()));
    }
    Ok(())
}

/// A row that this run has written is not there any more.
const GONE: Bad = Bad::Row(Cow::Borrowed("a row of this run is gone"));

fn failure_of(path: &Path, bad: Bad) -> JournalFailure {
    let path = path.to_owned();
    match bad {
        Bad::Row(why) => JournalFailure::Damaged { path, why: why.into_owned() },
        Bad::Sql(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                JournalFailure::Damaged { path, why: error.to_string() }
            }
            // A column that has another type than it was written with.
            None => JournalFailure::Damaged { path, why: error.to_string() },
            Some(_) => JournalFailure::Unusable { path, why: error.to_string() },
        },
    }
}

/// The time since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The name of the database in the state directory.
pub(super) const FILE: &str = "journal.db";
/// How long another run may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// The largest number of jobs that are remembered after their end.
const ENDED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Command, Place};
    use rusqlite::params;

    fn place(source: &str) -> Place {
        Place { source: source.to_owned(), site: "ann@two:21".to_owned(), path: b"copy/f".to_vec() }
    }

    fn start(store: &Store, number: u64, resumes: bool) -> Result<JobLock, JournalFailure> {
        let (id, verb, command) = (JobId::new(number), "copy".to_owned(), Command::default());
        store.start(&Start { id, verb, command, resumes }).map(|(lock, _)| lock)
    }

    fn begin(store: &Store, job: u64, source: &str, part: u64) -> Claim {
        let file = NewItem { place: place(source), part: PartId(part), seen: None };
        store.durably(|store| store.begin(JobId::new(job), &file)).unwrap()
    }

    fn found(claim: Claim) -> Found {
        match claim {
            Claim::Ours(begun) => begun.found,
            Claim::Theirs(job) => panic!("claimed by {job}"),
        }
    }

    #[test]
    fn n10_a_destination_belongs_to_the_job_that_runs_and_else_to_whoever_asks_last() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let first = start(&store, 1, false).unwrap();
        assert_eq!(found(begin(&store, 1, "a", 10)), Found::New);
        let _second = start(&store, 2, false).unwrap();
        assert!(matches!(begin(&store, 2, "a", 20), Claim::Theirs(job) if job == JobId::new(1)));
        drop(first);
        // Its process is gone: what it has left is the business of the other job.
        let left = Found::Open { parts: vec![PartId(10)], seen: None, in_place: false };
        assert_eq!(found(begin(&store, 2, "a", 20)), left);
        let given_over = store.items(JobId::new(1), ItemState::GivenOver).unwrap();
        assert_eq!((given_over.len(), given_over[0].parts.clone()), (1, vec![]));
        assert!(store.items(JobId::new(1), ItemState::Open).unwrap().is_empty());
        assert_eq!(store.items(JobId::new(2), ItemState::Open).unwrap()[0].parts, [PartId(10)]);
    }

    #[test]
    fn n8_a_file_is_found_as_it_was_left() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let lock = start(&store, 1, false).unwrap();
        let Claim::Ours(begun) = begin(&store, 1, "a", 10) else { panic!("nobody else is there") };
        assert_eq!(begun.first, Some(PartId(10)));
        let seen = Seen { size: Some(5), modified: Some(7), unique: None };
        store.seen(begun.key, seen.clone()).unwrap();
        store.again(begun.key, PartId(11)).unwrap();
        drop((lock, store));

        let store = Store::existing(home.path()).unwrap().unwrap();
        assert_eq!(store.jobs().unwrap()[0].state, JobState::Interrupted);
        let lock = start(&store, 1, true).unwrap();
        assert_eq!(store.jobs().unwrap()[0].state, JobState::Running);
        let parts = vec![PartId(10), PartId(11)];
        let open = |in_place| Found::Open { parts: parts.clone(), seen: Some(seen.clone()), in_place };
        assert_eq!(found(begin(&store, 1, "a", 12)), open(false));
        store.in_place(begun.key, PartId(12)).unwrap();
        for _ in 0..2 {
            assert_eq!(found(begin(&store, 1, "a", 13)), open(true));
        }
        let verified = "sha-256".to_owned();
        store.ended(begun.key, Ended::Done { bytes: 5, verified: verified.clone(), path: None }).unwrap();
        assert_eq!(found(begin(&store, 1, "a", 13)), Found::Done { seen, verified: Some(verified) });
        assert_eq!(found(begin(&store, 1, "another source", 14)), Found::New);
        store.finish(JobId::new(1), End { state: JobState::Done }).unwrap();
        drop(lock);
        assert_eq!(store.jobs().unwrap()[0].state, JobState::Done);
        assert!(matches!(start(&store, 9, true), Err(JournalFailure::Unknown { .. })));
    }

    #[test]
    fn the_oldest_jobs_that_have_ended_are_forgotten_with_their_files() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let _runs = start(&store, 1, false).unwrap();
        for number in 2..ENDED as u64 + 5 {
            let _lock = start(&store, number, false).unwrap();
            found(begin(&store, number, "a", number + 100));
            store.finish(JobId::new(number), End { state: JobState::Failed }).unwrap();
        }
        let _last = start(&store, 1_000, false).unwrap();
        let jobs: Vec<u64> = store.jobs().unwrap().iter().map(|job| job.id.number()).collect();
        assert_eq!(jobs.len(), 1 + ENDED, "{jobs:?}");
        assert!(jobs.contains(&1) && jobs.contains(&1_000) && !jobs.contains(&2), "{jobs:?}");
        assert!(store.items(JobId::new(2), ItemState::Open).unwrap().is_empty());
    }

    #[test]
    fn a_byte_that_has_changed_is_damage() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let _lock = start(&store, 1, false).unwrap();
        begin(&store, 1, "a", 10);
        store.sql.execute("UPDATE items SET path = ?1", params![b"copy/g".to_vec()]).unwrap();
        assert!(matches!(store.items(JobId::new(1), ItemState::Open), Err(JournalFailure::Damaged { .. })));
    }

    #[test]
    fn n8_a_job_does_not_go_on_if_a_row_of_a_file_has_changed() {
        for (table, change, back) in [
            ("items", "UPDATE items SET path = x'00'", "UPDATE items SET path = CAST('copy/f' AS BLOB)"),
            // These rows look like those of another job and another file.
            ("items", "UPDATE items SET job = 7", "UPDATE items SET job = 1"),
            ("parts", "UPDATE parts SET item = 7", "UPDATE parts SET item = 1"),
        ] {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path()).unwrap();
            let lock = start(&store, 1, false).unwrap();
            begin(&store, 1, "a", 10);
            store.finish(JobId::new(1), End { state: JobState::Failed }).unwrap();
            drop(lock);
            store.sql.execute(change, []).unwrap();
            let damage = start(&store, 1, true).unwrap_err();
            assert!(matches!(damage, JournalFailure::Damaged { .. }), "{change}: {damage}");
            assert!(damage.to_string().contains(&format!("of the table {table}")), "{change}: {damage}");
            assert_eq!(store.jobs().unwrap()[0].state, JobState::Failed, "{change}");
            // A new job does not need what others have left.
            assert!(start(&store, 2, false).is_ok(), "{change}");
            store.sql.execute(back, []).unwrap();
            assert!(start(&store, 1, true).is_ok(), "{change}");
        }
    }
}
