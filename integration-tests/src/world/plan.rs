//! What happens in a run: a command between two directories, and faults in the middle of it.

mod third;
mod wider;
mod words;

pub use words::Naming;
pub(super) use words::{HERE, OWN, SIDE};

use super::manners::Manners;
use crate::sim::random::Random;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use words::options;

/// What a run does. It can be written to a file, and read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What decides everything that the plan does not.
    pub seed: u64,
    /// What is asked of the user agent.
    pub verb: Verb,
    /// Where the two directories are.
    #[serde(default)]
    pub placement: Placement,
    /// The path that the user agent is told to take, as `--path` names it.
    pub path: Cow<'static, str>,
    /// Other options that are typed. None of them changes what must hold.
    #[serde(default)]
    pub options: Vec<Cow<'static, str>>,
    /// How the sources of a copy or a move are typed.
    #[serde(default)]
    pub naming: Naming,
    /// Files that a filter leaves out.
    #[serde(default)]
    pub left_out: Option<LeftOut>,
    /// What a third user agent is told meanwhile, one thing after the other. Nothing of it changes the trees.
    #[serde(default)]
    pub third: Vec<Cow<'static, str>>,
    /// Whether the host `relay` runs a hub, which an agent joins, instead of a relay that listens.
    pub at_hub: bool,
    /// What the servers of the source and of the destination know.
    pub manners: [Manners; 2],
    /// Whether logins and files are inside TLS.
    #[serde(default)]
    pub tls: bool,
    /// The files of the source, by their names.
    pub source: Files,
    /// The files that the destination has before.
    pub destination: Files,
    /// Another user agent that is asked for the same at the same time.
    pub second: Option<Second>,
    /// What goes wrong, and when, counted from the fault before it.
    pub faults: Vec<(When, Fault)>,
}

/// Where the directories of the source and of the destination are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Placement {
    /// Both at servers.
    #[default]
    AtServers,
    /// The source at the host of the user agent.
    SourceHere,
    /// The destination at the host of the user agent.
    DestinationHere,
}

/// Files in a directory of the source that stay there: a filter leaves the directory out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The option that says so.
    pub filter: Cow<'static, str>,
    /// The files that stay.
    pub files: Files,
}

/// A second user agent. It need not succeed: after some failures its job is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Second {
    /// Whether it keeps its state where the first one does.
    pub shares_state: bool,
}

/// Files by their names below a directory.
pub type Files = BTreeMap<String, Content>;

/// What a file contains: so many bytes that a number chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    choice: u64,
    length: usize,
    /// Where one byte is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed_at: Option<usize>,
}

impl Content {
    pub(super) fn of(random: &mut Random, length: usize) -> Self {
        Self { choice: random.bits() >> 32, length, changed_at: None }
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = Random::new(self.choice).bytes(self.length);
        if let Some(byte) = self.changed_at.and_then(|at| bytes.get_mut(at)) {
            *byte = !*byte;
        }
        bytes
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
    /// The first file of the source is appended to that of the destination.
    Append,
    /// A directory of the destination is deleted.
    Remove,
}

impl Verb {
    /// Whether a journal keeps what it does, so that another run goes on.
    pub(super) const fn has_job(self) -> bool {
        match self {
            Self::Copy | Self::Move | Self::Sync | Self::SyncDelete => true,
            Self::Append | Self::Remove => false,
        }
    }

    /// Whether it may delete this name, which only the destination has.
    fn may_delete(self, name: &str) -> bool {
        match self {
            Self::SyncDelete => true,
            Self::Remove => name.starts_with(REMOVED),
            Self::Copy | Self::Move | Self::Sync | Self::Append => false,
        }
    }
}

/// The directory that [`Verb::Remove`] deletes.
const REMOVED: &str = "extra/";
/// The directory that a filter leaves out.
const LEFT_OUT: &str = "left/";

/// A program that serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Program {
    /// The server of the source.
    Source,
    /// The server of the destination.
    Destination,
    /// The relay, or the hub.
    Relay,
    /// The agent at the hub. Without a hub it does not run.
    Agent,
}

impl Program {
    /// All of them, in the order of their hosts.
    pub(super) const ALL: [Self; 4] = [Self::Source, Self::Destination, Self::Relay, Self::Agent];
}

/// When something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum When {
    /// After so many steps.
    After(u64),
    /// When the user agents do this.
    Does(Doing),
}

