//! Tests: whatever happens to the file of a journal, it is either read as it was written, or refused.

use super::claiming::Claim;
use super::directory::FILE;
use super::failure::JournalFailure;
use super::queue::{Queue, put};
use super::record::{
    ClaimedItem, ItemEnd, ItemState, JobRecord, JobStart, NewItem, PartId, Place, SourceFacts, StoredJob,
};
#[cfg(feature = "postgres")]
use super::sql::Parameters;
use super::sql::Value;
use super::store::{JobLock, Store};
use crate::id::{JobId, WorkerId};
use crate::outcome::{FileCopy, Verified};
use crate::queue::{Entry, RecordedSites, Submission, WorkerProfile};
use ftp_io::clock::since_1970;
use ftp_proto::digest::Algorithm;
use serde_json::Map;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::slice;
use tempfile::TempDir;

impl JobRecord {
    /// An interrupted job that has begun nothing.
    pub(crate) fn for_tests(number: u64, job: StoredJob) -> Self {
        Self { id: JobId::new(number), job, ..Self::default() }
    }
}

impl StoredJob {
    /// A job of a verb with places, and with `-r` perhaps.
    pub(crate) fn for_tests(words: &str) -> Self {
        let mut typed = words.split_whitespace();
        let verb = typed.next().unwrap_or_default().to_owned();
        let (options, places): (Vec<&str>, Vec<&str>) = typed.partition(|word| word.starts_with('-'));
        let mut named = Map::new();
        named.insert("places".to_owned(), places.into());
        if options.iter().any(|option| option.starts_with("-r")) {
            named.insert("recursive".to_owned(), true.into());
        }
        let words = words.split_whitespace().map(OsString::from).collect();
        Self { version: Self::VERSION, verb, options: named, words, ..Self::default() }
    }

    /// A copy between two servers.
    pub(super) fn copy_for_tests() -> Self {
        Self::for_tests("copy ftp://h/a ftp://i/b")
    }
}

impl JobStart {
    /// A job that begins, and that no worker carries.
    pub(super) fn for_tests(id: JobId, words: &str) -> Self {
        Self { id, job: StoredJob::for_tests(words), resumes: false, lease: None }
    }
}

impl Place {
    /// A file of a source, and where it goes.
    pub(super) fn for_tests(source: &str, site: &str, path: &str) -> Self {
        Self { source: source.to_owned(), site: site.to_owned(), path: path.into() }
    }
}

impl NewItem {
    /// A file with the name of its first part. It goes on with what killed jobs have left.
    pub(super) fn for_tests(place: Place, part: u64) -> Self {
        Self { place, part: Some(PartId(part)), seen: None, takes_over: true }
    }
}

impl Claim {
    /// The file, which is claimed for whoever has asked.
    pub(super) fn ours(self) -> ClaimedItem {
        match self {
            Self::Ours(begun) => begun,
            other @ (Self::Theirs(_) | Self::Moves(_) | Self::Unkept) => panic!("{other:?}"),
        }
    }
}

impl ItemEnd {
    /// A file of one byte is done.
    pub(super) fn done_for_tests() -> Self {
        let copy = FileCopy { attempts: 1, ..FileCopy::skipped(Some(1), Verified::Size) };
        Self::Done { copy: Box::new(copy), began: None, noted: 0 }
    }

    /// A file has failed that this run has not begun.
    pub(super) fn failed_for_tests(why: &str) -> Self {
        Self::Failed { why: why.to_owned(), began: None }
    }
}

impl Queue {
    /// The queue of a new store.
    pub(super) fn for_tests() -> (TempDir, Self) {
        let (home, store) = Store::for_tests();
        (home, Self::of(store))
    }

    /// Submits a copy for an owner.
    pub(super) fn submit_for_tests(&self, id: u64, owner: &str) -> JobId {
        self.submit(JobId::new(id), StoredJob::copy_for_tests(), &Entry::for_tests(owner, "")).unwrap();
        JobId::new(id)
    }

    /// Keeps a copy that stands as this entry says.
    pub(super) fn put_for_tests(&self, id: u64, entry: &Entry) -> JobId {
        let id = JobId::new(id);
        self.write(|store| put(store, id, StoredJob::copy_for_tests(), entry)).unwrap();
        id
    }

