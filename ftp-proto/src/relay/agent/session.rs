//! The session: messages of the user agent become grants, tunnels and joins, and each answer goes to the
//! one that asked.

use super::grant::{Grants, Terms};
use super::join::{Join, Request};
use super::outbox::{Outbox, Refusal};
use super::timer::Timer;
use super::tunnel::Tunnel;
use super::{Answer, Config, Event, Input, Output, Ticket};
use crate::relay::frame::{Frame, FrameReader, Numbered};
use crate::relay::message::{Code, End, FromAgent, Id, Leg, Pin, Text, ToAgent};
use crate::timer::{Moment, Timers};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The machine of one relay session, agent's end.
#[derive(Debug)]
pub struct Session {
    config: Config,
    reader: FrameReader,
    seen: Numbered,
    last_id: Id,
    grants: Grants,
    flows: BTreeMap<Id, Carried>,
    timers: Timers<Timer>,
    life: Life,
    out: Outbox,
}

/// A tunnel or join.
#[derive(Debug)]
enum Carried {
    Tunnel(Tunnel),
    Join(Join),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// The user agent is connected.
    Up,
    /// The user agent is gone or was turned away. What flows continues.
    Alone,
    /// [`Output::Close`] is in the queue.
    Closed,
}

impl Session {
    /// Creates a session whose link was proven at `now`.
    pub fn new(now: Moment, config: Config) -> Self {
        let mut timers = Timers::new();
        timers.arm(Timer::Link, now + config.limits.dead);
        if let Some(at) = config.expires {
            timers.arm(Timer::Token, at);
        }
        Self {
            config,
            reader: FrameReader::new(),
            seen: Numbered::default(),
            last_id: Id(0),
            grants: Grants::default(),
            flows: BTreeMap::new(),
            timers,
            life: Life::Up,
            out: Outbox::default(),
        }
    }

