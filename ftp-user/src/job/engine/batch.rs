//! Small files that move together between two servers.
//!
//! No file fails here. A file that is left is copied alone, and that copy reports the reason. Where a connection has broken, one
//! file is copied alone, and the others may move together after it.

use super::taken_names::TakenNames;
use super::workers::{FileResult, WorkerResults};
use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files;
use crate::job::check::{self, Overwrite, Verify};
use crate::job::claims::claim::{self, ClaimedFile, FileClaim};
use crate::job::file::times;
use crate::job::part::Part;
use crate::job::race::remembered::{self, FirstBatch};
use crate::job::request::job::Options;
use crate::job::{Item, Target};
use crate::journal::PartId;
use crate::ladder::{Candidate, Rung};
use crate::outcome::{FileCopy, Relayed, TransferFacts, Verified};
use crate::report::Event;
use crate::route::{self, BatchPath, BatchResult, Circuit, Ends, Fate, Manner, SmallFile, StoreReply};
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::transfer::batch::{BatchEnd, BatchFile};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What becomes of other files that are to move together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Prospect {
    /// They may move together.
    #[default]
    Good,
    /// They may, but a connection has broken over these.
    Doubtful,
    /// They would not move together either.
    None,
}

impl Prospect {
    /// What files that have moved together say about those that follow. `left_all`: none of them was published. Files in groups
    /// may all have been there already, or have changed: that says nothing about others. `is_whole`: no connection has broken.
    const fn after(left_all: bool, is_whole: bool, manner: Manner) -> Self {
        match (left_all && matches!(manner, Manner::OneByOne), is_whole) {
            (true, _) => Self::None,
            (false, true) => Self::Good,
            (false, false) => Self::Doubtful,
        }
    }
}

/// A file of a batch.
struct Member {
    item: Item,
    claim: FileClaim,
    facts: Facts,
    /// The name under which it is stored first; `None` if its server chooses that.
    part: Option<PartId>,
    /// Nothing has had its name.
    is_free: bool,
    end: Option<BatchEnd>,
    /// What is known of its transfer.
    transfer: TransferFacts,
}

/// Whether a file that is claimed may move together with others, as far as its listing and the options say. One that an
/// earlier run has only claimed may: the destination is asked whether something has its name.
pub(super) fn may_move(file: &ClaimedFile, options: Options) -> bool {
    file.claim.as_ref().is_ok_and(FileClaim::has_no_part) && is_small(&file.item, options)
}

/// Whether a file may move together with others, as far as its listing and the options say.
pub(super) fn is_small(item: &Item, options: Options) -> bool {
    // Without a time nobody could say later whether the source of a move is unchanged.
    let is_known = |facts: &Facts| !options.moves || facts.modified.is_some();
    let is_small = |facts: &Facts| {
        facts.kind == listing::Kind::File && facts.size.is_some_and(|size| size <= SMALL) && is_known(facts)
    };
    options.verify != Verify::None
        && !options.mode.is_dry()
        && !options.perms
        && !options.detach
        && item.known.as_ref().is_some_and(is_small)
        && !matches!(item.target, Target::Known(Some(_)))
}

