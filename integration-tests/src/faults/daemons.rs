//! Jobs that several daemons share in a database: daemons are killed or stopped beyond their leases, the database and its
//! connections end, servers die. No file is ever at neither end, and in the end each is where its job says.
//!
//! ```text
//!  some jobs --> faults, one after the other; after each, every source is at one end --> a calm time
//!      ^                                                                                    |
//!      '---- all jobs are done, nothing is left, what was changed since has stayed <--------'
//! ```

use crate::postgres::Postgres;
use crate::sim::random::Random;
use crate::site::{Server, Site, names_below, without_password};
use crate::skip::Skipped;
use crate::user::{Started, User, user};
use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What a run of the loop has done.
#[derive(Debug, Default)]
pub struct DaemonsTally {
    /// The number of faults, by their names.
    pub faults: BTreeMap<&'static str, u64>,
    /// The number of jobs that were carried to their end.
    pub jobs: u64,
    /// How many of them had to be tried again after the faults.
    pub retried: u64,
    /// How often a daemon has found that it had lost a job.
    pub displaced: u64,
}

/// A job, and what it has to bring about.
#[derive(Debug)]
struct SharedJob {
    id: String,
    verb: &'static str,
    /// The directory of its files, at both ends.
    directory: String,
    /// The files of its source, as they were when it was submitted.
    files: BTreeMap<String, Vec<u8>>,
    /// A file of the destination that somebody has changed after the job was done.
    changed: Option<String>,
}

/// A daemon, or the place of one that was killed.
#[derive(Debug)]
struct DaemonSlot {
    name: String,
    daemon: Option<Started>,
    /// When one that is stopped goes on, or one that is killed comes back.
    back: Option<Moment>,
}

#[derive(Debug)]
struct Scene {
    database: Postgres,
    from: Server,
    to: Server,
    /// Where the servers note what they have to remove after they were killed.
    _states: TempDir,
    workers: Vec<DaemonSlot>,
    clock: Clock,
    tally: DaemonsTally,
}

/// Carries jobs with so many faults. One seed decides everything but the speed of the machine.
///
/// # Errors
///
/// There is no PostgreSQL.
pub fn daemons(faults: u64, seed: u64) -> Result<DaemonsTally, Skipped> {
    let database = Postgres::start()?;
    let mut random = Random::new(seed);
    let states = tempfile::tempdir().unwrap();
    let server = |name: &str, ip| {
        let state = states.path().join(name);
        Site::new(name).at(ip).args(["--state", state.to_str().unwrap()]).start()
    };
    let mut scene = Scene {
        database,
        from: server("source", "127.0.0.2"),
        to: server("destination", "127.0.0.3"),
        _states: states,
        workers: Vec::new(),
        clock: Clock::start(),
        tally: DaemonsTally::default(),
    };
    for name in ["one", "two", "three"] {
        let daemon = Some(scene.daemon(name));
        scene.workers.push(DaemonSlot { name: name.to_owned(), daemon, back: None });
    }
    for round in 1.. {
        let done: u64 = scene.tally.faults.values().sum();
        if done >= faults {
            break;
        }
        eprintln!("round {round}: {:?}", scene.tally);
        let mut jobs = scene.submit_some(round, &mut random);
        for _ in 0..random.below(8) + 4 {
            scene.strike(&mut random);
            scene.go_on(false);
            thread::park_timeout(random.time(Duration::from_millis(2500)));
            scene.change_what_is_done(&mut jobs);
            scene.check_that_nothing_is_lost(&jobs);
        }
        scene.calm_down(&mut jobs);
        scene.check_the_ends(&jobs);
    }
    for worker in std::mem::take(&mut scene.workers) {
        if let Some(daemon) = worker.daemon {
            let said = daemon.end_with(Signal::TERM).exits(0).said;
            scene.tally.count_displaced(&said);
        }
    }
    Ok(scene.tally)
}

impl Scene {
    /// A user of a host of its own, with passwords and short patience.
    fn user(&self) -> User {
        let user = user().logins([&self.from, &self.to].map(Server::ip));
        user.args(["--json", "--store", &self.database.url("postgres")])
    }

    fn daemon(&self, name: &str) -> Started {
        self.user().args(["daemon", "--name", name, "--parallel", "2", "--drain-timeout", "100ms"]).start()
    }