/// What the user agents do, by the command that they have sent last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Doing {
    /// They are not connected, or log in.
    Begins,
    /// They look at names.
    Looks,
    /// They make a data connection.
    Connects,
    /// A file moves.
    Copies,
    /// They ask for its size, its time or its digest, mostly to verify it.
    Asks,
    /// It gets its final name.
    Publishes,
    /// They delete something.
    Deletes,
}

impl Doing {
    /// What a command is for, by its words.
    pub(super) fn of(command: &str) -> Self {
        let mut words = command.split(' ');
        match (words.next().unwrap_or_default(), words.next()) {
            ("MLSD" | "MLST" | "LIST" | "NLST" | "CWD" | "PWD" | "STAT" | "MKD" | "XMKD", _)
            | ("PACK", Some("LOOK")) => Self::Looks,
            (
                "PASV" | "PORT" | "EPSV" | "EPRT" | "LSTN" | "SOCK" | "GSOC" | "RSYM" | "RNDZ" | "TYPE"
                | "REST" | "PROB",
                _,
            ) => Self::Connects,
            ("RETR" | "STOR" | "APPE" | "ABOR" | "DGST" | "RATE", _) | ("PACK", Some("SEND" | "STORE")) => {
                Self::Copies
            }
            ("SIZE" | "MDTM" | "HASH" | "XSHA256" | "XSHA1" | "XCRC" | "XMD5" | "XSHA" | "XSHA512", _) => {
                Self::Asks
            }
            ("RNFR" | "RNTO" | "MFMT" | "MFF" | "SITE", _) | ("PACK", Some("KEEP")) => Self::Publishes,
            ("DELE" | "RMD" | "XRMD" | "PACK", _) => Self::Deletes,
            _ => Self::Begins,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fault {
    /// A user agent is killed; its job is resumed at once.
    KillUser {
        /// Whether it is the second one, or the third one, if there is one.
        second: bool,
    },
    /// A program that serves is killed, and starts again after some steps.
    Kill {
        /// The one that is killed.
        program: Program,
        /// How long it is gone.
        steps: u64,
    },
    /// Connections of a host break, each with a chance of one in two.
    Cut {
        /// The host of that program, or of the first user agent.
        host: Option<Program>,
        /// Whether both ends see a reset.
        tells: bool,
    },
    /// Somebody writes to a file of the source, if it is still there.
    Change {
        /// The number of the file in the order of names, modulo the number of files.
        file: usize,
        /// What it contains then.
        content: Content,
    },
    /// The disk of the source vanishes, and comes back as it was.
    Vanish {
        /// How many steps it is gone.
        steps: u64,
    },
    /// The server of the destination starts again and has no room, until it starts once more.
    Full {
        /// How many steps it has no room.
        steps: u64,
    },
    /// The calendar of a host is set to another time.
    Clock {
        /// The host of that program, or of the first user agent.
        host: Option<Program>,
        /// By how much.
        seconds: i64,
    },
    /// The destination gets back an older state of its disk: what was stored since is gone.
    SetBack {
        /// The steps from this moment until the disk is as it is now.
        steps: u64,
    },
    /// The host of the destination loses its power: what nobody has asked its server to put on its disk is gone.
    Power,
    /// A stranger connects to every data port on which a host listens, before the expected peer, and sends bytes.
    Stranger {
        /// The host of that program, or of the first user agent.
        host: Option<Program>,
    },
    /// A user who may read the trees, and nothing more, sends commands to a server that change, delete or open data connections.
    HostileAccount {
        /// Which server gets them.
        host: Program,
        /// What chooses the commands.
        choice: u64,
    },
    /// Not a fault of the world but one of the suite: it does what must not be, and the run must find it.
    Sabotage(Sabotage),
}

impl Fault {
    /// What went wrong, in a word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KillUser { .. } => "kill of the user agent",
            Self::Kill { .. } => "kill of another program",
            Self::Cut { tells: true, .. } => "reset connections",
            Self::Cut { tells: false, .. } => "silent connections",
            Self::Change { .. } => "changed source",
            Self::Vanish { .. } => "source without its disk",
            Self::Full { .. } => "destination without room",
            Self::Clock { .. } => "calendar set",
            Self::SetBack { .. } => "disk set back",
            Self::Power => "destination without power",
            Self::Stranger { .. } => "stranger at data ports",
            Self::HostileAccount { .. } => "hostile account",
            Self::Sabotage(_) => "sabotage",
        }
    }
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
    /// A file of the source that a filter leaves out is deleted.
    DeletesLeftOut,
    /// The third user agent has stored half of a file.
    HalvesSide,
    /// The account that may only read has all rights.
    Permits,
    /// Something is left at the destination.
    Leaves,
    /// A user agent prints its password.
    PrintsSecret,
    /// A program panics, and its scheduler catches it.
    Panics,
}

impl Plan {
    /// The plan of a seed: at most `files` files and `faults` faults.
    pub fn of(seed: u64, files: u64, faults: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00f7_9a11);
        let verb = random.pick([Verb::Copy, Verb::Move, Verb::Sync, Verb::SyncDelete]);
        let rare = random.pick([None, None, None, None, Some(Verb::Append), Some(Verb::Remove)]);
        let verb = rare.unwrap_or(verb);
        let placement = random.pick([
            Placement::AtServers,
            Placement::AtServers,
            Placement::AtServers,
            Placement::SourceHere,
            Placement::DestinationHere,
        ]);
        let placement = if verb.has_job() { placement } else { Placement::AtServers };
        let path = random.pick(["auto", "auto", "relay", "user"]);
        let path = if placement == Placement::AtServers { path } else { "auto" }.into();
        let at_hub = random.once_in(2);
        let mut manners = [(); 2].map(|()| {
            use Manners::{Iis, Ours, Proftpd, PureFtpd, Standard, Vsftpd};
            random.pick([Ours, Ours, Ours, Proftpd, PureFtpd, Vsftpd, Iis, Standard])
        });
        if verb == Verb::Move && manners[0] == Manners::Standard {
            // A source of which no time is known stays.
            manners[0] = Manners::Vsftpd;
        }
        if verb == Verb::Append && manners[1] == Manners::Standard {
            // Of a destination of which no size is known nobody can tell what was appended.
            manners[1] = Manners::Vsftpd;
        }
        match placement {
            Placement::AtServers => {}
            Placement::SourceHere => manners[0] = Manners::Ours,
            Placement::DestinationHere => manners[1] = Manners::Ours,
        }
        let tls = manners == [Manners::Ours; 2] && random.once_in(3);
        let source = tree(&mut random, files);
        let destination = destination(&mut random, verb, &source);
        let second =
            (random.once_in(4) && verb.has_job()).then(|| Second { shares_state: random.once_in(2) });
        let faults = (0..random.below(faults + 1)).map(|_| {
            // The beginning has most of what is looked at, and the least of what is copied.
            let soon = random.pick([6, 30, 120]);
            use Doing::{Asks, Copies, Deletes, Publishes};
            // Who deletes nothing would wait for ever, and with it all later faults.
            let deletes = matches!(verb, Verb::Move | Verb::SyncDelete | Verb::Remove);
            let doing = random.pick([Copies, Asks, Publishes, if deletes { Deletes } else { Publishes }]);
            // Inside TLS nobody sees what the user agents do.
            let is_soon = random.once_in(2) || tls;
            let when = if is_soon { When::After(1 + random.below(soon)) } else { When::Does(doing) };
            (when, fault(&mut random, &source, at_hub))
        });
        let faults = faults.collect();
        let mut options = options(&mut Random::new(seed ^ 0x0b71_0115), verb);
        if path == "relay" {
            // What foreign servers send is held back by this host alone.
            options.retain(|option| !option.starts_with("--limit"));
        }
        let plan = Self {
            seed,
            verb,
            placement,
            path,
            options,
            naming: Naming::default(),
            left_out: None,
            third: Vec::new(),
            at_hub,
            manners,
            tls,
            source,
            destination,
            second,
            faults,
        };
        plan.with_fitting_faults().wider()
    }

