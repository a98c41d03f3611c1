//! What the API and the page ask of this daemon: jobs, sites and tokens from its store, and what its worker does just now.

use super::super::asked::Start;
use super::super::queue::{Stored, site_text};
use super::super::{Cli, General, ShellSession, why};
use super::carry::{difference, ends};
use super::feed::{Feed, RunOfJob};
use super::views::{self, file_view, job_view, series_view};
use crate::config::Settings;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{ItemRecord, ItemState, JobCursor, JobQuery, JournalFailure, Queue, QueuedJob};
use crate::outcome::Protection;
use crate::queue::{Entry, EntryRefusal, Scope, Token};
use crate::report::Listener;
use crate::web::fleet::{
    Caller, EventStream, FileFilter, Fleet, JobAction, JobFilter, NewJob, SeriesAction, Submitted, TokenInfo,
};
use crate::web::view::{
    FileView, JobDetail, JobView, PairView, RouteView, SeriesView, SiteView, Slice, Time, WorkerView,
};
use crate::web::{ApiError, ErrorCode, command_words};
use ftp_io::clock::since_1970;
use ftp_io::lock::Lock;
use serde_json::Value;
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

/// What the worker and the listeners of a daemon share.
#[derive(Debug)]
pub(super) struct Daemon {
    /// The options with which it was started.
    pub(super) general: General,
    pub(super) queue: Queue,
    pub(super) feed: Arc<Feed>,
    /// What the API shows of its worker, but for the jobs.
    pub(super) worker: WorkerView,
    /// The settings that were read last.
    settings: Mutex<Arc<Settings>>,
    /// The tokens, as the store had them last.
    tokens: Mutex<Arc<[TokenInfo]>>,
    /// Whether no job begins any more.
    pub(super) is_draining: AtomicBool,
    /// Tells the worker that a job has changed.
    pub(super) changed: Notify,
    /// One permit for each plan that may be made at the same time.
    plans: Semaphore,
}

impl Daemon {
    pub(super) fn new(general: General, queue: Queue, settings: Settings, worker: WorkerView) -> Self {
        Self {
            general,
            queue,
            feed: Arc::new(Feed::new(worker.name.clone())),
            worker,
            settings: Mutex::new(Arc::new(settings)),
            tokens: Mutex::default(),
            is_draining: AtomicBool::new(false),
            changed: Notify::new(),
            plans: Semaphore::new(MOST_PLANS),
        }
    }

    /// The same options with nobody at a terminal. Everything is told to the listener.
    pub(super) fn unattended(&self, listener: Listener, cancel: Option<Cancel>) -> General {
        let hands = ShellSession { cancel, unattended: Some(listener), ..ShellSession::default() };
        General { json: true, verbose: false, quiet: false, hands, ..self.general.clone() }
    }

    /// Takes settings that were read again.
    pub(super) fn take_settings(&self, settings: Settings) {
        *self.settings.locked() = Arc::new(settings);
    }

    /// Reads the settings again. If they have mistakes, those that were read last count.
    fn settings(&self) -> Arc<Settings> {
        if let Ok(settings) = super::super::program::settings(self.general.job.config.as_deref()) {
            self.take_settings(settings);
        }
        Arc::clone(&self.settings.locked())
    }

    /// Takes the tokens that the store has now.
    pub(super) fn take_tokens(&self, tokens: Vec<Token>) {
        let settings = Arc::clone(&self.settings.locked());
        let info = |Token { name, scope, digest, expires, .. }: Token| TokenInfo {
            sites: settings.tokens.get(&name).cloned().unwrap_or_default(),
            name,
            scope,
            expires: expires.map(|at| Time::of_seconds(at.cast_signed())),
            digest,
        };
        *self.tokens.locked() = tokens.into_iter().map(info).collect();
    }

    /// Tells those who follow the events how a job stands now.
    pub(super) fn tell(&self, job: &QueuedJob) {
        let state = job.entry.state(since_1970().as_secs()).name();
        let line = serde_json::json!({
            "event": "job", "id": job.id.to_string(), "state": state, "exit": job.entry.exit, "cause": job.entry.cause,
        });
        self.feed.tell(job.id, &job.entry.submission.owner, &line.to_string());
    }

