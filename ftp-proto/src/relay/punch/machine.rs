//! The order of offers, connections, proofs and the verdict.

use super::interface::{ConnId, Input, Outcome, Output, Role, Talk, Timer, Verdict, Why};
use super::memory::{Place, is_hopeless};
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
    why: Option<Why>,
    punching: bool,
    /// How often this agent has connected.
    tries: u32,
    connecting: bool,
    /// Connections, and their exporters if they are proven.
    conns: Vec<(ConnId, Option<Exporter>)>,
    /// The exporter of the connection that the caller has chosen. It may still be unknown which one that is.
    chosen: Option<Exporter>,
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
        for timer in [Timer::Seen, Timer::Punch, Timer::Offer] {
            timers.arm(timer, now + timer.wait());
        }
        Self {
            role,
            reader: FrameReader::new(),
            own: Said::Nothing,
            other: Said::Nothing,
            target: None,
            why: None,
            punching: false,
            tries: 0,
            connecting: false,
            conns: Vec::new(),
            chosen: None,
            timers,
            out: VecDeque::new(),
            done: false,
        }
    }

    /// How many bytes of the other agent may be read next; 0 if it says no more. What is behind them may belong to the
    /// file.
    pub fn missing(&self) -> usize {
        if self.chosen.is_some() { 0 } else { self.reader.missing() }
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
            // The caller needs it no more.
            Input::Closed if self.chosen.is_some() => {}
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
        self.begin_or_decline();
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
            self.why = Some(why);
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
                self.told(verdict);
            }
            Ok(Some(_)) => self.end(Outcome::Broken("the other agent spoke out of turn")),
            Err(_) => self.end(Outcome::Broken("the other agent sent what is no frame")),
        }
    }

    /// The caller has decided.
    fn told(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Hub => self.end(Outcome::Hub(self.why.unwrap_or(Why::Decided))),
            Verdict::Direct(of) => {
                self.chosen = Some(of);
                // `Timer::Verdict` stays armed: it bounds the wait for the proof too.
                self.timers.disarm(Timer::Again);
                self.find_chosen();
            }
        }
    }

    /// Ends with the chosen connection, or without one if it can be none of those that are there.
    fn find_chosen(&mut self) {
        let Some(of) = self.chosen else { return };
        let found = self.conns.iter().find(|(_, exporter)| *exporter == Some(of));
        if let Some((conn, _)) = found {
            self.end(Outcome::Direct(*conn));
        } else if self.conns.iter().all(|(_, exporter)| exporter.is_some()) {
            self.end(Outcome::Broken("the other agent has chosen a connection that is gone"));
        }
    }

    /// Begins to connect as soon as both offers are known, or decides for the hub.
    fn begin_or_decline(&mut self) {
        let (Said::Offer(own), Said::Offer(other)) = (self.own, self.other) else { return };
        if self.done || self.punching {
            return;
        }
        let why = match (own, other, self.target) {
            // The reason was set when this agent declined.
            (None, ..) => Some(self.why.unwrap_or(Why::NotTold)),
            (_, None, _) | (.., None) => Some(Why::Declined),
            (_, Some(place), Some(to)) if plain(place.at) != to => Some(Why::Contradiction),
            (Some(own), Some(other), _) if is_hopeless(own, other) => Some(Why::Hopeless),
            _ => (!self.timers.is_armed(Timer::Punch)).then_some(Why::NoConnection),
        };
        match why {
            None => {
                self.punching = true;
                self.connect();
            }
            Some(why) => {
                self.why = Some(why);
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
        let is_open = self.timers.is_armed(Timer::Punch) && self.chosen.is_none();
        let waits = self.punching && is_open && self.conns.is_empty();
        if waits && !self.connecting && self.tries < MAX_TRIES {
            self.timers.arm(Timer::Again, now + Timer::Again.wait());
        }
    }

    fn stands(&mut self, conn: ConnId) {
        if self.conns.len() >= MAX_CONNS || self.chosen.is_some() {
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
        self.find_chosen();
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::Seen => self.decline(Why::NotTold),
                Timer::Offer => self.end(Outcome::Broken("the other agent has said nothing")),
                Timer::Again => self.connect(),
                Timer::Punch => {
                    self.timers.disarm(Timer::Again);
                    self.decline(Why::NotTold);
                    self.why.get_or_insert(Why::NoConnection);
                    // Before the other's offer nothing is decided: it would be read as part of the file.
                    if self.punching {
                        self.through_the_hub(Why::NoConnection);
                    }
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
