//! What the API and the page ask of this daemon: jobs, sites and tokens from its store, and what its worker does just now.

use super::super::asked::Start;
use super::super::draft::{StoredDraft, draft, site_text};
use super::super::queue::next_verb;
use super::super::{Cli, General, program, why};
use super::carry::ends;
use super::feed::RunOfJob;
use super::metrics::DaemonGauges;
use super::state::Daemon;
use super::views::{file_view, series_view, worker_view};
use crate::config::Settings;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{self, ItemRecord, JournalFailure, QueuedJob, SeriesRecord, StoredJob};
use crate::ladder::Rung;
use crate::outcome::Protection;
use crate::place::Site;
use crate::queue::{
    FileQuery, Head, JobChange, JobQuery, NamedRequest, Scope, Series, Slice, WorkerRecord, moment, zone_of,
};
use crate::report::Listener;
use crate::state::{Pairs, WorkedPath};
use crate::web::fleet::{Caller, EventStream, Fleet, NewJob, SeriesAction, Submitted, TokenInfo};
use crate::web::view::{FileView, JobDetail, JobView, PairView, RouteView, SeriesView, SiteView, WorkerView};
use crate::web::{self, ApiError, ErrorCode, command_words};
use ftp_io::clock::since_1970;
use ftp_io::lock::Lock;
use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

impl Daemon {
    /// A job of the queue.
    fn find(&self, id: &str) -> Result<QueuedJob, ApiError> {
        let id = id.parse().map_err(|_| ApiError::not_found("job"))?;
        self.reader.queued(id).map_err(away)?.ok_or_else(|| ApiError::not_found("job"))
    }

    fn series_view(&self, record: &SeriesRecord) -> Result<SeriesView, ApiError> {
        let last = record.series.last.map(|last| self.reader.queued(last));
        Ok(series_view(record, last.transpose().map_err(away)?.flatten().as_ref()))
    }

    /// Checks that the settings of this daemon have no mistakes: that would be no fault of whoever asks for a job.
    fn check_settings(&self) -> Result<(), ApiError> {
        let read = program::settings(self.general.job.config.as_deref()).map(drop);
        let mistake = read.as_ref().err().map(ToString::to_string);
        // Each is told once, and not with each request.
        let told = std::mem::replace(&mut *self.told_mistake.locked(), mistake.clone());
        if let Some(cause) = mistake.filter(|mistake| told.as_ref() != Some(mistake)) {
            tracing::error!(cause, "no job can be taken: the settings of this daemon have mistakes");
        }
        read.map_err(|_| {
            ApiError::new(
                ErrorCode::Unavailable,
                "the settings of the daemon have mistakes, so it takes no job",
            )
            .hint("the request is not at fault: ask the operator of the daemon, whose log names them")
        })
    }

    /// The job that the same request has made.
    fn made_by(&self, caller: &Caller, job: &NewJob) -> Result<Option<Submitted>, ApiError> {
        let Some(request) = request_of(job) else { return Ok(None) };
        let called = self.reader.called(Some(&caller.name), Some(&request.name)).map_err(away)?;
        let made = called.into_iter().find(|known| known.entry.request.as_ref() == Some(&request));
        if made.is_some() {
            self.reader.settle().map_err(away)?;
        }
        Ok(made.map(|known| Submitted::Known(self.view(&known))))
    }

