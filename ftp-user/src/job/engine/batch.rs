//! Small files that move together between two servers. Others may join them while they move, so that the data connection is not idle
//! while files wait.
//!
//! No file fails here. A file that is left is copied alone, and that copy reports the reason. Where a connection has broken, one
//! file is copied alone, and the others may move together after it.

use super::taken_names::TakenNames;
use super::worker::{FileResult, WorkerResults};
use crate::context::Context;
use crate::endpoint::Host;
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
use crate::route::{
    self, BatchPath, BatchResult, Circuit, Ends, Fate, Manner, SmallFile, SmallFiles, StoreReply,
};
use crate::session::Facts;
use ftp_io::lock::Lock;
use ftp_proto::manners::Manners;
use ftp_proto::transfer::batch::{BatchEnd, BatchFile};
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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
    /// Something may have had its name, so that the source and the copy may be one file.
    was_taken: bool,
    /// It has joined others that moved.
    has_joined: bool,
    end: Option<BatchEnd>,
    /// What is known of its transfer.
    transfer: TransferFacts,
}

/// Whether a file that is claimed may move together with others, as far as its listing and the options say. One that an
/// earlier run has only claimed may: the destination is asked whether something has its name.
pub(super) fn may_move(file: &ClaimedFile, options: Options) -> bool {
    file.claim.as_ref().is_ok_and(FileClaim::has_no_part) && file.item.may_move_together(options)
}

/// The path that files take together, and the files that may join them there.
#[derive(Debug)]
pub(super) struct SharedPath {
    pub(super) candidate: Candidate,
    joining: UnboundedReceiver<ClaimedFile>,
    /// Files that have joined too late.
    late: Vec<ClaimedFile>,
}

impl SharedPath {
    /// A path, and where files join those that take it.
    pub(super) fn new(candidate: Candidate) -> (Self, UnboundedSender<ClaimedFile>) {
        let (sender, joining) = unbounded_channel();
        (Self { candidate, joining, late: Vec::new() }, sender)
    }

    /// The files that were not begun with the others. No more can come.
    pub(super) async fn close(mut self) -> Vec<ClaimedFile> {
        self.joining.close();
        // One that another thread is sending just now is waited for.
        while let Some(file) = self.joining.recv().await {
            self.late.push(file);
        }
        self.late
    }
}

