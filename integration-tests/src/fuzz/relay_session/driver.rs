//! The driver of the session: what it holds, and how it performs what it is asked for.

use super::messages::MEETING;
use super::{FLOWS, HERE};
use ftp_proto::relay::agent::{
    Answer, Ask, ConnId, Flow, Input, JoinEnd, Opening, Output, Route, Session, Ticket,
};
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::message::{Code, FromAgent, Id, LegId, ToAgent};
use ftp_proto::relay::token::Secret32;
use ftp_proto::timer::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Answers come late.
const LATE: u8 = 16;
/// What is to stop ends late.
const STOPS_LATE: u8 = 32;
/// The bytes of a secret, as a text would show them.
const SECRETS: [&str; 2] = ["90, 90, 90, 90", "165, 165, 165, 165"];

/// The session, and everything that its driver holds for it.
pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) now: Moment,
    pub(super) deadline: Option<Moment>,
    pub(super) closed: bool,
    /// Whether the user agent has gone, or was told to go.
    left: bool,
    /// Whether the texts for logs are read, which takes most of the time.
    reads_texts: bool,
    /// How questions are answered at once: a variant of the answer, and whether they are.
    pub(super) mood: u8,
    link: Link,
    pub(super) last_id: u32,
    /// Every grant that was asked for.
    pub(super) grants: Vec<Id>,
    /// The tunnels and joins that have ended.
    ended: BTreeSet<Id>,
    /// Every ticket so far.
    tickets: BTreeSet<Ticket>,
    pub(super) open: BTreeMap<Ticket, Ask>,
    /// Attempts to connect that were given up, and may have succeeded all the same.
    pub(super) cancelled: Vec<Ticket>,
    places: BTreeSet<Ticket>,
    pub(super) listeners: BTreeSet<Ticket>,
    /// The links that are expected, and whether one is that of a meeting.
    pub(super) expected: BTreeMap<Ticket, bool>,
    pub(super) conns: BTreeSet<ConnId>,
    pub(super) flows: BTreeMap<Ticket, Joined>,
    next: u16,
}

/// The frames of both directions.
#[derive(Default)]
struct Link {
    sent: u32,
    reader: FrameReader,
    seen: u32,
}

/// Two connections that are joined.
pub(super) struct Joined {
    pub(super) opening: Opening,
    pub(super) greeted: bool,
    /// Which of its legs were closed in order.
    pub(super) ended: [bool; 2],
    stops: bool,
}

impl Driver {
    pub(super) fn new(session: Session, reads_texts: bool) -> Self {
        Self {
            session,
            now: Moment::START,
            deadline: None,
            closed: false,
            left: false,
            reads_texts,
            mood: 0,
            link: Link::default(),
            last_id: 0,
            grants: Vec::new(),
            ended: BTreeSet::new(),
            tickets: BTreeSet::new(),
            open: BTreeMap::new(),
            cancelled: Vec::new(),
            places: BTreeSet::new(),
            listeners: BTreeSet::new(),
            expected: BTreeMap::new(),
            conns: BTreeSet::new(),
            flows: BTreeMap::new(),
            next: 5_000,
        }
    }

    /// The user agent says this.
    pub(super) fn say(&mut self, message: ToAgent) {
        self.link.sent += 1;
        self.hear(&encode(&Frame { seq: self.link.sent, body: message }).expect("short enough"));
    }

