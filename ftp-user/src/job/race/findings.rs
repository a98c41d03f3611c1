//! What the end of a candidate shows: for the others, for `why`, and for later runs, which learn from it which one works and on
//! which rungs nothing arrives. And what is said if none is left.

use super::ServerPair;
use super::contest::Contest;
use super::runner::{Finished, Obstacle, Runner};
use crate::account::{CandidateAccount, CandidateFate, RouteAccount, shortened};
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{About, Failure, Kind, Result};
use crate::ladder::{Allowed, Ascent, Candidate, Memory, Refusal, Rung, Step};
use crate::outcome::DIRECTLY;
use crate::report::{THIS_HOST, Topic};
use crate::route::{
    Assignment, AttemptResult, Circuit, ContinuedBy, FAILED_FOR_EARLIER_FILE, GivenUp, Situation,
    UnendedFile, warn_as_long,
};
use crate::state::Key;
use ftp_proto::reply::Blame;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::{CandidateEnd, CandidatePurpose};
use ftp_proto::transfer::{Cause, Outcome, Side, Store};
use ftp_proto::wire::PathName;
use std::time::Duration;

impl Contest<'_, '_> {
    /// This failure may be the result of the race.
    fn decided(&mut self, index: usize, failure: Failure) -> CandidateEnd {
        self.last = Some(failure.clone());
        if let Some(entry) = self.entries.get_mut(index) {
            entry.failure = Some(failure);
        }
        CandidateEnd::Decided
    }

    fn refuses(&mut self, why: Refusal) {
        if !self.refused.contains(&why) {
            self.refused.push(why);
        }
    }

