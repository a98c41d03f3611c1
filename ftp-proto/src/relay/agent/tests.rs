//! The machine on a virtual clock, with the test as its driver.

mod admission;
mod known;
mod meeting;
mod strangers;
mod tunnel;

use super::*;
use crate::policy::{RefusalReason, Rules};
use crate::relay::frame::{Frame, FrameReader, Numbered};
use crate::relay::message::{
    Code, End, FromAgent, GrantPurpose, Id, Leg, LegId, LegState, Pin, Target, Text, ToAgent, Waits,
};
use crate::relay::token::Secret32;
use crate::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const SOURCE: &str = "192.0.2.1";
const TARGET: &str = "192.0.2.2";
const HERE: &str = "198.51.100.9";

/// The ids of a test come behind those of the tunnels that [`Bench::greet`] opens.
const fn id(number: u32) -> Id {
    Id(number + 4)
}

struct Bench {
    session: Session,
    now: Moment,
    sent: Numbered,
    reader: FrameReader,
    seen: Numbered,
    asks: Vec<Ask>,
    heard: Vec<FromAgent>,
    events: Vec<Event>,
    /// The tickets of places that are taken.
    places: Vec<Ticket>,
    /// The joins of the tunnels of [`Bench::greet`].
    tunnels: Vec<Ticket>,
    closed: bool,
    deadline: Option<Moment>,
    /// The user agent sends pings whenever the clock advances.
    pings: bool,
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn config() -> Config {
    let rules = Rules {
        relay: vec!["192.0.2.0/24".parse().unwrap()],
        data_ports: vec!["5000-5099".parse().unwrap()],
        own_listeners: vec![at("198.51.100.9:2190")],
        ..Rules::default()
    };
    let limits = Limits { strangers: Some(32), ..Limits::default() };
    Config { rules, listen: vec![ip(HERE)], limits, ..Config::new(ip("203.0.113.1"), ip(HERE)) }
}

fn listen(host: &str) -> Leg {
    Leg::Listen(Pin { ip: ip(host), port: None })
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut bench = Self {
            session: Session::new(Moment::START, config),
            now: Moment::START,
            sent: Numbered::default(),
            reader: FrameReader::new(),
            seen: Numbered::default(),
            asks: Vec::new(),
            heard: Vec::new(),
            events: Vec::new(),
            places: Vec::new(),
            tunnels: Vec::new(),
            closed: false,
            deadline: None,
            pings: true,
        };
        bench.drain();
        bench
    }

    /// Creates a session with one grant for both hosts, with the id 1.
    fn granted(uses: u8) -> Self {
        Self::granted_by(config(), uses)
    }

    fn granted_by(config: Config, uses: u8) -> Self {
        let mut bench = Self::new(config);
        bench.greet();
        bench.grant_join(id(1), &[SOURCE, TARGET], 1_000_000, uses);
        assert!(matches!(bench.heard.remove(0), FromAgent::Granted { .. }));
        bench
    }

    fn grant_join(&mut self, id: Id, hosts: &[&str], max_bytes: u64, uses: u8) {
        let purpose = GrantPurpose::Join(hosts.iter().map(|host| ip(host)).collect());
        self.say(ToAgent::Grant { id, purpose, max_bytes, max_ms: 600_000, uses });
    }

    /// The operator changes what the session may do.
    fn renew(&mut self, allow: &str, data_ports: &[&str]) {
        let allow = vec![allow.parse().unwrap()];
        let data_ports = data_ports.iter().map(|ports| ports.parse().unwrap()).collect();
        self.input(Input::Renewed { allow, data_ports, limits: Limits::USUAL });
    }

    /// A tunnel to both hosts, whose servers greet.
    fn greet(&mut self) {
        for (number, host) in [(1, SOURCE), (3, TARGET)] {
            let purpose = GrantPurpose::Tunnel(Target { host: Text::of(host), port: 21 });
            let (max_bytes, max_ms) = (u64::MAX, 86_400_000);
            self.say(ToAgent::Grant { id: Id(number), purpose, max_bytes, max_ms, uses: 1 });
            self.say(ToAgent::Tunnel { id: Id(number + 1), grant: Id(number) });
            self.server_greets(SocketAddr::new(ip(host), 21), ConnId(900 + u64::from(number)));
            let Ask::Expect { ticket, .. } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
            self.input(Input::Attached { ticket, conn: ConnId(901 + u64::from(number)) });
            let Ask::Join { ticket, .. } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
            self.tunnels.push(ticket);
        }
        self.heard.clear();
        self.events.clear();
    }

