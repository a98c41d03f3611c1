//! What the API shows of what the store has.

use super::super::why::as_typed;
use super::feed::RunOfJob;
use super::state::WorkerOfJob;
use crate::id::JobId;
use crate::journal::{CarriedRun, ItemRecord, ItemState, QueuedJob, SeriesRecord, StoredJob};
use crate::place::Site;
use crate::queue::{FileState, FileTotals, StoredProgress, WorkerRecord, moment};
use crate::report::destination;
use crate::web::option_of;
use crate::web::view::{FileView, JobTimes, JobView, SeriesView, WorkerView};
use ftp_io::clock::since_1970;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A job. `run` is its last run in this daemon, and `of_job` the worker that carries it now.
pub(super) fn job_view(job: &QueuedJob, run: Option<&RunOfJob>, of_job: Option<WorkerOfJob>) -> JobView {
    let QueuedJob { id, job, entry, is_damaged } = job;
    let (sources, dest) = ends_of(job);
    let now = since_1970().as_secs();
    let state = entry.state(now);
    let begins_later = entry.due > now && !state.has_ended() && !entry.is_carried;
    // Of what has ended the store knows everything.
    let run = run.filter(|_| !state.has_ended());
    let (worker, elsewhere) = of_job.map(|worker| (worker.name, worker.progress)).unzip();
    JobView {
        id: id.to_string(),
        name: entry.name_of(job.name.as_ref()).cloned(),
        verb: job.verb.clone(),
        sources,
        dest,
        options: options_of(job),
        owner: entry.submission.owner.clone(),
        priority: entry.submission.priority.number(),
        series: entry.series.map(|series| series.to_string()),
        state,
        exit: entry.exit,
        cause: if *is_damaged { Some(DAMAGED.to_owned()) } else { entry.cause.clone() },
        wish: entry.wish,
        times: JobTimes {
            created: moment(entry.created),
            started: entry.started.map(moment),
            ended: entry.ended.map(moment),
            next_try: begins_later.then(|| moment(entry.due)),
        },
        worker: worker.filter(|_| entry.is_carried),
        path: run.and_then(|run| run.route.as_ref()).map(|route| route.rung.path().to_owned()),
        failed: entry.files.failed,
        progress: at_least(
            entry.files,
            match (run, elsewhere.flatten()) {
                (Some(run), _) if entry.is_carried => run.progress.clone(),
                (Some(run), _) => StoredProgress { rate: None, remaining: None, ..run.progress.clone() },
                (None, Some(progress)) => progress,
                (None, None) => StoredProgress::default(),
            },
        ),
    }
}

/// What is told of a job whose row is damaged. What is wrong with the store is for its operator.
pub(super) const DAMAGED: &str =
    "what the store has of this job is damaged, so it cannot be read: ask the operator of the daemon";

/// How far a job is of which earlier runs have done so much: a run that has not met these files yet knows less.
fn at_least(FileTotals { done, bytes, .. }: FileTotals, progress: StoredProgress) -> StoredProgress {
    let (files, bytes) = (progress.files.max(done), progress.bytes.max(bytes));
    StoredProgress { files, bytes, ..progress }
}

/// The sources and the destination of a job, as they were typed.
fn ends_of(job: &StoredJob) -> (Vec<String>, String) {
    let mut places: Vec<String> = job.places().map(|text| text.to_string_lossy().into_owned()).collect();
    let dest = places.pop().unwrap_or_default();
    (places, dest)
}

/// The options of a job that the API knows.
fn options_of(job: &StoredJob) -> Map<String, Value> {
    job.options.iter().filter_map(|(name, value)| option_of(name, value)).collect()
}

/// A series. `last` is the job of its last run.
pub(super) fn series_view(record: &SeriesRecord, last: Option<&QueuedJob>) -> SeriesView {
    let SeriesRecord { id, job, series } = record;
    let (sources, dest) = ends_of(job);
    SeriesView {
        id: id.to_string(),
        owner: series.submission.owner.clone(),
        every: series.every.to_string(),
        zone: series.zone.clone(),
        verb: job.verb.clone(),
        sources,
        dest,
        command: job.words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        paused: series.is_paused,
        next: series.next.map(moment),
        last_job: series.last.map(|job| job.to_string()),
        last_state: last.map(|job| job.entry.state(since_1970().as_secs())),
        last: last.map(|job| moment(job.entry.created)),
    }
}

/// A worker at this time of the store. `runs` are the jobs that workers carry.
pub(super) fn worker_view(worker: &WorkerRecord, runs: &HashMap<JobId, CarriedRun>, now: u64) -> WorkerView {
    let WorkerRecord { profile, started, seen } = worker;
    let is_own = |run: &CarriedRun| run.worker == profile.id || run.part_workers.contains(&profile.id);
    let mut jobs: Vec<String> =
        runs.iter().filter(|(_, run)| is_own(run)).map(|(job, _)| job.to_string()).collect();
    jobs.sort();
    WorkerView {
        name: profile.name.clone(),
        id: profile.id.to_string(),
        version: profile.version.clone(),
        parallel: profile.parallel,
        jobs,
        sites: profile.sites.keys().cloned().collect(),
        started: moment(*started),
        seen: moment(*seen),
        alive: worker.is_alive(now),
        draining: profile.is_draining,
    }
}

/// A file of a job. `sites` are those that the job names, and `run` is its run, if it is carried.
pub(super) fn file_view(
    file: &ItemRecord,
    sites: &[&Site],
    run: Option<&RunOfJob>,
    worker: &str,
) -> FileView {
    let rung = file.copy.moved_by();
    let moving = run.and_then(|run| run.moving.get(&file.place.source)).copied();
    let state = match file.state {
        ItemState::Open if moving.is_some() => FileState::Moving,
        ItemState::Open => FileState::Waiting,
        ItemState::Done if rung.is_none() => FileState::Skipped,
        ItemState::Done => FileState::Done,
        ItemState::Failed => FileState::Failed,
        ItemState::GivenOver => FileState::Skipped,
    };
    let is_done = state == FileState::Done;
    FileView {
        source: file.place.source.clone(),
        dest: as_typed(sites, file).unwrap_or_else(|| destination(&file.place)),
        state,
        bytes: if is_done { file.copy.size.unwrap_or(0) } else { moving.unwrap_or(0) },
        path: rung.map(|rung| rung.path().to_owned()),
        rung: rung.map(|rung| rung.name().to_owned()),
        verified: is_done.then(|| file.copy.verified.name().to_owned()),
        attempts: file.copy.attempts,
        worker: (state == FileState::Moving).then(|| worker.to_owned()),
        cause: file.why.clone(),
    }
}
