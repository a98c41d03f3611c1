//! The database: opened, checked, read and changed.

#[cfg(test)]
mod tests;

use super::checksum::{Bad, GONE};
use super::failed::set_failures;
use super::failure::JournalFailure;
use super::hands::look;
use super::lock::{self, JobLock, Taken};
use super::prune::{OPEN, prune};
use super::record::{
    Begun, Command, Detached, EXISTING_DIRECTORY, End, Ended, Failures, Found, ItemKey, ItemRecord,
    ItemState, JobRecord, JobState, NAME_OF_COPY, NewItem, PartId, Place, Seen, Start,
};
use super::tables::{ItemRow, JobRow, Parts, VERSION, begins, check_files, count, has_detached};
use super::under_way::UnderWay;
use super::upgrade::upgrade;
use crate::id::JobId;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The open database of one state directory.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    path: PathBuf,
    pub(super) sql: Connection,
    under_way: UnderWay,
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
        let under_way = UnderWay::default();
        let store = Self { directory: directory.to_owned(), path, sql, under_way };
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
        self.use_wal()?;
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

    /// Lets readers and a writer work at the same time. SQLite does not wait for another run that does the same at this
    /// instant, so it is tried again.
    fn use_wal(&self) -> Result<(), Bad> {
        self.sql.busy_timeout(Duration::ZERO)?;
        let mut switched = self.sql.pragma_update(None, "journal_mode", "WAL");
        for _ in 0..BUSY.as_millis() / PAUSE.as_millis() {
            let is_busy =
                |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
            if !switched.as_ref().is_err_and(is_busy) {
                break;
            }
            std::thread::sleep(PAUSE);
            switched = self.sql.pragma_update(None, "journal_mode", "WAL");
        }
        self.sql.busy_timeout(BUSY)?;
        Ok(switched?)
    }

    /// Makes the tables of this version, from those of an older one if they are there.
    fn make_tables(&self) -> Result<(), Bad> {
        self.sql.execute_batch("BEGIN IMMEDIATE")?;
        match self.version()? {
            VERSION => {}
            older => upgrade(&self.sql, older)?,
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
                set_failures(&store.sql, start.id, None)?;
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
        prune(&self.sql, |job| lock::holder(&self.directory, job).is_some())?;
        if JobRow::count_open(&self.sql)? >= OPEN {
            return Ok(Err(JournalFailure::Full { path: self.path.clone(), most: OPEN }));
        }
        let (verb, command) = (start.verb.clone(), start.command.clone());
        let (state, ended, decided) = (JobState::Running, None, None);
        let begun = begins(&self.sql, now())?;
        JobRow { id: start.id, verb, command, state, begun, ended, decided }.save(&self.sql)?;
        Ok(Ok(None))
    }

    /// A job that has ended without storing anything, without its name; `None` if it is no such job.
    fn freed(&self, job: &JobRow) -> Result<Option<JobRow>, Bad> {
        let count = count(&self.sql, job.id)?;
        let process = lock::holder(&self.directory, job.id);
        let is_free = job.clone().record(process, false, count).has_stored_nothing();
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
        let (others, ended): (Vec<ItemRow>, Vec<ItemRow>) =
            others.into_iter().partition(|row| row.state == ItemState::Open);
        if let Some(claim) = self.held(&others)? {
            return Ok(claim);
        }
        if known.as_ref().is_none_or(|row| row.state == ItemState::Failed)
            && let Some(later) = self.later(job, place, others.iter().chain(&ended))?
        {
            return self.leave(known.unwrap_or_else(|| ItemRow::new(job, place.clone())), later);
        }
        let replaced = self.replaced(known.as_ref(), place, &ended)?;
        let adopted = self.take_over(job, place, others)?;
        let mut row = known.clone().unwrap_or_else(|| ItemRow::new(job, place.clone()));
        let is_same = row.place.source == place.source;
        let mut parts = Parts::default();
        let found = match (row.state, adopted) {
            (ItemState::Done, None) if is_same && known.is_some() => {
                let (seen, verified) = (row.seen.clone().unwrap_or_default(), row.verified.clone());
                Found::Done { seen, verified, replaced: replaced.map(given_over_to) }
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
        let is_new = !matches!(found, Found::Open { .. });
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
                row.set_first_part(&self.sql, *first, known.is_some())?;
                *first
            }
        };
        let key = ItemKey(row.key);
        self.under_way.take(key);
        if is_new {
            self.under_way.note(row, first.is_some());
        }
        Ok(Claim::Ours(Begun { key, first, found }))
    }

    /// Who may still store what these rows claim.
    fn held(&self, others: &[ItemRow]) -> Result<Option<Claim>, Bad> {
        for row in others {
            if lock::holder(&self.directory, row.job).is_some() {
                return Ok(Some(Claim::Theirs(row.job)));
            }
            if self.moves_alone(row)? {
                return Ok(Some(Claim::Moves(row.job)));
            }
        }
        Ok(None)
    }

    /// The job that has begun later than `job` and has claimed the same destination for another source, of these rows.
    fn later<'a>(
        &self,
        job: JobId,
        place: &Place,
        mut others: impl Iterator<Item = &'a ItemRow>,
    ) -> Result<Option<JobId>, Bad> {
        let Some(own) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let has_stored = |row: &ItemRow| match row.state {
            ItemState::Open | ItemState::Done => row.place.source != place.source,
            ItemState::Failed | ItemState::GivenOver => false,
        };
        others.try_fold(None, |found, row| {
            let is_later = has_stored(row)
                && JobRow::find(&self.sql, row.job)?.is_some_and(|other| other.begun > own.begun);
            Ok(if is_later { Some(row.job) } else { found })
        })
    }

    /// The later job that has stored another source where this file is finished.
    fn replaced(
        &self,
        known: Option<&ItemRow>,
        place: &Place,
        ended: &[ItemRow],
    ) -> Result<Option<JobId>, Bad> {
        let Some(row) = known.filter(|row| row.state == ItemState::Done) else { return Ok(None) };
        self.later(row.job, place, ended.iter())
    }

    /// Leaves a file that was not begun to a later job.
    fn leave(&self, mut row: ItemRow, later: JobId) -> Result<Claim, Bad> {
        let why = given_over_to(later);
        (row.state, row.why) = (ItemState::GivenOver, Some(why.clone()));
        row.save(&self.sql)?;
        let key = ItemKey(row.key);
        Ok(Claim::Ours(Begun { key, first: None, found: Found::GivenOver { why } }))
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
            row.why = Some(given_over_to(job));
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
        self.under_way.take(key);
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        if row.state != ItemState::Open {
            row.state = ItemState::Open;
            row.save(&self.sql)?;
        }
        row.add_part(&self.sql, part)
    }

    /// Something of a file may be stored under its final name.
    pub(super) fn in_place(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.add_in_place(&self.sql, part)
    }

    /// Notes a transfer that may go on without this program, or that there is none any more.
    pub(super) fn detached(&self, key: ItemKey, detached: Option<&Detached>) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.set_detached(&self.sql, detached)
    }

    /// Notes what the source was before its first byte was read.
    pub(super) fn seen(&self, key: ItemKey, seen: Seen) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(mut row) = ItemRow::find(&self.sql, key)? else { return Err(GONE) };
        row.seen = Some(seen);
        row.save(&self.sql)
    }

    /// Notes how a file has ended.
    pub(super) fn ended(&self, key: ItemKey, ended: Ended) -> Result<(), Bad> {
        let known = self.under_way.take(key);
        let (is_known, has_part) = (known.is_some(), known.as_ref().is_none_or(|(_, has_part)| *has_part));
        let row = if let Some((row, _)) = known { Some(row) } else { ItemRow::find(&self.sql, key)? };
        let Some(mut row) = row else { return Err(GONE) };
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
        if is_known {
            row.save_end(&self.sql)?;
            return if has_part { row.forget_names(&self.sql) } else { Ok(()) };
        }
        row.save(&self.sql)?;
        row.forget_parts(&self.sql)
    }

    /// Notes what holds for all runs of a job. Returns a job that nobody runs and that may have made the directory which
    /// receives the copies of this one: it has copied a tree to that name.
    pub(super) fn decided(&self, job: JobId, decided: String) -> Result<Option<JobId>, Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let is_received = decided == EXISTING_DIRECTORY && row.decided.is_none();
        row.decided = Some(decided);
        row.save(&self.sql)?;
        if !is_received {
            return Ok(None);
        }
        let has_made = |old: &JobRow| {
            old.state == JobState::Running
                && old.decided.as_deref() == Some(NAME_OF_COPY)
                && old.command.may_be_a_tree()
                && old.command.goes_where(&row.command)
                && lock::holder(&self.directory, old.id).is_none()
        };
        Ok(JobRow::all(&self.sql)?.into_iter().rev().find(has_made).map(|old| old.id))
    }

    /// Notes how a job has ended, and what has failed in this run.
    pub(super) fn finish(&self, job: JobId, end: End, failures: Option<&Failures>) -> Result<(), Bad> {
        let Some(mut row) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        row.state = match end {
            End::Cancelled => JobState::Cancelled,
            // A file that may move without this program is left to another run.
            _ if has_detached(&self.sql, job, false)? => JobState::Interrupted,
            End::Done => JobState::Done,
            End::Failed => JobState::Failed,
            End::Interrupted => JobState::Interrupted,
        };
        row.ended = Some(now().as_secs());
        set_failures(&self.sql, job, failures)?;
        row.save(&self.sql)
    }

    /// Every job, the one that began first comes first. Locks of processes that were killed are removed.
    pub(super) fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        lock::sweep(&self.directory);
        let all = || -> Result<Vec<JobRecord>, Bad> {
            let jobs = JobRow::all(&self.sql)?.into_iter().map(|row| {
                let process = lock::holder(&self.directory, row.id);
                let is_detached = has_detached(&self.sql, row.id, true)?;
                let count = count(&self.sql, row.id)?;
                Ok(row.record(process, is_detached, count))
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

    pub(super) fn unusable(&self, error: &io::Error) -> JournalFailure {
        JournalFailure::Unusable { path: self.path.clone(), why: error.to_string() }
    }
}

/// Why a file is left alone.
fn given_over_to(job: JobId) -> String {
    format!("job {job} has claimed its destination")
}

/// A file that was begun and has not ended.
fn open(parts: &Parts, seen: Option<Seen>) -> Found {
    let (names, in_place) = (parts.names.clone(), parts.in_place.is_some());
    Found::Open { parts: names, seen, in_place, detached: parts.detached.clone() }
}

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
/// The pause before the database is tried again.
const PAUSE: Duration = Duration::from_millis(5);