    /// The server of a tunnel is found at this address and greets, and the secret of the link is drawn. Returns where the agent
    /// has connected to.
    fn server_greets(&mut self, resolved: SocketAddr, conn: ConnId) -> SocketAddr {
        let Ask::Resolve { ticket, .. } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
        self.answer(ticket, Answer::Resolved(vec![resolved]));
        self.routes();
        let Ask::Dial { ticket, to, .. } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
        self.answer(ticket, Answer::Connected { conn, local: at("198.51.100.9:999") });
        let Ask::Greeting { ticket, .. } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
        self.answer(ticket, Answer::Greeted);
        let Ask::Random(ticket) = self.asks.remove(0) else { panic!("{:?}", self.asks) };
        self.answer(ticket, Answer::Random(Secret32::new([9; 32])));
        to
    }

    /// The tunnels of [`Bench::greet`] end.
    fn end_tunnels(&mut self) {
        for ticket in std::mem::take(&mut self.tunnels) {
            self.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::Whole });
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll() {
                Output::Send(bytes) => {
                    self.reader.push(&bytes);
                    while let Some(frame) = self.reader.message::<Frame<FromAgent>>().unwrap() {
                        self.heard.push(self.seen.check(frame).unwrap());
                    }
                }
                Output::More => self.session.input(self.now, Input::Next),
                Output::Ask(Ask::Place { ticket, .. }) => {
                    self.places.push(ticket);
                    self.session.input(self.now, Input::Answer(ticket, Answer::Admitted));
                }
                Output::Ask(Ask::Leave(place)) => self.places.retain(|taken| *taken != place),
                Output::Ask(ask) => self.asks.push(ask),
                Output::Event(event) => self.events.push(event),
                Output::Close => {
                    self.closed = true;
                    return;
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn say(&mut self, message: ToAgent) {
        let bytes = self.sent.encode(message).unwrap();
        self.input(Input::Bytes(&bytes));
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.input(Input::Answer(ticket, answer));
    }

    /// Advances the clock from deadline to deadline. Questions about the progress are answered with `flow`.
    fn pass(&mut self, time: Duration, mut flow: impl FnMut() -> Flow) {
        let end = self.now + time;
        while let Some(deadline) = self.deadline.filter(|at| *at <= end && !self.closed) {
            self.now = deadline.max(self.now);
            self.input(Input::Timeout);
            while let Some(index) = self.asks.iter().position(|ask| matches!(ask, Ask::Progress { .. })) {
                let Ask::Progress { ticket, of } = self.asks.remove(index) else {
                    panic!("it was one a line ago")
                };
                let flow = if self.tunnels.contains(&of) { Flow::default() } else { flow() };
                self.answer(ticket, Answer::Progress(flow));
            }
            if self.pings && !self.closed {
                self.say(ToAgent::Ping { t: 0 });
                self.heard.retain(|heard| *heard != FromAgent::Pong { t: 0 });
            }
        }
        self.now = end;
    }

    fn join(&mut self, number: u32, a: Leg, b: Leg) {
        self.say(ToAgent::Join { id: id(number), grant: id(1), a, b, waits: Waits::default() });
    }

    fn routes(&mut self) {
        let Ask::Route { ticket, to } = self.asks.remove(0) else { panic!("{:?}", self.asks) };
        self.answer(ticket, Answer::Routes(vec![Route { from: Some(ip(HERE)), is_own: false }; to.len()]));
    }

    /// Answers the listening questions with ports from 5001.
    fn listening(&mut self) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Some(index) = self.asks.iter().position(|ask| matches!(ask, Ask::Listen { .. })) {
            let Ask::Listen { ticket, at } = self.asks.remove(index) else { panic!("it was one a line ago") };
            tickets.push(ticket);
            let port = 5_000 + u16::try_from(tickets.len()).unwrap();
            self.answer(ticket, Answer::Listening(SocketAddr::new(at, port)));
        }
        tickets
    }

    fn arrive(&mut self, listener: Ticket, conn: u64, from: &str) {
        let (conn, local, from) = (ConnId(conn), at("198.51.100.9:5001"), at(from));
        self.input(Input::Arrived { listener, arrival: Arrival { conn, local, from, is_own: false } });
    }

    /// A join of two legs that listen; their tickets.
    fn both_listen(&mut self, number: u32) -> Vec<Ticket> {
        self.join(number, listen(SOURCE), listen(TARGET));
        self.routes();
        self.listening()
    }

    /// A join of two listening legs that flows.
    fn flowing(&mut self, number: u32) -> Ticket {
        let tickets = self.both_listen(number);
        self.arrive(tickets[0], u64::from(number) * 10, "192.0.2.1:20");
        self.arrive(tickets[1], u64::from(number) * 10 + 1, "192.0.2.2:40000");
        let Some(&Ask::Join { ticket, .. }) = self.asks.last() else { panic!("{:?}", self.asks) };
        self.asks.clear();
        ticket
    }

    fn resets(&self) -> Vec<u64> {
        let reset = |ask: &Ask| if let Ask::Reset(conn) = ask { Some(conn.0) } else { None };
        self.asks.iter().filter_map(reset).collect()
    }

    fn last(&self) -> &FromAgent {
        self.heard.last().expect("something was said")
    }
}

/// Leg A is connected after so many strangers.
fn is_up(strangers: u16) -> impl Fn(&FromAgent) -> bool {
    move |heard| matches!(heard, FromAgent::LegUp { leg: LegId::A, strangers: came, .. } if *came == strangers)
}

fn refused(number: u32, code: Code, leg: Option<LegId>) -> impl Fn(&FromAgent) -> bool {
    move |heard| matches!(heard, FromAgent::Refused { id: i, code: c, leg: l, .. } if *i == id(number) && *c == code && *l == leg)
}

#[test]
fn r01_two_listening_legs_are_joined_and_the_addresses_come_first() {
    let mut bench = Bench::granted(1);
    bench.join(2, listen(SOURCE), listen(TARGET));
    bench.routes();
    assert!(bench.heard.is_empty(), "nothing is ready before both listen");
    let tickets = bench.listening();
    let (a, b) = (LegState::Listening(at("198.51.100.9:5001")), LegState::Listening(at("198.51.100.9:5002")));
    assert_eq!(bench.heard, [FromAgent::JoinReady { id: id(2), a, b }]);
    bench.arrive(tickets[1], 7, "192.0.2.2:40000");
    assert!(!bench.asks.iter().any(|ask| matches!(ask, Ask::Join { .. })), "nothing flows before both stand");
    bench.arrive(tickets[0], 8, "192.0.2.1:20");
    let Some(Ask::Join { ticket, a, b, limit, .. }) = bench.asks.last() else { panic!("{:?}", bench.asks) };
    assert_eq!((*a, *b, *limit), (ConnId(8), ConnId(7), 1_000_000));
    let ticket = *ticket;
    assert_eq!(bench.last(), &FromAgent::Joined { id: id(2) });
    bench.input(Input::HalfEof { join: ticket, from: LegId::A, bytes: 99 });
    assert_eq!(bench.last(), &FromAgent::HalfEof { join: id(2), from: LegId::A, bytes: 99 });
    bench.answer(ticket, Answer::Ended { a_to_b: 99, b_to_a: 0, how: JoinEnd::Whole });
    assert_eq!(bench.last(), &FromAgent::Ended { id: id(2), a_to_b: 99, b_to_a: 0, how: End::Eof });
}

#[test]
fn what_was_asked_is_forgotten_with_its_last_answer() {
    let mut bench = Bench::granted(1);
    let join = bench.flowing(2);
    for _ in 0..3 {
        bench.say(ToAgent::Stat { join: id(2) });
        let Some(Ask::Progress { ticket, .. }) = bench.asks.pop() else { panic!("{:?}", bench.asks) };
        bench.answer(ticket, Answer::Progress(Flow::default()));
    }
    bench.answer(join, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::Whole });
    bench.end_tunnels();
    let shown = format!("{:?}", bench.session);
    assert!(shown.contains("owners: {}"), "{shown}");
}

