//! A race of candidates in the simulator: each candidate is a world of its own, with its own sessions, and all
//! worlds share one clock and the limits of the servers. The machine of the race decides which world begins and which
//! one is aborted.

use super::random::Random;
use super::scenario::{Delays, Obstacle, Path, Scenario};
use ftp_proto::transfer::race::Conclusion;
use ftp_proto::transfer::{Side, Store};
use std::time::Duration;

pub use super::racing::race;

/// A race before it begins.
#[derive(Clone, Debug)]
pub struct Field {
    /// The candidates, best first.
    pub scenarios: Vec<Scenario>,
    /// Candidates with the same number never run at the same time.
    pub groups: Vec<usize>,
    /// After how many sessions the servers refuse another one.
    pub sessions: usize,
    /// Whether the candidates that can probe do so beside others (PROB).
    pub probes: bool,
    /// Whether every server says that a transfer has begun as soon as it is told to transfer.
    pub hasty: bool,
    /// The server that dies for all candidates, and when.
    pub dies: Option<(Side, Duration)>,
    /// Breaks what the driver of a race does.
    pub sabotage: Option<DriverFault>,
}

/// What a driver may do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriverFault {
    /// It lets losers go on, and publishes every file that has moved.
    PublishAll,
    /// It says that a loser has ended as soon as it was told to abort.
    ForgetLosers,
    /// It aborts the end that listens first.
    ListenerFirst,
    /// It transfers where it is told to probe.
    ProbesMove,
    /// It never tells the time.
    NoClock,
    /// It takes every claim for the truth.
    Believe,
    /// It never closes the sessions of a loser.
    KeepSessions,
}

/// What came of a race.
#[derive(Clone, Debug, Default)]
pub struct RaceResult {
    /// What did not hold; empty when all did.
    pub violations: Vec<String>,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// How many candidates have started.
    pub started: usize,
    /// How many of them only probed.
    pub probed: usize,
    /// How many candidates were told to abort.
    pub aborted: usize,
    /// The virtual time until the data connection of the winner stood.
    pub first: Option<Duration>,
    /// The virtual time until the race was over.
    pub took: Duration,
}

impl Field {
    /// A race of these candidates, none of which shares its fate with another one, where nothing is wrong but what
    /// they bring with them.
    pub fn plain(scenarios: Vec<Scenario>) -> Self {
        let groups = (0..scenarios.len()).collect();
        Self { scenarios, groups, sessions: 8, probes: false, hasty: false, dies: None, sabotage: None }
    }

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
            scenario.store = Store::Replace;
            if random.once_in(3) {
                scenario.obstacles = vec![Obstacle::Unanswered];
            } else if scenario.path == Path::Through && random.once_in(2) {
                scenario.obstacles = vec![Obstacle::Walled];
            }
            scenario
        });
        let scenarios: Vec<Scenario> = scenarios.collect();
        let group = |(number, scenario): (usize, &Scenario)| {
            if scenario.path == Path::Direct { number % 3 } else { 3 + number }
        };
        let groups = scenarios.iter().enumerate().map(group).collect();
        let sessions = if random.once_in(4) { 1 } else { 8 };
        let (probes, hasty) = (random.once_in(2), random.once_in(3));
        let dies = random
            .once_in(6)
            .then(|| (random.pick([Side::Source, Side::Destination]), random.time(Duration::from_secs(8))));
        Self { scenarios, groups, sessions, probes, hasty, dies, sabotage: None }
    }

    /// The race that a seed chooses where one candidate works and all others are dead without a word. Also returns
    /// which one works.
    pub fn silent(seed: u64) -> (Self, usize) {
        let mut random = Random::new(seed);
        let before = random.length(3);
        let behind = random.length(3);
        let scenarios = (0..=before + behind).map(|number| {
            let lot = random.bits();
            let mut scenario =
                Scenario { seed: lot, delays: Delays::quick(&mut random), ..Scenario::plain() };
            scenario.roles.passive = random.pick([Side::Source, Side::Destination]);
            // What counts is when the first byte comes, not how many follow it.
            (scenario.file, scenario.old) = (Some(5_000), None);
            if number != before {
                scenario.obstacles = vec![Obstacle::Unanswered];
            }
            scenario
        });
        let mut field = Self::plain(scenarios.collect());
        (field.probes, field.hasty) = (random.once_in(2), random.once_in(2));
        (field, before)
    }
}
