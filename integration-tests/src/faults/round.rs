//! One tree: copied, killed and resumed until it is there.

use super::process::has_ended;
use super::tree::Tree;
use super::world::{Victim, World};
use crate::sim::random::Random;
use crate::site::PASSWORD;
use crate::user::{Run, Started, User, user};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Where the bytes of a copy go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    Direct,
    Relay,
    User,
    Up,
    Down,
    Any,
}

/// What is done with files that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    Different,
    Always,
    Newer,
    Never,
}

/// A tree that is copied.
struct Round {
    number: u64,
    rule: Rule,
    wanted: Tree,
    /// Whether files are there that may not be replaced.
    is_blocked: bool,
    /// The state directory.
    state: TempDir,
    /// The current directory, with a local tree if there is one.
    home: TempDir,
    words: Vec<String>,
    /// Where both trees are.
    from: PathBuf,
    to: PathBuf,
    /// What it is, for messages.
    shown: String,
}

/// The largest number of runs for one tree.
const RUNS: u64 = 60;
/// How often a run that nobody has disturbed may fail before the next one succeeds.
const FAILURES: u64 = 2;
/// How long the first file of a tree has been there, in seconds.
const AGE: u64 = 100_000;

/// Copies one random tree with so many faults. Returns the number of runs, and how many faults have hit one.
pub(super) fn copy(world: &mut World, random: &mut Random, number: u64, faults: u64) -> (u64, u64) {
    let round = Round::new(world, random, number);
    eprintln!("  {}", round.shown);
    let (mut hits, mut failures, mut is_known) = (0, 0, false);
    for runs in 1..=RUNS {
        let resumes = is_known && random.once_in(2);
        let run = round.start(world, resumes);
        world.disturb(random);
        let hit = if hits < faults { strike(world, random, &round, &run) } else { None };
        let run = run.end();
        hits += u64::from(hit.is_some());
        eprintln!("    {}, hit: {hit:?}, exit: {:?}", if resumes { "resume" } else { "copy" }, run.code());
        is_known = run.code() != Some(3);
        match run.code() {
            None if hit == Some(Victim::Coordinator) => continue,
            Some(0) => {
                assert!(
                    !round.is_blocked,
                    "{}: files that may not be replaced are there\n{run}",
                    round.shown
                );
                round.is_whole(&run);
                return (runs, hits);
            }
            // What must not be replaced fails, and the rest is there.
            Some(8 | 9) if round.is_blocked && hit.is_none() => {
                round.is_whole(&run);
                return (runs, hits);
            }
            Some(3) if resumes => continue,
            Some(1 | 5 | 6 | 8 | 9) => {}
            code => panic!("{}: exit code {code:?}\n{run}", round.shown),
        }
        failures = if hit.is_some() { 0 } else { failures + 1 };
        assert!(failures <= FAILURES, "{}: it fails undisturbed\n{run}", round.shown);
    }
    panic!("{}: it never ends", round.shown);
}

