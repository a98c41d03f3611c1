//! One run of a world: a job between two servers, faults in the middle of it, and what must hold whatever happens.

use super::{HostId, World};
use crate::sim::random::Random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// What a run does. It can be written to a file, and read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What decides everything that the plan does not.
    pub seed: u64,
    /// What is asked of the user agent.
    pub verb: Verb,
    /// The files of the source, by their names.
    pub source: Files,
    /// The files that the destination has before.
    pub destination: Files,
    /// What goes wrong, and how many steps after the fault before it.
    pub faults: Vec<(u64, Fault)>,
}

/// Files by their names below a directory.
pub type Files = BTreeMap<String, Content>;

/// What a file contains: so many bytes that a number chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    choice: u64,
    length: usize,
}

impl Content {
    fn of(random: &mut Random, length: usize) -> Self {
        Self { choice: random.bits() >> 32, length }
    }

    fn bytes(self) -> Vec<u8> {
        Random::new(self.choice).bytes(self.length)
    }
}

/// What is asked of the user agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verb {
    /// The tree is copied.
    Copy,
    /// The tree is moved.
    Move,
    /// The destination is made equal; what only it has stays.
    Sync,
    /// The same; what only the destination has is deleted.
    SyncDelete,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fault {
    /// The user agent is killed; its job is resumed at once.
    KillUser,
    /// A server is killed, and starts again after some steps.
    KillServer {
        /// The server of the destination, and not that of the source.
        destination: bool,
        /// How long it is gone.
        steps: u64,
    },
    /// Connections of a host break, each with a chance of one in two.
    Cut {
        /// The host: the source, the destination, the user.
        host: usize,
        /// Whether both ends see a reset.
        tells: bool,
    },
    /// Not a fault of the world but one of the suite: it does what must not be, and the run must find it.
    Sabotage(Sabotage),
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Sabotage {
    /// A file of the source is deleted.
    Deletes,
    /// A final name of the destination gets half of its file.
    Halves,
    /// A file of the destination that the source lacks is deleted.
    DeletesOther,
    /// Something is left at the destination.
    Leaves,
}

impl Plan {
    /// The plan of a seed: at most `files` files and `faults` faults.
    pub fn of(seed: u64, files: u64, faults: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00f7_9a11);
        let verb = random.pick([Verb::Copy, Verb::Move, Verb::Sync, Verb::SyncDelete]);
        let source = tree(&mut random, files);
        let mut destination = Files::new();
        if matches!(verb, Verb::Sync | Verb::SyncDelete) {
            for (name, content) in &source {
                match random.below(6) {
                    0 => drop(destination.insert(name.clone(), Content::of(&mut random, content.length + 7))),
                    1 => drop(destination.insert(name.clone(), *content)),
                    _ => {}
                }
            }
            for number in 0..random.below(4) {
                destination.insert(format!("extra/{number}"), Content::of(&mut random, 100));
            }
        }
        let faults =
            (0..random.below(faults + 1)).map(|_| (1 + random.below(120), fault(&mut random))).collect();
        Self { seed, verb, source, destination, faults }
    }

    /// How much happens in it.
    fn size(&self) -> usize {
        self.faults.len() + self.source.len() + self.destination.len()
    }

    fn words(&self) -> Vec<&'static str> {
        let verb: &[&str] = match self.verb {
            Verb::Copy => &["copy", "-r"],
            Verb::Move => &["move", "-r"],
            Verb::Sync => &["sync"],
            Verb::SyncDelete => &["sync", "--delete", "--yes"],
        };
        [verb, &["--progress", "never", SOURCE, DESTINATION]].concat()
    }
}

fn tree(random: &mut Random, files: u64) -> Files {
    let count = 1 + random.below(files);
    let file = |number| {
        let directory = random.pick(["", "a/", "a/b/", "c/"]);
        let length = random.pick([0, 10, 1_000, 20_000, 200_000]);
        let length = random.length(length);
        (format!("{directory}{number}"), Content::of(random, length))
    };
    (0..count).map(file).collect()
}

