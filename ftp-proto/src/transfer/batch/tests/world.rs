//! Two servers of a model, the connection between them, and perhaps a host that joins it.

use crate::client::Standing;
use crate::command::{Command, FileNumbers, FileToSend, FileToStore, GroupNumber, Pack};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::listing::When;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Class, Code, Reply, classify};
use crate::transfer::batch::{BatchFile, BatchOpening, BatchTerms, Window};
use crate::transfer::{DataTls, Input, Junction, Output, Party, Posture, Postures, Side};
use crate::wire::PathName;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Fault {
    #[default]
    None,
    /// The source refuses the group of this file.
    NoSend(usize),
    /// The destination refuses the group of this file.
    NoStore(usize),
    /// The source leaves out this file, because it has changed.
    Omits(usize),
    /// The destination does not store this file, and says so.
    Fails(usize),
    /// The destination stores other bytes of this file.
    Spoils(usize),
    /// The source sends this file in the place of the one after it, and the other way round.
    Swaps(usize),
    /// The destination does not give this file its name, and says so.
    NoName(usize),
    /// The group of this file is named by half, and PACK KEEP is refused.
    NoKeep(usize),
    /// Nothing is named, and PACK KEEP is answered as if it were.
    NamesNothing,
    /// PACK KEEP of this file's group asks for another command.
    KeepAsks(usize),
    /// Something has the final name of this file.
    Taken(usize),
    /// Something has the final names of all files but this one.
    TakenBut(usize),
    /// That side says such a thing of this file's group.
    Says(Side, usize, Lie),
    /// The session of the destination ends at this step.
    Lost(usize),
    /// The destination says nothing any more from this step on.
    Silent(usize),
    /// The destination closes the connection after the group of this file, in order.
    NotKept(usize),
    /// SOCK is refused, and PORT.
    NoSock,
    /// The host in the middle joins nothing.
    NoJoin,
    /// The host in the middle loses both connections at this step.
    Breaks(usize),
}

/// A reply about a group that is not true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lie {
    /// The line of a file is missing.
    Missing,
    /// It is there twice.
    Twice,
    /// It has the number of a file that is not there.
    Beyond,
    /// There is a line that nobody can read.
    Unreadable,
    /// The file has another digest.
    OtherDigest,
    /// It has another size.
    OtherSize,
    /// The lines of two files have each other's numbers.
    Exchanged,
    /// There is no line at all.
    Empty,
}

impl Lie {
    pub(super) const ALL: [Self; 8] = [
        Self::Missing,
        Self::Twice,
        Self::Beyond,
        Self::Unreadable,
        Self::OtherDigest,
        Self::OtherSize,
        Self::Exchanged,
        Self::Empty,
    ];

    /// What is said in the place of these lines, the one in the middle being about the file.
    fn tell(self, lines: &mut Vec<String>, at: usize) {
        let change = |line: &str, word: usize, to: &str| {
            let mut words: Vec<&str> = line.split(' ').collect();
            words[word] = to;
            words.join(" ")
        };
        match self {
            Self::Missing => drop(lines.remove(at)),
            Self::Twice => lines.push(lines[at].clone()),
            Self::Beyond => lines[at] = change(&lines[at], 0, "257"),
            Self::Unreadable => lines[at] = change(&lines[at], 1, "many"),
            Self::OtherDigest => lines[at] = change(&lines[at], 2, &digest(b"another file")),
            Self::OtherSize => lines[at] = change(&lines[at], 1, "999"),
            Self::Exchanged => {
                let other = if at == 0 { lines.len() - 1 } else { at - 1 };
                let (one, two) = (lines[at].clone(), lines[other].clone());
                let number = |line: &str| line.split(' ').next().unwrap().to_owned();
                lines[at] = change(&one, 0, &number(&two));
                lines[other] = change(&two, 0, &number(&one));
            }
            Self::Empty => lines.clear(),
        }
    }
}

pub(in crate::transfer) fn name(text: &str) -> PathName {
    PathName::from_user(text).unwrap()
}

