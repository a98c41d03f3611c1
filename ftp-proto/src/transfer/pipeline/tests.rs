//! A pipeline between two servers that are a model: each reads its commands in order, one burst at a time.

use super::{Pipeline, PipelineFile, PipelineTerms};
use crate::client::{Failure, Standing};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::listing::When;
use crate::reply::{Class, Code, Reply, classify};
use crate::timer::Moment;
use crate::transfer::batch::tests::world::{Dice, at, digest, index, name};
use crate::transfer::batch::{BatchEnd, BatchFile};
use crate::transfer::{DataTls, Input, Opening, Output, Party, Roles, Side};
use crate::wire::PathName;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What goes wrong, if anything does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Fault {
    #[default]
    None,
    /// The source refuses this file.
    NoRetr(usize),
    /// The destination refuses the part of this file.
    NoStor(usize),
    /// The destination stores one byte less of this file, and calls it whole.
    Short(usize),
    /// The destination stores other bytes of this file.
    Spoils(usize),
    /// The source changes while this file moves.
    Changes(usize),
    /// The source has another size than the listing has told.
    Grows(usize),
    /// RNFR of this file is refused.
    NoFrom(usize),
    /// RNTO of this file is refused, and what RNFR has named stays named.
    NoTo(usize),
    /// From this file on nothing is renamed, and RNTO is answered as if it were.
    NamesNothing(usize),
    /// The time of this file is refused.
    NoTime(usize),
    /// The port for this file is refused at the active end.
    NoPort(usize),
    /// No port is opened for this file.
    NoPasv(usize),
    /// The port for this file is at a third host.
    Elsewhere(usize),
    /// The size of this part is told before the end of its transfer.
    Early(usize),
    /// The facts of this file are told before the end of its transfer, by a source that is asked for them.
    EarlyFacts(usize),
    /// The source refuses MLST.
    NoFacts,
    /// The destination is lost after so many replies.
    Lost(usize),
    /// The destination says nothing any more after so many replies.
    Silent(usize),
}

/// What a server says.
type Said = (u16, String);

/// Two servers, and the data connection between them.
#[derive(Default)]
struct World {
    fault: Fault,
    /// Whether the destination is the passive end; otherwise the source is.
    destination_listens: bool,
    files: Vec<Vec<u8>>,
    inbox: [VecDeque<Command>; 2],
    /// Replies that are due, of commands that were done.
    said: [VecDeque<Said>; 2],
    is_closed: [bool; 2],
    /// How many ports were opened, and whether the last one is open.
    ports: usize,
    is_open: bool,
    /// The last port that was named at the active end.
    target: usize,
    connected: bool,
    /// The destination has a connection, and waits for data.
    is_storing: bool,
    data: Option<Vec<u8>>,
    stored: BTreeMap<PathName, Vec<u8>>,
    renaming: Option<PathName>,
    /// The last file that the source was told to send.
    sent: Option<PathName>,
    steps: usize,
}

fn party(address: &str) -> Party {
    let capabilities = Capabilities {
        queues_commands: true,
        size: true,
        mdtm: true,
        hash: vec![Algorithm::Sha256],
        epsv: true,
        others: vec!["MFMT".into()],
        ..Capabilities::default()
    };
    let (dialect, address, standing) = (Dialect::Rfc959, address.parse().unwrap(), Standing::default());
    Party { dialect, capabilities, address, standing, given: false, leaf: None }
}

const fn roles(passive: Side) -> Roles {
    Roles { passive, opening: Opening::Pasv, filter: true, first: None, tls: DataTls::Clear }
}

impl World {
    fn say(code: u16, text: impl Into<String>) -> Option<Vec<Said>> {
        Some(vec![(code, text.into())])
    }

