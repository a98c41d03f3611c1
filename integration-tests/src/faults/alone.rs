//! One file with `--detach`: it moves while nobody watches, and is taken over by a later run, or cancelled.

use super::errand::{Case, Errand, Verdict};
use super::world::{Victim, World};
use crate::sim::random::Random;
use crate::site::{PASSWORD, names_below};
use crate::socket::until;
use crate::user::{Run, Started};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What a run does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Copy,
    Resume,
    Cancel,
}

/// A file that moves without its coordinator.
pub(super) struct Alone {
    name: String,
    bytes: Vec<u8>,
    /// What the destination had before, if anything.
    old: Option<Vec<u8>>,
    verb: Verb,
    /// Whether the journal may have the job.
    is_known: bool,
    /// Whether the file moves, as far as the last run knows.
    moves: bool,
    state: PathBuf,
    _own_state: Option<TempDir>,
    case: Case,
}

/// Both servers may be killed.
const VICTIMS: [Victim; 2] = [Victim::Source, Victim::Destination];
const NAME: &str = "b.bin";

impl Alone {
    pub(super) fn new(world: &World, random: &mut Random, number: u64) -> Self {
        let name = format!("t{number}");
        let (from, to) = (world.source.path(&name), world.destination.path(&name));
        let length = random.length(4_000_000);
        let bytes = random.bytes(length);
        let old = random.once_in(2).then(|| random.bytes(length / 2));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join(NAME), &bytes).unwrap();
        if let Some(old) = &old {
            fs::write(to.join(NAME), old).unwrap();
        }
        let words = ["copy", "--detach", "--id", &name, "--overwrite", "always"];
        let mut words: Vec<String> = words.map(str::to_owned).into();
        if random.once_in(2) {
            words.push("--no-tls".to_owned());
        }
        // Most of them take a second or two.
        if !random.once_in(3) {
            words.extend(["--limit", "2MB"].map(str::to_owned));
        }
        let path = format!("{name}/{NAME}");
        words.extend([world.source.url(&path), world.destination.url(&path)]);
        let shown = format!("{words:?} of {length} bytes").replace(PASSWORD, "");
        let home = tempfile::tempdir().unwrap();
        let own_state = random.once_in(2).then(|| tempfile::tempdir().unwrap());
        let state = own_state.as_ref().map_or(&*world.jobs, TempDir::path).to_path_buf();
        let (verb, is_known, moves, _own_state) = (Verb::Copy, false, false, own_state);
        let case = Case { home, words, from, to, shown };
        Self { name, bytes, old, verb, is_known, moves, state, _own_state, case }
    }

    /// Only this file is there, with these bytes.
    fn has(&self, bytes: Option<&[u8]>, run: &Run) {
        let expected: Vec<&str> = bytes.map(|_| NAME).into_iter().collect();
        until(&format!("nothing else is left of {}\n{run}", self.case.shown), || {
            names_below(&self.case.to) == expected
        });
        let is_there = bytes.is_none_or(|bytes| fs::read(self.case.to.join(NAME)).unwrap() == bytes);
        assert!(is_there, "{}: other bytes are there\n{run}", self.case.shown);
    }
}

impl Errand for Alone {
    fn case(&self) -> &Case {
        &self.case
    }

    fn servers(&self) -> &[Victim] {
        &VICTIMS
    }

    fn pause(&mut self, world: &mut World, random: &mut Random) -> u64 {
        if !self.moves {
            return 0;
        }
        thread::park_timeout(random.time(Duration::from_millis(600)));
        let victim =
            random.once_in(3).then(|| random.pick(VICTIMS)).filter(|victim| !world.is_spared(*victim));
        victim.into_iter().for_each(|victim| world.kill(victim));
        u64::from(victim.is_some())
    }

    fn start(&mut self, world: &World, random: &mut Random) -> Started {
        self.verb = match self.is_known {
            false => Verb::Copy,
            true => random.pick([Verb::Resume, Verb::Resume, Verb::Resume, Verb::Copy, Verb::Cancel]),
        };
        let run = world.user(&self.state, self.case.home.path());
        match self.verb {
            Verb::Copy => run.args(&self.case.words),
            Verb::Resume => run.args(["resume", &self.name]),
            Verb::Cancel => run.args(["cancel", &self.name]),
        }
        .start()
    }

    fn judge(&mut self, _: &mut World, run: &Run, hit: Option<Victim>) -> Verdict {
        let (verb, shown) = (self.verb, &self.case.shown);
        eprintln!("    {verb:?}");
        self.is_known = run.code() != Some(3);
        let was_moving = std::mem::take(&mut self.moves);
        match (run.code(), verb) {
            (None, _) if hit == Some(Victim::Coordinator) => {
                self.moves = was_moving;
                Verdict::Again
            }
            (Some(0), Verb::Copy) if !run.events("detached").is_empty() => {
                self.moves = true;
                Verdict::Again
            }
            (Some(0), Verb::Copy | Verb::Resume) => {
                self.has(Some(&self.bytes), run);
                Verdict::Done
            }
            // A run was killed between the renaming and its note in the journal.
            (Some(0), Verb::Cancel) if run.said.contains(" has the size of its source and stays: ") => {
                self.has(Some(&self.bytes), run);
                Verdict::Done
            }
            // A run was killed when the journal had the file as finished, and not yet the job.
            (Some(0), Verb::Cancel) if run.events("job").iter().any(|job| job["files"] == 1) => {
                self.has(Some(&self.bytes), run);
                Verdict::Done
            }
            (Some(0), Verb::Cancel) => {
                self.has(self.old.as_deref(), run);
                Verdict::Done
            }
            // The run before was killed when all was done.
            (Some(2), Verb::Cancel | Verb::Resume) if run.said.contains(" is done: ") => {
                self.has(Some(&self.bytes), run);
                Verdict::Done
            }
            (Some(2), Verb::Cancel | Verb::Resume) if run.said.contains(" was cancelled: ") => {
                self.has(self.old.as_deref(), run);
                Verdict::Done
            }
            // The run before was killed when it had begun no file.
            (Some(2), Verb::Cancel) if run.said.contains(" is failed: there is nothing to cancel") => {
                self.has(self.old.as_deref(), run);
                Verdict::Again
            }
            (Some(3), Verb::Cancel | Verb::Resume) => Verdict::Again,
            (Some(1 | 5 | 6 | 9), _) => {
                self.moves = was_moving;
                Verdict::Failed
            }
            (code, verb) => panic!("{shown}: {verb:?}: exit code {code:?}\n{run}"),
        }
    }
}
