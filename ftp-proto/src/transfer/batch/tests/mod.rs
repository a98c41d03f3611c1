//! Batches between two servers of a model, with faults, on many seeds.
#![expect(clippy::wildcard_enum_match_arm, reason = "the model takes all others alike")]

pub(in crate::transfer) mod world;

use super::{Batch, BatchEnd, BatchFile, BatchOpening, BatchTerms, Window};
use crate::client::{Failure, UnusedListener};
use crate::command::{Command, Pack};
use crate::dialect::Dialect;
use crate::reply::{Class, Code, Reply};
use crate::timer::Moment;
use crate::transfer::{DataTls, Input, Output, Party, Posture, Postures, Side};
use crate::wire::Fingerprint;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use world::{Dice, Fault, Lie, Middle, World, at, direct, file, name, opening, party, target, terms};

/// Both servers listen for the host in the middle.
const BOTH_LISTEN: Postures = Postures { source: Posture::Passive, destination: Posture::Passive };

/// What came of a batch.
struct Played {
    ends: Vec<Option<BatchEnd>>,
    /// How many files it has taken.
    taken: usize,
    world: World,
    most: usize,
}

/// What is reported of each file: that it begins at most once, and its one end.
struct Reported {
    started: BTreeSet<usize>,
    ends: Vec<Option<BatchEnd>>,
}

impl Reported {
    fn new(count: usize) -> Self {
        Self { started: BTreeSet::new(), ends: vec![None; count] }
    }

    fn begins(&mut self, index: usize) {
        assert!(self.ends[index].is_none() && self.started.insert(index), "{index} starts again");
    }

    fn ended(&mut self, index: usize, end: BatchEnd) {
        assert!(end == BatchEnd::UNTOUCHED || self.started.contains(&index), "{index} has not started");
        assert!(self.ends[index].replace(end).is_none(), "{index} has ended twice");
    }
}

/// Files of a few bytes.
fn contents(count: usize) -> Vec<Vec<u8>> {
    let bytes = |index: usize| (0..index % 7 + 3).map(move |byte| u8::try_from(byte + index).unwrap());
    (0..count).map(|index| bytes(index).collect()).collect()
}

impl World {
    /// A command comes to a server. Returns how many wait there.
    fn receives(&mut self, side: Side, command: Command) -> usize {
        let at = usize::from(side == Side::Destination);
        assert!(!self.is_closed[at]);
        self.inbox[at].push_back(command);
        self.inbox[at].len()
    }
}

/// The files with which a batch begins, and those that join it while it moves.
#[derive(Clone, Copy)]
struct Count {
    first: usize,
    joining: usize,
}

impl Count {
    /// All of them are there at the beginning.
    fn at_once(first: usize) -> Self {
        Self { first, joining: 0 }
    }
}

fn play(Count { first, joining }: Count, fault: Fault, seed: u64, window: Window) -> Played {
    let mut dice = Dice(seed * 2 + 1);
    let count = first + joining;
    let files = contents(count);
    let asks = |index: usize| !index.is_multiple_of(3) || matches!(fault, Fault::TakenBut(_));
    let of =
        |(index, bytes): (usize, &Vec<u8>)| file(index, bytes.len(), asks(index), seed.is_multiple_of(3));
    let mut list: VecDeque<BatchFile> = files.iter().enumerate().map(of).collect();
    let now = Moment::START;
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let begins_with = list.drain(..first).collect();
    let mut batch = Batch::start(begins_with, terms(opening(seed), window), parties, now);
    let mut world = World::new(fault, files);
    let (mut reported, mut most, mut turns) = (Reported::new(count), 0, 0);
    let mut has_broken = false;
    loop {
        turns += 1;
        assert!(turns < 100_000, "{fault:?} {seed}: no end");
        match batch.poll() {
            Output::Command(side, command) => most = most.max(world.receives(side, command)),
            Output::Begins(index) => {
                assert!(!world.stored.contains_key(&target(index)), "{fault:?} {seed}: {index} has its name");
                reported.begins(index);
            }
            Output::FileEnded(index, end) => {
                let is_verified = matches!(end, BatchEnd::Published { .. });
                assert!(!is_verified || batch.digest(index).is_some(), "the digest of {index} is known");
                reported.ended(index, end);
            }
            Output::Close(side) => world.is_closed[usize::from(side == Side::Destination)] = true,
            Output::AllEnded => {
                let taken = count - list.len();
                assert!(!batch.add(list.into()), "{fault:?} {seed}: it goes on after its end");
                return Played { ends: reported.ends, taken, world, most };
            }
            Output::Wait(deadline) => {
                if !list.is_empty() && dice.roll(6) == 0 && join(&mut batch, &mut list, &mut dice) {
                    continue;
                }
                if matches!(fault, Fault::Lost(step) if world.steps >= step) {
                    world.held.clear();
                    batch.input(now, Input::Ended(Side::Destination, Failure::Closed));
                    continue;
                }
                if matches!(fault, Fault::Breaks(step) if world.steps >= step) && !has_broken {
                    has_broken = true;
                    world.breaks();
                    // The servers may be heard first, and perhaps nobody else says it.
                    if dice.roll(2) == 0 && world.middle == Middle::Over {
                        batch.input(now, world.has_broken());
                        continue;
                    }
                }
                hear(&mut batch, &mut world, &mut dice, deadline);
            }
            other => world.middle_hears(other),
        }
    }
}