    /// The candidate has not come as far as an attempt.
    pub(super) fn obstacle(&mut self, index: usize, obstacle: Obstacle) -> CandidateEnd {
        match obstacle {
            Obstacle::Session(failure) if failure.kind == Kind::Interrupted => self.decided(index, failure),
            // Whether that is a limit of sessions, the race knows: then others have some.
            Obstacle::Session(failure) => {
                self.decided(index, failure);
                CandidateEnd::NoSession
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
                let why = Refusal { candidate: None, failure };
                if let Some(entry) = self.entries.get(index) {
                    let now = self.pair.context.world.clock.now();
                    self.pair.memory.lock().unusable(entry.candidate, why.clone(), now);
                }
                self.refuses(why);
                CandidateEnd::Failed
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
    ) -> CandidateEnd {
        let Some(entry) = self.entries.get(index) else { return CandidateEnd::Failed };
        let (candidate, stored, assignment) = (entry.candidate, entry.stored.clone(), self.assignment);
        let (context, memory) = (self.pair.context, self.pair.memory);
        let Some((failed, failure)) = attempted.failed() else {
            self.moved(candidate, attempted.took);
            return CandidateEnd::Moved;
        };
        let is_about_relay = matches!(failed.cause, Cause::Relay(_)) && failure.about != About::DataPorts;
        let failure = if is_about_relay { failure.about(About::Relay) } else { failure };
        let may_be_silent = attempted.moved == 0 && matches!(failed.blame, Blame::Path | Blame::Busy);
        if may_be_silent && !is_stopped(&attempted) {
            self.notes.ends_in_silence(index, candidate, FAILED_IN_SILENCE, context.world.clock.now());
        }
        let whole = is_whole(context, assignment, candidate, &stored, runner, &attempted).await;
        if matches!(whole, Ok(true)) {
            warn_as_long(context, self.situation.destination(), &failure);
            memory.lock().worked(candidate, context.world.clock.now());
            self.notes.note_moved_after_all(index);
            return CandidateEnd::Moved;
        }
        let step = match attempted.given_up {
            Some(GivenUp::Stalled(None) | GivenUp::Unseen(_)) => self.ascent.of(index).stalled(),
            Some(
                GivenUp::Interrupted
                | GivenUp::Lost
                | GivenUp::Enough
                | GivenUp::Stalled(Some(_))
                | GivenUp::TooMuch(_)
                | GivenUp::Detached,
            ) => return self.decided(index, failure),
            None => self.ascent.of(index).after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.run.events.warn(failure.to_string());
        }
        let matters = match assignment.store {
            Store::Replace => assignment.continued == ContinuedBy::ThisRun,
            Store::Append => step.continues(),
        };
        // A destination that has just not answered is not waited for again.
        let changed = failed.touched
            && matters
            && (whole.is_err() || !is_unchanged(context, assignment, &stored, runner).await);
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
            memory.lock().failed(candidate, failed, refusal.clone(), context.world.clock.now());
        }
        if matches!(failure.kind, Kind::Untrusted | Kind::Unverified) {
            return self.decided(index, failure);
        }
        match if changed { step.after_change(assignment.store) } else { step } {
            Step::Attempt(_) | Step::Exhausted => {
                self.refuses(refusal);
                self.last = Some(failure);
                CandidateEnd::Failed
            }
            Step::Later => self.decided(index, failure.as_kind(Kind::Temporary)),
            Step::Fail => self.decided(index, failure),
        }
    }

    /// Why no candidate is left.
    pub(super) fn no_path(&mut self) -> Failure {
        if self.ascent.unfinished
            && let Some(last) = self.last.take()
        {
            return last.as_kind(Kind::Temporary);
        }
        let only_known = self.refused.is_empty() && !self.known.is_empty();
        let why = if only_known {
            vec![FAILED_FOR_EARLIER_FILE.into()]
        } else {
            [&self.known[..], &self.refused[..]].concat()
        };
        self.situation.no_path(self.assignment.allowed, &why)
    }
}

/// Whether this program has ended the attempt, and nothing is wrong with it.
const fn is_stopped(attempted: &AttemptResult) -> bool {
    matches!(attempted.given_up, Some(GivenUp::Interrupted | GivenUp::Lost | GivenUp::Enough))
}

/// Whether the destination has, or gets, as many bytes as the source, although the control connection of one end was lost
/// or silent. The other end must have said that the transfer is complete, or the file was seen to grow to its size.
///
/// # Errors
///
/// The destination cannot be asked.
async fn is_whole(
    context: &Context,
    assignment: &Assignment,
    candidate: Candidate,
    stored: &PathName,
    runner: &mut Runner,
    attempted: &AttemptResult,
) -> Result<bool> {
    let Some((failed, _)) = attempted.failed().filter(|_| !is_stopped(attempted)) else { return Ok(false) };
    let may_grow = match &failed.cause {
        Cause::Silent(_) | Cause::Ended(_) => true,
        // A transfer that has stalled was cancelled.
        Cause::Cancelled => false,
        Cause::Refused(_) if failed.is_of_session() => true,
        Cause::Refused(_) | Cause::Unusable(..) | Cause::Policy(..) | Cause::Data(_) | Cause::Relay(_) => {
            return Ok(false);
        }
    };
    let replaces = assignment.store == Store::Replace;
    // A part in the middle leaves the file as long as it was.
    let Some(size) = assignment.size.filter(|_| assignment.until.is_none()) else { return Ok(false) };
    // A host in the middle has counted the bytes, whatever a server says of them.
    if candidate.rung().is_counted() && assignment.skips().saturating_add(attempted.moved) < size {
        return Ok(false);
    }
    // Where nobody has seen it become complete, a new session would only hide what the old one may still do.
    let was_shorter = failed.complete.is_some() || failed.passed || attempted.was_shorter;
    let lacks_reply = assignment.needs_final_reply && failed.complete != Some(Side::Destination);
    if !replaces || !was_shorter || lacks_reply {
        return Ok(false);
    }
    let file = UnendedFile { path: stored, size, was_shorter, may_grow };
    file.becomes_whole(context, &mut runner.destination).await
}

/// Whether the destination's file of a candidate is as long as before. If it is appended to and has no size, it may have
/// changed.
async fn is_unchanged(
    context: &Context,
    assignment: &Assignment,
    stored: &PathName,
    runner: &mut Runner,
) -> bool {
    // The same bytes go to the same place again.
    if assignment.until.is_some() {
        return true;
    }
    let absent = assignment.store == Store::Replace && assignment.before == 0;
    let Ok(session) = runner.destination.session(context).await else { return false };
    let size = files::size_by_command(session, stored).await;
    size.is_ok_and(|size| size == Some(assignment.before) || (absent && size.is_none()))
}

/// What the candidates of a file have come to.
#[derive(Debug)]
pub(in crate::job) struct Notes {
    start: Moment,
    /// The candidates, in the order of the race.
    tried: Vec<CandidateAccount>,
    /// Those that cannot be used, with the reason.
    others: Vec<CandidateAccount>,
    /// Since when both ends of candidates have had their transfer commands.
    connecting: Vec<(usize, Moment)>,
    /// Direct rungs on which no data connection was opened and no server gave a reason.
    silent: Vec<Rung>,
}

impl Notes {
    /// Nothing has started yet.
    pub(in crate::job) fn new(
        situation: &Situation,
        allowed: Allowed,
        ascent: &Ascent,
        memory: &Memory,
        now: Moment,
    ) -> Self {
        let tried = ascent.candidates.iter().map(|candidate| {
            let memory = memory.says(*candidate);
            let protection = Some(situation.describe(*candidate).protection().name().to_owned());
            let how = candidate.how();
            CandidateAccount { memory, how, protection, ..situation.account(*candidate) }
        });
        let (tried, others) = (tried.collect(), situation.unusable(allowed));
        Self { start: now, tried, others, connecting: Vec::new(), silent: Vec::new() }
    }