/// Moves files together, if both servers can do that, on the path that an earlier file has taken. Those that are still to be
/// copied have not begun.
pub(super) async fn batched(
    context: &Context,
    ends: &mut Ends,
    files: Vec<ClaimedFile>,
    options: Options,
    candidate: Candidate,
    names: &TakenNames,
) -> WorkerResults {
    let path = match path(context, ends, options, candidate).await {
        Ok(path) => path,
        Err(prospect) => return WorkerResults { unbegun: files, prospect, ..WorkerResults::default() },
    };
    let (mut members, mut rest) = (Vec::new(), Vec::new());
    for file in files {
        match Member::of(ends, file, options, &path) {
            Ok(member) => members.push(member),
            Err(file) => rest.push(*file),
        }
    }
    let manner = path.manner();
    match (manner, &mut ends.destination) {
        (Manner::Groups, _) => {
            for member in &mut members {
                member.is_free = names.is_free(&member.item.destination);
            }
        }
        (Manner::OneByOne, Host::Server(to)) => {
            let targets = members.iter().map(|member| &member.item.destination).collect();
            let mut free = names.free(context, to, targets).await.into_iter();
            rest.extend(members.extract_if(.., |_| free.next() != Some(true)).map(Member::not_begun));
        }
        (Manner::OneByOne, Host::Local(_)) => return put_back(members, rest),
    }
    if members.len() < FEWEST {
        return put_back(members, rest);
    }
    let (mut any, begun) = (any_copy(&path, ends), context.world.clock.now());
    remembered::announce(context, ends, candidate);
    let is_proven = path.is_proven;
    let BatchResult { are_usable, has_opened, has_broken } =
        move_files(context, ends, &mut members, options, path, &any).await;
    if let Some(relayed) = &mut any.relayed {
        relayed.directly = ends.circuit.as_ref().is_some_and(Circuit::is_direct);
    }
    let published = |member: &&Member| matches!(member.end, Some(BatchEnd::Published { .. }));
    if let Some(member) = members.iter().find(published).or(members.first()) {
        let (file, verified, allowed) = (member.item.clone(), any.verified.name(), options.allowed);
        let batch = FirstBatch { candidate, allowed, file, verified, begun };
        remembered::note(context, ends, &batch, has_opened);
    }
    let (mut files, mut left) = (Vec::new(), Vec::new());
    let store_reply = StoreReply::of_session(are_usable);
    for member in members {
        match member.end {
            Some(BatchEnd::Published { .. }) => {
                let result = Ok(member.done(&any));
                files.push(FileResult::of(member.item, result));
            }
            Some(BatchEnd::Left { .. }) | None => {
                left.push(member.left(context, ends, &any, store_reply).await)
            }
        }
    }
    let has_left = !left.is_empty();
    left.extend(rest);
    let is_whole = are_usable && !(has_broken && has_left);
    let prospect = Prospect::after(files.is_empty(), is_whole, manner);
    let others_wait = prospect == Prospect::Doubtful || (!is_proven && files.is_empty());
    WorkerResults { files, unbegun: left, kept: Vec::new(), prospect, manner: Some(manner), others_wait }
}

/// How files can be moved together, if the options allow it and both servers can do it. Otherwise what that says about other
/// files.
async fn path(
    context: &Context,
    ends: &mut Ends,
    options: Options,
    candidate: Candidate,
) -> Result<BatchPath, Prospect> {
    let (Host::Server(from), Host::Server(to)) = (&mut ends.source, &mut ends.destination) else {
        return Err(Prospect::None);
    };
    if from.open().is_none() || to.open().is_none() {
        return Err(Prospect::Good); // the next file opens a session
    }
    let path = Box::pin(BatchPath::of(context, ends, candidate)).await;
    // If there is no way to a relay, each file finds out why.
    let mut path = path.map_err(|_| Prospect::Good)?.ok_or(Prospect::None)?;
    if path.manner() == Manner::Groups {
        return if options.verify == Verify::Size { Err(Prospect::None) } else { Ok(path) };
    }
    // What is there was looked at before.
    if !matches!(options.overwrite, Overwrite::Always | Overwrite::Different) {
        return Err(Prospect::None);
    }
    let common = check::common(context, ends, &[]).await.map_err(|_| Prospect::Good)?;
    match options.verify.with(common, Some(0)) {
        Ok(Verified::Hash(algorithm)) => path.verify_by(algorithm),
        Ok(Verified::Size) => {}
        Ok(Verified::None) | Err(_) => return Err(Prospect::None),
    }
    Ok(path)
}

/// Files that do not move together after all.
fn put_back(members: Vec<Member>, mut rest: Vec<ClaimedFile>) -> WorkerResults {
    rest.splice(0..0, members.into_iter().map(Member::not_begun));
    WorkerResults { unbegun: rest, ..WorkerResults::default() }
}

