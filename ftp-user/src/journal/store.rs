//! The database: opened, checked, read and changed.

use super::failure::JournalFailure;
use super::hands::look;
use super::lock::{self, JobLock, Taken};
use super::prune::prune;
use super::record::{
    Begun, Command, Detached, End, Ended, Found, ItemKey, ItemRecord, ItemState, JobRecord, JobState,
    NAME_OF_COPY, NewItem, PartId, Place, Seen, Start,
};
use super::tables::{Bad, ItemRow, JobRow, Parts, SCHEMA, VERSION, begins, check_files, count, goes_on};
use super::upgrade::upgrade;
use crate::id::JobId;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    /// A transfer of another job moves there without this program.
    Moves(JobId),
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
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Nobody knows whether there are jobs.
            Err(error) => return Err(JournalFailure::Unusable { path, why: error.to_string() }),
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
        if self.version()? == VERSION {
            return Ok(());
        }
        self.make_tables().or_else(|bad| {
            let _ = self.sql.execute_batch("ROLLBACK");
            // Another run may have made them meanwhile.
            if self.version()? == VERSION { Ok(()) } else { Err(bad) }
        })
    }

    /// Makes the tables of this version, from those of an older one if they are there.
    fn make_tables(&self) -> Result<(), Bad> {
        self.sql.execute_batch("BEGIN IMMEDIATE")?;
        match self.version()? {
            0 => self.sql.execute_batch(SCHEMA)?,
            VERSION => {}
            _ => upgrade(&self.sql)?,
        }
        Ok(self.sql.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT;"))?)
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

    /// Begins a job or goes on with it. The lock is kept as long as it runs, and those of processes that were killed are
    /// removed. With it comes what an earlier run has decided.
    /// A job goes on only if all rows of files are whole.
    pub(super) fn start(&self, start: &Start) -> Result<(JobLock, Option<String>), JournalFailure> {
        let taken = JobLock::take(&self.directory, start.id);
        let lock = match taken.map_err(|error| self.unusable(&error))? {
            Taken::Ours(lock) => lock,
            Taken::Theirs(process) => return Err(JournalFailure::Held { job: start.id, process }),
        };
        lock::sweep(&self.directory);
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
                if let Some(freed) = store.freed(&other)? {
                    freed.save(&store.sql)?;
                    return store.begins(start);
                }
                let name = name.unwrap_or_default().to_owned();
                let is_same = other.command == start.command;
                return Ok(Err(match lock::holder(&store.directory, other.id).filter(|_| is_same) {
                    Some(process) => JournalFailure::Held { job: other.id, process },
                    None => JournalFailure::Named { job: other.id, name },
                }));
            }
            store.begins(start)
        })?;
        begun.map(|decided| (lock, decided))
    }

    /// Writes the row of a new job.
    fn begins(&self, start: &Start) -> Result<Result<Option<String>, JournalFailure>, Bad> {
        prune(&self.sql)?;
        let (verb, command) = (start.verb.clone(), start.command.clone());
        let (state, ended, decided) = (JobState::Running, None, None);
        let begun = begins(&self.sql, now())?;
        JobRow { id: start.id, verb, command, state, begun, ended, decided }.save(&self.sql)?;
        Ok(Ok(None))
    }

    /// A job that has ended without storing anything, without its name; `None` if it is no such job.
    fn freed(&self, job: &JobRow) -> Result<Option<JobRow>, Bad> {
        let count = count(&self.sql, job.id)?;
        let is_free = job.clone().record(None, false, count).has_stored_nothing();
        let command = Command { name: None, ..job.command.clone() };
        Ok(is_free.then(|| JobRow { command, ..job.clone() }))
    }

    /// Claims a file for a job.
    pub(super) fn begin(&self, job: JobId, file: &NewItem) -> Result<Claim, Bad> {
        let NewItem { place, part: first, seen } = file;
        let (known, others): (Vec<ItemRow>, _) =
            ItemRow::at(&self.sql, place)?.into_iter().partition(|row| row.job == job);
        let known = known.into_iter().next();
        if let Some(row) = known.as_ref().filter(|row| row.state == ItemState::GivenOver) {
            let why = row.why.clone().unwrap_or_else(|| "a later job has claimed its destination".to_owned());
            let (key, first) = (ItemKey(row.key), None);
            return Ok(Claim::Ours(Begun { key, first, found: Found::GivenOver { why } }));
        }
        let others: Vec<ItemRow> = others.into_iter().filter(|row| row.state == ItemState::Open).collect();
        for row in &others {
            if lock::holder(&self.directory, row.job).is_some() {
                return Ok(Claim::Theirs(row.job));
            }
            if self.moves_alone(row)? {
                return Ok(Claim::Moves(row.job));
            }
        }
        let adopted = self.take_over(job, place, others)?;
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
                open(&parts, seen)
            }
            (_, Some((theirs, seen))) => {
                parts = theirs;
                open(&parts, seen)
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
        (row.began, row.ended) = (None, None);
        let first = match &found {
            Found::Open { seen, .. } => {
                row.seen.clone_from(seen);
                row.save(&self.sql)?;
                row.set_parts(&self.sql, &parts)?;
                None
            }
            Found::New | Found::Done { .. } | Found::GivenOver { .. } => {
                row.seen.clone_from(seen);
                row.save(&self.sql)?;
                row.forget_parts(&self.sql)?;
                row.add_part(&self.sql, *first)?;
                Some(*first)
            }
        };
        Ok(Claim::Ours(Begun { key: ItemKey(row.key), first, found }))
    }

    /// Whether a file of a job that nobody runs may still move from server to server.
    fn moves_alone(&self, row: &ItemRow) -> Result<bool, Bad> {
        if row.parts(&self.sql)?.detached.is_none_or(|detached| !detached.moves) {
            return Ok(false);
        }
        let left = JobRow::find(&self.sql, row.job)?.and_then(|job| job.ended);
        let is_over = |left: u64| now().as_secs() >= left.saturating_add(LONGEST_ALONE.as_secs());
        Ok(!left.is_some_and(is_over))
    }

    /// Takes the destination of a file from jobs that were killed. What they have left is the business of `job` now:
    /// the names of the last one, and what its source was, if that is the same.
    fn take_over(
        &self,
        job: JobId,
        place: &Place,
        others: Vec<ItemRow>,
    ) -> Result<Option<(Parts, Option<Seen>)>, Bad> {
        let mut adopted = None;
        for mut row in others {
            let parts = row.parts(&self.sql)?;
            row.forget_parts(&self.sql)?;
            row.state = ItemState::GivenOver;
            row.why = Some(format!("job {job} has claimed its destination"));
            row.save(&self.sql)?;
            self.retire(row.job, job)?;
            adopted = Some((parts, row.seen.filter(|_| row.place.source == place.source)));
        }
        Ok(adopted)
    }

    /// A job has lost a file to a later one. If the later one copies all of it, or there was nothing else, it is over.
    fn retire(&self, old: JobId, new: JobId) -> Result<(), Bad> {
        let Some(mut old) = JobRow::find(&self.sql, old)?.filter(|old| old.state == JobState::Running) else {
            return Ok(());
        };
        let has_one_file = old.decided.as_deref() == Some(NAME_OF_COPY) && !old.command.may_be_a_tree();
        let new = JobRow::find(&self.sql, new)?;
        if has_one_file || new.is_some_and(|new| new.command.asks_for_the_same(&old.command)) {
            (old.state, old.ended) = (JobState::Failed, Some(now().as_secs()));
            old.save(&self.sql)?;
        }
        Ok(())
    }

    /// Notes a further name under which something of a file may be stored. A file that was done is open again.
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

    /// Notes a transfer that may go on without this program, or that there is none any more.
    pub(super) fn detached(&self, key: ItemKey, detached: Option<&Detached>) -> Result<(), Bad> {
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.set_detached(&self.sql, detached)
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
            Ended::Done { bytes, verified, path, began } => {
                row.state = ItemState::Done;
                (row.bytes, row.verified, row.taken, row.why) = (bytes, Some(verified), path, None);
                row.began = began;
            }
            Ended::Failed { why, began } => {
                (row.state, row.why, row.began) = (ItemState::Failed, Some(why), began);
            }
            Ended::Unbegun => return row.forget(&self.sql),
        }
        row.ended = u64::try_from(now().as_millis()).ok();
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
        row.state = match end {
            End::Cancelled => JobState::Cancelled,
            // A file that may move without this program is left to another run.
            _ if goes_on(&self.sql, job, false)? => JobState::Interrupted,
            End::Done => JobState::Done,
            End::Failed => JobState::Failed,
            End::Interrupted => JobState::Interrupted,
        };
        row.ended = Some(now().as_secs());
        row.save(&self.sql)
    }

    /// Every job, the one that began first comes first. Locks of processes that were killed are removed.
    pub(super) fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        lock::sweep(&self.directory);
        let all = || -> Result<Vec<JobRecord>, Bad> {
            let jobs = JobRow::all(&self.sql)?.into_iter().map(|row| {
                let process = lock::holder(&self.directory, row.id);
                let (count, goes_on) = (count(&self.sql, row.id)?, goes_on(&self.sql, row.id, true)?);
                Ok(row.record(process, goes_on, count))
            });
            jobs.collect()
        };
        all().map_err(|bad| self.failure(bad))
    }

    /// The files of a job in that state.
    pub(super) fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, JournalFailure> {
        self.files(job, state).map_err(|bad| self.failure(bad))
    }

    /// The same, inside a transaction.
    pub(super) fn files(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, Bad> {
        ItemRow::of_job(&self.sql, job, state)?.into_iter().map(|row| row.record(&self.sql)).collect()
    }

    fn unusable(&self, error: &io::Error) -> JournalFailure {
        JournalFailure::Unusable { path: self.path.clone(), why: error.to_string() }
    }
}