/// The number in a name.
pub(in crate::transfer) fn index(path: &PathName) -> usize {
    path.display().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

pub(in crate::transfer) fn digest(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7_u128, |sum, byte| sum.wrapping_mul(1_000_003) ^ u128::from(*byte));
    format!("{sum:064x}")
}

pub(super) fn party(address: &str) -> Party {
    let capabilities = Capabilities {
        sock: true,
        lstn: true,
        rndz: true,
        takes_ahead: true,
        pack: true,
        dgst: vec![Algorithm::Sha256],
        ..Capabilities::default()
    };
    let (dialect, address, standing) = (Dialect::Rfc959, address.parse().unwrap(), Standing::default());
    Party { dialect, capabilities, address, standing, given: false, leaf: None }
}

pub(super) fn terms(opening: BatchOpening, window: Window) -> BatchTerms {
    let (tls, algorithm, silence) = (DataTls::Clear, Algorithm::Sha256, Duration::from_secs(10));
    BatchTerms { opening, tls, algorithm, window, connect: silence, silence }
}

/// One end listens, and the other one connects to it.
pub(super) fn direct(passive: Side) -> BatchOpening {
    BatchOpening::Direct { passive, secret: RendezvousSecret::new([7; 32]) }
}

/// How the data connection is opened with this seed: every case comes.
pub(super) fn opening(seed: u64) -> BatchOpening {
    let posture = |bit: u64| if seed & bit == 0 { Posture::Passive } else { Posture::Active };
    match seed % 3 {
        0 => direct(Side::Destination),
        1 => direct(Side::Source),
        _ => {
            let postures = Postures { source: posture(1), destination: posture(2) };
            if seed & 4 == 0 {
                return BatchOpening::Relayed { postures, secret: RendezvousSecret::new([7; 32]) };
            }
            BatchOpening::Through { postures }
        }
    }
}

/// How far the host in the middle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Middle {
    /// It was not asked, or there is none.
    #[default]
    Unasked,
    /// It was asked for the source's data connection, for which it listens here.
    Half(Option<SocketAddr>),
    /// It was asked for both, and answers with these addresses.
    Asked([Option<SocketAddr>; 2]),
    /// It has joined the two, or never will.
    Over,
}

/// A random number generator (xorshift).
pub(in crate::transfer) struct Dice(pub(in crate::transfer) u64);

impl Dice {
    pub(in crate::transfer) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// The files of a group: where each goes, and its bytes unless it was left out.
type Held = Vec<(PathName, Option<Vec<u8>>)>;

/// Two servers and the connection between them.
#[derive(Default)]
pub(super) struct World {
    fault: Fault,
    pub(super) files: Vec<Vec<u8>>,
    /// Commands on their way, for each side.
    pub(super) inbox: [VecDeque<Command>; 2],
    pub(super) is_closed: [bool; 2],
    /// The groups on the data connection; `None` while there is none.
    connection: Option<VecDeque<Vec<Option<Vec<u8>>>>>,
    was_open: bool,
    /// The source has ended it: what it has sent still arrives.
    has_ended: bool,
    /// What has its name.
    pub(super) stored: BTreeMap<PathName, Vec<u8>>,
    /// What waits for PACK KEEP, by the number of its group.
    pub(super) held: BTreeMap<GroupNumber, Held>,
    /// The most groups that were held.
    pub(super) most_held: usize,
    /// The transfer at the head has its preliminary reply.
    has_begun: bool,
    pub(super) in_blocks: [bool; 2],
    pub(super) steps: usize,
    pub(super) middle: Middle,
    /// Whether a relay is in the middle, not the user agent.
    is_relayed: bool,
    /// Which ends know where to connect, or listen.
    may_meet: [bool; 2],
}

impl World {
    pub(super) fn new(fault: Fault, files: Vec<Vec<u8>>) -> Self {
        Self { fault, files, ..Self::default() }
    }

