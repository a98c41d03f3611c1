//! What the candidates of a file have come to: for `why`, and for later runs, which learn from it which one works, and on which
//! rungs nothing arrives.

use crate::account::{CandidateAccount, CandidateFate, RouteAccount, shortened};
use crate::context::Context;
use crate::failure::Failure;
use crate::job::race::runner::{Finished, Obstacle};
use crate::ladder::{Allowed, Ascent, Candidate, Memory, Rung};
use crate::outcome::DIRECTLY;
use crate::report::{THIS_HOST, Topic};
use crate::route::{AttemptResult, Circuit, GivenUp, Situation};
use crate::state::Key;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Outcome;
use ftp_proto::transfer::race::Purpose;
use std::time::Duration;

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
        let tried = ascent.candidates().iter().map(|candidate| {
            let memory = memory.says(*candidate);
            CandidateAccount { memory, ..blank(situation, *candidate) }
        });
        let (tried, others) = (tried.collect(), situation.unusable(allowed));
        Self { start: now, tried, others, connecting: Vec::new(), silent: Vec::new() }
    }

    fn after(&self, now: Moment) -> Option<f64> {
        Some((now.since(self.start).as_secs_f64() * 1000.0).round() / 1000.0)
    }

    /// A candidate starts, perhaps once more.
    pub(in crate::job) fn started(&mut self, index: usize, purpose: Purpose, now: Moment) {
        let at = self.after(now);
        self.connecting.retain(|(other, _)| *other != index);
        if let Some(tried) = self.tried.get_mut(index) {
            tried.started = tried.started.or(at);
            tried.probed |= purpose == Purpose::Probe;
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
        let ended = self.after(now);
        let Some(tried) = self.tried.get_mut(index) else { return };
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
        (tried.fate, tried.ended) = (fate, ended);
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

    /// A candidate has moved the file although its control connection was lost.
    pub(in crate::job) fn note_moved_after_all(&mut self, index: usize) {
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
        known: &[String],
    ) -> RouteAccount {
        let (mut tried, others) = (std::mem::take(&mut self.tried), std::mem::take(&mut self.others));
        let has = |fate| tried.iter().any(|tried| tried.fate == fate);
        let (is_moved, has_begun) = (has(CandidateFate::Moved), has(CandidateFate::Begun));
        for (index, tried) in tried.iter_mut().enumerate().filter(|(_, tried)| tried.started.is_none()) {
            let why = match ascent.is_open(index) {
                false => "it shares a fault that another candidate has shown",
                true if is_moved => "another one moved the file first",
                true if has_begun => "the servers began to move the file by another one",
                true => "another failure decided before its turn",
            };
            tried.why.get_or_insert_with(|| why.to_owned());
        }
        let known = known.iter().map(|why| CandidateAccount {
            words: "what failed for an earlier file".to_owned(),
            why: Some(shortened(why)),
            ..CandidateAccount::default()
        });
        tried.extend(known.chain(others));
        RouteAccount { item, file: shortened(file), tried, ..RouteAccount::default() }
    }
}

/// The candidate as it is kept and shown, before it has started.
pub(in crate::job) fn blank(situation: &Situation, candidate: Candidate) -> CandidateAccount {
    let description = situation.describe(candidate);
    CandidateAccount {
        how: candidate.how(),
        tls: candidate.tls().map(str::to_owned),
        protection: Some(description.protection().name().to_owned()),
        ..CandidateAccount::new(description.rung, description.relay.map(str::to_owned))
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
    if let Err(why) = noted {
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
    use ftp_proto::transfer::{DataTls, Opening, Roles, Side};

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
            notes.started(0, Purpose::Transfer, start);
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