    /// What a server says to the command at its head; `None` if that has to wait.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the model answers every other command alike")]
    fn answer(&mut self, side: Side) -> Option<Vec<Said>> {
        match self.inbox[at(side)].front().cloned()? {
            Command::Pasv => self.open(),
            Command::Port(_) if self.fault == Fault::NoPort(self.ports - 1) => Self::say(500, "no"),
            Command::Port(to) => {
                self.target = usize::from(to.port());
                Self::say(200, "ok")
            }
            Command::Retr(path) => self.send(&path),
            Command::Stor(path) => self.store(path),
            Command::Mdtm(path) => Self::say(213, self.time(&path)),
            Command::Mlst(_) if self.fault == Fault::NoFacts => Self::say(502, "no"),
            Command::Mlst(Some(path)) => Self::say(250, self.facts(&path)),
            Command::Size(path) if side == Side::Source => Self::say(213, self.size(&path).to_string()),
            Command::Size(path) => match self.stored.get(&path) {
                Some(bytes) => Self::say(213, bytes.len().to_string()),
                None => Self::say(550, "nothing there"),
            },
            Command::Hash(path) => {
                let bytes = match side {
                    Side::Source => Some(&self.files[index(&path)]),
                    Side::Destination => self.stored.get(&path),
                };
                match bytes {
                    Some(bytes) => {
                        Self::say(213, format!("SHA-256 0-9 {} {}", digest(bytes), path.display()))
                    }
                    None => Self::say(550, "nothing there"),
                }
            }
            Command::Rnfr(path) if self.fault == Fault::NoFrom(index(&path)) => Self::say(550, "no"),
            Command::Rnfr(path) => {
                assert!(self.stored.contains_key(&path));
                self.renaming = Some(path);
                Self::say(350, "go on")
            }
            Command::Rnto(path) if self.fault == Fault::NoTo(index(&path)) => Self::say(553, "no"),
            Command::Rnto(path) if matches!(self.fault, Fault::NamesNothing(first) if index(&path) >= first) => {
                Self::say(250, "done")
            }
            Command::Rnto(path) => {
                let Some(from) = self.renaming.take() else { return Self::say(503, "RNFR first") };
                let bytes = self.stored.remove(&from).unwrap();
                assert!(self.stored.insert(path, bytes).is_none());
                Self::say(250, "done")
            }
            Command::Practice(_) if matches!(self.fault, Fault::NoTime(_)) => Self::say(550, "no"),
            _ => Self::say(200, "ok"),
        }
    }

    fn time(&self, path: &PathName) -> String {
        let is_after = self.sent.as_ref() == Some(path);
        let changed = u8::from(is_after && self.fault == Fault::Changes(index(path)));
        format!("2026010203040{changed}")
    }

    fn size(&self, path: &PathName) -> usize {
        self.files[index(path)].len() + usize::from(self.fault == Fault::Grows(index(path)))
    }

    fn facts(&self, path: &PathName) -> String {
        format!("-\n type=file;size={};modify={}; {}\n-", self.size(path), self.time(path), path.display())
    }

    fn open(&mut self) -> Option<Vec<Said>> {
        let number = self.ports;
        self.ports += 1;
        (self.is_open, self.connected) = (true, false);
        if self.destination_listens {
            self.data = None; // nobody has taken it
        }
        if self.fault == Fault::NoPasv(number) {
            return Self::say(425, "no port");
        }
        let host = if self.fault == Fault::Elsewhere(number) { "203,0,113,9" } else { "192,0,2" };
        let last = if self.destination_listens { ",2" } else { ",1" };
        let last = if self.fault == Fault::Elsewhere(number) { "" } else { last };
        let port = 5_000 + number;
        Self::say(227, format!("Entering Passive Mode ({host}{last},{},{})", port / 256, port % 256))
    }

    /// Whether the active end, which acts now, gets its connection.
    fn connects(&mut self) -> bool {
        let is_there = self.is_open && self.target == 5_000 + self.ports - 1;
        self.connected |= is_there;
        is_there
    }

