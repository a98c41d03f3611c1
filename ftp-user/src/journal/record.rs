//! What the journal keeps, as owned values: what a user asked for, how a job stands, and its files. None of them holds a secret.

use super::as_text;
use super::sql::{Result, StoreError};
use crate::id::JobId;
use crate::ladder::Rung;
use crate::named::named;
use crate::outcome::{FileCopy, Verified};
use crate::queue::{Entry, Lease, StoredProgress};
use ftp_proto::wire::TransferId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

/// What a job has decided whose destination is the name of its only copy.
pub const NAME_OF_COPY: &str = "name";
/// What a job has decided whose destination is a directory that was there.
pub const EXISTING_DIRECTORY: &str = "directory";
/// The name below the destination of a sync by which it is claimed. It is no file, and nothing is stored there.
pub const NAME_OF_SYNC: &str = ".ftp-user.sync";

/// A job that begins or goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobStart {
    /// The identity of the job.
    pub id: JobId,
    /// What was asked for.
    pub job: StoredJob,
    /// Whether it must be in the journal already.
    pub resumes: bool,
    /// If a worker carries it: its right to do so.
    pub lease: Option<Lease>,
}

/// A job as the journal has it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct JobRecord {
    /// The identity of the job.
    pub id: JobId,
    /// What was asked for.
    pub job: StoredJob,
    /// How it stands.
    pub state: JobState,
    /// When it began first, in seconds since 1970.
    pub begun: u64,
    /// When it ended last, in the same form.
    pub ended: Option<u64>,
    /// The number of files that are done.
    pub files: u64,
    /// The bytes of these files.
    pub bytes: u64,
    /// The number of files and directories that have failed.
    pub failed: u64,
    /// The first failure of its last run that was no interruption.
    pub why: Option<String>,
    /// The number of files that were begun and have not ended: something of them may be stored.
    pub open: u64,
    /// The number of files whose destination a later job has claimed.
    pub given_over: u64,
    /// The process that runs it, where it is known.
    pub process: Option<u32>,
    /// What its destination has told of the transfer that goes on without this program, or why it could not be asked, if it
    /// was to be.
    pub transfer: Option<Result<TransferState, String>>,
    /// What the queue knows of it; `None` if it is a job of a terminal.
    pub queued: Option<Entry>,
    /// How far it is, if a worker of the queue carries it and has told that.
    pub progress: Option<StoredProgress>,
    /// If it counts as carried, and its worker does not live any more: when that was seen last, in seconds since 1970.
    pub worker_lost: Option<u64>,
}

impl JobRecord {
    /// The name of its state, for people and programs: that of the queue if it is a job of the queue. `now` is in seconds since
    /// 1970.
    pub fn state_name(&self, now: u64) -> &'static str {
        self.queued.as_ref().map_or(self.state.name(), |entry| entry.state(now).name())
    }

    /// What it is called, if it has a name.
    pub fn name(&self) -> Option<&String> {
        let given = self.job.name.as_ref();
        self.queued.as_ref().map_or(given, |entry| entry.name_of(given))
    }

    /// Whether somebody carries it now.
    pub fn is_running(&self) -> bool {
        self.queued.as_ref().map_or(self.state == JobState::Running, |entry| entry.is_carried)
    }

    /// Whether it does not run, and nothing of it is stored anywhere: another job may have its name. A job of the queue keeps it.
    pub fn has_stored_nothing(&self) -> bool {
        let is_over = matches!(self.state, JobState::Failed | JobState::Interrupted);
        self.queued.is_none() && is_over && self.files == 0 && self.open == 0 && self.given_over == 0
    }
}

/// How far a transfer is that goes on without this program, as the destination has told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TransferState {
    /// The bytes that are at the destination.
    pub bytes: u64,
    /// The size of the file in bytes, if it is known.
    pub total: Option<u64>,
    /// Whether it goes on, or how it has ended, in words.
    pub state: String,
}

/// How a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum JobState {
    /// A process runs it.
    Running,
    /// It has not ended, and no process runs it.
    #[default]
    Interrupted,
    /// The same, and its file goes from server to server without this program.
    Detached,
    /// Every file is done.
    Done,
    /// It has ended, and something has failed.
    Failed,
    /// It was given up, and what it left was removed.
    Cancelled,
}

