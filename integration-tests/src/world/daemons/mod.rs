//! Daemons on several hosts that share one store, with faults in the middle of their jobs.
//!
//! ```text
//!  jobs are submitted --> daemons take and carry them --> all have ended --> some are tried again --> all are done
//!                             ^ faults ^                                       nothing fails then
//! ```
//!
//! The store is a directory that all hosts see. While a host of a simulation says that it shares its stores, a directory behaves as
//! a database does: it has a clock of its own, may be away, and a new holder ends the connection of the one before it.

mod laws;
mod plan;
mod store;
mod waiting;

pub use plan::{Absence, DaemonsFault, DaemonsPlan, DaemonsSabotage, PlannedJob, QueuedVerb};
pub use waiting::{WaitingResult, wait_for_a_terminal};

use super::network::Stores;
use super::plan::{Doing, Program, When};
use super::run::{write_all, write_private};
use super::shrink::smallest;
use super::{HostId, Serving, World, logins, panics};
use laws::{Frozen, Holders};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::SharedStore;

/// What became of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DaemonsEnded {
    /// What happened, a line each.
    pub story: String,
    /// What must not be.
    pub violations: Vec<String>,
    /// What has happened, in numbers.
    pub tally: DaemonsTally,
}

/// What has happened in runs, in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DaemonsTally {
    /// What went wrong, and what the daemons did then.
    pub faults: Vec<(&'static str, Doing)>,
    /// How often a daemon has taken a job.
    pub jobs: u64,
    /// How often a job had a daemon before that has lost it.
    pub taken_over: u64,
    /// How many parts of trees were taken by another daemon than that of the job.
    pub parts: u64,
    /// How many of these have ended with a result.
    pub parts_ended: u64,
    /// How many jobs had to be tried again by their owner.
    pub retried: u64,
    /// How long the longest run was.
    pub longest: Duration,
}

impl DaemonsTally {
    /// Adds those of another run.
    pub fn add(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.jobs += other.jobs;
        self.taken_over += other.taken_over;
        self.parts += other.parts;
        self.parts_ended += other.parts_ended;
        self.retried += other.retried;
        self.longest = self.longest.max(other.longest);
    }
}

/// Carries out a plan.
///
/// # Errors
///
/// The directory in memory cannot be written.
pub fn run_daemons(plan: &DaemonsPlan) -> io::Result<DaemonsEnded> {
    let directory = tempfile::Builder::new().prefix("daemons").tempdir_in("/dev/shm")?;
    panics::keep();
    let mut running = Running::start(plan, directory.path())?;
    running.carry_out();
    running.tally.longest = running.world.now();
    let Running { story, violations, tally, .. } = running;
    Ok(DaemonsEnded { story, violations, tally })
}

/// The smallest plan that breaks a law as `plan` does.
///
/// # Errors
///
/// As for [`run_daemons`].
pub fn shrink_daemons(plan: &DaemonsPlan) -> io::Result<(DaemonsPlan, DaemonsEnded)> {
    let run = |plan: &DaemonsPlan| run_daemons(plan).map(|ended| (!ended.violations.is_empty(), ended));
    smallest(plan, DaemonsPlan::smaller, run)
}

struct Running<'a> {
    plan: &'a DaemonsPlan,
    world: World,
    directory: PathBuf,
    /// The hosts of the two servers, and when a server that was killed starts again.
    servers: [(HostId, Option<Duration>); 2],
    user: User,
    daemons: Vec<Daemon>,
    jobs: Vec<QueuedJob<'a>>,
    store: Option<SharedStore>,
    holders: Holders,
    story: String,
    violations: Vec<String>,
    tally: DaemonsTally,
    /// The parts that were sent to the destination.
    sent_parts: BTreeSet<String>,
    /// Those of them that were not there yet when a daemon did not work any more, or its connections broke.
    late_parts: BTreeSet<String>,
    /// What the daemons do.
    doing: Doing,
    /// When the files were looked at last.
    looked: Duration,
    /// When something went wrong last.
    struck: Duration,
    /// Whether the story has all commands (`FTP_WORLD_TRACE`).
    is_traced: bool,
}

/// Who leaves jobs to the queue.
struct User {
    host: HostId,
    state: PathBuf,
    /// The job that is submitted or tried again just now.
    at: Option<usize>,
}

