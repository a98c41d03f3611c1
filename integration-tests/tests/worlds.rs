//! The real programs in one process on a virtual clock, with faults that a seed chooses.
//!
//! `FTP_WORLD_FIRST=4711 FTP_WORLD_SEEDS=1` runs one seed again, and tells its story.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails at once, its helpers too"
)]

use integration_tests::world::plan::{Fault, Plan, Sabotage, Verb};
use integration_tests::world::run::{Ended, run};
use integration_tests::world::shrink::shrink;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Runs `work` on a thread with room for what is not optimised.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(32 << 20);
        let thread = builder.spawn_scoped(scope, work).unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn ended(seed: u64) -> Ended {
    run(&Plan::of(seed, 50, 5)).unwrap()
}

#[test]
fn no_fault_loses_a_file() {
    let (first, seeds) = (number("FTP_WORLD_FIRST", 0), number("FTP_WORLD_SEEDS", 500));
    let next = AtomicU64::new(first);
    let work = || {
        let mut faults = 0;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return faults;
            }
            let ended = with_room(|| ended(seed));
            if seeds == 1 {
                eprintln!("{}", ended.story);
            }
            if !ended.violations.is_empty() {
                let (plan, least) = with_room(|| shrink(&Plan::of(seed, 50, 5)).unwrap());
                let plan = serde_json::to_string_pretty(&plan).unwrap();
                panic!("seed {seed}: {:#?}\n{plan}\n{}", least.violations, least.story);
            }
            faults += ended.faults;
        }
    };
    let faults: u64 = thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    eprintln!("{seeds} runs with {faults} faults");
}

#[test]
fn a_seed_makes_the_same_run_again() {
    for seed in 0..number("FTP_WORLD_TWICE", 10) {
        let (first, second) = (with_room(|| ended(seed)), with_room(|| ended(seed)));
        assert_eq!(first.story, second.story, "seed {seed}");
    }
}

/// The laws are laws: a run in which one is broken says so.
#[test]
fn what_must_not_be_is_found() {
    let check = |verb, sabotage, says: &str| {
        let mut plans = (0..).map(|seed| Plan::of(seed, 50, 0));
        let fits = |plan: &Plan| plan.verb == verb && plan.destination.is_empty() != (verb == Verb::Sync);
        let mut plan = plans.find(fits).unwrap();
        plan.faults = vec![(30, Fault::Sabotage(sabotage))];
        let ended = with_room(|| run(&plan).unwrap());
        assert!(ended.violations.iter().any(|found| found.contains(says)), "{sabotage:?}: {}", ended.story);
    };
    check(Verb::Copy, Sabotage::Deletes, "is at neither end");
    check(Verb::Move, Sabotage::Deletes, "is at neither end");
    check(Verb::Copy, Sabotage::Halves, "something else under its final name");
    check(Verb::Sync, Sabotage::DeletesOther, "has changed");
    check(Verb::Copy, Sabotage::Leaves, "it has not done all");
}