#[test]
fn r02_two_dialling_legs_open_no_listener() {
    let mut bench = Bench::granted(1);
    bench.join(2, Leg::Dial(at("192.0.2.1:5000")), Leg::Dial(at("192.0.2.2:6000")));
    bench.routes();
    assert!(matches!(
        bench.heard[0],
        FromAgent::JoinReady { a: LegState::Dialing(_), b: LegState::Dialing(_), .. }
    ));
    let dials: Vec<_> = bench.asks.drain(..).collect();
    let [Ask::Dial { ticket: a, from, to, .. }, Ask::Dial { ticket: b, .. }] = dials[..] else {
        panic!("{dials:?}")
    };
    assert_eq!((from, to), (ip(HERE), at("192.0.2.1:5000")));
    for (ticket, conn) in [(b, 2), (a, 1)] {
        bench.answer(ticket, Answer::Connected { conn: ConnId(conn), local: at("198.51.100.9:9") });
    }
    assert!(matches!(bench.asks[..], [Ask::Join { a: ConnId(1), b: ConnId(2), .. }]), "{:?}", bench.asks);
}

#[test]
fn a_dialling_leg_waits_for_the_listening_one_to_be_ready() {
    let mut bench = Bench::granted(1);
    bench.join(2, listen(SOURCE), Leg::Dial(at("192.0.2.2:6000")));
    bench.routes();
    assert!(matches!(bench.asks[..], [Ask::Listen { .. }]), "{:?}", bench.asks);
    bench.listening();
    assert!(matches!(bench.asks[..], [Ask::Dial { .. }]), "{:?}", bench.asks);
    assert_eq!(bench.heard.len(), 1);
}

