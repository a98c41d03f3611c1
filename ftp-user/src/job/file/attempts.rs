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

use crate::account::shortened;
use crate::check::has_changed;
use crate::context::Context;
use crate::failure::{self, About, Failure};
use crate::job::claims::claim::FileRecord;
use crate::job::claims::lifetime;
use crate::job::detached::Arrived;
use crate::job::file::transfer::Transferred;
use crate::job::item::Item;
use crate::job::remains::leftover::{Found, Leftover, can_continue};
use crate::job::remains::part::Part;
use crate::job::retrying::outage::wait;
use crate::job::retrying::retry::{Event, Next, Retry};
use crate::job::summary::ending::may_pass;
use crate::ladder::Rung;
use crate::outcome::{Protection, Relayed, TransferFacts, Verified};
use crate::report::Topic;
use crate::route::{ContinuedBy, Ends};
use crate::session::{Facts, SessionId};
use ftp_io::program::size;
use ftp_proto::wire::counted;
use std::time::Duration;

/// The attempts at one file.
#[derive(Debug)]
pub(in crate::job) struct Attempts {
    /// The number of attempts that may have sent bytes.
    pub(in crate::job) count: u32,
    /// The session of the destination in which the copy was verified.
    pub(in crate::job) verifier: Option<SessionId>,
    /// How many of them the journal knows.
    pub(in crate::job) noted: u32,
    /// What is known of the transfer of the last one.
    pub(in crate::job) facts: TransferFacts,
    /// What has passed a relay in all of them.
    pub(in crate::job) relayed: Option<Relayed>,
    /// The last attempt, if relays have carried it: where it started, and what they have said that they passed on in it.
    carried: Option<(u64, Relayed)>,
    /// What has protected the bytes that moved.
    pub(in crate::job) protection: Option<Protection>,
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
    pub(in crate::job) in_place: bool,
    /// The number of bytes that were seen to be stored.
    seen: u64,
    last: Last,
    /// What a transfer has brought that an earlier run has left alone.
    arrived: Option<Arrived>,
    /// What has become of sending only what has changed.
    pub(in crate::job) parts: Parts,
    /// Whether something could not be deleted. A warning has told it.
    behind: bool,
    /// Whether the destination has refused to delete it.
    undeletable: bool,
    /// What the journal knows of the file.
    pub(in crate::job) kept: FileRecord,
}

/// The last attempt, if it came as far as to move something.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Last {
    /// Whether it continued what another one had stored.
    continued: bool,
    /// Whether an end refused to continue there.
    refused: bool,
}

/// What has become of sending only what has changed of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum Parts {
    /// Nobody has looked for it.
    Untried,
    /// It was looked for. The file is sent whole from now on.
    Tried,
    /// So many bytes were sent, and the rest is from the old file.
    Sent(u64),
}

impl Parts {
    /// How many bytes were sent, if they were no whole file.
    pub(in crate::job) const fn sent(self) -> Option<u64> {
        match self {
            Self::Sent(bytes) => Some(bytes),
            Self::Untried | Self::Tried => None,
        }
    }
}

/// Where an attempt starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct StartPoint {
    /// The name that it stores under.
    pub(in crate::job) part: Part,
    /// The number of bytes that are stored already.
    pub(in crate::job) at: u64,
    /// Who may continue what this attempt stores.
    pub(in crate::job) continued: ContinuedBy,
    /// Whether a digest has compared the bytes that are stored already.
    compared: bool,
    /// If all bytes have moved already, without this program: their path.
    pub(in crate::job) moved: Option<Rung>,
    /// Whether the part has begun as a copy of the old file, so that a size says nothing about it.
    pub(in crate::job) assembled: bool,
}

impl StartPoint {
    /// Whether `by` verifies the copy. A size says nothing about bytes that another attempt has stored.
    pub(in crate::job) fn is_verified_by(&self, by: Verified) -> bool {
        (self.at == 0 && !self.assembled) || self.compared || matches!(by, Verified::Hash(_))
    }
}

impl Attempts {
    /// No attempts yet in this run.
    pub(in crate::job) const fn new(resume: bool, next: ContinuedBy, kept: FileRecord) -> Self {
        Self {
            count: 0,
            verifier: None,
            noted: 0,
            facts: TransferFacts::NONE,
            relayed: None,
            carried: None,
            protection: None,
            before: None,
            resume,
            next,
            left: None,
            continued: ContinuedBy::Nobody,
            in_place: false,
            seen: 0,
            last: Last { continued: false, refused: false },
            arrived: None,
            parts: Parts::Untried,
            behind: false,
            undeletable: false,
            kept,
        }
    }

