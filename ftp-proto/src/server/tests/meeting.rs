//! Two sessions that open symmetrically, on a network that delays, loses and refuses: a crowd of them.
//!
//! TCP as far as it matters here: a SYN meets a SYN of the same two sockets, a listener, a firewall or
//! nobody; between two sockets there is one connection at most; a kernel repeats a SYN that is lost.

use crate::server::ask::{Account, Answer, Ask, ConnId, End, Event as Told, Input, Output, Ticket};
use crate::server::{Config, Connection, Session};
use crate::timer::Moment;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const USER: &str = "192.0.2.7:50000";
const HOSTS: [&str; 2] = ["198.51.100.1:21", "203.0.113.1:21"];
const STRANGER: &str = "192.0.2.200:6000";

/// What stands between the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Between {
    /// Nothing: where nobody listens, a SYN is refused.
    Nothing,
    /// A stateful firewall at each host: what it has not asked for is dropped.
    Firewalls,
}

#[derive(Clone, Debug)]
struct Crowd {
    seed: u64,
    between: Between,
    /// The longest way of a packet, in milliseconds.
    latency: u64,
    /// How many SYNs of each end are lost.
    lost: [u32; 2],
    /// When each end gets its transfer command, in milliseconds.
    commands: [u64; 2],
    /// When strangers come, and to whom.
    strangers: Vec<(u64, usize)>,
    same_secret: bool,
}

struct Host {
    session: Session,
    deadline: Option<Moment>,
    replies: Vec<String>,
    ports: BTreeMap<Ticket, u16>,
    listeners: BTreeMap<Ticket, u16>,
    /// SYNs that are under way: their two sockets.
    syns: BTreeMap<Ticket, [SocketAddr; 2]>,
    /// Where the firewall lets answers in from.
    asked: BTreeSet<[SocketAddr; 2]>,
    conns: BTreeMap<ConnId, (usize, usize)>,
    reading: BTreeMap<ConnId, usize>,
    moving: Option<(Ticket, usize)>,
    next: u64,
}

struct Conn {
    sockets: [SocketAddr; 2],
    /// The host and the name of each end; a stranger has none.
    ends: [Option<(usize, ConnId)>; 2],
    inbox: [Vec<u8>; 2],
    written: [usize; 2],
    /// When the last of what goes to each end arrives there.
    last: [Moment; 2],
    open: bool,
}

#[derive(Debug)]
enum Event {
    Line(usize, String),
    Syn { from: usize, ticket: Ticket, resent: u32 },
    Refused(usize, Ticket),
    Connected { host: usize, ticket: Ticket, conn: usize, end: usize },
    Data { conn: usize, end: usize, bytes: Vec<u8> },
    Gone { conn: usize, end: usize },
    Stranger(usize),
    Moved(usize),
}

struct World {
    crowd: Crowd,
    now: Moment,
    events: BTreeMap<(Moment, u64), Event>,
    count: u64,
    random: u64,
    hosts: [Host; 2],
    conns: Vec<Conn>,
    strangers: usize,
}

