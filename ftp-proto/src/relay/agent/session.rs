//! The session: messages of the user agent become grants, tunnels and joins, and each answer goes to the
//! one that asked.

use super::grant::{Grants, Terms, Use};
use super::interface::Timer;
use super::join::{Join, Request};
use super::leg::Want;
use super::outbox::{Outbox, Refusal};
use super::tunnel::Tunnel;
use super::{Answer, Ask, Config, Event, Input, Output, Ticket, Withdrawn, Work};
use crate::address::unmapped;
use crate::relay::frame::{Frame, FrameReader, Numbered};
use crate::relay::message::{Code, End, FromAgent, Id, LegId, Target, Text, ToAgent, Waits};
use crate::relay::{date, digest};
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
    /// Whether the user agent has said who it is. It is heard once: logs tell it.
    introduced: bool,
    grants: Grants,
    flows: BTreeMap<Id, Carried>,
    timers: Timers<Timer>,
    life: Life,
    out: Outbox,
}

/// A tunnel or join, and the ticket of its place.
#[derive(Debug)]
struct Carried {
    granted: Use,
    place: Ticket,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It waits for its place.
    Waiting(PlaceRequest),
    Tunnel(Tunnel),
    Join(Join),
    /// It was given up before it had a place.
    Over,
}

/// What a place is wanted for.
#[derive(Debug)]
enum PlaceRequest {
    Tunnel(Target),
    Join(Request),
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

/// The flow that has asked with a ticket, and what it needs to go on.
struct Owner<'a> {
    granted: Use,
    stage: &'a mut Stage,
    config: &'a Config,
    out: &'a mut Outbox,
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
            introduced: false,
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
        self.out.now = now;
        match input {
            Input::Bytes(bytes) => {
                self.reader.push(bytes);
                self.more();
            }
            Input::Next => self.next(now),
            Input::Closed => self.alone(),
            Input::Answer(ticket, answer) => self.answer(ticket, answer),
            Input::Arrived { listener, arrival } => match self.owner(listener) {
                Some(Owner { stage: Stage::Join(join), config, out, .. }) => {
                    join.arrived(listener, arrival, config, out)
                }
                Some(_) | None => self.out.reset(arrival.conn),
            },
            Input::Attached { ticket, conn } => match self.owner(ticket) {
                Some(Owner { stage: Stage::Tunnel(tunnel), config, out, .. }) => {
                    tunnel.attached(conn, config, out)
                }
                Some(Owner { stage: Stage::Join(join), out, .. }) => join.attached(ticket, (conn, None), out),
                Some(_) | None => self.out.reset(conn),
            },
            Input::Met { ticket, conn, local, peer } => match self.owner(ticket) {
                Some(Owner { stage: Stage::Join(join), out, .. }) => {
                    join.attached(ticket, (conn, Some((local, peer))), out);
                }
                Some(_) | None => self.out.reset(conn),
            },
            Input::HalfEof { join, from, bytes } => {
                if let Some(Owner { stage: Stage::Join(join), out, .. }) = self.owner(join) {
                    join.half_eof(from, bytes, out);
                }
            }
            Input::Digested { join, a_to_b, b_to_a } => {
                if let Some(Owner { stage: Stage::Join(join), out, .. }) = self.owner(join) {
                    join.has_digests(&a_to_b, &b_to_a, out);
                }
            }
            Input::Greeted { join } => {
                if let Some(Owner { stage: Stage::Tunnel(tunnel), out, .. }) = self.owner(join) {
                    tunnel.has_greeted(out);
                }
            }
            Input::Timeout => self.timeout(now),
            Input::Revoked(why) => self.revoked(why),
            Input::Renewed { allow, data_ports, limits } => {
                let rules = &mut self.config.rules;
                (rules.relay, rules.data_ports, self.config.limits) = (allow, data_ports, limits);
                for carried in self.flows.values_mut().filter(|carried| !carried.is_allowed(&self.config)) {
                    carried.stop(End::Revoked, &mut self.out);
                }
            }
            Input::Shutdown => {
                self.bye(Code::Draining, "", RETRY_MS);
                self.alone();
            }
            Input::Full => {
                self.bye(Code::Busy, "this token has all the sessions that it may have", RETRY_MS);
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
        let flows = self.flows.values().filter_map(|carried| match &carried.stage {
            Stage::Tunnel(tunnel) => Some(tunnel.timers()),
            Stage::Join(join) => Some(join.timers()),
            // The driver answers at once.
            Stage::Waiting(_) | Stage::Over => None,
        });
        Output::Wait(flows.chain([&self.timers]).filter_map(Timers::next).min())
    }

    fn owner(&mut self, ticket: Ticket) -> Option<Owner<'_>> {
        let id = self.out.owner(ticket)?;
        let Carried { granted, stage, .. } = self.flows.get_mut(&id)?;
        Some(Owner { granted: *granted, stage, config: &self.config, out: &mut self.out })
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        match self.owner(ticket) {
            Some(Owner { stage: Stage::Tunnel(tunnel), config, out, .. }) => {
                tunnel.answer(ticket, answer, config, out)
            }
            Some(Owner { stage: Stage::Join(join), config, out, .. }) => {
                join.answer(ticket, answer, config, out)
            }
            Some(Owner { stage: stage @ Stage::Waiting(_), granted, config, out }) => {
                out.forget(ticket);
                stage.placed(granted, answer, config, out)
            }
            Some(Owner { stage: Stage::Over, out, .. }) => out.unwanted(&answer),
            None => self.out.unwanted(&answer),
        }
    }

