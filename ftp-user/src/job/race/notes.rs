//! What the candidates of a file have come to, for `why`.

use crate::account::{CandidateAccount, CandidateFate, RouteAccount, shortened};
use crate::failure::Failure;
use crate::job::race::runner::{Finished, Obstacle};
use crate::ladder::{Allowed, Ascent, Candidate, Memory, Rung};
use crate::outcome::DIRECTLY;
use crate::route::{Attempted, Circuit, GivenUp, Situation};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Outcome;
use ftp_proto::transfer::race::Purpose;

/// What the candidates of a file have come to.
#[derive(Debug)]
pub(in crate::job) struct Notes {
    start: Moment,
    /// The candidates, in the order of the race.
    tried: Vec<CandidateAccount>,
    /// Those that cannot be used, with the reason.
    others: Vec<CandidateAccount>,
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
        Self { start: now, tried: tried.collect(), others: situation.unusable(allowed) }
    }

    fn after(&self, now: Moment) -> Option<f64> {
        Some((now.since(self.start).as_secs_f64() * 1000.0).round() / 1000.0)
    }

    /// A candidate starts, perhaps once more.
    pub(in crate::job) fn started(&mut self, index: usize, purpose: Purpose, now: Moment) {
        let at = self.after(now);
        if let Some(tried) = self.tried.get_mut(index) {
            tried.started = tried.started.or(at);
            tried.probed |= purpose == Purpose::Probe;
        }
    }

    /// Both ends of a candidate have their transfer commands.
    pub(in crate::job) fn connecting(&mut self, index: usize, now: Moment) {
        let at = self.after(now);
        if let Some(tried) = self.tried.get_mut(index) {
            tried.connecting = at;
        }
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
            Ok(Attempted { outcome: Outcome::Moved { .. }, .. }) if is_probe => (CandidateFate::Proven, None),
            Ok(Attempted { given_up: Some(GivenUp::Detached), .. }) => (CandidateFate::Begun, None),
            Ok(Attempted { outcome: Outcome::Moved { .. }, .. }) => (CandidateFate::Moved, None),
            Ok(Attempted { outcome: Outcome::Failed(_), failure, .. }) => {
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
