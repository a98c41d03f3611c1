//! Two servers of a model, the connection between them, and perhaps a host that joins it.

use crate::client::Standing;
use crate::command::Command;
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::listing::When;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Class, Code, Reply, classify};
use crate::third_party::batch::{BatchFile, BatchInput, BatchOpening, BatchTerms, Window};
use crate::third_party::{DataTls, Junction, Party, Posture, Postures, Side};
use crate::wire::PathName;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    None,
    /// The source refuses this file.
    NoRetr(usize),
    /// The destination refuses the part of this file.
    NoStor(usize),
    /// The destination stores other bytes of this file.
    Spoils(usize),
    /// The source sends this file in the place of the one after it, and the other way round.
    Swaps(usize),
    /// The source changes this file while it is copied.
    Changes(usize),
    /// The destination does not rename this file.
    NoName(usize),
    /// RNTO of this file is refused, and the reply to the command after it is said first.
    NoNameLate(usize),
    /// Nothing is renamed, and RNTO is answered as if it were.
    NamesNothing,
    /// Something has the final name of this file.
    Taken(usize),
    /// The session of the destination ends at this step.
    Lost(usize),
    /// The destination says nothing any more from this step on.
    Silent(usize),
    /// The destination closes the connection after this file, in order.
    NotKept(usize),
    /// SOCK is refused, and PORT.
    NoSock,
    /// The host in the middle joins nothing.
    NoJoin,
    /// The host in the middle loses both connections at this step.
    Breaks(usize),
}

pub(super) fn name(text: &str) -> PathName {
    PathName::from_user(text).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7_u128, |sum, byte| sum.wrapping_mul(1_000_003) ^ u128::from(*byte));
    format!("{sum:064x}")
}

pub(super) fn party(address: &str) -> Party {
    let capabilities = Capabilities {
        sock: true,
        lstn: true,
        rndz: true,
        takes_ahead: true,
        others: vec!["MFMT".into()],
        mlst: Some(Vec::default()),
        dgst: vec![Algorithm::Sha256],
        ..Capabilities::default()
    };
    let (dialect, address, standing) = (Dialect::Rfc959, address.parse().unwrap(), Standing::default());
    Party { dialect, capabilities, address, standing, given: false, leaf: None }
}

pub(super) fn terms(opening: BatchOpening, window: Window) -> BatchTerms {
    let silence = Duration::from_secs(10);
    BatchTerms { opening, tls: DataTls::Clear, algorithm: Algorithm::Sha256, window, silence }
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
        _ => BatchOpening::Joined {
            postures: Postures { source: posture(1), destination: posture(2) },
            secret: (seed & 4 == 0).then(|| RendezvousSecret::new([7; 32])),
        },
    }
}

/// How far the host in the middle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Middle {
    /// It was not asked, or there is none.
    Unasked,
    /// It was asked to join, and answers with these addresses.
    Asked([Option<SocketAddr>; 2]),
    /// It has joined the two, or never will.
    Over,
}

/// A random number generator (xorshift).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// Two servers and the connection between them.
pub(super) struct World {
    fault: Fault,
    pub(super) files: Vec<Vec<u8>>,
    /// Commands on their way, for each side.
    pub(super) inbox: [VecDeque<Command>; 2],
    pub(super) is_closed: [bool; 2],
    /// What is on the data connection; `None` while there is none.
    connection: Option<VecDeque<Vec<u8>>>,
    was_open: bool,
    /// The source has ended it: what it has sent still arrives.
    has_ended: bool,
    pub(super) stored: BTreeMap<PathName, Vec<u8>>,
    renaming: Option<PathName>,
    /// The transfer at the head has its preliminary reply.
    has_begun: bool,
    pub(super) in_blocks: [bool; 2],
    pub(super) steps: usize,
    pub(super) middle: Middle,
    /// Which ends know where to connect, or listen.
    may_meet: [bool; 2],
}

impl World {
    pub(super) fn new(fault: Fault, files: Vec<Vec<u8>>) -> Self {
        Self {
            fault,
            files,
            inbox: Default::default(),
            is_closed: [false; 2],
            connection: None,
            was_open: false,
            has_ended: false,
            stored: BTreeMap::new(),
            renaming: None,
            has_begun: false,
            in_blocks: [false; 2],
            steps: 0,
            middle: Middle::Unasked,
            may_meet: [false; 2],
        }
    }