    /// Bytes of the user agent.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        if !self.left {
            self.input(Input::Bytes(bytes));
        }
    }

    /// The user agent goes, or is told to go.
    pub(super) fn leave(&mut self, how: Input<'_>) {
        self.left |= matches!(how, Input::Closed);
        self.input(how);
        self.left = true;
    }

    /// One input, and everything that follows from it.
    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.input(self.now, input);
        self.drain();
    }

    /// Performs what the session asks for.
    pub(super) fn drain(&mut self) {
        for _ in 0..1_000 {
            let output = self.session.poll();
            assert!(!self.closed || matches!(output, Output::Wait(_)), "{output:?} after the end");
            match output {
                Output::Send(bytes) => self.heard(&bytes),
                Output::More => self.session.input(self.now, Input::Next),
                Output::Ask(ask) => self.ask(ask),
                Output::Event(event) if self.reads_texts => judge(&format!("{event:?}")),
                Output::Event(_) => {}
                Output::Close => {
                    assert!(self.places.is_empty() && self.flows.is_empty(), "closed too early");
                    self.closed = true;
                }
                Output::Wait(deadline) => return self.rest(deadline),
            }
        }
        panic!("the session does not come to rest");
    }

    /// A frame for the user agent.
    fn heard(&mut self, bytes: &[u8]) {
        assert!(!self.left, "a frame for a user agent that has gone");
        let Link { reader, seen, .. } = &mut self.link;
        reader.push(bytes);
        let frame: Frame<FromAgent> = reader.message().expect("a frame").expect("a whole frame");
        *seen += 1;
        assert!(frame.seq == *seen && reader.is_empty());
        match frame.body {
            FromAgent::Ended { id, .. } => assert!(self.ended.insert(id), "{id:?} ends twice"),
            FromAgent::TunnelReady { id, .. }
            | FromAgent::JoinReady { id, .. }
            | FromAgent::Joined { id }
            | FromAgent::LegUp { join: id, .. }
            | FromAgent::Stranger { join: id, .. }
            | FromAgent::HalfEof { join: id, .. } => assert!(!self.ended.contains(&id), "{id:?} has ended"),
            FromAgent::Bye { .. } => self.left = true,
            FromAgent::Granted { .. }
            | FromAgent::Refused { .. }
            | FromAgent::Stat { .. }
            | FromAgent::Pong { .. }
            | FromAgent::Ext { .. } => {}
        }
    }

    /// Nothing more happens before the next input.
    fn rest(&mut self, deadline: Option<Moment>) {
        self.deadline = deadline.filter(|_| !self.closed);
        let stops = self.flows.values().any(|flow| flow.stops);
        let waits = deadline.is_some() || self.closed || stops || !self.open.is_empty();
        assert!(waits, "a wait without a timer or a question: {:?}", self.session);
        assert!(self.places.len() <= FLOWS && self.flows.len() <= FLOWS, "{} flows", self.places.len());
        let sockets = self.conns.len() + self.listeners.len() + self.expected.len();
        assert!(sockets <= 3 * FLOWS && self.open.len() <= 3 * FLOWS, "{sockets} sockets");
        if self.places.is_empty() {
            assert!(sockets == 0 && self.flows.is_empty(), "{sockets} sockets stay");
            assert!(self.open.is_empty(), "{:?} are still asked", self.open);
        }
        if self.reads_texts && self.places.is_empty() && !self.ended.is_empty() {
            let shown = format!("{:?}", self.session);
            judge(&shown);
            assert!(shown.contains("owners: {}"), "tickets are remembered: {shown}");
        }
    }

    fn ask(&mut self, ask: Ask) {
        if self.reads_texts {
            judge(&format!("{ask:?}"));
        }
        assert!(!self.grants.is_empty(), "{ask:?} without a grant");
        let ticket = match &ask {
            Ask::Leave(place) => return assert!(self.places.remove(place), "{ask:?}"),
            Ask::Unlisten(ticket) => {
                let is_open = self.listeners.remove(ticket) || self.open.remove(ticket).is_some();
                // It may have failed meanwhile.
                return assert!(is_open || self.tickets.contains(ticket), "{ask:?} of nothing");
            }
            Ask::Unexpect(ticket) => return assert!(self.expected.remove(ticket).is_some(), "{ask:?}"),
            Ask::Reset(conn) => return assert!(self.conns.remove(conn), "{ask:?}"),
            Ask::Expect { ticket, secret } => {
                let meets = *secret == Secret32::new(MEETING);
                return assert!(self.expected.insert(*ticket, meets).is_none(), "{ask:?}");
            }
            Ask::Cancel(ticket) => {
                let given_up = self.open.remove(ticket);
                // Its answer may be on the way.
                assert!(given_up.is_some() || self.tickets.contains(ticket), "{ask:?} of nothing");
                let connects = matches!(given_up, Some(Ask::Dial { .. } | Ask::Call { .. }));
                return self.cancelled.extend(connects.then_some(*ticket));
            }
            Ask::Stop(join) => return self.stop(*join),
            Ask::Join { ticket, a, b, opening, .. } => {
                assert!(self.conns.remove(a) && self.conns.remove(b), "{ask:?}");
                let flow = Joined { opening: *opening, greeted: false, ended: [false; 2], stops: false };
                self.flows.insert(*ticket, flow);
                return;
            }
            Ask::Dial { ticket, to, .. } => {
                let named = matches!(to.ip(), IpAddr::V4(ip) if ip.octets().starts_with(&[192, 0, 2]));
                assert!(named, "{ask:?}");
                *ticket
            }
            Ask::Progress { ticket, of } => {
                assert!(self.flows.contains_key(of), "{ask:?}");
                *ticket
            }
            Ask::Greeting { ticket, conn } => {
                assert!(self.conns.contains(conn), "{ask:?}");
                *ticket
            }
            Ask::Place { ticket, .. }
            | Ask::Resolve { ticket, .. }
            | Ask::Route { ticket, .. }
            | Ask::Listen { ticket, .. }
            | Ask::Call { ticket, .. }
            | Ask::Random(ticket) => *ticket,
        };
        assert!(self.tickets.insert(ticket), "a ticket is used twice");
        // What is known at once is answered at once.
        let at_once = matches!(ask, Ask::Place { .. } | Ask::Random(_));
        self.open.insert(ticket, ask);
        if at_once || self.mood & LATE == 0 {
            self.answer(ticket, self.mood & 15);
        }
    }

    /// A new connection.
    pub(super) fn connect(&mut self) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next.into());
        self.conns.insert(conn);
        conn
    }

    /// Answers a question; `how` is the variant of the answer.
    pub(super) fn answer(&mut self, ticket: Ticket, how: u8) {
        let Some(ask) = self.open.remove(&ticket) else { return };
        let always_done = matches!(ask, Ask::Random(_) | Ask::Place { .. });
        let answer = if how & 3 == 1 && !always_done {
            let code = if how & 4 == 0 { Code::Resolve } else { Code::ConnectionRefused };
            Answer::Failed(code, "no".to_owned())
        } else {
            self.done(ticket, ask, how)
        };
        self.session.input(self.now, Input::Answer(ticket, answer));
    }

    /// The answer to a question that does not fail.
    fn done(&mut self, ticket: Ticket, ask: Ask, how: u8) -> Answer {
        let local = (HERE, self.next).into();
        match ask {
            Ask::Random(_) => Answer::Random(Secret32::new([0xA5; 32])),
            Ask::Place { .. } => {
                self.places.insert(ticket);
                if how & 3 == 3 { Answer::Failed(Code::Busy, "full".to_owned()) } else { Answer::Admitted }
            }
            Ask::Progress { .. } => {
                let moved = u64::from(how);
                Answer::Progress(Flow { taken_a: moved, given_b: moved / 2, taken_b: moved, given_a: moved })
            }
            Ask::Resolve { host, port, .. } => {
                let ip: IpAddr = host.parse().unwrap_or_else(|_| [192, 0, 2, how >> 2 & 3].into());
                let second = ([if how & 2 == 0 { 192 } else { 10 }, 0, 2, 2], port).into();
                Answer::Resolved(vec![(ip, port).into(), second])
            }
            Ask::Route { to, .. } => {
                let from = (how & 2 == 0).then(|| HERE.into());
                Answer::Routes(vec![Route { from, is_own: how & 12 == 12 }; to.len()])
            }
            Ask::Listen { at, .. } => {
                self.listeners.insert(ticket);
                self.next += 1;
                Answer::Listening((at, self.next).into())
            }
            Ask::Dial { .. } => Answer::Connected { conn: self.connect(), local },
            Ask::Call { .. } => {
                let direct = (how & 2 != 0).then_some((local, ([203, 0, 113, 5], 9).into()));
                Answer::Called { conn: self.connect(), direct }
            }
            Ask::Greeting { .. } => Answer::Greeted,
            Ask::Leave(_)
            | Ask::Unlisten(_)
            | Ask::Unexpect(_)
            | Ask::Reset(_)
            | Ask::Expect { .. }
            | Ask::Cancel(_)
            | Ask::Stop(_)
            | Ask::Join { .. } => panic!("{ask:?} is no question"),
        }
    }

    fn stop(&mut self, join: Ticket) {
        let flow = self.flows.get_mut(&join).expect("something is stopped that has ended");
        assert!(!std::mem::replace(&mut flow.stops, true), "stopped twice");
        if self.mood & STOPS_LATE == 0 {
            self.answer_end(join, JoinEnd::Stopped);
        }
    }

    /// Everything that is to stop has stopped.
    pub(super) fn stop_all(&mut self) {
        let stopping = self.flows.iter().filter(|(_, flow)| flow.stops).map(|(join, _)| *join);
        for join in stopping.collect::<Vec<_>>() {
            self.answer_end(join, JoinEnd::Stopped);
        }
        self.drain();
    }

    /// What flows ends, in order if both ends have.
    pub(super) fn end_flow(&mut self, join: Ticket, how: u8) {
        let Some(flow) = self.flows.get(&join) else { return };
        let whole = flow.ended == [true; 2];
        if whole && flow.opening == Opening::Digested {
            let (a_to_b, b_to_a) = ("0af9".repeat(16), "12".repeat(32));
            self.session.input(self.now, Input::Digested { join, a_to_b, b_to_a });
        }
        let how = match how & 3 {
            _ if whole => JoinEnd::Whole,
            0 => JoinEnd::Leg(LegId::A),
            1 => JoinEnd::Leg(LegId::B),
            2 if flow.opening == Opening::Tls => JoinEnd::NoGreeting,
            _ => JoinEnd::Limit,
        };
        self.answer_end(join, how);
        self.drain();
    }

    fn answer_end(&mut self, join: Ticket, how: JoinEnd) {
        self.flows.remove(&join);
        self.open.retain(|_, ask| !matches!(ask, Ask::Progress { of, .. } if *of == join));
        self.session.input(self.now, Input::Answer(join, Answer::Ended { a_to_b: 7, b_to_a: 0, how }));
    }

    /// The next deadline passes.
    pub(super) fn wait(&mut self) {
        if let Some(deadline) = self.deadline {
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
    }
}

/// Checks a text for a log.
fn judge(text: &str) {
    assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "a secret is shown in {text}");
}
