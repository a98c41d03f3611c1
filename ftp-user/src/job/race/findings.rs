//! What the end of a candidate shows for the others, and what is said if none is left.

use super::ServerPair;
use super::contest::Contest;
use super::notes::{FAILED_IN_SILENCE, remember};
use super::runner::{Obstacle, Runner};
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{About, Failure, Kind};
use crate::ladder::{Candidate, Step};
use crate::report::Topic;
use crate::route::{Assignment, AttemptResult, ContinuedBy, FAILED_FOR_EARLIER_FILE, GivenUp};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Blame, ends_session};
use ftp_proto::transfer::race::Ended;
use ftp_proto::transfer::{self, Cause, Outcome, Store};
use ftp_proto::wire::PathName;
use std::time::Duration;

impl Contest<'_, '_> {
    /// This failure may be the result of the race.
    fn decided(&mut self, index: usize, failure: Failure) -> Ended {
        self.last = Some(failure.clone());
        if let Some(entry) = self.entries.get_mut(index) {
            entry.failure = Some(failure);
        }
        Ended::Decided
    }

    fn refuses(&mut self, why: String) {
        if !self.refused.contains(&why) {
            self.refused.push(why);
        }
    }

    /// The candidate has not come as far as an attempt.
    pub(super) fn obstacle(&mut self, index: usize, obstacle: Obstacle) -> Ended {
        match obstacle {
            Obstacle::Session(failure) if failure.kind == Kind::Interrupted => self.decided(index, failure),
            // Whether that is a limit of sessions, the race knows: then others have some.
            Obstacle::Session(failure) => {
                self.decided(index, failure);
                Ended::NoSession
            }
            // If the relay may be an impostor, nothing else is sent to it, and no other path hides the danger.
            Obstacle::Relay(failure)
                if matches!(failure.kind, Kind::Untrusted | Kind::Interrupted | Kind::Usage) =>
            {
                self.decided(index, failure)
            }
            Obstacle::Relay(failure) => {
                let step = self.ascent.of(index).past_relay();
                if step == Step::Exhausted && failure.kind == Kind::Temporary {
                    return self.decided(index, failure);
                }
                let why = failure.to_string();
                if let Some(entry) = self.entries.get(index) {
                    let now = self.pair.context.world.clock.now();
                    self.pair.memory.lock().unusable(entry.candidate, &why, now);
                }
                self.refuses(why);
                Ended::Failed
            }
        }
    }

    /// Records that a candidate has moved the file.
    fn moved(&self, candidate: Candidate, took: Duration) {
        let ServerPair { context, memory, .. } = &*self.pair;
        let mut memory = memory.lock();
        memory.worked(candidate, context.world.clock.now());
        if let (Candidate::Direct(_), Some(bytes)) = (candidate, self.assignment.to_move()) {
            memory.note_rate(bytes, took);
        }
        drop(memory);
        remember(context, self.situation.key(), candidate, self.assignment.allowed);
    }

    /// Records how an attempt ended.
    pub(super) async fn attempted(
        &mut self,
        index: usize,
        runner: &mut Runner,
        attempted: AttemptResult,
    ) -> Ended {
        let Some(entry) = self.entries.get(index) else { return Ended::Failed };
        let (candidate, stored, assignment) = (entry.candidate, entry.stored.clone(), self.assignment);
        let (context, memory) = (self.pair.context, self.pair.memory);
        let (Outcome::Failed(failed), Some(failure)) = (&attempted.outcome, attempted.failure) else {
            self.moved(candidate, attempted.took);
            return Ended::Moved;
        };
        let is_of_relay = matches!(failed.cause, Cause::Relay(_));
        let failure = if is_of_relay { failure.about(About::Relay) } else { failure };
        let is_stopped = matches!(attempted.given_up, Some(GivenUp::Interrupted | GivenUp::Lost));
        if !is_stopped && attempted.moved == 0 && matches!(failed.blame, Blame::Path | Blame::Busy) {
            self.notes.ends_in_silence(index, candidate, FAILED_IN_SILENCE, context.world.clock.now());
        }
        if !is_stopped && is_whole(context, assignment, &stored, runner, failed).await {
            let text =
                format!("{failure}; what is stored is as long as the source, and is compared with it now");
            context.run.events.warn_of(Topic::AsLong, self.situation.destination(), text);
            memory.lock().worked(candidate, context.world.clock.now());
            self.notes.note_moved_after_all(index);
            return Ended::Moved;
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
                return self.decided(index, failure);
            }
            None => self.ascent.of(index).after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.run.events.warn(failure.to_string());
        }
        let matters = match assignment.store {
            Store::Replace => assignment.continued == ContinuedBy::ThisRun,
            Store::Append => step.continues(),
        };
        let changed = failed.touched && matters && !is_unchanged(context, assignment, &stored, runner).await;
        if !changed
            && matches!(failed.cause, Cause::Refused(_))
            && assignment.may_refuse_to_go_on(failed.blame)
        {
            self.count.refused = true;
            return self.decided(index, failure);
        }
        let refusal = self.situation.describe(candidate).refusal(&failure);
        // A candidate that has moved data is open. An attempt that continues a file may fail for that reason.
        if !changed && assignment.skips() == 0 {
            memory.lock().failed(candidate, failed, &refusal, context.world.clock.now());
        }
        if matches!(failure.kind, Kind::Untrusted | Kind::Unverified) {
            return self.decided(index, failure);
        }
        match if changed { step.after_change(assignment.store) } else { step } {
            Step::Attempt(_) | Step::Exhausted => {
                self.refuses(refusal);
                self.last = Some(failure);
                Ended::Failed
            }
            Step::Later => self.decided(index, failure.as_kind(Kind::Temporary)),
            Step::Fail => self.decided(index, failure),
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

/// Whether the destination has as many bytes as the source, although the control connection of one end was lost
/// or silent. The other end must have said that the transfer is complete. If need be, a new session is opened.
async fn is_whole(
    context: &Context,
    assignment: &Assignment,
    stored: &PathName,
    runner: &mut Runner,
    failed: &transfer::Failure,
) -> bool {
    let is_lost = match &failed.cause {
        Cause::Ended(_) | Cause::Silent(_) => true,
        // A transfer that has stalled was cancelled.
        Cause::Cancelled => true,
        Cause::Refused(reply) => ends_session(Dialect::Rfc959, reply.code),
        Cause::Unusable(..) | Cause::Policy(..) | Cause::Data(_) | Cause::Relay(_) => false,
    };
    let replaces = assignment.store == Store::Replace;
    // A part in the middle leaves the file as long as it was.
    let Some(size) = assignment.size.filter(|_| assignment.until.is_none()) else { return false };
    if !is_lost || !replaces || failed.complete.is_none() {
        return false;
    }
    match runner.destination.session(context).await {
        Ok(session) => files::size_at_server(session, stored).await.is_ok_and(|stored| stored == Some(size)),
        Err(_) => false,
    }
}

/// Whether the destination's file of a candidate is as long as before. If it is appended to and has no size, it may have
/// changed.
async fn is_unchanged(
    context: &Context,
    Assignment { store, before, until, .. }: &Assignment,
    stored: &PathName,
    runner: &mut Runner,
) -> bool {
    // The same bytes go to the same place again.
    if until.is_some() {
        return true;
    }
    let absent = *store == Store::Replace && *before == 0;
    match runner.destination.session(context).await {
        Ok(session) => files::size_by_command(session, stored)
            .await
            .is_ok_and(|size| size == Some(*before) || (absent && size.is_none())),
        Err(_) => false,
    }
}
