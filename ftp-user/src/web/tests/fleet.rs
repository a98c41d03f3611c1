//! A queue in memory, for tests and for looking at the page.

use crate::id::JobId;
use crate::queue::{
    FileQuery, JobChange, JobCursor, JobQuery, QueueState, Scope, Slice, Token, Wish, moment,
};
use crate::web::error::{ApiError, ErrorCode};
use crate::web::event_log::EventLog;
use crate::web::fleet::{Caller, EventLine, EventStream, Fleet, NewJob, SeriesAction, Submitted, TokenInfo};
use crate::web::token_digest;
use crate::web::view::{FileView, JobDetail, JobTimes, JobView, PairView, SeriesView, SiteView, WorkerView};
use ftp_io::clock::since_1970;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a [`TestFleet`] has in it. Tests change it as they like.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) jobs: Vec<JobView>,
    pub(crate) names: HashMap<(String, String), (String, NewJob)>,
    pub(crate) details: HashMap<String, JobDetail>,
    pub(crate) files: HashMap<String, Vec<FileView>>,
    pub(crate) sites: Vec<SiteView>,
    pub(crate) pairs: Vec<PairView>,
    pub(crate) workers: Vec<WorkerView>,
    pub(crate) series: Vec<SeriesView>,
    pub(crate) tokens: Vec<TokenInfo>,
    pub(crate) is_away: bool,
    pub(crate) looks: usize,
}

/// A queue in memory.
#[derive(Default)]
pub(crate) struct TestFleet {
    content: Mutex<Content>,
    log: Arc<EventLog>,
}

impl TestFleet {
    /// What it has in it.
    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> Result<MutexGuard<'_, Content>, ApiError> {
        let content = self.content();
        if content.is_away { Err(ApiError::unavailable("the store is away")) } else { Ok(content) }
    }

    /// Says that something has happened.
    pub(crate) fn tell(&self, job: &str, owner: &str, object: Value) {
        self.log.push(job.into(), owner.into(), EventLine::ready(object.to_string()));
    }
}

/// A token for tests.
pub(crate) fn token(text: &str, scope: Scope, sites: &[&str]) -> TokenInfo {
    let token = Token { name: text.to_owned(), scope, digest: token_digest(text), created: 0, expires: None };
    TokenInfo { token, sites: sites.iter().map(|site| (*site).to_owned()).collect() }
}

/// A job for tests.
pub(crate) fn job(id: &str, owner: &str, state: QueueState) -> JobView {
    JobView {
        id: id.to_owned(),
        verb: "copy".to_owned(),
        sources: vec!["one:photos".to_owned()],
        dest: "two:".to_owned(),
        owner: owner.to_owned(),
        state,
        wish: if state == QueueState::Paused { Wish::Pause } else { Wish::Run },
        times: JobTimes { created: moment(since_1970().as_secs() - 300), ..JobTimes::default() },
        ..JobView::default()
    }
}

fn slice<T: Clone>(all: &[T], limit: usize, begin: u64, cursor: impl Fn(u64) -> String) -> Slice<T> {
    let begin = usize::try_from(begin).unwrap();
    let items: Vec<T> = all.iter().skip(begin).take(limit).cloned().collect();
    let end = begin + items.len();
    Slice { items, next: (end < all.len()).then(|| cursor(end as u64)) }
}

impl Fleet for TestFleet {
    fn store_may_have_changed(&self) {
        self.content().looks += 1;
    }

    fn submit(&self, caller: &Caller, new: &NewJob) -> Result<Submitted, ApiError> {
        let mut content = self.ready()?;
        let number = content.jobs.len();
        if let Some(name) = &new.id {
            if let Some((id, known)) = content.names.get(&(caller.name.clone(), name.clone())) {
                if known != new {
                    return Err(ApiError::new(ErrorCode::Conflict, "another job has this id"));
                }
                let known = content.jobs.iter().find(|job| job.id == *id).cloned();
                return known.map(Submitted::Known).ok_or_else(|| ApiError::not_found("job"));
            }
            let key = (caller.name.clone(), name.clone());
            content.names.insert(key, (format!("job-{number}"), new.clone()));
        }
        let made = JobView {
            name: new.id.clone(),
            verb: new.verb.to_owned(),
            sources: new.sources.clone(),
            dest: new.dest.clone(),
            options: new.options.clone(),
            priority: new.priority,
            ..job(&format!("job-{number}"), &caller.name, QueueState::Queued)
        };
        content.jobs.insert(0, made.clone());
        self.tell(
            &made.id,
            &made.owner,
            json!({"event": "job", "job": made.id, "state": "queued", "worker": null}),
        );
        Ok(Submitted::New(made))
    }

    fn plan(&self, _: &Caller, new: &NewJob) -> Result<Vec<Value>, ApiError> {
        drop(self.ready()?);
        let (verb, dest) = (new.verb, &new.dest);
        let plan = |source: &String| {
            let (event, size) = ("plan", 1_234_567);
            json!({"event": event, "verb": verb, "source": source, "dest": dest, "size": size})
        };
        Ok(new.sources.iter().map(plan).collect())
    }