/// A daemon of a host that the store is shared with.
struct Daemon {
    name: &'static str,
    host: HostId,
    state: PathBuf,
    /// What keeps it from working, and until when.
    absence: Option<(Absence, Duration)>,
    /// When it was started last.
    started: Duration,
    /// When it is started again, because it did not reach its store at its start.
    again: Option<Duration>,
}

/// A job of the queue.
struct QueuedJob<'a> {
    planned: &'a PlannedJob,
    /// Its number in the store, once it is there.
    id: Option<u64>,
    /// How often its owner has tried it again.
    retries: u32,
    /// When it may be tried again next.
    retry_from: Duration,
    /// What its trees are when it is done.
    frozen: Option<Frozen>,
}

impl<'a> Running<'a> {
    fn start(plan: &'a DaemonsPlan, directory: &Path) -> io::Result<Self> {
        let make = |name: &str| {
            let path = directory.join(name);
            fs::create_dir(&path).map(|()| path)
        };
        for (number, job) in plan.jobs.iter().enumerate() {
            write_all(&tree_at(directory, Program::Source, number), &job.source)?;
            write_all(&tree_at(directory, Program::Destination, number), &job.destination)?;
        }
        make("store")?;
        let mut world = World::new(plan.seed);
        world.set_latency(Duration::from_millis(plan.latency));
        let servers = ["one", "two"].map(|name| (world.host(name), None));
        for (((host, _), manners), program) in servers.iter().zip(plan.manners).zip(BOTH) {
            make(state_of(program))?;
            world.disguise(*host, manners.disguise(&root(directory, program)));
        }
        let home = |name: &str| {
            let path = make(name)?;
            write_private(&path.join(".netrc"), &logins()).map(|()| path)
        };
        let user = User { host: world.host("user"), state: home("user")?, at: None };
        let mut daemons = Vec::new();
        for name in NAMES.into_iter().take(plan.daemons) {
            let (host, state, started) = (world.host(name), home(name)?, Duration::ZERO);
            daemons.push(Daemon { name, host, state, absence: None, started, again: None });
        }
        let hosts = daemons.iter().map(|daemon| daemon.host).chain([user.host]);
        hosts.for_each(|host| world.set_stores(host, Stores::Shared));
        let job =
            |planned| QueuedJob { planned, id: None, retries: 0, retry_from: Duration::ZERO, frozen: None };
        let mut running = Self {
            plan,
            world,
            directory: directory.to_owned(),
            servers,
            user,
            daemons,
            jobs: plan.jobs.iter().map(job).collect(),
            store: None,
            holders: Holders::default(),
            story: String::new(),
            violations: Vec::new(),
            tally: DaemonsTally::default(),
            sent_parts: BTreeSet::new(),
            late_parts: BTreeSet::new(),
            doing: Doing::Begins,
            looked: Duration::ZERO,
            struck: Duration::ZERO,
            is_traced: std::env::var_os("FTP_WORLD_TRACE").is_some(),
        };
        BOTH.into_iter().for_each(|program| running.serve(program));
        (0..running.daemons.len()).for_each(|daemon| running.start_daemon(daemon));
        Ok(running)
    }

    fn serve(&mut self, program: Program) {
        let (root, state) = (root(&self.directory, program), self.directory.join(state_of(program)));
        let serving =
            Serving { root: &root, state: &state, has_room: true, tls: false, permits: false, sessions: 0 };
        self.world.serve(self.servers[program as usize].0, serving);
    }

    fn start_daemon(&mut self, index: usize) {
        let parallel = self.plan.parallel.to_string();
        let level = if self.is_traced { "debug" } else { "off" };
        (self.daemons[index].started, self.daemons[index].again) = (self.world.now(), None);
        let Daemon { name, host, state, .. } = &self.daemons[index];
        let words = ["daemon", "--name", name, "--parallel", &parallel, "--log-level", level];
        let words = self.with_store(&words);
        self.world.run(*host, &words, state, &[]);
    }

    /// What is typed, with the store that all share.
    fn with_store(&self, words: &[&str]) -> Vec<String> {
        let store = format!("sqlite:{}", self.store_path().display());
        let words = words.iter().map(|word| (*word).to_owned());
        ["--store".to_owned(), store].into_iter().chain(words).collect()
    }

