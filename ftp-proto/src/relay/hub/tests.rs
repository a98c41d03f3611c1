//! The machine on a virtual clock, with the test as its driver.

use super::*;
use crate::listing::When;
use crate::relay::agent::Withdrawn;
use crate::relay::date::{self, DateAt};
use crate::relay::frame::{Frame, FrameReader, Numbered, encode};
use crate::relay::link::ticket_id;
use crate::relay::message::{Code, Id, Text};
use crate::relay::token::{Joins, Secret32};
use crate::timer::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod groups;

/// What one session has got.
#[derive(Default)]
struct Link {
    sent: Numbered,
    reader: FrameReader,
    seen: Numbered,
    heard: Vec<FromHub>,
    closed: bool,
}

struct Bench {
    hub: Hub,
    now: Moment,
    ends: BTreeMap<u64, Link>,
    expected: BTreeMap<(CallId, bool), Secret32>,
    joined: Vec<CallId>,
    dropped: Vec<CallId>,
    /// Why a call gets no place, and how long its stream may live if it gets one.
    full: Option<&'static str>,
    life: Option<Duration>,
    causes: Vec<Cause>,
    events: Vec<Event>,
    deadline: Option<Moment>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self {
            hub: Hub::new(limits, Secret32::new([7; 32])),
            now: Moment::START,
            ends: BTreeMap::new(),
            expected: BTreeMap::new(),
            joined: Vec::new(),
            dropped: Vec::new(),
            full: None,
            life: None,
            causes: Vec::new(),
            events: Vec::new(),
            deadline: None,
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.hub.input(self.now, input);
        loop {
            match self.hub.poll() {
                Output::Send(SessionId(id), bytes) => {
                    let end = self.ends.get_mut(&id).unwrap();
                    assert!(!end.closed, "a frame for {id} after its end");
                    end.reader.push(&bytes);
                    let frame = end.reader.message::<Frame<FromHub>>().unwrap().unwrap();
                    end.heard.push(end.seen.check(frame).unwrap());
                }
                Output::More(session) => self.hub.input(self.now, Input::Next(session)),
                Output::Close(SessionId(id)) => self.ends.get_mut(&id).unwrap().closed = true,
                Output::Expect { call, end, ticket } => {
                    self.expected.insert((call, end == End::Agent), ticket);
                }
                Output::Join(call) => self.joined.push(call),
                Output::Place { call, .. } => {
                    let place = self.full.map_or(Ok(self.life), Err);
                    self.hub.input(self.now, Input::Placed { call, place });
                }
                Output::Drop(call, cause) => {
                    self.dropped.push(call);
                    self.causes.push(cause);
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn open(&mut self, id: u64, token: &str) {
        self.open_in(id, token, token, Joins::AsAnybody, None);
    }

    /// The same for a token of a group.
    fn open_in(&mut self, id: u64, token: &str, group: &str, joins: Joins, expires: Option<Moment>) {
        self.ends.insert(id, Link::default());
        let (session, token, group) = (SessionId(id), token.to_owned(), group.to_owned());
        self.input(Input::Opened { session, token, group, joins, expires, date: None });
    }

    fn say(&mut self, id: u64, message: ToHub) {
        let frame = self.ends.get_mut(&id).unwrap().sent.encode(message).unwrap();
        self.input(Input::Bytes(SessionId(id), &frame));
    }

    fn introduce(&mut self, id: u64, role: Role) {
        self.say(id, ToHub::Introduce { role, build: Text::of("test") });
    }

    fn agent(&mut self, id: u64, token: &str, name: &str, boot: u64) {
        self.open(id, token);
        self.introduce(id, Role::Agent { name: Text::of(name), boot });
    }

    fn user(&mut self, id: u64, token: &str) {
        self.open(id, token);
        self.introduce(id, Role::User { name: Text::of("test") });
    }

    fn call(&mut self, from: u64, id: u32, agent: &str) {
        self.say(from, ToHub::Call { id: Id(id), agent: Text::of(agent) });
    }

    fn last(&self, id: u64) -> &FromHub {
        self.ends[&id].heard.last().unwrap()
    }

    fn refusal(&self, id: u64) -> Option<Code> {
        if let Some(FromHub::Refused { code, .. }) = self.ends[&id].heard.last() { Some(*code) } else { None }
    }

    /// Why the hub has ended a session, and when it wants another one.
    fn goodbye(&self, id: u64) -> Option<(Code, u32)> {
        match self.ends[&id].heard.last() {
            Some(FromHub::Bye { code, retry_after_ms, .. }) if self.ends[&id].closed => {
                Some((*code, *retry_after_ms))
            }
            _ => None,
        }
    }

    /// Lets the clock run to the next deadline.
    fn wait(&mut self) {
        self.now = self.deadline.unwrap();
        self.input(Input::Timeout);
    }

    fn attach(&mut self, call: u64) {
        for end in [End::Caller, End::Agent] {
            self.input(Input::Attached(CallId(call), end, from(end)));
        }
    }
}

/// Where the ends of a call come from.
fn from(end: End) -> SocketAddr {
    let text = if end == End::Caller { "192.0.2.1:4000" } else { "198.51.100.2:5000" };
    text.parse().unwrap()
}

/// A hub with the agent `one` of the token `ann` as session 1, and a user agent of the same token as session 2.
fn bench() -> Bench {
    let mut bench = Bench::new(Limits::USUAL);
    bench.agent(1, "ann", "one", 11);
    bench.user(2, "ann");
    bench
}

#[test]
fn an_agent_is_called_by_its_name_and_both_get_tickets_of_their_own() {
    let mut bench = bench();
    assert_eq!(*bench.last(1), FromHub::Joined { replaced: false });
    bench.say(2, ToHub::Agents);
    assert_eq!(*bench.last(2), FromHub::Agents(vec![Text::of("one")]));
    bench.call(2, 5, "one");
    let FromHub::Ready { id: Id(5), ticket: of_caller } = bench.last(2).clone() else {
        panic!("{:?}", bench.last(2))
    };
    let FromHub::Called { ticket: of_agent } = bench.last(1).clone() else { panic!("{:?}", bench.last(1)) };
    assert_ne!(of_caller, of_agent);
    assert_eq!(bench.expected[&(CallId(1), false)], of_caller);
    assert_eq!(bench.expected[&(CallId(1), true)], of_agent);
    bench.input(Input::Attached(CallId(1), End::Agent, from(End::Agent)));
    assert!(bench.joined.is_empty(), "one end is not enough");
    bench.input(Input::Attached(CallId(1), End::Caller, from(End::Caller)));
    assert_eq!(bench.joined, [CallId(1)]);
    bench.input(Input::Ended(CallId(1)));
    assert_eq!(bench.hub.calls(), 0);
}

#[test]
fn streams_go_on_when_the_sessions_of_their_ends_have_gone() {
    let mut bench = bench();
    bench.call(2, 1, "one");
    bench.attach(1);
    bench.input(Input::Closed(SessionId(1)));
    bench.input(Input::Closed(SessionId(2)));
    assert!(bench.dropped.is_empty());
    assert_eq!(bench.hub.calls(), 1);
}

#[test]
fn r36_every_ticket_is_another_one_and_a_pair_whose_end_is_lost_is_given_up_at_both_ends() {
    let mut bench = bench();
    for number in 1..=32 {
        bench.call(2, number, "one");
    }
    let tickets: BTreeSet<String> =
        bench.expected.values().map(|ticket| format!("{:?}", ticket.bytes())).collect();
    assert_eq!(tickets.len(), 64);
    bench.input(Input::Attached(CallId(1), End::Caller, from(End::Caller)));
    bench.input(Input::Closed(SessionId(1)));
    assert_eq!(bench.dropped.len(), 32);
    assert_eq!(bench.refusal(2), Some(Code::NotPaired));
    bench.input(Input::Attached(CallId(1), End::Agent, from(End::Agent)));
    assert!(bench.joined.is_empty(), "the call is gone");
    assert_eq!(bench.hub.calls(), 0);
}

#[test]
fn r44_an_end_that_is_alone_is_told_so_and_ten_thousand_tries_leave_nothing() {
    let mut bench = bench();
    for number in 1..=10_000 {
        bench.call(2, number, "one");
        assert!(matches!(bench.last(2), FromHub::Ready { .. }), "{:?}", bench.last(2));
        bench.input(Input::Attached(CallId(u64::from(number)), End::Caller, from(End::Caller)));
        bench.wait();
        bench.say(1, ToHub::Ping { t: 1 });
        assert_eq!(bench.refusal(2), Some(Code::NotPaired), "{number}");
    }
    assert_eq!(bench.dropped.len(), 10_000);
    assert_eq!(bench.hub.calls(), 0);
}

#[test]
fn r45_a_new_session_of_the_same_agent_replaces_the_old_one_at_once() {
    for (boot, same) in [(11, true), (12, false)] {
        let mut bench = bench();
        bench.call(2, 1, "one");
        bench.attach(1);
        bench.call(2, 2, "one");
        bench.agent(3, "ann", "one", boot);
        assert_eq!(bench.goodbye(1), Some((Code::Replaced, 5_000)));
        assert_eq!(*bench.last(3), FromHub::Joined { replaced: true });
        assert!(bench.events.iter().any(|event| {
            matches!(event, Event::Joined { replaced: Some((SessionId(1), found)), .. } if *found == same)
        }));
        assert_eq!(bench.dropped, [CallId(2)], "what flows goes on");
        assert_eq!(bench.refusal(2), Some(Code::NotPaired));
        bench.call(2, 3, "one");
        assert!(matches!(bench.last(3), FromHub::Called { .. }));
    }
}

#[test]
fn those_with_another_token_see_and_reach_nobody() {
    let mut bench = bench();
    bench.user(3, "eve");
    bench.say(3, ToHub::Agents);
    assert_eq!(*bench.last(3), FromHub::Agents(Vec::new()));
    bench.call(3, 1, "one");
    assert_eq!(bench.refusal(3), Some(Code::NoAgent));
    bench.agent(4, "eve", "one", 11);
    assert_eq!(*bench.last(4), FromHub::Joined { replaced: false });
    assert!(!bench.ends[&1].closed, "each token has names of its own");
    bench.call(3, 2, "one");
    assert!(matches!(bench.last(4), FromHub::Called { .. }));
    assert!(!matches!(bench.last(1), FromHub::Called { .. }));
}

#[test]
fn what_has_no_place_is_told_which_limit_is_reached_and_leaves_nothing() {
    let mut bench = Bench::new(Limits { waiting: 3, ..Limits::USUAL });
    bench.agent(1, "ann", "one", 11);
    bench.user(2, "ann");
    bench.open(5, "ann");
    bench.input(Input::Refused(SessionId(5), Refusal::Full("this token has enough")));
    assert_eq!(bench.goodbye(5), Some((Code::Busy, 5_000)));
    for number in 1..=3 {
        bench.call(2, number, "one");
    }
    bench.call(2, 4, "one");
    assert_eq!(bench.refusal(2), Some(Code::Busy), "three calls of a session wait");
    bench.attach(1);
    bench.full = Some("this token has all 3 calls that it may have");
    bench.call(2, 5, "one");
    let FromHub::Refused { id: Id(5), code: Code::Busy, text } = bench.last(2) else {
        panic!("{:?}", bench.last(2))
    };
    assert_eq!(text.as_str(), "this token has all 3 calls that it may have");
    assert_eq!(bench.hub.calls(), 3, "the one without a place is gone");
    bench.full = None;
    bench.call(2, 6, "one");
    assert!(matches!(bench.last(2), FromHub::Ready { .. }));
}

#[test]
fn a_stream_ends_with_the_time_that_its_place_has() {
    let mut bench = bench();
    bench.life = Some(Duration::from_secs(600));
    bench.call(2, 1, "one");
    bench.now = Moment::after_start(Duration::from_secs(5));
    bench.attach(1);
    while bench.dropped.is_empty() {
        bench.wait();
    }
    assert_eq!((&bench.dropped[..], &bench.causes[..]), (&[CallId(1)][..], &[Cause::Life][..]));
    assert_eq!(bench.now, Moment::after_start(Duration::from_secs(605)));
    assert_eq!(bench.hub.calls(), 0);
    bench.input(Input::Ended(CallId(1)));
}

#[test]
fn a_session_that_says_nothing_for_its_time_is_over_and_a_ping_is_enough() {
    let mut bench = bench();
    bench.now = Moment::after_start(Duration::from_secs(30));
    bench.say(1, ToHub::Ping { t: 9 });
    assert_eq!(*bench.last(1), FromHub::Pong { t: 9, spread_ms: 1_000 });
    bench.wait();
    assert_eq!(bench.goodbye(2), Some((Code::LegTimeout, 5_000)));
    assert!(!bench.ends[&1].closed);
    bench.wait();
    assert_eq!(bench.now, Moment::after_start(Duration::from_secs(75)));
    assert!(bench.ends[&1].closed);
}

#[test]
fn r40_a_hub_that_stops_says_when_to_return_to_each_one_differently() {
    let mut bench = Bench::new(Limits::USUAL);
    for id in 0..200 {
        bench.agent(id, &format!("token{}", id / 200), &format!("agent{id}"), id);
    }
    bench.say(0, ToHub::Ping { t: 1 });
    assert_eq!(*bench.last(0), FromHub::Pong { t: 1, spread_ms: 15_000 });
    bench.call(0, 1, "agent1");
    bench.attach(1);
    bench.input(Input::Drain);
    let mut seconds = BTreeMap::<u32, u32>::new();
    for id in 0..200 {
        let (code, after) = bench.goodbye(id).unwrap();
        assert_eq!(code, Code::Draining);
        assert!((1..=15_000).contains(&after));
        *seconds.entry(after / 1_000).or_default() += 1;
    }
    assert!(seconds.values().all(|count| *count <= 30), "{seconds:?}");
    assert!(bench.dropped.is_empty(), "streams may end by themselves");
    bench.user(900, "late");
    assert_eq!(bench.goodbye(900).unwrap().0, Code::Draining);
}

#[test]
fn r28_a_token_that_is_withdrawn_ends_its_sessions_and_streams_and_no_others() {
    let mut bench = bench();
    bench.agent(3, "bob", "one", 1);
    bench.user(4, "bob");
    for (user, call) in [(2, 1), (4, 2)] {
        bench.call(user, 1, "one");
        bench.attach(call);
    }
    bench.input(Input::Revoked { token: "ann", why: Withdrawn::Token });
    assert_eq!([1, 2].map(|id| bench.goodbye(id)), [Some((Code::Expired, 0)); 2]);
    assert_eq!((&bench.dropped[..], &bench.causes[..]), (&[CallId(1)][..], &[Cause::Revoked][..]));
    bench.input(Input::Revoked { token: "eve", why: Withdrawn::Rule });
    assert!(!bench.ends[&3].closed && !bench.ends[&4].closed);
}

#[test]
fn r27_a_session_ends_with_its_token() {
    let mut bench = Bench::new(Limits::USUAL);
    let expires = Some(Moment::after_start(Duration::from_secs(9)));
    bench.open_in(1, "ann", "ann", Joins::AsAnybody, expires);
    bench.wait();
    assert_eq!(bench.now, Moment::after_start(Duration::from_secs(9)));
    assert_eq!(bench.goodbye(1), Some((Code::Expired, 0)));
}

#[test]
fn r27_a_stream_ends_with_the_token_of_its_caller_although_its_sessions_have_gone_before() {
    for life in [None, Some(Duration::from_secs(5)), Some(Duration::from_secs(60))] {
        let mut bench = Bench::new(Limits::USUAL);
        bench.life = life;
        let date = Moment::after_start(Duration::from_secs(9));
        for id in [1, 2] {
            bench.open_in(id, "ann", "ann", Joins::AsAnybody, Some(date));
        }
        bench.introduce(1, Role::Agent { name: Text::of("one"), boot: 1 });
        bench.introduce(2, Role::User { name: Text::default() });
        bench.call(2, 1, "one");
        bench.attach(1);
        for id in [1, 2] {
            bench.input(Input::Closed(SessionId(id)));
        }
        assert!(bench.dropped.is_empty());
        bench.wait();
        let (ends, cause) = match life {
            Some(life) if life < Duration::from_secs(9) => (Moment::after_start(life), Cause::Life),
            _ => (date, Cause::Revoked),
        };
        assert_eq!((bench.now, &bench.causes[..]), (ends, &[cause][..]));
        assert_eq!((bench.hub.calls(), bench.deadline), (0, None));
    }
}

#[test]
fn one_message_of_a_session_is_heard_at_a_time_and_the_next_when_its_answer_is_taken() {
    let mut bench = bench();
    let link = bench.ends.get_mut(&2).unwrap();
    let asked = (0..250).flat_map(|_| link.sent.encode(ToHub::Agents).unwrap()).collect::<Vec<_>>();
    let outputs = |hub: &mut Hub| {
        let (mut answers, mut more) = (0, 0);
        loop {
            let output = hub.poll();
            if matches!(output, Output::Wait(_)) {
                return (answers, more);
            }
            answers += usize::from(matches!(output, Output::Send(SessionId(2), _)));
            more += usize::from(matches!(output, Output::More(SessionId(2))));
        }
    };
    bench.hub.input(bench.now, Input::Bytes(SessionId(2), &asked));
    assert_eq!(outputs(&mut bench.hub), (1, 1));
    for _ in 0..248 {
        bench.hub.input(bench.now, Input::Next(SessionId(2)));
        assert_eq!(outputs(&mut bench.hub), (1, 1));
    }
    bench.hub.input(bench.now, Input::Next(SessionId(2)));
    assert_eq!(outputs(&mut bench.hub), (1, 0), "the last one");
    bench.hub.input(bench.now, Input::Next(SessionId(2)));
    assert_eq!(outputs(&mut bench.hub), (0, 0));
    bench.hub.input(bench.now, Input::Closed(SessionId(2)));
    bench.hub.input(bench.now, Input::Next(SessionId(2)));
    assert_eq!(outputs(&mut bench.hub), (0, 0));
}

#[test]
fn names_are_listed_in_order_and_those_of_agents_that_have_left_are_not() {
    let mut bench = bench();
    for (id, name) in [(3, "two"), (4, "b"), (5, "a")] {
        bench.agent(id, "ann", name, id);
    }
    bench.agent(6, "bob", "of-bob", 1);
    bench.agent(7, "ann", "two", 8);
    bench.input(Input::Closed(SessionId(3)));
    bench.input(Input::Closed(SessionId(4)));
    bench.say(2, ToHub::Agents);
    assert_eq!(*bench.last(2), FromHub::Agents(["a", "one", "two"].map(Text::of).to_vec()));
    assert_eq!(bench.hub.agents(), 4);
    for id in [1, 5, 6, 7] {
        bench.input(Input::Closed(SessionId(id)));
    }
    assert_eq!(bench.hub.agents(), 0);
}

#[test]
fn r39_bad_frames_end_their_session_alone() {
    let numbered = |seq, body| encode(&Frame { seq, body }).unwrap();
    let introduce = |name: &str| ToHub::Introduce {
        role: Role::Agent { name: Text::of(name), boot: 1 },
        build: Text::default(),
    };
    let user = || ToHub::Introduce { role: Role::User { name: Text::default() }, build: Text::default() };
    let mut variant = numbered(1, ToHub::Agents);
    *variant.last_mut().unwrap() = 99;
    let mut behind = numbered(1, ToHub::Ping { t: 1 });
    behind.extend_from_slice(&[0; 3]);
    behind[3] += 3;
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("a frame of nothing", vec![0; 4]),
        ("a frame that is too long", vec![0, 1, 0, 1]),
        ("no frame", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("an unknown message", variant),
        ("bytes behind a message", behind),
        ("a number that is not due", numbered(2, user())),
        ("a call before the introduction", numbered(1, ToHub::Call { id: Id(1), agent: Text::of("one") })),
        ("a question before the introduction", numbered(1, ToHub::Agents)),
        ("two introductions", [numbered(1, user()), numbered(2, introduce("two"))].concat()),
        ("a name with a slash", numbered(1, introduce("../one"))),
        ("a name of nothing", numbered(1, introduce(""))),
        ("a long name", numbered(1, introduce(&"x".repeat(65)))),
        (
            "an id that was used",
            [
                numbered(1, user()),
                numbered(2, ToHub::Call { id: Id(3), agent: Text::of("none") }),
                numbered(3, ToHub::Call { id: Id(3), agent: Text::of("none") }),
            ]
            .concat(),
        ),
    ];
    for (what, bytes) in bad {
        for piece in [1, bytes.len()] {
            let mut bench = bench();
            bench.open(9, "ann");
            for part in bytes.chunks(piece) {
                bench.input(Input::Bytes(SessionId(9), part));
            }
            assert_eq!(bench.goodbye(9), Some((Code::Protocol, 0)), "{what}");
            bench.say(1, ToHub::Ping { t: 4 });
            assert_eq!(*bench.last(1), FromHub::Pong { t: 4, spread_ms: 1_000 }, "{what}");
            bench.call(2, 1, "one");
            assert!(matches!(bench.last(2), FromHub::Ready { .. }), "{what}");
        }
    }
}

#[test]
fn r47_a_message_of_a_later_version_is_answered_and_changes_nothing() {
    let mut bench = bench();
    bench.say(2, ToHub::Ext { name: Text::of("later"), body: vec![1, 2, 3] });
    assert_eq!(bench.refusal(2), Some(Code::Unsupported));
    bench.say(2, ToHub::Bye);
    assert!(bench.ends[&2].closed);
    bench.say(1, ToHub::Agents);
    assert_eq!(*bench.last(1), FromHub::Agents(vec![Text::of("one")]));
}

#[test]
fn r54_a_hub_tells_its_date_to_who_asks() {
    let mut bench = bench();
    let date = Some(DateAt { moment: bench.now, date: When(1_800_000_000) });
    let session = SessionId(9);
    bench.ends.insert(9, Link::default());
    let (token, group) = ("ann".to_owned(), "ann".to_owned());
    bench.input(Input::Opened { session, token, group, joins: Joins::Never, expires: None, date });
    let (name, body) = date::question();
    bench.say(9, ToHub::Ext { name, body });
    let FromHub::Ext { name, body } = bench.last(9) else { panic!("{:?}", bench.last(9)) };
    assert_eq!(date::read(name, body), Some(When(1_800_000_000)));
}

#[test]
fn nothing_that_a_hub_reports_shows_a_ticket() {
    let mut bench = bench();
    bench.call(2, 1, "one");
    let text = format!("{:?} {:?}", bench.hub, bench.ends[&2].heard);
    assert!(text.contains("Secret32(***)"), "{text}");
}

#[test]
fn r48_two_agents_are_told_where_the_hub_sees_them_and_a_user_agent_is_not() {
    let seen = |bench: &Bench, id: u64| {
        if let FromHub::Ext { name, body } = bench.last(id) { SeenAddresses::read(name, body) } else { None }
    };
    let mut bench = bench();
    bench.call(2, 1, "one");
    bench.attach(1);
    assert_eq!([seen(&bench, 1), seen(&bench, 2)], [None; 2]);
    bench.agent(3, "ann", "two", 12);
    bench.call(3, 1, "one");
    let tickets = [false, true].map(|agent| ticket_id(&bench.expected[&(CallId(2), agent)]));
    bench.attach(2);
    let [caller, agent] = [from(End::Caller), from(End::Agent)];
    assert_eq!(seen(&bench, 3), Some(SeenAddresses { ticket: tickets[0], own: caller, other: agent }));
    assert_eq!(seen(&bench, 1), Some(SeenAddresses { ticket: tickets[1], own: agent, other: caller }));
    let other = Text::of("another");
    assert_eq!(SeenAddresses::read(&other, &[]), None);
    assert_eq!(SeenAddresses::read(&Text::of("seen"), &[1; 3]), None);
}
