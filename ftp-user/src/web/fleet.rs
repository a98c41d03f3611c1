//! What the API and the page ask of the queue, and who asks.
//!
//! The methods of a [`Fleet`] may block, unless they say otherwise: they are called on threads that may.

use super::error::Result;
use super::view::{FileView, JobDetail, JobView, PairView, SeriesView, SiteView, WorkerView};
use crate::queue::{FileQuery, JobChange, JobQuery, Scope, Slice, Token};
use serde_json::{Map, Value};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use tokio_stream::Stream;

/// The queue behind the API.
pub trait Fleet: Send + Sync + 'static {
    /// Makes a job. An `id` of this owner that exists with the same job is [`Submitted::Known`].
    ///
    /// # Errors
    ///
    /// A value cannot be used, the `id` stands for another job (409), the owner has too many jobs (429), or
    /// the store is away.
    fn submit(&self, caller: &Caller, job: &NewJob) -> Result<Submitted>;

    /// Plans a job without making it: the objects that a dry run prints.
    ///
    /// # Errors
    ///
    /// As those of [`submit`](Self::submit), or a server cannot be asked.
    fn plan(&self, caller: &Caller, job: &NewJob) -> Result<Vec<Value>>;

    /// The jobs that are asked for, newest first.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn jobs(&self, query: &JobQuery) -> Result<Slice<JobView>>;

    /// The jobs of this name that can be read, the newest first; without a name the last job alone. `owner`: whose they are, else
    /// those of all owners.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn called(&self, owner: Option<&str>, name: Option<&str>) -> Result<Vec<JobView>>;

    /// A job; `None` if there is none of this id.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn job(&self, id: &str) -> Result<Option<JobView>>;

    /// What the page shows of a job beside its view.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn detail(&self, id: &str) -> Result<JobDetail>;

    /// The files of a job that are asked for.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn files(&self, id: &str, query: FileQuery) -> Result<Slice<FileView>>;

    /// What `why --json` prints of a job, one object for each line.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn why(&self, caller: &Caller, id: &str) -> Result<Vec<Value>>;

    /// Changes a job. The caller was found to be permitted to.
    ///
    /// # Errors
    ///
    /// The state of the job does not permit it (409), or the store is away.
    fn change(&self, caller: &Caller, id: &str, action: JobChange) -> Result<JobView>;

    /// The store may have changed: the daemon's own user has connected. The queue is looked at.
    fn store_may_have_changed(&self);

    /// The events after `since`, and all that come. Without `since` only those that come. If events are gone that the reader
    /// has not got, the next item is [`FeedItem::Reset`].
    ///
    /// # Errors
    ///
    /// The store is away.
    fn events(&self, since: Option<u64>) -> Result<EventStream>;

    /// The sites that the workers have.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn sites(&self) -> Result<Vec<SiteView>>;

    /// What is known of the paths between sites.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn pairs(&self) -> Result<Vec<PairView>>;

    /// The workers, with their last sign of life.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn workers(&self) -> Result<Vec<WorkerView>>;

    /// The schedules of all owners.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn series(&self) -> Result<Vec<SeriesView>>;

    /// Changes a schedule, and returns how it stood last. The caller was found to be permitted to.
    ///
    /// # Errors
    ///
    /// Its state does not permit it (409), or the store is away.
    fn change_series(&self, caller: &Caller, id: &str, action: SeriesAction) -> Result<SeriesView>;

    /// The numbers of the daemon as Prometheus reads them.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn metrics(&self) -> Result<String>;

    /// The tokens that were valid a moment ago. It never blocks.
    fn tokens(&self) -> Arc<[TokenInfo]>;

    /// The tokens that are valid now.
    ///
    /// # Errors
    ///
    /// The store is away.
    fn renewed_tokens(&self) -> Result<Arc<[TokenInfo]>>;
}

/// A token that the daemon knows. The token itself is not kept, only its hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenInfo {
    /// What the store has of it. Its name is the owner of its jobs.
    pub token: Token,
    /// The sites that its jobs may use. An admin's token may use all.
    pub sites: Vec<String>,
}

/// Whoever sends a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The name of the token, or of the local user. It is the owner of the jobs.
    pub name: String,
    /// What is permitted.
    pub scope: Scope,
    /// The sites that jobs may use, unless the scope is admin.
    pub sites: Vec<String>,
    /// Whether it is the user of the daemon, over a socket of this host. Only then may a job name files of
    /// this host.
    pub is_local: bool,
}

