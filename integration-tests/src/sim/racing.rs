//! The driver of a race in the simulator, and what must hold in every race.

use super::SIDES;
use super::race::{DriverFault, Field, RaceResult};
use super::scenario::{Fault, Path, Scenario, When};
use super::shared::{PermitAnswer, Shared};
use super::user::Phase;
use super::world::World;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::{
    CandidateEnd, CandidatePurpose, Conclusion, Entrant, Input, Output, Race, Settings,
};
use ftp_proto::transfer::{Outcome, Side};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// The head start of every candidate.
pub(super) const HEAD_START: Duration = Duration::from_millis(250);

/// A candidate, and what its driver knows of it.
struct Lane {
    scenario: Scenario,
    world: Option<World>,
    /// Whether it could probe.
    able: bool,
    purpose: CandidatePurpose,
    moving: [bool; 2],
    claimed: [bool; 2],
    /// When both its data connections stood.
    stood: Option<Moment>,
    /// The race has been told that it has ended.
    told: bool,
    aborted: bool,
}

/// Runs a race to its end, and then every world to its own end.
pub fn race(field: &Field) -> RaceResult {
    let able = |scenario: &Scenario| field.probes && scenario.path == Path::Direct && scenario.rendezvous;
    let entrants = field.scenarios.iter().zip(&field.groups);
    let entrants = entrants.map(|(scenario, group)| Entrant {
        group: *group,
        head_start: HEAD_START,
        probes: able(scenario),
    });
    let lanes = field.scenarios.iter().map(|scenario| Lane {
        scenario: scenario.clone(),
        world: None,
        able: able(scenario),
        purpose: CandidatePurpose::Transfer,
        moving: [false; 2],
        claimed: [false; 2],
        stood: None,
        told: false,
        aborted: false,
    });
    let mut run = Run {
        field,
        race: Race::new(entrants.collect(), Settings::default(), Moment::START),
        lanes: lanes.collect(),
        past: Vec::new(),
        shared: Rc::new(RefCell::new(Shared::default())),
        now: Moment::START,
        wake: None,
        dies: field.dies.map(|(_, after)| Moment::after_start(after)),
        published: 0,
        raced: RaceResult::default(),
    };
    run.drain();
    while run.step() {}
    run.judge()
}

struct Run<'a> {
    field: &'a Field,
    race: Race,
    lanes: Vec<Lane>,
    /// The worlds of earlier attempts of a candidate, each of which runs to its own end.
    past: Vec<World>,
    shared: Rc<RefCell<Shared>>,
    now: Moment,
    /// When the race wants to be told the time.
    wake: Option<Moment>,
    /// When a server dies.
    dies: Option<Moment>,
    published: usize,
    raced: RaceResult,
}

/// Who is next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Death,
    Lane(usize),
    Past(usize),
    Race,
}