    /// A job of the queue.
    fn find(&self, id: &str) -> Result<QueuedJob, ApiError> {
        let id = id.parse().map_err(|_| ApiError::not_found("job"))?;
        self.queue.queued(id).map_err(away)?.ok_or_else(|| ApiError::not_found("job"))
    }

    fn view(&self, job: &QueuedJob) -> JobView {
        job_view(job, self.feed.run(job.id).as_ref(), &self.worker.name)
    }

    /// The last file of a job whose bytes have moved.
    fn last_moved(&self, job: JobId) -> Result<Option<ItemRecord>, ApiError> {
        let done = self.queue.files(job, &[ItemState::Done], None, 1).map_err(away)?;
        Ok(done.into_iter().find(|file| file.copy.moved_by().is_some()))
    }

    /// Performs a command line, and returns the objects that it says.
    fn said_by(&self, words: Vec<OsString>, within: Duration) -> Result<Vec<Value>, ApiError> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (stop, cancel) = Cancel::new();
        let heard = Arc::clone(&said);
        let listener = Listener::new(move |one| {
            let mut said = heard.locked();
            if let Some(object) = one.line.and_then(|line| serde_json::from_str(line).ok()) {
                if said.len() >= MOST_SAID {
                    let _: Result<(), watch::error::SendError<bool>> = stop.send(true);
                } else {
                    said.push(object);
                }
            }
        });
        let cli = self.read(words.clone(), self.unattended(listener, Some(cancel)))?;
        let run = Box::pin(cli.perform(Start::Typed(words.get(1..).unwrap_or_default())));
        let ended = Handle::current().block_on(timeout(within, run));
        let said = std::mem::take(&mut *said.locked());
        match ended {
            Err(_) => Err(ApiError::unavailable("the servers did not answer in time")),
            Ok(Status::Done | Status::Partly) => Ok(said),
            Ok(Status::Failed(_)) if said.len() >= MOST_SAID => Ok(said),
            Ok(Status::Failed(kind)) => Err(failure_of(kind, &said)),
        }
    }

    /// Reads a command line for this daemon.
    fn read(&self, words: Vec<OsString>, general: General) -> Result<Cli, ApiError> {
        let read = Cli::read_typed(words).map_err(|rejected| {
            let mistake = rejected.mistake_seeing("GET /api/v1/openapi.json");
            ApiError::new(ErrorCode::BadValue, mistake.unwrap_or_default())
        })?;
        let Cli { general: own, verb, typed } = read;
        let job = super::super::JobOptions { config: general.job.config.clone(), ..own.job };
        Ok(Cli { general: General { job, typed: own.typed, ..general }, verb, typed })
    }

    /// A job as the API asks for it, and as the command line would read it.
    fn read_job(&self, job: &NewJob, more: &[String]) -> Result<(Vec<OsString>, Cli), ApiError> {
        let words = ["ftp-user".to_owned()].into_iter().chain(words_of(job, more));
        let words: Vec<OsString> = words.map(OsString::from).collect();
        let silent = self.unattended(Listener::new(|_| ()), None);
        Ok((words.clone(), self.read(words, silent)?))
    }
}

