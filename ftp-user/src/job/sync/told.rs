//! What is told of both trees before anything is changed: what was skipped, could not be looked at, or is blocked.

use super::listed::Listed;
use super::places::Places;
use super::plan::Plan;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::sorted_names::TreeEntry;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::{Event, Topic};
use crate::route::Ends;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// Tells what was skipped and what could not be looked at.
pub(super) fn report_listings(
    context: &Context,
    ends: &Ends,
    Places { source: from, destination: to }: Places<'_>,
    (source, destination): (&Listed, &Listed),
    tally: &mut Tally,
) {
    for (path, why) in &source.skipped {
        let name = ends.source.show(&place::join(Some(&from.path), path));
        let (site, message) = (ends.source.name(), format!("{name} is skipped: {why}"));
        let why = Some(why.clone());
        context.run.events.say(Event::Repeated { topic: Topic::Skipped, site, why, message });
    }
    let below = |root: &PathName, path: &Option<PathName>| {
        path.as_ref().map_or_else(|| root.clone(), |path| place::join(Some(root), path))
    };
    for (path, failure) in &source.failed {
        let name = ends.source.show(&below(&from.path, path));
        tally.failed(name.clone(), to.to_string(), failure.clone().during(&name));
    }
    for (path, failure) in &destination.failed {
        let name = ends.destination.show(&below(&to.path, path));
        tally.failed(from.to_string(), name.clone(), failure.clone().during(&name));
    }
    let others = source.others + destination.others;
    if others > 0 {
        let failure = Failure::new(Kind::Other, format!("{others} more names could not be looked at"));
        tally.failed(from.to_string(), to.to_string(), failure);
    }
}

/// Tells what cannot be copied, because the destination has something else of that name.
pub(super) fn report_blocked(
    ends: &Ends,
    Places { source: from, destination: to }: Places<'_>,
    plan: &Plan,
    tally: &mut Tally,
) {
    for (TreeEntry { path, facts }, there) in &plan.blocked {
        let ours = if facts.kind == listing::Kind::Directory { "a directory" } else { "a file" };
        let theirs = match there {
            listing::Kind::Link => "is a symbolic link, and sync follows none",
            listing::Kind::Directory | listing::Kind::Current | listing::Kind::Parent => "is a directory",
            listing::Kind::File => "is a file",
            listing::Kind::Other => "is neither a file nor a directory",
        };
        let source = ends.source.show(&place::join(Some(&from.path), path));
        let dest = ends.destination.show(&place::join(Some(&to.path), path));
        let failure = Failure::new(Kind::Exists, format!("{source} is {ours}, but {dest} {theirs}"))
            .hint("move it away or delete it (ftp-user rm), and sync again");
        tally.failed(source, dest, failure);
    }
    let others = plan.counts.blocked.saturating_sub(plan.blocked.len() as u64);
    if others > 0 {
        let what = format!("{others} more names are taken at the destination by something else");
        tally.failed(from.to_string(), to.to_string(), Failure::new(Kind::Exists, what));
    }
}