fn address(host: usize) -> SocketAddr {
    HOSTS[host].parse().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Host {
    fn new(index: usize) -> Self {
        let config = Config { software: "server".to_owned(), ..Config::default() };
        let connection = Connection {
            peer: USER.parse().unwrap(),
            local: address(index),
            proxied: false,
            public_address: None,
            entropy: [index as u8; 32],
        };
        Self {
            session: Session::new(Arc::new(config), connection),
            deadline: None,
            replies: Vec::new(),
            ports: BTreeMap::new(),
            listeners: BTreeMap::new(),
            syns: BTreeMap::new(),
            asked: BTreeSet::new(),
            conns: BTreeMap::new(),
            reading: BTreeMap::new(),
            moving: None,
            next: 40_000,
        }
    }

    /// The last reply with this first digit, if there was one.
    fn said(&self, digit: char) -> Option<&String> {
        self.replies.iter().rev().find(|reply| reply.starts_with(digit))
    }
}

impl World {
    fn new(crowd: Crowd) -> Self {
        let (random, hosts) = (crowd.seed | 1, [0, 1].map(Host::new));
        let events = BTreeMap::new();
        let mut world = Self {
            crowd,
            now: Moment::START,
            events,
            count: 0,
            random,
            hosts,
            conns: Vec::new(),
            strangers: 0,
        };
        for host in 0..2 {
            world.input(host, Input::Start);
            let secret = if world.crowd.same_secret || host == 0 { "07" } else { "08" }.repeat(32);
            for line in ["USER u", "PASS p", "TYPE I", &format!("RNDZ {secret}"), "RSYM ON", "GSOC"] {
                world.line(host, line);
            }
        }
        world
    }

    fn run(mut self) -> Self {
        for host in 0..2 {
            let other = SocketAddr::new(address(1 - host).ip(), 40_000);
            self.line(host, &format!("SOCK {},{}", other.ip(), other.port()));
            let command = if host == 0 { "RETR a" } else { "STOR b" }.to_owned();
            self.later(ms(self.crowd.commands[host]), Event::Line(host, command));
        }
        for (at, host) in self.crowd.strangers.clone() {
            self.later(ms(at), Event::Stranger(host));
        }
        let end = Moment::START + ms(60_000);
        while self.now < end {
            let wakes = self.hosts.iter().enumerate().filter_map(|(host, of)| Some((of.deadline?, host)));
            let wake = wakes.min();
            match self.events.first_key_value().map(|(key, _)| *key) {
                Some((at, number)) if wake.is_none_or(|(wake, _)| at <= wake) => {
                    self.now = at;
                    let event = self.events.remove(&(at, number)).unwrap();
                    self.happens(event);
                }
                _ => {
                    let (at, host) = wake.expect("no state waits without a timer");
                    if at > end {
                        break;
                    }
                    self.now = self.now.max(at);
                    self.input(host, Input::Timeout);
                }
            }
        }
        self
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }

    fn later(&mut self, wait: Duration, event: Event) {
        self.count += 1;
        self.events.insert((self.now + wait, self.count), event);
    }

    fn soon(&mut self, event: Event) {
        let way = 1 + self.below(self.crowd.latency);
        self.later(ms(way), event);
    }

    /// What goes to one end of a connection does not overtake what went there before.
    fn in_order(&mut self, (conn, end): (usize, usize), event: Event) {
        let at = self.now + ms(1 + self.below(self.crowd.latency));
        let last = &mut self.conns[conn].last[end];
        *last = at.max(*last);
        let wait = last.since(self.now);
        self.later(wait, event);
    }

    fn line(&mut self, host: usize, line: &str) {
        self.input(host, Input::Bytes(format!("{line}\r\n").as_bytes()));
    }

    fn input(&mut self, host: usize, input: Input<'_>) {
        let now = self.now;
        self.hosts[host].session.input(now, input);
        loop {
            match self.hosts[host].session.poll() {
                Output::Send(bytes) => {
                    let text = String::from_utf8(bytes).unwrap();
                    self.hosts[host].replies.extend(text.lines().map(str::to_owned));
                }
                Output::Ask(ask) => self.perform(host, ask),
                Output::Event(Told::Stranger { .. }) => self.strangers += 1,
                Output::Event(_) => {}
                Output::Close => panic!("{:?}", self.hosts[host].replies),
                Output::Wait(deadline) => {
                    self.hosts[host].deadline = deadline;
                    return;
                }
            }
        }
    }

    fn answer(&mut self, host: usize, ticket: Ticket, answer: Answer) {
        let now = self.now;
        self.hosts[host].session.input(now, Input::Answer(ticket, answer));
    }

    fn perform(&mut self, host: usize, ask: Ask) {
        let of = &mut self.hosts[host];
        match ask {
            Ask::Login { ticket, user, .. } => {
                self.answer(host, ticket, Answer::Login(Some(Account::new(user))));
            }
            Ask::Reserve { ticket, .. } => {
                let port = 40_000 + of.ports.len() as u16;
                of.ports.insert(ticket, port);
                self.answer(host, ticket, Answer::Port(Some(port)));
            }
            Ask::Listen { ticket, reservation, connects } => {
                assert!(connects);
                let port = of.ports[&reservation];
                of.listeners.insert(ticket, port);
                self.answer(host, ticket, Answer::Port(Some(port)));
            }
            Ask::Release(ticket) => assert!(of.ports.remove(&ticket).is_some()),
            Ask::Unlisten(ticket) => assert!(of.listeners.remove(&ticket).is_some()),
            Ask::Connect { ticket, from, local, to } => {
                let own = SocketAddr::new(local, of.ports[&from.unwrap()]);
                self.connect(host, ticket, [own, to]);
            }
            Ask::Cancel(ticket) => drop(of.syns.remove(&ticket)),
            Ask::Permit { ticket, .. } => self.answer(host, ticket, Answer::Permit(true)),
            Ask::Prepare { ticket, .. } => self.answer(host, ticket, Answer::Prepared { size: Some(9) }),
            Ask::Write { conn, bytes } => {
                let (conn, end) = of.conns[&conn];
                self.conns[conn].written[end] += bytes.len();
                self.in_order((conn, 1 - end), Event::Data { conn, end: 1 - end, bytes });
            }
            Ask::Read { conn, limit } => {
                of.reading.insert(conn, limit);
                let (conn, end) = of.conns[&conn];
                self.later(ms(0), Event::Data { conn, end, bytes: Vec::new() });
            }
            Ask::Drop { conn, .. } => {
                let (conn, end) = of.conns[&conn];
                self.conns[conn].open = false;
                self.in_order((conn, 1 - end), Event::Gone { conn, end: 1 - end });
            }
            Ask::Move { ticket, conn, .. } => {
                let (conn, _) = of.conns[&conn];
                of.moving = Some((ticket, conn));
                self.answer(host, ticket, Answer::Started);
                if self.hosts.iter().all(|of| of.moving.is_some_and(|(_, other)| other == conn)) {
                    (0..2).for_each(|host| self.soon(Event::Moved(host)));
                }
            }
            Ask::PermitDone { .. } | Ask::PeerProven { .. } => {}
            other @ (Ask::ReservePair { .. }
            | Ask::Progress { .. }
            | Ask::Doubt { .. }
            | Ask::Stop(_)
            | Ask::Recognise { .. }
            | Ask::LogOut
            | Ask::DropGroup(_)
            | Ask::Limits(_)
            | Ask::Room { .. }
            | Ask::Secure { .. }
            | Ask::Clear { .. }
            | Ask::SecureData { .. }
            | Ask::Detach { .. }
            | Ask::Detached { .. }
            | Ask::File { .. }) => panic!("{other:?}"),
        }
    }

    /// The connection between two sockets, if there is one.
    fn between(&self, sockets: [SocketAddr; 2]) -> bool {
        let [a, b] = sockets;
        self.conns.iter().any(|conn| conn.open && (conn.sockets == [a, b] || conn.sockets == [b, a]))
    }

    fn connect(&mut self, host: usize, ticket: Ticket, sockets: [SocketAddr; 2]) {
        if self.between(sockets) {
            return self.later(ms(0), Event::Refused(host, ticket)); // EADDRNOTAVAIL
        }
        self.hosts[host].syns.insert(ticket, sockets);
        self.hosts[host].asked.insert(sockets);
        self.soon(Event::Syn { from: host, ticket, resent: 0 });
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Line(host, line) => self.line(host, &line),
            Event::Syn { from, ticket, resent } => self.syn(from, ticket, resent),
            Event::Refused(host, ticket) => {
                self.hosts[host].syns.remove(&ticket);
                self.input(host, Input::Answer(ticket, Answer::Failed("refused".to_owned())));
            }
            Event::Connected { host, ticket, conn, end } => self.connected(host, ticket, (conn, end)),
            Event::Data { conn, end, bytes } => self.data(conn, end, bytes),
            Event::Gone { conn, end } => {
                if let Some((host, id)) = self.conns[conn].ends[end] {
                    self.hosts[host].reading.remove(&id);
                    self.input(host, Input::Lost(id));
                }
            }
            Event::Stranger(host) => self.stranger(host),
            Event::Moved(host) => {
                let (ticket, _) = self.hosts[host].moving.unwrap();
                let moved = Answer::Moved { bytes: 9, kept: false, end: End::WHOLE_FILE };
                self.input(host, Input::Answer(ticket, moved));
            }
        }
    }

    fn syn(&mut self, from: usize, ticket: Ticket, resent: u32) {
        let Some(&[own, to]) = self.hosts[from].syns.get(&ticket) else { return };
        if self.between([own, to]) {
            return; // it has met the other SYN already
        }
        let there = 1 - from;
        let blocked =
            self.crowd.between == Between::Firewalls && !self.hosts[there].asked.contains(&[to, own]);
        if blocked || self.crowd.lost[from] > 0 {
            self.crowd.lost[from] -= u32::from(!blocked);
            let again = ms(1_000 << resent.min(4));
            return self.later(again, Event::Syn { from, ticket, resent: resent + 1 });
        }
        let crossing = self.hosts[there].syns.iter().find(|(_, sockets)| **sockets == [to, own]);
        let crossing = crossing.map(|(ticket, _)| *ticket);
        let listener = self.hosts[there].listeners.iter().find(|(_, port)| **port == to.port());
        match (crossing, listener.map(|(ticket, _)| *ticket)) {
            (Some(theirs), _) => {
                let conn = self.opened([own, to], [Some(from), Some(there)]);
                self.soon(Event::Connected { host: from, ticket, conn, end: 0 });
                self.connected(there, theirs, (conn, 1));
            }
            (None, Some(listener)) => {
                let conn = self.opened([own, to], [Some(from), Some(there)]);
                self.soon(Event::Connected { host: from, ticket, conn, end: 0 });
                self.arrives(there, listener, conn, own);
            }
            (None, None) => self.soon(Event::Refused(from, ticket)),
        }
    }

    fn opened(&mut self, sockets: [SocketAddr; 2], hosts: [Option<usize>; 2]) -> usize {
        let conn = self.conns.len();
        let mut end = 0;
        let ends = hosts.map(|host| {
            let named = host.map(|host| {
                let of = &mut self.hosts[host];
                of.next += 1;
                of.conns.insert(ConnId(of.next), (conn, end));
                (host, ConnId(of.next))
            });
            end += 1;
            named
        });
        self.conns.push(Conn {
            sockets,
            ends,
            inbox: Default::default(),
            written: [0; 2],
            last: [self.now; 2],
            open: true,
        });
        conn
    }

    fn connected(&mut self, host: usize, ticket: Ticket, (conn, end): (usize, usize)) {
        let (_, id) = self.conns[conn].ends[end].unwrap();
        if self.hosts[host].syns.remove(&ticket).is_some() {
            self.input(host, Input::Answer(ticket, Answer::Connected { conn: id }));
        } else {
            self.conns[conn].open = false;
            self.in_order((conn, 1 - end), Event::Gone { conn, end: 1 - end });
        }
    }

    fn arrives(&mut self, host: usize, listener: Ticket, conn: usize, from: SocketAddr) {
        let (_, id) = self.conns[conn].ends[1].unwrap();
        self.input(host, Input::Arrived { listener, conn: id, from });
    }

    fn stranger(&mut self, host: usize) {
        let Some((&listener, &port)) = self.hosts[host].listeners.iter().next() else { return };
        let from = STRANGER.parse().unwrap();
        let to = SocketAddr::new(address(host).ip(), port);
        let conn = self.opened([from, to], [None, Some(host)]);
        self.arrives(host, listener, conn, from);
        assert!(!self.conns[conn].open, "a stranger is held");
        assert_eq!(self.conns[conn].written, [0, 0], "a stranger is told something");
    }

    /// Bytes arrive at one end; whoever reads there gets them.
    fn data(&mut self, conn: usize, end: usize, bytes: Vec<u8>) {
        self.conns[conn].inbox[end].extend(bytes);
        let Some((host, id)) = self.conns[conn].ends[end] else { return };
        let Some(limit) = self.hosts[host].reading.get(&id).copied() else { return };
        let inbox = &mut self.conns[conn].inbox[end];
        if !inbox.is_empty() {
            let bytes: Vec<u8> = inbox.drain(..limit.min(inbox.len())).collect();
            self.hosts[host].reading.remove(&id);
            self.input(host, Input::Data { conn: id, bytes: &bytes });
        }
    }
}

