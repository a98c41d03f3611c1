//! What happens in a run of daemons that share a store: jobs, and faults in the middle of them.

use crate::sim::random::Random;
use crate::world::manners::Manners;
use crate::world::plan::{Content, Doing, Files, Program, When, tree};
use serde::{Deserialize, Serialize};

/// What a run does. It can be written to a file, and read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonsPlan {
    /// What decides everything that the plan does not.
    pub seed: u64,
    /// How long a byte takes from one host to another one, in milliseconds.
    pub latency: u64,
    /// How many daemons there are.
    pub daemons: usize,
    /// How many jobs each carries at the same time.
    pub parallel: u64,
    /// What the servers of the source and of the destination know.
    pub manners: [Manners; 2],
    /// What is left to the queue.
    pub jobs: Vec<PlannedJob>,
    /// What goes wrong, and when, counted from the fault before it.
    pub faults: Vec<(When, DaemonsFault)>,
}

/// A job of the queue. Each has directories of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedJob {
    /// What is asked for.
    pub verb: QueuedVerb,
    /// When, in seconds since the world began.
    pub at: u64,
    /// The files of the source, by their names.
    pub source: Files,
    /// The files that the destination has before.
    pub destination: Files,
}

/// What a job does with its tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QueuedVerb {
    /// The tree is copied.
    Copy,
    /// The tree is moved.
    Move,
    /// The destination is made equal; what only it has stays.
    Sync,
    /// The destination is made equal; what only it has is deleted.
    SyncDelete,
}

impl QueuedVerb {
    /// What is typed before the places.
    pub(super) const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Copy => &["copy", "--queue", "-r"],
            Self::Move => &["move", "--queue", "-r"],
            Self::Sync => &["sync", "--queue"],
            Self::SyncDelete => &["sync", "--queue", "--delete", "--yes"],
        }
    }
}

/// What goes wrong. A daemon that is meant when something is done is the one that does it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DaemonsFault {
    /// A daemon does not work for a while.
    Miss {
        /// The number of the daemon.
        daemon: usize,
        /// What keeps it from working.
        absence: Absence,
        /// For how many seconds.
        seconds: u64,
    },
    /// A server is killed, and starts again later.
    KillServer {
        /// The server that is killed.
        server: Program,
        /// How much later.
        seconds: u64,
    },
    /// Connections of a daemon break, each with a chance of one in two.
    Cut {
        /// The number of the daemon.
        daemon: usize,
        /// Whether both ends see a reset.
        tells: bool,
    },
    /// Not a fault of the world but one of the suite: it does what must not be, and the run must find it.
    Sabotage(DaemonsSabotage),
}

/// What keeps a daemon from working.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Absence {
    /// It is killed, and starts again later.
    Killed,
    /// It gets no turn, and then goes on as if nothing had happened.
    Stopped,
    /// It does not reach the store.
    CutOff,
    /// It reaches nobody. What it has sent to the servers arrives later.
    Alone,
}

impl DaemonsFault {
    /// What went wrong, in a word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Miss { absence: Absence::Killed, .. } => "kill of a daemon",
            Self::Miss { absence: Absence::Stopped, .. } => "daemon without turns",
            Self::Miss { absence: Absence::CutOff, .. } => "daemon without the store",
            Self::Miss { absence: Absence::Alone, .. } => "daemon without a network",
            Self::KillServer { .. } => "kill of a server",
            Self::Cut { .. } => "broken connections",
            Self::Sabotage(_) => "sabotage",
        }
    }
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DaemonsSabotage {
    /// A file of a source is deleted.
    Deletes,
    /// A final name gets half of its file.
    Halves,
    /// Something is left at the destination.
    Leaves,
    /// A file of a job that is done is stored once more.
    StoresAgain,
}