impl Fleet for Daemon {
    fn submit(&self, caller: &Caller, job: &NewJob) -> Result<Submitted, ApiError> {
        let queued = [
            Some("--queue".to_owned()),
            Some(format!("--priority={}", job.priority)),
            job.at.as_ref().map(|at| format!("--at={at}")),
            job.every.as_ref().map(|every| format!("--every={every}")),
        ];
        let (words, cli) = self.read_job(job, &queued.into_iter().flatten().collect::<Vec<_>>())?;
        let verb = cli.verb.job().ok_or_else(|| ApiError::bad_value("verb", "it makes no job"))?;
        let read = cli.general.new_job(verb, cli.typed.clone(), words.get(1..).unwrap_or_default());
        let mut new = Handle::current().block_on(Box::pin(read)).map_err(refused)?;
        new.entry.submission.owner.clone_from(&caller.name);
        new.entry.submission.is_limited = caller.scope != Scope::Admin;
        new.entry.request.clone_from(&job.id);
        let stored = new.store(&self.queue).map_err(refused)?;
        self.changed.notify_one();
        match stored {
            Stored::Job(id) => Ok(Submitted::New(self.view(&self.find(&id.to_string())?))),
            Stored::Known(id) => Ok(Submitted::Known(self.view(&self.find(&id.to_string())?))),
            Stored::Series(record) => Ok(Submitted::Series(series_view(&record, None))),
        }
    }

    fn plan(&self, _: &Caller, job: &NewJob) -> Result<Vec<Value>, ApiError> {
        let _permit = self
            .plans
            .try_acquire()
            .map_err(|_| ApiError::unavailable("other plans are being made just now"))?;
        let words = ["ftp-user".to_owned()].into_iter().chain(words_of(job, &["--dry-run".to_owned()]));
        self.said_by(words.map(OsString::from).collect(), PLAN_TIMEOUT)
    }

    fn jobs(&self, filter: &JobFilter) -> Result<Slice<JobView>, ApiError> {
        let JobFilter { states, site, owner, limit, after } = filter.clone();
        let after = after.map(|text| cursor(&text)).transpose()?;
        let slice = self.queue.list(&JobQuery { states, owner, site, most: limit, after }).map_err(away)?;
        let next = slice.next.map(|JobCursor { created, job }| format!("{created}-{job}"));
        Ok(Slice { items: slice.items.iter().map(|job| self.view(job)).collect(), next })
    }

    fn job(&self, id: &str) -> Result<Option<JobView>, ApiError> {
        let job = match self.find(id) {
            Err(error) if error.code == ErrorCode::NotFound => return Ok(None),
            found => found?,
        };
        let mut view = self.view(&job);
        if view.path.is_none() {
            let moved = self.last_moved(job.id)?;
            view.path = moved.and_then(|file| file.copy.moved_by()).map(|rung| rung.path().to_owned());
        }
        Ok(Some(view))
    }

    fn detail(&self, id: &str) -> Result<JobDetail, ApiError> {
        let job = self.find(id)?;
        let run = self.feed.run(job.id);
        let route = route_view(&job, run.as_ref(), self.last_moved(job.id)?.as_ref(), &self.worker.name);
        let failures = self.queue.failures(job.id).map_err(away)?;
        let rates = run.map(|run| run.rates.points()).unwrap_or_default();
        Ok(JobDetail { route, rates, failures: failures.into_iter().map(views::failure_group).collect() })
    }

    fn files(&self, id: &str, filter: &FileFilter) -> Result<Slice<FileView>, ApiError> {
        let job = self.find(id)?;
        let settings = Arc::clone(&self.settings.locked());
        let sites = why::typed_sites(&settings.sites, &job.job);
        let states = filter.state.map_or(&ALL_STATES[..], views::item_states);
        let mut after = filter.after.as_deref().map(views::file_cursor).transpose()?;
        let mut slice = Slice { items: Vec::new(), next: None };
        loop {
            let found = self.queue.files(job.id, states, after, BATCH).map_err(away)?;
            let is_last = found.len() < BATCH;
            for file in found {
                let view = file_view(&file, &sites, &self.worker.name);
                if filter.state.is_some_and(|state| state != view.state) {
                    continue;
                }
                if slice.items.len() == filter.limit {
                    slice.next = after.map(views::file_cursor_text);
                    return Ok(slice);
                }
                slice.items.push(view);
                after = Some((file.state, file.key));
            }
            if is_last {
                return Ok(slice);
            }
        }
    }

