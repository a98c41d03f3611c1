//! Transfers one file between two servers by the race of their candidates: performs what [`Race`] asks for, and
//! tells it what the end of a candidate shows (`findings`).

use super::findings::{LOST_IN_SILENCE, Notes, remember};
use super::runner::{Finished, Runner, Scouting, may_have_stored};
use super::{ServerPair, Transferred};
use crate::failure::Failure;
use crate::job::part::{self, Part};
use crate::journal::PartId;
use crate::ladder::{Allowed, Ascent, Candidate, Refusal, Rung};
use crate::outcome::Relayed;
use crate::route::{
    Assignment, AttemptResult, Circuit, Count, Lane, SILENT_SO_FAR, Sign, Situation, StoreReply,
};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::{
    CandidateEnd, CandidatePurpose, Conclusion, Input, Manner, Output, Race, ScoutOutput,
};
use ftp_proto::transfer::{Outcome, Side};
use ftp_proto::wire::PathName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Transfers one file.
pub(super) async fn transfer(pair: &mut ServerPair<'_>, assignment: &Assignment) -> Transferred {
    let situation = match Situation::of(pair.context, pair.from, pair.to).await {
        Ok(situation) => situation,
        Err(failure) => return Transferred::failed(failure, Count::default(), assignment),
    };
    let mut contest = Contest::new(pair, &situation, assignment);
    let conclusion = contest.run().await;
    contest.conclude(conclusion).await
}

/// The race for one file.
pub(super) struct Contest<'a, 'b> {
    pub(super) pair: &'a mut ServerPair<'b>,
    pub(super) situation: &'a Situation,
    pub(super) assignment: &'a Assignment,
    pub(super) count: Count,
    race: Race,
    /// The candidate on which the file moves, as the other files were told.
    moves_on: Option<Candidate>,
    pub(super) ascent: Ascent,
    /// Why candidates are left out because of earlier files.
    pub(super) known: Vec<Refusal>,
    /// Why candidates have failed for this file.
    pub(super) refused: Vec<Refusal>,
    /// The failure that came last.
    pub(super) last: Option<Failure>,
    pub(super) notes: Notes,
    pub(super) entries: Vec<Entry>,
    tasks: JoinSet<(usize, Finished)>,
    /// What losers and failed candidates have left, while it is removed. Each returns what a relay has passed on of it without
    /// saying so.
    cleanups: JoinSet<Option<Relayed>>,
    sender: mpsc::UnboundedSender<(usize, Sign)>,
    signs: mpsc::UnboundedReceiver<(usize, Sign)>,
    /// Whether each candidate has its own name for the copy.
    has_names: bool,
    /// What is probed for later files while a third host carries this one.
    scouting: Scouting,
}

impl<'a, 'b> Contest<'a, 'b> {
    fn new(pair: &'a mut ServerPair<'b>, situation: &'a Situation, assignment: &'a Assignment) -> Self {
        let now = pair.context.world.clock.now();
        let mut memory = pair.memory.lock();
        situation.recall(pair.context, &mut memory, assignment.allowed);
        if let Some(news) = memory.news() {
            pair.context.run.events.warn(news);
        }
        // What is appended to, continued, or stored under its final name is one file.
        let in_place = assignment.stored == assignment.target;
        let can_race = pair.context.settings.race && assignment.is_new() && !in_place;
        let manner = if can_race { Manner::Beside } else { Manner::Turns };
        let (ascent, known) = memory.ascend(situation.candidates(assignment.allowed), manner, now);
        let (entrants, settings) = situation.race(&ascent, manner);
        let notes = Notes::new(situation, assignment.allowed, &ascent, &memory, now);
        drop(memory);
        let entries = ascent.candidates.iter().map(|candidate| Entry::new(*candidate, assignment));
        let mut entries: Vec<Entry> = entries.collect();
        for entry in entries.iter_mut().skip(1).filter(|_| can_race) {
            entry.take_own_name(assignment);
        }
        let (sender, signs) = mpsc::unbounded_channel();
        Self {
            race: Race::new(entrants, settings, now),
            moves_on: None,
            ascent,
            known,
            refused: situation.limitation(assignment.allowed).map(Refusal::from).into_iter().collect(),
            last: None,
            notes,
            pair,
            situation,
            assignment,
            count: Count::default(),
            entries,
            tasks: JoinSet::new(),
            cleanups: JoinSet::new(),
            sender,
            signs,
            has_names: can_race,
            scouting: Scouting::default(),
        }
    }

