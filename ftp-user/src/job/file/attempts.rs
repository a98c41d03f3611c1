//! Where an attempt starts, and what becomes of what a broken one has left (H21, H35).
//!
//! ```text
//!  an attempt breaks --> what it has stored is kept --> the next attempt asks again: the facts of the
//!        |                                              source, the size of what is stored, its digest
//!        | it could not be continued                         |                  |
//!        '--> deleted                                   continued there    from the first byte
//! ```
//!
//! A size proves nothing about bytes of another attempt. A copy is only continued if a digest compares what is
//! stored with the beginning of the source, or the whole copy with the whole source afterwards. If that shows a
//! difference, the file is copied once more from its first byte.
//!
//! What is left after the last attempt is deleted, unless the run was interrupted and the journal knows the name of the
//! part: then `resume` continues it.

use super::copy::{CopyPlan, Copying};
use crate::account::shortened;
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{self, About, Failure, Result};
use crate::job::claims::claim::FileRecord;
use crate::job::part::{FoundPart, Leftover, Part, can_continue, in_time};
use crate::job::race::Transferred;
use crate::job::retry::{Event, Next, Retry, is_outage_of_relay, wait};
use crate::job::summary::may_pass;
use crate::job::unattended::{self, FinishedTransfer};
use crate::job::{Item, Target};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, Relayed, Verified};
use crate::report::Topic;
use crate::route::{Assignment, ContinuedBy, Ends, StoreReply};
use crate::session::Facts;
use ftp_io::program::size;
use ftp_proto::deletion::has_changed;
use ftp_proto::wire::counted;
use std::time::Duration;

/// The attempts at one file.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// What has become of the file so far.
    pub(super) done: FileCopy,
    /// How many of the attempts that may have sent bytes the journal knows.
    pub(super) noted: u32,
    /// The last attempt, if relays have carried it: where it started, and what they have said that they passed on in it.
    carried: Option<(u64, Relayed)>,
    /// How many bytes of the copy were stored before this run, as far as all attempts have kept them.
    before: Option<u64>,
    /// Whether an attempt may continue what another one has stored.
    resume: bool,
    /// Who may continue what an attempt leaves, if it can be continued at all.
    next: ContinuedBy,
    /// What the last attempt has left.
    left: Option<Leftover>,
    /// Who may continue what the last attempt has left.
    continued: ContinuedBy,
    /// Whether the file is stored under its final name, because the destination cannot rename.
    pub(super) in_place: bool,
    /// The number of bytes that were seen to be stored.
    seen: u64,
    /// If the last attempt has continued what another one had stored: whether an end refused to continue there.
    last: Option<bool>,
    /// What a transfer has brought that an earlier run has left alone.
    arrived: Option<FinishedTransfer>,
    /// Whether it was looked for what has changed of the file. It is sent whole from now on.
    pub(super) has_sought_changes: bool,
    /// Whether ranges of the file have failed in a way that one data connection may not: it moves over one from now on.
    pub(super) has_one_stream: bool,
    /// Whether something could not be deleted. A warning has told it.
    behind: bool,
    /// Whether the destination has refused to delete it.
    undeletable: bool,
    /// Whether no digest shows if the file that is there is equal.
    pub(super) is_incomparable: bool,
    /// Whether the directories above the copy were looked for after a failure.
    has_asked_for_directories: bool,
    /// What the journal knows of the file.
    pub(super) kept: FileRecord,
}

/// Where an attempt starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StartPoint {
    /// The name that it stores under.
    pub(super) part: Part,
    /// The number of bytes that are stored already.
    pub(super) at: u64,
    /// Who may continue what this attempt stores.
    pub(super) continued: ContinuedBy,
    /// Whether a digest has compared the bytes that are stored already.
    compared: bool,
    /// If all bytes have moved already, without this program: their path.
    pub(super) moved: Option<Rung>,
    /// Whether the part has begun as a copy of the old file, so that a size says nothing about it.
    pub(super) assembled: bool,
    /// If ranges of the part are stored beside each other, so that it may have holes: how many bytes were there before.
    pub(super) in_ranges: Option<u64>,
}

impl StartPoint {
    /// The first byte of a part that nobody continues.
    const fn new(part: Part) -> Self {
        let continued = ContinuedBy::Nobody;
        Self { part, at: 0, continued, compared: false, moved: None, assembled: false, in_ranges: None }
    }

    /// Whether `by` verifies the copy. A size says nothing about bytes that another attempt has stored.
    pub(super) fn is_verified_by(&self, by: Verified) -> bool {
        let is_known = (self.at == 0 && !self.assembled) || self.compared;
        (is_known && self.in_ranges.is_none()) || matches!(by, Verified::Hash(_))
    }
}

