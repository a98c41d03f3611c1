//! The machine of a session, the user agent's end: asks leave, answers come, silence is noticed.
//!
//! Feed it after the link proof ([`super::link::hello`], [`super::link::Pending::welcome`]).

use super::frame::{Frame, FrameReader, Numbered};
use super::link::Welcome;
use super::message::{FromAgent, Id, Leg, Purpose, Text, ToAgent, Waits};
use crate::timer::{Moment, Timer, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// What comes out of the machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Octets for the link.
    Send(Vec<u8>),
    /// The agent says.
    Heard(FromAgent),
    /// The session is over: why, for people. Nothing comes after it. Joins that flow go on.
    Over(String),
    /// Nothing more until an input or this moment.
    Wait(Option<Moment>),
}

/// The machine of one session.
#[derive(Debug)]
pub struct User {
    reader: FrameReader,
    sent: Numbered,
    seen: Numbered,
    timers: Timers,
    ping: Duration,
    dead: Duration,
    last_id: u32,
    pings: u64,
    over: bool,
    out: VecDeque<Output>,
}

impl User {
    /// A session that was welcomed at `now`; `name` and `build` are for the agent's log.
    pub fn new(now: Moment, welcome: &Welcome, name: &str, build: &str) -> Self {
        let mut user = Self {
            reader: FrameReader::new(),
            sent: Numbered::default(),
            seen: Numbered::default(),
            timers: Timers::new(),
            ping: Duration::from_millis(u64::from(welcome.ping_ms).max(SHORTEST_PING_MS)),
            dead: Duration::from_millis(u64::from(welcome.dead_ms).max(2 * SHORTEST_PING_MS)),
            last_id: 0,
            pings: 0,
            over: false,
            out: VecDeque::new(),
        };
        user.timers.arm(Timer::Idle, now + user.dead);
        user.say(now, ToAgent::Introduce { name: Text::of(name), build: Text::of(build) });
        user
    }

    /// Asks for a grant. Its use may be asked for at once.
    pub fn grant(&mut self, now: Moment, purpose: Purpose, max_octets: u64, life: Duration, uses: u8) -> Id {
        let id = self.next_id();
        let max_ms = u32::try_from(life.as_millis()).unwrap_or(u32::MAX);
        self.say(now, ToAgent::Grant { id, purpose, max_octets, max_ms, uses });
        id
    }

    /// Asks for a tunnel to the server of a grant.
    pub fn tunnel(&mut self, now: Moment, grant: Id) -> Id {
        let id = self.next_id();
        self.say(now, ToAgent::Tunnel { id, grant });
        id
    }

    /// Asks for a join.
    pub fn join(&mut self, now: Moment, grant: Id, a: Leg, b: Leg, waits: Waits) -> Id {
        let id = self.next_id();
        self.say(now, ToAgent::Join { id, grant, a, b, waits });
        id
    }

    /// Says anything else.
    pub fn say(&mut self, now: Moment, message: ToAgent) {
        if self.over {
            return;
        }
        self.timers.arm(Timer::Ping, now + self.ping);
        if let Some(octets) = self.sent.encode(message) {
            self.out.push_back(Output::Send(octets));
        }
    }

    /// Octets of the link.
    pub fn bytes(&mut self, now: Moment, octets: &[u8]) {
        self.reader.push(octets);
        while !self.over {
            let frame = self.reader.message::<Frame<FromAgent>>();
            match frame.and_then(|frame| frame.map(|frame| self.seen.check(frame)).transpose()) {
                Ok(None) => return,
                Ok(Some(FromAgent::Bye { code, text, .. })) => self.end(code.with(&text)),
                Ok(Some(message)) => {
                    self.timers.arm(Timer::Idle, now + self.dead);
                    self.out.push_back(Output::Heard(message));
                }
                Err(error) => self.end(format!("the relay sent {error}")),
            }
        }
    }

    /// The link has ended or broken.
    pub fn lost(&mut self) {
        self.end("the connection to the relay has ended".to_owned());
    }

    /// The deadline of the last wait has come.
    pub fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            if timer == Timer::Ping {
                self.pings += 1;
                self.say(now, ToAgent::Ping { t: self.pings });
            } else {
                self.end(format!("the relay is silent for {} s", self.dead.as_secs()));
            }
        }
    }

    /// What is due. Drain it until [`Output::Wait`] or [`Output::Over`].
    pub fn poll(&mut self) -> Output {
        let deadline = self.timers.next();
        self.out.pop_front().unwrap_or(Output::Wait(deadline))
    }

    fn next_id(&mut self) -> Id {
        self.last_id += 1;
        Id(self.last_id)
    }

    fn end(&mut self, why: String) {
        if !self.over {
            self.over = true;
            self.timers.clear();
            self.out.push_back(Output::Over(why));
        }
    }
}

/// No agent makes this end ping more often.
const SHORTEST_PING_MS: u64 = 1_000;