/// Moves the files.
async fn move_files(
    context: &Context,
    ends: &mut Ends,
    members: &mut [Member],
    options: Options,
    path: BatchPath,
    any: &FileCopy,
) -> BatchResult {
    let files: Option<Vec<SmallFile>> = members.iter().map(|member| member.file(ends, options)).collect();
    let number = members.first().map_or(0, |member| member.item.number);
    let mut sources = Vec::with_capacity(members.len());
    for member in &mut *members {
        let (source, dest) = member.item.names(ends);
        sources.push(source.clone());
        let verb = if options.syncs.is_some() { "copy" } else { options.verb() };
        let (size, dry_run) = (member.facts.size, false);
        let plan = Event::Plan { verb, source, dest, size, verify: any.verified, dry_run };
        context.run.events.say(plan);
        let journal = member.claim.journal(context);
        claim::note_source(&journal, &mut member.claim.kept, &member.facts).ready().await;
    }
    let Some(files) = files else { return BatchResult::NOTHING };
    let mut refused = None;
    let mut told = |index: usize, fate: Fate| {
        let Some(member) = members.get_mut(index) else { return };
        let journal = member.claim.journal(context);
        // What a move has given its name is not called "already there" by the next run, if this one is killed before it
        // has noted the end. Nobody waits for the note: it is written long before the file has moved.
        let note = |route: Option<Rung>| drop(options.moves.then(|| journal.moves(route)));
        match fate {
            Fate::Begins => note(any.moved_by()),
            Fate::Ended(end, time_refused, transfer) => {
                member.transfer = transfer;
                match &end {
                    BatchEnd::Published { .. } => {
                        refused = refused.take().or(time_refused);
                        claim::ended(&journal, &Ok(member.done(any)), 0);
                        let size = member.facts.size.unwrap_or(0);
                        let source = sources.get_mut(index).map(std::mem::take).unwrap_or_default();
                        context.run.events.say(Event::Arrived { source, size, batch: number });
                    }
                    BatchEnd::Left { may_be_done: true, .. } => {}
                    BatchEnd::Left { may_be_done: false, .. } => note(None),
                }
                member.end = Some(end);
            }
        }
    };
    // A session that is lost has left all files: each of them finds out why.
    let result = Box::pin(route::batch(context, ends, path, files, number, &mut told)).await;
    context.run.events.say(Event::Together { batch: number, bytes: None, time: Duration::ZERO });
    if let Some(refused) = refused {
        times::tell_refusal(context, ends, &refused);
    }
    result.unwrap_or(BatchResult { are_usable: false, ..BatchResult::NOTHING })
}

impl Member {
    /// A file that may move together with others, or the file as it was.
    fn of(
        ends: &mut Ends,
        mut file: ClaimedFile,
        options: Options,
        path: &BatchPath,
    ) -> Result<Self, Box<ClaimedFile>> {
        let takes_name = match (&mut ends.source, &mut ends.destination) {
            (Host::Server(from), Host::Server(to)) => {
                from.open().is_some_and(|from| from.manners.drops_nothing_of(&file.item.source))
                    && to.open().is_some_and(|to| files::keeps_name(to, &file.item.destination))
            }
            _ => false,
        };
        let by_parts = path.manner() == Manner::OneByOne;
        // Over one connection the source compares the file with its listing.
        let is_dated = |facts: &Facts| by_parts || facts.modified.is_some();
        let facts = file.item.known.clone().filter(|_| takes_name && may_move(&file, options));
        let (Some(facts), Ok(claim)) = (facts.filter(is_dated), &mut file.claim) else {
            return Err(Box::new(file));
        };
        let part = if by_parts { claim.take_part() } else { None };
        if by_parts && part.is_none() {
            return Err(Box::new(file));
        }
        let (claim, item) = (std::mem::take(claim), file.item);
        Ok(Self { item, claim, facts, part, is_free: false, end: None, transfer: TransferFacts::NONE })
    }

    /// The file as the machine sees it.
    fn file(&self, ends: &Ends, options: Options) -> Option<SmallFile> {
        let Item { source, destination, target, .. } = &self.item;
        let part = self.part.map(|part| Part::new(part, destination)).transpose().ok()?;
        let size = self.facts.size?;
        let sets_time = options.times && !ends.no_times.load(Ordering::Relaxed);
        let file = BatchFile {
            source: source.clone(),
            target: destination.clone(),
            size,
            modified: self.facts.modified,
            // A copy may have other rights or another name meanwhile; a source that is to be deleted may not.
            unique: if options.moves { self.facts.exact_identity() } else { self.facts.unique.clone() },
            asks: match options.overwrite {
                // An earlier run may have given it its name.
                _ if self.claim.kept.has_left() => true,
                Overwrite::Never => true,
                Overwrite::Newer => *target == Target::Unknown,
                Overwrite::Always | Overwrite::Different => *target == Target::Unknown && !self.is_free,
            },
            sets_time,
        };
        Some(SmallFile { file, part: part.map(|part| part.stored) })
    }

