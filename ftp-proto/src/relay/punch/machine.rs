//! The order of offers, connections, proofs and the verdict.

use super::interface::{ConnId, Input, Outcome, Output, Role, Talk, Verdict, Why};
use super::prospect::{Place, is_hopeless};
use super::timer::Timer;
use crate::address::{plain, unmapped};
use crate::relay::frame::{FrameReader, encode};
use crate::relay::hub::Seen;
use crate::relay::link::Exporter;
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The machine of one direct connection, at one of the two agents.
#[derive(Debug)]
pub struct Punch {
    role: Role,
    reader: FrameReader,
    /// What this agent has offered.
    own: Said,
    /// What the other one has offered.
    other: Said,
    /// Where the hub sees the other one.
    target: Option<SocketAddr>,
    /// Why there is no direct connection, as far as is known.
    why: Why,
    punching: bool,
    /// How often this agent has connected.
    tries: u32,
    connecting: bool,
    conns: Vec<(ConnId, Option<Exporter>)>,
    timers: Timers<Timer>,
    out: VecDeque<Output>,
    done: bool,
}

/// What an agent has said about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Nothing,
    Offer(Option<Place>),
}

impl Punch {
    /// Creates the machine when the connection through the hub is proven.
    pub fn new(now: Moment, role: Role) -> Self {
        let mut timers = Timers::new();
        for timer in [Timer::Seen, Timer::Offer] {
            timers.arm(timer, now + timer.wait());
        }
        Self {
            role,
            reader: FrameReader::new(),
            own: Said::Nothing,
            other: Said::Nothing,
            target: None,
            why: Why::NotTold,
            punching: false,
            tries: 0,
            connecting: false,
            conns: Vec::new(),
            timers,
            out: VecDeque::new(),
            done: false,
        }
    }

    /// How many bytes of the other agent may be read next. What is behind them may belong to the file.
    pub fn missing(&self) -> usize {
        self.reader.missing()
    }