    fn store_path(&self) -> PathBuf {
        self.directory.join("store/journal.db")
    }

    fn tell(&mut self, what: &str) {
        // The directory of the world has another name in each run.
        let (now, what) = (self.world.now(), what.replace(&*self.directory.to_string_lossy(), ""));
        writeln!(self.story, "{:>9.3} {what}", now.as_secs_f64()).expect("a text takes more");
    }

    fn violation(&mut self, what: &str) {
        self.tell(&format!("VIOLATION: {what}"));
        self.violations.push(what.to_owned());
    }

    /// Submits the jobs, lets everything go wrong that is planned, and waits until all jobs are done.
    fn carry_out(&mut self) {
        let mut faults = self.plan.faults.clone().into_iter();
        let mut next = faults.next();
        loop {
            self.user_goes_on(next.is_none());
            self.step();
            if self.world.now() > LONGEST {
                return self.violation("it does not end");
            }
            let done = self.note_commands();
            if let Some((when, fault)) = &mut next {
                let (is_due, by) = match when {
                    When::After(steps) => {
                        *steps = steps.saturating_sub(1);
                        (*steps == 0, None)
                    }
                    When::Does(doing) => {
                        let found = done.iter().find(|(_, did)| did == doing);
                        (found.is_some(), found.map(|(daemon, _)| *daemon))
                    }
                };
                // What is waited for may never be done any more.
                if is_due || self.all_done() || self.world.now() > self.struck + MOST_WAITED {
                    let fault = *fault;
                    next = faults.next();
                    self.suffer(fault, by);
                }
            } else if self.is_calm() && self.all_done() {
                break;
            }
        }
        // Whoever was away finds out what was lost.
        self.go_on_for(AFTERMATH);
        let until = self.world.now() + NOTICED;
        while !self.is_tidy() && self.world.now() < until {
            self.go_on_for(Duration::from_secs(10));
        }
        self.look_at_the_end();
    }

