//! One copy: begun, killed and begun again until it is done.

use super::process::has_ended;
use super::world::{Victim, World};
use crate::sim::random::Random;
use crate::user::{Run, Started};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What is copied, and how it is seen that it is there.
pub(super) trait Errand {
    /// What is typed, and where.
    fn case(&self) -> &Case;

    /// Who may be killed, beside the coordinator.
    fn servers(&self) -> &[Victim];

    /// Something that happens between two runs. Returns the number of kills.
    fn pause(&mut self, _world: &mut World, _random: &mut Random) -> u64 {
        0
    }

    /// Starts the next run.
    fn start(&mut self, world: &World, random: &mut Random) -> Started;

    /// What the end of a run means.
    ///
    /// # Panics
    ///
    /// It says that it is done, and is not.
    fn judge(&mut self, world: &mut World, run: &Run, hit: Option<Victim>) -> Verdict;
}

/// What is typed for an errand, and where its files are. They are removed with it, unless the test has failed.
pub(super) struct Case {
    /// The current directory, with local files if there are some.
    pub(super) home: TempDir,
    pub(super) words: Vec<String>,
    /// The directory of the source, and that in which something under way stands.
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    /// What it is, for messages.
    pub(super) shown: String,
}

impl Drop for Case {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.from);
            let _ = fs::remove_dir_all(&self.to);
        }
    }
}

/// What the end of a run means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The copy is whole.
    Done,
    /// There is more to do.
    Again,
    /// The run has failed.
    Failed,
}

/// The largest number of runs for one copy.
const RUNS: u64 = 60;
/// How often a run that nobody has disturbed may fail before the next one succeeds.
const FAILURES: u64 = 2;

/// Makes one copy with so many faults. Returns the number of runs, and how many faults have hit one.
pub(super) fn run(
    errand: &mut dyn Errand,
    world: &mut World,
    random: &mut Random,
    (faults, asks): (u64, Option<&Path>),
) -> (u64, u64) {
    eprintln!("  {}", errand.case().shown);
    let (mut hits, mut failures) = (0, 0);
    for runs in 1..=RUNS {
        hits += errand.pause(world, random);
        let run = errand.start(world, random);
        world.disturb(random);
        if let Some(home) = asks
            && random.once_in(3)
        {
            world.ask(random, home);
        }
        let hit = if hits < faults { strike(world, random, errand, &run) } else { None };
        let run = run.end();
        hits += u64::from(hit.is_some());
        let verdict = errand.judge(world, &run, hit);
        eprintln!("    hit: {hit:?}, exit: {:?}, {verdict:?}", run.code());
        match verdict {
            Verdict::Done => return (runs, hits),
            Verdict::Again => {}
            Verdict::Failed => {
                failures = if hit.is_some() { 0 } else { failures + 1 };
                assert!(failures <= FAILURES, "{}: it fails undisturbed\n{run}", errand.case().shown);
            }
        }
    }
    panic!("{}: it never ends", errand.case().shown);
}

/// Waits for a random instant and kills somebody. `None` if the run had ended before.
fn strike(world: &mut World, random: &mut Random, errand: &dyn Errand, run: &Started) -> Option<Victim> {
    let servers = errand.servers();
    let victim = match random.once_in(2) || servers.is_empty() {
        true => Victim::Coordinator,
        false => *servers.get(random.length(servers.len() - 1))?,
    };
    let victim = if world.is_spared(victim) { Victim::Coordinator } else { victim };
    // Often in the middle of a file.
    let waits_for_part = random.once_in(2);
    let most = random.pick([20, 150, 600]);
    let delay = random.time(Duration::from_millis(most));
    let process = run.running.id();
    while waits_for_part && !has_ended(process) && !has_part(&errand.case().to) {
        thread::park_timeout(Duration::from_millis(1));
    }
    let slices = delay.as_millis() / 5;
    for _ in 0..slices {
        if has_ended(process) {
            return None;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    if has_ended(process) {
        return None;
    }
    match victim {
        Victim::Coordinator => run.running.signal(Signal::KILL),
        Victim::Source
        | Victim::Destination
        | Victim::Relay
        | Victim::Hub
        | Victim::Agent(_)
        | Victim::Open
        | Victim::Foreign(_) => world.kill(victim),
    }
    Some(victim)
}

/// Whether something is under way below this directory.
fn has_part(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        entry.file_name().to_string_lossy().contains(".part")
            || (entry.file_type().is_ok_and(|kind| kind.is_dir()) && has_part(&entry.path()))
    })
}