    /// What a server says to the command at its head; `None` if that has to wait.
    pub(super) fn answer(&mut self, side: Side) -> Option<(u16, Vec<String>)> {
        self.steps += 1;
        let at = usize::from(side == Side::Destination);
        if side == Side::Destination && matches!(self.fault, Fault::Silent(step) if self.steps >= step) {
            return None;
        }
        let say = |code: u16| Some((code, vec!["text".to_owned()]));
        match self.inbox[at].front().cloned()? {
            Command::Mode(mode) => {
                self.in_blocks[at] = mode == crate::command::Mode::Block;
                say(200)
            }
            Command::Lstn(_) => {
                self.may_meet[at] = true;
                Some((255, vec!["SOCK 40002".into()]))
            }
            Command::Epsv(_) => {
                self.may_meet[at] = true;
                Some((229, vec!["Listening (|||40002|)".into()]))
            }
            Command::Sock(_) | Command::Port(_) if self.fault == Fault::NoSock => say(501),
            Command::Sock(_) | Command::Port(_) => {
                self.may_meet[at] = true;
                say(200)
            }
            Command::Pack(pack) => self.pack(side, *pack),
            Command::Mlst(Some(path)) if self.stored.contains_key(&path) => {
                let facts = format!(" type=file;size={}; {}", self.stored[&path].len(), path.display());
                Some((250, vec!["facts".into(), facts, "end".into()]))
            }
            Command::Mlst(Some(_)) => Some((550, vec!["no such file".into()])),
            _ => say(200),
        }
    }

    /// The reply to the command at the head of that side.
    pub(super) fn said(&mut self, side: Side, code: u16, lines: Vec<String>) -> Input {
        let inbox = &mut self.inbox[at(side)];
        let class = classify(Dialect::Rfc959, inbox.front().unwrap().verb(), Code(code));
        if class != Class::Preliminary {
            inbox.pop_front();
        }
        let lines = lines.into_iter().map(String::into_bytes).collect();
        Input::Reply { side, reply: Reply { code: Code(code), lines }, class }
    }

    /// What the machine asks of the host in the middle.
    pub(super) fn middle_hears(&mut self, output: Output) {
        match output {
            Output::JoinAtRelay { source, destination } => {
                self.asks(Side::Source, source);
                self.asks(Side::Destination, destination);
                self.is_relayed = true;
            }
            Output::Connect(side, to) => self.asks(side, Junction::Dial(to)),
            Output::Listen(side) => self.asks(side, Junction::Listen),
            Output::Copy | Output::Finish => {}
            other => panic!("nothing for the host in the middle: {other:?}"),
        }
    }

    /// It is asked for the data connection of that side.
    fn asks(&mut self, side: Side, junction: Junction) {
        let address = match junction {
            Junction::Dial(to) => {
                assert!(self.may_meet[at(side)] && to.port() == 40_002, "{side:?} does not listen there");
                None
            }
            Junction::Listen => Some("192.0.2.9:40009".parse().unwrap()),
        };
        self.middle = match (side, self.middle) {
            (Side::Source, Middle::Unasked) => Middle::Half(address),
            (Side::Destination, Middle::Half(source)) => Middle::Asked([source, address]),
            (side, middle) => panic!("{side:?} is asked for, and the middle is {middle:?}"),
        };
    }

    /// What the host in the middle says, if it was asked.
    pub(super) fn middle_says(&mut self) -> Vec<Input> {
        let Middle::Asked([source, destination]) = self.middle else { return Vec::new() };
        self.middle = Middle::Over;
        let has_broken = matches!(self.fault, Fault::Breaks(step) if self.steps >= step);
        if self.fault == Fault::NoJoin || has_broken {
            return vec![self.has_broken()];
        }
        if self.is_relayed {
            return vec![Input::RelayReady { source, destination }];
        }
        let ready = |side, at: Option<SocketAddr>| match at {
            Some(at) => Input::Listening(side, at),
            None => Input::Connected(side),
        };
        vec![ready(Side::Destination, destination), ready(Side::Source, source)]
    }

    /// How the driver tells that the host in the middle joins nothing, or has lost what it had joined.
    pub(super) fn has_broken(&self) -> Input {
        let why = "it has broken".to_owned();
        if self.is_relayed { Input::RelayRefused(why) } else { Input::DataFailed(Side::Source, why) }
    }

    /// The host in the middle loses both connections, and what was on them.
    pub(super) fn breaks(&mut self) {
        (self.connection, self.was_open, self.has_ended) = (None, true, true);
    }