    /// The same with the end of a program in the place of each fault that does not fit.
    fn with_fitting_faults(mut self) -> Self {
        // Nobody can ask for anything to be put on the disk, or it is not seen.
        let keeps_power =
            self.manners[1] != Manners::Ours || self.tls || self.placement == Placement::DestinationHere;
        for (_, fault) in &mut self.faults {
            let is_unfit = (*fault == Fault::Power && keeps_power)
                // The login of that account is in clear.
                || (matches!(fault, Fault::HostileAccount { .. }) && self.tls)
                // No disk has another state while a program of its host has files open there.
                || (matches!(fault, Fault::SetBack { .. }) && self.placement == Placement::DestinationHere)
                // What is appended may be of two versions: nothing can be taken back.
                || (matches!(fault, Fault::Change { .. }) && self.verb == Verb::Append);
            if is_unfit {
                *fault = Fault::Kill { program: Program::Destination, steps: 1 };
            }
        }
        self
    }

    /// Whether the verb may delete this name, which only the destination has.
    pub(super) fn may_delete(&self, name: &str) -> bool {
        self.verb.may_delete(name) && !(self.left_out.is_some() && name.starts_with(LEFT_OUT))
    }

    /// Whether sources are named that have gone when they are named again.
    pub(super) fn names_what_goes(&self) -> bool {
        self.verb == Verb::Move && self.naming != Naming::Tree
    }