fn crowds() -> impl Strategy<Value = Crowd> {
    let between = prop_oneof![Just(Between::Nothing), Just(Between::Firewalls)];
    let strangers = prop::collection::vec((0..8_000_u64, 0..2_usize), 0..6);
    let times = (1..150_u64, [0..4_u32, 0..4_u32], [0..4_000_u64, 0..4_000_u64]);
    (any::<u64>(), between, times, strangers, prop::bool::weighted(0.85)).prop_map(
        |(seed, between, (latency, lost, commands), strangers, same_secret)| Crowd {
            seed,
            between,
            latency,
            lost,
            commands,
            strangers,
            same_secret,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whoever is faster, whatever is lost: one connection, and the same end at both.
    #[test]
    fn g02_g04_any_two_ends_that_meet_have_one_connection_and_the_same_end(crowd in crowds()) {
        let world = World::new(crowd.clone()).run();
        let ends: Vec<bool> = world.hosts.iter().map(|host| host.said('2').is_some_and(|said| said.starts_with("226 "))).collect();
        let shown: Vec<_> = world.hosts.iter().map(|host| &host.replies).collect();
        let theirs = world.conns.iter().filter(|conn| conn.ends[0].is_some()).count();
        prop_assert_eq!(ends[0], crowd.same_secret, "{:#?}", shown);
        prop_assert_eq!(ends[1], crowd.same_secret, "{:#?}", shown);
        if crowd.same_secret {
            prop_assert_eq!(theirs, 1);
        } else {
            prop_assert!(theirs <= 2, "each end makes one connection at most");
            prop_assert!(world.hosts.iter().all(|host| host.moving.is_none()));
        }
        for host in &world.hosts {
            prop_assert!(host.listeners.is_empty() && host.syns.is_empty());
        }
        prop_assert!(world.strangers <= crowd.strangers.len());
    }
}