    fn pack(&mut self, side: Side, pack: Pack) -> Option<(u16, Vec<String>)> {
        match (side, pack) {
            (Side::Source, Pack::Send(directory, files)) => self.send(&directory, &files),
            (Side::Destination, Pack::Look(directory, names)) => {
                let paths = names.iter().map(|name| name.in_directory(&directory));
                let is_taken = |path: &PathName| {
                    let index = index(path);
                    self.stored.contains_key(path)
                        || self.fault == Fault::Taken(index)
                        || matches!(self.fault, Fault::TakenBut(free) if free != index)
                };
                let taken = paths.zip(1..).filter(|(path, _)| is_taken(path));
                let mut lines: Vec<String> =
                    taken.map(|(_, number)| format!("{number} left taken")).collect();
                lines.push("looked".to_owned());
                Some((250, lines))
            }
            (Side::Destination, Pack::Store(number, directory, files)) => {
                self.store(number, &directory, &files)
            }
            (Side::Destination, Pack::Keep(number, numbers)) => Some(self.keep(number, &numbers)),
            (Side::Destination, Pack::Drop(number)) => {
                assert!(self.held.remove(&number).is_some(), "group {number} is not held");
                Some((250, vec!["dropped".to_owned()]))
            }
            (side, pack) => panic!("{side:?} gets {pack:?}"),
        }
    }

    /// What is said of a transfer: of each file its bytes, or that it was left out.
    fn done(&self, side: Side, files: &[(usize, Option<&Vec<u8>>)], code: u16) -> (u16, Vec<String>) {
        let line = |(number, (_, bytes)): (usize, &(usize, Option<&Vec<u8>>))| match bytes {
            Some(bytes) => format!("{number} {} {}", bytes.len(), digest(bytes)),
            None => format!("{number} left changed"),
        };
        let mut lines: Vec<String> = (1..).zip(files).map(line).collect();
        if let Fault::Says(liar, file, lie) = self.fault
            && let Some(at) = files.iter().position(|(index, _)| *index == file)
            && liar == side
        {
            lie.tell(&mut lines, at);
        }
        lines.push("done".to_owned());
        (code, lines)
    }

    fn send(&mut self, directory: &PathName, files: &[FileToSend]) -> Option<(u16, Vec<String>)> {
        let say = |code: u16| Some((code, vec!["text".to_owned()]));
        let indexes: Vec<usize> =
            files.iter().map(|file| index(&file.name.in_directory(directory))).collect();
        if indexes.iter().any(|index| self.fault == Fault::NoSend(*index)) {
            self.has_ended = true;
            return say(550);
        }
        if !self.was_open {
            if !matches!(self.inbox[1].front(), Some(Command::Pack(pack)) if matches!(**pack, Pack::Store(..)))
            {
                return None; // both ends connect, or none
            }
            assert_eq!(self.may_meet, [true; 2], "an end does not know the other one");
            assert!(
                !matches!(self.middle, Middle::Half(_) | Middle::Asked(_)),
                "the host in the middle is not ready"
            );
            self.was_open = true;
            self.connection = Some(VecDeque::new());
        }
        let bytes = |index: usize| (self.fault != Fault::Omits(index)).then(|| self.files[index].clone());
        let sent = |index: usize| {
            let is_one = self.fault == Fault::Swaps(index) && indexes.contains(&(index + 1));
            let before = index.checked_sub(1).filter(|before| indexes.contains(before));
            let other = before.filter(|before| self.fault == Fault::Swaps(*before));
            bytes(if is_one { index + 1 } else { other.unwrap_or(index) })
        };
        let group: Vec<Option<Vec<u8>>> = indexes.iter().map(|index| sent(*index)).collect();
        let told: Vec<Option<Vec<u8>>> = indexes.iter().map(|index| bytes(*index)).collect();
        let told: Vec<(usize, Option<&Vec<u8>>)> =
            indexes.iter().copied().zip(told.iter().map(Option::as_ref)).collect();
        let said = self.done(Side::Source, &told, 250);
        let Some(connection) = self.connection.as_mut().filter(|_| !self.has_ended) else { return say(425) };
        connection.push_back(group);
        Some(said)
    }