impl Attempts {
    /// No attempts yet in this run.
    pub(super) fn new(resume: bool, next: ContinuedBy, kept: FileRecord) -> Self {
        Self { resume, next, kept, ..Self::default() }
    }

    /// Notes how an attempt ended.
    pub(super) fn note(&mut self, start: &StartPoint, source: &Facts, moved: &Transferred) {
        moved.count.add_to(&mut self.done);
        self.done.facts = moved.count.facts.clone();
        self.done.changed_parts = start.assembled.then_some(moved.count.bytes);
        let there = match self.done.changed_parts {
            Some(bytes) => source.size.unwrap_or(0).saturating_sub(bytes),
            None => start.in_ranges.unwrap_or(start.at),
        };
        if start.moved.is_none() {
            self.before = Some(self.before.map_or(there, |before| before.min(there)));
        }
        self.carried = moved.count.by_relay().map(|relayed| (start.at, relayed));
        self.seen = start.at.saturating_add(moved.count.bytes).min(source.size.unwrap_or(u64::MAX));
        self.continued = start.continued;
        self.done.streams = moved.count.streams;
        self.last =
            (start.at > 0 || start.assembled || start.in_ranges.is_some()).then_some(moved.count.refused);
        if moved.count.touched {
            let new = || Leftover {
                part: start.part.clone(),
                source: Some(source.clone()),
                store_reply: StoreReply::Received,
            };
            self.left.get_or_insert_with(new).store_reply.add(moved.count.store_reply);
        }
    }

    /// So many bytes of the copy are stored. If they are more than the relay of the last attempt has told, it has passed them
    /// on all the same: a relay that dies cannot say the last of it.
    fn note_stored(&mut self, bytes: u64) {
        let Some((at, told)) = &mut self.carried else { return };
        if let Some(untold) = told.untold(bytes.saturating_sub(*at)) {
            told.bytes = told.bytes.saturating_add(untold.bytes);
            Relayed::add(&mut self.done.relayed, Some(untold));
        }
    }

    /// How many bytes of the copy this run has found and kept.
    pub(super) fn before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// Notes that the copy has its final name, or that it goes on without this program: nothing is left to this run.
    pub(super) fn published(&mut self) {
        self.left = None;
    }

    /// Whether something of the file may still be stored under the name of a part, or the old one may have another name.
    pub(super) const fn has_something_left(&self) -> bool {
        self.behind || self.left.is_some() || self.kept.has_left() || !self.kept.old.are_settled()
    }
}

