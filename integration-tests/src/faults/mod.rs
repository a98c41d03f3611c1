//! Copies of trees in which processes are killed at random instants, again and again, until a copy says that it is done.
//! Then both trees are compared. One seed decides everything but the speed of the machine.
//!
//! ```text
//!  random tree, path, rule --> copy --> a kill: coordinator, source, destination or relay --+
//!         ^                     ^                                                          |
//!         |                     '---- resume, or the same command again <-------------------'
//!         '---- the trees are equal, nothing is left <---- exit code 0
//! ```

mod power;
mod process;
mod round;
mod tree;
mod world;

pub use power::power;

use crate::sim::random::Random;
use ftp_io::clock::Clock;
use std::time::Duration;
use world::World;

/// How long the loop goes on.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// It ends after so many kills,
    pub faults: u64,
    /// and not before this time has passed.
    pub time: Duration,
    /// What is random follows from it.
    pub seed: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Trees that were copied.
    pub trees: u64,
    /// Runs of the program.
    pub runs: u64,
    /// Processes that were killed while a run was under way.
    pub faults: u64,
}

/// Copies trees and kills processes as planned. Fails if a copy that says that it is done is not, or if something is left.
pub fn run(plan: Plan) -> Tally {
    let mut random = Random::new(plan.seed);
    let mut world = World::start();
    let mut tally = Tally::default();
    let clock = Clock::start();
    let begun = clock.now();
    while tally.faults < plan.faults || clock.now().since(begun) < plan.time {
        let faults = 1 + random.below(4);
        let seed = random.bits();
        eprintln!("tree {} of seed {}: {tally:?}", tally.trees, plan.seed);
        let (runs, hits) = round::copy(&mut world, &mut Random::new(seed), tally.trees, faults);
        tally = Tally { trees: tally.trees + 1, runs: tally.runs + runs, faults: tally.faults + hits };
        world.is_at_rest();
    }
    tally
}