/// Has the next few files join a batch. Returns whether it takes them: whoever has them keeps them otherwise.
fn join(batch: &mut Batch, list: &mut VecDeque<BatchFile>, dice: &mut Dice) -> bool {
    let count = list.len().min(1 + dice.roll(9));
    let are_taken = batch.add(list.range(..count).cloned().collect());
    if are_taken {
        list.drain(..count);
    }
    are_taken
}

/// Tells a batch what somebody says, or that nobody says anything.
fn hear(batch: &mut Batch, world: &mut World, dice: &mut Dice, deadline: Option<Moment>) {
    let now = Moment::START;
    let said = if dice.roll(4) == 0 { world.middle_says() } else { Vec::new() };
    if !said.is_empty() {
        return said.into_iter().for_each(|said| batch.input(now, said));
    }
    let first = Side::BOTH[dice.roll(2)];
    let said = [first, first.other()].into_iter().find_map(|side| Some((side, world.answer(side)?)));
    let said = match said {
        Some((side, (code, lines))) => vec![world.said(side, code, lines)],
        None => world.middle_says(),
    };
    if said.is_empty() {
        batch.input(deadline.unwrap(), Input::Timeout);
    }
    said.into_iter().for_each(|said| batch.input(now, said));
}

/// What holds for every batch, whatever goes wrong.
fn check(count: usize, fault: Fault, seed: u64) -> Vec<BatchEnd> {
    check_of(Count::at_once(count), fault, seed)
}

