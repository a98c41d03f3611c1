//! A hub: any agents and user agents, and any ends of their calls.

use super::script::Script;
use ftp_proto::listing::When;
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::date::DateAt;
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::hub::{
    CallId, End, Event, FromHub, Hub, Input, Limits, Output, Refusal, Role, SessionId, ToHub,
};
use ftp_proto::relay::message::{Id, Text};
use ftp_proto::relay::token::{Joins, Secret32};
use ftp_proto::timer::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many sessions there may be at the same time.
const SESSIONS: usize = 6;
/// How many calls of a session may wait.
const WAITING: usize = 2;
/// How many deadlines may pass until the sessions end whose other ends are silent.
const DEADLINES: usize = 1_000;
/// Names of agents, and one that is none.
const NAMES: [&str; 4] = ["one", "two", "t0", "no name"];

/// Agents, user agents and the ends of their calls, step by step.
///
/// Nobody hears of the agents of another group, or calls one. A session has one end, and so has a call. A call flows if both of
/// its ends have come. Each end has a ticket of its own. What waits has a timer, and sessions that are silent end.
pub fn hub_session(data: &[u8]) {
    let mut script = Script::new(data);
    let limits = Limits { waiting: WAITING, ..Limits::USUAL };
    let mut world = World {
        hub: Hub::new(limits, Secret32::new([0x5A; 32])),
        now: Moment::START,
        deadline: None,
        sessions: BTreeMap::new(),
        calls: BTreeMap::new(),
        tickets: Vec::new(),
        mood: script.byte(),
        last: (0, 0),
    };
    while let Some(step) = script.next() {
        world.step(step, &mut script);
    }
    world.end();
}

struct World {
    hub: Hub,
    now: Moment,
    deadline: Option<Moment>,
    sessions: BTreeMap<SessionId, Link>,
    calls: BTreeMap<CallId, Call>,
    /// Every ticket so far.
    tickets: Vec<Secret32>,
    /// How places are given.
    mood: u8,
    /// The last session and the last call.
    last: (u64, u64),
}

/// A session that is not over.
#[derive(Default)]
struct Link {
    group: &'static str,
    /// The name of an agent that has joined.
    agent: Option<&'static str>,
    sent: u32,
    seen: u32,
    reader: FrameReader,
    last_call: u32,
    said_goodbye: bool,
}

/// A call that is not over.
#[derive(Default)]
struct Call {
    placed: bool,
    /// The tickets of the caller and of the agent.
    expects: [Option<Secret32>; 2],
    attached: [bool; 2],
    flows: bool,
    lives: bool,
}

