//! Batches between two servers of a model, with faults, on many seeds.

use super::{Batch, BatchEnd, BatchFile, BatchInput, BatchOutput, BatchTerms, Window};
use crate::client::Standing;
use crate::command::Command;
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::listing::When;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Class, Code, Reply, classify};
use crate::third_party::{DataTls, Party, Side};
use crate::timer::Moment;
use crate::wire::{Fingerprint, PathName};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What goes wrong, if anything does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
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
    /// SOCK is refused.
    NoSock,
}

fn name(text: &str) -> PathName {
    PathName::from_user(text).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7_u128, |sum, byte| sum.wrapping_mul(1_000_003) ^ u128::from(*byte));
    format!("{sum:064x}")
}

fn party(address: &str) -> Party {
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
    Party { dialect, capabilities, address, standing, leaf: None }
}

fn terms(passive: Side, window: Window) -> BatchTerms {
    let (secret, silence) = (RendezvousSecret::new([7; 32]), Duration::from_secs(10));
    BatchTerms { passive, tls: DataTls::Clear, algorithm: Algorithm::Sha256, secret, window, silence }
}

/// A random number generator (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// Two servers and the connection between them.
struct World {
    fault: Fault,
    files: Vec<Vec<u8>>,
    /// Commands on their way, for each side.
    inbox: [VecDeque<Command>; 2],
    is_closed: [bool; 2],
    /// What is on the data connection; `None` while there is none.
    connection: Option<VecDeque<Vec<u8>>>,
    was_open: bool,
    /// The source has ended it: what it has sent still arrives.
    has_ended: bool,
    stored: BTreeMap<PathName, Vec<u8>>,
    renaming: Option<PathName>,
    /// The transfer at the head has its preliminary reply.
    has_begun: bool,
    in_blocks: [bool; 2],
    steps: usize,
}

