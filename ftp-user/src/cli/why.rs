//! `why`: what an earlier run has tried, why its files went as they did, and the receipt of its job; `probe`: every path between
//! two servers, without moving a file.

use super::passwords::Passwords;
use super::remote::RemoteArgs;
use super::transfer::PathArgs;
use super::{General, asked};
use crate::account::{CandidateFate, FailedFile, RunAccount};
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::{self, Status};
use crate::journal::{ItemRecord, ItemState, JobRecord, JobState, KnownJobs, StoredJob};
use crate::outcome::FailedItem;
use crate::place::{Names, RemotePath, Site};
use crate::report::{Event, Receipts, about};
use clap::Args;
use ftp_proto::wire::{PathName, show};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Show which paths an earlier run has tried, and what it has copied
///
/// The paths are those between two servers; it is told why its files took theirs.
#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    /// last, or the id of a run or job, or the name of a job
    #[arg(default_value = "last", value_name = "JOB|last")]
    pub(super) run: String,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) async fn run(context: Context, general: &General, args: WhyArgs) -> Result<Status> {
    let runs = context.store.journal.runs()?;
    // The last run may have a job that only the journal knows.
    let mut known = context.store.journal.known_jobs()?;
    general.note_lost_workers(&mut known.readable)?;
    let (job, run) = find(&known, &runs, &args.run);
    let mut receipts = Receipts::default();
    if let Some(run) = run {
        let mut run = run.clone();
        let failures = run.failures.iter().zip(run.failed_files.iter().cloned());
        receipts.other_failures =
            failures.map(|(why, FailedFile { source, dest })| failed(source, dest, why)).collect();
        receipts.unkept = run.failed.saturating_sub(run.failures.len() as u64);
        if let Some(job) = job.filter(|job| run.id.parse::<JobId>().is_ok_and(|id| id == job.id)) {
            tell_what_became(&mut run, job.state);
        }
        context.run.events.say(Event::Past(run));
    }
    if let (None, None) = (job, run) {
        let series = super::series::failure_if_series(general, &args.run, "why");
        let may_be_it = asked::find(&known, &args.run).err().filter(|_| !known.unreadable.is_empty());
        return Err(series.or(may_be_it).unwrap_or_else(|| unknown(&runs, &known.readable)));
    }
    if let Some(job) = job {
        if let Some(obstacle) = general.obstacle(job)? {
            context.run.events.warn(obstacle);
        }
        receipt(&context, job, &mut receipts).await?;
    }
    context.run.events.say(Event::Receipts(receipts));
    Ok(Status::Done)
}

/// Says of candidates by which both ends went on without this program what became of that, as far as the journal knows.
fn tell_what_became(run: &mut RunAccount, job: JobState) {
    let became = match job {
        JobState::Running | JobState::Interrupted | JobState::Detached => {
            format!("it goes on, or waits for {FtpUser} resume")
        }
        JobState::Done | JobState::Failed => "what came of it is told below".to_owned(),
        JobState::Cancelled => "it was cancelled".to_owned(),
    };
    let races = run.pairs.iter_mut().flat_map(|pair| &mut pair.races);
    for tried in races.flat_map(|race| &mut race.tried).filter(|tried| tried.fate == CandidateFate::Begun) {
        tried.why = Some(became.clone());
    }
}

/// What the journal knows of the files of a job: all of them for programs, their sum for people.
async fn receipt(context: &Context, job: &JobRecord, receipts: &mut Receipts) -> Result<()> {
    context.run.events.say(Event::Job(job.clone()));
    let sites = typed_sites(&context.settings.named, &job.job);
    for state in [ItemState::Done, ItemState::Failed, ItemState::Open, ItemState::GivenOver] {
        for item in context.store.journal.items(job.id, state)? {
            add(receipts, &item);
            let is_its = |failed: &FailedItem| {
                failed.source == item.place.source && item.why.as_ref() == Some(&failed.failure.what)
            };
            let kept = receipts.other_failures.len();
            receipts.other_failures.retain(|failed| !is_its(failed));
            if state == ItemState::Failed && kept == receipts.other_failures.len() {
                receipts.unkept = receipts.unkept.saturating_sub(1);
            }
            let dest = as_typed(&sites, &item);
            context.run.events.deliver(Event::Receipt(job.id, item, dest)).await;
        }
    }
    receipts.reason_of_job.clone_from(&job.why);
    let words = |failed: &FailedItem| about(&failed.source, &failed.failure.what);
    receipts.other_failures.retain(|failed| job.why.as_ref() != Some(&words(failed)));
    // A run that has ended may still count as carried.
    if job.is_running() && !job.state.has_ended() {
        for FailedItem { failure, .. } in &mut receipts.other_failures {
            failure.what = format!("in an earlier run: {}", failure.what);
        }
    }
    Ok(())
}

