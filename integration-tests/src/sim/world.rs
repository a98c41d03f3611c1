//! Everything that a run consists of: the clock, the queue of events, and all parts.

use super::course::Course;
use super::disk::Disk;
use super::fault::Faults;
use super::host::Host;
use super::link::Link;
use super::random::Random;
use super::relay::Relay;
use super::scenario::{Obstacle, Scenario};
use super::shared::Shared;
use super::trace::Trace;
use super::user::User;
use super::wire::{Caller, Owner, Place, Syn, Wire};
use super::{Pair, SIDES};
use ftp_proto::relay::agent;
use ftp_proto::relay::token::Secret32;
use ftp_proto::server::ask::{Answer, ConnId, Ending, Ticket};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Everything that a run consists of.
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) random: Random,
    pub(super) scenario: Scenario,
    pub(super) hosts: Pair<Host>,
    pub(super) links: Pair<Link>,
    pub(super) wire: Wire,
    pub(super) relay: Option<Relay>,
    pub(super) user: User,
    pub(super) faults: Faults,
    pub(super) trace: Trace,
    pub(super) violations: Vec<String>,
    pub(super) file: Vec<u8>,
    pub(super) old: Option<Vec<u8>>,
    pub(super) queue: BinaryHeap<Reverse<Due>>,
    pub(super) steps: u64,
    /// Some file has begun to move.
    pub(super) moves: bool,
    /// Which ends have the transfer command of an attempt.
    pub(super) commanded: Pair<bool>,
    /// The ends that the attempts have aborted, in their order.
    pub(super) aborts: Vec<Side>,
    /// The coordinator of several files.
    pub(super) course: Course,
    /// The destination's files in the beginning.
    pub(super) first_disk: Disk,
    /// Which of the worlds of a run it is.
    pub(super) number: usize,
    pub(super) shared: Rc<RefCell<Shared>>,
}

/// What happens at a moment.
pub(super) enum Event {
    /// Bytes, or the end, of a control connection arrive at the server.
    ToServer(Side, Option<Vec<u8>>),
    /// The same at the user.
    ToUser(Side, Option<Vec<u8>>),
    /// An answer to a server machine's question.
    Answer(Side, Ticket, Answer),
    /// A listener opens and its machine is told.
    Listen(Side, Ticket, u16),
    /// A SYN reaches its target.
    Syn(Syn),
    /// The connecting end learns that it is connected: its end of that connection.
    Connected(Caller, Place),
    /// The user agent's data connection with that server cannot be opened, in the attempt of that number.
    NotConnected(Side, usize),
    /// Bytes, or the end, of the user agent's link arrive at the relay agent.
    ToAgent(Option<Vec<u8>>),
    /// The same at the user agent.
    FromAgent(Option<Vec<u8>>),
    /// An answer to a question of the relay agent's machine.
    AgentAnswer(agent::Ticket, agent::Answer),
    /// The relay's SYN reaches the control port of that server.
    ControlSyn(Side, agent::Ticket),
    /// The user agent's link for a tunnel to that server reaches the relay.
    Attach(Side, Secret32),
    /// Bytes, or the end, of a data connection arrive at its end of that number.
    Data { conn: usize, end: usize, what: Result<Vec<u8>, Ending> },
    /// Whoever waits at that end of a data connection gets what is there.
    Serve { conn: usize, end: usize },
    /// A file moves on.
    Pump(Side, Ticket),
    /// Somebody has ended a move.
    End(Side, Ticket),
    /// A stranger connects.
    Stranger { number: usize, at: std::net::SocketAddr },
    /// The next line of a script.
    Script(Side),
    /// A fault whose time has come.
    Fault(usize),
}

/// An event and its moment.
pub(super) struct Due {
    pub(super) at: Moment,
    /// Seeded: decides between events of the same moment.
    lot: u64,
    pub(super) event: Event,
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
    pub(super) fn new(scenario: Scenario, number: usize, shared: Rc<RefCell<Shared>>) -> Self {
        let mut random = Random::new(scenario.seed);
        let file = random.bytes(scenario.file.unwrap_or(0));
        let old = match scenario.restart {
            Some(offset) => Some(file.iter().take(offset).copied().collect()),
            None => scenario.old.map(|len| random.bytes(len)),
        };
        Self {
            now: scenario.start(),
            hosts: Pair::of(|side| Host::new(side, &scenario, random.array())),
            links: Pair::of(|_| Link::default()),
            wire: Wire::default(),
            relay: scenario.relay.then(|| Relay::new(&scenario)),
            user: User::new(&scenario, random.array()),
            faults: Faults::new(&scenario),
            trace: Trace::default(),
            violations: Vec::new(),
            queue: BinaryHeap::new(),
            steps: 0,
            moves: false,
            commanded: Pair::default(),
            aborts: Vec::new(),
            course: Course::default(),
            first_disk: Disk::default(),
            number,
            shared,
            random,
            scenario,
            file,
            old,
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

    pub(super) fn say_both(&mut self, what: &str) {
        for side in SIDES {
            self.say(side, what.to_owned());
        }
    }

    /// The address of a server.
    pub(super) fn address(&self, side: Side) -> IpAddr {
        self.hosts.at(side).address
    }

    pub(super) fn has(&self, obstacle: Obstacle) -> bool {
        self.scenario.obstacles.contains(&obstacle)
    }

    /// How long a file waits between two pieces.
    pub(super) fn pace(&self) -> Duration {
        self.scenario.delays.data.max(Duration::from_millis(2))
    }

    pub(super) fn new_conn(&mut self, side: Side) -> Owner {
        let host = self.hosts.at_mut(side);
        host.next_conn += 1;
        Owner::Server(side, ConnId(host.next_conn))
    }
}