    /// Does what has to be done after an earlier run was killed in the middle of this file. What it has stored is looked
    /// at like what an attempt of this run has left.
    pub(in crate::job) async fn recover(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<(), Failure> {
        if let Some(arrived) = self.kept.arrived(context, ends, item).await? {
            self.before = Some(arrived.seen);
            self.arrived = Some(arrived);
        }
        if let Some(left) = self.kept.recover(context, ends, item).await? {
            self.left = Some(left);
        }
        Ok(())
    }

    /// What a transfer has brought that an earlier run has left alone, if that is the whole source as it was and is.
    async fn whole(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        source: &Facts,
    ) -> Result<Option<StartPoint>, Failure> {
        let (Some(Arrived { rung, before, .. }), Some(left)) = (self.arrived.take(), &self.left) else {
            return Ok(None);
        };
        if left.source.as_ref().is_none_or(|seen| has_changed(seen, source)) {
            return Ok(None);
        }
        let stored = ends.destination.size(context, &left.part.stored).await?;
        let part = left.part.clone();
        let continued = ContinuedBy::Nobody;
        let moved = Some(rung);
        let start = StartPoint { part, at: before, continued, compared: false, moved, assembled: false };
        Ok(stored.is_some_and(|stored| Some(stored) == source.size).then_some(start))
    }

    /// Where the next attempt starts. `means` will verify the copy.
    pub(in crate::job) async fn next_start(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        means: Verified,
    ) -> Result<StartPoint, Failure> {
        if let Some(whole) = self.whole(context, ends, source).await? {
            return Ok(whole);
        }
        // If there is no next attempt, nothing need be kept for it.
        let asks = self.resume && !self.in_place && (self.next.is_kept() || self.left.is_some());
        let continues = asks && can_continue(context, ends, source, means).await?;
        let continued = if continues { self.next } else { ContinuedBy::Nobody };
        if let Some(left) = self.left.clone() {
            let found = if continues {
                left.look(context, ends, item, source, means).await?
            } else {
                left.useless(context, ends).await?
            };
            match found {
                Found::Stored { bytes, compared } => {
                    self.is_stored(bytes);
                    let (part, at) = (left.part, bytes);
                    return Ok(StartPoint { part, at, continued, compared, moved: None, assembled: false });
                }
                // Our own server keeps only what arrives under a new name.
                Found::Nothing => drop(self.discard(context, ends).await),
                Found::Useless(why) => self.start_over(context, ends, item, &why).await,
            }
        }
        let target = &item.destination;
        let part = if self.in_place {
            Part::in_place(target)
        } else {
            Part::new(self.kept.next_part(context).await?, target)?
        };
        Ok(StartPoint { part, at: 0, continued, compared: false, moved: None, assembled: false })
    }

    /// Notes how an attempt ended.
    pub(in crate::job) fn note(&mut self, start: &StartPoint, source: &Facts, moved: &Transferred) {
        self.count += moved.count.attempts;
        self.facts = moved.count.facts.clone();
        self.parts = match self.parts {
            Parts::Untried => Parts::Untried,
            Parts::Tried | Parts::Sent(_) if start.assembled => Parts::Sent(moved.count.bytes),
            Parts::Tried | Parts::Sent(_) => Parts::Tried,
        };
        let there = match self.parts {
            Parts::Sent(bytes) => source.size.unwrap_or(0).saturating_sub(bytes),
            Parts::Untried | Parts::Tried => start.at,
        };
        if start.moved.is_none() {
            self.before = Some(self.before.map_or(there, |before| before.min(there)));
        }
        Relayed::add(&mut self.relayed, moved.count.relayed.clone());
        self.carried = moved.count.by_relay().map(|relayed| (start.at, relayed));
        Protection::add(&mut self.protection, moved.count.protection);
        let seen = start.at.saturating_add(moved.count.bytes).min(source.size.unwrap_or(u64::MAX));
        (self.continued, self.seen) = (start.continued, seen);
        self.last = Last { continued: start.at > 0 || start.assembled, refused: moved.count.refused };
        if moved.count.touched && self.left.is_none() {
            self.left = Some(Leftover { part: start.part.clone(), source: Some(source.clone()) });
        }
    }

    /// So many bytes of the copy are stored. If they are more than the relay of the last attempt has told, it has passed them
    /// on all the same: a relay that dies cannot say the last of it.
    fn is_stored(&mut self, bytes: u64) {
        let Some((at, told)) = &mut self.carried else { return };
        if let Some(untold) = told.untold(bytes.saturating_sub(*at)) {
            told.bytes = told.bytes.saturating_add(untold.bytes);
            Relayed::add(&mut self.relayed, Some(untold));
        }
    }

    /// How many bytes of the copy this run has found and kept.
    pub(in crate::job) fn before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// Notes that the copy has its final name, or that it goes on without this program: nothing is left to this run.
    pub(in crate::job) fn published(&mut self) {
        self.left = None;
    }

    /// After a failed attempt: waits for the next one, or returns `failure` if there is none. What the next
    /// attempt cannot continue is deleted.
    pub(in crate::job) async fn after(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        retry: &mut Retry,
        failure: Failure,
    ) -> Result<(), Failure> {
        self.note_in_journal(context, &failure);
        let last = std::mem::take(&mut self.last);
        let wrong = last.continued && (last.refused || failure.kind == failure::Kind::Unverified);
        let event = if wrong && !context.run.cancel.is_cancelled() {
            Event::StoredIsWrong
        } else {
            Event::Failed(&failure)
        };
        *retry = retry.knowing(context.run.heard.has_given_up());
        let next = retry.after(event);
        let mut stored = None;
        let given_up = match next {
            Next::Attempt => {
                self.resume = false;
                self.start_over(context, ends, item, &failure.to_string()).await;
                return Ok(());
            }
            Next::Wait { .. } => {
                let plan;
                (stored, plan) = self.prepare(context, ends).await;
                wait(context, &failure, next, &plan).await.err()
            }
            Next::GiveUp if failure.about == About::Relay && failure.kind == failure::Kind::Temporary => {
                context.run.heard.give_up();
                Some(failure.about(About::GivenUp))
            }
            Next::GiveUp => Some(failure),
        };
        let Some(failure) = given_up else { return Ok(()) };
        let is_settled = self.kept.old.settle(context, &mut ends.destination, &item.destination).await;
        let (rest, is_unnamed) = (self.rest(context, &failure), failure.about == About::NotNamed);
        let discarded = match rest {
            Rest::Kept => self.stored(&context.for_cleanup().0, ends).await,
            Rest::Deleted | Rest::Behind => self.discard(context, ends).await,
        };
        let rest = if self.behind { Rest::Behind } else { rest };
        if is_unnamed && self.undeletable && ends.room.shut() {
            context.run.events.warn(only_stores(&ends.destination.name()));
        }
        let seen = stored.into_iter().chain(discarded).max();
        let failure = interrupted(context, failure, seen.unwrap_or(0).max(self.seen), rest);
        Err(if is_settled || may_pass(&failure) { failure } else { failure.about(About::OldFile) })
    }

    /// Tells the journal that attempts have ended, and why. An interruption is no failure.
    fn note_in_journal(&mut self, context: &Context, failure: &Failure) {
        let attempts = self.count - std::mem::replace(&mut self.noted, self.count);
        let why = (failure.kind != failure::Kind::Interrupted).then(|| shortened(&failure.to_string()));
        context.run.job_journal.attempted(attempts, why);
    }

    /// What becomes of what is stored after the last attempt. If a server was given up, another run goes on with it. What
    /// an earlier run has stored stays as long as another one may come to use it.
    fn rest(&self, context: &Context, failure: &Failure) -> Rest {
        let has_moved = self.count > 0;
        let is_over = context.run.cancel.is_cancelled()
            || failure.about == About::GivenUp
            || (!has_moved && may_pass(failure));
        let is_found_again = is_over && context.run.job_journal.keeps_item();
        match (is_found_again, &self.left) {
            (true, None) => Rest::Kept,
            (true, Some(_)) if !has_moved || self.continued.is_kept() => Rest::Kept,
            (true | false, _) => Rest::Deleted,
        }
    }

    /// Before the next attempt: how many bytes are stored, and what the attempt will do with them, in words.
    async fn prepare(&mut self, context: &Context, ends: &mut Ends) -> (Option<u64>, String) {
        if !self.continued.is_kept() {
            return (self.discard(context, ends).await, String::new());
        }
        if self.left.is_none() {
            return (None, String::new());
        }
        match self.stored(context, ends).await {
            Some(stored) => (
                Some(stored),
                format!(", going on after {} ({})", counted(stored, "byte"), size::bytes(stored)),
            ),
            None => (None, ", going on with what is stored".to_owned()),
        }
    }

    /// Whether something of the file may still be stored under the name of a part, or the old one may have another name.
    pub(in crate::job) const fn leave_something(&self) -> bool {
        self.behind || self.left.is_some() || self.kept.has_left() || !self.kept.old.are_settled()
    }

    /// Deletes what is left. Returns how many bytes that were, if it is known.
    pub(in crate::job) async fn discard(&mut self, context: &Context, ends: &mut Ends) -> Option<u64> {
        let discarded = self.left.take()?.part.discard(context, &mut ends.destination).await;
        self.is_stored(discarded.bytes.unwrap_or(0));
        self.behind |= !discarded.gone;
        self.undeletable |= discarded.refused;
        discarded.bytes
    }

    async fn start_over(&mut self, context: &Context, ends: &mut Ends, item: &Item, why: &str) {
        let name = ends.source.show(&item.source);
        let text = format!("{why}; {name} is copied from its first byte");
        context.run.events.warn_of(Topic::Anew, ends.destination.name(), text);
        self.discard(context, ends).await;
    }

    /// The number of bytes that are stored, if the destination is still connected.
    async fn stored(&mut self, context: &Context, ends: &mut Ends) -> Option<u64> {
        let left = self.left.as_ref()?;
        let host = &mut ends.destination;
        if !host.is_connected() {
            return None;
        }
        let deadline = context.world.clock.now() + context.settings.patience.reply.min(QUESTION);
        let size = tokio::select! {
            size = host.size(context, &left.part.stored) => size.ok().flatten(),
            () = context.world.clock.sleep_until(Some(deadline)) => None,
        };
        self.is_stored(size.unwrap_or(0));
        size
    }
}

/// What is said of a destination that keeps every part.
fn only_stores(site: &str) -> String {
    format!(
        "{site} stores files, but neither renames nor deletes them: nothing more is sent there; its account needs the rights to rename and to delete"
    )
}

/// What becomes of what is stored after the last attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rest {
    /// It stays, and the journal knows its name.
    Kept,
    /// It is deleted.
    Deleted,
    /// It should have been deleted.
    Behind,
}