    /// Tells the machine what happened. Drain [`Punch::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if self.done {
            return;
        }
        match input {
            Input::Seen { seen, local } => self.seen(seen, local),
            Input::Never(why) => self.decline(why),
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Closed => self.end(Outcome::Broken("the connection through the hub was closed")),
            Input::Arrived { conn, from } => {
                let expected = self.target.is_some_and(|to| unmapped(to.ip()) == unmapped(from.ip()));
                if expected { self.stands(conn) } else { self.reset(conn) }
            }
            Input::Connected(conn) => {
                self.connecting = false;
                match conn {
                    Some(conn) => self.stands(conn),
                    None => self.again(now),
                }
            }
            Input::Proven(conn, proven) => self.proven(now, conn, proven),
            Input::Timeout => self.timeout(now),
        }
        self.go_on(now);
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`] or [`Output::Done`].
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    fn seen(&mut self, seen: Seen, local: SocketAddr) {
        if self.own == Said::Nothing {
            self.target = Some(plain(seen.other));
            self.offer(Some(Place::of(local, seen.own)));
        }
    }

    /// This agent takes no part.
    fn decline(&mut self, why: Why) {
        if self.own == Said::Nothing {
            self.why = why;
            self.offer(None);
        }
    }

    fn offer(&mut self, place: Option<Place>) {
        self.timers.disarm(Timer::Seen);
        self.own = Said::Offer(place);
        self.say(&Talk::Offer(place));
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.reader.push(bytes);
        match self.reader.message() {
            Ok(None) => {}
            Ok(Some(Talk::Offer(place))) if self.other == Said::Nothing => {
                self.timers.disarm(Timer::Offer);
                self.other = Said::Offer(place);
                if self.role == Role::Called {
                    self.timers.arm(Timer::Verdict, now + Timer::Verdict.wait());
                }
            }
            Ok(Some(Talk::Verdict(verdict))) if self.role == Role::Called && self.other != Said::Nothing => {
                self.told(&verdict);
            }
            Ok(Some(_)) => self.end(Outcome::Broken("the other agent spoke out of turn")),
            Err(_) => self.end(Outcome::Broken("the other agent sent what is no frame")),
        }
    }

    /// The caller has decided.
    fn told(&mut self, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Hub if self.why == Why::NotTold => Outcome::Hub(Why::Decided),
            Verdict::Hub => Outcome::Hub(self.why),
            Verdict::Direct(of) => {
                match self.conns.iter().find(|(_, exporter)| exporter.as_ref() == Some(of)) {
                    Some((conn, _)) => Outcome::Direct(*conn),
                    None => Outcome::Broken("the other agent has chosen a connection that is gone"),
                }
            }
        };
        self.end(outcome);
    }

    /// Whatever follows from what both have said.
    fn go_on(&mut self, now: Moment) {
        let (Said::Offer(own), Said::Offer(other)) = (self.own, self.other) else { return };
        if self.done || self.punching {
            return;
        }
        let why = match (own, other, self.target) {
            (None, ..) => Some(self.why),
            (_, None, _) | (.., None) => Some(Why::Declined),
            (_, Some(place), Some(to)) if plain(place.at) != to => Some(Why::Contradiction),
            (Some(own), Some(other), _) => is_hopeless(own, other).then_some(Why::Hopeless),
        };
        match why {
            None => {
                self.punching = true;
                self.timers.arm(Timer::Punch, now + Timer::Punch.wait());
                self.connect();
            }
            Some(why) => {
                self.why = why;
                self.through_the_hub(why);
            }
        }
    }

    /// The caller decides; the other one waits for that.
    fn through_the_hub(&mut self, why: Why) {
        if self.role == Role::Caller {
            self.say(&Talk::Verdict(Verdict::Hub));
            self.end(Outcome::Hub(why));
        }
    }

    fn connect(&mut self) {
        if let Some(to) = self.target.filter(|_| !self.connecting && self.tries < MAX_TRIES) {
            self.connecting = true;
            self.tries += 1;
            self.out.push_back(Output::Connect(to));
        }
    }

    /// Connects again a little later, unless a connection is there.
    fn again(&mut self, now: Moment) {
        let waits = self.punching && self.timers.is_armed(Timer::Punch) && self.conns.is_empty();
        if waits && !self.connecting && self.tries < MAX_TRIES {
            self.timers.arm(Timer::Again, now + Timer::Again.wait());
        }
    }

    fn stands(&mut self, conn: ConnId) {
        if self.conns.len() >= MAX_CONNS {
            return self.reset(conn);
        }
        self.conns.push((conn, None));
        self.out.push_back(Output::Prove(conn));
    }

    fn proven(&mut self, now: Moment, conn: ConnId, proven: Option<Exporter>) {
        let Some(place) = self.conns.iter_mut().find(|(held, _)| *held == conn) else { return };
        match (proven, self.role) {
            (Some(exporter), Role::Caller) => {
                place.1 = Some(exporter);
                self.say(&Talk::Verdict(Verdict::Direct(exporter)));
                self.end(Outcome::Direct(conn));
            }
            (Some(exporter), Role::Called) => place.1 = Some(exporter),
            (None, _) => {
                self.conns.retain(|(held, _)| *held != conn);
                self.again(now);
            }
        }
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::Seen => self.decline(Why::NotTold),
                Timer::Offer => self.end(Outcome::Broken("the other agent has said nothing")),
                Timer::Again => self.connect(),
                Timer::Punch => {
                    self.timers.disarm(Timer::Again);
                    self.why = Why::NoConnection;
                    self.through_the_hub(Why::NoConnection);
                }
                Timer::Verdict => self.end(Outcome::Broken("the other agent has not decided")),
            }
        }
    }

    fn say(&mut self, talk: &Talk) {
        // None of them is longer than a frame may be.
        self.out.extend(encode(talk).map(Output::Send));
    }

    fn reset(&mut self, conn: ConnId) {
        self.out.push_back(Output::Reset(conn));
    }

    fn end(&mut self, outcome: Outcome) {
        if !self.done {
            self.done = true;
            self.timers.clear();
            self.out.push_back(Output::Done(outcome));
        }
    }
}

/// Maximum number of connections that this agent begins. The system sends two or three packets for each.
const MAX_TRIES: u32 = 10;
/// Maximum number of connections that are proven at the same time.
const MAX_CONNS: usize = 4;
