//! The API: what programs ask for.

mod events;
pub(crate) mod job;
mod openapi;
pub(crate) mod options;
pub(crate) mod places;

use super::call::{Answer, Call};
use super::error::{ApiError, ErrorCode, Result};
use super::fleet::{Caller, NewJob, SeriesAction, Submitted};
use super::route::Content::{Json, Text};
use super::route::Method::{Delete, Get, Post};
use super::route::{READ, Route, SUBMIT};
use super::view::{JobView, PairView, SeriesView, SiteView, WorkerView};
use crate::id::is_job_name;
use crate::queue::{FileCursor, FileQuery, FileState, JobChange, JobCursor, JobQuery, QueueState, Slice};
pub(crate) use events::Frames;
use serde::Serialize;
use serde_json::{Value, json};

/// The routes for programs.
pub(crate) const ROUTES: &[Route] = &[
    Route::api(Post, "/api/v1/jobs", SUBMIT, "Make a job, or with dry-run plan it", submit)
        .asks(&["dry-run"])
        .answers(Json("JobOrPlan")),
    Route::api(Get, "/api/v1/jobs", READ, "List jobs, newest first", list)
        .asks(&["state", "site", "owner", "limit", "after"])
        .answers(Json("JobList")),
    Route::api(Get, "/api/v1/jobs/{id}", READ, "Show a job", show),
    Route::api(Get, "/api/v1/jobs/{id}/files", READ, "List the files of a job", files)
        .asks(&["state", "limit", "after"])
        .answers(Json("FileList")),
    Route::api(Get, "/api/v1/jobs/{id}/why", READ, "Tell why a job went as it did", why)
        .answers(Json("Explanation")),
    Route::api(Post, "/api/v1/jobs/{id}/pause", SUBMIT, "Pause a job", |call| act(call, JobChange::Pause)),
    Route::api(Post, "/api/v1/jobs/{id}/resume", SUBMIT, "Resume a job", |call| act(call, JobChange::Resume)),
    Route::api(Post, "/api/v1/jobs/{id}/cancel", SUBMIT, "Cancel a job", |call| act(call, JobChange::Cancel)),
    Route::api(Post, "/api/v1/jobs/{id}/retry", SUBMIT, "Carry again what failed", |call| {
        act(call, JobChange::Retry)
    }),
    Route::api(Get, "/api/v1/events", READ, "Follow events as they come", events)
        .asks(&["job"])
        .answers(Text("text/event-stream")),
    Route::api(Get, "/api/v1/sites", READ, "List the sites of the workers", |call| {
        Ok(named("sites", &sites(call)?))
    })
    .answers(Json("SiteList")),
    Route::api(Get, "/api/v1/pairs", READ, "List the paths between sites", |call| {
        Ok(named("pairs", &pairs(call)?))
    })
    .answers(Json("PairList")),
    Route::api(Get, "/api/v1/workers", READ, "List the workers", |call| {
        Ok(named("workers", &workers(call)?))
    })
    .answers(Json("WorkerList")),
    Route::api(Get, "/api/v1/series", READ, "List the schedules", |call| Ok(named("series", &series(call)?)))
        .answers(Json("SeriesList")),
    Route::api(Post, "/api/v1/series/{id}/pause", SUBMIT, "Pause a schedule", |call| {
        act_series(call, SeriesAction::Pause)
    })
    .answers(Json("Series")),
    Route::api(Post, "/api/v1/series/{id}/resume", SUBMIT, "Resume a schedule", |call| {
        act_series(call, SeriesAction::Resume)
    })
    .answers(Json("Series")),
    Route::api(Delete, "/api/v1/series/{id}", SUBMIT, "Remove a schedule", |call| {
        act_series(call, SeriesAction::Remove)
    })
    .answers(Json("Series")),
    Route::api(Get, "/api/v1/openapi.json", None, "Describe this API", |_| {
        Ok(Answer::Json(200, openapi::document()))
    })
    .answers(Json("Description")),
    Route::api(Get, "/healthz", None, "Tell whether the daemon answers", |_| {
        Ok(Answer::Text(PLAIN, "ok\n".to_owned()))
    })
    .answers(Text("text/plain")),
    Route::api(Get, "/metrics", READ, "Show numbers for Prometheus", metrics)
        .answers(Text("application/openmetrics-text")),
];

/// An object with one list.
fn named<T: Serialize>(name: &str, items: &[T]) -> Answer {
    Answer::Json(200, json!({name: items}))
}

fn submit(call: &Call) -> Result<Answer> {
    let job = job::read(&call.body)?;
    let is_dry = match call.query.get("dry-run") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::bad_value("dry-run", "it is true or false")),
    };
    if is_dry {
        return Ok(Answer::Json(200, json!({"plan": plan(call, &job)?})));
    }
    Ok(match make(call, &job)? {
        Submitted::New(job) => Answer::Json(201, json!(job)),
        Submitted::Known(job) => Answer::Json(200, json!(job)),
        Submitted::Series(series) => Answer::Json(201, json!(series)),
    })
}

