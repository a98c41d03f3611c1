//! Transfers one file between two servers by the race of their candidates: performs what [`Race`] asks for, and
//! tells it what [`Ascent`] makes of a failure.

use super::learning::{Ending, SilentRungs, remember};
use super::notes::Notes;
use super::part::{self, Part};
use super::runner::{Finished, Obstacle, Runner};
use super::scouting::Scouting;
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::journal::PartId;
use crate::ladder::{Allowed, Ascent, Candidate, Rung, SharedMemory, Step};
use crate::route::{
    Assignment, Attempted, Circuit, Count, FAILED_FOR_EARLIER_FILE, GivenUp, Lane, Sign, Situation,
};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Blame, ends_session};
use ftp_proto::third_party::race::ScoutOutput;
use ftp_proto::third_party::race::{Conclusion, Ended, Input, Manner, Output, Purpose, Race};
use ftp_proto::third_party::{self, Cause, Outcome, Side, Store};
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Two servers, what is known of the candidates between them, and what is kept with a relay.
pub(super) struct ServerPair<'a> {
    pub(super) context: &'a Context,
    pub(super) from: &'a mut Server,
    pub(super) to: &'a mut Server,
    pub(super) circuit: &'a mut Option<Circuit>,
    pub(super) memory: &'a SharedMemory,
}

impl ServerPair<'_> {
    /// Transfers one file. Returns the rung that worked, and under which name the destination stores the file, or
    /// what there is of it.
    pub(super) async fn transfer(
        &mut self,
        assignment: &Assignment,
        count: &mut Count,
    ) -> (Result<Rung, Failure>, PathName) {
        let situation = match Situation::of(self.context, self.from, self.to).await {
            Ok(situation) => situation,
            Err(failure) => return (Err(failure), assignment.stored.clone()),
        };
        let mut contest = Contest::new(self, &situation, assignment, count);
        let conclusion = contest.run().await;
        contest.conclude(conclusion).await
    }
}

/// A candidate in the race.
struct Entry {
    candidate: Candidate,
    /// The name under which it stores.
    stored: PathName,
    /// The number in that name, if it is its own: the journal has to know it.
    own: Option<PartId>,
    /// What it has while it does not run.
    runner: Option<Runner>,
    /// Sending `true` tells it that it has lost.
    lose: Option<watch::Sender<bool>>,
    purpose: Purpose,
    failure: Option<Failure>,
}

/// The race for one file.
struct Contest<'a, 'b> {
    pair: &'a mut ServerPair<'b>,
    situation: &'a Situation,
    assignment: &'a Assignment,
    count: &'a mut Count,
    race: Race,
    ascent: Ascent,
    entries: Vec<Entry>,
    tasks: JoinSet<(usize, Finished)>,
    /// What losers and failed candidates have left, while it is removed.
    cleanups: JoinSet<()>,
    sender: mpsc::UnboundedSender<(usize, Sign)>,
    signs: mpsc::UnboundedReceiver<(usize, Sign)>,
    /// Why candidates are left out because of earlier files.
    known: Vec<String>,
    /// Why candidates have failed for this file.
    refused: Vec<String>,
    /// Whether each candidate has its own name for the copy.
    has_names: bool,
    /// The failure that came last.
    last: Option<Failure>,
    silent_rungs: SilentRungs,
    notes: Notes,
    /// What is probed for later files while a third host carries this one.
    scouting: Scouting,
}