    /// Hears one message, if one is complete.
    fn next(&mut self, now: Moment) {
        if self.life != Life::Up {
            return;
        }
        let frame = self.reader.message::<Frame<ToAgent>>();
        match frame.and_then(|frame| frame.map(|frame| self.seen.check(frame)).transpose()) {
            Ok(None) => return,
            Ok(Some(message)) => {
                self.timers.arm(Timer::Link, now + self.config.limits.dead);
                self.message(now, message);
            }
            Err(error) => self.protocol(&error.to_string()),
        }
        self.more();
    }

    /// Asks for a turn, if something was not heard.
    fn more(&mut self) {
        if self.life == Life::Up && !self.reader.is_empty() {
            self.out.queue.push_back(Output::More);
        }
    }

    fn message(&mut self, now: Moment, message: ToAgent) {
        match message {
            ToAgent::Introduce { name, build } => {
                if !std::mem::replace(&mut self.introduced, true) {
                    self.out.event(Event::Introduced { name: name.into(), build: build.into() });
                }
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
                for carried in self.flows.values_mut().filter(|carried| carried.granted.grant == grant) {
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
                self.joins(now, id, grant, [Want::Server(a), Want::Server(b)], waits);
            }
            ToAgent::Meet { id, grant, near, leg, meeting, waits } => {
                let (server, other) = (Want::Server(leg), Want::Other(meeting));
                let wants = if near == LegId::A { [server, other] } else { [other, server] };
                self.joins(now, id, grant, wants, waits);
            }
            ToAgent::Close { id } => match self.flows.get_mut(&id) {
                Some(carried) => carried.stop(End::Revoked, &mut self.out),
                None => self.out.refuse(id, Refusal::of(Code::NoGrant)),
            },
            ToAgent::Stat { join } => match self.flows.get_mut(&join).map(|carried| &mut carried.stage) {
                Some(Stage::Join(join)) => join.stat(&mut self.out),
                Some(Stage::Waiting(PlaceRequest::Join(..))) => {
                    self.out.send(FromAgent::Stat { join, a_to_b: 0, b_to_a: 0 });
                }
                Some(_) | None => self.out.refuse(join, Refusal::of(Code::NoGrant)),
            },
            ToAgent::Ping { t } => self.out.send(FromAgent::Pong { t }),
            ToAgent::Bye => self.alone(),
            ToAgent::Ext { name, body } => self.addition(now, &name, &body),
        }
    }

    /// Takes a message that has come to the protocol later.
    fn addition(&mut self, now: Moment, name: &Text, body: &[u8]) {
        if let Some((name, body)) = date::answer(name, self.config.date, now) {
            return self.out.send(FromAgent::Ext { name, body });
        }
        let Some(id) = digest::requested(name, body) else {
            let refusal = Refusal::of(Code::Unsupported).with_text(name.as_str().to_owned());
            return self.out.refuse(Id(0), refusal);
        };
        let in_time = match self.flows.get_mut(&id).map(|carried| &mut carried.stage) {
            Some(Stage::Waiting(PlaceRequest::Join(request))) => {
                request.digested = true;
                true
            }
            Some(Stage::Join(join)) => join.digest(),
            Some(Stage::Waiting(PlaceRequest::Tunnel(..)) | Stage::Tunnel(_) | Stage::Over) | None => false,
        };
        // A join that was refused has been told so.
        if !in_time {
            self.out.refuse(Id(0), Refusal::of(Code::NoGrant));
        }
    }

    fn tunnel(&mut self, now: Moment, id: Id, grant: Id) -> Result<Carried, Refusal> {
        self.room()?;
        let (granted, target) = self.grants.use_tunnel(now, id, grant)?;
        Ok(self.waiting(granted, Work::Tunnel, PlaceRequest::Tunnel(target)))
    }

    fn joins(&mut self, now: Moment, id: Id, grant: Id, wants: [Want; 2], waits: Waits) {
        if self.is_new(id) {
            let greeted = wants.each_ref().map(|want| want.host().and_then(|host| self.greeted_at(host)));
            let [a, b] = wants;
            let begun = self.join(now, id, grant, Request { a, b, waits, greeted, digested: false });
            self.begun(id, begun);
        }
    }

    fn join(&mut self, now: Moment, id: Id, grant: Id, request: Request) -> Result<Carried, Refusal> {
        self.room()?;
        let granted = self.grants.use_join(now, id, grant, &request.hosts())?;
        Ok(self.waiting(granted, Work::Join, PlaceRequest::Join(request)))
    }

    /// Asks for a place.
    fn waiting(&mut self, granted: Use, work: Work, wanted: PlaceRequest) -> Carried {
        let place = self.out.ticket(granted.id);
        self.out.ask(Ask::Place { ticket: place, work });
        Carried { granted, place, stage: Stage::Waiting(wanted) }
    }

    /// Where the host is, if a server that the user agent knows by this address has greeted, over a tunnel that is still
    /// open. An address that has led to two hosts leads to none.
    fn greeted_at(&self, named: IpAddr) -> Option<IpAddr> {
        let greeted = self.flows.values().filter_map(|carried| match &carried.stage {
            Stage::Tunnel(tunnel) => tunnel.greeted(),
            Stage::Waiting(_) | Stage::Join(_) | Stage::Over => None,
        });
        let mut hosts = greeted
            .filter(|address| unmapped(address.named.ip()) == unmapped(named))
            .map(|address| unmapped(address.at.ip()));
        let first = hosts.next()?;
        hosts.all(|other| other == first).then_some(first)
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
            match &mut carried.stage {
                Stage::Tunnel(tunnel) => tunnel.timeout(&mut self.out),
                Stage::Join(join) => join.timeout(&mut self.out),
                Stage::Waiting(_) | Stage::Over => {}
            }
        }
        while let Some(timer) = self.timers.fire(now) {
            self.out.event(Event::TimedOut(timer));
            if timer == Timer::Token { self.revoked(Withdrawn::Expired) } else { self.alone() }
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

    /// Ends everything that the session carries.
    fn revoked(&mut self, why: Withdrawn) {
        let code = if why == Withdrawn::Rule { Code::Denied } else { Code::Expired };
        self.bye(code, &why.to_string(), 0);
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
        for (_, ended) in self.flows.extract_if(.., |_, carried| carried.is_over()) {
            self.out.ask(Ask::Leave(ended.place));
        }
        if self.life == Life::Alone && self.flows.is_empty() {
            self.life = Life::Closed;
            self.timers.clear();
            self.out.queue.push_back(Output::Close);
        }
    }
}

impl Carried {
    /// Whether the hosts at its ends may still be reached.
    fn is_allowed(&self, config: &Config) -> bool {
        match &self.stage {
            Stage::Tunnel(tunnel) => tunnel.is_allowed(config),
            Stage::Join(join) => join.is_allowed(config),
            // It is judged when it begins.
            Stage::Waiting(_) | Stage::Over => true,
        }
    }

    const fn is_flowing(&self) -> bool {
        match &self.stage {
            Stage::Tunnel(tunnel) => tunnel.is_flowing(),
            Stage::Join(join) => join.is_flowing(),
            Stage::Waiting(_) | Stage::Over => false,
        }
    }

    const fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Tunnel(tunnel) => tunnel.is_over(),
            Stage::Join(join) => join.is_over(),
            Stage::Waiting(_) => false,
            Stage::Over => true,
        }
    }