impl Copying<'_> {
    /// Does what has to be done after an earlier run was killed in the middle of this file. What it has stored is looked
    /// at like what an attempt of this run has left.
    pub(super) async fn recover(&mut self) -> Result<()> {
        if let Some(arrived) = self.wait_for_detached().await? {
            self.attempts.before = Some(arrived.seen);
            self.attempts.arrived = Some(arrived);
        }
        if let Some(left) = self.attempts.kept.recover(&self.context, self.ends, self.item).await? {
            self.attempts.left = Some(left);
        }
        Ok(())
    }

    /// Waits for the end of the transfer that an earlier run has left alone. Returns what has arrived, if that is whole.
    async fn wait_for_detached(&mut self) -> Result<Option<FinishedTransfer>> {
        let (context, kept) = (&self.context, &mut self.attempts.kept);
        let Some(detached) = &kept.detached else { return Ok(None) };
        let arrived = match kept.left.as_ref().and_then(|left| left.seen.as_ref()) {
            Some(seen) => unattended::wait(context, self.ends, self.item, detached, seen.size).await?,
            // It may move another source.
            None => {
                let Ends { source, destination, .. } = &mut *self.ends;
                unattended::end(context, Some(source), destination, detached).await?;
                None
            }
        };
        kept.detached = None;
        if arrived.is_none() {
            context.run.job_journal.detached(None).await;
        }
        Ok(arrived)
    }

    /// What a transfer has brought that an earlier run has left alone, if that is the whole source as it was and is.
    async fn whole(&mut self, source: &Facts) -> Result<Option<StartPoint>> {
        let attempts = &mut self.attempts;
        let (Some(FinishedTransfer { rung, before, .. }), Some(left)) =
            (attempts.arrived.take(), &attempts.left)
        else {
            return Ok(None);
        };
        if left.source.as_ref().is_none_or(|seen| has_changed(seen, source)) {
            return Ok(None);
        }
        let stored = files::size(&self.context, &mut self.ends.destination, &left.part.stored).await?;
        let start = StartPoint { at: before, moved: Some(rung), ..StartPoint::new(left.part.clone()) };
        Ok(stored.is_some_and(|stored| Some(stored) == source.size).then_some(start))
    }

    /// Where the next attempt starts.
    pub(super) async fn next_start(&mut self, plan: CopyPlan<'_>) -> Result<StartPoint> {
        let CopyPlan { source, means, .. } = plan;
        if let Some(whole) = self.whole(source).await? {
            return Ok(whole);
        }
        let (context, attempts) = (&self.context, &mut self.attempts);
        // If there is no next attempt, nothing need be kept for it.
        let asks =
            attempts.resume && !attempts.in_place && (attempts.next.is_kept() || attempts.left.is_some());
        let continues = asks && can_continue(context, self.ends, source, means).await?;
        let continued = if continues { attempts.next } else { ContinuedBy::Nobody };
        if let Some(left) = attempts.left.clone() {
            let found = if continues {
                let in_ranges = self.options.streams.most().get() > 1 && !attempts.has_one_stream;
                left.look(context, self.ends, self.item, source, (means, in_ranges)).await?
            } else {
                left.useless(context, self.ends).await?
            };
            match found {
                FoundPart::Stored { bytes, compared } => {
                    attempts.note_stored(bytes);
                    return Ok(StartPoint { at: bytes, continued, compared, ..StartPoint::new(left.part) });
                }
                // Our own server keeps only what arrives under a new name.
                FoundPart::Nothing => drop(self.discard().await),
                FoundPart::Useless(why) => self.start_over(&why).await,
            }
        }
        let target = &self.item.destination;
        let part = if self.attempts.in_place {
            Part::in_place(target)
        } else {
            Part::new(self.attempts.kept.next_part(&self.context).await?, target)?
        };
        Ok(StartPoint { continued, ..StartPoint::new(part) })
    }

    /// What a transfer to the part is to move.
    pub(super) fn assignment(&self, start: &StartPoint, source: &Facts) -> Assignment {
        let Item { source: path, destination, .. } = self.item;
        Assignment {
            seen: source.unique.clone(),
            stored: start.part.stored.clone(),
            before: start.at,
            continued: start.continued,
            needs_final_reply: self.options.deletes_sources(),
            detaches: self.options.detach,
            allowed: self.options.allowed,
            ..Assignment::new(self.ends.source.show(path), path, destination, source.size)
        }
    }

    /// After a failed attempt: waits for the next one, or returns `failure` if there is none. What the next
    /// attempt cannot continue is deleted.
    pub(super) async fn after(&mut self, retry: &mut Retry, mut failure: Failure) -> Result<()> {
        self.note_in_journal(&failure);
        let last = self.attempts.last.take();
        let is_wrong = last.is_some_and(|refused| refused || failure.kind == failure::Kind::Unverified);
        let event = if is_wrong && !self.context.run.cancel.is_cancelled() {
            Event::StoredIsWrong
        } else {
            match self.make_directories_once(&failure).await {
                Ok(true) => Event::DirectoriesAreThere,
                Ok(false) => Event::Failed(&failure),
                Err(blocked) => {
                    failure = blocked;
                    Event::Failed(&failure)
                }
            }
        };
        let next = retry.after_attempt(event, &self.context.run.heard);
        let mut stored = None;
        let given_up = match next {
            Next::Attempt => {
                match event {
                    Event::DirectoriesAreThere => drop(self.discard().await),
                    Event::StoredIsWrong | Event::Failed(_) => {
                        (self.attempts.resume, self.attempts.has_one_stream) = (false, true);
                        self.start_over(&failure.to_string()).await;
                    }
                }
                return Ok(());
            }
            Next::Wait { .. } => {
                let (bytes, plan) = self.prepare().await;
                stored = bytes;
                wait(&self.context, &failure, next, &plan).await.err()
            }
            Next::GiveUp if is_outage_of_relay(&failure) => Some(failure.about(About::GivenUp)),
            Next::GiveUp => Some(failure),
        };
        match given_up {
            Some(failure) => Err(self.give_up(failure, stored).await),
            None => Ok(()),
        }
    }

    /// Makes what is missing above the copy, once, if that may be why it has failed: it was not there before, or a server that
    /// was lost came back without it. Asked only after a failure, so that the usual copy costs no round trip more. Returns
    /// whether that is there now, so that another attempt may succeed: this one has made it, or another file after the loss.
    ///
    /// # Errors
    ///
    /// Something else is in the place of a directory.
    async fn make_directories_once(&mut self, failure: &Failure) -> Result<bool> {
        let (item, destination) = (self.item, &mut self.ends.destination);
        let has_lost_session = destination.has_lost_session();
        let may_be_first = item.makes_directories && !matches!(item.target, Target::Known(Some(_)));
        let may_be_missing = matches!(failure.kind, failure::Kind::Refused | failure::Kind::Other)
            && ((has_lost_session && item.root.is_some()) || may_be_first);
        if !may_be_missing || std::mem::replace(&mut self.attempts.has_asked_for_directories, true) {
            return Ok(false);
        }
        match item.make_parents(&self.context, destination).await {
            // Where another file needed what was lost, none is missing any more.
            Ok(was_missing) => Ok(was_missing || has_lost_session),
            Err(blocked) if blocked.kind == failure::Kind::Exists => Err(blocked),
            Err(_) => Ok(false),
        }
    }

    /// There is no next attempt: the old file gets its name back if it has lost it, and what is stored is deleted, unless
    /// another run goes on with it. Returns the failure of the file. So many bytes were seen to be `stored`.
    async fn give_up(&mut self, failure: Failure, stored: Option<u64>) -> Failure {
        let context = &self.context;
        let (host, target) = (&mut self.ends.destination, &self.item.destination);
        // Nothing else that a copy needs is called missing.
        let is_source_gone = failure.kind == failure::Kind::Missing;
        let is_settled = self.attempts.kept.old.settle(context, host, target, is_source_gone).await;
        let (rest, is_unnamed) = (self.fate_of_part(&failure), failure.about == About::NotNamed);
        let discarded = match rest {
            PartFate::Kept => {
                let cleanup = self.context.for_cleanup().0;
                self.stored(&cleanup).await
            }
            PartFate::Deleted | PartFate::Undeleted => self.discard().await,
        };
        let rest = if self.attempts.behind { PartFate::Undeleted } else { rest };
        if is_unnamed && self.attempts.undeletable && self.ends.room.shut() {
            self.context.run.events.warn(format!(
                "{} stores files, but neither renames nor deletes them: nothing more is sent there; its account needs the rights to rename and to delete",
                self.ends.destination.name()
            ));
        }
        let seen = stored.into_iter().chain(discarded).max();
        let failure = interrupted(&self.context, failure, seen.unwrap_or(0).max(self.attempts.seen), rest);
        if is_settled || may_pass(&failure) { failure } else { failure.about(About::OldFile) }
    }

    /// Tells the journal that attempts have ended, and why. An interruption is no failure.
    fn note_in_journal(&mut self, failure: &Failure) {
        let attempts = &mut self.attempts;
        let all = attempts.done.attempts;
        let count = all - std::mem::replace(&mut attempts.noted, all);
        let why = (failure.kind != failure::Kind::Interrupted).then(|| shortened(&failure.to_string()));
        self.context.run.job_journal.attempted(count, why);
    }

    /// What becomes of what is stored after the last attempt. If a server or a relay does not answer any more, another run goes
    /// on with it. What an earlier run has stored stays as long as another one may come to use it.
    fn fate_of_part(&self, failure: &Failure) -> PartFate {
        let (context, attempts) = (&self.context, &self.attempts);
        let has_moved = attempts.done.attempts > 0;
        let is_over = context.run.cancel.is_cancelled()
            || matches!(failure.about, About::GivenUp | About::NoAnswer | About::NoRelay)
            || (!has_moved && may_pass(failure));
        let is_used = attempts.left.is_none() || !has_moved || attempts.continued.is_kept();
        if is_over && context.run.job_journal.keeps_item() && is_used {
            PartFate::Kept
        } else {
            PartFate::Deleted
        }
    }

    /// Before the next attempt: how many bytes are stored, and what the attempt will do with them, in words.
    async fn prepare(&mut self) -> (Option<u64>, String) {
        if !self.attempts.continued.is_kept() {
            return (self.discard().await, String::new());
        }
        if self.attempts.left.is_none() {
            return (None, String::new());
        }
        let context = self.context.clone();
        match self.stored(&context).await {
            Some(stored) => (
                Some(stored),
                format!(", stored so far: {} ({})", counted(stored, "byte"), size::bytes(stored)),
            ),
            None => (None, ", a part is stored".to_owned()),
        }
    }

    /// Deletes what is left. Returns how many bytes that were, if it is known.
    pub(super) async fn discard(&mut self) -> Option<u64> {
        let left = self.attempts.left.take()?;
        let discarded = left.part.discard(&self.context, &mut self.ends.destination, left.store_reply).await;
        self.attempts.note_stored(discarded.bytes.unwrap_or(0));
        self.attempts.behind |= !discarded.gone;
        self.attempts.undeletable |= discarded.refused;
        discarded.bytes
    }

    async fn start_over(&mut self, why: &str) {
        let name = self.ends.source.show(&self.item.source);
        let text = format!("{why}; {name} is copied from its first byte");
        self.context.run.events.warn_of(Topic::Anew, self.ends.destination.name(), text);
        self.discard().await;
    }

    /// The number of bytes that are stored, if the destination is still connected.
    async fn stored(&mut self, context: &Context) -> Option<u64> {
        let left = self.attempts.left.as_ref()?;
        let host = &mut self.ends.destination;
        if !host.is_connected() {
            return None;
        }
        let deadline = context.world.clock.now() + context.settings.patience.reply.min(QUESTION);
        let size = in_time(context, deadline, files::size(context, host, &left.part.stored));
        let size = size.await.ok().flatten();
        self.attempts.note_stored(size.unwrap_or(0));
        size
    }
}