    fn send(&mut self, path: &PathName) -> Option<Vec<Said>> {
        let index = index(path);
        if self.fault == Fault::NoRetr(index) {
            return Self::say(550, "no such file");
        }
        if self.destination_listens && !self.connects() {
            return Self::say(425, "no connection");
        }
        if !self.connected {
            return None;
        }
        self.is_open &= self.destination_listens;
        self.data = Some(self.files[index].clone());
        self.sent = Some(path.clone());
        let (begins, done) = ((150, "begins".into()), (226, "done".into()));
        if self.fault == Fault::EarlyFacts(index) && matches!(self.inbox[0].get(1), Some(Command::Mlst(_))) {
            self.inbox[0].remove(1).unwrap();
            return Some(vec![begins, (250, self.facts(path)), done]);
        }
        Some(vec![begins, done])
    }

    fn store(&mut self, path: PathName) -> Option<Vec<Said>> {
        let index = index(&path);
        if self.fault == Fault::NoStor(index) {
            return Self::say(553, "no");
        }
        if !self.destination_listens && !self.is_storing && !self.connects() {
            return Self::say(425, "no connection");
        }
        self.is_storing = true;
        let mut bytes = self.data.take()?;
        self.is_storing = false;
        self.is_open &= !self.destination_listens;
        if self.fault == Fault::Short(index) {
            bytes.pop();
        }
        if self.fault == Fault::Spoils(index) {
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
        }
        if self.fault == Fault::Early(index) {
            self.inbox[1].remove(1).unwrap();
            let size = bytes.len().to_string();
            self.stored.insert(path, bytes);
            return Some(vec![(150, "begins".into()), (213, size), (226, "done".into())]);
        }
        self.stored.insert(path, bytes);
        Some(vec![(150, "begins".into()), (226, "done".into())])
    }

    /// The next reply of a side, if there is one.
    fn reply(&mut self, side: Side, asked: &mut VecDeque<Command>) -> Option<Input> {
        if side == Side::Destination && matches!(self.fault, Fault::Silent(step) if self.steps >= step) {
            return None;
        }
        if self.said[at(side)].is_empty() {
            let said = self.answer(side)?;
            self.inbox[at(side)].pop_front();
            self.said[at(side)].extend(said);
        }
        self.steps += 1;
        let (code, text) = self.said[at(side)].pop_front()?;
        let class = classify(Dialect::Rfc959, asked.front().unwrap().verb(), Code(code));
        if class != Class::Preliminary {
            asked.pop_front();
        }
        let lines = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        let reply = Reply { code: Code(code), lines };
        Some(Input::Reply { side, reply, class })
    }
}

fn file(index: usize, size: usize, seed: u64) -> PipelineFile {
    let file = BatchFile {
        source: name(&format!("t/{index}")),
        target: name(&format!("c/{index}")),
        size: size as u64,
        modified: seed.is_multiple_of(3).then_some(When(1_767_323_040)),
        unique: None,
        asks: false,
        sets_time: seed.is_multiple_of(2),
    };
    PipelineFile { file, part: name(&format!("c/.{index}.part")) }
}

/// What came of a pipeline.
struct Played {
    ends: Vec<BatchEnd>,
    world: World,
    /// How many times the user agent has waited for replies.
    rounds: usize,
}

impl World {
    /// The next reply; with `in_rounds` all that can be said.
    fn says(&mut self, asked: &mut [VecDeque<Command>; 2], dice: &mut Dice, in_rounds: bool) -> Vec<Input> {
        let mut heard = Vec::new();
        loop {
            let first = Side::BOTH[dice.roll(2)];
            // What one end does may be what the other one waits for.
            let sides = [first, first.other(), first];
            let said = sides.into_iter().find_map(|side| self.reply(side, &mut asked[at(side)]));
            heard.extend(said.clone());
            if said.is_none() || !in_rounds {
                return heard;
            }
        }
    }
}