    /// Makes trees and submits a job for each.
    fn submit_some(&mut self, round: u64, random: &mut Random) -> Vec<SharedJob> {
        let number = 4 + random.below(4);
        (0..number).map(|number| self.submit(&format!("r{round}j{number}"), random)).collect()
    }

    fn submit(&mut self, directory: &str, random: &mut Random) -> SharedJob {
        let verb = random.pick(["copy", "move", "sync"]);
        let mut files = BTreeMap::new();
        let (count, sizes) = match random.once_in(3) {
            // They move together.
            true => (40 + random.below(100), [0, 10, 300, 5_000, 20_000, 60_000]),
            false => (3 + random.below(12), [0, 10, 5_000, 60_000, 400_000, 1_500_000]),
        };
        for number in 0..count {
            let size = random.pick(sizes);
            let name = if random.once_in(3) { format!("d/f{number}") } else { format!("f{number}") };
            files.insert(name, random.bytes(size));
        }
        let put = |server: &Server, name: &str, bytes: &[u8]| {
            let path = server.path(&format!("{directory}/{name}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        files.iter().for_each(|(name, bytes)| put(&self.from, name, bytes));
        if verb == "sync" {
            put(&self.to, "surplus", b"s");
            put(&self.to, "f0", b"other");
        }
        let [from, to] = [&self.from, &self.to].map(|server| without_password(&server.url(directory)));
        let rate = random.pick(["300kB", "1MB", "3MB"]);
        let words: Vec<&str> = match verb {
            "sync" => vec!["sync", "--delete", "--yes", &from, &to],
            verb => vec![verb, "-r", &from, &to],
        };
        let run = self.user().args(words).args(["--queue", "--limit", rate]).run().exits(0);
        let id = run.events("job").pop().unwrap()["id"].as_str().unwrap().to_owned();
        self.tally.jobs += 1;
        SharedJob { id, verb, directory: directory.to_owned(), files, changed: None }
    }

    /// Something goes wrong.
    fn strike(&mut self, random: &mut Random) {
        let at = random.length(self.workers.len() - 1);
        let now = self.clock.now();
        let fault = match random.below(10) {
            0..=2 => {
                let back = now + random.time(Duration::from_secs(4));
                let worker = &mut self.workers[at];
                let Some(daemon) = worker.daemon.take() else { return };
                daemon.running.signal(Signal::KILL);
                worker.back = Some(back);
                self.tally.count_displaced(&daemon.end().said);
                "a daemon is killed"
            }
            3..=5 => {
                let longest = random.pick([2, 40, 80]);
                let back = now + random.time(Duration::from_secs(longest));
                let worker = &mut self.workers[at];
                let Some(daemon) = worker.daemon.as_ref().filter(|_| worker.back.is_none()) else { return };
                daemon.running.signal(Signal::STOP);
                worker.back = Some(back);
                "a daemon is stopped"
            }
            6 => {
                self.database.kill();
                thread::park_timeout(random.time(Duration::from_secs(2)));
                self.database.run();
                "the database is killed"
            }
            7 => {
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid() AND random() < 0.5";
                self.database.run_sql(end);
                "connections end"
            }
            8 => {
                self.from.die_and_return();
                "the source dies"
            }
            _ => {
                self.to.die_and_return();
                "the destination dies"
            }
        };
        *self.tally.faults.entry(fault).or_default() += 1;
    }

    /// Daemons that were stopped or killed for long enough go on; with `all`, all of them.
    fn go_on(&mut self, all: bool) {
        let now = self.clock.now();
        for at in 0..self.workers.len() {
            let worker = &mut self.workers[at];
            if !worker.back.is_some_and(|back| all || back <= now) {
                continue;
            }
            worker.back = None;
            match &worker.daemon {
                Some(daemon) => daemon.running.signal(Signal::CONT),
                None => {
                    let name = worker.name.clone();
                    let daemon = self.daemon(&name);
                    self.workers[at].daemon = Some(daemon);
                }
            }
        }
    }

    /// How all jobs stand, by their ids.
    fn states(&self) -> BTreeMap<String, Value> {
        let run = self.user().args(["jobs"]).run();
        // The database may be on its way back.
        if run.code() != Some(0) {
            return BTreeMap::new();
        }
        let jobs = run.events("job").into_iter();
        jobs.map(|job| (job["id"].as_str().unwrap().to_owned(), job)).collect()
    }

    /// Somebody changes a file of each job that is done: whatever is published later would replace it.
    fn change_what_is_done(&self, jobs: &mut [SharedJob]) {
        let states = self.states();
        for job in jobs.iter_mut().filter(|job| job.changed.is_none()) {
            let is_done = states.get(&job.id).is_some_and(|state| state["state"] == "done");
            if let (true, Some(name)) = (is_done, job.files.keys().next()) {
                fs::write(self.to.path(&format!("{}/{name}", job.directory)), "changed").unwrap();
                job.changed = Some(name.clone());
            }
        }
    }

    /// Every file of a source is there, or its copy is.
    fn check_that_nothing_is_lost(&self, jobs: &[SharedJob]) {
        for job in jobs {
            for (name, bytes) in &job.files {
                let path = format!("{}/{name}", job.directory);
                // The source goes after its copy has come.
                let is_whole =
                    |server: &Server| fs::read(server.path(&path)).is_ok_and(|found| found == *bytes);
                let is_changed = job.changed.as_ref() == Some(name);
                assert!(is_changed || is_whole(&self.from) || is_whole(&self.to), "{path} is lost: {job:?}");
            }
        }
    }

    /// Nothing else goes wrong: every job ends, if need be after it was tried again. Daemons that were killed or stopped come back.
    fn calm_down(&mut self, jobs: &mut [SharedJob]) {
        let mut retried = BTreeSet::new();
        let until = self.clock.now() + CALM;
        loop {
            // Those that were stopped for longer than a lease find that they have lost their jobs.
            self.go_on(false);
            self.change_what_is_done(jobs);
            let states = self.states();
            let state = |job: &SharedJob| {
                states.get(&job.id).and_then(|state| state["state"].as_str()).unwrap_or("unknown").to_owned()
            };
            let open: Vec<(&SharedJob, String)> =
                jobs.iter().map(|job| (job, state(job))).filter(|(_, state)| state != "done").collect();
            if open.is_empty() {
                break;
            }
            assert!(
                self.clock.now() < until,
                "some jobs never end: {open:?}\n{states:#?}\n{}",
                self.database.log()
            );
            for (job, state) in open {
                if ["waiting", "failed", "partial"].contains(&state.as_str()) {
                    // It may have begun meanwhile.
                    drop(self.user().args(["retry", &job.id]).run());
                    retried.insert(job.id.clone());
                }
            }
            thread::park_timeout(Duration::from_millis(500));
        }
        self.go_on(true);
        self.tally.retried += retried.len() as u64;
    }

    /// Everything is where the jobs say, and nothing is left.
    fn check_the_ends(&self, jobs: &[SharedJob]) {
        // A daemon that was stopped has sessions until it finds that it has lost its job. Then the server removes what they hold.
        let until = self.clock.now() + Duration::from_secs(60);
        for job in jobs {
            let expect: BTreeSet<String> = job.files.keys().cloned().collect();
            loop {
                let mut files: BTreeSet<String> =
                    names_below(&self.to.path(&job.directory)).into_iter().collect();
                files.retain(|name| !name.ends_with('/'));
                if files == expect {
                    break;
                }
                assert!(self.clock.now() < until, "{files:?} are there: {job:?}");
                thread::park_timeout(Duration::from_millis(50));
            }
            for (name, bytes) in &job.files {
                let found = fs::read(self.to.path(&format!("{}/{name}", job.directory))).unwrap();
                match job.changed.as_ref() == Some(name) {
                    true => assert_eq!(found, b"changed", "{name} was published once more: {job:?}"),
                    false => assert!(found == *bytes, "{name} differs: {job:?}"),
                }
                let source = self.from.path(&format!("{}/{name}", job.directory));
                assert_eq!(source.exists(), job.verb != "move", "{name}: {job:?}");
            }
        }
    }
}

impl DaemonsTally {
    fn count_displaced(&mut self, said: &str) {
        self.displaced += said.matches("a job has lost its lease").count() as u64;
    }
}

/// How long jobs may take that nothing disturbs any more: three leases and the pauses between tries.
const CALM: Duration = Duration::from_secs(300);