    /// Whether a name of the source stays where it is because a filter leaves it out.
    pub(super) fn leaves_out(&self, name: &str) -> bool {
        self.left_out.as_ref().is_some_and(|left_out| left_out.files.contains_key(name))
    }

    /// How much happens in it.
    pub(super) fn size(&self) -> usize {
        let files = self.source.len() + self.destination.len();
        let foreign = self.manners.iter().filter(|manners| **manners != Manners::Ours).count();
        let typed = self.options.len() + self.third.len() + usize::from(self.naming != Naming::Tree);
        let others = [self.second.is_some(), self.left_out.is_some()];
        let others = others.into_iter().map(usize::from).sum::<usize>();
        self.faults.len() + files + foreign + typed + others
    }
}

pub(super) fn tree(random: &mut Random, files: u64) -> Files {
    let count = 1 + random.below(files);
    let file = |number| {
        let directory = random.pick(["", "a/", "a/b/", "c/"]);
        let length = random.pick([0, 10, 1_000, 20_000, 200_000]);
        let length = random.length(length);
        (format!("{directory}{number}"), Content::of(random, length))
    };
    (0..count).map(file).collect()
}

/// What the destination has before.
fn destination(random: &mut Random, verb: Verb, source: &Files) -> Files {
    let mut destination = Files::new();
    if verb == Verb::Copy || (verb == Verb::Move && random.once_in(2)) {
        return destination;
    }
    for (name, content) in source {
        match random.below(7) {
            0 => drop(destination.insert(name.clone(), Content::of(random, content.length + 7))),
            1 => drop(destination.insert(name.clone(), *content)),
            _ => {}
        }
    }
    for number in 0..random.below(4) {
        destination.insert(format!("{REMOVED}{number}"), Content::of(random, 100));
    }
    match verb {
        Verb::Append => destination.extend(
            source
                .first_key_value()
                .map(|(name, content)| (name.clone(), Content { choice: !content.choice, ..*content })),
        ),
        Verb::Remove => drop(destination.insert(format!("{REMOVED}last"), Content::of(random, 100))),
        Verb::Copy | Verb::Move | Verb::Sync | Verb::SyncDelete => {}
    }
    destination
}

fn fault(random: &mut Random, source: &Files, at_hub: bool) -> Fault {
    let programs = &Program::ALL[..if at_hub { 4 } else { 3 }];
    let last = programs.len() - 1;
    match random.below(11) {
        0 => Fault::KillUser { second: random.once_in(3) },
        1 => Fault::Kill { program: programs[random.length(last)], steps: random.below(60) },
        2 => {
            let file = random.length(source.len() - 1);
            // Half of the changes keep the length, so that the size alone does not show them.
            let length = source.values().nth(file).map_or(0, |content| content.length);
            let longer = if random.once_in(2) { random.length(1_000) } else { 0 };
            Fault::Change { file, content: Content::of(random, length + longer) }
        }
        3 => Fault::Vanish { steps: 1 + random.below(60) },
        4 => Fault::Full { steps: 1 + random.below(60) },
        5 => {
            let host = programs.get(random.length(last + 1)).copied();
            Fault::Clock { host, seconds: random.pick([-400 * 86_400, -3_600, -2, 2, 3_600, 400 * 86_400]) }
        }
        6 => Fault::SetBack { steps: 1 + random.below(60) },
        7 => Fault::Power,
        8 => Fault::Stranger { host: programs.get(random.length(last + 1)).copied() },
        9 => Fault::HostileAccount {
            host: random.pick([Program::Source, Program::Destination]),
            choice: random.bits() >> 32,
        },
        _ => Fault::Cut { host: programs.get(random.length(last + 1)).copied(), tells: !random.once_in(3) },
    }
}