    /// Lets the world go on for so long.
    fn go_on_for(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            self.step();
            self.note_commands();
        }
    }

    /// Whether nothing is wrong any more.
    fn is_calm(&self) -> bool {
        self.servers.iter().all(|(_, back)| back.is_none())
            && self.daemons.iter().all(|daemon| daemon.absence.is_none() && daemon.again.is_none())
    }

    /// Whether all jobs are done.
    fn all_done(&self) -> bool {
        self.jobs.iter().all(|job| job.frozen.is_some())
    }

    /// Submits the next job. Once nothing more goes wrong, jobs that have failed are tried again.
    fn user_goes_on(&mut self, is_calm: bool) {
        if let Some(index) = self.user.at {
            let Some(status) = self.world.ended(self.user.host) else { return };
            let said = self.world.said(self.user.host);
            self.tell(&format!("user: status {status}: {}", said.trim_end()));
            let id = said.split_whitespace().find(|word| word.len() == ID);
            let id = id.and_then(|word| u64::from_str_radix(word, 16).ok());
            let job = &mut self.jobs[index];
            job.id = job.id.or(id);
            self.user.at = None;
            if job.id.is_none() {
                self.violation("a job could not be submitted");
            }
        }
        let now = self.world.now();
        let is_due = |job: &QueuedJob<'_>| job.id.is_none() && Duration::from_secs(job.planned.at) <= now;
        let words = if let Some(index) = self.jobs.iter().position(is_due) {
            let [from, to] = ["one", "two"].map(|host| format!("ftp://ann@{host}/job{index}/"));
            let verb = self.jobs[index].planned.verb.words();
            self.user.at = Some(index);
            [verb, &[from.as_str(), to.as_str()]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
        } else if let Some((index, id)) = self.to_retry().filter(|_| is_calm && self.is_calm()) {
            self.jobs[index].retries += 1;
            self.jobs[index].retry_from = now + RETRY;
            self.tally.retried += 1;
            self.user.at = Some(index);
            vec!["retry".to_owned(), format!("{id:016x}")]
        } else {
            return;
        };
        self.tell(&format!("user: {}", words.join(" ")));
        let words = self.with_store(&words.iter().map(String::as_str).collect::<Vec<_>>());
        self.world.run(self.user.host, &words, &self.user.state, &[]);
    }

    /// A job that has failed, or that waits after it has failed.
    fn to_retry(&self) -> Option<(usize, u64)> {
        let store = self.store.as_ref()?;
        let is_failed = |job: &QueuedJob<'_>| {
            let state = job.id.and_then(|id| store.job(id))?;
            let waits = state.exit.is_none() && !state.is_carried && state.cause.is_some();
            (waits || state.exit.is_some_and(|exit| exit != 0)).then_some(())
        };
        let open = self.jobs.iter().enumerate().filter(|(_, job)| job.frozen.is_none());
        let now = self.world.now();
        let may = |job: &QueuedJob<'_>| job.retries < MOST_RETRIES && job.retry_from <= now;
        let mut failed = open.filter(|(_, job)| may(job) && is_failed(job).is_some());
        failed.find_map(|(index, job)| Some((index, job.id?)))
    }

    fn step(&mut self) {
        let before = self.world.now();
        self.world.step();
        panics::take().iter().for_each(|panic| self.violation(panic));
        let now = self.world.now();
        for program in BOTH {
            let (host, back) = self.servers[program as usize];
            if let Some(status) = self.world.ended(host) {
                self.violation(&format!("the {program:?} has ended: {status}"));
            }
            if back.is_some_and(|back| back <= now) {
                self.tell(&format!("{program:?} starts again"));
                self.servers[program as usize].1 = None;
                self.serve(program);
            }
        }
        for index in 0..self.daemons.len() {
            let Daemon { name, host, absence, started, again, .. } = self.daemons[index];
            let is_cut_off = matches!(absence, Some((Absence::CutOff | Absence::Alone, _)));
            if let Some(status) = self.world.ended(host) {
                let said = self.world.said(host);
                // Whoever has started it is told at once, and systemd starts it again. One that runs waits for its store. Where
                // nothing else happens, its end is seen after the next timer, which may be long after it.
                if status == 1 && is_cut_off && before < started + STARTING {
                    self.tell(&format!("{name} does not reach its store: {}", said.trim_end()));
                    self.daemons[index].again = Some(now + RESTART);
                } else {
                    self.violation(&format!("{name} has ended: {status}: {said}"));
                }
            }
            if again.is_some_and(|again| again <= now) && (is_cut_off || absence.is_none()) {
                self.start_daemon(index);
            }
            if let Some((what, _)) = absence.filter(|(_, until)| *until <= now) {
                self.daemons[index].absence = None;
                self.tell(&format!("{name} goes on ({what:?})"));
                match what {
                    Absence::Killed => self.start_daemon(index),
                    Absence::Stopped => self.world.set_stopped(host, false),
                    Absence::CutOff | Absence::Alone => self.world.set_stores(host, Stores::Shared),
                }
            }
        }
        if self.store.is_none() {
            self.store = Some(SharedStore::open(&self.store_path()));
        }
        self.look_at_store();
        if now >= self.looked + LOOK {
            self.looked = now;
            self.look();
        }
    }

    /// Notes what was sent to the servers. Returns which daemon does what.
    fn note_commands(&mut self) -> Vec<(usize, Doing)> {
        let commands = self.world.take_commands();
        let mut did = Vec::new();
        for command in commands {
            let Some(index) = self.daemons.iter().position(|daemon| daemon.host == command.from) else {
                continue;
            };
            if self.is_traced {
                let name = self.daemons[index].name;
                self.tell(&format!("    {name}: {}", command.words));
            }
            self.judge_sender(index, &command);
            let part = command.words.strip_prefix("STOR ").filter(|path| path.ends_with(".ftp-user.part"));
            self.sent_parts.extend(part.map(str::to_owned));
            did.push((index, Doing::of(&command.words)));
        }
        self.doing = did.last().map_or(self.doing, |(_, doing)| *doing);
        did
    }

    /// Lets something go wrong. `by` is the daemon that is meant, where one has done what was waited for.
    fn suffer(&mut self, fault: DaemonsFault, by: Option<usize>) {
        self.tell(&format!("{fault:?} {by:?} ({:?})", self.doing));
        self.tally.faults.push((fault.name(), self.doing));
        let now = self.world.now();
        self.struck = now;
        let until = |seconds| now + Duration::from_secs(seconds);
        match fault {
            DaemonsFault::Miss { daemon, absence, seconds } => {
                self.miss(by.unwrap_or(daemon), absence, until(seconds));
            }
            DaemonsFault::KillServer { server, seconds } => {
                let (host, back) = &mut self.servers[server as usize];
                if back.is_none() {
                    *back = Some(until(seconds));
                    self.world.kill(*host);
                }
            }
            DaemonsFault::Cut { daemon, tells } => {
                let daemon = by.unwrap_or(daemon) % self.daemons.len();
                self.note_late_parts();
                self.world.cut(self.daemons[daemon].host, tells, 2);
            }
            DaemonsFault::Sabotage(sabotage) => {
                self.sabotage(sabotage).expect("the directory can be written")
            }
        }
        self.look();
    }

    /// A daemon does not work until that time, unless it does not already.
    fn miss(&mut self, daemon: usize, absence: Absence, until: Duration) {
        let daemon = daemon % self.daemons.len();
        let Daemon { host, absence: place, .. } = &mut self.daemons[daemon];
        if place.is_some() {
            return;
        }
        *place = Some((absence, until));
        let host = *host;
        self.note_late_parts();
        match absence {
            Absence::Killed => self.world.kill(host),
            Absence::Stopped => self.world.set_stopped(host, true),
            Absence::CutOff => self.world.set_stores(host, Stores::Away),
            Absence::Alone => {
                self.world.set_stores(host, Stores::Away);
                self.world.stall(host, until);
            }
        }
    }

    /// Parts that were sent and are not there may come when nobody knows of them any more.
    fn note_late_parts(&mut self) {
        let root = root(&self.directory, Program::Destination);
        self.late_parts.extend(self.sent_parts.iter().filter(|part| !root.join(part).exists()).cloned());
    }

    fn sabotage(&self, sabotage: DaemonsSabotage) -> io::Result<()> {
        let [source, destination] = BOTH.map(|program| tree_at(&self.directory, program, 0));
        let name = self.jobs.first().and_then(|job| job.planned.source.keys().next_back());
        let name = name.cloned().unwrap_or_default();
        match sabotage {
            DaemonsSabotage::Deletes => fs::remove_file(source.join(name)),
            DaemonsSabotage::Halves => {
                let path = destination.join(name);
                fs::create_dir_all(path.parent().unwrap_or(&destination))?;
                fs::write(path, "half")
            }
            DaemonsSabotage::Leaves => fs::write(destination.join(".left"), ""),
            DaemonsSabotage::StoresAgain => {
                let (path, aside) = (destination.join(name), destination.join(".aside"));
                fs::copy(&path, &aside)?;
                fs::rename(aside, path)
            }
        }
    }
}

