//! A job of the queue whose destination a terminal has: it waits as long as that lasts, and goes on then.

use super::store::SharedStore;
use crate::world::network::Stores;
use crate::world::run::write_private;
use crate::world::{HostId, Serving, World, logins};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What became of a sync of the queue while a terminal made the same directory equal to the same source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingResult {
    /// What it was waiting for.
    pub causes: BTreeSet<String>,
    /// How often it has begun to wait.
    pub waits: usize,
    /// The tries that it has used up.
    pub tries: i64,
    /// How long the terminal took.
    pub terminal: Duration,
    /// How much later the job had ended, and its exit status.
    pub ended: (Duration, i64),
}

/// The hosts of people and of the daemon, and the store that they share.
struct Scene {
    world: World,
    directory: PathBuf,
}

impl Scene {
    fn host(&mut self, name: &'static str) -> HostId {
        let host = self.world.host(name);
        self.world.set_stores(host, Stores::Shared);
        host
    }

    fn store(&self) -> PathBuf {
        self.directory.join("store/journal.db")
    }

    fn run(&mut self, host: HostId, name: &str, words: &str) -> io::Result<()> {
        let store = format!("sqlite:{}", self.store().display());
        let words = ["--store", &store].into_iter().chain(words.split(' ')).map(str::to_owned);
        let (words, home): (Vec<String>, _) = (words.collect(), self.directory.join(name));
        fs::create_dir(&home)?;
        write_private(&home.join(".netrc"), &logins())?;
        self.world.run(host, &words, &home, &[]);
        Ok(())
    }
}

/// Lets both run: the terminal moves so many bytes at 1,000 a second.
///
/// # Errors
///
/// The directory in memory cannot be written.
///
/// # Panics
///
/// One of both fails, or they do not end.
pub fn wait_for_a_terminal(bytes: usize) -> io::Result<WaitingResult> {
    let directory = tempfile::Builder::new().prefix("waiting").tempdir_in("/dev/shm")?;
    let make = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(&path).map(|()| path)
    };
    make("store")?;
    fs::write(make("one/t")?.join("large"), vec![b'x'; bytes])?;
    let mut scene = Scene { world: World::new(1), directory: directory.path().to_owned() };
    for name in ["one", "two"] {
        let (root, state) = (make(name)?, make(&format!("{name}-state"))?);
        let (root, state) = (&*root, &*state);
        let host = scene.world.host(name);
        let serving = Serving { root, state, has_room: true, tls: false, permits: false, sessions: 0 };
        scene.world.serve(host, serving);
    }
    let [terminal, user, daemon] = ["terminal", "user", "north"].map(|name| scene.host(name));
    scene.run(terminal, "terminal", "sync --limit 1000 ftp://ann@one/t/ ftp://ann@two/d/")?;
    while !directory.path().join("two/d").exists() {
        scene.world.step();
    }
    scene.run(user, "user", "sync --queue ftp://ann@one/t/ ftp://ann@two/d/")?;
    let submitted = loop {
        scene.world.step();
        if let Some(status) = scene.world.ended(user) {
            break status;
        }
    };
    let said = scene.world.said(user);
    assert_eq!(submitted, 0, "{said}");
    let id = said.split_whitespace().find_map(|word| u64::from_str_radix(word, 16).ok()).expect("an id");
    scene.run(daemon, "north", "daemon --name north --log-level off")?;
    let known = SharedStore::open(&scene.store());
    let (mut causes, mut waits, mut was_waiting, mut free) = (BTreeSet::new(), 0, false, None);
    loop {
        scene.world.step();
        let now = scene.world.now();
        assert!(now < LONGEST, "it does not end: {causes:?}");
        if let Some(status) = scene.world.ended(terminal) {
            assert_eq!(status, 0, "{}", scene.world.said(terminal));
            free = Some(now);
        }
        let job = known.job(id).expect("it was submitted");
        if let (Some(exit), Some(free)) = (job.exit, free) {
            let ended = (now - free, exit);
            return Ok(WaitingResult { causes, waits, tries: job.tries, terminal: free, ended });
        }
        let is_waiting = job.cause.is_some();
        waits += usize::from(is_waiting && !was_waiting);
        was_waiting = is_waiting;
        causes.extend(job.cause);
    }
}

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