impl JobState {
    /// Its name, for people and programs.
    pub const fn name(self) -> &'static str {
        let [name, _] = self.words();
        name
    }

    /// What is said of a job in this state: "is done".
    pub const fn verb(self) -> &'static str {
        let [_, verb] = self.words();
        verb
    }

    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Running => ["running", "runs"],
            Self::Interrupted => ["interrupted", "was interrupted"],
            Self::Detached => ["detached", "goes on without this program"],
            Self::Done => ["done", "is done"],
            Self::Failed => ["failed", "has failed"],
            Self::Cancelled => ["cancelled", "was cancelled"],
        }
    }

    /// The number that stands for it in a row: whether a process runs a job that has not ended is known by its lock.
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Running | Self::Interrupted | Self::Detached => 0,
            Self::Done => 1,
            Self::Failed => 2,
            Self::Cancelled => 3,
        }
    }

    /// The state that a number of a row stands for. [`Running`](Self::Running) is every one of a job that has not ended.
    pub(super) fn numbered(number: i64) -> Result<Self> {
        let all = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];
        let found = all.into_iter().find(|state| state.number() == number);
        found.ok_or(StoreError::Row(Cow::Borrowed("a job has no known state")))
    }

    /// Whether nothing is left to do.
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Running | Self::Interrupted | Self::Detached => false,
            Self::Done | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// How a run of a job has ended. A job with a file that may move without this program is left to `resume`, unless it is
/// cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RunEnd {
    /// Every file is done.
    Done,
    /// Something has failed, and would fail again.
    Failed,
    /// It was told to stop, or a server has failed, and not a file. `resume` goes on with it.
    Interrupted,
    /// The job was given up, and what it left was removed.
    Cancelled,
    /// Nothing was stored, made or deleted, because there was nothing to do, or the command was the reason. A job with a name
    /// is kept as [`Done`](Self::Done) or [`Failed`](Self::Failed); another one is forgotten.
    Nothing {
        /// Whether something has failed.
        has_failed: bool,
    },
}

/// What has failed in a run of a job: files, directories, and files that were never begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failures {
    /// How many they are.
    pub number: u64,
    /// The first of them.
    pub why: String,
}

/// A row of the items.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct ItemKey(pub(super) i64);

/// The number in the name of a part. It is random, so that no other attempt of any program has the same name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartId(pub u64);

/// A file of a job: where it comes from, and where it goes.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Place {
    /// The source as reports show it: a URL without a password, or a path.
    pub source: String,
    /// The destination's user, host and port; empty for this host.
    pub site: String,
    /// The path there.
    pub path: Vec<u8>,
}

/// What the source of a file was when it was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceFacts {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was changed, in seconds since 1970.
    pub modified: Option<i64>,
    /// The server's own identity of it.
    pub unique: Option<String>,
}

/// A transfer that may go on without this program (DETA).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detached {
    /// Its name at the source.
    pub source: TransferId,
    /// Its name at the destination.
    pub destination: TransferId,
    /// The route of its bytes.
    pub route: Rung,
    /// The number of bytes that were stored before it.
    pub before: u64,
    /// Whether both ends have said that it moves. If not, it was commanded, and nobody knows more.
    pub moves: bool,
}

/// How a file stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum ItemState {
    #[default]
    /// It is claimed. Something of it may be stored under one of its part names.
    Open = 0,
    /// It is verified under its final name.
    Done = 1,
    /// It has failed, and nothing of it is left.
    Failed = 2,
    /// A later job has claimed the same destination, and that job has taken over the parts.
    GivenOver = 3,
}

named!(ItemState { Open: "open", Done: "done", Failed: "failed", GivenOver: "given-over" });

impl ItemState {
    /// The number that stands for it in a row.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }

    /// The state that a number of a row stands for.
    pub(super) fn numbered(number: i64) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.number() == number);
        found.ok_or(StoreError::Row(Cow::Borrowed("a file has no known state")))
    }

    /// Whether something of the file may be stored under its final name.
    pub(super) const fn may_be_stored(self) -> bool {
        match self {
            Self::Open | Self::Done => true,
            Self::Failed | Self::GivenOver => false,
        }
    }
}

/// A file as the journal has it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ItemRecord {
    /// Where its row is.
    pub key: ItemKey,
    /// The job that has it.
    pub job: JobId,
    /// Where it comes from, and where it goes.
    pub place: Place,
    /// How it stands.
    pub state: ItemState,
    /// The source before its first byte was read.
    pub seen: Option<SourceFacts>,
    /// How it has come to its destination, in all runs of the job: its size and what has verified it, if it is done; its route,
    /// if bytes have moved; its attempts; and what is known of its transfer. What it shares with other files is in a row of its
    /// own, and is read with its parts.
    pub copy: Box<FileCopy>,
    /// Why it has failed.
    pub why: Option<String>,
    /// When its last run has begun with it, in milliseconds since 1970.
    pub began: Option<u64>,
    /// When it ended, in the same form.
    pub ended: Option<u64>,
    /// Why the last attempt that has failed did so, also if a later one has copied the file.
    pub failure: Option<String>,
    /// Under which names something of it may be stored, if they were read.
    pub parts: ItemParts,
    /// The row of what it shares with other files of the same route.
    pub(crate) shared_row: Option<i64>,
    /// The checksum of its row.
    pub(crate) sum: i64,
}