#[test]
fn r06_a_grant_has_a_number_of_uses() {
    let mut bench = Bench::granted(3);
    for id in 2..5 {
        bench.flowing(id);
    }
    bench.join(5, listen(SOURCE), listen(TARGET));
    assert!(refused(5, Code::GrantUsed, None)(bench.last()));
    assert!(bench.asks.is_empty());
}

#[test]
fn r07_a_missing_leg_is_named_and_the_other_is_reset() {
    let mut bench = Bench::granted(1);
    let tickets = bench.both_listen(2);
    bench.arrive(tickets[0], 7, "192.0.2.1:20");
    bench.asks.clear();
    bench.pass(Duration::from_millis(14_999), Flow::default);
    assert!(bench.asks.is_empty());
    bench.pass(Duration::from_millis(1), Flow::default);
    assert!(refused(2, Code::LegTimeout, Some(LegId::B))(bench.last()), "{:?}", bench.last());
    assert_eq!(bench.resets(), [7]);
    assert!(bench.asks.iter().any(|ask| matches!(ask, Ask::Unlisten(ticket) if *ticket == tickets[1])));
}

#[test]
fn r08_only_addresses_that_others_can_reach_are_announced() {
    let check = |listening: &str, route: &str, expected: Option<&str>| {
        let mut bench = Bench::new(Config { listen: vec![ip(listening)], ..config() });
        bench.greet();
        bench.grant_join(id(1), &[SOURCE], 1, 1);
        bench.join(2, listen(SOURCE), listen(SOURCE));
        let Ask::Route { ticket, .. } = bench.asks.remove(0) else { panic!("no route") };
        bench.answer(ticket, Answer::Routes(vec![Route { from: Some(ip(route)), is_own: false }; 2]));
        let asked = bench
            .asks
            .iter()
            .find_map(|ask| if let Ask::Listen { at, .. } = ask { Some(at.to_string()) } else { None });
        assert_eq!(asked.as_deref(), expected, "--listen {listening}, route {route}");
        if expected.is_none() {
            assert!(refused(2, Code::NoAddress, Some(LegId::A))(bench.last()));
        }
    };
    check("0.0.0.0", "198.51.100.9", Some("198.51.100.9"));
    check("0.0.0.0", "10.0.0.9", None);
    check("0.0.0.0", "127.0.0.1", None);
    check("10.0.0.9", "10.0.0.9", Some("10.0.0.9"));
    check("127.0.0.9", "127.0.0.1", Some("127.0.0.9"));
    check("2001:db8::9", "198.51.100.9", Some("198.51.100.9"));
}