    /// Changes rows behind the back of the store.
    pub(super) fn change_for_tests(&self, statement: &str, values: &[Value<'_>]) {
        self.write(|store| store.sql.write(statement, values)).unwrap();
    }
}

impl Entry {
    /// A job of an owner between these servers, which may begin now.
    pub(super) fn for_tests(owner: &str, pair: &str) -> Self {
        let submission =
            Submission { owner: owner.to_owned(), pair: pair.to_owned(), ..Submission::default() };
        let now = since_1970().as_secs();
        Self { submission, created: now, due: now, ..Self::default() }
    }
}

impl WorkerProfile {
    /// A worker without sites.
    pub(super) fn for_tests(number: u64) -> Self {
        Self {
            id: WorkerId::new(number),
            name: format!("w{number}"),
            version: "1".to_owned(),
            parallel: 4,
            is_draining: false,
            reports_ends: false,
            sites: RecordedSites::new(),
        }
    }
}

impl Store {
    /// Begins a job without other work.
    pub(super) fn start(&self, start: &JobStart) -> Result<JobLock, JournalFailure> {
        self.start_with(start, |_| Ok(())).map(|started| started.lock.unwrap())
    }

    /// Claims one file for a job.
    pub(super) fn claim(&self, job: JobId, file: &NewItem) -> Claim {
        self.durably(|store| store.begin_all(job, slice::from_ref(file))).unwrap().remove(0)
    }

    /// A new store of a state directory, or of a database that stands for it.
    pub(super) fn for_tests() -> (TempDir, Self) {
        let home = tempfile::tempdir().unwrap();
        let store = Self::open_for_tests(home.path()).unwrap();
        (home, store)
    }

    /// A new store of a state directory.
    pub(super) fn in_file_for_tests() -> (TempDir, Self) {
        let home = tempfile::tempdir().unwrap();
        let store = Self::file_for_tests(home.path()).unwrap();
        (home, store)
    }

    /// Opens the store of a state directory, which has no words of jobs.
    pub(super) fn file_for_tests(directory: &Path) -> Result<Self, JournalFailure> {
        Self::open(directory, |_| None)
    }

    /// Opens the store of a state directory if it is there, and checks all of it.
    pub(super) fn existing_file_for_tests(directory: &Path) -> Result<Option<Self>, JournalFailure> {
        Self::existing(directory, |_| None)
    }

    /// The same, or the database that stands for the directory.
    pub(super) fn existing_for_tests(directory: &Path) -> Result<Option<Self>, JournalFailure> {
        if cfg!(feature = "postgres") && std::env::var_os("FTP_USER_TEST_POSTGRES").is_some() {
            return Self::open_for_tests(directory).map(Some);
        }
        Self::existing_file_for_tests(directory)
    }

    /// Opens the store of a state directory, or, if `FTP_USER_TEST_POSTGRES` is the URL of a server, a database of its own
    /// that stands for the directory.
    pub(super) fn open_for_tests(directory: &Path) -> Result<Self, JournalFailure> {
        #[cfg(feature = "postgres")]
        if let Ok(url) = std::env::var("FTP_USER_TEST_POSTGRES") {
            return Self::connect(Parameters::for_tests(&url, directory));
        }
        Self::file_for_tests(directory)
    }

