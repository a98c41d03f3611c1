//! `why`: what an earlier run has tried, why its files went as they did, and the receipt of its job.

use super::asked;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::history::PastRun;
use crate::job::{self, Status};
use crate::journal::{ItemRecord, ItemState, JobRecord};
use crate::ladder::Rung;
use crate::report::{Event, Receipts};
use clap::Args;

/// Show which paths an earlier run has tried between two servers, why its files took theirs, and what its job has copied
#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    /// last, or the id of a run or job, or the name of a job
    #[arg(default_value = "last", value_name = "JOB|last")]
    run: String,
}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) fn run(context: Context, args: WhyArgs) -> Result<Status, Failure> {
    let runs = context.runs.kept().map_err(|why| Failure::new(Kind::Other, why))?;
    let jobs = context.journal.jobs();
    let job = jobs.as_ref().ok().and_then(|jobs| asked::find(jobs, &args.run).ok());
    // A name is that of a job; "last" may be a run that has no job.
    let called =
        job.filter(|_| args.run != "last").map_or_else(|| args.run.clone(), |job| job.id.to_string());
    let found = find(&runs, &called);
    let is_last = args.run == "last";
    let is_older = |run: &PastRun| is_last && job.is_some_and(|job| run.at < job.begun);
    let run = found.as_ref().ok().copied().filter(|run| !is_older(run));
    let is_same = |job: &JobRecord| run.is_none_or(|run| run.id.parse().ok() == Some(job.id));
    let job = job.filter(|job| !is_last || is_same(job));
    if let Some(run) = run {
        context.events.say(Event::Past(run.clone()));
    }
    match (job, run, found) {
        (Some(job), ..) => receipt(&context, job)?,
        (None, Some(_), _) | (None, None, Ok(_)) => {}
        (None, None, Err(failure)) => {
            return Err(jobs.err().map_or(failure, |why| job::of_journal(&why)));
        }
    }
    Ok(Status::Done)
}

/// What the journal knows of the files of a job: all of them for programs, their sum for people.
fn receipt(context: &Context, job: &JobRecord) -> Result<(), Failure> {
    context.events.say(Event::Job(job.clone()));
    let mut receipts = Receipts::default();
    for state in [ItemState::Done, ItemState::Failed, ItemState::Open, ItemState::GivenOver] {
        for item in context.journal.items(job.id, state).map_err(|why| job::of_journal(&why))? {
            add(&mut receipts, &item);
            context.events.say(Event::Receipt(job.id, item));
        }
    }
    context.events.say(Event::Receipts(receipts));
    Ok(())
}

fn add(receipts: &mut Receipts, item: &ItemRecord) {
    match item.state {
        ItemState::Done => {
            let Some(rung) = &item.path else {
                receipts.skipped += 1;
                return;
            };
            let path = Rung::named(rung).map_or("unknown", Rung::path).to_owned();
            let verified = item.verified.clone().unwrap_or_else(|| "none".to_owned());
            let known = receipts.copied.iter_mut().find(|(by, with, _)| *by == path && *with == verified);
            match known {
                Some((_, _, count)) => *count += 1,
                None => receipts.copied.push((path, verified, 1)),
            }
        }
        ItemState::Failed => {
            receipts.failed += 1;
            if receipts.failures.len() < NAMED {
                let why = item.why.clone().unwrap_or_default();
                receipts.failures.push((item.place.source.clone(), why));
            }
        }
        ItemState::Open | ItemState::GivenOver => receipts.open += 1,
    }
}

/// The number of failures that are named for people.
const NAMED: usize = 10;

/// The run with that id, or the last one.
fn find<'a>(runs: &'a [PastRun], which: &str) -> Result<&'a PastRun, Failure> {
    let found = if which == "last" { runs.last() } else { runs.iter().rfind(|run| run.id == which) };
    found.ok_or_else(|| {
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        if ids.is_empty() {
            return Failure::new(Kind::Missing, "no run between two servers is remembered")
                .hint("copy something first, with the same --state");
        }
        Failure::new(Kind::Missing, "no run with that id is remembered")
            .hint(format!("these are: {}", ids.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_id_or_as_the_last_one() {
        let run = |id: &str| PastRun { id: id.to_owned(), ..PastRun::default() };
        let runs = [run("a"), run("b")];
        let check = |which, expect: &str| assert_eq!(find(&runs, which).unwrap().id, expect);
        check("a", "a");
        check("last", "b");
        let failure = find(&runs, "c").unwrap_err();
        assert!(failure.kind == Kind::Missing && failure.to_string().contains("a b"), "{failure}");
        assert!(find(&[], "last").unwrap_err().to_string().contains("copy something first"));
    }
}
