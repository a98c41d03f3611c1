//! A part of the tree of a job: this run copies its files for the daemon that has the job, to which it tells what came of them. That
//! daemon makes directories, deletes at the destination and ends the job.

use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind, Result};
use crate::job::claims::names;
use crate::job::engine::sharing::{SharedFiles, SharedResults};
use crate::job::engine::stream::Stream;
use crate::job::moving::MovedTree;
use crate::job::part;
use crate::job::request::job::Job;
use crate::job::summary::{Report, Tally};
use crate::route::Ends;
use crate::session::Role;
use std::time::Duration;

/// Carries the part that the lease of this run is of. Without a result the part is given back by whoever has taken it.
pub(super) async fn carry(context: &Context, job: &Job) -> Report {
    let mut tally = Tally::new(&context.run.events, job.verb(), false);
    let pools = Pools::default();
    if let Err(failure) = copied(context, &pools, job, &mut tally).await {
        tally.failed(String::new(), String::new(), failure);
    }
    pools.quit().await;
    tally.report(Duration::ZERO, None)
}

async fn copied(context: &Context, pools: &Pools, job: &Job, tally: &mut Tally) -> Result<()> {
    let files = context.run.job_journal.files_of_tree_part().await.ok_or_else(Failure::interrupted)?;
    let unreadable = |why| Failure::new(Kind::Other, format!("a part of a job cannot be read: {why}"));
    let SharedFiles { source, destination, moved, items } =
        serde_json::from_str(&files).map_err(unreadable)?;
    let host = |name: &str, role| {
        let mut hosts = job.work.places().map(|place| Host::at(place, role, pools));
        hosts
            .find(|host| !host.is_local() && host.name() == name)
            .ok_or_else(|| Failure::usage(format!("the job has no place at {name}, where a part of it is")))
    };
    let ends = Ends::new(host(&source, Role::Source)?, host(&destination, Role::Destination)?);
    let mut stream = Stream::new(context, ends, job.options, tally);
    stream.results_for_other = Some(SharedResults::default());
    if let Some(item) = items.first() {
        names::learn(context, &mut stream.idle().destination, &item.destination).await;
    }
    stream.move_tree(moved.as_ref().map(MovedTree::of).as_ref());
    stream.add(items).await;
    stream.drain().await;
    let results = stream.results_for_other.take().unwrap_or_default();
    let destination = stream.ends().destination.beside();
    stream.finish().await.quit(context).await;
    let undeleted_part = part::settle(context, pools).await.map(Failure::concealed);
    // Some losses are noticed when a session ends.
    pools.quit().await;
    let has_lost_session = destination.has_lost_session();
    let results = serde_json::to_string(&SharedResults { has_lost_session, undeleted_part, ..results })
        .map_err(unreadable)?;
    context.run.job_journal.end_tree_part(results).await;
    Ok(())
}