/// Moves files together, if both servers can do that, on the path that an earlier file has taken. Those that are still to be
/// copied have not begun.
pub(super) async fn batched(
    context: &Context,
    ends: &mut Ends,
    files: Vec<ClaimedFile>,
    options: Options,
    shared: &mut SharedPath,
    names: &TakenNames,
) -> WorkerResults {
    let candidate = shared.candidate;
    let path = match path(context, ends, options, candidate).await {
        Ok(path) => path,
        Err(prospect) => return WorkerResults { unbegun: files, prospect, ..WorkerResults::default() },
    };
    let Some(admission) = Admission::of(ends, options, path.manner(), names) else {
        return WorkerResults { unbegun: files, ..WorkerResults::default() };
    };
    let (mut members, mut rest) = (Vec::new(), Vec::new());
    for file in files {
        match admission.admit(file) {
            Ok(member) => members.push(member),
            Err(file) => rest.push(*file),
        }
    }
    let manner = path.manner();
    if let (Manner::OneByOne, Host::Server(to)) = (manner, &mut ends.destination) {
        let targets = members.iter().map(|member| &member.item.destination).collect();
        let mut free = names.free(context, to, targets).await.into_iter();
        rest.extend(members.extract_if(.., |_| free.next() != Some(true)).map(Member::not_begun));
    }
    if members.len() < FEWEST {
        rest.splice(0..0, members.into_iter().map(Member::not_begun));
        return WorkerResults { unbegun: rest, ..WorkerResults::default() };
    }
    let (mut any, begun) = (any_copy(&path, ends), context.world.clock.now());
    remembered::announce(context, ends, candidate);
    let is_proven = path.is_proven;
    let moving = MovingFiles::new(context, admission, &any, ends.beside());
    let BatchResult { are_usable, has_opened, has_broken } =
        moving.move_all(ends, path, members, &mut shared.joining).await;
    let members = moving.end(&mut rest);
    if let Some(relayed) = &mut any.relayed {
        relayed.directly = ends.circuit.as_ref().is_some_and(Circuit::is_direct);
    }
    let published = |member: &&Member| matches!(member.end, Some(BatchEnd::Published { .. }));
    // Where every file was there already, no path was tried.
    let was_tried = has_opened || has_broken;
    if let Some(member) = members.iter().find(published).or(members.first()).filter(|_| was_tried) {
        let (file, verified, allowed) = (member.item.clone(), any.verified.name(), options.allowed);
        let batch = FirstBatch { candidate, allowed, file, verified, begun };
        remembered::note(context, ends, &batch, has_opened);
    }
    let (mut files, mut left) = (Vec::new(), Vec::new());
    let store_reply = StoreReply::of_session(are_usable);
    for member in members {
        match member.end {
            // What the first ones show decides about it.
            None if member.has_joined => shared.late.push(member.not_begun()),
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
    let manner = Some(manner);
    WorkerResults { files, unbegun: left, prospect, manner, others_wait, ..WorkerResults::default() }
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

/// What decides whether a file may move with others between two servers, and how.
#[derive(Debug)]
struct Admission {
    source: Manners,
    destination: Manners,
    options: Options,
    manner: Manner,
    names: TakenNames,
}

impl Admission {
    /// What is known of two servers with which there are sessions.
    fn of(ends: &mut Ends, options: Options, manner: Manner, names: &TakenNames) -> Option<Self> {
        let (Host::Server(from), Host::Server(to)) = (&mut ends.source, &mut ends.destination) else {
            return None;
        };
        let (source, destination) = (from.open()?.manners.clone(), to.open()?.manners.clone());
        Some(Self { source, destination, options, manner, names: names.clone() })
    }

    /// A file that may move together with others, or the file as it was.
    fn admit(&self, mut file: ClaimedFile) -> Result<Member, Box<ClaimedFile>> {
        let Item { source, destination, .. } = &file.item;
        let takes_name = self.source.drops_nothing_of(source) && self.destination.keeps(destination);
        let by_parts = self.manner == Manner::OneByOne;
        // Over one connection the source compares the file with its listing.
        let is_dated = |facts: &Facts| by_parts || facts.modified.is_some();
        // A server may tell of a link what it is, and not what its file is.
        let is_described = file.item.leads_to.is_none() || self.source.shows_links();
        let can_move = takes_name && is_described && may_move(&file, self.options);
        let facts = file.item.known.clone().filter(|_| can_move);
        let (Some(facts), Ok(claim)) = (facts.filter(is_dated), &mut file.claim) else {
            return Err(Box::new(file));
        };
        let part = if by_parts { claim.take_part() } else { None };
        if by_parts && part.is_none() {
            return Err(Box::new(file));
        }
        let (claim, item) = (std::mem::take(claim), file.item);
        let is_free = !by_parts && self.names.is_free(&item.destination);
        // A listing of another server may leave names out, and MKD may say of a directory that is there that it was made: then the
        // source is seen to be another file now.
        let is_new = facts.unique.is_some() && self.names.is_in_new_directory(&item.destination);
        let was_taken = !is_free && !is_new;
        let (has_joined, transfer) = (false, TransferFacts::default());
        Ok(Member { item, claim, facts, part, is_free, was_taken, has_joined, end: None, transfer })
    }
}

/// Files while they move together.
struct MovingFiles<'a> {
    context: &'a Context,
    admission: Admission,
    /// What becomes of each: all that is not its own.
    any: &'a FileCopy,
    /// Both ends, without sessions.
    ends: Ends,
    /// In the order in which they were told to move.
    members: Mutex<Vec<Member>>,
    /// Those that were to join them, and may not.
    others: Mutex<Vec<ClaimedFile>>,
}

impl<'a> MovingFiles<'a> {
    fn new(context: &'a Context, admission: Admission, any: &'a FileCopy, ends: Ends) -> Self {
        Self { context, admission, any, ends, members: Mutex::default(), others: Mutex::default() }
    }

    /// Moves these files, and those that join them.
    async fn move_all(
        &self,
        ends: &mut Ends,
        path: BatchPath,
        members: Vec<Member>,
        joining: &mut UnboundedReceiver<ClaimedFile>,
    ) -> BatchResult {
        let context = self.context;
        let number = members.first().map_or(0, |member| member.item.number);
        let mut first = Vec::with_capacity(members.len());
        for member in members {
            first.extend(self.begin(member).await);
        }
        let (may_join, mut refused) = (path.manner() == Manner::Groups, None);
        let mut told = |index: usize, fate: Fate| {
            if let Some(time_refused) = self.told(index, fate, number) {
                refused.get_or_insert(time_refused);
            }
        };
        let (sender, receiver) = unbounded_channel();
        let files = SmallFiles { first, joining: receiver };
        // A session that is lost has left all files: each of them finds out why.
        let result = tokio::select! {
            biased;
            result = Box::pin(route::batch(context, ends, path, files, number, &mut told)) => result,
            never = self.take_in(joining, sender), if may_join => match never {},
        };
        context.run.events.say(Event::Together { batch: number, bytes: None, time: Duration::ZERO });
        if let Some(refused) = refused {
            times::tell_refusal(context, ends, &refused);
        }
        result.unwrap_or(BatchResult { are_usable: false, ..BatchResult::NOTHING })
    }

    /// Has files join those that move. May be dropped without losing anything.
    async fn take_in(
        &self,
        joining: &mut UnboundedReceiver<ClaimedFile>,
        sender: UnboundedSender<SmallFile>,
    ) -> Infallible {
        while let Some(file) = joining.recv().await {
            match self.admission.admit(file) {
                Ok(member) => {
                    if let Some(file) = self.begin(Member { has_joined: true, ..member }).await {
                        // Those that are not taken any more have no end, so they were not begun.
                        let _ = sender.send(file);
                    }
                }
                Err(file) => self.others.locked().push(*file),
            }
        }
        pending().await
    }

    /// A file is to move. What its source is, is on the disk when this returns the file as the machine sees it. The file itself is
    /// kept before anything is awaited.
    async fn begin(&self, mut member: Member) -> Option<SmallFile> {
        let Some(small) = member.file(&self.ends, self.admission.options) else {
            self.others.locked().push(member.not_begun());
            return None;
        };
        let (source, dest) = member.item.names(&self.ends);
        let options = self.admission.options;
        let verb = if options.syncs.is_some() { "copy" } else { options.verb() };
        let (size, dry_run) = (member.facts.size, false);
        let plan = Event::Plan { verb, source, dest, size, verify: self.any.verified, dry_run };
        self.context.run.events.say(plan);
        let journal = member.claim.journal(self.context);
        let mut noted = claim::note_source(&journal, &mut member.claim.kept, &member.facts);
        self.members.locked().push(member);
        noted.ready().await;
        Some(small)
    }

    /// Takes note of what becomes of a file. Returns why its time was refused, if it was.
    fn told(&self, index: usize, fate: Fate, number: u64) -> Option<String> {
        let mut members = self.members.locked();
        let member = members.get_mut(index)?;
        let journal = member.claim.journal(self.context);
        // What a move has given its name is not called "already there" by the next run, if this one is killed before it
        // has noted the end. Nobody waits for the note: it is written long before the file has moved.
        let note = |route: Option<Rung>| drop(self.admission.options.moves.then(|| journal.moves(route)));
        let (end, time_refused) = match fate {
            Fate::Begins => {
                note(self.any.moved_by());
                return None;
            }
            Fate::Ended(end, time_refused, transfer) => {
                member.transfer = transfer;
                (end, time_refused)
            }
        };
        let is_published = matches!(end, BatchEnd::Published { .. });
        match &end {
            BatchEnd::Published { .. } => {
                claim::ended(&journal, &Ok(member.done(self.any)), 0);
                let source = self.ends.source.show(&member.item.source);
                let size = member.facts.size.unwrap_or(0);
                self.context.run.events.say(Event::Arrived { source, size, batch: number });
            }
            BatchEnd::Left { may_be_done: true, .. } => {}
            BatchEnd::Left { may_be_done: false, .. } => note(None),
        }
        member.end = Some(end);
        time_refused.filter(|_| is_published)
    }

    /// The files that were to move. Those that may not move with others go to `rest`.
    fn end(self, rest: &mut Vec<ClaimedFile>) -> Vec<Member> {
        rest.append(&mut self.others.locked());
        self.members.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
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
        FileCopy { size, relayed, source, was_taken: self.was_taken, facts, ..any.clone() }
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