impl DaemonsPlan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00da_e305);
        let latency = random.pick([2, 30, 100, 300, 450]);
        let daemons = 2 + random.length(1);
        let parallel = random.pick([1, 2, 4]);
        let manners = [(); 2].map(|()| {
            use Manners::{Ours, Proftpd, PureFtpd, Vsftpd};
            random.pick([Ours, Ours, Ours, Proftpd, PureFtpd, Vsftpd])
        });
        let jobs = (0..=random.below(3)).map(|_| job(&mut random)).collect();
        let faults = (0..=random.below(6)).map(|_| {
            let soon = random.pick([6, 60, 400]);
            use Doing::{Asks, Copies, Deletes, Publishes};
            let doing = random.pick([Copies, Asks, Publishes, Deletes]);
            let is_soon = random.once_in(2);
            let when = if is_soon { When::After(1 + random.below(soon)) } else { When::Does(doing) };
            (when, fault(&mut random, daemons))
        });
        let faults = faults.collect();
        Self { seed, latency, daemons, parallel, manners, jobs, faults }
    }

    /// How much happens in it.
    fn size(&self) -> usize {
        let files = self.jobs.iter().map(|job| 1 + job.source.len() + job.destination.len()).sum::<usize>();
        let foreign = self.manners.iter().filter(|manners| **manners != Manners::Ours).count();
        self.faults.len() + files + foreign + self.daemons
    }

    /// Plans in which less happens.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let with = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            plan
        };
        let faults = (0..self.faults.len()).map(|at| {
            with(&|plan| {
                let (_, _): (When, DaemonsFault) = plan.faults.remove(at);
            })
        });
        let jobs = (0..self.jobs.len()).map(|at| with(&|plan| drop(plan.jobs.remove(at))));
        let ours = (0..2).map(|end| with(&|plan| plan.manners[end] = Manners::Ours));
        let halves = (0..self.jobs.len()).flat_map(|at| {
            let half = |files: &mut Files, second: bool| {
                let (count, all) = (files.len() / 2, std::mem::take(files).into_iter());
                *files = if second { all.skip(count).collect() } else { all.take(count).collect() };
            };
            [false, true].into_iter().flat_map(move |second| {
                [
                    with(&|plan| half(&mut plan.jobs[at].source, second)),
                    with(&|plan| half(&mut plan.jobs[at].destination, second)),
                ]
            })
        });
        let two = with(&|plan| plan.daemons = 2);
        let all = jobs.chain(halves).chain(faults).chain(ours).chain([two]);
        let fits = |plan: &Self| {
            !plan.jobs.is_empty()
                && plan.jobs.iter().all(|job| !job.source.is_empty())
                && plan.size() < self.size()
        };
        all.filter(fits).collect()
    }
}

fn job(random: &mut Random) -> PlannedJob {
    use QueuedVerb::{Copy, Move, Sync, SyncDelete};
    let verb = random.pick([Copy, Move, Move, Sync, SyncDelete]);
    let most = random.pick([4, 20, 60]);
    let source = tree(random, most);
    let mut destination = Files::new();
    if verb != Copy {
        for (name, content) in &source {
            match random.below(7) {
                0 => drop(destination.insert(name.clone(), Content::of(random, 107))),
                1 => drop(destination.insert(name.clone(), *content)),
                _ => {}
            }
        }
        for number in 0..random.below(3) {
            destination.insert(format!("{EXTRA}{number}"), Content::of(random, 100));
        }
    }
    PlannedJob { verb, at: random.below(20), source, destination }
}

fn fault(random: &mut Random, daemons: usize) -> DaemonsFault {
    let daemon = random.length(daemons - 1);
    let miss = |absence, seconds| DaemonsFault::Miss { daemon, absence, seconds };
    match random.below(9) {
        0 | 1 => miss(Absence::Killed, random.pick([0, 5, 40])),
        2..=4 => miss(Absence::Stopped, random.pick([5, 33, 45, 60, 80, 120])),
        5 => miss(Absence::CutOff, random.pick([3, 12, 40, 100])),
        6 => miss(Absence::Alone, random.pick([5, 33, 45, 60, 80])),
        7 => DaemonsFault::KillServer {
            server: random.pick([Program::Source, Program::Destination]),
            seconds: random.pick([0, 2, 20]),
        },
        _ => DaemonsFault::Cut { daemon, tells: !random.once_in(3) },
    }
}

/// The directory of what only the destination has.
pub(super) const EXTRA: &str = "extra/";