    /// Whether it is that of a state directory.
    pub(super) fn is_file(&self) -> bool {
        self.sql.sqlite().is_ok()
    }
}

fn file(number: u8) -> NewItem {
    let (source, path) = (format!("ftp://ann@one:21/file-{number}"), format!("copy/file-{number}"));
    NewItem::for_tests(Place::for_tests(&source, "ann@two:21", &path), u64::from(number) + 1)
}

/// Writes a job that runs: files that are done, have failed, and are under way.
fn fill(store: &Store) -> JobLock {
    let id = JobId::new(1);
    let start = JobStart::for_tests(id, "copy -r ftp://ann@one/ ftp://ann@two/copy");
    let lock = store.start(&start).unwrap();
    for number in 0..40 {
        let begun = store.claim(id, &file(number)).ours();
        let seen = SourceFacts { size: Some(5), modified: Some(7), unique: Some("a".to_owned()) };
        let verified = Verified::Hash(Algorithm::Sha256);
        let ended = match number % 3 {
            0 => {
                let copy = FileCopy { attempts: 1, ..FileCopy::skipped(Some(5), verified) };
                Some(ItemEnd::Done { copy: Box::new(copy), began: Some(1), noted: 0 })
            }
            1 => Some(ItemEnd::failed_for_tests("refused")),
            _ => None,
        };
        let note = |store: &Store| {
            store.seen(begun.key, seen.clone())?;
            ended.as_ref().map_or(Ok(()), |ended| store.ended(begun.key, ended.clone()))
        };
        store.durably(note).unwrap();
    }
    lock
}

/// A journal with a job that was killed, as the next run leaves it that only reads it.
fn written(directory: &Path) -> Vec<u8> {
    let store = Store::file_for_tests(directory).unwrap();
    drop(fill(&store));
    drop(store);
    fs::read(directory.join(FILE)).unwrap()
}

/// Files of a state directory, by their names.
type Files = BTreeMap<&'static str, Vec<u8>>;

/// The database and the files beside it, but for the index of the log: the first one that opens them makes it again.
const NAMES: [&str; 3] = [FILE, LOG, "journal.db-mark"];
/// The log of changes.
const LOG: &str = "journal.db-wal";

fn files(directory: &Path) -> Files {
    let read = |name: &'static str| Some((name, fs::read(directory.join(name)).ok()?));
    let mut files: Files = NAMES.into_iter().filter_map(read).collect();
    // An empty log is none: SQLite makes one when it opens the database.
    files.retain(|name, bytes| *name != LOG || !bytes.is_empty());
    files
}

/// What a kill leaves: nearly everything is in the log of changes.
fn killed() -> Files {
    let (home, store) = Store::in_file_for_tests();
    let _lock = fill(&store);
    let files = files(home.path());
    assert!(files[FILE].len() <= 2 * PAGE && files[LOG].len() > 40 * PAGE, "{}", files[LOG].len());
    files
}

/// What is read of these files. If they are refused, they are still the same.
fn read_files(files: &Files) -> Result<String, JournalFailure> {
    let home = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(&home.path().join(name), bytes);
    }
    let found = read(home.path());
    let left = self::files(home.path());
    let changed: Vec<_> = NAMES.into_iter().filter(|name| left.get(name) != files.get(name)).collect();
    assert!(found.is_ok() || changed.is_empty(), "{changed:?} after {found:?}");
    found
}

/// All that `jobs` shows and `resume` acts on.
fn read(directory: &Path) -> Result<String, JournalFailure> {
    let Some(store) = Store::existing_file_for_tests(directory)? else { return Ok("no journal".to_owned()) };
    let jobs = store.jobs()?;
    let id = JobId::new(1);
    let _lock = store.start(&JobStart { resumes: true, ..JobStart::for_tests(id, "copy") })?;
    let states = [ItemState::Open, ItemState::Done, ItemState::Failed, ItemState::GivenOver];
    let items: Result<Vec<_>, _> = states.into_iter().map(|state| store.items(id, state)).collect();
    Ok(format!("{jobs:?} {:?}", items?))
}