    /// Performs a command line, and returns the objects that it says.
    fn said_by(&self, owner: &str, words: Vec<OsString>) -> Result<Vec<Value>, ApiError> {
        let _share = PlanShare::take(&self.plans, owner)?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (stop, cancel) = Cancel::new();
        let heard = Arc::clone(&said);
        let listener = Listener::new(move |one| {
            let mut said = heard.locked();
            if let Some(object) = one.line().ok().flatten().and_then(|line| serde_json::from_str(&line).ok())
            {
                if said.len() > MOST_SAID {
                    let _: Result<(), watch::error::SendError<bool>> = stop.send(true);
                } else {
                    said.push(object);
                }
            }
        });
        let cli = self.read(words.clone(), self.unattended(listener, cancel))?;
        let run = Box::pin(cli.perform(Start::Typed(words.get(1..).unwrap_or_default())));
        let ended = Handle::current().block_on(timeout(PLAN_TIMEOUT, run));
        let said = std::mem::take(&mut *said.locked());
        match ended {
            Err(_) => Err(ApiError::unavailable("the servers did not answer in time")),
            Ok(Status::Done | Status::Partly) => Ok(said),
            Ok(Status::Failed(_)) if said.len() > MOST_SAID => Ok(said),
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
}

impl Fleet for Daemon {
    fn submit(&self, caller: &Caller, job: &NewJob) -> Result<Submitted, ApiError> {
        if let Err(refused) = self.check_settings() {
            return self.made_by(caller, job)?.ok_or(refused);
        }
        let queued = [
            Some("--queue".to_owned()),
            Some(format!("--priority={}", job.priority)),
            job.at.as_ref().map(|at| format!("--at={at}")),
            job.every.as_ref().map(|every| format!("--every={every}")),
        ];
        let words = words_of(job, &queued.into_iter().flatten().collect::<Vec<_>>());
        let silent = self.unattended(Listener::new(|_| ()), Cancel::never());
        let cli = self.read(words.clone(), silent)?;
        let verb = cli.verb.job().ok_or_else(|| ApiError::bad_value("verb", "it makes no job"))?;
        let zone = job.zone.as_deref().and_then(zone_of);
        let read = draft(&cli.general, verb, cli.typed.clone(), words.get(1..).unwrap_or_default(), zone);
        let mut draft = Handle::current().block_on(Box::pin(read)).map_err(refused)?;
        draft.entry.submission.owner.clone_from(&caller.name);
        draft.entry.submission.is_limited = caller.scope != Scope::Admin;
        draft.entry.request = request_of(job);
        let stored = draft.store(&self.queue).map_err(not_stored)?;
        self.changed.notify_one();
        tracing::info!(
            by = caller.name,
            verb = job.verb,
            dest = job.dest,
            "a job was submitted over the API"
        );
        match stored {
            StoredDraft::Job(journal::Submitted::New(id)) => {
                self.remember_submitted(id);
                Ok(Submitted::New(self.view(&self.find(&id.to_string())?)))
            }
            StoredDraft::Job(journal::Submitted::Known(id)) => {
                Ok(Submitted::Known(self.view(&self.find(&id.to_string())?)))
            }
            StoredDraft::Series(record) => Ok(Submitted::Series(series_view(&record, None))),
        }
    }

    fn plan(&self, caller: &Caller, job: &NewJob) -> Result<Vec<Value>, ApiError> {
        self.check_settings()?;
        self.said_by(&caller.name, words_of(job, &["--dry-run".to_owned()]))
    }

    fn jobs(&self, query: &JobQuery) -> Result<Slice<JobView>, ApiError> {
        let slice = self.reader.list(query).map_err(away)?;
        let next = slice.next.map(|next| next.to_string());
        let mut workers = self.workers_of_jobs();
        let view = |job: &QueuedJob| self.view_with(job, workers.remove(&job.id));
        Ok(Slice { items: slice.items.iter().map(view).collect(), next })
    }

    fn called(&self, owner: Option<&str>, name: Option<&str>) -> Result<Vec<JobView>, ApiError> {
        Ok(self.reader.called(owner, name).map_err(away)?.iter().map(|job| self.view(job)).collect())
    }

    fn job(&self, id: &str) -> Result<Option<JobView>, ApiError> {
        let job = match self.find(id) {
            Err(error) if error.code == ErrorCode::NotFound => return Ok(None),
            found => found?,
        };
        let mut view = self.view(&job);
        if view.path.is_none() {
            let moved = self.reader.last_moved(job.id).map_err(away)?;
            view.path = moved.and_then(|file| file.copy.moved_by()).map(|rung| rung.path().to_owned());
        }
        Ok(Some(view))
    }

    fn detail(&self, id: &str) -> Result<JobDetail, ApiError> {
        let job = self.find(id)?;
        let run = self.feed.run(job.id);
        let route = route_view(
            &job,
            run.as_ref(),
            self.reader.last_moved(job.id).map_err(away)?.as_ref(),
            &self.worker.name,
        );
        let failures = self.reader.failures(job.id).map_err(away)?;
        let rates = run.map(|run| run.rates.points).unwrap_or_default();
        Ok(JobDetail { route, rates, failures })
    }

    fn files(&self, id: &str, query: FileQuery) -> Result<Slice<FileView>, ApiError> {
        let job = self.find(id)?;
        let settings = Arc::clone(&self.settings.locked());
        let sites = why::typed_sites(&settings.sites, &job.job);
        let found = self.reader.files(job.id, query).map_err(away)?;
        let run = self.feed.run(job.id).filter(|_| job.entry.is_carried);
        let view = |file: &ItemRecord| file_view(file, &sites, run.as_ref(), &self.worker.name);
        let is_asked = |view: &FileView| query.state.is_none_or(|state| state == view.state);
        Ok(Slice {
            items: found.items.iter().map(view).filter(is_asked).collect(),
            next: found.next.map(|next| next.to_string()),
        })
    }

    fn why(&self, caller: &Caller, id: &str) -> Result<Vec<Value>, ApiError> {
        let words = ["ftp-user", "why", id].map(OsString::from).to_vec();
        self.said_by(&caller.name, words)
    }

    fn change(&self, caller: &Caller, id: &str, change: JobChange) -> Result<JobView, ApiError> {
        let job = self.find(id)?;
        permit(caller, &job.job, &self.settings.locked())?;
        let changed = self.queue.apply(job.id, change, caller.scope != Scope::Admin).map_err(away)?;
        changed.map_err(|why| {
            let state = Some(job.entry.state(since_1970().as_secs()));
            ApiError::new(ErrorCode::Conflict, format!("cannot {} job {id}: {why}", change.name()))
                .hint(next_verb(why, job.id, state))
        })?;
        self.changed.notify_one();
        tracing::info!(by = caller.name, job = id, change = change.name(), "a job was changed over the API");
        Ok(self.view(&self.find(id)?))
    }

    fn store_may_have_changed(&self) {
        self.changed.notify_one();
    }

    fn events(&self, since: Option<u64>) -> Result<EventStream, ApiError> {
        Ok(self.feed.log.follow(since))
    }

    fn sites(&self) -> Result<Vec<SiteView>, ApiError> {
        let mut sites = site_views(&self.settings.locked(), &self.worker.name);
        let (workers, now) = self.known_workers().map_err(away)?;
        let is_other = |worker: &&WorkerRecord| worker.profile.id != self.worker.id && worker.is_alive(now);
        for other in workers.iter().filter(is_other) {
            for (name, url) in &other.profile.sites {
                match sites.iter_mut().find(|site| site.name == *name && site.url == *url) {
                    Some(site) => site.workers.push(other.profile.name.clone()),
                    None => sites.push(SiteView {
                        name: name.clone(),
                        url: url.clone(),
                        workers: vec![other.profile.name.clone()],
                    }),
                }
            }
        }
        Ok(sites)
    }

    fn pairs(&self) -> Result<Vec<PairView>, ApiError> {
        let mut pairs = self.feed.pairs();
        // What this daemon has seen since its start comes first. Without the store that is all that is known.
        let shared = self.general.hands.memory.clone().map(Pairs::shared);
        let memory = shared.unwrap_or_else(|| Pairs::at(self.general.state_directory()));
        for path in memory.worked().unwrap_or_default().into_iter().rev() {
            let Some(pair) = remembered_pair(&path, &self.settings.locked()) else { continue };
            if !pairs.iter().any(|known| known.source == pair.source && known.dest == pair.dest) {
                pairs.push(pair);
            }
        }
        Ok(pairs)
    }

    fn workers(&self) -> Result<Vec<WorkerView>, ApiError> {
        let (mut known, now) = self.known_workers().map_err(away)?;
        if let Some(own) = known.iter_mut().find(|worker| worker.profile.id == self.worker.id) {
            own.profile = self.profile();
        }
        let runs = self.reader.carried_runs().map_err(away)?;
        Ok(known.iter().map(|worker| worker_view(worker, &runs, now)).collect())
    }

    fn series(&self) -> Result<Vec<SeriesView>, ApiError> {
        // A damaged series is left out: the log names it when it is due.
        let all = self.reader.series().map_err(away)?.readable;
        all.iter().map(|record| self.series_view(record)).collect()
    }

    fn change_series(&self, caller: &Caller, id: &str, action: SeriesAction) -> Result<SeriesView, ApiError> {
        tracing::info!(by = caller.name, series = id, change = ?action, "a series is changed over the API");
        let id = id.parse().map_err(|_| ApiError::not_found("series"))?;
        let all = self.reader.series().map_err(away)?.readable;
        let record = all.into_iter().find(|record| record.id == id);
        let record = record.ok_or_else(|| ApiError::not_found("series"))?;
        permit(caller, &record.job, &self.settings.locked())?;
        let apply = |change: fn(&mut Series, u64)| {
            self.queue.change_series(id, |series, now| {
                series.submission.is_limited |= caller.scope != Scope::Admin;
                change(series, now);
            })
        };
        let changed = match action {
            SeriesAction::Pause => apply(|series, _| series.is_paused = true),
            SeriesAction::Resume => apply(Series::resume),
            SeriesAction::Remove => self.queue.remove_series(id).map(|()| record),
        };
        match changed {
            Ok(record) => self.series_view(&record),
            Err(JournalFailure::Unknown { .. }) => Err(ApiError::not_found("series")),
            Err(why) => Err(away(why)),
        }
    }

    fn metrics(&self) -> Result<String, ApiError> {
        // Without the store its jobs are not known; everything else is told.
        let heads = self.reader.heads().unwrap_or_default();
        let carried = self.reader.carried_jobs().unwrap_or_default();
        let jobs = self.reader.count_by_state();
        // Those that wait for the hours of a site or for other jobs at it are as they should be.
        let oldest = self.with_site_use(|sites| {
            let may_begin = |head: &&Head<JobId>| sites.refusal(head.sites.keys(), &carried).is_none();
            // One that cannot be read has no time.
            heads.iter().filter(may_begin).map(|head| head.due).filter(|due| *due > 0).min()
        });
        Ok(self.feed.counted.page(&DaemonGauges {
            has_store: jobs.is_ok() && !self.is_store_away.load(Ordering::Relaxed),
            jobs: jobs.unwrap_or_default(),
            parallel: self.parallel.get(),
            longest_wait: oldest.map_or(0, |since| since_1970().as_secs().saturating_sub(since)),
            followers: self.feed.log.followers(),
            is_draining: self.is_draining.load(Ordering::Relaxed),
        }))
    }

    fn tokens(&self) -> Arc<[TokenInfo]> {
        Arc::clone(&self.tokens.locked())
    }

    fn renewed_tokens(&self) -> Result<Arc<[TokenInfo]>, ApiError> {
        self.renew_tokens().map_err(away)?;
        Ok(Arc::clone(&self.tokens.locked()))
    }
}

/// The right to make a plan or an explanation. Dropping it gives it back.
struct PlanShare<'a> {
    plans: &'a Mutex<Vec<String>>,
    owner: &'a str,
}

impl<'a> PlanShare<'a> {
    fn take(plans: &'a Mutex<Vec<String>>, owner: &'a str) -> Result<Self, ApiError> {
        let mut taken = plans.locked();
        let own = taken.iter().filter(|other| *other == owner).count();
        if taken.len() >= MOST_PLANS || own >= MOST_PLANS_OF_OWNER {
            return Err(ApiError::unavailable("too many plans and explanations are made just now"));
        }
        taken.push(owner.to_owned());
        Ok(Self { plans, owner })
    }
}

impl Drop for PlanShare<'_> {
    fn drop(&mut self) {
        let mut taken = self.plans.locked();
        if let Some(at) = taken.iter().position(|other| other == self.owner) {
            taken.swap_remove(at);
        }
    }
}

