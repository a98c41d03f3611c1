//! Power failures: the host of the destination, or that of the coordinator, loses everything that was not synced.

use super::process::has_ended;
use super::tree::Tree;
use crate::disk::LoopDisk;
use crate::foreign::own_address;
use crate::sim::random::Random;
use crate::site::{Server, Site};
use crate::skip::Skipped;
use crate::user::{Run, user};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// The largest number of runs for one tree.
const RUNS: u64 = 40;

/// A destination that syncs what it receives, and a coordinator, each on a host that may lose its power.
struct Hosts {
    source: Server,
    destination: Server,
    /// The root and the state directory of the destination.
    stored: LoopDisk,
    /// The state directory of the coordinator.
    kept: LoopDisk,
    home: tempfile::TempDir,
}

/// Copies trees until so many power failures have hit.
///
/// # Errors
///
/// No file system in a file can be mounted.
///
/// # Panics
///
/// A copy that is said to be done is not.
pub fn power(faults: u64, seed: u64) -> Result<u64, Skipped> {
    let mut hosts = Hosts::start()?;
    let mut random = Random::new(seed);
    let (mut hits, mut tree) = (0, 0);
    while hits < faults {
        hits += hosts.copy(&mut random, tree);
        tree += 1;
    }
    Ok(hits)
}

impl Hosts {
    fn start() -> Result<Self, Skipped> {
        let (stored, kept) = (LoopDisk::mount()?, LoopDisk::mount()?);
        let source = Site::new("source").at(&own_address().to_string()).start();
        let (root, state) = (stored.path().join("root"), stored.path().join("state"));
        std::fs::create_dir(&root).unwrap();
        let site = Site::new("destination").at(&own_address().to_string());
        let destination = site.args(["--sync", "--state", state.to_str().unwrap()]).start_in(root);
        let home = tempfile::tempdir().unwrap();
        // What was made so far is there after a failure.
        stored.sync();
        Ok(Self { source, destination, stored, kept, home })
    }

    /// Copies one tree, and returns the number of power failures.
    fn copy(&mut self, random: &mut Random, number: u64) -> u64 {
        let name = format!("t{number}");
        let tree = Tree::random(random);
        tree.write(&self.source.path(&name), 1_000);
        let (faults, mut hits) = (1 + random.below(3), 0);
        for _ in 0..RUNS {
            let mut run = self.run(&name).start();
            let is_hit = hits < faults && wait(random, run.running.id());
            if is_hit {
                hits += 1;
                if random.once_in(2) {
                    self.stored.loses_power(&mut self.destination.running);
                    self.destination.start_again();
                } else {
                    self.kept.loses_power(&mut run.running);
                }
            }
            let run = run.end();
            eprintln!("  tree {number}: power failure: {is_hit}, exit: {:?}", run.code());
            match run.code() {
                Some(0) if is_hit => {}
                Some(0) => {
                    self.is_whole(&tree, &name, &run);
                    std::fs::remove_dir_all(self.destination.path(&name)).unwrap();
                    // Else the next power failure brings it back, and after some trees the disk is full.
                    self.stored.sync();
                    return hits;
                }
                None | Some(1 | 5 | 6 | 9) => {}
                code => panic!("tree {number}: exit code {code:?}\n{run}"),
            }
        }
        panic!("tree {number} is never done");
    }

    /// The copy is whole, also after another power failure.
    fn is_whole(&mut self, tree: &Tree, name: &str, run: &Run) {
        for again in [false, true] {
            if again {
                self.stored.loses_power(&mut self.destination.running);
                self.destination.start_again();
            }
            // Names under way are among them: the list that the server has synced tells all that it has to remove.
            let differences = Tree::read(&self.destination.path(name)).differences(tree);
            assert!(differences.is_empty(), "after a power failure: {again}: {differences:#?}\n{run}");
        }
    }

    fn run(&self, name: &str) -> crate::user::User {
        let state: PathBuf = self.kept.path().join("state");
        let run = user().logins([&self.source, &self.destination].map(Server::ip)).here(self.home.path());
        let run =
            run.args(["--state", state.to_str().unwrap(), "--json", "--timeout", "5s", "--retries", "2"]);
        let run = run.args(["copy", "-r", "--times", "--id", name]);
        run.args([self.source.url(&format!("{name}/")), self.destination.url(name)])
    }
}

/// Waits for a random instant. False if the run has ended before.
fn wait(random: &mut Random, process: u32) -> bool {
    let most = random.pick([100, 400, 1_000]);
    let until = random.time(Duration::from_millis(most)).as_millis() / 5;
    for _ in 0..until {
        if has_ended(process) {
            return false;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    !has_ended(process)
}