/// What is read of a journal with these bytes.
fn read_from(bytes: &[u8]) -> Result<String, JournalFailure> {
    read_files(&Files::from([(FILE, bytes.to_vec())]))
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn n8_a_journal_that_is_cut_anywhere_or_has_a_wrong_byte_is_refused_or_read_as_it_was_written() {
    let home = tempfile::tempdir().unwrap();
    let whole = written(home.path());
    let expected = read_from(&whole).unwrap();
    assert!(whole.len() > 6 * PAGE && expected.contains("file-39"), "{}", whole.len());
    for end in (PAGE..whole.len()).step_by(PAGE).flat_map(|end| [end - 1, end, end + 1]) {
        assert!(read_from(&whole[..end]).is_err(), "cut after {end} bytes");
    }
    let mut refused = 0;
    // The header, then a byte here and there.
    for at in (0..100).chain((100..whole.len()).step_by(211)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        match read_from(&bytes) {
            Ok(found) => assert_eq!(found, expected, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "{refused}");
}

/// A page of the database.
const PAGE: usize = 4_096;
/// A page in the log of changes, with its header (SQLite's file format).
const FRAME: usize = PAGE + 24;
/// The header of this log.
const HEADER: usize = 32;

#[test]
fn n8_a_log_of_changes_that_is_damaged_after_a_kill_is_refused_and_nothing_is_changed() {
    let whole = killed();
    let expected = read_files(&whole).unwrap();
    assert!(expected.contains("file-39"), "{expected}");
    let length = whole[LOG].len();
    let cut = |name: &'static str, end: usize| {
        let mut files = whole.clone();
        files.get_mut(name).unwrap().truncate(end);
        files
    };
    let without = |names: &[&str]| {
        let mut files = whole.clone();
        files.retain(|name, _| !names.contains(name));
        files
    };
    let flip = |at: usize| {
        let mut files = whole.clone();
        files.get_mut(LOG).unwrap()[at] ^= 0x5a;
        files
    };
    for (what, files) in [
        ("the header has a wrong byte", flip(20)),
        ("a byte in the middle is wrong", flip(length / 2)),
        ("half of the log is gone", cut(LOG, length / 2)),
        ("the log is gone", without(&[LOG])),
        ("the database is empty", cut(FILE, 0)),
        ("the database is gone", without(&[FILE])),
        ("the database is empty, and the log is gone", {
            let mut files = cut(FILE, 0);
            files.remove(LOG);
            files
        }),
        ("only the log is there", without(&[FILE, "journal.db-mark"])),
        ("only the mark is there", without(&[FILE, LOG])),
    ] {
        let found = read_files(&files);
        assert!(matches!(found, Err(JournalFailure::Damaged { .. })), "{what}: {found:?}");
    }
    // At the end of a page of the log, and beside it.
    for end in (HEADER..length).step_by(FRAME).flat_map(|end| [end - 1, end, end + 1]) {
        let found = read_files(&cut(LOG, end));
        assert!(matches!(found, Err(JournalFailure::Damaged { .. })), "cut after {end}: {found:?}");
    }
    for at in (0..HEADER).chain((HEADER..length).step_by(length / 100)) {
        match read_files(&flip(at)) {
            Ok(found) => assert_eq!(found, expected, "byte {at}"),
            Err(failure) => assert!(matches!(failure, JournalFailure::Damaged { .. }), "{at}: {failure}"),
        }
    }
}

#[test]
fn n8_a_new_journal_is_not_begun_over_a_damaged_one() {
    for name in [FILE, LOG] {
        let home = tempfile::tempdir().unwrap();
        let mut left = killed();
        left.remove(name);
        for (name, bytes) in &left {
            write(&home.path().join(name), bytes);
        }
        let opened = Store::file_for_tests(home.path()).map(drop);
        assert!(matches!(opened, Err(JournalFailure::Damaged { .. })), "{name}: {opened:?}");
        assert!(files(home.path()) == left, "without {name}");
        for name in NAMES {
            let _ = fs::remove_file(home.path().join(name));
        }
        assert!(Store::file_for_tests(home.path()).is_ok(), "all of it was moved away");
    }
}

#[test]
fn n8_a_last_transaction_that_no_one_was_told_of_is_no_damage() {
    let (home, store) = Store::in_file_for_tests();
    let _lock = fill(&store);
    let told = files(home.path());
    store.claim(JobId::new(1), &file(99)).ours();
    let expected = read_files(&told).unwrap();
    let mut torn = files(home.path());
    assert!(torn[LOG].len() > told[LOG].len() + FRAME);
    torn.insert("journal.db-mark", told["journal.db-mark"].clone());
    assert!(read_files(&torn).unwrap().contains("file-99"), "it was on the disk");
    for end in told[LOG].len()..torn[LOG].len() {
        if end % 997 == 0 || end == told[LOG].len() + FRAME {
            let mut torn = torn.clone();
            torn.get_mut(LOG).unwrap().truncate(end);
            assert_eq!(read_files(&torn).unwrap(), expected, "{end}");
        }
    }
}

#[test]
fn n8_a_mark_that_cannot_be_read_promises_nothing() {
    let whole = killed();
    let expected = read_files(&whole).unwrap();
    for mark in [&b""[..], b"0", &[0; 30], b"99999999999999999999 00000000\n"] {
        let mut files = whole.clone();
        files.insert("journal.db-mark", mark.to_vec());
        assert_eq!(read_files(&files).unwrap(), expected, "{mark:?}");
    }
    let mut files = whole;
    files.remove("journal.db-mark");
    assert_eq!(read_files(&files).unwrap(), expected);
}

#[test]
fn destinations_are_in_each_other_as_far_as_texts_tell() {
    let of = |dest: &str| StoredJob::for_tests(&format!("sync one:a {dest}"));
    for (one, two, expect) in [
        ("two:d", "two:d", true),
        ("two:d/", "two:d", true),
        ("two:d", "two:d/e", true),
        ("two:d", "two:de", false),
        ("two:", "two:d", true),
        ("two:", "two:/d", false),
        ("two:/", "two:/d", true),
        ("two:/d", "two:d", false),
        ("[two]", "[two]d", true),
        ("ftp://h/d", "ftp://h/d/e/", true),
        ("ftp://h/", "ftp://h/d", true),
        ("ftp://h/", "ftp://h//d", false),
        ("ftp://h", "ftp://h:2121/d", false),
        ("/srv/d", "/srv/d/e", true),
        ("/", "/srv", true),
        ("two:d", "three:d", false),
    ] {
        assert_eq!(of(one).stores_beside(&of(two)), expect, "{one} {two}");
        assert_eq!(of(two).stores_beside(&of(one)), expect, "{two} {one}");
    }
}