/// What becomes of what is stored after the last attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PartFate {
    /// It stays, and the journal knows its name.
    Kept,
    /// It is deleted.
    Deleted,
    /// It should have been deleted.
    Undeleted,
}

/// Returns the failure of a file. After an interruption, that is the number of bytes moved and what is left
/// (H33).
fn interrupted(context: &Context, failure: Failure, moved: u64, rest: PartFate) -> Failure {
    if !context.run.cancel.is_cancelled() {
        return failure;
    }
    // The number is not always known: servers are asked only every few seconds.
    let after = if moved == 0 {
        String::new()
    } else {
        format!(" after {} ({})", counted(moved, "byte"), size::bytes(moved))
    };
    let left = (rest == PartFate::Deleted).then_some("what was stored is deleted");
    Failure::new(failure::Kind::Interrupted, format!("interrupted{after}")).hint_if(left)
}

/// Timeout for a size that is only shown in a message.
const QUESTION: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::PartId;
    use ftp_proto::digest::Algorithm;
    use ftp_proto::wire::PathName;

    #[test]
    fn what_a_relay_that_died_could_not_tell_is_counted_once() {
        let mut attempts = Attempts::new(true, ContinuedBy::ThisRun, FileRecord::default());
        let relay = |bytes| Relayed { relay: "edge".into(), bytes, directly: false };
        let passed = |attempts: &Attempts| attempts.done.relayed.as_ref().map(|relayed| relayed.bytes);
        attempts.note_stored(500);
        assert_eq!(passed(&attempts), None, "no relay has carried it");
        // The relay died before it could tell anything, in an attempt that began behind 100 bytes.
        attempts.carried = Some((100, relay(0)));
        for _ in 0..2 {
            attempts.note_stored(500);
            assert_eq!(passed(&attempts), Some(400));
        }
        // It has told more than what is stored: proofs pass it, too.
        Relayed::add(&mut attempts.done.relayed, Some(relay(300)));
        attempts.carried = Some((500, relay(300)));
        attempts.note_stored(700);
        assert_eq!(passed(&attempts), Some(700));
        attempts.note_stored(900);
        assert_eq!(passed(&attempts), Some(800), "400, 300 and 100 that were not told");
    }

    #[test]
    fn h21_a_size_proves_nothing_about_bytes_that_another_attempt_has_stored() {
        let part = Part::new(PartId(1), &PathName::from_user("f").unwrap()).unwrap();
        let check = |at, compared, by, expect| {
            let start = StartPoint { at, compared, ..StartPoint::new(part.clone()) };
            assert_eq!(start.is_verified_by(by), expect, "{at} {compared} {by:?}");
        };
        check(0, false, Verified::Size, true);
        check(1, false, Verified::Size, false);
        check(1, false, Verified::None, false);
        check(1, false, Verified::Hash(Algorithm::Md5), true);
        check(1, true, Verified::Size, true);
        let start = StartPoint { assembled: true, ..StartPoint::new(part.clone()) };
        assert!(!start.is_verified_by(Verified::Size), "the old file had that size, too");
        assert!(start.is_verified_by(Verified::Hash(Algorithm::Sha256)));
        let start = StartPoint { at: 1, compared: true, in_ranges: Some(5), ..StartPoint::new(part) };
        assert!(!start.is_verified_by(Verified::Size), "a part with holes has its size");
        assert!(start.is_verified_by(Verified::Hash(Algorithm::Sha256)));
    }
}