fn fault(random: &mut Random) -> Fault {
    match random.below(4) {
        0 => Fault::KillUser,
        1 => Fault::KillServer { destination: random.once_in(2), steps: random.below(60) },
        _ => Fault::Cut { host: random.length(2), tells: !random.once_in(3) },
    }
}

/// The smallest plan that breaks a law as `plan` does: with the fewest faults and files.
///
/// # Errors
///
/// As for [`run`].
pub fn shrink(plan: &Plan) -> io::Result<(Plan, Ended)> {
    let (mut least, mut ended) = (plan.clone(), run(plan)?);
    loop {
        let faults = (0..least.faults.len()).map(|at| {
            let mut fewer = least.clone();
            let (steps, _) = fewer.faults.remove(at);
            // What comes after it comes when it would have come.
            fewer.faults.iter_mut().skip(at).take(1).for_each(|(after, _)| *after += steps);
            fewer
        });
        let half = |files: &Files, second: bool| -> Files {
            let (count, all) = (files.len() / 2, files.clone().into_iter());
            if second { all.skip(count).collect() } else { all.take(count).collect() }
        };
        let halves = [false, true].into_iter().flat_map(|second| {
            let (source, destination) = (half(&least.source, second), half(&least.destination, second));
            [Plan { source, ..least.clone() }, Plan { destination, ..least.clone() }]
        });
        let one_less = least.source.keys().map(|name| {
            let mut fewer = least.clone();
            fewer.source.remove(name);
            fewer
        });
        let smaller = faults
            .chain(halves)
            .chain(one_less)
            .filter(|fewer| !fewer.source.is_empty() && fewer.size() < least.size());
        let mut found = None;
        for fewer in smaller {
            let again = run(&fewer)?;
            if !again.violations.is_empty() {
                found = Some((fewer, again));
                break;
            }
        }
        match found {
            Some((fewer, again)) => (least, ended) = (fewer, again),
            None => return Ok((least, ended)),
        }
    }
}

/// What became of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What happened, a line each.
    pub story: String,
    /// What must not be.
    pub violations: Vec<String>,
    /// How many faults there were.
    pub faults: u64,
}

/// Carries out a plan.
///
/// # Errors
///
/// The directory in memory cannot be written.
pub fn run(plan: &Plan) -> io::Result<Ended> {
    let directory = tempfile::Builder::new().prefix("world").tempdir_in("/dev/shm")?;
    let mut running = Running::start(plan, directory.path())?;
    running.to_the_end();
    let Running { story, violations, faults, .. } = running;
    Ok(Ended { story, violations, faults })
}

struct Running<'a> {
    plan: &'a Plan,
    world: World,
    hosts: [HostId; 3],
    /// The directories of the two servers and of the states of all three.
    roots: [PathBuf; 2],
    states: [PathBuf; 3],
    story: String,
    violations: Vec<String>,
    faults: u64,
    /// The servers that start again, and after how many steps.
    gone: Vec<(usize, u64)>,
}