    fn stop(&mut self, why: End, out: &mut Outbox) {
        match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.stop(why, out),
            Stage::Join(join) => join.stop(why, out),
            Stage::Waiting(_) => {
                out.forget(self.place);
                self.stage = Stage::Over;
                out.ended(self.granted.id, [0, 0], why);
            }
            Stage::Over => {}
        }
    }
}

impl Stage {
    /// Takes the answer about a place: the tunnel or join begins, or is refused.
    fn placed(&mut self, granted: Use, answer: Answer, config: &Config, out: &mut Outbox) {
        let Self::Waiting(wanted) = std::mem::replace(self, Self::Over) else { return };
        match (answer, wanted) {
            (Answer::Admitted, PlaceRequest::Tunnel(target)) => {
                *self = Self::Tunnel(Tunnel::new(granted, &target, config, out));
            }
            (Answer::Admitted, PlaceRequest::Join(request)) => {
                *self = Self::Join(Join::new(granted, request, config, out));
            }
            (Answer::Failed(code, text), _) => out.refuse(granted.id, Refusal::of(code).with_text(text)),
            (other, _) => {
                out.unwanted(&other);
                out.refuse(granted.id, Refusal::of(Code::Internal));
            }
        }
    }
}

/// How long a user agent waits before it returns to an agent that was stopped, in milliseconds.
const RETRY_MS: u32 = 5_000;