/// Whether the source knows MLST. With times in the listing (every third seed) it is asked by it: seeds 0 and 3 of each 12.
const fn has_mlst(seed: u64) -> bool {
    seed % 12 < 6
}

/// Plays a pipeline. With `in_rounds` everything that can be said is said before the user agent hears any of it.
fn play(count: usize, fault: Fault, seed: u64, in_rounds: bool) -> Played {
    play_with(None, count, fault, seed, in_rounds)
}

/// The same, verified by this digest.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else may come")]
fn play_with(digest: Option<Algorithm>, count: usize, fault: Fault, seed: u64, in_rounds: bool) -> Played {
    let mut dice = Dice(seed * 2 + 1);
    let files: Vec<Vec<u8>> = (0..count)
        .map(|index| (0..index % 5 + 1).map(|byte| u8::try_from(byte + index % 99).unwrap()).collect())
        .collect();
    let list = files.iter().enumerate().map(|(index, bytes)| file(index, bytes.len(), seed)).collect();
    let destination_listens = seed.is_multiple_of(2);
    let passive = if destination_listens { Side::Destination } else { Side::Source };
    let now = Moment::START;
    let terms = PipelineTerms { roles: roles(passive), digest, silence: Duration::from_secs(10) };
    let mut parties = (party("192.0.2.1"), party("192.0.2.2"));
    parties.0.capabilities.mlst = has_mlst(seed).then(Vec::new);
    let mut pipeline = Pipeline::start(list, terms, parties, now);
    let mut world = World { fault, destination_listens, files, ..World::default() };
    let mut asked: [VecDeque<Command>; 2] = Default::default();
    let (mut ends, mut begun, mut turns, mut rounds) = (vec![None; count], BTreeSet::new(), 0, 0);
    // Whether a burst is under way.
    let mut is_sealed = [false; 2];
    loop {
        turns += 1;
        assert!(turns < 100_000, "{fault:?} {seed}: no end");
        match pipeline.poll() {
            Output::Command(side, command) => {
                assert!(!world.is_closed[at(side)] && !is_sealed[at(side)], "{fault:?} {seed}: {command:?}");
                world.inbox[at(side)].push_back(command.clone());
                asked[at(side)].push_back(command);
            }
            Output::FileEnded(index, end) => {
                let has_begun = end == BatchEnd::UNTOUCHED || begun.contains(&index);
                assert!(has_begun, "{fault:?} {seed}: {index} has not begun");
                if matches!(end, BatchEnd::Published { .. }) {
                    assert_eq!(pipeline.digest(index).is_some(), digest.is_some(), "{index}");
                }
                assert!(ends[index].replace(end).is_none(), "{fault:?} {seed}: {index} has ended twice");
            }
            Output::Begins(index) => {
                let is_first = ends[index].is_none() && begun.insert(index);
                assert!(is_first, "{fault:?} {seed}: {index} begins again");
            }
            Output::Close(side) => world.is_closed[at(side)] = true,
            Output::AllEnded => {
                let ends = ends.into_iter().map(|end| end.expect("every file ends")).collect();
                let is_in_step = asked.iter().all(VecDeque::is_empty) || world.is_closed == [true; 2];
                assert!(is_in_step, "{fault:?} {seed}: replies are due");
                return Played { ends, world, rounds };
            }
            Output::Wait(deadline) => {
                rounds += 1;
                is_sealed = [0, 1].map(|side| !asked[side].is_empty());
                if matches!(fault, Fault::Lost(step) if world.steps >= step) {
                    pipeline.input(now, Input::Ended(Side::Destination, Failure::Closed));
                    continue;
                }
                let heard = world.says(&mut asked, &mut dice, in_rounds);
                is_sealed = [0, 1].map(|side| !asked[side].is_empty());
                if heard.is_empty() {
                    pipeline.input(deadline.unwrap(), Input::Timeout);
                }
                for input in heard {
                    pipeline.input(now, input);
                }
            }
            other => panic!("there is no host in the middle, and nothing is aborted: {other:?}"),
        }
    }
}

