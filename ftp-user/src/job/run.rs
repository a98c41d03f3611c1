//! Runs a job to its end: the only part of a job that needs a runtime.

use super::Item;
use super::sources::Sources;
use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::Failure;
use crate::job::claims::{claim, lifetime, names};
use crate::job::file::append::append;
use crate::job::file::standard;
use crate::job::part;
use crate::job::request::job::{Job, NAME, Options, Work};
use crate::job::sources::moved;
use crate::job::summary::{Report, Tally};
use crate::job::sync::{SyncRequest, sync};
use crate::job::takeover;
use crate::job::tree_part;
use crate::journal::ItemEnd;
use crate::outcome::Protection;
use crate::place::Location;
use crate::route::Ends;
use crate::session::Role;

/// Runs `job` to its end. What happens meanwhile, and the summary at the end, go to the events of `context`.
pub async fn run(job: Job, context: &Context) -> Report {
    let mut context = context.clone();
    if let Err(failure) = lifetime::start(&mut context, &job).await {
        return refused(job.verb(), failure, &context);
    }
    if context.run.job_journal.is_of_tree_part() {
        return Box::pin(tree_part::carry(&context, &job)).await;
    }
    if let Err(failure) = Box::pin(takeover::take_over(&context, &job)).await {
        return failed_before_work(job.verb(), failure, &context).await;
    }
    // Both ends are told which transfer may go on alone, so candidates are tried one after the other.
    context.settings.race &= !job.options.detach;
    let start = context.world.clock.now();
    let mut tally = Tally::new(&context.run.events, job.verb(), job.options.mode.is_dry());
    tally.sums.protection = Protection::of(job.is_secured());
    let pools = Pools::default();
    let is_kept = job.is_between_servers() && !job.options.mode.is_dry();
    let destinations: Vec<_> = job.work.destinations().cloned().collect();
    let Job { id, work, options, filter, unusable, .. } = job;
    let selecting = filter.selecting();
    // No second run goes on with one: its failure says what to do.
    let is_stream = matches!(work, Work::Output { .. } | Work::Input { .. });
    match work {
        Work::Copy { sources, destination } => {
            let mut copying = Sources::new(&context, &pools, destination, options, filter, &mut tally);
            Box::pin(copying.copy(sources, unusable)).await;
            Box::pin(copying.finish(&destinations)).await;
        }
        Work::CopyEach { pairs } => {
            if let Some(first) = destinations.first().cloned() {
                let mut copying = Sources::new(&context, &pools, first, options, filter, &mut tally);
                Box::pin(copying.copy_each(pairs)).await;
                Box::pin(copying.finish(&destinations)).await;
            }
        }
        Work::Sync { source, destination, rules } => {
            let request = SyncRequest { source, destination, rules, options, filter };
            Box::pin(sync(&context, &pools, &request, &mut tally)).await;
        }
        Work::Output { source, sink } => {
            let mut host = Host::at(&source, Role::Source, &pools);
            let copied =
                Box::pin(standard::to_output(&context, &mut host, &source.path, sink, options)).await;
            tally.file(host.show(&source.path), sink.name().to_owned(), copied);
            host.quit().await;
        }
        Work::Input { destination } => {
            let mut host = Host::at(&destination, Role::Destination, &pools);
            let copied = Box::pin(standard::from_input(&context, &mut host, &destination, options)).await;
            tally.file(NAME.to_owned(), host.show(&destination.path), copied);
            host.quit().await;
        }
        Work::Append { source, destination } => {
            Box::pin(appended(&context, &pools, &source, &destination, options, &mut tally)).await;
        }
    }
    tally.undeleted_part = tally.undeleted_part.or(settle_parts(&context, &pools).await);
    // After an interruption, sessions are closed without QUIT.
    if !context.run.cancel.is_cancelled() {
        pools.quit().await;
    }
    if tally.is_empty() {
        tell_why_empty(&context, &mut tally, selecting, options).await;
    }
    let took = context.world.clock.now().since(start);
    if is_kept {
        lifetime::keep_run(&context, tally.account(id, took, context.run.routes.take()));
    }
    let advice = lifetime::finish(&context, &tally).await.filter(|_| !is_stream);
    tally.report(took, advice)
}

/// Deletes the parts that are left. If a daemon carries the job, returns why some may still be there: nobody reads the warnings
/// of a daemon, so another run has to delete them.
async fn settle_parts(context: &Context, pools: &Pools) -> Option<Failure> {
    let undeleted = part::settle(context, pools).await;
    undeleted.filter(|_| context.run.job_journal.is_carried())
}

/// Tells why the job has met no file. A move that goes on has none if earlier runs have moved them all.
async fn tell_why_empty(
    context: &Context,
    tally: &mut Tally,
    selecting: Option<&'static str>,
    options: Options,
) {
    let moved = if options.deletes_sources() { moved::finished(context).await } else { 0 };
    let events = &context.run.events;
    match selecting {
        _ if moved > 0 => {
            tally.finished_earlier(moved);
            events.notice(
                "the source has no file any more: if it should have one, look whether its disk is mounted",
            );
        }
        Some(option) => events.warn(format!("no file matches {option}: {UNMATCHED}")),
        None => events.warn(
            "the source has no file, or the filters leave everything out: look whether its disk is mounted",
        ),
    }
}

/// Appends one file to another.
async fn appended(
    context: &Context,
    pools: &Pools,
    source: &Location,
    destination: &Location,
    options: Options,
    tally: &mut Tally,
) {
    let from = Host::at(source, Role::Source, pools);
    let mut ends = Ends::new(from, Host::at(destination, Role::Destination, pools));
    let item = Item::new(1, source.path.clone(), destination.path.clone());
    let (source, destination) = item.names(&ends);
    names::learn(context, &mut ends.destination, &item.destination).await;
    let appended = match claim::hold(context, &ends, &item).await {
        Ok(journal) => {
            let appended = append(context, &mut ends, &item, options).await;
            journal.ended(ItemEnd::Unbegun);
            appended
        }
        Err(failure) => Err(failure),
    };
    if let Ok(done) = &appended {
        context.run.routes.verified(0, done.verified.name());
    }
    tally.file(source, destination, appended);
    ends.quit(context).await;
}

/// Why a tree may have no file that a pattern matches.
const UNMATCHED: &str = "a pattern with a / is matched against the path below SOURCE, without the name of SOURCE, and upper and lower case differ";

/// Ends a run that has not begun to work.
async fn failed_before_work(verb: &'static str, failure: Failure, context: &Context) -> Report {
    let mut tally = Tally::new(&context.run.events, verb, false);
    tally.failed(String::new(), String::new(), failure);
    let advice = lifetime::finish(context, &tally).await;
    tally.report(std::time::Duration::ZERO, advice)
}

/// Reports that a job could not be created.
pub fn refused(verb: &'static str, failure: Failure, context: &Context) -> Report {
    let mut tally = Tally::new(&context.run.events, verb, false);
    tally.failed(String::new(), String::new(), failure);
    tally.report(std::time::Duration::ZERO, None)
}