    fn jobs(&self, query: &JobQuery) -> Result<Slice<JobView>, ApiError> {
        let content = self.ready()?;
        let at_site = |job: &JobView, site: &String| {
            job.sources.iter().chain([&job.dest]).any(|place| place.starts_with(&format!("{site}:")))
        };
        let passes = |job: &&JobView| {
            query.states.as_ref().is_none_or(|states| states.contains(&job.state))
                && query.owner.as_ref().is_none_or(|owner| *owner == job.owner)
                && query.site.as_ref().is_none_or(|site| at_site(job, site))
        };
        let all: Vec<JobView> = content.jobs.iter().filter(passes).cloned().collect();
        let begin = query.after.map_or(0, |after| after.submitted);
        let cursor = |end| JobCursor { submitted: end, job: JobId::default() }.to_string();
        Ok(slice(&all, query.most, begin, cursor))
    }

    fn called(&self, owner: Option<&str>, name: Option<&str>) -> Result<Vec<JobView>, ApiError> {
        let is_meant = |job: &&JobView| {
            owner.is_none_or(|owner| owner == job.owner) && (name.is_none() || name == job.name.as_deref())
        };
        let most = if name.is_some() { usize::MAX } else { 1 };
        Ok(self.ready()?.jobs.iter().filter(is_meant).take(most).cloned().collect())
    }

    fn job(&self, id: &str) -> Result<Option<JobView>, ApiError> {
        Ok(self.ready()?.jobs.iter().find(|job| job.id == id).cloned())
    }

    fn detail(&self, id: &str) -> Result<JobDetail, ApiError> {
        Ok(self.ready()?.details.get(id).cloned().unwrap_or_default())
    }

    fn files(&self, id: &str, query: FileQuery) -> Result<Slice<FileView>, ApiError> {
        let content = self.ready()?;
        let passes = |file: &&FileView| query.state.is_none_or(|state| file.state == state);
        let all: Vec<_> = content.files.get(id).into_iter().flatten().filter(passes).cloned().collect();
        let begin = query.after.map_or(0, |after| after.key.unsigned_abs());
        Ok(slice(&all, query.most, begin, |end| format!("0-{end}")))
    }

    fn why(&self, _: &Caller, id: &str) -> Result<Vec<Value>, ApiError> {
        let job = self.job(id)?.ok_or_else(|| ApiError::not_found("job"))?;
        Ok(vec![json!({"event": "job", "id": job.id, "why": job.cause})])
    }

    fn change(&self, _: &Caller, id: &str, action: JobChange) -> Result<JobView, ApiError> {
        let mut content = self.ready()?;
        let job =
            content.jobs.iter_mut().find(|job| job.id == id).ok_or_else(|| ApiError::not_found("job"))?;
        if !action.suits(job.state, job.wish) {
            let message = format!("cannot {} a job that is {}", action.name(), job.state.name());
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
        (job.state, job.wish) = match action {
            JobChange::Pause => (QueueState::Paused, Wish::Pause),
            JobChange::Resume | JobChange::Retry => (QueueState::Queued, Wish::Run),
            JobChange::Cancel | JobChange::Forget => (QueueState::Cancelled, Wish::Cancel),
        };
        let job = job.clone();
        let object = json!({"event": "job", "job": job.id, "state": job.state, "worker": null});
        self.tell(&job.id, &job.owner, object);
        Ok(job)
    }

    fn events(&self, since: Option<u64>) -> Result<EventStream, ApiError> {
        drop(self.ready()?);
        Ok(self.log.follow(since))
    }

    fn sites(&self) -> Result<Vec<SiteView>, ApiError> {
        Ok(self.ready()?.sites.clone())
    }

    fn pairs(&self) -> Result<Vec<PairView>, ApiError> {
        Ok(self.ready()?.pairs.clone())
    }

    fn workers(&self) -> Result<Vec<WorkerView>, ApiError> {
        Ok(self.ready()?.workers.clone())
    }

    fn series(&self) -> Result<Vec<SeriesView>, ApiError> {
        Ok(self.ready()?.series.clone())
    }

    fn change_series(&self, _: &Caller, id: &str, action: SeriesAction) -> Result<SeriesView, ApiError> {
        let mut content = self.ready()?;
        let missing = || ApiError::not_found("series");
        let at = content.series.iter().position(|series| series.id == id).ok_or_else(missing)?;
        let changed = content.series.get_mut(at).ok_or_else(missing)?;
        match action {
            SeriesAction::Pause => changed.paused = true,
            SeriesAction::Resume => changed.paused = false,
            SeriesAction::Remove => return Ok(content.series.remove(at)),
        }
        Ok(changed.clone())
    }

    fn metrics(&self) -> Result<String, ApiError> {
        Ok(format!("# TYPE ftp_user_jobs gauge\nftp_user_jobs {}\n", self.ready()?.jobs.len()))
    }

    fn tokens(&self) -> Arc<[TokenInfo]> {
        self.content().tokens.clone().into()
    }

    fn renewed_tokens(&self) -> Result<Arc<[TokenInfo]>, ApiError> {
        Ok(self.tokens())
    }
}