    fn index(path: &PathName) -> usize {
        let digits: String = path.display().chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    fn done(&self, bytes: &[u8], code: u16) -> (u16, Vec<String>) {
        let fact = format!("Digest SHA-256 0+{} {}", bytes.len(), digest(bytes));
        (code, vec![fact, "done".into()])
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the model answers every other command alike")]
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
            Command::Retr(path) => self.send(&path),
            Command::Stor(path) => self.store(path),
            Command::Mlst(Some(path)) if side == Side::Source => {
                let index = Self::index(&path);
                let changed = u8::from(self.fault == Fault::Changes(index));
                let size = self.files[index].len();
                let facts =
                    format!(" type=file;size={size};modify=2026010203040{changed}; {}", path.display());
                Some((250, vec!["facts".into(), facts, "end".into()]))
            }
            Command::Mlst(Some(path)) if self.stored.contains_key(&path) => {
                let facts = format!(" type=file;size={}; {}", self.stored[&path].len(), path.display());
                Some((250, vec!["facts".into(), facts, "end".into()]))
            }
            Command::Mlst(Some(path)) => {
                let is_taken = self.fault == Fault::Taken(Self::index(&path));
                if is_taken { say(250) } else { Some((550, vec!["no such file".into()])) }
            }
            Command::Rnfr(path) => {
                let is_there = self.stored.contains_key(&path);
                self.renaming = Some(path);
                say(if is_there { 350 } else { 550 })
            }
            Command::Rnto(path) if self.fault == Fault::NoName(Self::index(&path)) => say(553),
            Command::Rnto(_) if self.fault == Fault::NamesNothing => say(250),
            Command::Rnto(path) if self.fault == Fault::NoNameLate(Self::index(&path)) => {
                self.fault = Fault::None;
                say(350)
            }
            Command::Rnto(path) => {
                let bytes = self.renaming.take().and_then(|from| self.stored.remove(&from)).unwrap();
                assert!(self.stored.insert(path, bytes).is_none());
                say(250)
            }
            _ => say(200),
        }
    }

    /// The reply to the command at the head of that side.
    pub(super) fn said(&mut self, side: Side, code: u16, lines: Vec<String>) -> BatchInput {
        let inbox = &mut self.inbox[at(side)];
        let class = classify(Dialect::Rfc959, inbox.front().unwrap().verb(), Code(code));
        if class != Class::Preliminary {
            inbox.pop_front();
        }
        let lines = lines.into_iter().map(String::into_bytes).collect();
        BatchInput::Reply { side, reply: Reply { code: Code(code), lines }, class }
    }

    /// The host in the middle is asked to join the two.
    pub(super) fn join(&mut self, junctions: [Junction; 2]) {
        assert_eq!(self.middle, Middle::Unasked, "it is asked once");
        let at = Side::BOTH.into_iter().zip(junctions).map(|(side, junction)| match junction {
            Junction::Dial(to) => {
                assert!(self.may_meet[at(side)] && to.port() == 40_002, "{side:?} does not listen there");
                None
            }
            Junction::Listen => Some("192.0.2.9:40009".parse().unwrap()),
        });
        let at: Vec<Option<SocketAddr>> = at.collect();
        self.middle = Middle::Asked([at[0], at[1]]);
    }

    /// What the host in the middle says, if it was asked.
    pub(super) fn middle_says(&mut self) -> Option<BatchInput> {
        let Middle::Asked([source, destination]) = self.middle else { return None };
        self.middle = Middle::Over;
        let has_broken = matches!(self.fault, Fault::Breaks(step) if self.steps >= step);
        if self.fault == Fault::NoJoin || has_broken {
            return Some(BatchInput::Broken);
        }
        Some(BatchInput::Joined { source, destination })
    }

    /// The host in the middle loses both connections, and what was on them.
    pub(super) fn breaks(&mut self) {
        (self.connection, self.was_open, self.has_ended) = (None, true, true);
    }

    fn send(&mut self, path: &PathName) -> Option<(u16, Vec<String>)> {
        let say = |code: u16| Some((code, vec!["text".to_owned()]));
        let index = Self::index(path);
        if self.fault == Fault::NoRetr(index) {
            self.has_ended = true;
            return say(550);
        }
        if !self.was_open {
            if !matches!(self.inbox[1].front(), Some(Command::Stor(_))) {
                return None; // both ends connect, or none
            }
            assert_eq!(self.may_meet, [true; 2], "an end does not know the other one");
            assert!(!matches!(self.middle, Middle::Asked(_)), "the host in the middle is not ready");
            self.was_open = true;
            self.connection = Some(VecDeque::new());
        }
        let sent = if self.fault == Fault::Swaps(index) {
            index + 1
        } else if index > 0 && self.fault == Fault::Swaps(index - 1) {
            index - 1
        } else {
            index
        };
        let Some(connection) = self.connection.as_mut().filter(|_| !self.has_ended) else { return say(425) };
        connection.push_back(self.files[sent].clone());
        Some(self.done(&self.files[index].clone(), 250))
    }

    fn store(&mut self, path: PathName) -> Option<(u16, Vec<String>)> {
        let say = |code: u16| Some((code, vec!["text".to_owned()]));
        let index = Self::index(&path);
        if self.fault == Fault::NoStor(index) {
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
        let mut bytes = connection.pop_front()?;
        self.has_begun = false;
        if self.fault == Fault::Spoils(index) {
            bytes = vec![0; bytes.len()];
        }
        let closes = self.fault == Fault::NotKept(index);
        if closes {
            self.connection = None;
        }
        let done = self.done(&bytes, if closes { 226 } else { 250 });
        self.stored.insert(path, bytes);
        Some(done)
    }
}

/// A file of so many bytes.
pub(super) fn file(index: usize, size: usize, asks: bool, timed: bool) -> BatchFile {
    BatchFile {
        source: name(&format!("t/{index}")),
        part: name(&format!("c/.{index}.part")),
        target: name(&format!("c/{index}")),
        size: size as u64,
        modified: Some(When(1_767_323_040)),
        unique: None,
        asks,
        sets_time: timed,
    }
}

pub(super) const fn at(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Destination => 1,
    }
}