/// What holds for every pipeline, whatever goes wrong. Returns how many files were published.
fn check(count: usize, fault: Fault, seed: u64) -> usize {
    judge(play(count, fault, seed, false), fault, seed)
}

fn judge(played: Played, fault: Fault, seed: u64) -> usize {
    let Played { ends, world, .. } = played;
    let what = format!("{fault:?} {seed}");
    for (index, end) in ends.iter().enumerate() {
        let (part, target) = (name(&format!("c/.{index}.part")), name(&format!("c/{index}")));
        let stored = world.stored.get(&target);
        match end {
            BatchEnd::Published { time_refused } => {
                assert_eq!(stored, Some(&world.files[index]), "{what}: {index} is another file");
                assert!(!world.stored.contains_key(&part), "{what}");
                let is_refused = matches!(fault, Fault::NoTime(_)) && seed.is_multiple_of(2);
                assert_eq!(time_refused.is_some(), is_refused, "{what}");
            }
            BatchEnd::Left { touched, may_be_done } => {
                assert!(*touched || !world.stored.contains_key(&part), "{what}: {index} has a part");
                assert!(*may_be_done || stored.is_none(), "{what}: {index} has its name");
                assert!(stored.is_none_or(|bytes| bytes == &world.files[index]), "{what}");
            }
        }
    }
    ends.iter().filter(|end| matches!(end, BatchEnd::Published { .. })).count()
}

#[test]
fn every_file_of_a_pipeline_without_faults_is_published() {
    for seed in 0..60 {
        let count = usize::try_from(seed % 30).unwrap();
        assert_eq!(check(count, Fault::None, seed), count, "{seed}");
    }
}

#[test]
fn h16_whatever_goes_wrong_in_a_pipeline_no_name_gets_another_file_and_every_file_ends_once() {
    for seed in 0..90 {
        let at = usize::try_from(seed % 11).unwrap();
        let step = usize::try_from(seed * 7 % 170).unwrap();
        for fault in [
            Fault::NoRetr(at),
            Fault::NoStor(at),
            Fault::Short(at),
            Fault::Changes(at),
            Fault::Grows(at),
            Fault::NoFrom(at),
            Fault::NoTo(at),
            Fault::NoTime(at),
            Fault::NoPort(at),
            Fault::NoPasv(at),
            Fault::Elsewhere(at),
            Fault::Early(at),
            Fault::EarlyFacts(at),
            Fault::Lost(step),
            Fault::Silent(step),
        ] {
            check(12, fault, seed);
        }
    }
}

#[test]
fn a_fault_of_one_file_leaves_the_others_as_far_as_the_sessions_allow() {
    for seed in 0..40 {
        // What both servers tell of it is not the file that was listed.
        for fault in [Fault::Short(4), Fault::Changes(4), Fault::Grows(4)] {
            assert_eq!(check(12, fault, seed), 11, "{fault:?} {seed}");
        }
        assert_eq!(check(12, Fault::NoTime(4), seed), 12);
        // The files before it are published, as far as they have got to their names.
        for fault in [Fault::NoFrom(4), Fault::NoTo(4)] {
            assert_eq!(check(12, fault, seed), 4, "{fault:?} {seed}");
        }
        for fault in [Fault::NoRetr(4), Fault::NoPort(4), Fault::NoPasv(4), Fault::Elsewhere(4)] {
            assert!(check(12, fault, seed) >= 2, "{fault:?} {seed}");
        }
        // The name of the file whose size came out of order is not given.
        assert!((2..=4).contains(&check(12, Fault::Early(4), seed)), "{seed}");
        let is_asked = has_mlst(seed) && seed.is_multiple_of(3);
        assert!(!is_asked || (2..=4).contains(&check(12, Fault::EarlyFacts(4), seed)), "{seed}");
    }
}