/// The directory that the users of a server see.
fn root(directory: &Path, program: Program) -> PathBuf {
    directory.join(if program == Program::Source { "source" } else { "destination" })
}

/// The name of the directory of a server's state.
fn state_of(program: Program) -> &'static str {
    if program == Program::Source { "one" } else { "two" }
}

/// The directory of a job at a server.
fn tree_at(directory: &Path, program: Program, job: usize) -> PathBuf {
    root(directory, program).join(format!("job{job}"))
}

/// The two servers.
const BOTH: [Program; 2] = [Program::Source, Program::Destination];
/// What the daemons are called.
const NAMES: [&str; 3] = ["north", "east", "south"];
/// The number of characters of a job's id.
const ID: usize = 16;
/// How long a run may last.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// How long it is waited for what a daemon does before something goes wrong in any case.
const MOST_WAITED: Duration = Duration::from_secs(120);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long a daemon that was away may need to find that it has lost its jobs.
const AFTERMATH: Duration = Duration::from_secs(60);
/// How long a server may take to notice that a client has gone.
const NOTICED: Duration = Duration::from_secs(2 * 3600);
/// How long a daemon may need to open its store.
const STARTING: Duration = Duration::from_secs(5);
/// How long systemd waits before it starts a daemon again.
const RESTART: Duration = Duration::from_secs(5);
/// How long the owner of a job waits before it is tried once more.
const RETRY: Duration = Duration::from_secs(30);
/// How often the owner of a job tries it again.
const MOST_RETRIES: u32 = 6;