    fn after(&self, now: Moment) -> Option<f64> {
        Some((now.since(self.start).as_secs_f64() * 1000.0).round() / 1000.0)
    }

    /// A candidate starts, perhaps once more.
    pub(in crate::job) fn started(&mut self, index: usize, purpose: CandidatePurpose, now: Moment) {
        let at = self.after(now);
        self.connecting.retain(|(other, _)| *other != index);
        if let Some(tried) = self.tried.get_mut(index) {
            tried.started = tried.started.or(at);
            tried.probed |= purpose == CandidatePurpose::Probe;
        }
    }

    /// Both ends of a candidate have their transfer commands.
    pub(in crate::job) fn connecting(&mut self, index: usize, now: Moment) {
        let at = self.after(now);
        self.connecting.push((index, now));
        if let Some(tried) = self.tried.get_mut(index) {
            tried.connecting = at;
        }
    }

    /// A candidate ends without having moved anything. If its transfer commands were sent so long ago, no server has refused it:
    /// a server that refuses without a word, and a firewall, keep it waiting longer.
    pub(in crate::job) fn ends_in_silence(
        &mut self,
        index: usize,
        candidate: Candidate,
        after: Duration,
        now: Moment,
    ) {
        let since = self.connecting.iter().find(|(other, _)| *other == index);
        let is_due = since.is_some_and(|(_, since)| now.since(*since) >= after);
        let rung = candidate.rung();
        if is_due && matches!(candidate, Candidate::Direct(_)) && !self.silent.contains(&rung) {
            self.silent.push(rung);
        }
    }

    /// Remembers for later runs on which rungs nothing arrived, unless another candidate of the rung has worked.
    pub(in crate::job) fn remember_silent(&self, context: &Context, key: &Key, works: impl Fn(Rung) -> bool) {
        let rungs = self.silent.iter().filter(|rung| !works(**rung)).map(|rung| rung.name());
        let noted = context.store.pairs.note_silent(key, &rungs.collect::<Vec<_>>());
        warn_if_forgotten(context, noted, "that nothing arrived");
    }

    /// A candidate is never tried.
    pub(in crate::job) fn left_out(&mut self, index: usize, why: &Failure) {
        if let Some(tried) = self.tried.get_mut(index) {
            tried.why = Some(shortened(&why.to_string()));
        }
    }

    /// A candidate has ended.
    pub(in crate::job) fn ended(&mut self, index: usize, finished: &Finished, is_probe: bool, now: Moment) {
        let (fate, why) = match &finished.attempted {
            _ if finished.lost => (CandidateFate::Lost, None),
            Err(Obstacle::Session(failure) | Obstacle::Relay(failure)) => {
                (CandidateFate::Failed, Some(failure))
            }
            Ok(AttemptResult { outcome: Outcome::Moved { .. }, .. }) if is_probe => {
                (CandidateFate::Proven, None)
            }
            Ok(AttemptResult { given_up: Some(GivenUp::Detached), .. }) => (CandidateFate::Begun, None),
            Ok(AttemptResult { outcome: Outcome::Moved { .. }, .. }) => (CandidateFate::Moved, None),
            Ok(AttemptResult { outcome: Outcome::Failed(_), failure, .. }) => {
                (CandidateFate::Failed, failure.as_ref())
            }
        };
        self.set_fate(index, fate, now);
        let Some(tried) = self.tried.get_mut(index) else { return };
        if finished.runner.circuit.as_ref().is_some_and(Circuit::is_at_hub) {
            tried.stands_on(Rung::Hub);
        }
        tried.why = why.map(|failure| shortened(&failure.to_string()));
        if let Ok(attempted) = &finished.attempted {
            tried.said.clone_from(&attempted.said);
            if attempted.relayed.as_ref().is_some_and(|relayed| relayed.directly) {
                tried.words.push_str(DIRECTLY);
            }
        }
    }