impl<'a, 'b> Contest<'a, 'b> {
    fn new(
        pair: &'a mut ServerPair<'b>,
        situation: &'a Situation,
        assignment: &'a Assignment,
        count: &'a mut Count,
    ) -> Self {
        let now = pair.context.clock.now();
        let mut memory = pair.memory.lock();
        situation.recall(pair.context, &mut memory, assignment.allowed);
        if let Some(news) = memory.news() {
            pair.context.events.warn(news);
        }
        // What is appended to, continued, or stored under its final name is one file.
        let is_new = assignment.store == Store::Replace && assignment.before == 0;
        let in_place = assignment.stored == assignment.target;
        let can_race = pair.context.race && is_new && !in_place;
        let manner = if can_race { Manner::Beside } else { Manner::Turns };
        let (ascent, known) = memory.ascend(situation.candidates(assignment.allowed), manner, now);
        let (entrants, settings) = situation.race(&ascent, manner);
        let notes = Notes::new(situation, assignment.allowed, &ascent, &memory, now);
        drop(memory);
        let entries = ascent.candidates().iter().map(|candidate| Entry {
            candidate: *candidate,
            stored: assignment.stored.clone(),
            own: None,
            runner: None,
            lose: None,
            purpose: Purpose::Transfer,
            failure: None,
        });
        let mut entries: Vec<Entry> = entries.collect();
        for entry in entries.iter_mut().skip(1).filter(|_| can_race) {
            entry.take_own_name(assignment);
        }
        let (sender, signs) = mpsc::unbounded_channel();
        Self {
            race: Race::new(entrants, settings, now),
            pair,
            situation,
            assignment,
            count,
            ascent,
            entries,
            tasks: JoinSet::new(),
            cleanups: JoinSet::new(),
            sender,
            signs,
            known,
            refused: situation.limitation(assignment.allowed).into_iter().collect(),
            has_names: can_race,
            last: None,
            silent_rungs: SilentRungs::default(),
            notes,
            scouting: Scouting::default(),
        }
    }

    /// Runs the race to its end.
    async fn run(&mut self) -> Conclusion {
        let clock = self.pair.context.clock;
        loop {
            let deadline = match self.perform() {
                Ok(conclusion) => return conclusion,
                Err(deadline) => deadline,
            };
            let scouts = self.scout();
            let deadline = [deadline, scouts].into_iter().flatten().min();
            tokio::select! {
                biased;
                Some((index, sign)) = self.signs.recv() => self.saw(index, sign),
                Some(finished) = self.tasks.join_next() => {
                    if let Ok((index, finished)) = finished {
                        let ended = self.ended(index, finished).await;
                        self.tell(Input::Ended(index, ended));
                    }
                }
                (index, finished) = self.scouting.next() => self.scouted(index, finished).await,
                () = clock.sleep_until(deadline) => self.tell(Input::Timeout),
            }
        }
    }

    /// While a third host carries the file, probes more direct candidates. Returns when to look again.
    fn scout(&mut self) -> Option<Moment> {
        let now = self.pair.context.clock.now();
        if !self.has_names {
            return None;
        }
        loop {
            let index = match self.scouting.poll(&self.race, &self.ascent, now) {
                ScoutOutput::Wait(deadline) => return deadline,
                ScoutOutput::Probe(index) => index,
            };
            let candidate = self.entries.get(index).map(|entry| entry.candidate)?;
            self.notes.started(index, Purpose::Probe, now);
            let servers = (self.pair.from.beside(), self.pair.to.beside());
            // What a scout says is not of the race.
            let (unheard, _) = mpsc::unbounded_channel();
            self.scouting.start(self.pair.context, servers, (index, candidate), self.assignment, unheard);
        }
    }

    /// Takes what the probe of a more direct candidate has come to.
    async fn scouted(&mut self, index: usize, finished: Finished) {
        let now = self.pair.context.clock.now();
        if !finished.lost {
            self.notes.ended(index, &finished, true, now);
        }
        if let Ok(Attempted { outcome: Outcome::Failed(failed), failure: Some(failure), .. }) =
            &finished.attempted
            && !finished.lost
            && let Some(candidate) = self.entries.get(index).map(|entry| entry.candidate)
        {
            self.ascent.of(index).after(failed);
            let refusal = self.situation.describe(candidate).refusal(failure);
            self.pair.memory.lock().failed(candidate, failed, &refusal, now);
        }
        self.scouting.ended(index, &finished, &self.ascent);
        self.release(finished.runner);
    }

    /// Later files take the candidate that was found while a third host carried this one.
    fn take_better(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let (candidate, name) = (entry.candidate, &self.assignment.name);
        let context = self.pair.context;
        self.pair.memory.lock().worked(candidate, context.clock.now());
        self.pair.memory.lock().tell(format!(
            "{} works now: its probe succeeded while {name} took another path; from here on files take it",
            candidate.rung().words()
        ));
        remember(context, self.situation.key(), candidate);
    }