/// Checks that a caller may use the places of a job. A token may have the name of somebody whose jobs may use everything.
pub(super) fn permit(caller: &Caller, job: &StoredJob, settings: &Settings) -> Result<(), ApiError> {
    if caller.scope == Scope::Admin {
        return Ok(());
    }
    let places: Vec<String> = job.places().map(|place| place.to_string_lossy().into_owned()).collect();
    web::permit(caller, places.iter().map(String::as_str), &site_views(settings, ""))
}

/// The sites of the settings.
fn site_views(settings: &Settings, worker: &str) -> Vec<SiteView> {
    let view = |(name, site): (&str, &crate::place::Remote)| SiteView {
        name: name.to_owned(),
        url: site_text(site),
        workers: vec![worker.to_owned()],
    };
    settings.sites.iter().map(view).collect()
}

/// What is remembered of a pair, if it is one of two sites of the settings.
fn remembered_pair(path: &WorkedPath, settings: &Settings) -> Option<PairView> {
    let key = |site: &Site| format!("{}@{}", String::from_utf8_lossy(site.login()), site.authority());
    let named: HashMap<String, &str> =
        settings.sites.iter().map(|(name, remote)| (key(&remote.site), name)).collect();
    let name = |server: &String| named.get(server).map(|name| (*name).to_owned());
    let rung = Rung::direct(&path.rung)?;
    Some(PairView {
        source: name(&path.source)?,
        dest: name(&path.destination)?,
        path: Some(rung.path().to_owned()),
        rung: Some(rung.name().to_owned()),
        seen: Some(moment(path.at)),
        ..PairView::default()
    })
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
    let rung = of_run.map(|route| route.rung).or(of_file)?;
    let facts = moved.and_then(|file| file.copy.facts.path.clone());
    let is_private = of_run.is_some_and(|route| route.protection == Protection::Private);
    let [source_control, dest_control] =
        facts.as_ref().map(|facts| facts.control.clone()).unwrap_or_default();
    let [data, _] = facts.map(|facts| facts.data.clone()).unwrap_or_default();
    let is_clear = |text: &String| text == "clear";
    let middle = match rung.path() {
        "relay" => of_run.and_then(|route| route.relay.clone()).or_else(|| Some("relay".to_owned())),
        "user" => Some(worker.to_owned()),
        _ => None,
    };
    Some(RouteView {
        path: rung.path().to_owned(),
        rung: rung.name().to_owned(),
        source,
        dest,
        middle,
        source_control: source_control.filter(|text| !is_clear(text)),
        dest_control: dest_control.filter(|text| !is_clear(text)),
        data: data.or_else(|| is_private.then(|| "TLS".to_owned())).filter(|text| !is_clear(text)),
    })
}

