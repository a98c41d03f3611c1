//! Small files of a tree that move together between two servers of ours.
//!
//! A batch fails no file. What it leaves is copied like any other file, which finds out why.

use super::item::{Done, Item, Target};
use super::kept::{self, Claimed};
use super::options::Options;
use super::part::{Part, new_id};
use super::planned::{Copied, Planned};
use crate::check::{Overwrite, Verify};
use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::Host;
use crate::journal::PartId;
use crate::ladder::Rung;
use crate::outcome::{Protection, Verified};
use crate::report::Event;
use crate::route::{self, BatchPath, Ends};
use ftp_proto::listing;
use ftp_proto::third_party::Side;
use ftp_proto::third_party::batch::{BatchEnd, BatchFile};
use std::sync::atomic::Ordering;

/// What came of files that were to move together.
#[derive(Debug, Default)]
pub(super) struct Batched {
    /// Those that are done.
    pub(super) copied: Vec<Copied>,
    /// Those that are still to be copied.
    pub(super) rest: Vec<Planned>,
    /// Nothing has moved, so that another batch would move nothing either.
    pub(super) is_useless: bool,
}

/// A file of a batch.
struct Member {
    item: Item,
    claimed: Claimed,
    facts: Facts,
    part: PartId,
    end: Option<BatchEnd>,
}

/// Whether a file is one that may move together with others, as far as its listing and the options say.
pub(super) fn is_small(planned: &Planned, options: Options) -> bool {
    let is_verified = matches!(options.verify, Verify::Auto | Verify::Hash);
    let is_small = |facts: &Facts| {
        let is_dated = facts.modified.is_some();
        facts.kind == listing::Kind::File && is_dated && facts.size.is_some_and(|size| size <= SMALL)
    };
    is_verified
        && !options.mode.is_dry()
        && !options.perms
        && planned.claimed.as_ref().is_ok_and(Claimed::is_new)
        && planned.item.known.as_ref().is_some_and(is_small)
        && !matches!(planned.item.target, Target::Known(Some(_)))
}

/// Moves files together, if both servers can do that. `passive` is the end that has listened for an earlier file.
pub(super) async fn batched(
    context: &Context,
    ends: &mut Ends,
    planned: Vec<Planned>,
    options: Options,
    passive: Side,
) -> Batched {
    let (members, rest) = members(ends, planned, options);
    let mut batched = Batched { rest, ..Batched::default() };
    let path = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(from), Host::Server(to)) => BatchPath::between(context, from, to, passive),
        (Host::Server(_) | Host::Local(_), Host::Server(_) | Host::Local(_)) => Ok(None),
    };
    // A rate is kept file by file.
    let may_move = context.limit.is_none() && members.len() >= FEWEST;
    let (Ok(Some(path)), true) = (path, may_move) else {
        batched.rest.splice(0..0, members.into_iter().map(Member::planned));
        return batched;
    };
    let verified = Verified::Hash(path.algorithm());
    let (members, refused) = moved(context, ends, members, options, path).await;
    if let Some(refused) = refused.filter(|_| !ends.no_times.swap(true, Ordering::Relaxed)) {
        context.events.notice(format!("modification times are not kept: {refused}"));
    }
    let mut left = Vec::new();
    for member in members {
        match member.end {
            Some(BatchEnd::Published { .. }) => {
                let result = Ok(done(member.facts.size, verified, passive));
                batched.copied.push(Copied { item: member.item, result });
            }
            Some(BatchEnd::Left { .. }) | None => left.push(member.left(context, ends).await),
        }
    }
    batched.rest.splice(0..0, left);
    batched.is_useless = batched.copied.is_empty();
    batched
}

/// Takes out the files that may move together.
fn members(ends: &mut Ends, planned: Vec<Planned>, options: Options) -> (Vec<Member>, Vec<Planned>) {
    let (mut members, mut rest) = (Vec::new(), Vec::new());
    for planned in planned {
        match Member::of(ends, planned, options) {
            Ok(member) => members.push(member),
            Err(planned) => rest.push(*planned),
        }
    }
    (members, rest)
}