#[test]
fn r11_of_two_right_peers_one_is_joined() {
    let mut bench = Bench::granted(1);
    let tickets = bench.both_listen(2);
    bench.arrive(tickets[0], 1, "192.0.2.1:20");
    assert!(matches!(bench.asks[..], [Ask::Unlisten(ticket)] if ticket == tickets[0]));
    bench.arrive(tickets[0], 2, "192.0.2.1:20");
    assert_eq!(bench.resets(), [2]);
}

#[test]
fn r15_r16_silence_ends_a_join_a_slow_receiver_does_not() {
    let still = |taken_a, given_b| move || Flow { taken_a, given_b, ..Flow::default() };
    let ended = |bench: &mut Bench, ticket, how| {
        assert!(matches!(bench.asks[..], [Ask::Stop(stopped)] if stopped == ticket), "{:?}", bench.asks);
        bench.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::Stopped });
        let FromAgent::Ended { how: found, .. } = bench.last() else { panic!("{:?}", bench.last()) };
        assert_eq!(*found, how);
    };
    // Nothing moves: idle.
    let mut bench = Bench::granted(1);
    let ticket = bench.flowing(2);
    bench.pass(Duration::from_secs(59), still(0, 0));
    assert!(bench.asks.is_empty());
    bench.pass(Duration::from_secs(16), still(0, 0));
    ended(&mut bench, ticket, End::Idle);
    // A little moves all the time: not idle.
    let mut bench = Bench::granted(1);
    bench.flowing(2);
    let mut given = 0;
    bench.pass(Duration::from_secs(500), || {
        given += 1;
        Flow { taken_a: 1_000_000, given_b: given, ..Flow::default() }
    });
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
    // Bytes wait for a receiver that does not take them: stalled.
    let mut bench = Bench::granted(1);
    let ticket = bench.flowing(2);
    bench.pass(Duration::from_secs(91), still(9, 3));
    ended(&mut bench, ticket, End::Stalled);
    // After one end has closed, the longer time holds.
    let mut bench = Bench::granted(1);
    let ticket = bench.flowing(2);
    bench.input(Input::HalfEof { join: ticket, from: LegId::A, bytes: 0 });
    bench.pass(Duration::from_secs(299), still(0, 0));
    assert!(bench.asks.is_empty());
    bench.pass(Duration::from_secs(31), still(0, 0));
    ended(&mut bench, ticket, End::Idle);
}

#[test]
fn r33_the_limit_and_the_time_of_a_grant_end_a_join() {
    let mut bench = Bench::granted(1);
    let ticket = bench.flowing(2);
    bench.answer(ticket, Answer::Ended { a_to_b: 1_000_000, b_to_a: 0, how: JoinEnd::Limit });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::LimitBytes, .. }));
    let mut bench = Bench::granted(2);
    let ticket = bench.flowing(2);
    let mut moved = 0;
    bench.pass(Duration::from_secs(600), || {
        moved += 1;
        Flow { taken_a: moved, given_b: moved, ..Flow::default() }
    });
    assert!(matches!(bench.asks[..], [Ask::Stop(stopped)] if stopped == ticket), "{:?}", bench.asks);
    bench.join(3, listen(SOURCE), listen(TARGET));
    assert!(refused(3, Code::Expired, None)(bench.last()), "{:?}", bench.last());
}

#[test]
fn r28_a_withdrawn_token_ends_everything() {
    let mut bench = Bench::granted(2);
    let ticket = bench.flowing(2);
    bench.both_listen(3);
    bench.input(Input::Revoked(Withdrawn::Token));
    assert!(bench.asks.iter().any(|ask| matches!(ask, Ask::Stop(stopped) if *stopped == ticket)));
    assert!(matches!(bench.last(), FromAgent::Bye { .. }));
    bench.end_tunnels();
    assert!(!bench.closed);
    bench.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::Stopped });
    assert!(bench.closed && bench.places.is_empty());
    assert!(bench.events.iter().any(|event| matches!(event, Event::Ended { how: End::Revoked, .. })));
}