    /// What has become of it, if it is published.
    fn done(&self, any: &FileCopy) -> FileCopy {
        let size = self.facts.size;
        let relayed = any.relayed.clone().map(|relayed| Relayed { bytes: size.unwrap_or(0), ..relayed });
        let (source, facts) = (Some(self.facts.clone()), self.transfer.clone());
        FileCopy { size, relayed, source, was_taken: !self.is_free, facts, ..any.clone() }
    }

    /// The file as it was: nothing was done with it.
    fn not_begun(mut self) -> ClaimedFile {
        if let Some(part) = self.part {
            self.claim.kept.unused = Some(part);
        }
        ClaimedFile { item: self.item, claim: Ok(self.claim) }
    }

    /// The file as it is after the batch has left it. Its part is looked at like that of an earlier run, if it may have one.
    async fn left(
        mut self,
        context: &Context,
        ends: &mut Ends,
        any: &FileCopy,
        store_reply: StoreReply,
    ) -> ClaimedFile {
        let Some(BatchEnd::Left { touched, may_be_done }) = self.end else { return self.not_begun() };
        let Some(part) = self.part.filter(|_| touched) else {
            // The copy of this very job is not somebody else's file.
            if may_be_done {
                let done = self.done(any);
                self.claim.kept.may_be_named(done);
            }
            return self.not_begun();
        };
        let journal = self.claim.journal(context);
        if context.run.cancel.is_cancelled() && !journal.keeps_item() {
            if let Ok(part) = Part::new(part, &self.item.destination) {
                part.discard(context, &mut ends.destination, store_reply).await;
            }
            return self.not_begun();
        }
        self.claim.kept.leave(part, &self.facts, store_reply, may_be_done);
        ClaimedFile { item: self.item, claim: Ok(self.claim) }
    }
}

/// What becomes of every file that moves on this path: all that is not its own.
fn any_copy(path: &BatchPath, ends: &mut Ends) -> FileCopy {
    let is_at_hub = path.relay.is_some() && ends.circuit.as_ref().is_some_and(Circuit::is_at_hub);
    let rung = if is_at_hub { Rung::Hub } else { path.candidate.rung() };
    let relayed = path.relay.clone().map(|relay| Relayed { relay, bytes: 0, directly: false });
    let (protection, session) = (Some(path.protection), ends.destination.session_id());
    FileCopy { relayed, protection, session, ..FileCopy::moved(None, rung, path.verified()) }
}

/// The largest file that moves together with others, in bytes: it takes no longer than the commands of a few files.
const SMALL: u64 = 256 << 10;
/// The smallest number of files for which the connection is worth its commands.
pub(super) const FEWEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n8_a_file_that_an_earlier_run_has_only_claimed_may_move_together_with_others() {
        let mut perhaps_named = FileClaim::default();
        perhaps_named.kept.may_be_named(FileCopy::skipped(None, Verified::Size));
        // The other value: whether its claim is kept where nothing more is begun.
        for (claimed, may_move, was_begun) in [
            (FileClaim::default(), true, false),
            (FileClaim::of_earlier_run(&[]), true, true),
            (FileClaim::of_earlier_run(&[PartId(1)]), false, true),
            (FileClaim::done_by_earlier_run(Verified::Size), false, true),
            (perhaps_named, false, true),
        ] {
            assert_eq!((claimed.has_no_part(), claimed.was_begun()), (may_move, was_begun), "{claimed:?}");
        }
    }

    #[test]
    fn files_that_were_all_left_end_batches_only_where_each_has_a_part() {
        for (left_all, are_usable, manner, expect) in [
            (false, true, Manner::Groups, Prospect::Good),
            (false, false, Manner::Groups, Prospect::Doubtful),
            (true, true, Manner::Groups, Prospect::Good),
            (true, false, Manner::Groups, Prospect::Doubtful),
            (false, true, Manner::OneByOne, Prospect::Good),
            (true, true, Manner::OneByOne, Prospect::None),
            (true, false, Manner::OneByOne, Prospect::None),
        ] {
            assert_eq!(Prospect::after(left_all, are_usable, manner), expect);
        }
    }
}