/// Returns the failure of a file. After an interruption, that is the number of bytes moved and what is left
/// (H33).
fn interrupted(context: &Context, failure: Failure, moved: u64, rest: Rest) -> Failure {
    if !context.run.cancel.is_cancelled() {
        return failure;
    }
    // The number is not always known: servers are asked only every few seconds.
    let after = if moved == 0 {
        String::new()
    } else {
        format!(" after {} ({})", counted(moved, "byte"), size::bytes(moved))
    };
    Failure::new(failure::Kind::Interrupted, format!("interrupted{after}")).hint(match rest {
        Rest::Kept => lifetime::RESUME_CONTINUES,
        Rest::Behind => "run it again to copy the file",
        Rest::Deleted if context.run.job_journal.keeps_item() => {
            "what was stored is deleted, ftp-user resume copies the file"
        }
        Rest::Deleted => "what was stored is deleted, run it again to copy the file",
    })
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
        let passed = |attempts: &Attempts| attempts.relayed.as_ref().map(|relayed| relayed.bytes);
        attempts.is_stored(500);
        assert_eq!(passed(&attempts), None, "no relay has carried it");
        // The relay died before it could tell anything, in an attempt that began behind 100 bytes.
        attempts.carried = Some((100, relay(0)));
        for _ in 0..2 {
            attempts.is_stored(500);
            assert_eq!(passed(&attempts), Some(400));
        }
        // It has told more than what is stored: proofs pass it, too.
        Relayed::add(&mut attempts.relayed, Some(relay(300)));
        attempts.carried = Some((500, relay(300)));
        attempts.is_stored(700);
        assert_eq!(passed(&attempts), Some(700));
        attempts.is_stored(900);
        assert_eq!(passed(&attempts), Some(800), "400, 300 and 100 that were not told");
    }

    #[test]
    fn h21_a_size_proves_nothing_about_bytes_that_another_attempt_has_stored() {
        let part = Part::new(PartId(1), &PathName::from_user("f").unwrap()).unwrap();
        let check = |at, compared, by, expect| {
            let continued = ContinuedBy::ThisRun;
            let part = part.clone();
            let start = StartPoint { part, at, continued, compared, moved: None, assembled: false };
            assert_eq!(start.is_verified_by(by), expect, "{at} {compared} {by:?}");
        };
        check(0, false, Verified::Size, true);
        check(1, false, Verified::Size, false);
        check(1, false, Verified::None, false);
        check(1, false, Verified::Hash(Algorithm::Md5), true);
        check(1, true, Verified::Size, true);
        let continued = ContinuedBy::ThisRun;
        let start = StartPoint { part, at: 0, continued, compared: false, moved: None, assembled: true };
        assert!(!start.is_verified_by(Verified::Size), "the old file had that size, too");
        assert!(start.is_verified_by(Verified::Hash(Algorithm::Sha256)));
    }
}