    /// Performs what the race asks for, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Conclusion, Option<Moment>> {
        loop {
            match self.race.poll() {
                Output::Start(index, purpose) => self.start(index, purpose),
                Output::Abort(index) => {
                    let entry = self.entries.get(index);
                    if let Some(entry) = entry {
                        let now = self.pair.context.clock.now();
                        self.silent_rungs.ends(index, entry.candidate, Ending::Lost, now);
                    }
                    if let Some(lose) = entry.and_then(|entry| entry.lose.as_ref()) {
                        let _ = lose.send(true);
                    }
                }
                Output::Done(conclusion) => return Ok(conclusion),
                Output::Wait(deadline) => return Err(deadline),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.race.input(self.pair.context.clock.now(), input);
    }

    /// Starts a candidate. The first one has the sessions that are open already.
    fn start(&mut self, index: usize, purpose: Purpose) {
        let ServerPair { context, from, to, circuit, .. } = &mut *self.pair;
        self.notes.started(index, purpose, context.clock.now());
        let Some(entry) = self.entries.get_mut(index) else { return };
        let runner = entry.runner.take().unwrap_or_else(|| Runner {
            source: std::mem::replace(from, from.beside()),
            destination: std::mem::replace(to, to.beside()),
            circuit: if entry.candidate.relay().is_some() { circuit.take() } else { None },
        });
        let (lose, lane) = Lane::new(index, self.sender.clone());
        (entry.lose, entry.purpose) = (Some(lose), purpose);
        self.silent_rungs.started(index);
        let assignment = Assignment {
            stored: entry.stored.clone(),
            probes: purpose == Purpose::Probe,
            ..self.assignment.clone()
        };
        let (context, candidate, own) = (context.clone(), entry.candidate, entry.own);
        self.tasks.spawn(async move {
            if let Some(part) = own {
                context.job_journal.part(part).await;
            }
            (index, Box::pin(runner.run(context, candidate, assignment, lane)).await)
        });
    }

    /// Takes a sign of a candidate that runs.
    fn saw(&mut self, index: usize, sign: Sign) {
        let Some(entry) = self.entries.get(index) else { return };
        let description = self.situation.describe(entry.candidate);
        let context = self.pair.context;
        match sign {
            Sign::Ready => description.announce(context, &self.refused),
            Sign::Connecting => {
                let now = context.clock.now();
                self.silent_rungs.connecting(index, now);
                self.notes.connecting(index, now);
                self.tell(Input::Connecting(index));
            }
            Sign::Moving(side) => {
                let unasked = self.assignment.allowed == Allowed::Auto && description.has_intermediary();
                let matters = unasked || description.is_half_clear();
                if matters && side == Side::Source && self.pair.memory.lock().announces(entry.candidate) {
                    if unasked {
                        let reasons = [&self.known[..], &self.refused[..]].concat();
                        description.warn_of_intermediary(context, &reasons);
                    }
                    description.warn_of_clear_end(context);
                }
                self.tell(Input::Moving(index, side));
            }
            Sign::Claims(side) => self.tell(Input::Claims(index, side)),
            Sign::Idle => self.tell(Input::Idle(index)),
        }
    }

    /// Takes what a candidate has come to.
    async fn ended(&mut self, index: usize, finished: Finished) -> Ended {
        let purpose = self.entries.get(index).map(|entry| entry.purpose);
        let now = self.pair.context.clock.now();
        self.notes.ended(index, &finished, purpose == Some(Purpose::Probe), now);
        let Finished { runner, attempted, lost } = finished;
        if lost {
            self.release(runner);
            return Ended::Failed;
        }
        let (ended, runner) = match attempted {
            Err(obstacle) => (self.obstacle(index, obstacle), Some(runner)),
            Ok(Attempted { outcome: Outcome::Moved { .. }, .. }) if purpose == Some(Purpose::Probe) => {
                (Ended::Proven, Some(runner))
            }
            Ok(attempted) => {
                self.count.add(&attempted);
                self.attempted(index, runner, attempted).await
            }
        };
        match (ended, runner) {
            (Ended::Moved | Ended::Proven | Ended::Decided, Some(runner)) => self.keep(index, runner),
            (Ended::Failed | Ended::NoSession, Some(runner)) => self.release(runner),
            (_, None) => {}
        }
        for other in 0..self.entries.len() {
            if !self.ascent.is_open(other) {
                self.tell(Input::Closed(other));
            }
        }
        ended
    }

    fn keep(&mut self, index: usize, runner: Runner) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.runner = Some(runner);
        }
    }

    /// Leaves the sessions of a candidate to whoever needs some next.
    fn release(&mut self, runner: Runner) {
        let Runner { source, destination, circuit } = runner;
        source.release();
        destination.release();
        let kept = &mut *self.pair.circuit;
        match circuit {
            Some(circuit) if kept.is_some() => drop(self.cleanups.spawn(circuit.quit())),
            Some(circuit) => *kept = Some(circuit),
            None => {}
        }
    }

    /// The failure of this candidate decides the race.
    fn decided(&mut self, index: usize, failure: Failure) -> Ended {
        self.last = Some(failure.clone());
        if let Some(entry) = self.entries.get_mut(index) {
            entry.failure = Some(failure);
        }
        Ended::Decided
    }

    /// The candidate has not come as far as an attempt.
    fn obstacle(&mut self, index: usize, obstacle: Obstacle) -> Ended {
        let Some(candidate) = self.entries.get(index).map(|entry| entry.candidate) else {
            return Ended::Failed;
        };
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
                self.pair.memory.lock().unusable(candidate, &why, self.pair.context.clock.now());
                if !self.refused.contains(&why) {
                    self.refused.push(why);
                }
                Ended::Failed
            }
        }
    }

    /// Records how an attempt ended. Returns its runner, unless what it stored is being removed.
    async fn attempted(
        &mut self,
        index: usize,
        mut runner: Runner,
        attempted: Attempted,
    ) -> (Ended, Option<Runner>) {
        let context = self.pair.context;
        let Some(candidate) = self.entries.get(index).map(|entry| entry.candidate) else {
            return (Ended::Failed, Some(runner));
        };
        let (Outcome::Failed(failed), Some(failure)) = (&attempted.outcome, attempted.failure) else {
            self.pair.memory.lock().worked(candidate, context.clock.now());
            remember(context, self.situation.key(), candidate);
            return (Ended::Moved, Some(runner));
        };
        let is_stopped = matches!(attempted.given_up, Some(GivenUp::Interrupted | GivenUp::Lost));
        if !is_stopped && attempted.moved == 0 && matches!(failed.blame, Blame::Path | Blame::Busy) {
            self.silent_rungs.ends(index, candidate, Ending::Failed, context.clock.now());
        }
        if !is_stopped && self.is_whole(index, &mut runner, failed).await {
            context.events.warn(format!(
                "{failure}; what is stored is as long as the source, and is compared with it now"
            ));
            self.pair.memory.lock().worked(candidate, context.clock.now());
            self.notes.note_moved_after_all(index);
            return (Ended::Moved, Some(runner));
        }
        let step = match attempted.given_up {
            Some(GivenUp::Stalled) => self.ascent.of(index).stalled(),
            Some(GivenUp::Interrupted | GivenUp::Lost | GivenUp::StalledAt(_)) => {
                return (self.decided(index, failure), Some(runner));
            }
            None => self.ascent.of(index).after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.events.warn(failure.to_string());
        }
        let matters = match self.assignment.store {
            Store::Replace => self.assignment.goes_on,
            Store::Append => step.continues(),
        };
        let changed = failed.touched && matters && !self.is_unchanged(index, &mut runner).await;
        if !changed
            && matches!(failed.cause, Cause::Refused(_))
            && self.assignment.may_refuse_to_go_on(failed.blame)
        {
            self.count.refused = true;
            return (self.decided(index, failure), Some(runner));
        }
        let description = self.situation.describe(candidate);
        let refusal = description.refusal(&failure);
        // A candidate that has moved data is open. An attempt that continues a file may fail for that reason.
        if !changed && self.assignment.skips() == 0 {
            self.pair.memory.lock().failed(candidate, failed, &refusal, context.clock.now());
        }
        if matches!(failure.kind, Kind::Untrusted | Kind::Unverified) {
            return (self.decided(index, failure), Some(runner));
        }
        let step = if changed { step.after_change(self.assignment.store) } else { step };
        match step {
            Step::Attempt(_) | Step::Exhausted => {
                if !self.refused.contains(&refusal) {
                    self.refused.push(refusal);
                }
                self.last = Some(failure);
                (Ended::Failed, self.removed(index, runner, failed.touched))
            }
            Step::Later => (self.decided(index, failure.as_kind(Kind::Temporary)), Some(runner)),
            Step::Fail => (self.decided(index, failure), Some(runner)),
        }
    }

    /// Whether the destination has as many bytes as the source, although the control connection of one end was lost
    /// or silent. The other end must have said that the transfer is complete. If need be, a new session is opened.
    async fn is_whole(&self, index: usize, runner: &mut Runner, failed: &third_party::Failure) -> bool {
        let is_lost = match &failed.cause {
            Cause::Ended(_) | Cause::Silent(_) => true,
            // A transfer that has stalled was cancelled.
            Cause::Cancelled => true,
            Cause::Refused(reply) => ends_session(Dialect::Rfc959, reply.code),
            Cause::Unusable(..) | Cause::Policy(..) | Cause::Data(_) | Cause::Relay(_) => false,
        };
        let replaces = self.assignment.store == Store::Replace;
        let (Some(entry), Some(size)) = (self.entries.get(index), self.assignment.size) else { return false };
        if !is_lost || !replaces || failed.complete.is_none() {
            return false;
        }
        match runner.destination.session(self.pair.context).await {
            Ok(session) => session.any_size(&entry.stored).await.is_ok_and(|stored| stored == Some(size)),
            Err(_) => false,
        }
    }

    /// Whether the destination's file of this candidate is as long as before. If it is appended to and has no
    /// size, it may have changed.
    async fn is_unchanged(&self, index: usize, runner: &mut Runner) -> bool {
        let Assignment { store, before, .. } = self.assignment;
        let absent = *store == Store::Replace && *before == 0;
        let Some(entry) = self.entries.get(index) else { return false };
        match runner.destination.session(self.pair.context).await {
            Ok(session) => session
                .size(&entry.stored)
                .await
                .is_ok_and(|size| size == Some(*before) || (absent && size.is_none())),
            Err(_) => false,
        }
    }

    /// Removes what a failed candidate has stored, if the next one has another name.
    fn removed(&mut self, index: usize, mut runner: Runner, touched: bool) -> Option<Runner> {
        let Some(entry) = self.entries.get(index).filter(|_| touched && self.has_names) else {
            return Some(runner);
        };
        let assignment = Assignment { stored: entry.stored.clone(), ..self.assignment.clone() };
        let context = self.pair.context.clone();
        self.cleanups.spawn(async move {
            runner.discard(&context, &assignment).await;
            runner.release().await;
        });
        None
    }

    /// The result of the race, and the name under which the destination has what was stored.
    async fn conclude(mut self, conclusion: Conclusion) -> (Result<Rung, Failure>, PathName) {
        let better = self.scouting.finish().await;
        while self.cleanups.join_next().await.is_some() {}
        if let (Some(better), Conclusion::Won(_)) = (better, conclusion) {
            self.take_better(better);
        }
        let won = match conclusion {
            Conclusion::Won(index) => self.entries.get(index).map(|entry| entry.candidate.rung()),
            Conclusion::Decided(_) | Conclusion::Exhausted => None,
        };
        let better = better.and_then(|better| self.entries.get(better)).map(|entry| entry.candidate.rung());
        let works = |rung| [won, better].contains(&Some(rung));
        self.silent_rungs.remember(self.pair.context, self.situation.key(), works);
        let key = self.situation.key();
        let item = self.pair.context.events.origin().number();
        let race = self.notes.take_past_race(item, &self.assignment.name, &self.ascent, &self.known);
        self.pair.context.runs.note_race(&key.source.0, &key.destination.0, race);
        let (index, moved) = match conclusion {
            Conclusion::Won(index) => (index, true),
            Conclusion::Decided(index) => (index, false),
            Conclusion::Exhausted => {
                return (Err(self.no_path()), self.assignment.stored.clone());
            }
        };
        let Some(entry) = self.entries.get_mut(index) else {
            return (Err(self.no_path()), self.assignment.stored.clone());
        };
        let result = match (moved, entry.failure.take()) {
            (true, _) => Ok(entry.candidate.rung()),
            (false, failure) => Err(failure.unwrap_or_else(Failure::interrupted)),
        };
        let stored = entry.stored.clone();
        if let Some(Runner { source, destination, circuit }) = entry.runner.take() {
            (*self.pair.from, *self.pair.to) = (source, destination);
            if circuit.is_some() {
                *self.pair.circuit = circuit;
            }
        }
        (result, stored)
    }

    /// Why no candidate is left.
    fn no_path(&mut self) -> Failure {
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

impl Entry {
    /// Takes a name of its own, since it runs beside others. Without random numbers, all have one name.
    fn take_own_name(&mut self, assignment: &Assignment) {
        if let Ok(id) = part::new_id()
            && let Ok(part) = Part::new(id, &assignment.target)
        {
            (self.stored, self.own) = (part.stored, Some(id));
        }
    }
}