/// Under which names something of a file may be stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ItemParts {
    /// Those of parts, the last one last.
    pub names: Vec<PartId>,
    /// Those of parts that have to be deleted: nothing goes on with them.
    pub undeleted: Vec<PartId>,
    /// If its final name is one of them, at a server that cannot rename: the number of the row that says so.
    pub in_place: Option<PartId>,
    /// The transfer that may go on without this program.
    pub detached: Option<Detached>,
}

impl ItemRecord {
    /// A file that begins.
    pub(crate) fn new(key: ItemKey, job: JobId, place: Place) -> Self {
        Self { key, job, place, ..Self::default() }
    }
}

/// A file that is to be claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewItem {
    /// Where it is and where its copy goes.
    pub place: Place,
    /// The name of its first part, if nothing is left of an earlier run. `None` if it may get its final name without one: then
    /// a name is added before it is used.
    pub part: Option<PartId>,
    /// What its source is now, if a listing has told it. Counts if nothing is left of an earlier run.
    pub seen: Option<SourceFacts>,
    /// Whether the job goes on with what killed jobs have left at its destination. If not, that stays theirs.
    pub takes_over: bool,
}

/// A file that is claimed for a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimedItem {
    /// Where its row is.
    pub key: ItemKey,
    /// A durable name for its first part, which nobody has used yet; `None` if `history` has names, or none was asked for.
    pub first: Option<PartId>,
    /// What earlier runs have done with it.
    pub history: ItemHistory,
}

/// What earlier runs have done with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemHistory {
    /// Nothing, or it has failed and nothing is left.
    New,
    /// It was begun and has not ended.
    Open(Box<UnfinishedItem>),
    /// It is verified under its final name.
    Done {
        /// The copy as that run knew it.
        copy: FinishedCopy,
        /// The later job that has stored another source there since, in words.
        replaced: Option<String>,
    },
    /// A later job has claimed its destination: what stands there is not touched any more.
    GivenOver {
        /// Which job that is, in words.
        why: String,
    },
}

/// A copy that an earlier run of a job has finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FinishedCopy {
    /// Its source before its first byte was read.
    pub seen: SourceFacts,
    /// What has verified it.
    pub verified: Verified,
    /// The route of its bytes; `None` if they were there already.
    pub route: Option<Rung>,
}

/// What earlier runs have left of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UnfinishedItem {
    /// Under which names something of it may be stored.
    pub parts: ItemParts,
    /// The source before its first byte was read, if it came so far.
    pub seen: Option<SourceFacts>,
    /// The route of its bytes, if the copy may have its final name and nothing equal had it before.
    pub route: Option<Rung>,
    /// The job that has left it for another source, and leaves the file alone now.
    pub of_other: Option<JobId>,
}

/// How a file has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemEnd {
    /// It is verified under its final name.
    Done {
        /// How it came there.
        copy: Box<FileCopy>,
        /// When this run has begun with it, in milliseconds since 1970.
        began: Option<u64>,
        /// How many of its attempts are noted already.
        noted: u32,
    },
    /// It has failed, and nothing of it is left.
    Failed {
        /// Why it has failed.
        why: String,
        /// When this run has begun with it, in milliseconds since 1970; `None` if it has not.
        began: Option<u64>,
    },
    /// It was done, and was not seen at the destination afterwards: it has failed, and what has verified it is kept.
    Lost {
        /// Why it was not seen.
        why: String,
        /// When this run has begun with it, in milliseconds since 1970; `None` if it has not.
        began: Option<u64>,
    },
    /// It was claimed and not begun: the claim is given up.
    Unbegun,
}

/// What a user asked for. It has no secret. Another process does the same with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StoredJob {
    /// The version of this form: [`StoredJob::VERSION`], or 0 if an older `ftp-user` has written it and this one cannot read
    /// it.
    pub version: u32,
    /// `copy`, `move`, `sync` or `append`.
    pub verb: String,
    /// The places and options that were given, by their names. Any other option is as the settings say when the job runs.
    pub options: Map<String, Value>,
    /// The directory to which its relative paths belong.
    #[serde(with = "as_text")]
    pub directory: PathBuf,
    /// The words of the command line without passwords, for people: nothing reads them.
    #[serde(with = "as_text")]
    pub words: Vec<OsString>,
    /// The name that the user gave the job (`--id`).
    #[serde(skip)]
    pub name: Option<String>,
    /// Whether passwords were given. Only this run knows them, and only this run knows that.
    #[serde(skip)]
    pub had_passwords: bool,
}

