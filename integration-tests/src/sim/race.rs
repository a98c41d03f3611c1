//! A race of candidates in the simulator: each candidate is a world of its own, with its own sessions, and all
//! worlds share one clock and the limits of the servers. The machine of the race decides which world begins and which
//! one is aborted.

use super::SIDES;
use super::random::Random;
use super::scenario::{Fault, Obstacle, Path, Scenario, When};
use super::shared::Shared;
use super::user::Phase;
use super::world::World;
use ftp_proto::third_party::race::{Conclusion, Ended, Entrant, Input, Output, Race, Settings};
use ftp_proto::third_party::{Outcome, Side};
use ftp_proto::timer::Moment;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// A race before it begins.
#[derive(Clone, Debug)]
pub struct Field {
    /// The candidates, best first.
    pub scenarios: Vec<Scenario>,
    /// After how many sessions the servers refuse another one.
    pub sessions: usize,
    /// Breaks what the driver of a race does.
    pub sabotage: Option<Slip>,
}

/// What a driver may do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slip {
    /// It lets losers go on, and publishes every file that has moved.
    PublishAll,
    /// It says that a loser has ended as soon as it was told to abort.
    ForgetLosers,
}

/// What came of a race.
#[derive(Clone, Debug)]
pub struct Raced {
    /// What did not hold; empty when all did.
    pub violations: Vec<String>,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// How many candidates have started.
    pub started: usize,
    /// The virtual time until the race was over.
    pub took: Duration,
}

impl Field {
    /// The race that a seed chooses: candidates of any path, some of them dead without a word.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.length(4);
        let scenarios = (0..count).map(|number| {
            let lot = seed.wrapping_mul(8).wrapping_add(number as u64);
            let mut scenario = Scenario::of(lot);
            // One file for one destination; what comes later is not of this race.
            (scenario.restart, scenario.begins, scenario.again) = (None, Duration::ZERO, Vec::new());
            (scenario.file, scenario.old) = (Some(5_000), None);
            scenario.store = ftp_proto::third_party::Store::Replace;
            if random.once_in(3) {
                scenario.obstacles = vec![Obstacle::Unanswered];
            }
            scenario
        });
        let scenarios = scenarios.collect();
        Self { scenarios, sessions: if random.once_in(4) { 1 } else { 8 }, sabotage: None }
    }
}

/// A candidate, and what its driver knows of it.
struct Lane {
    scenario: Scenario,
    world: Option<World>,
    moving: [bool; 2],
    /// The race has been told that it has ended.
    told: bool,
    aborted: bool,
}

/// Runs a race to its end, and then every world to its own end.
pub fn race(field: &Field) -> Raced {
    let entrants = field.scenarios.iter().enumerate();
    let entrants = entrants.map(|(number, scenario)| Entrant {
        group: if scenario.path == Path::Direct { number % 3 } else { 3 + number },
        head_start: Duration::from_millis(250),
        probes: false,
    });
    let lanes = field.scenarios.iter().map(|scenario| Lane {
        scenario: scenario.clone(),
        world: None,
        moving: [false; 2],
        told: false,
        aborted: false,
    });
    let mut run = Run {
        field,
        race: Race::new(entrants.collect(), Settings::default(), Moment::START),
        lanes: lanes.collect(),
        shared: Rc::new(RefCell::new(Shared::default())),
        now: Moment::START,
        wake: None,
        published: 0,
        raced: Raced { violations: Vec::new(), conclusion: None, started: 0, took: Duration::ZERO },
    };
    run.drain();
    while run.step() {}
    run.judge()
}

struct Run<'a> {
    field: &'a Field,
    race: Race,
    lanes: Vec<Lane>,
    shared: Rc<RefCell<Shared>>,
    now: Moment,
    /// When the race wants to be told the time.
    wake: Option<Moment>,
    published: usize,
    raced: Raced,
}

