//! One file that is appended to another, in place. Whoever is killed, what was there stays, and what comes behind it is
//! the beginning of the source.

use super::errand::{Case, Errand, Verdict};
use super::world::{Victim, World};
use crate::sim::random::Random;
use crate::site::PASSWORD;
use crate::user::{Run, Started};
use std::fs;

/// Where the bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    Direct,
    Relay,
    User,
    Up,
    Down,
}

/// A file that is appended.
pub(super) struct Append {
    old: Vec<u8>,
    source: Vec<u8>,
    case: Case,
}

/// Everybody may be killed.
const VICTIMS: [Victim; 3] = [Victim::Source, Victim::Destination, Victim::Relay];
const NAME: &str = "a.bin";

impl Append {
    pub(super) fn new(world: &World, random: &mut Random, number: u64) -> Self {
        let route = random.pick([Route::Direct, Route::Relay, Route::User, Route::Up, Route::Down]);
        let home = tempfile::tempdir().unwrap();
        let name = format!("t{number}");
        let from = if route == Route::Up { home.path().join("up") } else { world.source.path(&name) };
        let to = if route == Route::Down { home.path().join("down") } else { world.destination.path(&name) };
        let (old, source) = (random.length(200_000), random.length(4_000_000));
        let (old, source) = (random.bytes(old), random.bytes(source));
        for (place, bytes) in [(&from, &source), (&to, &old)] {
            fs::create_dir_all(place).unwrap();
            fs::write(place.join(NAME), bytes).unwrap();
        }
        let mut words = vec!["append".to_owned()];
        match route {
            Route::Direct => words.extend(["--path", "direct"].map(str::to_owned)),
            Route::User => words.extend(["--path", "user"].map(str::to_owned)),
            Route::Relay => {
                words.extend(["--path", "relay"].map(str::to_owned));
                words.extend(world.relay_words());
            }
            Route::Up | Route::Down => {}
        }
        if random.once_in(2) {
            words.push("--no-tls".to_owned());
        }
        let path = format!("{name}/{NAME}");
        words.push(if route == Route::Up { format!("up/{NAME}") } else { world.source.url(&path) });
        words.push(if route == Route::Down { format!("down/{NAME}") } else { world.destination.url(&path) });
        let shown = format!("{words:?}").replace(PASSWORD, "");
        Self { old, source, case: Case { home, words, from, to, shown } }
    }
}

impl Errand for Append {
    fn case(&self) -> &Case {
        &self.case
    }

    fn servers(&self) -> &[Victim] {
        &VICTIMS
    }

    fn start(&mut self, world: &World, _: &mut Random) -> Started {
        world.user(&world.jobs, self.case.home.path()).args(&self.case.words).start()
    }

    fn judge(&mut self, world: &mut World, run: &Run, hit: Option<Victim>) -> Verdict {
        // A server that was left alone may still have something to write.
        world.falls_silent();
        let place = self.case.to.join(NAME);
        let stored = fs::read(&place).unwrap();
        let Self { old, source, case: Case { shown, .. } } = self;
        let added = stored.strip_prefix(old.as_slice());
        let is_begin = added.is_some_and(|added| source.starts_with(added));
        assert!(is_begin, "{shown}: {} bytes and {} added\n{run}", old.len(), stored.len());
        match run.code() {
            Some(0) => {
                let count = added.map(<[u8]>::len);
                assert_eq!(count, Some(source.len()), "{shown} is said to be done\n{run}");
                return Verdict::Done;
            }
            None if hit == Some(Victim::Coordinator) => {}
            Some(1 | 5 | 6 | 7) => {}
            code => panic!("{shown}: exit code {code:?}\n{run}"),
        }
        // Nobody but its user can take back what was appended.
        fs::write(&place, old).unwrap();
        if run.code().is_none() { Verdict::Again } else { Verdict::Failed }
    }
}