/// Makes a job for the caller.
///
/// # Errors
///
/// The caller may not use a place, or the fleet refuses it.
pub(crate) fn make(call: &Call, job: &NewJob) -> Result<Submitted> {
    call.fleet().submit(permitted(call, job)?, job)
}

/// Plans a job for the caller.
///
/// # Errors
///
/// The caller may not use a place, or the fleet refuses it.
pub(crate) fn plan(call: &Call, job: &NewJob) -> Result<Vec<Value>> {
    call.fleet().plan(permitted(call, job)?, job)
}

/// The caller, if it may use the places of the job.
fn permitted<'c>(call: &'c Call, job: &NewJob) -> Result<&'c Caller> {
    let caller = call.caller()?;
    places::permit(caller, job.places().map(String::as_str), &call.fleet().sites()?)?;
    Ok(caller)
}

/// What a query asks for, before any cursor. A caller who may read only its own jobs gets only these.
fn job_query(call: &Call) -> Result<JobQuery> {
    let caller = call.caller()?;
    let names = call.query.get("state").unwrap_or_default();
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    let state =
        |name| QueueState::named(name).ok_or_else(|| bad_state(name, &QueueState::ALL.map(QueueState::name)));
    // A job of the queue that was interrupted is queued again.
    let asked = names.iter().copied().filter(|name| *name != INTERRUPTED);
    let states = if names.is_empty() { None } else { Some(asked.map(state).collect::<Result<_, _>>()?) };
    let owner = call.query.get("owner").map(str::to_owned);
    let owner = if caller.reads_all() { owner } else { owner.or_else(|| Some(caller.name.clone())) };
    let site = call.query.get("site").map(str::to_owned);
    Ok(JobQuery { states, owner, site, most: limit(call)?, after: None })
}

fn bad_state(name: &str, known: &[&str]) -> ApiError {
    ApiError::bad_value("state", format!("{name:?} is not one of {}", known.join(", ")))
}

fn limit(call: &Call) -> Result<usize> {
    let Some(text) = call.query.get("limit") else { return Ok(100) };
    let limit = text.parse().ok().filter(|limit| (1..=1000).contains(limit));
    limit.ok_or_else(|| ApiError::bad_value("limit", "it is a whole number from 1 to 1,000"))
}

/// The jobs that pass the filter and that the caller may read.
///
/// # Errors
///
/// A value cannot be used, or the store is away.
pub(crate) fn jobs(call: &Call) -> Result<Slice<JobView>> {
    let mut query = job_query(call)?;
    if query.owner.as_ref().is_some_and(|owner| call.caller().is_ok_and(|caller| !caller.may_read(owner))) {
        return Ok(Slice { items: Vec::new(), next: None });
    }
    let after = call.query.get("after");
    query.after = after.map(|text| JobCursor::parse(text).ok_or_else(ApiError::bad_cursor)).transpose()?;
    call.fleet().jobs(&query)
}

fn list(call: &Call) -> Result<Answer> {
    let jobs = jobs(call)?;
    Ok(Answer::Json(200, json!({"jobs": jobs.items, "next": jobs.next})))
}

/// The job in the path, if the caller may read it.
///
/// # Errors
///
/// There is none, or it is another owner's.
pub(crate) fn job_of(call: &Call) -> Result<JobView> {
    readable(call, &call.id)
}

/// The job of this id or name, or the `last` one, among those that the caller may read. The caller's own jobs go first.
fn readable(call: &Call, called: &str) -> Result<JobView> {
    let found = called_so(call, called)?.into_iter().next();
    found.ok_or_else(|| ApiError::not_found("job"))
}

/// The jobs that may be meant, among those that the caller may read: those of others only if the caller has none.
fn called_so(call: &Call, called: &str) -> Result<Vec<JobView>> {
    let (fleet, caller) = (call.fleet(), call.caller()?);
    let of_id = fleet.job(called)?.filter(|job| caller.may_read(&job.owner));
    let name = Some(called).filter(|called| *called != LAST);
    if of_id.is_some() || name.is_some_and(|name| !is_job_name(name)) {
        return Ok(of_id.into_iter().collect());
    }
    let own = fleet.called(Some(&caller.name), name)?;
    if own.is_empty() && caller.reads_all() { fleet.called(None, name) } else { Ok(own) }
}

fn show(call: &Call) -> Result<Answer> {
    Ok(Answer::Json(200, json!(job_of(call)?)))
}

fn files(call: &Call) -> Result<Answer> {
    let job = job_of(call)?;
    let state = |name| {
        let known = FileState::ALL.map(FileState::name);
        FileState::named(name).ok_or_else(|| bad_state(name, &known))
    };
    let (state, most) = (call.query.get("state").map(state).transpose()?, limit(call)?);
    let files = call.fleet().files(&job.id, FileQuery { state, most, after: file_cursor(call)? })?;
    Ok(Answer::Json(200, json!({"files": files.items, "next": files.next})))
}

/// Where the slice of files before the one that is asked for has ended.
///
/// # Errors
///
/// It is no such place.
pub(crate) fn file_cursor(call: &Call) -> Result<Option<FileCursor>> {
    let after = call.query.get("after");
    after.map(|text| FileCursor::parse(text).ok_or_else(ApiError::bad_cursor)).transpose()
}