    fn why(&self, id: &str) -> Result<Vec<Value>, ApiError> {
        let words = ["ftp-user", "why", id].map(OsString::from).to_vec();
        let mut said = self.said_by(words, PLAN_TIMEOUT)?;
        if let Ok(QueuedJob { entry, .. }) = self.find(id)
            && let Some(cause) = difference(&entry.submission, &self.settings())
        {
            said.push(serde_json::json!({"event": "warning", "message": cause}));
        }
        Ok(said)
    }

    fn change(&self, _: &Caller, id: &str, action: JobAction) -> Result<JobView, ApiError> {
        let job = self.find(id)?.id;
        let record = self.queue.job(job).map_err(away)?.ok_or_else(|| ApiError::not_found("job"))?;
        let change = |entry: &mut Entry, now| match action {
            JobAction::Pause => entry.pause(),
            JobAction::Resume => entry.resume(now),
            JobAction::Cancel => entry.cancel(record.open > 0, now),
            JobAction::Retry => entry.retry(now),
        };
        let changed = self.queue.change(job, change).map_err(away)?;
        changed.map_err(|why: EntryRefusal| {
            ApiError::new(ErrorCode::Conflict, format!("cannot {} job {id}: {why}", action.name()))
        })?;
        self.changed.notify_one();
        Ok(self.view(&self.find(id)?))
    }

    fn events(&self, since: Option<u64>) -> Result<EventStream, ApiError> {
        Ok(Box::pin(self.feed.follow(since)))
    }

    fn sites(&self) -> Result<Vec<SiteView>, ApiError> {
        Ok(site_views(&self.settings(), &self.worker.name))
    }

    fn pairs(&self) -> Result<Vec<PairView>, ApiError> {
        Ok(self.feed.pairs())
    }

    fn workers(&self) -> Result<Vec<WorkerView>, ApiError> {
        let running = JobQuery {
            states: Some(vec![crate::queue::QueueState::Running]),
            most: 1000,
            ..JobQuery::default()
        };
        let jobs = self.queue.list(&running).map_err(away)?.items;
        let sites = self.settings.locked().sites.iter().map(|(name, _)| name.to_owned()).collect();
        let draining = self.is_draining.load(Ordering::Relaxed);
        let jobs = jobs.iter().map(|job| job.id.to_string()).collect();
        Ok(vec![WorkerView { jobs, sites, seen: Time::now(), draining, ..self.worker.clone() }])
    }

    fn series(&self) -> Result<Vec<SeriesView>, ApiError> {
        let all = self.queue.series().map_err(away)?;
        let view = |record: &crate::journal::SeriesRecord| {
            let last =
                record.series.last.map(|last| self.queue.queued(last)).transpose().map_err(away)?.flatten();
            Ok(series_view(record, last.as_ref()))
        };
        all.iter().map(view).collect()
    }

    fn change_series(&self, _: &Caller, id: &str, action: SeriesAction) -> Result<SeriesView, ApiError> {
        let id = id.parse().map_err(|_| ApiError::not_found("series"))?;
        let changed = self.queue.change_series(id, |series, now| match action {
            SeriesAction::Pause => {
                series.is_paused = true;
                true
            }
            SeriesAction::Resume => {
                series.resume(now);
                true
            }
            SeriesAction::Remove => false,
        });
        match changed {
            Ok(record) => Ok(series_view(&record, None)),
            Err(JournalFailure::Unknown { .. }) => Err(ApiError::not_found("series")),
            Err(why) => Err(away(why)),
        }
    }

    fn metrics(&self) -> Result<String, ApiError> {
        views::metrics(&self.queue.count_by_state().map_err(away)?, &self.worker)
    }

    fn tokens(&self) -> Result<Arc<[TokenInfo]>, ApiError> {
        Ok(Arc::clone(&self.tokens.locked()))
    }
}

/// The sites of the settings.
pub(super) fn site_views(settings: &Settings, worker: &str) -> Vec<SiteView> {
    let view = |(name, site): (&str, &crate::place::Remote)| SiteView {
        name: name.to_owned(),
        url: site_text(site),
        workers: vec![worker.to_owned()],
    };
    settings.sites.iter().map(view).collect()
}

