//! Copies in which processes are killed at random instants, again and again, until a copy says that it is done.
//! Then it is compared with its source. One seed decides everything but the speed of the machine.
//!
//! ```text
//!  random copy, path, rule --> run --> a kill: coordinator, source, destination or relay ---+
//!         ^                     ^                                                          |
//!         |                     '---- resume, or the same command again <-------------------'
//!         '---- the copy is whole, nothing is left <---- exit code 0
//! ```

mod alone;
mod append;
mod daemons;
mod errand;
mod power;
mod process;
mod soak;
mod tree;
mod tree_copy;
mod world;

pub use daemons::{DaemonsTally, daemons};
pub use power::power;
pub use soak::Soak;

use crate::sim::random::Random;
use alone::Alone;
use append::Append;
use errand::Errand;
use ftp_io::clock::Clock;
use std::time::Duration;
use tree_copy::TreeCopy;
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
    /// Trees that were copied, also between servers of other people.
    pub trees: u64,
    /// Files that moved with `--detach`.
    pub detached: u64,
    /// Files that were appended.
    pub appended: u64,
    /// Runs of the program.
    pub runs: u64,
    /// Processes that were killed while a run was under way, or a file moved without one.
    pub faults: u64,
}

/// Copies and kills processes as planned: trees, and files with `--detach`, between our own servers and this host, and trees of a
/// server that replaces no file. In a soak also `append`, and trees of other servers of other people; and somebody asks in between
/// what is going on. Fails if a copy that says that it is done is not, or if something is left.
pub fn run(plan: Plan, mut soak: Option<Soak>) -> Tally {
    let mut random = Random::new(plan.seed);
    let own = tempfile::tempdir().unwrap();
    let kept = soak.as_ref().map_or(own.path(), Soak::directory).to_path_buf();
    let mut world = World::start(&kept, soak.is_some());
    let mut tally = Tally::default();
    let clock = Clock::start();
    let begun = clock.now();
    let asker = tempfile::tempdir().unwrap();
    while tally.faults < plan.faults || clock.now().since(begun) < plan.time {
        let passed = clock.now().since(begun);
        // From then on our programs are not killed, so that each curve belongs to one process.
        world.spares_ours = soak.is_some() && passed > KILLED;
        let number = tally.trees + tally.detached + tally.appended;
        let (faults, seed) = (1 + random.below(4), random.bits());
        eprintln!("copy {number} of seed {}: {tally:?}", plan.seed);
        let random = &mut Random::new(seed);
        let mut errand = next(&mut tally, &world, random, number, soak.is_some());
        let asks = soak.is_some().then(|| asker.path());
        let (runs, hits) = errand::run(errand.as_mut(), &mut world, random, (faults, asks));
        drop(errand);
        tally = Tally { runs: tally.runs + runs, faults: tally.faults + hits, ..tally };
        world.is_at_rest();
        if let Some(soak) = &mut soak {
            soak.note(&world, clock.now().since(begun));
        }
    }
    if let Some(soak) = soak {
        soak.tell_growth();
    }
    tally
}

/// How long a soak kills our own programs.
const KILLED: Duration = Duration::from_mins(10);

/// The next copy, which is counted.
fn next(
    tally: &mut Tally,
    world: &World,
    random: &mut Random,
    number: u64,
    is_wide: bool,
) -> Box<dyn Errand> {
    match random.below(8) {
        0 | 1 => {
            tally.detached += 1;
            Box::new(Alone::new(world, random, number))
        }
        2 if is_wide => {
            tally.appended += 1;
            Box::new(Append::new(world, random, number))
        }
        3 | 4 if !world.foreign.is_empty() => {
            tally.trees += 1;
            Box::new(TreeCopy::foreign(world, random, number).expect("there are servers of other people"))
        }
        _ => {
            tally.trees += 1;
            Box::new(TreeCopy::new(world, random, number))
        }
    }
}