#[test]
fn a_source_that_lists_facts_is_asked_one_question_behind_each_transfer() {
    // Both sources are listed with times; only the second one knows no MLST.
    let [with, without] = [0, 6].map(|seed| play(20, Fault::None, seed, true).world.steps);
    assert_eq!(without - with, 20);
    // One that refuses is asked as the others are, from the next file on.
    assert_eq!(check(20, Fault::NoFacts, 0), 19);
}

#[test]
fn h16_a_destination_that_renames_nothing_gets_no_file_called_published() {
    for seed in 0..20 {
        assert_eq!(check(12, Fault::NamesNothing(0), seed), 0, "{seed}");
    }
}

#[test]
fn t7_a_file_of_a_pipeline_costs_one_round_trip() {
    for seed in 0..4 {
        let rounds = |count| play(count, Fault::None, seed, true).rounds;
        // The beginning and the end: the first port, the two halves of the first name, the last name.
        assert_eq!(rounds(100) - rounds(20), 80, "{seed}");
        assert!(rounds(20) <= 20 + 4, "{seed}: {} round trips", rounds(20));
    }
}

#[test]
fn h16_digests_of_a_pipeline_verify_each_file_and_cost_no_round_trip() {
    let digest = Some(Algorithm::Sha256);
    for seed in 0..40 {
        let check = |fault| judge(play_with(digest, 12, fault, seed, false), fault, seed);
        assert_eq!((check(Fault::None), check(Fault::Spoils(4))), (12, 11), "{seed}");
        for fault in [Fault::NoStor(4), Fault::NoRetr(4), Fault::Early(4), Fault::Lost(60), Fault::NoTo(4)] {
            check(fault);
        }
    }
    let rounds = |count| play_with(digest, count, Fault::None, 1, true).rounds;
    assert_eq!(rounds(100) - rounds(20), 80);
}

#[test]
fn servers_that_may_not_keep_the_order_get_no_pipeline() {
    let (one, two) = (party("192.0.2.1"), party("192.0.2.2"));
    let roles = roles(Side::Destination);
    assert!(Pipeline::is_possible(&one, &two, roles));
    let spoil: [fn(&mut Party); 5] = [
        |party| party.dialect = Dialect::Rfc354,
        |party| party.capabilities.queues_commands = false,
        |party| party.capabilities.size = false,
        |party| party.capabilities.pret = true,
        |party| party.standing.symmetric = true,
    ];
    for spoil in spoil {
        let mut other = two.clone();
        spoil(&mut other);
        assert!(!Pipeline::is_possible(&one, &other, roles));
        assert!(!Pipeline::is_possible(&other, &two, roles));
    }
    for opening in [Opening::Lstn, Opening::Symmetric] {
        assert!(!Pipeline::is_possible(&one, &two, Roles { opening, ..roles }));
    }
    // Neither has a certificate.
    assert!(!Pipeline::is_possible(&one, &two, Roles { tls: DataTls::Cpsv, ..roles }));
}

#[test]
fn preliminary_replies_without_end_do_not_hold_off_the_timer() {
    let terms =
        PipelineTerms { roles: roles(Side::Destination), digest: None, silence: Duration::from_secs(10) };
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let mut pipeline = Pipeline::start(vec![file(0, 3, 0)], terms, parties, Moment::START);
    let said = || {
        let reply = Reply { code: Code(150), lines: vec![b"still".to_vec()] };
        Input::Reply { side: Side::Source, reply, class: Class::Preliminary }
    };
    for second in 1..9 {
        pipeline.input(Moment::START + Duration::from_secs(second), said());
    }
    let deadline = loop {
        if let Output::Wait(deadline) = pipeline.poll() {
            break deadline;
        }
    };
    assert_eq!(deadline, Some(Moment::START + Duration::from_secs(11)));
}
