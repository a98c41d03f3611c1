//! One run of a world: a plan is carried out, and what must hold whatever happens is looked at.

mod excuses;
mod laws;
mod third;
mod user;

use super::disk::Snapshot;
use super::plan::{Content, Doing, Fault, Files, Plan, Program, SIDE, Sabotage, Verb, When};
use super::{HostId, PASSWORD, Serving, TargetPorts, World, logins, panics};
use excuses::Excused;
use ftp_proto::relay::token::Token;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use third::Third;
use user::{MOST_ATTEMPTS, Stage, User};

/// What became of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What happened, a line each.
    pub story: String,
    /// What must not be.
    pub violations: Vec<String>,
    /// What went wrong, and what the user agents did then.
    pub faults: Vec<(&'static str, Doing)>,
}

/// Carries out a plan.
///
/// # Errors
///
/// The directory in memory cannot be written.
pub fn run(plan: &Plan) -> io::Result<Ended> {
    let directory = tempfile::Builder::new().prefix("world").tempdir_in("/dev/shm")?;
    panics::keep();
    let mut running = Running::start(plan, directory.path())?;
    running.carry_out();
    let Running { story, violations, faults, .. } = running;
    Ok(Ended { story, violations, faults })
}

struct Running<'a> {
    plan: &'a Plan,
    world: World,
    servers: Servers,
    users: Vec<User>,
    third: Option<Third>,
    /// The directories of the two servers.
    roots: [PathBuf; 2],
    story: String,
    violations: Vec<String>,
    faults: Vec<(&'static str, Doing)>,
    /// What the user agents do.
    doing: Doing,
    /// What the files of the source have contained, the newest last.
    versions: BTreeMap<&'a str, Vec<Content>>,
    /// How many versions the files of the source had before the one with which the first user agent has begun last.
    at_start: BTreeMap<&'a str, usize>,
    vanished: VanishedDisk,
    /// The steps until the destination has room again; `None` if it has room.
    full: Option<u64>,
    /// The programs that start again, and after how many steps.
    gone: Vec<(Program, u64)>,
    set_back: SetBack,
    excused: Excused,
    /// Whose connections nobody expects.
    stranger: HostId,
    /// The directory for the dialogues of the user agents (`FTP_WORLD_TRACE`). Then the story has all commands.
    traces: Option<OsString>,
}

/// The programs that serve.
struct Servers {
    hosts: [HostId; 4],
    /// The directories of the states of the two servers.
    states: [PathBuf; 2],
    /// The file with the token of the relay.
    token: PathBuf,
}

/// The disk of the source, when it is away.
struct VanishedDisk {
    /// Where its directory is meanwhile.
    place: PathBuf,
    /// The steps until it comes back; `None` if it is there.
    steps: Option<u64>,
}

/// The destination gets an older state of its disk back.
struct SetBack {
    /// That state, and after how many steps it comes.
    disk: Option<(Snapshot, u64)>,
    /// Until when a deletion may have been under way when it came.
    under_way: Option<Duration>,
    /// What a power failure leaves.
    stable: Snapshot,
}

/// Writes the list that is copied from, and the files that a filter leaves out.
fn write_beside(plan: &Plan, roots: &[PathBuf; 2]) -> io::Result<()> {
    if let Some((path, text)) = plan.list(roots) {
        fs::write(path, text)?;
    }
    let left_out = plan.left_out.iter().flat_map(|left_out| &left_out.files);
    let tree = roots[0].join("tree");
    left_out.into_iter().try_for_each(|(name, content)| write_file(&tree.join(name), *content, 1_600_000_000))
}

/// Makes the directory of the third user agent at the destination, with a link to the tree if it is spoken of.
fn make_side(plan: &Plan, side: &Path) -> io::Result<()> {
    fs::create_dir(side)?;
    if plan.third.iter().any(|told| told.contains("link")) {
        symlink("../tree", side.join("link"))?;
    }
    Ok(())
}

