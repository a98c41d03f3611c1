//! The clock, the queue of events, the loop.

use super::fault::Faults;
use super::host::Host;
use super::link::Link;
use super::random::Random;
use super::scenario::Scenario;
use super::trace::Trace;
use super::user::User;
use super::wire::{Attempt, Wire};
use super::{Pair, SIDES};
use ftp_proto::server::ask::{Answer, ConnId, Ending, Ticket};
use ftp_proto::third_party::{Outcome, Side};
use ftp_proto::timer::Moment;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

/// A run is over long before; one that is not hangs.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
const MOST_STEPS: u64 = 50_000;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What did not hold; empty when all did.
    pub violations: Vec<String>,
    /// How each attempt ended.
    pub outcomes: Vec<Outcome>,
    /// The virtual time it took.
    pub took: Duration,
    /// Octets of the file at the destination in the end.
    pub stored: Option<Vec<u8>>,
    /// Octets that were at the destination in the beginning.
    pub old: Option<Vec<u8>>,
    /// Octets of the file.
    pub file: Vec<u8>,
    /// The most octets that a stranger received on one connection.
    pub strangers_heard: usize,
    /// Control connections that were still usable in the end.
    pub usable: Pair<bool>,
    transcript: Trace,
}

impl Report {
    /// The dialogue in two columns.
    pub fn transcript(&self) -> String {
        self.transcript.to_string()
    }

    /// One side's lines of the dialogue, each with its time.
    pub fn lines(&self, side: Side) -> Vec<(Duration, String)> {
        self.transcript.of(side).map(|(at, text)| (at.since_start(), text.to_owned())).collect()
    }
}

/// Runs a scenario to its end.
pub fn simulate(scenario: Scenario) -> Report {
    let mut world = World::new(scenario);
    world.start();
    while world.step() {}
    world.report()
}

/// Everything that a run consists of.
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) random: Random,
    pub(super) scenario: Scenario,
    pub(super) hosts: Pair<Host>,
    pub(super) links: Pair<Link>,
    pub(super) wire: Wire,
    pub(super) user: User,
    pub(super) faults: Faults,
    pub(super) trace: Trace,
    pub(super) violations: Vec<String>,
    pub(super) file: Vec<u8>,
    pub(super) old: Option<Vec<u8>>,
    queue: BinaryHeap<Reverse<Due>>,
    steps: u64,
}

/// What happens at a moment.
pub(super) enum Event {
    /// Octets, or the end, of a control connection arrive at the server.
    ToServer(Side, Option<Vec<u8>>),
    /// The same at the user.
    ToUser(Side, Option<Vec<u8>>),
    /// An answer to a server machine's question.
    Answer(Side, Ticket, Answer),
    /// A listener opens and its machine is told.
    Listen(Side, Ticket, u16),
    /// A SYN reaches its target.
    Syn(Attempt),
    /// The connecting end learns that it is connected.
    Connected(Side, Ticket, ConnId),
    /// Octets, or the end, of a data connection arrive at its end of that number.
    Data { conn: usize, end: usize, what: Result<Vec<u8>, Ending> },
    /// Whoever waits at that end of a data connection gets what is there.
    Serve { conn: usize, end: usize },
    /// A file moves on.
    Pump(Side, Ticket),
    /// A stranger connects.
    Stranger { number: usize, at: std::net::SocketAddr },
    /// A fault whose time has come.
    Fault(usize),
}

struct Due {
    at: Moment,
    /// Seeded: decides between events of the same moment.
    lot: u64,
    event: Event,
}

