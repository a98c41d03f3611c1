//! What the end of a candidate shows for the others, and what is said if none is left.

use super::contest::Entry;
use crate::context::Context;
use crate::failure::{About, Failure, Kind};
use crate::job::race::learning::{Ending, SilentRungs, remember};
use crate::job::race::notes::Notes;
use crate::job::race::runner::{Obstacle, Runner};
use crate::ladder::{Ascent, Candidate, SharedMemory, Step};
use crate::remote;
use crate::report::Topic;
use crate::route::{Assignment, Attempted, ContinuedBy, FAILED_FOR_EARLIER_FILE, GivenUp, Situation};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Blame, ends_session};
use ftp_proto::transfer::race::Ended;
use ftp_proto::transfer::{self, Cause, Outcome, Store};
use std::time::Duration;

/// What is known of the candidates of one file.
pub(super) struct Findings<'a> {
    context: &'a Context,
    memory: &'a SharedMemory,
    situation: &'a Situation,
    assignment: &'a Assignment,
    pub(super) ascent: Ascent,
    /// Why candidates are left out because of earlier files.
    pub(super) known: Vec<String>,
    /// Why candidates have failed for this file.
    pub(super) refused: Vec<String>,
    /// The failure that came last.
    last: Option<Failure>,
    pub(super) silent_rungs: SilentRungs,
    pub(super) notes: Notes,
}

/// What the end of a candidate means.
pub(super) struct Verdict {
    /// For the race.
    pub(super) ended: Ended,
    /// Its failure, if that may be the result of the race.
    pub(super) failure: Option<Failure>,
    /// Whether an end has refused to continue in the middle of the file.
    pub(super) refuses_to_go_on: bool,
}

impl Verdict {
    /// Without a failure that may be the result of the race.
    pub(super) const fn of(ended: Ended) -> Self {
        Self { ended, failure: None, refuses_to_go_on: false }
    }
}

impl<'a> Findings<'a> {
    /// Nothing has ended yet. `ascent` has what earlier files show, and `known` says it.
    pub(super) fn new(
        (context, memory): (&'a Context, &'a SharedMemory),
        situation: &'a Situation,
        assignment: &'a Assignment,
        (ascent, known): (Ascent, Vec<String>),
        notes: Notes,
    ) -> Self {
        Self {
            context,
            memory,
            situation,
            assignment,
            ascent,
            known,
            refused: situation.limitation(assignment.allowed).into_iter().collect(),
            last: None,
            silent_rungs: SilentRungs::default(),
            notes,
        }
    }

    /// This failure may be the result of the race.
    fn decided(&mut self, failure: Failure) -> Verdict {
        self.last = Some(failure.clone());
        Verdict { failure: Some(failure), ..Verdict::of(Ended::Decided) }
    }

    fn refuses(&mut self, why: String) {
        if !self.refused.contains(&why) {
            self.refused.push(why);
        }
    }

    /// The candidate has not come as far as an attempt.
    pub(super) fn obstacle(&mut self, index: usize, candidate: Candidate, obstacle: Obstacle) -> Verdict {
        match obstacle {
            Obstacle::Session(failure) if failure.kind == Kind::Interrupted => self.decided(failure),
            // Whether that is a limit of sessions, the race knows: then others have some.
            Obstacle::Session(failure) => Verdict { ended: Ended::NoSession, ..self.decided(failure) },
            // If the relay may be an impostor, nothing else is sent to it, and no other path hides the danger.
            Obstacle::Relay(failure)
                if matches!(failure.kind, Kind::Untrusted | Kind::Interrupted | Kind::Usage) =>
            {
                self.decided(failure)
            }
            Obstacle::Relay(failure) => {
                let step = self.ascent.of(index).past_relay();
                if step == Step::Exhausted && failure.kind == Kind::Temporary {
                    return self.decided(failure);
                }
                let why = failure.to_string();
                self.memory.lock().unusable(candidate, &why, self.context.world.clock.now());
                self.refuses(why);
                Verdict::of(Ended::Failed)
            }
        }
    }

    /// Records that a candidate has moved the file.
    fn moved(&self, candidate: Candidate, took: Duration) {
        let mut memory = self.memory.lock();
        memory.worked(candidate, self.context.world.clock.now());
        if let (Candidate::Direct(_), Some(bytes)) = (candidate, self.assignment.to_move()) {
            memory.note_rate(bytes, took);
        }
        drop(memory);
        remember(self.context, self.situation.key(), candidate, self.assignment.allowed);
        if candidate.relay().is_some() {
            self.context.run.heard.moved();
        }
    }