impl<'a> Running<'a> {
    fn start(plan: &'a Plan, directory: &Path) -> io::Result<Self> {
        let make = |name: &str| {
            let path = directory.join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let roots = [make("source")?, make("destination")?];
        let states = [make("one")?, make("two")?];
        write_all(&roots[0].join("tree"), &plan.source)?;
        write_all(&roots[1].join("tree"), &plan.destination)?;
        let mut world = World::new(plan.seed);
        let hosts = ["one", "two", "relay", "agent"].map(|name| world.host(name));
        for ((host, manners), root) in hosts.iter().zip(plan.manners).zip(&roots) {
            world.disguise(*host, manners.disguise(root));
        }
        let token = directory.join("token");
        write_private(&token, &Token::new("test", None, [7; 32]).expect("the name is right").line())?;
        let home = |path| home(path, &token);
        let first = home(make("user")?)?;
        let second = match plan.second {
            Some(second) if second.shares_state => Some(first.clone()),
            Some(_) => Some(home(make("second")?)?),
            None => None,
        };
        let user = |(name, state)| User {
            host: world.host(name),
            state,
            words: plan.words(&roots),
            stage: Stage::Waits(Duration::ZERO),
            attempts: 0,
            jobs: BTreeSet::new(),
            is_cleaning_up: false,
        };
        let users = [Some(("user", first)), second.map(|state| ("second", state))];
        let users = users.into_iter().flatten().map(user).collect();
        write_beside(plan, &roots)?;
        let (stable, stranger) = (Snapshot::of(&roots[1..])?, world.host("stranger"));
        // Its host is the last one, so the other ones are as they are without it.
        let third = if plan.third.is_empty() {
            None
        } else {
            make_side(plan, &roots[1].join(SIDE))?;
            Some(Third::new(world.host("third"), home(make("third")?)?)?)
        };
        let (story, violations) = (String::new(), Vec::new());
        let (faults, gone) = (Vec::new(), Vec::new());
        let versions = plan.source.iter().map(|(name, content)| (name.as_str(), vec![*content])).collect();
        let vanished = VanishedDisk { place: directory.join("away"), steps: None };
        let mut running = Self {
            plan,
            world,
            servers: Servers { hosts, states, token },
            users,
            third,
            roots,
            story,
            violations,
            faults,
            doing: Doing::Begins,
            versions,
            at_start: BTreeMap::new(),
            vanished,
            full: None,
            gone,
            set_back: SetBack { disk: None, under_way: None, stable },
            excused: Excused::default(),
            stranger,
            traces: std::env::var_os("FTP_WORLD_TRACE"),
        };
        Program::ALL.into_iter().for_each(|program| running.serve(program));
        Ok(running)
    }

    fn serve(&mut self, program: Program) {
        let host = self.host(program);
        let ([one, two], [first, second], tls) = (&self.roots, &self.servers.states, self.plan.tls);
        let permits = self.plan.faults.iter().any(|(_, fault)| *fault == Fault::Sabotage(Sabotage::Permits));
        match program {
            Program::Source => {
                let (root, state, has_room) = (one, first, true);
                self.world.serve(host, Serving { root, state, has_room, tls, permits, sessions: 0 });
            }
            Program::Destination => {
                let (root, state, has_room) = (two, second, self.full.is_none());
                self.world.serve(host, Serving { root, state, has_room, tls, permits, sessions: 0 });
            }
            Program::Relay if self.plan.at_hub => self.world.hub(host, &self.servers.token),
            Program::Relay => self.world.relay(host, &self.servers.token),
            Program::Agent if self.plan.at_hub => self.world.agent(host, "relay:2190", &self.servers.token),
            Program::Agent => {}
        }
    }

    const fn host(&self, program: Program) -> HostId {
        self.servers.hosts[program as usize]
    }

    fn tell(&mut self, what: &str) {
        // The directory of the world has another name in each run.
        let directory = self.roots[0].parent().expect("it is in one").to_string_lossy();
        let (now, what) = (self.world.now(), without_pins(&what.replace(&*directory, "")));
        writeln!(self.story, "{:>9.3} {what}", now.as_secs_f64()).expect("a text takes more");
    }

    /// Lets both user agents try until the first one has succeeded and the second one has ended.
    fn carry_out(&mut self) {
        let mut faults = self.plan.faults.clone().into_iter();
        let mut next = faults.next();
        while self.is_busy() {
            for user in 0..self.users.len() {
                self.start_or_end(user);
            }
            self.third_goes_on();
            self.step();
            if self.world.now() > LONGEST {
                return self.violation("it does not end");
            }
            let commands = self.world.take_commands();
            if self.traces.is_some() {
                commands.iter().for_each(|command| self.tell(&format!("    {}", command.words)));
            }
            commands.iter().for_each(|command| self.note_command(command));
            let did: Vec<Doing> = commands.iter().map(|command| Doing::of(&command.words)).collect();
            self.doing = did.last().copied().unwrap_or(self.doing);
            if let Some((when, fault)) = &mut next {
                let is_due = match when {
                    When::After(steps) => {
                        *steps -= 1;
                        *steps == 0
                    }
                    When::Does(doing) => did.contains(doing),
                };
                if is_due {
                    let fault = *fault;
                    next = faults.next();
                    self.suffer(fault);
                }
            }
            if self.users.iter().any(|user| user.attempts > MOST_ATTEMPTS) {
                return self.violation("it does not succeed although nothing more fails");
            }
        }
        self.come_back();
        self.look();
        // A server whose client has gone without a word keeps what it has stored until it notices.
        let until = self.world.now() + NOTICED;
        while !self.is_done() && self.world.now() < until {
            (0..60).for_each(|_| self.step());
        }
        if !self.is_done() {
            let [source, destination] = self.trees().map(|tree| tree.into_keys().collect::<Vec<_>>());
            self.violation(&format!("it has not done all: source {source:?}, destination {destination:?}"));
        }
    }

    /// Whether a user agent has something to do.
    fn is_busy(&self) -> bool {
        self.users.iter().any(|user| user.stage != Stage::Done)
            || self.third.as_ref().is_some_and(|third| third.is_busy(self.plan))
    }

    fn step(&mut self) {
        self.world.step();
        panics::take().iter().for_each(|panic| self.violation(panic));
        for program in Program::ALL {
            if let Some(status) = self.world.ended(self.host(program)) {
                self.violation(&format!("the {program:?} has ended: {status}"));
            }
        }
        if self.world.take_stable(self.host(Program::Destination)) {
            self.set_back.stable = Snapshot::of(&self.roots[1..]).expect("the directory can be read");
        }
        match &mut self.vanished.steps {
            Some(0) => self.come_back(),
            Some(steps) => *steps -= 1,
            None => {}
        }
        match &mut self.full {
            Some(0) => self.has_room_again(),
            Some(steps) => *steps -= 1,
            None => {}
        }
        match self.set_back.disk.take() {
            Some((disk, 0)) => self.set_back(&disk),
            old => self.set_back.disk = old.map(|(disk, steps)| (disk, steps - 1)),
        }
        if self.set_back.under_way.is_some_and(|until| until <= self.world.now()) {
            self.set_back.under_way = None;
            self.end_of_set_back();
        }
        let (now, later) = self.gone.drain(..).partition(|(_, steps)| *steps == 0);
        self.gone = later;
        self.gone.iter_mut().for_each(|(_, steps)| *steps -= 1);
        let now: Vec<(Program, u64)> = now;
        for (program, _) in now {
            self.tell(&format!("{program:?} starts again"));
            self.serve(program);
        }
    }

    /// Lets something go wrong.
    fn suffer(&mut self, fault: Fault) {
        self.tell(&format!("{fault:?} ({:?})", self.doing));
        // An older disk counts when it comes.
        if !matches!(fault, Fault::SetBack { .. }) {
            self.faults.push((fault.name(), self.doing));
        }
        match fault {
            Fault::KillUser { second: true } if self.plan.second.is_none() && self.third.is_some() => {
                self.third.iter_mut().for_each(|third| third.kill(&mut self.world, self.plan));
            }
            Fault::KillUser { second } => {
                let index = usize::from(second).min(self.users.len() - 1);
                let [_, there] = self.trees();
                let user = &mut self.users[index];
                if user.stage == Stage::Runs {
                    self.excused.late.sender_dies(&there);
                    self.world.kill(user.host);
                    user.stage = Stage::Waits(self.world.now());
                    if self.plan.verb == Verb::Append {
                        (user.stage, self.excused.append_may_be_partial) = (Stage::Done, true);
                    } else if self.plan.verb.has_job() {
                        user.words = words(&["resume"]);
                    }
                }
            }
            Fault::Kill { program, steps } => {
                if self.gone.iter().all(|(gone, _)| *gone != program) {
                    self.world.kill(self.host(program));
                    self.gone.push((program, steps));
                }
            }
            Fault::Cut { host, tells } => {
                let host = host.map_or(self.users[0].host, |program| self.host(program));
                self.world.cut(host, tells, 2);
            }
            Fault::Vanish { steps } if self.vanished.steps.is_none() => {
                // A move may have deleted the directory.
                self.vanished.steps =
                    fs::rename(self.source(), &self.vanished.place).is_ok().then_some(steps);
            }
            Fault::Full { steps } if self.full.is_none() => {
                self.full = Some(steps);
                self.start_destination_again();
            }
            Fault::SetBack { steps } if self.set_back.disk.is_none() => {
                let disk = Snapshot::of(&self.roots[1..]).expect("the directory can be read");
                self.set_back.disk = Some((disk, steps));
            }
            Fault::Vanish { .. } | Fault::Full { .. } | Fault::SetBack { .. } => {}
            Fault::Power => self.lose_power(),
            Fault::Stranger { host } => {
                let host = host.map_or(self.users[0].host, |program| self.host(program));
                let text = |_: &[SocketAddr]| "what a stranger sends".to_owned();
                self.world.intrude(host, self.stranger, TargetPorts::Data, text);
            }
            Fault::HostileAccount { host, choice } => {
                let words = |ports: &[SocketAddr]| self.plan.hostile_words(choice, ports);
                self.world.intrude(self.host(host), self.stranger, TargetPorts::Control, words);
            }
            Fault::Clock { host, seconds } => {
                let host = host.map_or(self.users[0].host, |program| self.host(program));
                self.world.set_calendar(host, seconds);
            }
            Fault::Change { file, content } => {
                self.change(file, content).expect("the directory can be written");
            }
            Fault::Sabotage(sabotage) => self.sabotage(sabotage).expect("the directory can be written"),
        }
        self.look();
    }

    /// The directory of the source, wherever it is.
    fn source(&self) -> PathBuf {
        if self.vanished.steps.is_some() { self.vanished.place.clone() } else { self.roots[0].join("tree") }
    }

    /// The destination gets an older state of its disk back.
    fn set_back(&mut self, disk: &Snapshot) {
        self.tell(&format!("the destination has an older state of its disk ({:?})", self.doing));
        self.faults.push(("disk set back", self.doing));
        let names = self.restore(disk);
        self.excused.may_be_lost.extend(names.iter().cloned());
        self.excused.may_differ.extend(names);
        // What was seen before may still delete what is on its way.
        self.set_back.under_way = Some(self.world.now() + 3 * self.world.latency());
    }

    /// The host of the destination loses its power, and starts again. A source that was deleted because of a copy that is gone now
    /// is a violation.
    fn lose_power(&mut self) {
        let stable =
            std::mem::replace(&mut self.set_back.stable, Snapshot::of(&[]).expect("nothing is read"));
        let names = self.restore(&stable);
        self.set_back.stable = stable;
        self.excused.may_differ.extend(names);
    }

    /// Makes the disk of the destination as it was, while its server is killed. Returns the names that have changed.
    fn restore(&mut self, disk: &Snapshot) -> Vec<String> {
        let [_, before] = self.trees();
        let is_gone = self.gone.iter().any(|(gone, _)| *gone == Program::Destination);
        self.world.kill(self.host(Program::Destination));
        disk.restore().expect("the directory can be written");
        let [_, after] = self.trees();
        if !is_gone {
            self.serve(Program::Destination);
        }
        let names = before.keys().chain(after.keys());
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
    }

    fn has_room_again(&mut self) {
        self.tell("the destination has room again");
        self.full = None;
        self.start_destination_again();
    }

    /// Kills the server of the destination and starts it, unless it is gone and starts later.
    fn start_destination_again(&mut self) {
        if self.gone.iter().all(|(gone, _)| *gone != Program::Destination) {
            self.world.kill(self.host(Program::Destination));
            self.serve(Program::Destination);
        }
    }

    /// The disk of the source comes back, if it has vanished.
    fn come_back(&mut self) {
        if self.vanished.steps.take().is_some() {
            self.tell("the disk of the source is there again");
            fs::rename(&self.vanished.place, self.source()).expect("nobody makes directories of the source");
        }
    }

    /// Writes to a file of the source and gives it a later time, unless the file is gone.
    fn change(&mut self, file: usize, content: Content) -> io::Result<()> {
        let (source, count) = (self.source(), self.versions.len());
        let Some((name, versions)) = self.versions.iter_mut().nth(file % count) else { return Ok(()) };
        let name = *name;
        let path = source.join(name);
        if path.exists() {
            fs::write(&path, content.bytes())?;
            let time = UNIX_EPOCH + Duration::from_secs(1_750_000_000 + self.faults.len() as u64);
            File::options().write(true).open(&path)?.set_modified(time)?;
            versions.push(content);
            let now = self.world.now();
            self.excused.crossing.written.insert(name.to_owned(), now);
            self.excuse_crossing(name);
        }
        Ok(())
    }

    fn sabotage(&self, sabotage: Sabotage) -> io::Result<()> {
        let (source, destination) = (self.source(), self.roots[1].join("tree"));
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
            Sabotage::DeletesLeftOut => {
                let files = self.plan.left_out.as_ref().map(|left_out| name(&left_out.files));
                fs::remove_file(source.join(files.unwrap_or_default()))
            }
            Sabotage::HalvesSide => fs::write(self.roots[1].join(SIDE).join("half"), "half"),
            // Its servers know it from the beginning.
            Sabotage::Permits => Ok(()),
            Sabotage::Leaves => fs::write(destination.join(".left"), ""),
            Sabotage::PrintsSecret => {
                self.world.print(self.users[0].host, PASSWORD);
                Ok(())
            }
            Sabotage::Panics => {
                drop(std::panic::catch_unwind(|| panic!("a task has panicked")));
                Ok(())
            }
        }
    }