/// Reads the options of a job that an older version has kept as the words of a command line, if it can.
pub type ReadWords = fn(&[OsString]) -> Option<Map<String, Value>>;

impl StoredJob {
    /// The version of this form.
    pub const VERSION: u32 = 1;

    /// A job of which an older version has kept these words. They are read here and never again.
    pub(super) fn of_words(words: Vec<OsString>, directory: PathBuf, read: ReadWords) -> Self {
        let options = read(&words);
        let version = if options.is_some() { Self::VERSION } else { 0 };
        Self { version, options: options.unwrap_or_default(), directory, words, ..Self::default() }
    }

    /// What stands for a job whose row is damaged. Nobody can run it.
    pub(super) fn unreadable() -> Self {
        let end = |name: &str| (name.to_owned(), Value::from("?"));
        let options = [end("source"), end("dest")].into_iter().collect();
        Self { verb: "copy".to_owned(), options, ..Self::default() }
    }

    /// Whether this program can run it.
    pub fn can_run(&self) -> bool {
        self.version == Self::VERSION
    }

    /// Whether everything in a directory may be meant.
    pub(super) fn may_be_a_tree(&self) -> bool {
        !self.can_run() || self.options.get("recursive") == Some(&Value::Bool(true))
    }

    /// The texts of its places, unless a list names them.
    pub fn places(&self) -> impl Iterator<Item = OsString> {
        let several = self.options.get("places").and_then(Value::as_array);
        let one = ["source", "dest"].into_iter().filter_map(|name| self.options.get(name));
        several.into_iter().flatten().chain(one).filter_map(as_text::text_of)
    }

    /// Whether the same destination was given, as far as texts tell it. A place of this host may depend on the directory.
    pub(super) fn goes_where(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.dest(), other.dest()) else { return false };
        let is_url = one.as_encoded_bytes().windows(3).any(|bytes| bytes == b"://");
        one == two && (is_url || self.directory == other.directory)
    }

    /// The destination, as it was typed.
    pub(super) fn dest(&self) -> Option<OsString> {
        self.places().last()
    }

    /// Whether one of both destinations is the other one, or inside of it, as far as texts tell that of places that depend on no
    /// directory: what is not known to be inside of a login directory is not.
    pub(super) fn stores_beside(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.dest(), other.dest()) else { return false };
        let contains = |outer: &[u8], inner: &[u8]| {
            let Some(below) = inner.strip_prefix(outer) else { return false };
            let begins_name = !below.starts_with(b"/");
            match outer.last() {
                Some(b':' | b']' | b'/') => begins_name,
                _ => below.is_empty() || (!begins_name && !below.starts_with(b"//")),
            }
        };
        let [one, two] = [one, two].map(|place| {
            let place = place.into_encoded_bytes();
            let directory = place.strip_suffix(b"/").filter(|rest| !rest.ends_with(b":"));
            directory.map_or_else(|| place.clone(), <[u8]>::to_vec)
        });
        contains(&one, &two) || contains(&two, &one)
    }

    /// Whether the same is to be copied. How it is to run does not count.
    pub fn has_work_of(&self, other: &Self) -> bool {
        let work = |job: &Self| -> Map<String, Value> {
            let is_work = |(name, _): &(&String, &Value)| !MANNER.contains(&name.as_str());
            job.options.iter().filter(is_work).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let is_known = self.can_run() || self.words == other.words;
        is_known && self.version == other.version && self.verb == other.verb && work(self) == work(other)
    }

    /// Whether the same was asked for in the same directory.
    pub(super) fn asks_for_the_same(&self, other: &Self) -> bool {
        self.has_work_of(other) && self.directory == other.directory
    }
}

/// The options that change nothing of what is copied: how servers are reached and trusted, by which path, and how fast. A test
/// of the command line says of each option whether it is one.
const MANNER: [&str; 27] = [
    "id",
    "proxy",
    "password_file",
    "v4",
    "v6",
    "timeout",
    "stall",
    "unseen",
    "retries",
    "trust",
    "ca",
    "pin",
    "insecure",
    "no_tls",
    "path",
    "relay",
    "relay_token_file",
    "relay_consent",
    "allow_clear_data",
    "jobs",
    "streams",
    "limit",
    "changed_parts",
    "resume",
    "no_resume",
    "race",
    "no_race",
];