/// The sites whose names the places of a job have. A list may name any of them.
pub(super) fn typed_sites<'a>(names: &'a Names, job: &StoredJob) -> Vec<&'a Site> {
    let places: Vec<_> = job.places().collect();
    let is_typed = |name: &str| {
        let starts = [format!("{name}:"), format!("[{name}]")];
        let begins =
            |place: &OsString| starts.iter().any(|start| place.as_bytes().starts_with(start.as_bytes()));
        places.is_empty() || places.iter().any(begins)
    };
    names.iter().filter(|(name, _)| is_typed(name)).map(|(_, place)| &place.site).collect()
}

/// The destination of a file at the site whose name was typed.
pub(super) fn as_typed(sites: &[&Site], item: &ItemRecord) -> Option<String> {
    let site = sites.iter().find(|site| job::name_in_journal(site) == item.place.site)?;
    let name = PathName::from_wire(item.place.path.clone()).ok()?;
    Some(site.show(&RemotePath { name: Some(name), contents: false, glob: None }))
}

fn add(receipts: &mut Receipts, item: &ItemRecord) {
    match item.state {
        ItemState::Done => {
            let Some(rung) = item.copy.moved_by() else {
                receipts.skipped += 1;
                return;
            };
            let (path, verified) = (rung.path().to_owned(), item.copy.verified.name().to_owned());
            let known = receipts.copied.iter_mut().find(|(by, with, _)| *by == path && *with == verified);
            match known {
                Some((_, _, count)) => *count += 1,
                None => receipts.copied.push((path, verified, 1)),
            }
        }
        ItemState::Failed => {
            receipts.failed += 1;
            name(&mut receipts.failures, item);
        }
        ItemState::Open => receipts.open += 1,
        ItemState::GivenOver => {
            receipts.given_over += 1;
            name(&mut receipts.left, item);
        }
    }
}

/// Keeps a file with its reason, if it is one of the first.
fn name(named: &mut Vec<FailedItem>, item: &ItemRecord) {
    if named.len() < NAMED {
        let why = item.why.as_deref().unwrap_or_default();
        named.push(failed(item.place.source.clone(), show(&item.place.path), why));
    }
}

/// A file of an earlier run, and why it has failed.
fn failed(source: String, dest: String, why: &str) -> FailedItem {
    FailedItem { source, dest, failure: Failure::new(Kind::Other, why) }
}

/// The number of files of one kind that are named for people with their reasons.
const NAMED: usize = 10;

/// The job and the run that are called so. A name is that of a job.
fn find<'a>(
    known: &'a KnownJobs,
    runs: &'a [RunAccount],
    called: &str,
) -> (Option<&'a JobRecord>, Option<&'a RunAccount>) {
    if called == "last" {
        // One that cannot be read may be the last one.
        return if known.unreadable.is_empty() { last(&known.readable, runs) } else { (None, None) };
    }
    if known.unreadable.iter().any(|row| called.parse() == Ok(row.id)) {
        return (None, None);
    }
    let job = asked::find(known, called).ok();
    let id = job.map_or_else(|| called.to_owned(), |job| job.id.to_string());
    (job, runs.iter().rfind(|run| run.id == id))
}

/// The last job with its last run, as `resume last` means it, or a run after it that has no job: of `probe`, `append` or a
/// list.
fn last<'a>(
    jobs: &'a [JobRecord],
    runs: &'a [RunAccount],
) -> (Option<&'a JobRecord>, Option<&'a RunAccount>) {
    let id = |run: &RunAccount| run.id.parse::<JobId>().ok();
    let Some(job) = jobs.last() else { return (None, runs.last()) };
    let own = runs.iter().rposition(|run| id(run) == Some(job.id));
    let has_job = |run: &RunAccount| jobs.iter().any(|job| id(run) == Some(job.id));
    // A run is noted when it ends, in whole seconds, and a job when it begins.
    let is_later = |index: usize, run: &RunAccount| own.map_or(run.at > job.begun, |own| index > own);
    let alone = runs.iter().enumerate().rfind(|(index, run)| !has_job(run) && is_later(*index, run));
    match alone {
        Some((_, run)) => (None, Some(run)),
        None => (Some(job), own.and_then(|own| runs.get(own))),
    }
}