    fn violation(&mut self, what: &str) {
        self.tell(&format!("VIOLATION: {what}"));
        self.violations.push(what.to_owned());
    }
}

/// A text without the fingerprints of certificates, whose keys no seed decides.
fn without_pins(text: &str) -> String {
    let mut pieces = text.split(PIN);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, rest| {
        text + PIN + rest.trim_start_matches(|digit: char| digit.is_ascii_hexdigit())
    })
}

/// What stands before a fingerprint.
const PIN: &str = "SHA256:";

/// What a directory has.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A home directory with the passwords of the servers, and settings that name the relay.
fn home(path: PathBuf, token: &Path) -> io::Result<PathBuf> {
    write_private(&path.join(".netrc"), &logins())?;
    let settings = path.join(".config/ftp-user");
    fs::create_dir_all(&settings)?;
    let token = token.display();
    let relay = format!("[[relays]]\nname = \"edge\"\naddress = \"relay:2190\"\ntoken-file = \"{token}\"\n");
    write_private(&settings.join("config.toml"), &relay)?;
    Ok(path)
}

pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

pub(super) fn write_all(root: &Path, files: &Files) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for (number, (name, content)) in files.iter().enumerate() {
        write_file(&root.join(name), *content, 1_700_000_000 + number as u64)?;
    }
    Ok(())
}

/// Writes a file that has this time, and the directories above it.
fn write_file(path: &Path, content: Content, time: u64) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, content.bytes())?;
    let time = UNIX_EPOCH + Duration::from_secs(time);
    File::options().write(true).open(path)?.set_modified(time)
}

/// The files below a directory. What vanishes meanwhile is left out.
pub(super) fn read_all(directory: &Path, prefix: &str, files: &mut Tree) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_all(&entry.path(), &format!("{name}/"), files),
            Ok(_) => drop(fs::read(entry.path()).map(|content| files.insert(name, content))),
            Err(_) => {}
        }
    }
}

/// How long a run may last: two days.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// How long a server may take to notice that a client has gone.
const NOTICED: Duration = Duration::from_secs(2 * 3600);