    fn store(
        &mut self,
        number: GroupNumber,
        directory: &PathName,
        files: &[FileToStore],
    ) -> Option<(u16, Vec<String>)> {
        let say = |code: u16| Some((code, vec!["text".to_owned()]));
        let paths: Vec<PathName> = files.iter().map(|file| file.name.in_directory(directory)).collect();
        let has = |wanted: usize| paths.iter().any(|path| index(path) == wanted);
        if matches!(self.fault, Fault::NoStore(index) if has(index)) {
            self.connection = None;
            self.was_open = true;
            return say(553);
        }
        if !self.was_open {
            return None;
        }
        let is_empty = self.connection.as_ref().is_none_or(VecDeque::is_empty);
        let Some(connection) = self.connection.as_mut().filter(|_| !(is_empty && self.has_ended)) else {
            return say(if std::mem::take(&mut self.has_begun) { 426 } else { 425 });
        };
        if !std::mem::replace(&mut self.has_begun, true) {
            return say(150);
        }
        let group = connection.pop_front()?;
        self.has_begun = false;
        if group.len() != paths.len() {
            self.connection = None;
            return say(451);
        }
        let closes = matches!(self.fault, Fault::NotKept(index) if has(index));
        if closes {
            self.connection = None;
        }
        let stores = |(path, bytes): (PathName, Option<Vec<u8>>)| {
            let index = index(&path);
            let spoils = |bytes: Vec<u8>| {
                if self.fault == Fault::Spoils(index) { vec![0; bytes.len()] } else { bytes }
            };
            let bytes = bytes.map(spoils).filter(|_| self.fault != Fault::Fails(index));
            (path, bytes)
        };
        let group: Held = paths.into_iter().zip(group).map(stores).collect();
        let told: Vec<(usize, Option<&Vec<u8>>)> =
            group.iter().map(|(path, bytes)| (index(path), bytes.as_ref())).collect();
        let said = self.done(Side::Destination, &told, if closes { 226 } else { 250 });
        assert!(self.held.insert(number, group).is_none(), "group {number} is held twice");
        self.most_held = self.most_held.max(self.held.len());
        Some(said)
    }

    fn keep(&mut self, number: GroupNumber, numbers: &FileNumbers) -> (u16, Vec<String>) {
        let group = self.held.remove(&number).expect("a group that is held");
        let has = |wanted: usize| group.iter().any(|(path, _)| index(path) == wanted);
        if matches!(self.fault, Fault::KeepAsks(index) if has(index)) {
            return (350, vec!["and now?".to_owned()]);
        }
        if self.fault == Fault::NamesNothing {
            return (250, vec!["named".to_owned()]);
        }
        let is_refused = matches!(self.fault, Fault::NoKeep(index) if has(index));
        let half = group.len() / 2;
        let mut lines = Vec::new();
        for (at, (path, bytes)) in group.into_iter().enumerate() {
            let number = u16::try_from(at + 1).unwrap();
            if !numbers.has(number) || (is_refused && at > half) {
                continue;
            }
            if self.fault == Fault::NoName(index(&path)) {
                lines.push(format!("{number} left failed"));
                continue;
            }
            assert!(self.stored.insert(path, bytes.expect("it was stored")).is_none());
        }
        lines.push("named".to_owned());
        if is_refused { (451, vec!["no".to_owned()]) } else { (250, lines) }
    }
}

/// Where the copy of a file goes: eight files have a directory.
pub(super) fn target(index: usize) -> PathName {
    let letter = char::from(b'a' + u8::try_from(index / 8 % 26).unwrap());
    name(&format!("c/{letter}/{index}"))
}

/// A file of so many bytes.
pub(in crate::transfer::batch) fn file(index: usize, size: usize, asks: bool, timed: bool) -> BatchFile {
    let target = target(index);
    BatchFile {
        source: name(&target.display().replace("c/", "t/")),
        target,
        size: size as u64,
        modified: Some(When(1_767_323_040)),
        unique: None,
        asks,
        sets_time: timed,
    }
}

pub(in crate::transfer) const fn at(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Destination => 1,
    }
}
