//! What the API shows: one struct for each object, with the fields of the contract.

use crate::outcome::FailureGroup;
use crate::queue::{FileState, QueueState, StoredProgress, Wish, moment};
use ftp_io::clock::since_1970;
use serde::Serialize;
use serde_json::{Map, Value};

/// A moment. As text it is RFC 3339 in UTC.
pub type Time = jiff::Timestamp;

/// The current second.
pub fn now() -> Time {
    moment(since_1970().as_secs())
}

/// A job as the API shows it.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct JobView {
    /// What names it.
    pub id: String,
    /// The name that its owner has given it, which stands for the id.
    pub name: Option<String>,
    /// `copy`, `move` or `sync`.
    pub verb: String,
    /// What is copied.
    pub sources: Vec<String>,
    /// Where it is copied to.
    pub dest: String,
    /// The options that were given.
    pub options: Map<String, Value>,
    /// Who submitted it.
    pub owner: String,
    /// Its place among the jobs of its owner.
    pub priority: i8,
    /// The schedule that has made it.
    pub series: Option<String>,
    /// How it stands.
    pub state: QueueState,
    /// Its exit status, if it has ended.
    pub exit: Option<u8>,
    /// Why it waits (also that no worker has its sites), or why it has ended as it has.
    pub cause: Option<String>,
    /// What its owner wants: one that is carried is paused or cancelled as soon as its worker has heard of it.
    pub wish: Wish,
    /// When it was submitted, and what came and comes after that.
    #[serde(flatten)]
    pub times: JobTimes,
    /// Who carries it.
    pub worker: Option<String>,
    /// The route of its bytes, as in `--json`.
    pub path: Option<String>,
    /// How many files and directories have failed in its last run that has ended.
    pub failed: u64,
    /// How far it is.
    pub progress: StoredProgress,
}

/// The times of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct JobTimes {
    /// When it was submitted.
    pub created: Time,
    /// When it began first.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// When it may begin, or is tried again.
    pub next_try: Option<Time>,
}

/// A file of a job as the API shows it.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct FileView {
    /// The place that is read.
    pub source: String,
    /// The place that is written.
    pub dest: String,
    /// How it stands.
    pub state: FileState,
    /// The bytes that were copied.
    pub bytes: u64,
    /// The route of its bytes.
    pub path: Option<String>,
    /// The candidate that has moved them.
    pub rung: Option<String>,
    /// What has verified the copy.
    pub verified: Option<String>,
    /// How often bytes of it moved.
    pub attempts: u32,
    /// Who carries it, or has.
    pub worker: Option<String>,
    /// Why it has failed.
    pub cause: Option<String>,
}

/// A site that workers have, without secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SiteView {
    /// Its name in jobs.
    pub name: String,
    /// Its URL, without a password.
    pub url: String,
    /// The workers that have it.
    pub workers: Vec<String>,
}

/// What is known of the path between two sites.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PairView {
    /// The site that is read.
    pub source: String,
    /// The site that is written.
    pub dest: String,
    /// The route that worked last.
    pub path: Option<String>,
    /// The candidate that worked last.
    pub rung: Option<String>,
    /// `clear` or `private`.
    pub protection: Option<String>,
    /// The rate of the last file, in bytes in a second.
    pub rate: Option<u64>,
    /// When it was seen last.
    pub seen: Option<Time>,
    /// Why there is no path, if there is none.
    pub cause: Option<String>,
}

/// A worker with its last sign of life.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct WorkerView {
    /// Its name, as `--name` gave it.
    pub name: String,
    /// The id of its run.
    pub id: String,
    /// The version of its program.
    pub version: String,
    /// The parts that it may carry at a time.
    pub parallel: u32,
    /// The jobs that it carries.
    pub jobs: Vec<String>,
    /// The sites that it has.
    pub sites: Vec<String>,
    /// When it started.
    pub started: Time,
    /// When it was heard of last.
    pub seen: Time,
    /// Whether it was heard of within the time of a lease, by the clock of the store.
    pub alive: bool,
    /// Whether it takes no new parts.
    pub draining: bool,
}

/// A schedule with its runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct SeriesView {
    /// What names it.
    pub id: String,
    /// Who submitted it.
    pub owner: String,
    /// When it runs, as `--every` has it.
    pub every: String,
    /// The time zone of its times.
    pub zone: String,
    /// `copy`, `move` or `sync`.
    pub verb: String,
    /// What is copied.
    pub sources: Vec<String>,
    /// Where it is copied to.
    pub dest: String,
    /// The words of its command, without the name of the program.
    pub command: Vec<String>,
    /// Whether somebody has stopped it.
    pub paused: bool,
    /// When it runs next.
    pub next: Option<Time>,
    /// The job of its last run.
    pub last_job: Option<String>,
    /// How the last run stands.
    pub last_state: Option<QueueState>,
    /// When the last run began.
    pub last: Option<Time>,
}

/// What the page shows of a job beside its [`JobView`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct JobDetail {
    /// The path of its bytes, if it is known.
    pub route: Option<RouteView>,
    /// Its rate over time, oldest first.
    pub rates: Vec<RatePoint>,
    /// Its failures by their cause.
    pub failures: Vec<FailureGroup>,
}

/// The path of the bytes of a job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteView {
    /// `direct`, `symmetric`, `relay`, `user` or `local`.
    pub path: String,
    /// The candidate, as in `--json`.
    pub rung: String,
    /// The host that is read.
    pub source: String,
    /// The host that is written.
    pub dest: String,
    /// The relay between them, or the worker that carries the bytes itself.
    pub middle: Option<String>,
    /// What encrypts the control connection with the source; `None` if nothing does.
    pub source_control: Option<String>,
    /// What encrypts the control connection with the destination.
    pub dest_control: Option<String>,
    /// What encrypts the bytes of files.
    pub data: Option<String>,
}

/// The rate of a job at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RatePoint {
    /// The moment it was measured.
    pub at: Time,
    /// Bytes in a second.
    pub rate: u64,
}