/// The command line of a job, the name of the program first.
fn words_of(job: &NewJob, more: &[String]) -> Vec<OsString> {
    let words = command_words(job.verb, &job.options, job.places(), more);
    ["ftp-user".to_owned()].into_iter().chain(words).map(OsString::from).collect()
}

/// What tells a request that has a name from another one.
fn request_of(job: &NewJob) -> Option<NamedRequest> {
    let NewJob { verb, sources, dest, options, priority, at, every, zone, id } = job;
    let mut all = serde_json::json!([verb, sources, dest, options, priority, at, every]);
    // Older requests have none.
    if let (Some(all), Some(zone)) = (all.as_array_mut(), zone) {
        all.push(zone.as_str().into());
    }
    Some(NamedRequest { name: id.clone()?, digest: web::token_digest(&all.to_string()) })
}

/// A job cannot be stored.
fn not_stored(why: JournalFailure) -> ApiError {
    if let JournalFailure::Full { .. } = &why {
        return ApiError::new(ErrorCode::TooMany, why.to_string())
            .hint("wait until some of them have ended, or cancel some");
    }
    if let JournalFailure::Named { job, .. } = &why {
        return ApiError::new(
            ErrorCode::Conflict,
            format!("job {job} has this id, and asks for something else"),
        )
        .hint("choose another id, or repeat that request");
    }
    away(why)
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

/// The largest number of plans and explanations that are made at the same time.
const MOST_PLANS: usize = 8;
/// The same of one owner.
const MOST_PLANS_OF_OWNER: usize = 2;
/// The largest number of objects that a plan or an explanation has.
const MOST_SAID: usize = 1_000;
/// How long a plan or an explanation may take.
const PLAN_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::path::Path;

    #[test]
    fn a_remembered_pair_is_shown_by_the_names_of_its_sites() {
        let text = "[sites.one]\nurl = \"ftp://ann@h/\"\n[sites.two]\nurl = \"ftp://h:2121/\"\n";
        let settings = config::parse(text, Path::new("/etc/x/config.toml"), None).unwrap();
        let path = |source: &str, rung: &str| WorkedPath {
            source: source.to_owned(),
            destination: "anonymous@h:2121".to_owned(),
            rung: rung.to_owned(),
            at: 7,
        };
        let pair = remembered_pair(&path("ann@h:21", "source-listens"), &settings).unwrap();
        assert_eq!((&*pair.source, &*pair.dest, pair.path.as_deref()), ("one", "two", Some("direct")));
        assert_eq!((pair.rung.as_deref(), pair.seen), (Some("source-listens"), Some(moment(7))));
        for (source, rung) in [("bob@h:21", "symmetric"), ("ann@h:21", "of a newer version")] {
            assert_eq!(remembered_pair(&path(source, rung), &settings), None);
        }
    }
}