impl Round {
    fn new(world: &World, random: &mut Random, number: u64) -> Self {
        let route = random.pick([
            Route::Direct,
            Route::Direct,
            Route::Relay,
            Route::User,
            Route::Up,
            Route::Down,
            Route::Any,
        ]);
        let rule = random.pick([Rule::Different, Rule::Different, Rule::Always, Rule::Newer, Rule::Never]);
        let (state, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = format!("t{number}");
        let from = match route {
            Route::Up => home.path().join(&name),
            Route::Direct | Route::Relay | Route::User | Route::Down | Route::Any => world.source.path(&name),
        };
        let to = match route {
            Route::Down => home.path().join("copy"),
            Route::Direct | Route::Relay | Route::User | Route::Up | Route::Any => {
                world.destination.path(&name)
            }
        };
        let tree = Tree::random(random);
        tree.write(&from, AGE);
        let older = if random.once_in(2) { tree.older(random) } else { Tree::default() };
        if !older.files.is_empty() {
            older.write(&to, 2 * AGE);
        }
        let mut wanted = tree;
        let is_blocked = rule == Rule::Never && !older.files.is_empty();
        if is_blocked {
            wanted.files.extend(older.files);
        }
        let mut words: Vec<String> = ["copy", "-r", "--id", &name].map(str::to_owned).into();
        words.extend(["--overwrite".to_owned(), format!("{rule:?}").to_lowercase()]);
        match route {
            Route::Direct => words.extend(["--path", "direct"].map(str::to_owned)),
            Route::User => words.extend(["--path", "user"].map(str::to_owned)),
            Route::Relay => words.extend(["--path", "relay"].map(str::to_owned)),
            Route::Up | Route::Down | Route::Any => {}
        }
        if matches!(route, Route::Relay | Route::Any) {
            words.extend(["--relay".to_owned(), world.relay.address.to_string()]);
            let file = world.relay.token_file.to_str().unwrap().to_owned();
            words.extend(["--relay-token-file".to_owned(), file]);
        }
        let is_clear = random.once_in(2);
        if is_clear {
            words.push("--no-tls".to_owned());
        }
        if random.once_in(3) {
            words.extend(["--jobs", "4"].map(str::to_owned));
        }
        words.push(if route == Route::Up { name.clone() } else { world.source.url(&name) });
        words.push(if route == Route::Down { "./copy".to_owned() } else { world.destination.url(&name) });
        let shown = format!("{:?}", words.iter().map(|word| word.replace(PASSWORD, "")).collect::<Vec<_>>());
        // A destination that is there receives the directory under its last name, unless its contents are meant.
        if let Some(source) = words.iter_mut().rev().nth(1) {
            source.push('/');
        }
        Self { number, rule, wanted, is_blocked, state, home, words, from, to, shown }
    }

    fn start(&self, world: &World, resumes: bool) -> Started {
        let run: User = user().private_file(".netrc", world.netrc()).here(self.home.path());
        let run = run.args(["--state", self.state.path().to_str().unwrap(), "--json", "--trust", "new"]);
        let run = run.args(["--timeout", "5s", "--stall", "5s", "--retries", "2"]);
        let job = format!("t{}", self.number);
        if resumes { run.args(["resume", &job]) } else { run.args(&self.words) }.start()
    }

    /// The copy is what was wanted, and nothing else is there: no part, no old file, no lock.
    fn is_whole(&self, run: &Run) {
        let differences = Tree::read(&self.to).differences(&self.wanted);
        assert!(
            differences.is_empty(),
            "{} (rule {:?}) is said to be done: {differences:#?}\n{run}",
            self.shown,
            self.rule
        );
        let locks = fs::read_dir(self.state.path().join("jobs")).map_or(0, Iterator::count);
        assert_eq!(locks, 0, "{}: a lock is left\n{run}", self.shown);
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.from);
            let _ = fs::remove_dir_all(&self.to);
        }
    }
}

/// Waits for a random instant and kills somebody. `None` if the run had ended before.
fn strike(world: &mut World, random: &mut Random, round: &Round, run: &Started) -> Option<Victim> {
    let victim = match random.below(10) {
        0..=4 => Victim::Coordinator,
        5 | 6 => Victim::Source,
        7 | 8 => Victim::Destination,
        _ => Victim::Relay,
    };
    // Often in the middle of a file.
    let waits_for_part = random.once_in(2);
    let most = random.pick([20, 150, 600]);
    let delay = random.time(Duration::from_millis(most));
    let process = run.running.id();
    while waits_for_part && !has_ended(process) && !has_part(round) {
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
        Victim::Source | Victim::Destination | Victim::Relay => world.kill(victim),
    }
    Some(victim)
}

/// Whether something is under way at the destination.
fn has_part(round: &Round) -> bool {
    fn is_below(directory: &std::path::Path) -> bool {
        let Ok(entries) = fs::read_dir(directory) else { return false };
        entries.filter_map(Result::ok).any(|entry| {
            entry.file_name().to_string_lossy().contains(".part")
                || (entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_below(&entry.path()))
        })
    }
    is_below(&round.to)
}