impl Due {
    const fn key(&self) -> (Moment, u64) {
        (self.at, self.lot)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl World {
    fn new(scenario: Scenario) -> Self {
        let mut random = Random::new(scenario.seed);
        let file = random.octets(scenario.file.unwrap_or(0));
        let old = match scenario.restart {
            Some(offset) => Some(file.iter().take(offset).copied().collect()),
            None => scenario.old.map(|len| random.octets(len)),
        };
        let mut world = Self {
            now: Moment::START,
            hosts: Pair::of(|side| Host::new(side, &scenario, random.array())),
            links: Pair::of(|_| Link::default()),
            wire: Wire::default(),
            user: User::new(&scenario, random.array()),
            faults: Faults::new(&scenario),
            trace: Trace::default(),
            violations: Vec::new(),
            queue: BinaryHeap::new(),
            steps: 0,
            random,
            scenario,
            file,
            old,
        };
        world.furnish();
        world
    }

    fn start(&mut self) {
        for side in SIDES {
            self.greet(side);
        }
        self.settle();
    }

    /// One event or one deadline, whichever comes first; false when nothing is left to happen.
    fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.violation("it does not end: too many steps".to_owned());
            return false;
        }
        let event = self.queue.peek().map(|Reverse(due)| due.at);
        let deadline = self.deadline();
        let Some(at) = [event, deadline].into_iter().flatten().min() else { return false };
        if at.since_start() > LONGEST {
            self.violation("it does not end: two hours have passed".to_owned());
            return false;
        }
        self.now = self.now.max(at);
        // At the same moment the lot decides.
        let event_first = event == Some(at) && (deadline != Some(at) || self.random.once_in(2));
        if event_first {
            if let Some(Reverse(due)) = self.queue.pop() {
                self.happen(due.event);
            }
        } else {
            self.fire();
        }
        self.settle();
        !self.is_over()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToServer(side, piece) => self.server_hears(side, piece),
            Event::ToUser(side, piece) => self.user_hears(side, piece),
            Event::Answer(side, ticket, answer) => self.answer(side, ticket, answer),
            Event::Listen(side, ticket, port) => self.listening(side, ticket, port),
            Event::Syn(attempt) => self.syn_arrives(attempt),
            Event::Connected(side, ticket, conn) => self.connected(side, ticket, conn),
            Event::Data { conn, end, what } => self.data_arrives(conn, end, what),
            Event::Serve { conn, end } => self.serve(conn, end),
            Event::Pump(side, ticket) => self.pump(side, ticket),
            Event::Stranger { number, at } => self.stranger_comes(number, at),
            Event::Fault(number) => self.strike(number),
        }
    }

    /// The earliest deadline of any machine.
    fn deadline(&self) -> Option<Moment> {
        let servers = SIDES.into_iter().filter_map(|side| self.hosts.at(side).deadline());
        servers.chain(self.user.deadline()).min()
    }

    /// One machine whose deadline has come hears of it.
    fn fire(&mut self) {
        let due: Vec<_> = SIDES
            .into_iter()
            .filter(|side| self.hosts.at(*side).deadline().is_some_and(|at| at <= self.now))
            .collect();
        let lot = self.random.length(due.len().saturating_sub(1));
        match due.get(lot) {
            Some(side) => self.server_timeout(*side),
            None => self.user_timeout(),
        }
    }

    /// Puts an event into the queue.
    pub(super) fn schedule(&mut self, at: Moment, event: Event) {
        let lot = self.random.bits();
        self.queue.push(Reverse(Due { at, lot, event }));
    }

    /// Puts an event into the queue, at a moment up to `most` from now.
    pub(super) fn schedule_within(&mut self, most: Duration, event: Event) {
        let at = self.now + self.random.time(most);
        self.schedule(at, event);
    }

    pub(super) fn violation(&mut self, what: String) {
        for side in SIDES {
            self.trace.say(self.now, side, format!("!! {what}"));
        }
        self.violations.push(what);
    }

    pub(super) fn say(&mut self, side: Side, what: String) {
        self.trace.say(self.now, side, what);
    }

    /// The address of a server.
    pub(super) fn address(&self, side: Side) -> IpAddr {
        self.hosts.at(side).address
    }

    fn report(mut self) -> Report {
        self.judge_the_end();
        Report {
            violations: self.violations,
            outcomes: self.user.outcomes.clone(),
            took: self.now.since_start(),
            stored: self.hosts.destination.disk.get(&self.user.destination_path).map(<[u8]>::to_vec),
            old: self.old,
            file: self.file,
            strangers_heard: self.wire.strangers_heard(),
            usable: self.user.usable,
            transcript: self.trace,
        }
    }
}