/// The failure if there is neither such a job nor such a run.
fn unknown(runs: &[RunAccount], jobs: &[JobRecord]) -> Failure {
    if runs.is_empty() && jobs.is_empty() {
        return Failure::new(Kind::Missing, "no job and no run between two servers is remembered")
            .hint("copy something first, with the same --state");
    }
    let is_alone = |run: &&RunAccount| jobs.iter().all(|job| run.id.parse::<JobId>().ok() != Some(job.id));
    let alone: BTreeSet<&str> = runs.iter().filter(is_alone).map(|run| run.id.as_str()).collect();
    let alone: String = alone.iter().map(|id| format!(" {id}")).collect();
    let others = if alone.is_empty() { "" } else { "; these runs have no job:" };
    Failure::new(Kind::Missing, "no job or run with that id or name is remembered")
        .hint(format!("{FtpUser} jobs lists jobs{others}{alone}"))
}

/// Try every path between two servers, and draw the best one
///
/// No file is moved. Files would go from SOURCE to DEST. Between two servers that know PROB nothing is read or stored.
/// Other paths are tried with an empty temporary file, which is deleted again at both ends.
#[derive(Args, Debug)]
pub(super) struct ProbeArgs {
    /// A file or directory of the server that would send
    source: OsString,
    /// A file or directory of the server that would receive
    dest: OsString,
    #[command(flatten)]
    paths: PathArgs,
}

pub(super) async fn probe(mut context: Context, passwords: &Passwords, args: ProbeArgs) -> Result<Status> {
    let places = passwords.locations(&mut context, &[args.source, args.dest]).await?;
    let [source, destination] = &places[..] else {
        return Err(Failure::usage("probe needs a SOURCE and a DEST"));
    };
    if let Some(local) = places.iter().find(|place| place.is_local()) {
        return Err(Failure::usage(format!("{local} is on this host, and probe needs two servers"))
            .hint("name servers with ftp://host/path"));
    }
    args.paths.apply(&mut context, || places.iter()).await?;
    let found = job::survey(&context, source, destination, args.paths.path).await?;
    let works = found.best().is_some();
    context.run.events.say(Event::Surveyed(found));
    Ok(if works { Status::Done } else { Status::Failed(Kind::NoPath) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_id_or_as_the_last_one() {
        let run = |id: &str| RunAccount { id: id.to_owned(), ..RunAccount::default() };
        let runs = [run("a"), run("b")];
        let check =
            |which, expect: &str| assert_eq!(find(&KnownJobs::default(), &runs, which).1.unwrap().id, expect);
        check("a", "a");
        check("last", "b");
        let again = [run("a"), run("b"), run("a")];
        assert_eq!(find(&KnownJobs::default(), &again, "c"), (None, None));
        let failure = unknown(&again, &[]);
        assert!(failure.to_string().ends_with("these runs have no job: a b"), "{failure}");
        let failure = unknown(&runs, &[]);
        assert!(failure.kind == Kind::Missing && failure.to_string().contains("a b"), "{failure}");
        assert_eq!(find(&KnownJobs::default(), &[], "last"), (None, None));
        assert!(unknown(&[], &[]).to_string().contains("copy something first"));
    }

    #[test]
    fn the_last_one_is_the_job_that_resume_means_unless_a_run_without_a_job_came_after_it() {
        let job =
            |number, begun| JobRecord { begun, ..JobRecord::for_tests(number, StoredJob::for_tests("copy")) };
        let run = |number, at| RunAccount { id: JobId::new(number).to_string(), at, ..RunAccount::default() };
        let check = |jobs: &[JobRecord], runs: &[RunAccount], expect: (Option<u64>, Option<u64>)| {
            let (job, run) = last(jobs, runs);
            let found =
                (job.map(|job| job.id.number()), run.map(|run| run.id.parse::<JobId>().unwrap().number()));
            assert_eq!(found, expect, "{runs:?}");
        };
        let jobs = [job(1, 5), job(2, 7)];
        check(&[], &[run(9, 3)], (None, Some(9)));
        // The second one was killed, in the second in which the first one ended.
        check(&jobs, &[run(1, 7)], (Some(2), None));
        check(&jobs, &[run(1, 7), run(2, 7)], (Some(2), Some(2)));
        check(&jobs, &[run(2, 7), run(1, 9)], (Some(2), Some(2)));
        check(&jobs, &[run(1, 7), run(9, 6)], (Some(2), None));
        check(&jobs, &[run(1, 7), run(9, 8)], (None, Some(9)));
        check(&jobs, &[run(2, 7), run(9, 7)], (None, Some(9)));
    }
}