impl World {
    fn new(fault: Fault, files: Vec<Vec<u8>>) -> Self {
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
    fn answer(&mut self, side: Side) -> Option<(u16, Vec<String>)> {
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
            Command::Lstn(_) => Some((255, vec!["SOCK 40002".into()])),
            Command::Sock(_) if self.fault == Fault::NoSock => say(501),
            Command::Sock(_) => say(200),
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
    fn said(&mut self, side: Side, code: u16, lines: Vec<String>) -> BatchInput {
        let inbox = &mut self.inbox[at(side)];
        let class = classify(Dialect::Rfc959, inbox.front().unwrap().verb(), Code(code));
        if class != Class::Preliminary {
            inbox.pop_front();
        }
        let lines = lines.into_iter().map(String::into_bytes).collect();
        BatchInput::Reply { side, reply: Reply { code: Code(code), lines }, class }
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
fn file(index: usize, size: usize, asks: bool, timed: bool) -> BatchFile {
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

const fn at(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Destination => 1,
    }
}

/// What came of a batch.
struct Played {
    ends: Vec<Option<BatchEnd>>,
    world: World,
    most: usize,
}

fn play(count: usize, fault: Fault, seed: u64, window: Window) -> Played {
    let mut dice = Dice(seed * 2 + 1);
    let files: Vec<Vec<u8>> = (0..count)
        .map(|index| (0..index % 7 + 3).map(|byte| u8::try_from(byte + index).unwrap()).collect())
        .collect();
    let passive = if seed.is_multiple_of(2) { Side::Destination } else { Side::Source };
    let list = files.iter().enumerate();
    let list =
        list.map(|(index, bytes)| file(index, bytes.len(), !index.is_multiple_of(3), seed.is_multiple_of(3)));
    let now = Moment::START;
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let mut batch = Batch::start(list.collect(), terms(passive, window), parties, now);
    let mut world = World::new(fault, files);
    let (mut ends, mut most, mut turns) = (vec![None; count], 0, 0);
    loop {
        turns += 1;
        assert!(turns < 100_000, "{fault:?} {seed}: no end");
        match batch.poll() {
            BatchOutput::Command(side, command) => {
                let at = usize::from(side == Side::Destination);
                assert!(!world.is_closed[at]);
                world.inbox[at].push_back(command);
                most = most.max(world.inbox[at].len());
            }
            BatchOutput::Ended(index, end) => {
                assert!(ends[index].replace(end).is_none(), "{fault:?} {seed}: {index} has ended twice");
            }
            BatchOutput::Close(side) => world.is_closed[usize::from(side == Side::Destination)] = true,
            BatchOutput::Done => return Played { ends, world, most },
            BatchOutput::Wait(deadline) => {
                if matches!(fault, Fault::Lost(step) if world.steps >= step) {
                    batch.input(now, BatchInput::Ended(Side::Destination));
                    continue;
                }
                let first = Side::BOTH[dice.roll(2)];
                let said =
                    [first, first.other()].into_iter().find_map(|side| Some((side, world.answer(side)?)));
                let Some((side, (code, lines))) = said else {
                    batch.input(deadline.unwrap(), BatchInput::Timeout);
                    continue;
                };
                let reply = world.said(side, code, lines);
                batch.input(now, reply);
            }
        }
    }
}

/// What holds for every batch, whatever goes wrong.
fn check(count: usize, fault: Fault, seed: u64) -> Vec<BatchEnd> {
    let window = Window { commands: 12, line_bytes: 300, file_bytes: 40 };
    let Played { ends, world, most } = play(count, fault, seed, window);
    let what = format!("{fault:?} {seed}");
    // What comes before the first file is not in the window.
    assert!(most <= 12, "{what}: {most} commands");
    let ends: Vec<BatchEnd> = ends.into_iter().map(|end| end.expect("every file ends")).collect();
    for (index, end) in ends.iter().enumerate() {
        let (part, target) = (name(&format!("c/.{index}.part")), name(&format!("c/{index}")));
        let stored = world.stored.get(&target);
        match end {
            BatchEnd::Published { .. } => {
                assert_eq!(stored, Some(&world.files[index]), "{what}: {index} is another file");
                assert!(!world.stored.contains_key(&part), "{what}");
            }
            BatchEnd::Left { touched, may_be_done } => {
                assert!(*touched || !world.stored.contains_key(&part), "{what}: {index} has a part");
                assert!(*may_be_done || stored.is_none(), "{what}: {index} has its name");
                assert!(stored.is_none_or(|bytes| bytes == &world.files[index]), "{what}");
            }
        }
    }
    for side in [0, 1] {
        assert!(world.is_closed[side] || (!world.in_blocks[side] && world.inbox[side].is_empty()), "{what}");
    }
    ends
}

fn published(ends: &[BatchEnd]) -> usize {
    ends.iter().filter(|end| matches!(end, BatchEnd::Published { .. })).count()
}

#[test]
fn every_file_of_a_batch_without_faults_is_published() {
    for seed in 0..200 {
        let count = usize::try_from(seed % 40).unwrap();
        let ends = check(count, Fault::None, seed);
        assert_eq!(published(&ends), count, "{seed}");
    }
}

#[test]
fn h16_whatever_goes_wrong_in_a_batch_no_name_gets_another_file_and_every_file_ends_once() {
    for seed in 0..150 {
        let at = usize::try_from(seed % 17).unwrap();
        let step = usize::try_from(seed * 7 % 190).unwrap();
        for fault in [
            Fault::NoRetr(at),
            Fault::NoStor(at),
            Fault::Spoils(at),
            Fault::Swaps(at),
            Fault::Changes(at),
            Fault::NoName(at),
            Fault::NamesNothing,
            Fault::NoNameLate(at),
            Fault::Taken(at),
            Fault::Lost(step),
            Fault::Silent(step),
            Fault::NotKept(at),
            Fault::NoSock,
        ] {
            check(20, fault, seed);
        }
    }
}

#[test]
fn a_fault_of_one_file_leaves_the_others_as_far_as_the_line_allows() {
    for seed in 0..50 {
        for (fault, expect) in [(Fault::Changes(4), 19), (Fault::NoName(4), 19), (Fault::Taken(4), 19)] {
            // Nothing has the name of a file that is not asked about.
            let ends = check(20, fault, seed);
            assert_eq!(published(&ends), expect, "{fault:?} {seed}");
        }
        // The files before the one that breaks the line are published.
        for fault in [Fault::NoRetr(9), Fault::NoStor(9)] {
            let ends = check(20, fault, seed);
            assert_eq!(published(&ends), 9, "{fault:?} {seed}");
        }
        assert_eq!(published(&check(20, Fault::NotKept(9), seed)), 10);
        assert_eq!(published(&check(20, Fault::NoSock, seed)), 0);
    }
}

#[test]
fn h16_a_destination_that_renames_nothing_has_published_nothing() {
    for seed in 0..50 {
        assert_eq!(published(&check(20, Fault::NamesNothing, seed)), 0, "{seed}");
        // The first file has not got its name, so another one shows that files are renamed.
        assert_eq!(published(&check(20, Fault::NoName(0), seed)), 19, "{seed}");
    }
}

#[test]
fn h16_files_in_another_order_are_not_published() {
    for seed in 0..50 {
        let ends = check(20, Fault::Swaps(6), seed);
        assert!(published(&ends) <= 6, "{seed}");
    }
}

#[test]
fn servers_that_do_not_know_all_of_it_get_no_batch() {
    let terms = terms(Side::Destination, Window::default());
    let (one, two) = (party("192.0.2.1"), party("192.0.2.2"));
    assert!(Batch::is_possible(&one, &two, &terms));
    let spoil: [fn(&mut Party); 5] = [
        |party| party.dialect = Dialect::Rfc354,
        |party| party.capabilities.takes_ahead = false,
        |party| party.capabilities.rndz = false,
        |party| party.capabilities.dgst.clear(),
        |party| party.standing.symmetric = true,
    ];
    for spoil in spoil {
        let mut other = two.clone();
        spoil(&mut other);
        assert!(!Batch::is_possible(&one, &other, &terms));
        assert!(!Batch::is_possible(&other, &two, &terms));
    }
}

#[test]
fn inside_tls_one_end_is_client_and_each_expects_the_certificate_of_the_other() {
    let leaf = |text: &str| Some(Fingerprint::of(text.as_bytes()));
    let private = |address: &str| {
        let mut party = party(address);
        party.leaf = leaf(address);
        (party.capabilities.sscn, party.capabilities.pinc) = (true, true);
        party
    };
    let (one, two) = (private("192.0.2.1"), private("192.0.2.2"));
    for client in Side::BOTH {
        let terms = BatchTerms { tls: DataTls::Sscn(client), ..terms(Side::Destination, Window::default()) };
        assert!(Batch::is_possible(&one, &two, &terms));
        assert!(!Batch::is_possible(&one, &party("192.0.2.2"), &terms), "one end is in clear");
        let mut other = [one.clone(), two.clone()];
        other[at(client)].capabilities.sscn = false;
        assert!(!Batch::is_possible(&other[0], &other[1], &terms), "no end can be the client");
        // An earlier transfer has made the other end the client.
        let mut ends = (one.clone(), two.clone());
        (ends.0.standing.sscn, ends.1.standing.sscn) = (client != Side::Source, client != Side::Destination);
        let mut batch = Batch::start(vec![file(0, 3, false, false)], terms, ends, Moment::START);
        let mut sent = [Vec::new(), Vec::new()];
        while let BatchOutput::Command(side, command) = batch.poll() {
            sent[at(side)].push(command);
        }
        for (side, other) in [(Side::Source, "192.0.2.2"), (Side::Destination, "192.0.2.1")] {
            let of = |wanted: &dyn Fn(&Command) -> bool| sent[at(side)].iter().position(wanted);
            let role = of(&|command| *command == Command::Sscn(Some(side == client))).unwrap();
            let pin = of(&|command| *command == Command::Pinc(leaf(other))).unwrap();
            let proof = of(&|command| matches!(command, Command::Rndz(Some(_)))).unwrap();
            assert!(role < pin && pin < proof, "{:?}", sent[at(side)]);
        }
    }
}

/// How many round trips a batch takes: what is sent in one arrives before the next one.
fn round_trips(count: usize) -> usize {
    let list: Vec<BatchFile> =
        (0..count).map(|index| file(index, 3, index.is_multiple_of(2), true)).collect();
    let files: Vec<Vec<u8>> = (0..count).map(|_| vec![1, 2, 3]).collect();
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let now = Moment::START;
    let mut batch = Batch::start(list, terms(Side::Destination, Window::default()), parties, now);
    let mut world = World::new(Fault::None, files);
    let mut published = 0;
    let mut round = 0;
    loop {
        round += 1;
        loop {
            match batch.poll() {
                BatchOutput::Command(side, command) => world.inbox[at(side)].push_back(command),
                BatchOutput::Ended(..) => published += 1,
                BatchOutput::Close(_) => panic!("nothing goes wrong"),
                BatchOutput::Done => {
                    assert_eq!(published, count);
                    return round;
                }
                BatchOutput::Wait(_) => break,
            }
        }
        let mut replies = Vec::new();
        while let Some((side, (code, lines))) =
            Side::BOTH.into_iter().find_map(|side| Some((side, world.answer(side)?)))
        {
            replies.push(world.said(side, code, lines));
        }
        assert!(!replies.is_empty(), "nobody says anything in round {round}");
        replies.into_iter().for_each(|reply| batch.input(now, reply));
    }
}

#[test]
fn t7_a_file_of_a_batch_costs_less_than_a_tenth_of_a_round_trip() {
    let rounds = round_trips(256);
    assert!(rounds <= 25, "{rounds} round trips for 256 files");
    // The opening and the end do not depend on the number of files.
    assert!(round_trips(8) <= 7);
}

#[test]
fn preliminary_replies_without_end_do_not_hold_off_the_timer() {
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let terms = terms(Side::Destination, Window::default());
    let mut batch = Batch::start(vec![file(0, 3, false, false)], terms, parties, Moment::START);
    for second in 1..9 {
        let reply = Reply { code: Code(150), lines: vec![b"still".to_vec()] };
        let input = BatchInput::Reply { side: Side::Source, reply, class: Class::Preliminary };
        batch.input(Moment::START + Duration::from_secs(second), input);
    }
    let deadline = loop {
        if let BatchOutput::Wait(deadline) = batch.poll() {
            break deadline;
        }
    };
    assert_eq!(deadline, Some(Moment::START + Duration::from_secs(11)));
}