impl Run<'_> {
    /// One event of one world, or the deadline of the race; false when nothing is left.
    fn step(&mut self) -> bool {
        let times = self.lanes.iter().enumerate();
        let times = times.filter_map(|(number, lane)| Some((lane.world.as_ref()?.next_time()?, number)));
        let (world, wake) = (times.min(), self.wake);
        match (world, wake) {
            (None, None) => return false,
            (Some((at, number)), wake) if wake.is_none_or(|wake| at <= wake) => {
                self.now = self.now.max(at);
                self.one(number);
            }
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.wake = None;
                self.tell(Input::Timeout);
            }
            (Some(_), None) => {}
        }
        self.drain();
        true
    }

    /// One event of a world, and what its driver sees of it.
    fn one(&mut self, number: usize) {
        let now = self.now;
        let Some(world) = self.lanes[number].world.as_mut() else { return };
        let goes_on = world.step();
        let answers = self.shared.borrow_mut().take_answers();
        for ((of, ticket), side, may) in answers {
            if let Some(world) = self.lanes.get_mut(of).and_then(|lane| lane.world.as_mut()) {
                world.permit_comes(now, side, ticket, may);
            }
        }
        self.look(number);
        if !goes_on && let Some(world) = self.lanes[number].world.take() {
            self.raced.violations.extend(world.report().violations);
        }
    }

    /// Tells the race what the driver of this candidate sees.
    fn look(&mut self, number: usize) {
        let Some(world) = self.lanes[number].world.as_ref() else { return };
        let moving = SIDES.map(|side| world.user.ends.at(side).moving);
        let ended = world.user.outcomes.first().map(|outcome| match outcome {
            Outcome::Moved { .. } => Ended::Moved,
            Outcome::Failed(_) => Ended::Failed,
        });
        // Its login has failed.
        let gone = !matches!(world.user.phase, Phase::Login | Phase::Attempt) && ended.is_none();
        for (index, side) in [Side::Source, Side::Destination].into_iter().enumerate() {
            if moving[index] && !std::mem::replace(&mut self.lanes[number].moving[index], true) {
                self.tell(Input::Moving(number, side));
            }
        }
        if let Some(ended) = ended.or(gone.then_some(Ended::Failed)) {
            self.ended(number, ended);
        }
    }

    fn ended(&mut self, number: usize, ended: Ended) {
        let lane = &mut self.lanes[number];
        if std::mem::replace(&mut lane.told, true) {
            return;
        }
        if ended == Ended::Moved && self.field.sabotage == Some(Slip::PublishAll) {
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
                Output::Start(number, _) => self.start(number),
                Output::Abort(number) => self.abort(number),
                Output::Done(conclusion) => self.done(conclusion),
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
    }

    fn start(&mut self, number: usize) {
        let busy = self.lanes.iter().filter(|lane| lane.world.is_some() && !lane.told).count();
        if busy >= self.field.sessions {
            return self.tell(Input::Ended(number, Ended::NoSession));
        }
        self.raced.started += 1;
        let lane = &mut self.lanes[number];
        if let Some(world) = lane.world.take() {
            // A second attempt has its own sessions; what the first one has left must be nothing.
            self.raced.violations.extend(world.violations.clone());
        }
        (lane.told, lane.aborted, lane.moving) = (false, false, [false; 2]);
        lane.scenario.begins = self.now.since_start();
        let mut world = World::new(lane.scenario.clone(), number, Rc::clone(&self.shared));
        world.begin();
        lane.world = Some(world);
    }

    fn abort(&mut self, number: usize) {
        if self.field.sabotage == Some(Slip::PublishAll) {
            return;
        }
        let lane = &mut self.lanes[number];
        lane.aborted = true;
        let Some(world) = lane.world.as_mut() else { return };
        if world.user.attempt.is_some() {
            // Whatever the scenario promises, it does not promise it of an attempt that is aborted.
            world.scenario.faults.push((When::Segments(u32::MAX), Fault::Cancel));
            world.cancel();
            world.settle();
            if self.field.sabotage == Some(Slip::ForgetLosers) {
                self.ended(number, Ended::Failed);
            }
            self.look(number);
        } else {
            // It has not begun; its sessions are closed.
            lane.world = None;
            self.ended(number, Ended::Failed);
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
            let runs = |world: &World| world.user.attempt.is_some() && world.user.outcomes.is_empty();
            if lane.world.as_ref().is_some_and(runs) {
                self.raced.violations.push(format!("candidate {number} has outlived the race"));
            }
        }
        if let Conclusion::Won(number) = conclusion {
            self.published += usize::from(self.field.sabotage != Some(Slip::PublishAll));
            let whole = self.lanes[number]
                .world
                .as_ref()
                .is_none_or(|world| matches!(world.user.outcomes.first(), Some(Outcome::Moved { .. })));
            if !whole {
                self.raced.violations.push(format!("candidate {number} has won and has not moved the file"));
            }
        }
    }

    fn judge(mut self) -> Raced {
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
        self.raced
    }
}