    /// Tells the session what happened. Drain [`Session::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if self.life == Life::Closed {
            return;
        }
        match input {
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Closed => self.alone(),
            Input::Answer(ticket, answer) => self.answer(now, ticket, answer),
            Input::Arrived { listener, conn, local, from } => match self.owner(listener) {
                Some((Carried::Join(join), config, out)) => {
                    join.arrived(now, listener, (conn, local, from), config, out);
                }
                Some((Carried::Tunnel(_), _, out)) => out.reset(conn),
                None => self.out.reset(conn),
            },
            Input::Attached { ticket, conn } => match self.owner(ticket) {
                Some((Carried::Tunnel(tunnel), config, out)) => tunnel.attached(now, conn, config, out),
                Some((Carried::Join(_), _, out)) => out.reset(conn),
                None => self.out.reset(conn),
            },
            Input::HalfEof { join, from, bytes } => {
                if let Some((Carried::Join(join), _, out)) = self.owner(join) {
                    join.half_eof(now, from, bytes, out);
                }
            }
            Input::Timeout => self.timeout(now),
            Input::Revoked => self.revoked(),
            Input::Shutdown => {
                self.bye(Code::Draining, "the relay is stopping", RETRY_MS);
                self.alone();
            }
        }
        self.settle();
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`] or [`Output::Close`].
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.queue.pop_front() {
            return output;
        }
        let flows = self.flows.values().map(|carried| match carried {
            Carried::Tunnel(tunnel) => tunnel.timers(),
            Carried::Join(join) => join.timers(),
        });
        Output::Wait(flows.chain([&self.timers]).filter_map(Timers::next).min())
    }

    fn owner(&mut self, ticket: Ticket) -> Option<(&mut Carried, &Config, &mut Outbox)> {
        let id = self.out.owner(ticket)?;
        Some((self.flows.get_mut(&id)?, &self.config, &mut self.out))
    }

    fn answer(&mut self, now: Moment, ticket: Ticket, answer: Answer) {
        match self.owner(ticket) {
            Some((Carried::Tunnel(tunnel), config, out)) => tunnel.answer(now, ticket, answer, config, out),
            Some((Carried::Join(join), config, out)) => join.answer(now, ticket, answer, config, out),
            None => self.out.unwanted(&answer),
        }
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.reader.push(bytes);
        while self.life == Life::Up {
            let frame = self.reader.message::<Frame<ToAgent>>();
            match frame.and_then(|frame| frame.map(|frame| self.seen.check(frame)).transpose()) {
                Ok(None) => return,
                Ok(Some(message)) => {
                    self.timers.arm(Timer::Link, now + self.config.limits.dead);
                    self.message(now, message);
                }
                Err(error) => self.protocol(&error.to_string()),
            }
        }
    }

    fn message(&mut self, now: Moment, message: ToAgent) {
        match message {
            ToAgent::Introduce { name, build } => {
                self.out.event(Event::Introduced { name: name.into(), build: build.into() });
            }
            ToAgent::Grant { id, purpose, max_bytes, max_ms, uses } => {
                if self.is_new(id) {
                    let asked = Terms { max_bytes, max_ms, uses };
                    match self.grants.add(now, id, purpose, asked, &self.config.limits) {
                        Ok(Terms { max_bytes, max_ms, uses }) => {
                            self.out.send(FromAgent::Granted { id, max_bytes, max_ms, uses });
                            self.out.event(Event::Granted(id));
                        }
                        Err(refusal) => self.out.refuse(id, refusal),
                    }
                }
            }
            ToAgent::Revoke { grant, reset } => {
                self.grants.remove(grant);
                for carried in self.flows.values_mut().filter(|carried| carried.grant() == grant) {
                    if reset || !carried.is_flowing() {
                        carried.stop(End::Revoked, &mut self.out);
                    }
                }
            }
            ToAgent::Tunnel { id, grant } => {
                if self.is_new(id) {
                    let begun = self.tunnel(now, id, grant);
                    self.begun(id, begun);
                }
            }
            ToAgent::Join { id, grant, a, b, waits } => {
                if self.is_new(id) {
                    let begun = self.join(now, id, grant, Request { a, b, waits });
                    self.begun(id, begun);
                }
            }
            ToAgent::Close { id } => match self.flows.get_mut(&id) {
                Some(carried) => carried.stop(End::Revoked, &mut self.out),
                None => self.out.refuse(id, Refusal::of(Code::NoGrant)),
            },
            ToAgent::Stat { join } => match self.flows.get_mut(&join) {
                Some(Carried::Join(join)) => join.stat(&mut self.out),
                Some(Carried::Tunnel(_)) | None => self.out.refuse(join, Refusal::of(Code::NoGrant)),
            },
            ToAgent::Ping { t } => self.out.send(FromAgent::Pong { t }),
            ToAgent::Bye => self.alone(),
            ToAgent::Ext { name, .. } => {
                let refusal = Refusal::of(Code::Unsupported).with_text(name.into());
                self.out.refuse(Id(0), refusal);
            }
        }
    }

    fn tunnel(&mut self, now: Moment, id: Id, grant: Id) -> Result<Carried, Refusal> {
        self.room()?;
        let (granted, target) = self.grants.use_tunnel(now, id, grant)?;
        Ok(Carried::Tunnel(Tunnel::new(now, granted, &target, &self.config, &mut self.out)))
    }

    fn join(&mut self, now: Moment, id: Id, grant: Id, request: Request) -> Result<Carried, Refusal> {
        self.room()?;
        let granted = self.grants.use_join(now, id, grant, [host(request.a), host(request.b)])?;
        Ok(Carried::Join(Join::new(now, granted, request, &self.config, &mut self.out)))
    }

    fn room(&self) -> Result<(), Refusal> {
        if self.flows.len() < self.config.limits.flows { Ok(()) } else { Err(Refusal::of(Code::Busy)) }
    }

    fn begun(&mut self, id: Id, begun: Result<Carried, Refusal>) {
        match begun {
            Ok(carried) => drop(self.flows.insert(id, carried)),
            Err(refusal) => self.out.refuse(id, refusal),
        }
    }

    /// Checks that an id is greater than all before it, so that none is used twice.
    fn is_new(&mut self, id: Id) -> bool {
        let new = id > self.last_id;
        if new {
            self.last_id = id;
        } else {
            self.protocol("an id that was used before");
        }
        new
    }

    fn timeout(&mut self, now: Moment) {
        for carried in self.flows.values_mut() {
            match carried {
                Carried::Tunnel(tunnel) => tunnel.timeout(now, &mut self.out),
                Carried::Join(join) => join.timeout(now, &mut self.out),
            }
        }
        while let Some(timer) = self.timers.fire(now) {
            self.out.event(Event::TimedOut(timer));
            if timer == Timer::Token { self.revoked() } else { self.alone() }
        }
    }

    fn protocol(&mut self, what: &str) {
        self.out.event(Event::Protocol(what.to_owned()));
        self.bye(Code::Protocol, what, 0);
        self.alone();
    }

    fn bye(&mut self, code: Code, text: &str, retry_after_ms: u32) {
        self.out.send(FromAgent::Bye { code, text: Text::of(text), retry_after_ms });
    }

    /// Ends everything, because the token has expired or was withdrawn.
    fn revoked(&mut self) {
        self.bye(Code::Expired, "the token was taken away or has expired", 0);
        self.alone();
        for carried in self.flows.values_mut() {
            carried.stop(End::Revoked, &mut self.out);
        }
    }

    /// Ends what does not flow yet, because the user agent is gone. What flows continues within its
    /// grant.
    fn alone(&mut self) {
        if self.life != Life::Up {
            return;
        }
        self.life = Life::Alone;
        self.timers.disarm(Timer::Link);
        self.out.mute = true;
        for carried in self.flows.values_mut().filter(|carried| !carried.is_flowing()) {
            carried.stop(End::Shutdown, &mut self.out);
        }
    }

    fn settle(&mut self) {
        self.flows.retain(|_, carried| !carried.is_over());
        if self.life == Life::Alone && self.flows.is_empty() {
            self.life = Life::Closed;
            self.timers.clear();
            self.out.queue.push_back(Output::Close);
        }
    }
}

impl Carried {
    const fn grant(&self) -> Id {
        match self {
            Self::Tunnel(tunnel) => tunnel.grant(),
            Self::Join(join) => join.grant(),
        }
    }

    const fn is_flowing(&self) -> bool {
        match self {
            Self::Tunnel(tunnel) => tunnel.is_flowing(),
            Self::Join(join) => join.is_flowing(),
        }
    }

    const fn is_over(&self) -> bool {
        match self {
            Self::Tunnel(tunnel) => tunnel.is_over(),
            Self::Join(join) => join.is_over(),
        }
    }

    fn stop(&mut self, why: End, out: &mut Outbox) {
        match self {
            Self::Tunnel(tunnel) => tunnel.stop(why, out),
            Self::Join(join) => join.stop(why, out),
        }
    }
}

const fn host(leg: Leg) -> IpAddr {
    match leg {
        Leg::Listen(Pin { ip, .. }) => ip,
        Leg::Dial(to) => to.ip(),
    }
}

/// How long a user agent waits before it returns to an agent that was stopped, in milliseconds.
const RETRY_MS: u32 = 5_000;