    /// Notes what came of a candidate.
    pub(super) fn set_fate(&mut self, index: usize, fate: CandidateFate, now: Moment) {
        let ended = self.after(now);
        if let Some(tried) = self.tried.get_mut(index) {
            (tried.fate, tried.ended) = (fate, ended);
        }
    }

    /// A candidate has moved the file although its control connection was lost.
    pub(super) fn note_moved_after_all(&mut self, index: usize) {
        if let Some(tried) = self.tried.get_mut(index) {
            tried.fate = CandidateFate::Moved;
        }
    }

    /// Takes everything out, as a value that is kept. `known` are the reasons why candidates were left out because of
    /// earlier files.
    pub(in crate::job) fn take_account(
        &mut self,
        item: u64,
        file: &str,
        ascent: &Ascent,
        known: &[Refusal],
    ) -> RouteAccount {
        let (mut tried, others) = (std::mem::take(&mut self.tried), std::mem::take(&mut self.others));
        let has = |fate| tried.iter().any(|tried| tried.fate == fate);
        let (is_moved, has_begun) = (has(CandidateFate::Moved), has(CandidateFate::Begun));
        for (index, tried) in tried.iter_mut().enumerate().filter(|(_, tried)| tried.started.is_none()) {
            let why = match ascent.is_open(index) {
                false => "it shares a fault that another candidate has shown",
                true if is_moved => "another one moved the file first",
                true if has_begun => "the servers began to move the file by another one",
                true => "the copy was given up before its turn",
            };
            tried.why.get_or_insert_with(|| why.to_owned());
        }
        let known = known.iter().map(|why| CandidateAccount {
            words: "what failed for an earlier file".to_owned(),
            why: Some(shortened(&why.to_string())),
            ..CandidateAccount::default()
        });
        tried.extend(known.chain(others));
        RouteAccount { item, file: shortened(file), tried, ..RouteAccount::default() }
    }
}

/// Remembers for later runs that a candidate has worked, if it is direct. It is preferred by them unless it was the only
/// one that was allowed.
pub(in crate::job) fn remember(context: &Context, key: &Key, candidate: Candidate, allowed: Allowed) {
    let Some(label) = candidate.label() else { return };
    let rung = candidate.rung().name();
    let noted = match allowed.shows_the_best() {
        true => context.store.pairs.note_worked(key, &label, rung),
        false => context.store.pairs.note_open(key, rung),
    };
    warn_if_forgotten(context, noted, "which path works");
}

fn warn_if_forgotten(context: &Context, noted: Result<(), String>, what: &str) {
    if let Err(why) = noted
        && !context.run.job_journal.has_ended()
    {
        let text = format!("cannot remember for later runs {what}: {why}");
        context.run.events.warn_of(Topic::Memory, THIS_HOST, text);
    }
}

/// When a candidate has ended in silence, after its transfer commands: one that has lost against another one.
pub(super) const LOST_IN_SILENCE: Duration = Duration::from_millis(200);
/// The same of one that has failed.
pub(in crate::job) const FAILED_IN_SILENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::transfer::{DataTls, Opening, Roles};

    #[test]
    fn nothing_arrived_if_the_transfer_commands_were_sent_long_ago() {
        let direct = |passive| {
            let (opening, tls) = (Opening::Pasv, DataTls::Clear);
            Candidate::Direct(Roles { passive, opening, filter: false, first: None, tls })
        };
        let at = |millis| Moment::START + Duration::from_millis(millis);
        let check = |candidate, after, sent: Option<u64>, now, expect: &[Rung]| {
            let (start, silent) = (at(0), Vec::new());
            let mut notes =
                Notes { start, tried: Vec::new(), others: Vec::new(), connecting: Vec::new(), silent };
            notes.started(0, CandidatePurpose::Transfer, start);
            if let Some(sent) = sent {
                notes.connecting(0, at(sent));
            }
            notes.ends_in_silence(0, candidate, after, at(now));
            assert_eq!(notes.silent, expect);
        };
        let source = direct(Side::Source);
        check(source, LOST_IN_SILENCE, Some(100), 300, &[Rung::SourceListens]);
        check(source, LOST_IN_SILENCE, Some(100), 299, &[]);
        check(source, LOST_IN_SILENCE, None, 9_000, &[]);
        check(source, FAILED_IN_SILENCE, Some(0), 1_999, &[]);
        check(direct(Side::Destination), FAILED_IN_SILENCE, Some(0), 2_000, &[Rung::DestListens]);
        check(Candidate::Through, FAILED_IN_SILENCE, Some(0), 2_000, &[]);
    }
}