fn why(call: &Call) -> Result<Answer> {
    let job = job_of(call)?;
    Ok(Answer::Json(200, json!({"why": call.fleet().why(call.caller()?, &job.id)?})))
}

fn act(call: &Call, action: JobChange) -> Result<Answer> {
    no_keys(call)?;
    Ok(Answer::Json(200, json!(change(call, action)?)))
}

/// An action takes no values, so a body is empty or `{}`.
fn no_keys(call: &Call) -> Result<()> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    match serde_json::from_slice(&call.body) {
        Ok(Value::Object(keys)) => {
            keys.keys().next().map_or(Ok(()), |key| Err(ApiError::unknown_key(key, &[])))
        }
        _ => Err(ApiError::new(ErrorCode::BadRequest, "the body is not a JSON object")),
    }
}

/// Changes the job in the path, if the caller may.
///
/// # Errors
///
/// There is none, it is another owner's, several owners have one of this name (409), or its state does not permit it.
pub(crate) fn change(call: &Call, action: JobChange) -> Result<JobView> {
    let (caller, mut jobs) = (call.caller()?, called_so(call, &call.id)?);
    jobs.retain(|job| caller.may_change(&job.owner));
    let job = jobs.first().ok_or_else(|| ApiError::not_found("job"))?;
    let is_last_of_others = call.id == LAST && job.owner != caller.name;
    if is_last_of_others || jobs.iter().any(|other| other.owner != job.owner) {
        return Err(ApiError::new(
            ErrorCode::Conflict,
            "no job of yours is called so, and several of others may be",
        )
        .hint("name the job by its id"));
    }
    call.fleet().change(caller, &job.id, action)
}

fn act_series(call: &Call, action: SeriesAction) -> Result<Answer> {
    no_keys(call)?;
    Ok(Answer::Json(200, json!(change_series(call, action)?)))
}

/// Changes the schedule in the path, if the caller may.
///
/// # Errors
///
/// There is none, it is another owner's, or its state does not permit it.
pub(crate) fn change_series(call: &Call, action: SeriesAction) -> Result<SeriesView> {
    let caller = call.caller()?;
    let all = call.fleet().series()?;
    let series = all.into_iter().find(|series| series.id == call.id && caller.may_change(&series.owner));
    let series = series.ok_or_else(|| ApiError::not_found("series"))?;
    call.fleet().change_series(caller, &series.id, action)
}

fn events(call: &Call) -> Result<Answer> {
    // The events have ids.
    if let Some(id) = call.query.get("job")
        && readable(call, id)?.id != id
    {
        return Err(ApiError::not_found("job"));
    }
    Ok(Answer::Events(call.fleet().events(call.last_event)?))
}

/// The sites that the caller may know of.
///
/// # Errors
///
/// The store is away.
pub(crate) fn sites(call: &Call) -> Result<Vec<SiteView>> {
    let (caller, mut sites) = (call.caller()?, call.fleet().sites()?);
    sites.retain(|site| caller.may_use(&site.name));
    Ok(sites)
}

/// The pairs that the caller may know of.
///
/// # Errors
///
/// The store is away.
pub(crate) fn pairs(call: &Call) -> Result<Vec<PairView>> {
    let (caller, mut pairs) = (call.caller()?, call.fleet().pairs()?);
    pairs.retain(|pair| caller.may_use(&pair.source) && caller.may_use(&pair.dest));
    Ok(pairs)
}

/// The workers, without jobs and sites that the caller may not know of.
///
/// # Errors
///
/// The store is away.
pub(crate) fn workers(call: &Call) -> Result<Vec<WorkerView>> {
    let (caller, mut workers) = (call.caller()?, call.fleet().workers()?);
    let reads_all = caller.reads_all();
    for worker in &mut workers {
        worker.sites.retain(|site| caller.may_use(site));
        if !reads_all {
            let is_own = |id: &String| {
                let job = call.fleet().job(id).ok().flatten();
                job.is_some_and(|job| caller.may_read(&job.owner))
            };
            worker.jobs.retain(is_own);
        }
    }
    Ok(workers)
}

/// The schedules that the caller may know of.
///
/// # Errors
///
/// The store is away.
pub(crate) fn series(call: &Call) -> Result<Vec<SeriesView>> {
    let (caller, mut series) = (call.caller()?, call.fleet().series()?);
    series.retain(|series| caller.may_read(&series.owner));
    Ok(series)
}

fn metrics(call: &Call) -> Result<Answer> {
    // They count the jobs of all owners.
    if call.known.as_ref().is_some_and(|known| !known.caller.reads_all()) {
        return Err(ApiError::new(ErrorCode::Forbidden, "a token of scope submit does not permit this")
            .hint("use a token of scope read"));
    }
    Ok(Answer::Text(PROMETHEUS, call.fleet().metrics()?))
}

/// What stands for the last job.
const LAST: &str = "last";
/// A state that only jobs of terminals have.
const INTERRUPTED: &str = "interrupted";
const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