/// A file that was begun and has not ended.
fn open(parts: &Parts, seen: Option<Seen>) -> Found {
    let (names, in_place) = (parts.names.clone(), parts.in_place.is_some());
    Found::Open { parts: names, seen, in_place, detached: parts.detached.clone() }
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
/// For how long servers let a transfer go on without this program.
const LONGEST_ALONE: Duration = Duration::from_secs(3600);
/// How long another run may hold the database.
const BUSY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::prune::ENDED;
    use super::*;
    use ftp_proto::wire::TransferId;
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
            Claim::Theirs(job) | Claim::Moves(job) => panic!("claimed by {job}"),
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
        let left = Found::Open { parts: vec![PartId(10)], seen: None, in_place: false, detached: None };
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
        let (detached, seen_then) = (None, Some(seen.clone()));
        let open = |in_place| Found::Open {
            parts: parts.clone(),
            seen: seen_then.clone(),
            in_place,
            detached: detached.clone(),
        };
        assert_eq!(found(begin(&store, 1, "a", 12)), open(false));
        store.in_place(begun.key, PartId(12)).unwrap();
        for _ in 0..2 {
            assert_eq!(found(begin(&store, 1, "a", 13)), open(true));
        }
        let verified = "sha-256".to_owned();
        store
            .ended(begun.key, Ended::Done { bytes: 5, verified: verified.clone(), path: None, began: None })
            .unwrap();
        assert_eq!(found(begin(&store, 1, "a", 13)), Found::Done { seen, verified: Some(verified) });
        assert_eq!(found(begin(&store, 1, "another source", 14)), Found::New);
        store.finish(JobId::new(1), End::Done).unwrap();
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
            store.finish(JobId::new(number), End::Failed).unwrap();
        }
        let _last = start(&store, 1_000, false).unwrap();
        let jobs: Vec<u64> = store.jobs().unwrap().iter().map(|job| job.id.number()).collect();
        assert_eq!(jobs.len(), 1 + ENDED, "{jobs:?}");
        assert!(jobs.contains(&1) && jobs.contains(&1_000) && !jobs.contains(&2), "{jobs:?}");
        assert!(store.items(JobId::new(2), ItemState::Open).unwrap().is_empty());
    }

    #[test]
    fn jobs_that_have_begun_nothing_take_the_place_of_no_other_job() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        for number in 1..=40 {
            let _lock = start(&store, number, false).unwrap();
            if number == 1 {
                found(begin(&store, number, "a", number + 100));
            }
            store.finish(JobId::new(number), End::Failed).unwrap();
        }
        let jobs: Vec<u64> = store.jobs().unwrap().iter().map(|job| job.id.number()).collect();
        assert_eq!(jobs, [1, 36, 37, 38, 39, 40]);
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
            store.finish(JobId::new(1), End::Failed).unwrap();
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

    #[test]
    fn n9_a_transfer_that_goes_on_alone_is_found_by_whoever_claims_its_file_next() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let lock = start(&store, 1, false).unwrap();
        let Claim::Ours(begun) = begin(&store, 1, "a", 10) else { panic!("no other job is there") };
        let id = |number| TransferId::new([number; 16]);
        let path = "dest-listens".to_owned();
        let mut detached = Detached { source: id(1), destination: id(2), path, before: 7, moves: false };
        store.detached(begun.key, Some(&detached)).unwrap();
        store.finish(JobId::new(1), End::Done).unwrap();
        drop(lock);
        let state = || store.jobs().unwrap()[0].state;
        assert_eq!(state(), JobState::Interrupted, "nobody has said that it moves");
        detached.moves = true;
        store.detached(begun.key, Some(&detached)).unwrap();
        assert_eq!(state(), JobState::Detached);
        let items = |job| store.items(JobId::new(job), ItemState::Open).unwrap();
        assert_eq!(items(1)[0].detached, Some(detached.clone()));
        let lock = start(&store, 2, false).unwrap();
        let moves = begin(&store, 2, "a", 11);
        assert!(matches!(moves, Claim::Moves(job) if job == JobId::new(1)), "{moves:?}");
        drop(lock);
        // Nobody has heard of it for longer than any server lets it go on.
        let mut row = JobRow::find(&store.sql, JobId::new(1)).unwrap().unwrap();
        row.ended = row.ended.map(|ended| ended - LONGEST_ALONE.as_secs());
        row.save(&store.sql).unwrap();
        let _lock = start(&store, 3, false).unwrap();
        let Found::Open { detached: found, .. } = found(begin(&store, 3, "a", 11)) else {
            panic!("it is open")
        };
        assert_eq!(found.as_ref(), Some(&detached));
        assert_eq!((items(1).len(), items(3)[0].detached.as_ref()), (0, Some(&detached)));
        let failed = Ended::Failed { why: "no".to_owned(), began: Some(5) };
        store.ended(items(3)[0].key, failed).unwrap();
        assert_eq!(store.sql.query_row("SELECT count(*) FROM detached", [], |row| row.get(0)), Ok(0));
    }

    #[test]
    fn n8_what_a_later_job_has_claimed_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let state = |number: u64| {
            let jobs = store.jobs().unwrap();
            let job = jobs.iter().find(|job| job.id == JobId::new(number)).unwrap();
            (job.state, job.given_over)
        };
        drop(start(&store, 1, false).unwrap());
        assert_eq!(found(begin(&store, 1, "a", 10)), Found::New);
        let typed = |number: u64, words: &[&str], decided: Option<&str>| {
            let mut row = JobRow::find(&store.sql, JobId::new(number)).unwrap().unwrap();
            row.command.words = words.iter().map(Into::into).collect();
            row.decided = decided.map(str::to_owned);
            row.save(&store.sql).unwrap();
        };
        // A tree has more files, and nobody copies those.
        typed(1, &["copy", "-r", "a", "b"], Some(NAME_OF_COPY));
        drop(start(&store, 2, false).unwrap());
        typed(2, &["copy", "c", "b"], Some(NAME_OF_COPY));
        assert!(matches!(found(begin(&store, 2, "c", 20)), Found::Open { .. }));
        assert_eq!(state(1), (JobState::Interrupted, 1));
        // Neither before the later job has ended nor afterwards.
        for _ in 0..2 {
            let _lock = start(&store, 1, true).unwrap();
            let why = format!("job {} has claimed its destination", JobId::new(2));
            assert_eq!(found(begin(&store, 1, "a", 11)), Found::GivenOver { why });
            let open = store.items(JobId::new(2), ItemState::Open).unwrap();
            if let Some(item) = open.first() {
                assert_eq!(item.parts, [PartId(10)]);
                let done = Ended::Done { bytes: 1, verified: "size".into(), path: None, began: None };
                store.ended(item.key, done).unwrap();
            }
        }
        // One file, or the same command: nothing is left to do.
        for (words, again) in
            [(["copy", "a", "b"], ["copy", "x", "b"]), (["copy", "-r", "b"], ["copy", "-r", "b"])]
        {
            let number = if words[1] == "-r" { 5 } else { 3 };
            drop(start(&store, number, false).unwrap());
            typed(number, &words, Some(NAME_OF_COPY));
            assert_eq!(found(begin(&store, number, "a", number * 10)), Found::New);
            assert_eq!(state(number), (JobState::Interrupted, 0));
            let _lock = start(&store, number + 1, false).unwrap();
            typed(number + 1, &again, None);
            begin(&store, number + 1, "x", number * 10 + 1);
            assert_eq!(state(number), (JobState::Failed, 1), "{words:?}");
            let open = store.items(JobId::new(number + 1), ItemState::Open).unwrap();
            let failed = Ended::Failed { why: "no".to_owned(), began: None };
            store.ended(open[0].key, failed).unwrap();
        }
    }

    #[test]
    fn a_job_that_has_stored_nothing_keeps_its_name_from_nobody() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let named = |number: u64, word: &str| {
            let (id, verb) = (JobId::new(number), "copy".to_owned());
            let command =
                Command { words: vec![word.into()], name: Some("n".to_owned()), ..Command::default() };
            store.start(&Start { id, verb, command, resumes: false })
        };
        let lock = named(1, "typo").unwrap();
        assert!(matches!(named(2, "right"), Err(JournalFailure::Named { .. })));
        let Claim::Ours(begun) = begin(&store, 1, "a", 1) else { panic!("nobody else runs") };
        store.ended(begun.key, Ended::Failed { why: "no such file".to_owned(), began: None }).unwrap();
        store.finish(JobId::new(1), End::Failed).unwrap();
        drop(lock);
        drop(named(3, "right").unwrap());
        let names: Vec<bool> = store.jobs().unwrap().iter().map(|job| job.command.name.is_some()).collect();
        assert_eq!(names, [false, true]);
    }

    #[test]
    fn jobs_that_have_only_failed_take_the_place_of_no_other() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        for number in 1..60 {
            let lock = start(&store, number, false).unwrap();
            let Claim::Ours(begun) = begin(&store, number, "a", number) else { panic!("nobody else runs") };
            let done = Ended::Done { bytes: 1, verified: "size".into(), path: None, began: None };
            let failed = Ended::Failed { why: "no such file".to_owned(), began: Some(5) };
            store.ended(begun.key, if number == 1 { done } else { failed }).unwrap();
            store.finish(JobId::new(number), if number == 1 { End::Done } else { End::Failed }).unwrap();
            drop(lock);
        }
        let jobs = store.jobs().unwrap();
        assert_eq!((jobs[0].id, jobs.len()), (JobId::new(1), 1 + ENDED));
    }
}