/// The same. Returns the ends of the files that it has taken.
fn check_of(count: Count, fault: Fault, seed: u64) -> Vec<BatchEnd> {
    let window = Window { commands: 12, line_bytes: 600, file_bytes: 100, groups: 3 };
    let Played { mut ends, taken, world, most } = play(count, fault, seed, window);
    let what = format!("{fault:?} {seed}");
    assert!(ends.drain(taken..).all(|end| end.is_none()), "{what}: a file has ended that was not taken");
    // What comes before the first file is not in the window.
    assert!(most <= 12, "{what}: {most} commands");
    assert!(world.most_held <= 3, "{what}: {} groups are held", world.most_held);
    let ends: Vec<BatchEnd> = ends.into_iter().map(|end| end.expect("every file ends")).collect();
    for (index, end) in ends.iter().enumerate() {
        let stored = world.stored.get(&target(index));
        match end {
            BatchEnd::Published { .. } => {
                assert_eq!(stored, Some(&world.files[index]), "{what}: {index} is another file");
            }
            BatchEnd::Left { touched, may_be_done } => {
                assert!(!touched, "{what}: {index} has no part");
                assert!(*may_be_done || stored.is_none(), "{what}: {index} has its name");
                assert!(stored.is_none_or(|bytes| bytes == &world.files[index]), "{what}");
            }
        }
    }
    for side in [0, 1] {
        assert!(world.is_closed[side] || (world.in_blocks[side] && world.inbox[side].is_empty()), "{what}");
    }
    assert!(world.is_closed[1] || world.held.is_empty(), "{what}: {:?} is held", world.held.keys());
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

/// Every fault, with what this seed makes of it.
fn faults(seed: u64) -> Vec<Fault> {
    let at = usize::try_from(seed % 17).unwrap();
    let step = usize::try_from(seed * 7 % 60).unwrap();
    let lies = Side::BOTH.into_iter().flat_map(|side| Lie::ALL.map(|lie| Fault::Says(side, at, lie)));
    let others = [
        Fault::NoSend(at),
        Fault::NoStore(at),
        Fault::Omits(at),
        Fault::Fails(at),
        Fault::Spoils(at),
        Fault::Swaps(at),
        Fault::NoName(at),
        Fault::NoKeep(at),
        Fault::KeepAsks(at),
        Fault::NamesNothing,
        Fault::Taken(at),
        Fault::Lost(step),
        Fault::Silent(step),
        Fault::NotKept(at),
        Fault::NoSock,
        Fault::NoJoin,
        Fault::Breaks(step),
    ];
    others.into_iter().chain(lies).collect()
}

#[test]
fn h16_whatever_goes_wrong_in_a_batch_no_name_gets_another_file_and_every_file_ends_once() {
    for seed in 0..150 {
        faults(seed).into_iter().for_each(|fault| drop(check(20, fault, seed)));
    }
}

#[test]
fn h16_the_same_holds_for_files_that_join_a_batch_while_it_moves() {
    let mut joined = 0;
    for seed in 0..150 {
        let count = Count { first: 1 + usize::try_from(seed % 12).unwrap(), joining: 20 };
        for fault in faults(seed) {
            joined += check_of(count, fault, seed).len() - count.first;
        }
        let ends = check_of(count, Fault::None, seed);
        assert_eq!(published(&ends), ends.len(), "{seed}");
    }
    assert!(joined > 10_000, "only {joined} files have joined");
}

#[test]
fn a_fault_of_one_file_leaves_the_others_as_far_as_the_line_allows() {
    for seed in 0..50 {
        for fault in [Fault::Omits(4), Fault::Fails(4), Fault::NoName(4), Fault::Taken(4)] {
            // Nothing has the name of a file that is not asked about.
            let ends = check(20, fault, seed);
            assert_eq!(published(&ends), 19, "{fault:?} {seed}");
        }
        // The groups before the one that breaks the line are published.
        for fault in [Fault::NoSend(9), Fault::NoStore(9)] {
            let ends = check(20, fault, seed);
            assert_eq!(published(&ends), 8, "{fault:?} {seed}");
        }
        assert_eq!(published(&check(20, Fault::NotKept(9), seed)), 16);
        // Of a group that is refused by half nobody says what has its name.
        let ends = check(20, Fault::NoKeep(9), seed);
        let perhaps = BatchEnd::Left { touched: false, may_be_done: true };
        assert_eq!(ends.iter().filter(|end| **end == perhaps).count(), 8, "{seed}");
        // A server that listens is not told where to connect.
        let postures = opening(seed).postures();
        let expect = if postures == Some(BOTH_LISTEN) { 20 } else { 0 };
        assert_eq!(published(&check(20, Fault::NoSock, seed)), expect, "{seed}");
        let expect = if postures.is_some() { 0 } else { 20 };
        assert_eq!(published(&check(20, Fault::NoJoin, seed)), expect, "{seed}");
    }
}

#[test]
fn h16_a_destination_that_names_nothing_has_published_nothing() {
    for seed in 0..50 {
        assert_eq!(published(&check(20, Fault::NamesNothing, seed)), 0, "{seed}");
        // The first file has not got its name, so another one shows that files are named.
        assert_eq!(published(&check(20, Fault::NoName(0), seed)), 19, "{seed}");
    }
}

#[test]
fn h16_files_in_another_order_and_replies_that_contradict_each_other_are_not_believed() {
    for seed in 0..50 {
        // Nothing of the group has its name, whichever of its files it was.
        assert!(published(&check(20, Fault::Swaps(10), seed)) <= 8, "{seed}");
        for (side, lie) in Side::BOTH.into_iter().flat_map(|side| Lie::ALL.map(|lie| (side, lie))) {
            let ends = check(20, Fault::Says(side, 10, lie), seed);
            assert!(published(&ends) <= 8, "{side:?} {lie:?} {seed}");
        }
    }
}

#[test]
fn a_batch_whose_names_are_taken_ends_in_order_and_waits_for_nothing() {
    for seed in 0..200 {
        for count in [1, 5, 20, 100] {
            for free in [0, 1, count / 2, count - 1, count] {
                let window = Window { commands: 12, line_bytes: 600, file_bytes: 100, groups: 3 };
                let Played { ends, world, .. } =
                    play(Count::at_once(count), Fault::TakenBut(free), seed, window);
                let what = format!("{count} {free} {seed}");
                assert_eq!(world.is_closed, [false; 2], "{what}: a session is given up");
                let ends: Vec<BatchEnd> = ends.into_iter().map(|end| end.expect(&what)).collect();
                assert_eq!(published(&ends), usize::from(free < count), "{what}");
            }
        }
    }
}

#[test]
fn servers_that_do_not_know_all_of_it_get_no_batch() {
    let terms = terms(direct(Side::Destination), Window::default());
    let (one, two) = (party("192.0.2.1"), party("192.0.2.2"));
    assert!(Batch::is_possible(&one, &two, &terms));
    let spoil: [fn(&mut Party); 6] = [
        |party| party.dialect = Dialect::Rfc354,
        |party| party.capabilities.takes_ahead = false,
        |party| party.capabilities.pack = false,
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
    // RSYM that was tried before does not matter to EPSV and PORT.
    let mut other = two;
    other.standing.symmetric = true;
    let joined = BatchOpening::Through { postures: BOTH_LISTEN };
    assert!(Batch::is_possible(&one, &other, &BatchTerms { opening: joined, ..terms }));
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
        let terms =
            BatchTerms { tls: DataTls::Sscn(client), ..terms(direct(Side::Destination), Window::default()) };
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
        while let Output::Command(side, command) = batch.poll() {
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

/// How many files a command stores.
fn stores(command: &Command) -> usize {
    let Command::Pack(pack) = command else { return 0 };
    if let Pack::Store(_, _, files) = &**pack { files.len() } else { 0 }
}

/// How many round trips a batch takes: what is sent in one arrives before the next one.
fn round_trips(count: usize, opening: BatchOpening) -> usize {
    let all = |index| BatchFile {
        target: name(&format!("c/{index}")),
        source: name(&format!("t/{index}")),
        ..file(index, 3, index.is_multiple_of(2), true)
    };
    let list: Vec<BatchFile> = (0..count).map(all).collect();
    let files: Vec<Vec<u8>> = (0..count).map(|_| vec![1, 2, 3]).collect();
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let now = Moment::START;
    let mut batch = Batch::start(list, terms(opening, Window::default()), parties, now);
    let mut world = World::new(Fault::None, files);
    let mut published = 0;
    let mut round = 0;
    let mut stored = Vec::new();
    loop {
        round += 1;
        loop {
            match batch.poll() {
                Output::Command(side, command) => {
                    stored.extend(Some(stores(&command)).filter(|files| *files > 0));
                    world.inbox[at(side)].push_back(command);
                }
                Output::Begins(_) => {}
                Output::FileEnded(..) => published += 1,
                Output::Close(_) => panic!("nothing goes wrong"),
                Output::AllEnded => {
                    assert_eq!(published, count);
                    assert!(stored[0] <= 16, "the first group is small: {stored:?}");
                    return round;
                }
                Output::Wait(_) => break,
                other => world.middle_hears(other),
            }
        }
        let mut replies = world.middle_says();
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
fn on_a_slow_network_little_is_sent_ahead_of_a_name() {
    let all = |index| BatchFile {
        target: name(&format!("c/{index}")),
        source: name(&format!("t/{index}")),
        ..file(index, 20_000, false, true)
    };
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let terms = terms(direct(Side::Destination), Window::default());
    let mut now = Moment::START;
    let mut batch = Batch::start((0..60).map(all).collect(), terms, parties, now);
    let mut world = World::new(Fault::None, vec![vec![1; 20_000]; 60]);
    let mut ahead = Vec::new();
    loop {
        match batch.poll() {
            Output::Command(side, command) => {
                if matches!(&command, Command::Pack(pack) if matches!(**pack, Pack::Keep(..))) {
                    ahead.push(world.inbox[1].iter().map(stores).sum::<usize>());
                }
                world.inbox[at(side)].push_back(command);
            }
            Output::AllEnded => break,
            Output::Wait(_) => {
                let (side, (code, lines)) = Side::BOTH
                    .into_iter()
                    .find_map(|side| Some((side, world.answer(side)?)))
                    .expect("somebody says something");
                // Three files take a second.
                if side == Side::Destination && code == 250 {
                    let files = world.inbox[1].front().map_or(0, stores);
                    now = now + Duration::from_secs(1) * u32::try_from(files).unwrap() / 3;
                }
                let said = world.said(side, code, lines);
                batch.input(now, said);
            }
            Output::Begins(_) | Output::FileEnded(..) => {}
            other => world.middle_hears(other),
        }
    }
    assert_eq!(world.stored.len(), 60);
    // Before the first one has moved, nobody knows how slow the network is.
    assert!(ahead.len() > 10 && ahead[0] <= 9 && ahead[1..].iter().all(|files| *files <= 6), "{ahead:?}");
}

#[test]
fn t7_a_file_of_a_batch_costs_less_than_a_tenth_of_a_round_trip() {
    let rounds = round_trips(256, direct(Side::Destination));
    assert!(rounds <= 12, "{rounds} round trips for 256 files");
    // The opening and the end do not depend on the number of files.
    assert!(round_trips(8, direct(Side::Destination)) <= 7);
    // A host in the middle takes no more than two for the opening.
    for postures in [BOTH_LISTEN, Postures { source: Posture::Active, destination: Posture::Active }] {
        let joined = BatchOpening::Through { postures };
        let more = round_trips(256, joined);
        assert!(
            more <= rounds + 2,
            "{more} round trips for 256 files, {rounds} without a host in the middle"
        );
    }
}

#[test]
fn t20_where_an_end_listens_already_the_first_group_waits_for_no_reply() {
    let listening = |side: Side| {
        let mut party = party("192.0.2.2");
        let (direction, since) = (side.direction(), Moment::START);
        party.standing.unused = Some(UnusedListener { direction, port: 40_007, since });
        party
    };
    for passive in Side::BOTH {
        let parties = match passive {
            Side::Source => (listening(passive), party("192.0.2.1")),
            Side::Destination => (party("192.0.2.1"), listening(passive)),
        };
        let terms = terms(direct(passive), Window::default());
        let mut batch = Batch::start(vec![file(0, 3, false, false)], terms, parties, Moment::START);
        let mut sent = [Vec::new(), Vec::new()];
        let mut output = batch.poll();
        while !matches!(output, Output::Wait(_)) {
            if let Output::Command(side, command) = output {
                sent[at(side)].push(command);
            }
            output = batch.poll();
        }
        for (side, commands) in Side::BOTH.into_iter().zip(&sent) {
            let [.., Command::Sock(peer), Command::Pack(_)] = &commands[..] else {
                panic!("{passive:?} {side:?} {commands:?}");
            };
            let proves = commands.iter().any(|command| matches!(command, Command::Rndz(Some(_))));
            assert_eq!(proves, side != passive, "the end that listens has its secret");
            let (host, port) = if side == passive { ("192.0.2.1", 0) } else { ("192.0.2.2", 40_007) };
            assert_eq!((peer.host, peer.port), (host.parse().ok(), port), "{passive:?} {side:?}");
            assert!(!commands.iter().any(|command| matches!(command, Command::Lstn(_))));
        }
    }
}

/// A batch of one file, whose data connection has so much time to come about.
fn of_one(connect: Duration) -> Batch {
    let parties = (party("192.0.2.1"), party("192.0.2.2"));
    let terms = BatchTerms { connect, ..terms(direct(Side::Destination), Window::default()) };
    Batch::start(vec![file(0, 3, false, false)], terms, parties, Moment::START)
}

#[test]
fn bytes_that_move_hold_off_the_timer() {
    let mut batch = of_one(Duration::from_secs(10));
    batch.input(Moment::START + Duration::from_secs(7), Input::Moving);
    while let Output::Command(..) | Output::Begins(_) = batch.poll() {}
    assert_eq!(batch.poll(), Output::Wait(Some(Moment::START + Duration::from_secs(17))));
}

#[test]
fn preliminary_replies_without_end_do_not_hold_off_the_timer() {
    let mut batch = of_one(Duration::from_secs(10));
    for second in 1..9 {
        let reply = Reply { code: Code(150), lines: vec![b"still".to_vec()] };
        let input = Input::Reply { side: Side::Source, reply, class: Class::Preliminary };
        batch.input(Moment::START + Duration::from_secs(second), input);
    }
    let deadline = loop {
        if let Output::Wait(deadline) = batch.poll() {
            break deadline;
        }
    };
    assert_eq!(deadline, Some(Moment::START + Duration::from_secs(11)));
}

#[test]
fn a_data_connection_that_may_not_stand_is_waited_for_a_shorter_time() {
    let mut batch = of_one(Duration::from_secs(2));
    while let Output::Command(..) | Output::Begins(_) = batch.poll() {}
    let deadline = Moment::START + Duration::from_secs(2);
    assert_eq!(batch.poll(), Output::Wait(Some(deadline)));
    batch.input(deadline, Input::Timeout);
    let left = BatchEnd::Left { touched: false, may_be_done: false };
    assert_eq!(batch.poll(), Output::FileEnded(0, left));
    assert_eq!([batch.poll(), batch.poll()], Side::BOTH.map(Output::Close));
    assert_eq!(batch.poll(), Output::AllEnded);
    assert!(!batch.has_opened() && !batch.keeps_connection());
}