#[test]
fn r32_ids_of_other_sessions_are_unknown() {
    let mut bench = Bench::granted(1);
    for message in [ToAgent::Close { id: id(9) }, ToAgent::Stat { join: id(9) }] {
        bench.say(message);
        assert!(refused(9, Code::NoGrant, None)(bench.last()));
    }
    bench.say(ToAgent::Join {
        id: id(2),
        grant: id(77),
        a: listen(SOURCE),
        b: listen(TARGET),
        waits: Waits::default(),
    });
    assert!(refused(2, Code::NoGrant, None)(bench.last()));
    // A grant for other hosts or for another purpose does not count.
    bench.join(3, listen(SOURCE), listen("192.0.2.3"));
    assert!(refused(3, Code::NoGrant, None)(bench.last()));
    bench.say(ToAgent::Tunnel { id: id(4), grant: id(1) });
    assert!(refused(4, Code::NoGrant, None)(bench.last()));
    assert!(bench.asks.is_empty());
}

#[test]
fn r20_i15_hosts_outside_the_rules_get_no_socket_even_with_a_grant() {
    let mut bench = Bench::new(config());
    bench.greet();
    bench.grant_join(id(1), &["8.8.8.8", SOURCE], 1, 4);
    bench.join(2, listen(SOURCE), Leg::Dial(at("8.8.8.8:2121")));
    bench.routes();
    assert!(refused(2, Code::Denied, Some(LegId::B))(bench.last()));
    assert!(!bench.asks.iter().any(|ask| matches!(ask, Ask::Dial { .. })));
    bench.join(3, listen("8.8.8.8"), listen(SOURCE));
    bench.asks.retain(|ask| matches!(ask, Ask::Route { .. }));
    bench.routes();
    assert!(refused(3, Code::Denied, Some(LegId::A))(bench.last()));
    assert!(bench.asks.is_empty());
}

#[test]
fn only_what_flows_outlives_the_session() {
    let mut bench = Bench::granted(2);
    let ticket = bench.flowing(2);
    let tickets = bench.both_listen(3);
    bench.arrive(tickets[0], 99, "192.0.2.1:20");
    bench.input(Input::Closed);
    assert_eq!(bench.resets(), [99]);
    bench.end_tunnels();
    assert!(!bench.closed);
    bench.answer(ticket, Answer::Ended { a_to_b: 5, b_to_a: 0, how: JoinEnd::Whole });
    assert!(bench.closed);
}

#[test]
fn a_silent_link_is_lost_after_its_time() {
    let mut bench = Bench::new(config());
    bench.pings = false;
    bench.pass(Duration::from_secs(44), Flow::default);
    bench.say(ToAgent::Ping { t: 7 });
    assert_eq!(bench.last(), &FromAgent::Pong { t: 7 });
    bench.pass(Duration::from_secs(44), Flow::default);
    assert!(!bench.closed);
    bench.pass(Duration::from_secs(1), Flow::default);
    assert!(bench.closed);
}

#[test]
fn r39_bytes_of_another_protocol_end_the_session_with_a_reason() {
    let mut bench = Bench::new(config());
    bench.input(Input::Bytes(&[0, 0, 0, 0]));
    assert!(matches!(bench.last(), FromAgent::Bye { code: Code::Protocol, .. }));
    assert!(bench.closed);
    let mut bench = Bench::granted(1);
    bench.say(ToAgent::Tunnel { id: id(1), grant: id(1) });
    assert!(matches!(bench.last(), FromAgent::Bye { code: Code::Protocol, .. }), "an id comes once");
}

#[test]
fn late_answers_to_cancelled_questions_keep_nothing_open() {
    let mut bench = Bench::granted(1);
    bench.join(2, Leg::Dial(at("192.0.2.1:5000")), Leg::Dial(at("192.0.2.2:6000")));
    bench.routes();
    let Ask::Dial { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.say(ToAgent::Close { id: id(2) });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::Revoked, .. }));
    bench.answer(ticket, Answer::Connected { conn: ConnId(5), local: at("198.51.100.9:9") });
    assert_eq!(bench.resets(), [5]);
}