/// The path of the bytes of a job: that of its run, or that of a file that it has copied.
fn route_view(
    job: &QueuedJob,
    run: Option<&RunOfJob>,
    moved: Option<&ItemRecord>,
    worker: &str,
) -> Option<RouteView> {
    let [source, dest] = ends(&job.entry.submission);
    let of_run = run.and_then(|run| run.route.as_ref());
    let of_file = moved.and_then(|file| file.copy.moved_by());
    let (path, rung) = match (of_run, of_file) {
        (Some(route), _) => (route.path, route.rung),
        (None, Some(rung)) => (rung.path(), rung.name()),
        (None, None) => return None,
    };
    let facts = moved.and_then(|file| file.copy.facts.path.clone());
    let is_private = of_run.is_some_and(|route| route.protection == Protection::Private);
    let [source_control, dest_control] =
        facts.as_ref().map(|facts| facts.control.clone()).unwrap_or_default();
    let [data, _] = facts.map(|facts| facts.data.clone()).unwrap_or_default();
    let is_clear = |text: &String| text == "clear";
    let middle = match path {
        "relay" => of_run.and_then(|route| route.relay.clone()).or_else(|| Some("relay".to_owned())),
        "user" => Some(worker.to_owned()),
        _ => None,
    };
    Some(RouteView {
        path: path.to_owned(),
        rung: rung.to_owned(),
        source,
        dest,
        middle,
        source_control: source_control.filter(|text| !is_clear(text)),
        dest_control: dest_control.filter(|text| !is_clear(text)),
        data: data.or_else(|| is_private.then(|| "TLS".to_owned())).filter(|text| !is_clear(text)),
    })
}

/// The command line of a job, without the name of the program.
fn words_of(job: &NewJob, more: &[String]) -> Vec<String> {
    command_words(job.verb, &job.options, job.places(), more)
}

/// Where a slice of jobs goes on.
fn cursor(text: &str) -> Result<JobCursor, ApiError> {
    let parts =
        text.split_once('-').and_then(|(created, job)| Some((created.parse().ok()?, job.parse().ok()?)));
    let (created, job) = parts.ok_or_else(|| ApiError::bad_value("after", "it is no next of this list"))?;
    Ok(JobCursor { created, job })
}

/// The store cannot be used, or has no such job.
fn away(why: JournalFailure) -> ApiError {
    if let JournalFailure::Unknown { .. } = why {
        return ApiError::not_found("job");
    }
    tracing::error!(cause = %why, "a request cannot be answered: the store cannot be used");
    ApiError::unavailable("the store cannot be used just now")
}

/// A job cannot be put into the queue.
fn refused(failure: Failure) -> ApiError {
    ApiError::new(code_of(failure.kind), failure.why()).hint(failure.hint.unwrap_or_default())
}

/// What a command has said of its failure.
fn failure_of(kind: Kind, said: &[Value]) -> ApiError {
    let text = said.iter().rev().find_map(|object| object.get("message")?.as_str());
    ApiError::new(code_of(kind), text.unwrap_or("it cannot be done"))
}

/// How a request is answered that fails with this kind.
const fn code_of(kind: Kind) -> ErrorCode {
    match kind {
        Kind::Usage | Kind::Missing => ErrorCode::BadValue,
        Kind::Exists | Kind::Unverified => ErrorCode::Conflict,
        Kind::Refused | Kind::Untrusted => ErrorCode::Forbidden,
        Kind::Temporary | Kind::NoPath | Kind::Interrupted | Kind::Other => ErrorCode::Unavailable,
    }
}

const ALL_STATES: [ItemState; 4] =
    [ItemState::Open, ItemState::Done, ItemState::Failed, ItemState::GivenOver];
/// The largest number of plans that are made at the same time.
const MOST_PLANS: usize = 4;
/// The largest number of objects that a plan or an explanation has.
const MOST_SAID: usize = 1_000;
/// How long a plan may take.
const PLAN_TIMEOUT: Duration = Duration::from_secs(60);
/// How many files are read at once.
const BATCH: usize = 500;