impl Run<'_> {
    /// One event of one world, or the deadline of the race; false when nothing is left.
    fn step(&mut self) -> bool {
        let lanes = self.lanes.iter().enumerate().filter(|(_, lane)| !self.is_kept(lane));
        let lanes =
            lanes.filter_map(|(number, lane)| Some((lane.world.as_ref()?.next_time()?, Turn::Lane(number))));
        let past = self.past.iter().enumerate();
        let past = past.filter_map(|(number, world)| Some((world.next_time()?, Turn::Past(number))));
        let wake = self.wake.filter(|_| self.field.sabotage != Some(DriverFault::NoClock));
        let others = [self.dies.map(|at| (at, Turn::Death)), wake.map(|at| (at, Turn::Race))];
        let Some((at, turn)) = lanes.chain(past).chain(others.into_iter().flatten()).min() else {
            return false;
        };
        self.now = self.now.max(at);
        match turn {
            Turn::Death => self.die(),
            Turn::Lane(number) => self.one(number),
            Turn::Past(number) => {
                if !self.past[number].step() {
                    let world = self.past.remove(number);
                    self.raced.violations.extend(world.report().violations);
                }
                self.hand_answers_on();
            }
            Turn::Race => {
                self.wake = None;
                self.tell(Input::Timeout);
            }
        }
        self.drain();
        true
    }

    /// Whether the driver keeps the sessions of this candidate for ever.
    fn is_kept(&self, lane: &Lane) -> bool {
        self.field.sabotage == Some(DriverFault::KeepSessions) && lane.aborted
    }

    /// One event of a world, and what its driver sees of it.
    fn one(&mut self, number: usize) {
        let Some(world) = self.lanes[number].world.as_mut() else { return };
        let moved = world.moves;
        let goes_on = world.step();
        let moves = world.moves && !moved;
        self.hand_answers_on();
        if moves {
            self.judge_move(number);
        }
        self.look(number);
        if !goes_on && let Some(world) = self.lanes[number].world.take() {
            self.raced.violations.extend(world.report().violations);
        }
    }

    /// Permits that had to wait are answered in whichever world has asked.
    fn hand_answers_on(&mut self) {
        let now = self.now;
        let answers = self.shared.borrow_mut().take_answers();
        for PermitAnswer { permit: (of, ticket), side, may } in answers {
            if let Some(world) = self.lanes.get_mut(of).and_then(|lane| lane.world.as_mut()) {
                world.permit_comes(now, side, ticket, may);
            }
        }
    }

    /// Of candidates that can probe, one at a time moves the file. One that was told to abort may not have heard it
    /// yet.
    fn judge_move(&mut self, number: usize) {
        let moves = |(other, lane): (usize, &Lane)| {
            other != number
                && lane.able
                && !lane.told
                && !lane.aborted
                && lane.world.as_ref().is_some_and(|world| world.moves)
        };
        if self.lanes[number].purpose == CandidatePurpose::Probe {
            self.raced.violations.push(format!("candidate {number} moves the file where it should probe"));
        }
        if self.lanes[number].able && !self.lanes[number].told && self.lanes.iter().enumerate().any(moves) {
            self.raced.violations.push(format!("candidate {number} moves the file beside another one"));
        }
    }

    /// Tells the race what the driver of this candidate sees.
    fn look(&mut self, number: usize) {
        let lane = &mut self.lanes[number];
        let Some(world) = lane.world.as_ref().filter(|_| !lane.told) else { return };
        let moving = SIDES.map(|side| world.user.ends.at(side).moving);
        let transfers = world.user.machine.is_some() && world.user.outcomes.is_empty();
        // A server of this kind says 150 when it has its transfer command.
        let begun = SIDES.map(|side| self.field.hasty && transfers && *world.commanded.at(side));
        let ended = world.user.outcomes.first().map(|outcome| match (outcome, lane.purpose) {
            (Outcome::Moved { .. }, CandidatePurpose::Transfer) => CandidateEnd::Moved,
            (Outcome::Moved { .. }, CandidatePurpose::Probe) => CandidateEnd::Proven,
            (Outcome::Failed(_), _) => CandidateEnd::Failed,
        });
        // Its login has failed.
        let gone = !matches!(world.user.phase, Phase::Login | Phase::Attempt) && ended.is_none();
        let mut signs = Vec::new();
        for (index, side) in [Side::Source, Side::Destination].into_iter().enumerate() {
            if begun[index] && !std::mem::replace(&mut lane.claimed[index], true) {
                let believes = self.field.sabotage == Some(DriverFault::Believe);
                signs.push(if believes { Input::Moving(number, side) } else { Input::Claims(number, side) });
                signs.extend(lane.claimed.iter().all(|claimed| *claimed).then_some(Input::Idle(number)));
            }
            if moving[index] && !std::mem::replace(&mut lane.moving[index], true) {
                signs.push(Input::Moving(number, side));
            }
        }
        if lane.moving == [true; 2] {
            lane.stood.get_or_insert(self.now);
        }
        signs.into_iter().for_each(|sign| self.tell(sign));
        if let Some(ended) = ended.or(gone.then_some(CandidateEnd::Failed)) {
            self.ended(number, ended);
        }
    }

    fn ended(&mut self, number: usize, ended: CandidateEnd) {
        let lane = &mut self.lanes[number];
        if std::mem::replace(&mut lane.told, true) {
            return;
        }
        if ended == CandidateEnd::Moved && self.field.sabotage == Some(DriverFault::PublishAll) {
            self.published += 1;
        }
        self.tell(Input::Ended(number, ended));
    }

    fn tell(&mut self, input: Input) {
        self.race.input(self.now, input);
    }

    fn drain(&mut self) {
        loop {
            match self.race.poll() {
                Output::Start(number, purpose) => self.start(number, purpose),
                Output::Abort(number) => self.abort(number),
                Output::Done(conclusion) => self.done(conclusion),
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
    }

    /// How many candidates have sessions, as far as the race knows.
    fn busy(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.world.is_some() && !lane.told).count()
    }

    fn start(&mut self, number: usize, purpose: CandidatePurpose) {
        if self.busy() >= self.field.sessions || (self.field.dies.is_some() && self.dies.is_none()) {
            return self.tell(Input::Ended(number, CandidateEnd::NoSession));
        }
        if self.busy() >= Settings::default().together {
            self.raced.violations.push("too many candidates have sessions at the same time".to_owned());
        }
        let probes =
            purpose == CandidatePurpose::Probe && self.field.sabotage != Some(DriverFault::ProbesMove);
        self.raced.started += 1;
        self.raced.probed += usize::from(purpose == CandidatePurpose::Probe);
        let lane = &mut self.lanes[number];
        // A second attempt has its own sessions; what the first one has left must be nothing.
        self.past.extend(lane.world.take());
        (lane.told, lane.aborted, lane.purpose) = (false, false, purpose);
        (lane.moving, lane.claimed, lane.stood) = ([false; 2], [false; 2], None);
        (lane.scenario.begins, lane.scenario.probes) = (self.now.since_start(), probes);
        let mut world = World::new(lane.scenario.clone(), number, Rc::clone(&self.shared));
        world.begin();
        lane.world = Some(world);
    }

    fn abort(&mut self, number: usize) {
        self.raced.aborted += 1;
        if self.field.sabotage == Some(DriverFault::PublishAll) {
            return;
        }
        let lane = &mut self.lanes[number];
        lane.aborted = true;
        let Some(world) = lane.world.as_mut() else { return };
        if world.user.machine.is_some() {
            // Whatever the scenario promises, it does not promise it of an attempt that is aborted.
            world.scenario.faults.push((When::Segments(u32::MAX), Fault::Cancel));
            let before = world.aborts.len();
            world.cancel();
            world.settle();
            let mut aborts = world.aborts.split_off(before);
            if self.field.sabotage == Some(DriverFault::ListenerFirst) {
                aborts.reverse();
            }
            let listener = world.scenario.roles.passive;
            if world.scenario.path == Path::Direct && aborts.len() == 2 && aborts[0] == listener {
                self.raced
                    .violations
                    .push(format!("the end of candidate {number} that listens is aborted first"));
            }
            if self.field.sabotage == Some(DriverFault::ForgetLosers) {
                self.ended(number, CandidateEnd::Failed);
            }
            self.look(number);
            if self.field.sabotage == Some(DriverFault::KeepSessions) {
                self.ended(number, CandidateEnd::Failed);
            }
        } else {
            // It has not begun; its sessions are closed.
            lane.world = None;
            self.ended(number, CandidateEnd::Failed);
        }
    }

    /// A server dies: every candidate loses its session there.
    fn die(&mut self) {
        self.dies = None;
        let Some((side, _)) = self.field.dies else { return };
        for number in 0..self.lanes.len() {
            let lane = &mut self.lanes[number];
            let Some(world) = lane.world.as_mut().filter(|world| world.user.outcomes.is_empty()) else {
                continue;
            };
            world.now = world.now.max(self.now);
            world.scenario.faults.push((When::Segments(u32::MAX), Fault::Crash(side)));
            world.crash(side);
            world.settle();
            self.look(number);
        }
    }

    /// The race is over. The driver publishes the file of the winner, and nothing else.
    fn done(&mut self, conclusion: Conclusion) {
        self.raced.took = self.now.since_start();
        if self.raced.conclusion.replace(conclusion).is_some() {
            self.raced.violations.push("a race has ended twice".to_owned());
        }
        for (number, lane) in self.lanes.iter().enumerate() {
            // A world goes on with other files; the first outcome is that of the race.
            let runs = |world: &World| world.user.machine.is_some() && world.user.outcomes.is_empty();
            if lane.world.as_ref().is_some_and(runs) && !self.is_kept(lane) {
                self.raced.violations.push(format!("candidate {number} has outlived the race"));
            }
        }
        if let Conclusion::Won(number) = conclusion {
            self.published += usize::from(self.field.sabotage != Some(DriverFault::PublishAll));
            self.raced.first = self.lanes[number].stood.map(|at| at.since_start());
            let whole = self.lanes[number]
                .world
                .as_ref()
                .is_none_or(|world| matches!(world.user.outcomes.first(), Some(Outcome::Moved { .. })));
            if !whole || self.lanes[number].purpose == CandidatePurpose::Probe {
                self.raced.violations.push(format!("candidate {number} has won and has not moved the file"));
            }
        }
    }

    fn judge(mut self) -> RaceResult {
        let violations = &mut self.raced.violations;
        match self.raced.conclusion {
            None => violations.push("the race has not ended".to_owned()),
            Some(Conclusion::Won(_)) if self.published != 1 => {
                violations.push(format!("{} files have got the final name", self.published));
            }
            Some(Conclusion::Decided(_) | Conclusion::Exhausted) if self.published > 0 => {
                violations.push("nobody has won, and a file has got the final name".to_owned());
            }
            Some(_) => {}
        }
        let open = self.past.len() + self.lanes.iter().filter(|lane| lane.world.is_some()).count();
        if open > 0 {
            violations.push(format!("{open} candidates have sessions for ever"));
        }
        self.raced
    }
}