    /// Runs the race to its end.
    async fn run(&mut self) -> Conclusion {
        let clock = self.pair.context.world.clock;
        loop {
            let deadline = match self.perform() {
                Ok(conclusion) => return conclusion,
                Err(deadline) => deadline,
            };
            self.note_moving_candidate(self.race.winner());
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

    /// Tells the other files on which candidate this one moves.
    fn note_moving_candidate(&mut self, winner: Option<usize>) {
        let candidate = winner.and_then(|index| self.entries.get(index)).map(|entry| entry.candidate);
        if candidate != self.moves_on {
            let mut memory = self.pair.memory.lock();
            if let Some(before) = self.moves_on {
                memory.note_not_moving(before);
            }
            if let Some(candidate) = candidate {
                memory.note_moving(candidate);
            }
            self.moves_on = candidate;
        }
    }

    /// While a third host carries the file, probes more direct candidates. Returns when to look again.
    fn scout(&mut self) -> Option<Moment> {
        let now = self.pair.context.world.clock.now();
        if !self.has_names {
            return None;
        }
        loop {
            let index = match self.scouting.poll(&self.race, &self.ascent, now) {
                ScoutOutput::Wait(deadline) => return deadline,
                ScoutOutput::Probe(index) => index,
            };
            let candidate = self.entries.get(index).map(|entry| entry.candidate)?;
            self.notes.started(index, CandidatePurpose::Probe, now);
            let (source, destination) = (self.pair.from.beside(), self.pair.to.beside());
            let runner = Runner { source, destination, circuit: None };
            self.scouting.start(self.pair.context, runner, index, candidate, self.assignment);
        }
    }

    /// Takes what the probe of a more direct candidate has come to.
    async fn scouted(&mut self, index: usize, finished: Finished) {
        let now = self.pair.context.world.clock.now();
        if !finished.lost {
            self.notes.ended(index, &finished, true, now);
        }
        if let Ok(attempted) = &finished.attempted
            && let Some((failed, failure)) = attempted.failed()
            && !finished.lost
            && let Some(candidate) = self.entries.get(index).map(|entry| entry.candidate)
        {
            self.ascent.of(index).after(failed);
            let refusal = self.situation.describe(candidate).refusal(&failure);
            self.pair.memory.lock().failed(candidate, failed, refusal, now);
        }
        self.scouting.ended(index, &finished, &self.ascent);
        self.release(finished.runner);
    }

    /// Later files take the candidate that was found while a third host carried this one.
    fn take_better(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let (candidate, name) = (entry.candidate, &self.assignment.name);
        let context = self.pair.context;
        let mut memory = self.pair.memory.lock();
        memory.worked(candidate, context.world.clock.now());
        memory.tell(format!(
            "{} works now: its probe succeeded while {name} took another path; from here on files take it",
            candidate.rung().words()
        ));
        drop(memory);
        remember(context, self.situation.key(), candidate, self.assignment.allowed);
    }

    /// Performs what the race asks for, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Conclusion, Option<Moment>> {
        loop {
            match self.race.poll() {
                Output::Start(index, purpose) => self.start(index, purpose),
                Output::Abort(index) => {
                    let Some(entry) = self.entries.get(index) else { continue };
                    let now = self.pair.context.world.clock.now();
                    self.notes.ends_in_silence(index, entry.candidate, LOST_IN_SILENCE, now);
                    if let Some(lose) = &entry.lose {
                        let _ = lose.send(true);
                    }
                }
                Output::Done(conclusion) => return Ok(conclusion),
                Output::Wait(deadline) => return Err(deadline),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.race.input(self.pair.context.world.clock.now(), input);
    }

    /// Starts a candidate. The first one has the sessions that are open already.
    fn start(&mut self, index: usize, purpose: CandidatePurpose) {
        let ServerPair { context, from, to, circuit, memory } = &mut *self.pair;
        self.notes.started(index, purpose, context.world.clock.now());
        let Some(entry) = self.entries.get_mut(index) else { return };
        let runner = entry.runner.take().unwrap_or_else(|| Runner {
            source: std::mem::replace(from, from.beside()),
            destination: std::mem::replace(to, to.beside()),
            circuit: if entry.candidate.relay().is_some() { circuit.take() } else { None },
        });
        let (lose, lane) = Lane::new(index, self.sender.clone());
        (entry.lose, entry.purpose) = (Some(lose), purpose);
        let assignment = Assignment {
            stored: entry.stored.clone(),
            probes: purpose == CandidatePurpose::Probe,
            slowest: memory.lock().slowest,
            ..self.assignment.clone()
        };
        let (context, candidate, own) = (context.clone(), entry.candidate, entry.own);
        self.tasks.spawn(async move {
            if let Some(part) = own {
                context.run.job_journal.part(part).await;
            }
            (index, Box::pin(runner.run(context, candidate, assignment, lane)).await)
        });
    }

    /// Takes a sign of a candidate that runs.
    fn saw(&mut self, index: usize, sign: Sign) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        let description = self.situation.describe(entry.candidate);
        let context = self.pair.context;
        match sign {
            Sign::Ready => {
                description.announce(context, &self.refused);
                entry.why = Some(description.why(&self.refused));
            }
            Sign::Connecting => {
                self.notes.connecting(index, context.world.clock.now());
                self.tell(Input::Connecting(index));
            }
            Sign::Moving(side) => {
                self.assignment.beside.iter().for_each(|signs| signs.moving.notify_one());
                let unasked = self.assignment.allowed == Allowed::Auto && description.has_intermediary();
                let matters = unasked || description.is_half_clear();
                if matters && side == Side::Source && self.pair.memory.lock().announces(entry.candidate) {
                    if unasked {
                        let silent = self.has_open_direct().then(|| SILENT_SO_FAR.into());
                        let reasons = [&self.known[..], &self.refused[..], silent.as_slice()].concat();
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

    /// Whether a candidate from server to server may work yet.
    fn has_open_direct(&self) -> bool {
        let is_direct = |entry: &Entry| matches!(entry.candidate, Candidate::Direct(_));
        (0..).zip(&self.entries).any(|(index, entry)| is_direct(entry) && self.ascent.is_open(index))
    }

    /// Takes what a candidate has come to.
    async fn ended(&mut self, index: usize, finished: Finished) -> CandidateEnd {
        let Some(entry) = self.entries.get_mut(index) else { return CandidateEnd::Failed };
        let is_probe = entry.purpose == CandidatePurpose::Probe;
        let now = self.pair.context.world.clock.now();
        self.notes.ended(index, &finished, is_probe, now);
        let Finished { mut runner, attempted, lost } = finished;
        if lost {
            self.release(runner);
            return CandidateEnd::Failed;
        }
        let ended = match attempted {
            Err(obstacle) => self.obstacle(index, obstacle),
            Ok(AttemptResult { outcome: Outcome::Moved { .. }, .. }) if is_probe => CandidateEnd::Proven,
            Ok(attempted) => {
                self.count.add(&attempted);
                entry.relayed.clone_from(&attempted.relayed);
                // Another one may have won before this one could be told.
                entry.owes = may_have_stored(&attempted.outcome, is_probe).then_some(attempted.store_reply);
                self.attempted(index, &mut runner, attempted).await
            }
        };
        match ended {
            CandidateEnd::Moved | CandidateEnd::Proven | CandidateEnd::Decided => self.keep(index, runner),
            CandidateEnd::Failed => {
                if let Some(runner) = self.removed(index, runner) {
                    self.release(runner);
                }
            }
            CandidateEnd::NoSession => self.release(runner),
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
            Some(circuit) if kept.is_some() => {
                self.cleanups.spawn(async move {
                    circuit.quit().await;
                    None
                });
            }
            Some(circuit) => *kept = Some(circuit),
            None => {}
        }
    }

    /// Removes what a failed candidate has stored, if each one has its own name. Whatever has no other name is removed,
    /// or continued, by whoever has asked for the race.
    fn removed(&mut self, index: usize, mut runner: Runner) -> Option<Runner> {
        let entry = self.entries.get_mut(index).filter(|_| self.has_names);
        let Some((entry, reply)) = entry.and_then(|entry| entry.owes.take().map(|reply| (entry, reply)))
        else {
            return Some(runner);
        };
        let assignment = Assignment { stored: entry.stored.clone(), ..self.assignment.clone() };
        let (context, relayed) = (self.pair.context.clone(), entry.relayed.take());
        self.cleanups.spawn(async move {
            let stored = runner.discard(&context, &assignment, reply).await;
            runner.release().await;
            relayed?.untold(stored.unwrap_or(0))
        });
        None
    }

    /// Removes the parts of the candidates that did not decide the race.
    fn remove_others(&mut self, decides: Option<usize>) {
        for other in (0..self.entries.len()).filter(|other| Some(*other) != decides) {
            if let Some(runner) = self.entries.get_mut(other).and_then(|entry| entry.runner.take())
                && let Some(runner) = self.removed(other, runner)
            {
                self.release(runner);
            }
        }
    }

    /// The result of the race, and the name under which the destination has what was stored.
    async fn conclude(mut self, conclusion: Conclusion) -> Transferred {
        let (decides, has_moved) = match conclusion {
            Conclusion::Won(index) => (Some(index), true),
            Conclusion::Decided(index) => (Some(index), false),
            Conclusion::Exhausted => (None, false),
        };
        self.note_moving_candidate(None);
        let better = self.scouting.finish().await;
        self.remove_others(decides);
        while let Some(cleaned) = self.cleanups.join_next().await {
            Relayed::add(&mut self.count.relayed, cleaned.ok().flatten());
        }
        if let Some(better) = better.filter(|_| has_moved) {
            self.take_better(better);
        }
        let rung = |index: Option<usize>| Some(self.entries.get(index?)?.candidate.rung());
        let working = [rung(decides.filter(|_| has_moved)), rung(better)];
        let (context, key) = (self.pair.context, self.situation.key());
        self.notes.remember_silent(context, key, |rung| working.contains(&Some(rung)));
        let item = context.run.item;
        let race = self.notes.take_account(item, &self.assignment.name, &self.ascent, &self.known);
        context.run.routes.note_race(&key.source.0, &key.destination.0, race);
        let Some(entry) = decides.and_then(|index| self.entries.get_mut(index)) else {
            return Transferred::failed(self.no_path(), self.count, self.assignment);
        };
        let result = match entry.failure.take() {
            _ if has_moved => Ok(entry.rung()),
            failure => Err(failure.unwrap_or_else(Failure::interrupted)),
        };
        if let Some(why) = entry.why.take() {
            self.count.facts = std::mem::take(&mut self.count.facts).because(why);
        }
        let stored = entry.stored.clone();
        if let Some(Runner { source, destination, circuit }) = entry.runner.take() {
            (*self.pair.from, *self.pair.to) = (source, destination);
            if circuit.is_some() {
                *self.pair.circuit = circuit;
            }
        }
        Transferred { result, count: self.count, stored }
    }
}

/// A candidate in the race.
pub(super) struct Entry {
    pub(super) candidate: Candidate,
    /// The name under which it stores.
    pub(super) stored: PathName,
    /// The number in that name, if it is its own: the journal has to know it.
    pub(super) own: Option<PartId>,
    /// What it has while it does not run.
    pub(super) runner: Option<Runner>,
    /// Sending `true` tells it that it has lost.
    pub(super) lose: Option<watch::Sender<bool>>,
    pub(super) purpose: CandidatePurpose,
    pub(super) failure: Option<Failure>,
    /// Why it is tried, in words.
    pub(super) why: Option<String>,
    /// Whether the final reply to the command that stores was received, if something may be stored under its name that nobody
    /// removes yet.
    pub(super) owes: Option<StoreReply>,
    /// What a relay has said that it passed on of that.
    pub(super) relayed: Option<Relayed>,
}

impl Entry {
    /// The rung on which it has worked: at a relay the run has shown whether it is a hub.
    pub(super) fn rung(&self) -> Rung {
        let circuit = self.runner.as_ref().and_then(|runner| runner.circuit.as_ref());
        match self.candidate {
            Candidate::Relay(_) if circuit.is_some_and(Circuit::is_at_hub) => Rung::Hub,
            Candidate::Direct(_) | Candidate::Relay(_) | Candidate::Through => self.candidate.rung(),
        }
    }

    /// A candidate that stores under the name of the assignment.
    pub(super) fn new(candidate: Candidate, assignment: &Assignment) -> Self {
        Self {
            candidate,
            stored: assignment.stored.clone(),
            own: None,
            runner: None,
            lose: None,
            purpose: CandidatePurpose::Transfer,
            failure: None,
            why: None,
            owes: None,
            relayed: None,
        }
    }

    /// Takes a name of its own, since it runs beside others. Without random numbers, all have one name.
    pub(super) fn take_own_name(&mut self, assignment: &Assignment) {
        if let Ok(id) = part::new_id()
            && let Ok(part) = Part::new(id, &assignment.target)
        {
            (self.stored, self.own) = (part.stored, Some(id));
        }
    }
}