impl Caller {
    /// The user of the daemon, over its socket. The same user can open the store, so nothing is withheld.
    pub fn local(name: &str) -> Self {
        Self { name: name.to_owned(), scope: Scope::Admin, sites: Vec::new(), is_local: true }
    }

    /// The holder of a token.
    pub fn of_token(token: &TokenInfo) -> Self {
        let TokenInfo { token: Token { name, scope, .. }, sites } = token;
        Self { name: name.clone(), scope: *scope, sites: sites.clone(), is_local: false }
    }

    /// Whether the caller may know what belongs to all owners.
    pub fn reads_all(&self) -> bool {
        self.scope != Scope::Submit
    }

    /// Whether the caller may know what belongs to an owner.
    pub fn may_read(&self, owner: &str) -> bool {
        self.reads_all() || self.name == owner
    }

    /// Whether the caller may change what belongs to an owner.
    pub fn may_change(&self, owner: &str) -> bool {
        match self.scope {
            Scope::Read => false,
            Scope::Submit => self.name == owner,
            Scope::Admin => true,
        }
    }

    /// Whether jobs of the caller may use a site, or the caller may know of it.
    pub fn may_use(&self, site: &str) -> bool {
        match self.scope {
            Scope::Read | Scope::Admin => true,
            Scope::Submit => self.sites.iter().any(|listed| listed == site),
        }
    }
}

/// A job that somebody wants.
#[derive(Clone, PartialEq, Debug)]
pub struct NewJob {
    /// `copy`, `move` or `sync`.
    pub verb: &'static str,
    /// What is copied, at least one place.
    pub sources: Vec<String>,
    /// Where it is copied to.
    pub dest: String,
    /// The options by their name, each of the type that it has.
    pub options: Map<String, Value>,
    /// Its place among the jobs of its owner, -10 to 10.
    pub priority: i8,
    /// When it may begin, as `--at` has it.
    pub at: Option<String>,
    /// When it runs again and again, as `--every` has it.
    pub every: Option<String>,
    /// The name of the time zone of `at` and `every`, if it is not the daemon's.
    pub zone: Option<String>,
    /// A name that its owner gave, so that a repeated request makes no second job.
    pub id: Option<String>,
}

impl NewJob {
    /// Its sources and its destination.
    pub fn places(&self) -> impl Iterator<Item = &String> + Clone {
        self.sources.iter().chain([&self.dest])
    }
}

/// What became of a request for a job.
#[derive(Clone, PartialEq, Debug)]
pub enum Submitted {
    /// It is durable.
    New(JobView),
    /// It was there already.
    Known(JobView),
    /// It is carried again and again: each of its runs is a job.
    Series(SeriesView),
}

/// What can be done with a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SeriesAction {
    /// No run begins until somebody resumes it.
    Pause,
    /// Runs begin again.
    Resume,
    /// It ends for good.
    Remove,
}

/// Something that has happened to a job.
#[derive(Debug)]
pub struct FleetEvent {
    /// Its number. Later events have larger ones.
    pub number: u64,
    /// The job that it is about.
    pub job: Arc<str>,
    /// The owner of the job.
    pub owner: Arc<str>,
    /// The object of `--json`, with `job` and `worker`.
    pub line: EventLine,
}

/// The text of an event: one line, which is made when it is first read.
pub struct EventLine {
    size: usize,
    text: LazyLock<String, Box<dyn FnOnce() -> String + Send>>,
}

impl EventLine {
    /// A line that is there.
    pub fn ready(text: String) -> Self {
        Self::lazy(text.len(), move || text)
    }

    /// A line that is made when it is first read. `size` is about how many bytes it takes.
    pub fn lazy(size: usize, make: impl FnOnce() -> String + Send + 'static) -> Self {
        Self { size, text: LazyLock::new(Box::new(make)) }
    }

    /// About how many bytes it takes.
    pub const fn size(&self) -> usize {
        self.size
    }
}

impl fmt::Display for EventLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EventLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventLine")
    }
}

/// An item of a feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// Something has happened.
    Event(Arc<FleetEvent>),
    /// Events were lost. The number is that of the last event that the fleet has had.
    Reset(u64),
}

/// Events as they come.
pub type EventStream = Pin<Box<dyn Stream<Item = FeedItem> + Send>>;