impl<'a> Running<'a> {
    fn start(plan: &'a Plan, directory: &Path) -> io::Result<Self> {
        let make = |name: &str| {
            let path = directory.join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let roots = [make("source")?, make("destination")?];
        let states = [make("one")?, make("two")?, make("user")?];
        write_all(&roots[0].join("tree"), &plan.source)?;
        write_all(&roots[1].join("tree"), &plan.destination)?;
        let mut world = World::new(plan.seed);
        let netrc = states[2].join(".netrc");
        fs::write(&netrc, "machine one login ann password pw\nmachine two login ann password pw\n")?;
        fs::set_permissions(&netrc, Permissions::from_mode(0o600))?;
        let hosts = ["one", "two", "user"].map(|name| world.host(name));
        let (story, violations) = (String::new(), Vec::new());
        let mut running =
            Self { plan, world, hosts, roots, states, story, violations, faults: 0, gone: Vec::new() };
        running.serve(0);
        running.serve(1);
        Ok(running)
    }

    fn serve(&mut self, server: usize) {
        self.world.serve(self.hosts[server], &self.roots[server], &self.states[server]);
    }

    fn tell(&mut self, what: &str) {
        let now = self.world.now();
        writeln!(self.story, "{:>9.3} {what}", now.as_secs_f64()).expect("a text takes more");
    }

    /// Runs the command and goes on with it until it has succeeded.
    fn to_the_end(&mut self) {
        let (mut faults, mut words) = (self.plan.faults.clone().into_iter(), self.plan.words());
        let mut next = faults.next();
        let mut attempts = 0;
        loop {
            self.tell(&words.join(" "));
            self.world.run(self.hosts[2], &words, &self.states[2]);
            let status = loop {
                self.step();
                if let Some(status) = self.world.ended(self.hosts[2]) {
                    break Some(status);
                }
                if self.world.now() > LONGEST {
                    return self.violation("it does not end");
                }
                if let Some((steps, fault)) = &mut next {
                    *steps -= 1;
                    if *steps == 0 {
                        let fault = *fault;
                        next = faults.next();
                        if self.suffer(fault) {
                            break None;
                        }
                    }
                }
            };
            let said = self.world.said(self.hosts[2]);
            self.tell(&format!("status {status:?}: {}", said.trim_end()));
            self.look();
            let is_whole = words[0] == self.plan.words()[0];
            match status {
                Some(0) if is_whole || self.is_done() => return self.look_at_the_end(),
                // What was asked for before the journal had it is asked for once more.
                Some(0) => words = self.plan.words(),
                None => words = vec!["resume"],
                Some(_) => {
                    attempts += 1;
                    let until = self.world.now() + PAUSE;
                    while self.world.now() < until {
                        self.step();
                    }
                    words = if attempts % 2 == 1 { vec!["retry", "last"] } else { self.plan.words() };
                }
            }
            if attempts > MOST_ATTEMPTS {
                return self.violation("it does not succeed although nothing more fails");
            }
        }
    }

    fn step(&mut self) {
        self.world.step();
        for server in [0, 1] {
            if let Some(status) = self.world.ended(self.hosts[server]) {
                self.violation(&format!("server {server} has ended: {status}"));
            }
        }
        let (now, later) = self.gone.drain(..).partition(|(_, steps)| *steps == 0);
        self.gone = later;
        self.gone.iter_mut().for_each(|(_, steps)| *steps -= 1);
        let now: Vec<(usize, u64)> = now;
        for (server, _) in now {
            self.tell(&format!("server {server} starts again"));
            self.serve(server);
        }
    }

    /// Lets something go wrong. Returns whether the user agent is gone.
    fn suffer(&mut self, fault: Fault) -> bool {
        self.tell(&format!("{fault:?}"));
        self.faults += 1;
        match fault {
            Fault::KillUser => self.world.kill(self.hosts[2]),
            Fault::KillServer { destination, steps } => {
                let server = usize::from(destination);
                if self.gone.iter().all(|(gone, _)| *gone != server) {
                    self.world.kill(self.hosts[server]);
                    self.gone.push((server, steps));
                }
            }
            Fault::Cut { host, tells } => self.world.cut(self.hosts[host], tells, 2),
            Fault::Sabotage(sabotage) => self.sabotage(sabotage).expect("the directory can be written"),
        }
        self.look();
        fault == Fault::KillUser
    }

    fn sabotage(&self, sabotage: Sabotage) -> io::Result<()> {
        let [source, destination] = self.roots.each_ref().map(|root| root.join("tree"));
        let name = |files: &Files| files.keys().next_back().cloned().unwrap_or_default();
        let ours = name(&self.plan.source);
        match sabotage {
            Sabotage::Deletes => fs::remove_file(source.join(ours)),
            Sabotage::Halves => {
                let path = destination.join(&ours);
                fs::create_dir_all(path.parent().unwrap_or(&destination))?;
                fs::write(path, "half")
            }
            Sabotage::DeletesOther => fs::remove_file(destination.join(name(&self.plan.destination))),
            Sabotage::Leaves => fs::write(destination.join(".left"), ""),
        }
    }

    fn violation(&mut self, what: &str) {
        self.tell(&format!("VIOLATION: {what}"));
        self.violations.push(what.to_owned());
    }

    /// What must hold at every moment.
    fn look(&mut self) {
        let [source, destination] = self.trees();
        let has = |files: &Tree, name: &str, content: Option<&Content>| match (files.get(name), content) {
            (Some(found), Some(content)) => *found == content.bytes(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let (plan, moves) = (self.plan, self.plan.verb == Verb::Move);
        let mut wrong = Vec::new();
        for (name, content) in &plan.source {
            let (is_there, has_come) =
                (has(&source, name, Some(content)), has(&destination, name, Some(content)));
            if !is_there && !(moves && has_come) {
                wrong.push(format!("{name} is at neither end"));
            }
            let is_old = has(&destination, name, plan.destination.get(name));
            if destination.contains_key(name) && !has_come && !is_old {
                wrong.push(format!("{name} has something else under its final name"));
            }
            if plan.destination.contains_key(name) && !destination.contains_key(name) {
                wrong.push(format!("{name} is gone at the destination"));
            }
        }
        for (name, content) in &plan.destination {
            let may_go = plan.verb == Verb::SyncDelete;
            if !plan.source.contains_key(name) && !may_go && !has(&destination, name, Some(content)) {
                wrong.push(format!("{name}, which only the destination has, has changed"));
            }
        }
        wrong.iter().for_each(|wrong| self.violation(wrong));
    }

    /// Whether both ends are as they should be at the end.
    fn is_done(&self) -> bool {
        let [source, destination] = self.trees();
        let mut expected: Files = self.plan.source.clone();
        if self.plan.verb != Verb::SyncDelete {
            let kept = self.plan.destination.iter().filter(|(name, _)| !self.plan.source.contains_key(*name));
            expected.extend(kept.map(|(name, content)| (name.clone(), *content)));
        }
        let expected: Tree = expected.into_iter().map(|(name, content)| (name, content.bytes())).collect();
        destination == expected && (self.plan.verb != Verb::Move || source.is_empty())
    }

    fn look_at_the_end(&mut self) {
        if !self.is_done() {
            let [source, destination] = self.trees().map(|tree| tree.into_keys().collect::<Vec<_>>());
            self.violation(&format!("it has not done all: source {source:?}, destination {destination:?}"));
        }
    }

    fn trees(&self) -> [Tree; 2] {
        self.roots.each_ref().map(|root| {
            let mut files = Tree::new();
            read_all(&root.join("tree"), "", &mut files);
            files
        })
    }
}

/// What a directory has.
type Tree = BTreeMap<String, Vec<u8>>;

fn write_all(root: &Path, files: &Files) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for (number, (name, content)) in files.iter().enumerate() {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, content.bytes())?;
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number as u64);
        File::options().write(true).open(&path)?.set_modified(time)?;
    }
    Ok(())
}

/// The files below a directory. What vanishes meanwhile is left out.
fn read_all(directory: &Path, prefix: &str, files: &mut Tree) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_all(&entry.path(), &format!("{name}/"), files),
            Ok(_) => drop(fs::read(entry.path()).map(|content| files.insert(name, content))),
            Err(_) => {}
        }
    }
}

const SOURCE: &str = "ftp://ann@one/tree/";
const DESTINATION: &str = "ftp://ann@two/tree/";
/// How long a run may last: two days.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// How long a person waits before a job that has failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// How often a job may fail after the last fault.
const MOST_ATTEMPTS: u32 = 12;