/// Moves the files. Returns with them why the destination does not set times, if it has refused one.
async fn moved(
    context: &Context,
    ends: &mut Ends,
    mut members: Vec<Member>,
    options: Options,
    path: BatchPath,
) -> (Vec<Member>, Option<String>) {
    let (verified, passive) = (Verified::Hash(path.algorithm()), path.passive());
    let files: Option<Vec<BatchFile>> = members.iter().map(|member| member.file(ends, options)).collect();
    for member in &mut members {
        let (source, dest) = member.item.names(ends);
        let (verb, size, dry_run) = ("copy", member.facts.size, false);
        let context = member.claimed.context(context, &member.item);
        context.events.say(Event::Plan { verb, source, dest, size, verify: verified, dry_run });
        kept::note_source(&context, &mut member.claimed.kept, &member.facts).ready().await;
    }
    let (Some(files), Host::Server(from), Host::Server(to)) =
        (files, &mut ends.source, &mut ends.destination)
    else {
        return (members, None);
    };
    let mut refused = None;
    let mut told = |index: usize, end: BatchEnd| {
        let Some(member) = members.get_mut(index) else { return };
        if let BatchEnd::Published { time_refused } = &end {
            refused = refused.take().or(time_refused.as_ref().map(ftp_proto::reply::Reply::display));
            let context = member.claimed.context(context, &member.item);
            kept::ended(&context, &Ok(done(member.facts.size, verified, passive)));
        }
        member.end = Some(end);
    };
    // A session that is lost has left all files: each of them finds out why.
    let _ = Box::pin(route::batch(context, (from, to), path, files, &mut told)).await;
    (members, refused)
}

impl Member {
    /// A file that may move together with others, or the file as it was.
    fn of(ends: &mut Ends, mut planned: Planned, options: Options) -> Result<Self, Box<Planned>> {
        let takes_name = match &mut ends.destination {
            Host::Server(server) => {
                server.open().is_some_and(|session| session.keeps_name(&planned.item.destination))
            }
            Host::Local(_) => false,
        };
        let facts = planned.item.known.clone().filter(|_| takes_name && is_small(&planned, options));
        let part = match (&facts, &mut planned.claimed) {
            (Some(_), Ok(claimed)) => claimed.kept.take_unused().or_else(|| new_id().ok()),
            (Some(_) | None, Ok(_) | Err(_)) => None,
        };
        match (facts, part, planned) {
            (Some(facts), Some(part), Planned { item, claimed: Ok(claimed) }) => {
                Ok(Self { item, claimed, facts, part, end: None })
            }
            (_, _, planned) => Err(Box::new(planned)),
        }
    }

    /// The file as the machine sees it.
    fn file(&self, ends: &mut Ends, options: Options) -> Option<BatchFile> {
        let Item { source, destination, target, .. } = &self.item;
        let part = Part::new(self.part, destination).ok()?.stored;
        let (size, modified) = (self.facts.size?, self.facts.modified?);
        let sets_time = options.times && !ends.no_times.load(Ordering::Relaxed);
        let time = match &mut ends.destination {
            Host::Server(server) if sets_time => server.open()?.time_command(&part, modified),
            Host::Server(_) | Host::Local(_) => None,
        };
        Some(BatchFile {
            source: source.clone(),
            part,
            target: destination.clone(),
            size,
            modified,
            unique: self.facts.unique.clone(),
            asks: *target == Target::Unknown || options.overwrite == Overwrite::Never,
            time,
        })
    }

    /// The file as it was planned: nothing was done with it.
    fn planned(mut self) -> Planned {
        self.claimed.kept.put_unused(self.part);
        Planned { item: self.item, claimed: Ok(self.claimed) }
    }

    /// The file as it is after the batch has left it. Its part is looked at like that of an earlier run.
    async fn left(mut self, context: &Context, ends: &mut Ends) -> Planned {
        let Some(BatchEnd::Left { touched: true, may_be_done }) = self.end else { return self.planned() };
        let own = self.claimed.context(context, &self.item);
        if context.cancel.is_cancelled() && !own.job_journal.keeps_item() {
            if let Ok(part) = Part::new(self.part, &self.item.destination) {
                part.discard(context, &mut ends.destination).await;
            }
            return self.planned();
        }
        self.claimed.kept.leave(self.part, &self.facts, may_be_done);
        Planned { item: self.item, claimed: Ok(self.claimed) }
    }
}

/// A file that was published.
const fn done(size: Option<u64>, verified: Verified, passive: Side) -> Done {
    let rung = match passive {
        Side::Source => Rung::SourceListens,
        Side::Destination => Rung::DestListens,
    };
    Done {
        size,
        rung: Some(rung),
        relayed: None,
        protection: Some(Protection::Clear),
        verified,
        attempts: 1,
        earlier: None,
    }
}

/// The largest file that moves together with others, in bytes: it takes no longer than the commands of a few files.
const SMALL: u64 = 256 << 10;
/// The smallest number of files for which the connection is worth its commands.
const FEWEST: usize = 4;