impl World {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step & 31 {
            0 | 1 => self.open(script.byte()),
            2 => self.mood = script.byte(),
            3..=5 => {
                if let Some(call) = script.pick(self.calls.keys().copied()) {
                    self.attach(call, script.byte());
                }
            }
            6 => {
                let flows = self.calls.iter().filter(|(_, call)| call.flows).map(|(id, _)| *id);
                if let Some(call) = script.pick(flows.collect::<Vec<_>>().into_iter()) {
                    self.calls.remove(&call);
                    self.input(Input::Ended(call));
                }
            }
            7 => {
                let waits = self.calls.iter().filter(|(_, call)| !call.placed).map(|(id, _)| *id);
                if let Some(call) = script.pick(waits.collect::<Vec<_>>().into_iter()) {
                    self.place(call, script.byte());
                    self.input(Input::Timeout);
                }
            }
            8 => self.now = self.now + Duration::from_secs(script.byte().into()),
            9 => self.wait(),
            10 => {
                let token = ["t0", "t1", "t2"][usize::from(script.byte()) % 3];
                self.input(Input::Revoked { token, why: Withdrawn::Token });
            }
            11 if script.byte() == 11 => self.input(Input::Drain),
            _ => {
                if let Some(session) = script.pick(self.sessions.keys().copied()) {
                    self.say(session, step, script);
                }
            }
        }
    }

    /// A link has proven a token.
    fn open(&mut self, kind: u8) {
        if self.sessions.len() >= SESSIONS {
            return;
        }
        self.last.0 += 1;
        let session = SessionId(self.last.0);
        let group = ["g0", "g1"][usize::from(kind & 1)];
        self.sessions.insert(session, Link { group, ..Link::default() });
        self.input(Input::Opened {
            session,
            token: ["t0", "t1", "t2", "t0"][usize::from(kind >> 1 & 3)].to_owned(),
            group: group.to_owned(),
            joins: [Joins::AsAnybody, Joins::AsToken, Joins::Never, Joins::AsAnybody]
                [usize::from(kind >> 3 & 3)],
            expires: (kind & 32 != 0).then(|| self.now + Duration::from_secs(20)),
            date: (kind & 64 != 0).then_some(DateAt { moment: self.now, date: When(1_800_000_000) }),
        });
        if kind & 128 != 0 {
            let why =
                if kind & 16 == 0 { Refusal::Full("full") } else { Refusal::Withdrawn(Withdrawn::Rule) };
            self.input(Input::Refused(session, why));
        }
    }

    /// A session says something, or its link ends.
    fn say(&mut self, session: SessionId, step: u8, script: &mut Script<'_>) {
        let name = NAMES[usize::from(step >> 5 & 3)];
        let Some(link) = self.sessions.get_mut(&session) else { return };
        let message = match step & 31 {
            12 | 13 => {
                let role = Role::Agent { name: Text::of(name), boot: u64::from(script.byte() & 1) };
                ToHub::Introduce { role, build: Text::of("test") }
            }
            14 | 15 => {
                ToHub::Introduce { role: Role::User { name: Text::of("ann") }, build: Text::of("test") }
            }
            16 | 17 => ToHub::Agents,
            18..=22 => {
                link.last_call += u32::from(step & 31 != 22);
                ToHub::Call { id: Id(link.last_call), agent: Text::of(name) }
            }
            23 => ToHub::Bye,
            24 => ToHub::Ext { name: Text::of("date"), body: Vec::new() },
            25 => {
                self.sessions.remove(&session);
                return self.input(Input::Closed(session));
            }
            26 => {
                let bytes = script.text();
                return self.input(Input::Bytes(session, bytes));
            }
            _ => ToHub::Ping { t: u64::from(step) },
        };
        link.sent += 1;
        let frame = encode(&Frame { seq: link.sent, body: message }).expect("short enough");
        self.input(Input::Bytes(session, &frame));
    }

    fn attach(&mut self, id: CallId, how: u8) {
        let end = usize::from(how & 1);
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.expects[end].is_some()) else { return };
        if std::mem::replace(&mut call.attached[end], true) {
            return;
        }
        let end = if end == 0 { End::Caller } else { End::Agent };
        self.input(Input::Attached(id, end, ([192, 0, 2, how], 4_000).into()));
    }

    /// Answers whether there is a place for a call.
    fn place(&mut self, id: CallId, how: u8) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.placed = true;
        call.lives = how & 3 == 1;
        let place = match how & 3 {
            2 => Err("full"),
            1 => Ok(Some(Duration::from_secs(30))),
            _ => Ok(None),
        };
        if place.is_err() {
            self.calls.remove(&id);
        }
        self.hub.input(self.now, Input::Placed { call: id, place });
    }

    /// One input, and everything that follows from it.
    fn input(&mut self, input: Input<'_>) {
        self.hub.input(self.now, input);
        for _ in 0..1_000 {
            match self.hub.poll() {
                Output::Send(session, frame) => self.hear(session, &frame),
                Output::More(session) => self.hub.input(self.now, Input::Next(session)),
                Output::Close(session) => assert!(self.sessions.remove(&session).is_some(), "closed twice"),
                Output::Place { call, by, to, agent, .. } => self.asked(call, [by, to], &agent),
                Output::Expect { call, end, ticket } => self.expect(call, end, ticket),
                Output::Join(id) => {
                    let call = self.calls.get_mut(&id).expect("a call that is over flows");
                    assert!(call.attached == [true; 2] && !std::mem::replace(&mut call.flows, true));
                }
                Output::Drop(call, _) => assert!(self.calls.remove(&call).is_some(), "dropped twice"),
                Output::Event(event) => self.event(&event),
                Output::Wait(deadline) => return self.rest(deadline),
            }
        }
        panic!("the hub does not come to rest");
    }

    fn rest(&mut self, deadline: Option<Moment>) {
        self.deadline = deadline;
        let may_stay = |call: &Call| call.flows && !call.lives;
        assert!(deadline.is_some() || self.sessions.is_empty() && self.calls.values().all(may_stay));
        assert_eq!(self.hub.calls(), self.calls.len());
        let agents = self.sessions.values().filter(|link| link.agent.is_some()).count();
        assert!(self.hub.agents() <= agents, "{} agents of {agents}", self.hub.agents());
        assert!(self.calls.values().filter(|call| !call.flows).count() <= WAITING * SESSIONS);
    }

    /// A session hears a message.
    fn hear(&mut self, session: SessionId, frame: &[u8]) {
        let link = self.sessions.get_mut(&session).expect("a frame for a session that is over");
        link.reader.push(frame);
        let frame: Frame<FromHub> = link.reader.message().expect("a frame").expect("a whole frame");
        link.seen += 1;
        assert!(frame.seq == link.seen && link.reader.is_empty() && !link.said_goodbye);
        let group = link.group;
        let is_of_group = |name: &Text| {
            let mut joined = self.sessions.values().filter(|link| link.group == group);
            joined.any(|link| link.agent == Some(name.as_str()))
        };
        let has_ticket = |end: usize, ticket: &Secret32| {
            self.calls.values().any(|call| call.expects[end].as_ref() == Some(ticket))
        };
        match frame.body {
            FromHub::Agents(names) => assert!(names.iter().all(is_of_group), "{names:?} in {group}"),
            FromHub::Ready { ticket, .. } => assert!(has_ticket(0, &ticket), "nobody expects the caller"),
            FromHub::Called { ticket } => assert!(has_ticket(1, &ticket), "nobody expects the agent"),
            FromHub::Bye { .. } => {
                self.sessions.entry(session).and_modify(|link| link.said_goodbye = true);
            }
            FromHub::Joined { .. } | FromHub::Refused { .. } | FromHub::Pong { .. } | FromHub::Ext { .. } => {
            }
        }
    }

    /// Somebody calls an agent.
    fn asked(&mut self, call: CallId, [by, to]: [SessionId; 2], agent: &str) {
        let (caller, called) = (&self.sessions[&by], &self.sessions[&to]);
        assert!(caller.group == called.group && called.agent == Some(agent), "a call of another group");
        assert!(call.0 > self.last.1, "a call is named twice");
        self.last.1 = call.0;
        self.calls.insert(call, Call::default());
        if self.mood & 4 == 0 {
            self.place(call, self.mood);
        }
    }

    fn expect(&mut self, id: CallId, end: End, ticket: Secret32) {
        assert!(!self.tickets.contains(&ticket), "a ticket is given twice");
        self.tickets.push(ticket.clone());
        let call = self.calls.get_mut(&id).expect("a call that is over is expected");
        assert!(call.placed, "a call without a place");
        call.expects[usize::from(end == End::Agent)] = Some(ticket);
    }

    fn event(&mut self, event: &Event) {
        if let Event::Joined { session, name, .. } = event
            && let Some(link) = self.sessions.get_mut(session)
        {
            link.agent = NAMES.into_iter().find(|known| known == name);
        }
    }

    fn wait(&mut self) {
        if let Some(deadline) = self.deadline {
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
    }

    /// Everybody is silent from now on; then streams end.
    fn end(&mut self) {
        for _ in 0..DEADLINES {
            self.wait();
        }
        assert!(self.sessions.is_empty() && self.deadline.is_none(), "a session without an end");
        for call in std::mem::take(&mut self.calls).into_keys() {
            self.hub.input(self.now, Input::Ended(call));
        }
        self.input(Input::Timeout);
        assert_eq!((self.hub.calls(), self.hub.agents()), (0, 0));
    }
}