    /// Records how an attempt ended.
    pub(super) async fn attempted(
        &mut self,
        index: usize,
        entry: &Entry,
        runner: &mut Runner,
        attempted: Attempted,
    ) -> Verdict {
        let (context, candidate) = (self.context, entry.candidate);
        let (Outcome::Failed(failed), Some(failure)) = (&attempted.outcome, attempted.failure) else {
            self.moved(candidate, attempted.took);
            return Verdict::of(Ended::Moved);
        };
        let is_of_relay = matches!(failed.cause, Cause::Relay(_));
        let failure = if is_of_relay { failure.about(About::Relay) } else { failure };
        let is_stopped = matches!(attempted.given_up, Some(GivenUp::Interrupted | GivenUp::Lost));
        if !is_stopped && attempted.moved == 0 && matches!(failed.blame, Blame::Path | Blame::Busy) {
            self.silent_rungs.ends(index, candidate, Ending::Failed, context.world.clock.now());
        }
        if !is_stopped && self.is_whole(entry, runner, failed).await {
            let text =
                format!("{failure}; what is stored is as long as the source, and is compared with it now");
            context.run.events.warn_of(Topic::AsLong, self.situation.destination(), text);
            self.memory.lock().worked(candidate, context.world.clock.now());
            self.notes.note_moved_after_all(index);
            return Verdict::of(Ended::Moved);
        }
        let step = match attempted.given_up {
            Some(GivenUp::Stalled | GivenUp::Unseen(_)) => self.ascent.of(index).stalled(),
            Some(
                GivenUp::Interrupted
                | GivenUp::Lost
                | GivenUp::StalledAt(_)
                | GivenUp::TooMuch(_)
                | GivenUp::Detached,
            ) => {
                return self.decided(failure);
            }
            None => self.ascent.of(index).after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.run.events.warn(failure.to_string());
        }
        let matters = match self.assignment.store {
            Store::Replace => self.assignment.continued == ContinuedBy::ThisRun,
            Store::Append => step.continues(),
        };
        let changed = failed.touched && matters && !self.is_unchanged(entry, runner).await;
        if !changed
            && matches!(failed.cause, Cause::Refused(_))
            && self.assignment.may_refuse_to_go_on(failed.blame)
        {
            return Verdict { refuses_to_go_on: true, ..self.decided(failure) };
        }
        let description = self.situation.describe(candidate);
        let refusal = description.refusal(&failure);
        // A candidate that has moved data is open. An attempt that continues a file may fail for that reason.
        if !changed && self.assignment.skips() == 0 {
            self.memory.lock().failed(candidate, failed, &refusal, context.world.clock.now());
        }
        if matches!(failure.kind, Kind::Untrusted | Kind::Unverified) {
            return self.decided(failure);
        }
        let step = if changed { step.after_change(self.assignment.store) } else { step };
        match step {
            Step::Attempt(_) | Step::Exhausted => {
                self.refuses(refusal);
                self.last = Some(failure);
                Verdict::of(Ended::Failed)
            }
            Step::Later => self.decided(failure.as_kind(Kind::Temporary)),
            Step::Fail => self.decided(failure),
        }
    }

    /// Whether the destination has as many bytes as the source, although the control connection of one end was lost
    /// or silent. The other end must have said that the transfer is complete. If need be, a new session is opened.
    async fn is_whole(&self, entry: &Entry, runner: &mut Runner, failed: &transfer::Failure) -> bool {
        let is_lost = match &failed.cause {
            Cause::Ended(_) | Cause::Silent(_) => true,
            // A transfer that has stalled was cancelled.
            Cause::Cancelled => true,
            Cause::Refused(reply) => ends_session(Dialect::Rfc959, reply.code),
            Cause::Unusable(..) | Cause::Policy(..) | Cause::Data(_) | Cause::Relay(_) => false,
        };
        let replaces = self.assignment.store == Store::Replace;
        // A part in the middle leaves the file as long as it was.
        let Some(size) = self.assignment.size.filter(|_| self.assignment.until.is_none()) else {
            return false;
        };
        if !is_lost || !replaces || failed.complete.is_none() {
            return false;
        }
        match runner.destination.session(self.context).await {
            Ok(session) => {
                remote::any_size(session, &entry.stored).await.is_ok_and(|stored| stored == Some(size))
            }
            Err(_) => false,
        }
    }

    /// Whether the destination's file of this candidate is as long as before. If it is appended to and has no
    /// size, it may have changed.
    async fn is_unchanged(&self, entry: &Entry, runner: &mut Runner) -> bool {
        let Assignment { store, before, until, .. } = self.assignment;
        // The same bytes go to the same place again.
        if until.is_some() {
            return true;
        }
        let absent = *store == Store::Replace && *before == 0;
        match runner.destination.session(self.context).await {
            Ok(session) => remote::size(session, &entry.stored)
                .await
                .is_ok_and(|size| size == Some(*before) || (absent && size.is_none())),
            Err(_) => false,
        }
    }

    /// Why no candidate is left.
    pub(super) fn no_path(&mut self) -> Failure {
        if self.ascent.is_unfinished()
            && let Some(last) = self.last.take()
        {
            return last.as_kind(Kind::Temporary);
        }
        let only_known = self.refused.is_empty() && !self.known.is_empty();
        let why = if only_known {
            vec![FAILED_FOR_EARLIER_FILE.to_owned()]
        } else {
            [&self.known[..], &self.refused[..]].concat()
        };
        let advice = self.last.take().and_then(|last| last.hint);
        self.situation.no_path(self.assignment.allowed, &why, advice)
    }
}
