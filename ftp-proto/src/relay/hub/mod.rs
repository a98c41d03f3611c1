//! The machine of a hub: agents that can only connect out join it under their names, and whoever is in the
//! same group calls them there.
//!
//! ```text
//!  agent  --Introduce(name)--> joined; an older session of that name is replaced
//!  caller --Call(name)-------> [Waiting, both have 10 s] --both attached--> [Flowing] --either end--> gone
//!            Ready(ticket) to the caller, Called(ticket) to the agent; each connects once more and proves its ticket
//! ```
//!
//! A hub joins streams and knows nothing of what they carry. The two ends of a call prove to each other, inside their
//! stream, a secret that the hub does not hold, and encrypt what they say. So the hub may refuse and may break what
//! passes it; it can neither read nor change it. What an agent may reach is decided by the agent alone.
//!
//! Those in different groups do not see each other: neither names, nor who is there. The token says the group
//! ([`crate::relay::token`]). An agent has a token of its own, so that no user takes its place.

mod interface;
mod message;
mod session;
#[cfg(test)]
mod tests;

pub use interface::{CallId, Cause, End, Event, Input, Limits, Output, Refusal, SessionId, Timer};
pub use message::{FromHub, Role, SeenAddresses, ToHub};

use super::agent::Withdrawn;
use super::date;
use super::link::ticket_id;
use super::message::{Code, Id, Text};
use super::token::{Secret32, is_name};
use crate::timer::{Moment, Timers};
use session::{Agents, Session};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// The machine of one hub.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    /// All random numbers follow from this one.
    seed: Secret32,
    drawn: u64,
    sessions: BTreeMap<SessionId, Session>,
    agents: Agents,
    calls: BTreeMap<CallId, Call>,
    last_call: u64,
    /// The time within which all return, in milliseconds, once the hub stops.
    draining: Option<u32>,
    out: VecDeque<Output>,
}

/// A stream between two ends.
#[derive(Debug)]
struct Call {
    /// The names of the tokens of the caller and the agent.
    tokens: [String; 2],
    caller: SessionId,
    /// The caller's own id of it.
    id: Id,
    agent: SessionId,
    /// The name of the agent.
    name: String,
    /// How long its stream may live.
    life: Option<Duration>,
    /// When the first of them expires.
    expires: Option<Moment>,
    /// The ids of the tickets of the caller and the agent.
    tickets: [[u8; 16]; 2],
    /// Where the ends that have attached come from: the caller, the agent. The call flows once both have.
    attached: [Option<SocketAddr>; 2],
    timers: Timers<Timer>,
}

impl Call {
    const fn flows(&self) -> bool {
        matches!(self.attached, [Some(_), Some(_)])
    }
}

impl Hub {
    /// Creates a hub where nobody is. `seed` is random: the tickets follow from it.
    pub const fn new(limits: Limits, seed: Secret32) -> Self {
        Self {
            limits,
            seed,
            drawn: 0,
            sessions: BTreeMap::new(),
            agents: Agents::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            draining: None,
            out: VecDeque::new(),
        }
    }

    /// Tells the hub what happened. Drain [`Hub::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        match input {
            Input::Opened { session, token, group, joins, expires, date } => {
                let mut new = Session::new(token, group, joins).until(expires);
                new.date = date;
                self.opened(now, session, new);
            }
            Input::Refused(session, Refusal::Full(why)) => self.end(session, Code::Busy, why, RETRY_MS),
            Input::Refused(session, Refusal::Withdrawn(why)) => self.withdraw(session, why),
            Input::Placed { call, place: Ok(life) } => self.placed(call, life),
            Input::Placed { call, place: Err(why) } => self.full(call, why),
            Input::Bytes(session, bytes) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.push(bytes);
                }
                self.next(now, session);
            }
            Input::Next(session) => self.next(now, session),
            Input::Closed(session) => self.leave(session),
            Input::Attached(call, end, from) => self.attached(now, call, end, from),
            Input::Ended(call) => drop(self.calls.remove(&call)),
            Input::Revoked { token, why } => self.revoked(token, why),
            Input::Drain => self.drain(),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| {
            let sessions = self.sessions.values().filter_map(|session| session.timers.next());
            let calls = self.calls.values().filter_map(|call| call.timers.next());
            Output::Wait(sessions.chain(calls).min())
        })
    }

    /// How many calls there are, those that flow included.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many agents have joined.
    pub const fn agents(&self) -> usize {
        self.agents.len()
    }

    fn opened(&mut self, now: Moment, id: SessionId, mut session: Session) {
        session.timers.arm(Timer::Link, now + self.limits.dead);
        self.sessions.insert(id, session);
        if let Some(spread) = self.draining {
            self.say_draining(id, spread);
        }
    }

    /// Hears one message of a session, if one is complete.
    fn next(&mut self, now: Moment, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.message() {
            Ok(None) => return,
            Ok(Some(message)) => {
                session.timers.arm(Timer::Link, now + self.limits.dead);
                self.message(now, id, message);
            }
            Err(error) => self.end(id, Code::Protocol, &error.to_string(), 0),
        }
        // The message may have ended its session.
        if self.sessions.get(&id).is_some_and(Session::has_more) {
            self.out.push_back(Output::More(id));
        }
    }

    fn message(&mut self, now: Moment, id: SessionId, message: ToHub) {
        let introduced = self.sessions.get(&id).is_some_and(|session| session.role.is_some());
        match message {
            ToHub::Introduce { role, build } if !introduced => self.introduce(id, role, build.into()),
            ToHub::Ping { t } => {
                let spread_ms = self.spread_ms();
                self.send(id, FromHub::Pong { t, spread_ms });
            }
            ToHub::Bye => {
                self.leave(id);
                self.out.push_back(Output::Close(id));
            }
            ToHub::Agents if introduced => {
                let names = self.sessions.get(&id).map(|session| self.agents.names(&session.group));
                self.send(id, FromHub::Agents(names.unwrap_or_default()));
            }
            ToHub::Call { id: call, agent } if introduced => {
                if let Err((code, text)) = self.call(now, id, call, agent.as_str()) {
                    self.refuse(id, call, code, text);
                }
            }
            ToHub::Ext { name, .. } => {
                let known = self.sessions.get(&id).and_then(|session| session.date);
                match date::answer(&name, known, now) {
                    Some((name, body)) => self.send(id, FromHub::Ext { name, body }),
                    None => self.refuse(id, Id(0), Code::Unsupported, name.as_str()),
                }
            }
            ToHub::Introduce { .. } | ToHub::Agents | ToHub::Call { .. } => {
                self.end(id, Code::Protocol, "a message at the wrong time", 0);
            }
        }
    }

    fn introduce(&mut self, id: SessionId, role: Role, build: String) {
        let event = match &role {
            Role::User { name } => Event::User { session: id, name: name.as_str().to_owned(), build },
            Role::Agent { name, .. } if !is_name(name.as_str()) => {
                return self.end(
                    id,
                    Code::Protocol,
                    "an agent's name has 1 to 64 letters, digits, - or _",
                    0,
                );
            }
            Role::Agent { name, boot } => {
                let refused = self.sessions.get(&id).and_then(|session| session.cannot_join(name.as_str()));
                if let Some(why) = refused {
                    return self.end(id, Code::Denied, &why, 0);
                }
                let old = self.find(id, name.as_str());
                let same = old.and_then(|old| self.sessions.get(&old)?.agent()).map(|(_, old)| old == *boot);
                let replaced = old.zip(same);
                if let Some(old) = old {
                    let text = "an agent of the same group has joined under the same name";
                    self.end(old, Code::Replaced, text, RETRY_MS);
                }
                self.send(id, FromHub::Joined { replaced: replaced.is_some() });
                Event::Joined { session: id, name: name.as_str().to_owned(), build, replaced }
            }
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            if let Role::Agent { name, .. } = &role {
                self.agents.join(&session.group, name.as_str(), id);
            }
            session.role = Some(role);
        }
        self.out.push_back(Output::Event(event));
    }

    fn call(
        &mut self,
        now: Moment,
        caller: SessionId,
        id: Id,
        name: &str,
    ) -> Result<(), (Code, &'static str)> {
        let limits = self.limits;
        let Some(session) = self.sessions.get_mut(&caller) else { return Ok(()) };
        if !session.is_new(id) {
            self.end(caller, Code::Protocol, "an id that was used before", 0);
            return Ok(());
        }
        let (of_caller, expires) = (session.token.clone(), session.expires);
        let agent = self.find(caller, name).ok_or((Code::NoAgent, ""))?;
        let called = self.sessions.get(&agent).ok_or((Code::NoAgent, ""))?;
        let tokens = [of_caller, called.token.clone()];
        let expires = expires.into_iter().chain(called.expires).min();
        let waiting = self.calls.values().filter(|call| call.caller == caller && !call.flows()).count();
        if waiting >= limits.waiting {
            return Err((Code::Busy, "this session has all the calls that may wait"));
        }
        self.last_call += 1;
        let call = CallId(self.last_call);
        let mut timers = Timers::new();
        timers.arm(Timer::Pair, now + limits.pair);
        self.out.push_back(Output::Place { call, by: caller, to: agent, id, agent: name.to_owned() });
        let (name, tickets, attached) = (name.to_owned(), [[0; 16]; 2], [None; 2]);
        let life = None;
        self.calls
            .insert(call, Call { tokens, caller, id, agent, name, life, expires, tickets, attached, timers });
        Ok(())
    }

    /// There is a place for a call. Either end may connect as soon as it has its ticket.
    fn placed(&mut self, id: CallId, life: Option<Duration>) {
        let tickets = [self.draw(), self.draw()];
        let Some(call) = self.calls.get_mut(&id) else { return };
        (call.life, call.tickets) = (life, tickets.each_ref().map(ticket_id));
        let (from, to, own) = (call.caller, call.agent, call.id);
        let event = Event::Called { call: id, id: own, from, to, agent: call.name.clone() };
        for (end, ticket) in [End::Caller, End::Agent].into_iter().zip(&tickets) {
            self.out.push_back(Output::Expect { call: id, end, ticket: ticket.clone() });
        }
        let [of_caller, of_agent] = tickets;
        self.send(to, FromHub::Called { ticket: of_agent });
        self.send(from, FromHub::Ready { id: own, ticket: of_caller });
        self.out.push_back(Output::Event(event));
    }

    /// There is no place for a call.
    fn full(&mut self, id: CallId, why: &str) {
        if let Some(call) = self.calls.remove(&id) {
            self.refuse(call.caller, call.id, Code::Busy, why);
        }
    }

    fn attached(&mut self, now: Moment, id: CallId, end: End, from: SocketAddr) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let [caller, agent] = &mut call.attached;
        match end {
            End::Caller => *caller = Some(from),
            End::Agent => *agent = Some(from),
        }
        if let [Some(at_caller), Some(at_agent)] = call.attached {
            call.timers.clear();
            if let Some(life) = call.life {
                call.timers.arm(Timer::Life, now + life);
            }
            if let Some(at) = call.expires {
                call.timers.arm(Timer::Token, at);
            }
            let ([of_caller, of_agent], ends) = (call.tickets, [call.caller, call.agent]);
            self.out.push_back(Output::Join(id));
            self.tell(
                ends,
                [
                    SeenAddresses { ticket: of_caller, own: at_caller, other: at_agent },
                    SeenAddresses { ticket: of_agent, own: at_agent, other: at_caller },
                ],
            );
        }
    }

    /// Tells two agents where they are seen. A user agent learns no address of an agent, nor an agent that of a user
    /// agent.
    fn tell(&mut self, ends: [SessionId; 2], seen: [SeenAddresses; 2]) {
        let is_agent =
            |id: &SessionId| self.sessions.get(id).is_some_and(|session| session.agent().is_some());
        if ends.iter().all(is_agent) {
            for (end, seen) in ends.into_iter().zip(seen) {
                if let Some(message) = seen.message() {
                    self.send(end, message);
                }
            }
        }
    }

    fn timeout(&mut self, now: Moment) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(timer) = self.sessions.get_mut(&id).and_then(|session| session.timers.fire(now)) else {
                continue;
            };
            self.out.push_back(Output::Event(Event::TimedOut(timer)));
            if timer == Timer::Token {
                self.withdraw(id, Withdrawn::Expired);
            } else {
                self.end(id, Code::LegTimeout, "nothing came for too long", RETRY_MS);
            }
        }
        self.timeout_of_calls(now);
    }

    fn timeout_of_calls(&mut self, now: Moment) {
        let fired = self.calls.iter_mut().filter_map(|(id, call)| Some((*id, call.timers.fire(now)?)));
        for (id, timer) in fired.collect::<Vec<_>>() {
            self.out.push_back(Output::Event(Event::TimedOut(timer)));
            let Some(call) = self.calls.remove(&id) else { continue };
            match timer {
                Timer::Pair => self.give_up(id, &call, "it had 10 s"),
                Timer::Token => self.out.push_back(Output::Drop(id, Cause::Revoked)),
                Timer::Life | Timer::Link => self.out.push_back(Output::Drop(id, Cause::Life)),
            }
        }
    }

    /// Ends all sessions and streams of a token.
    fn revoked(&mut self, token: &str, why: Withdrawn) {
        let of_token = self.sessions.iter().filter(|(_, session)| session.token == token);
        for id in of_token.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.withdraw(id, why);
        }
        for (id, _) in self.calls.extract_if(.., |_, call| call.tokens.iter().any(|of| of == token)) {
            self.out.push_back(Output::Drop(id, Cause::Revoked));
        }
    }

    fn withdraw(&mut self, id: SessionId, why: Withdrawn) {
        let code = if why == Withdrawn::Rule { Code::Denied } else { Code::Expired };
        self.end(id, code, &why.to_string(), 0);
        self.out.push_back(Output::Event(Event::Withdrawn { session: id, why }));
    }

    fn drain(&mut self) {
        let usual = self.spread_ms().max(DRAINING_MS);
        let spread = *self.draining.get_or_insert(usual);
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.say_draining(id, spread);
        }
    }

    /// Ends a session because the hub stops. All return at different times.
    fn say_draining(&mut self, id: SessionId, spread: u32) {
        let random = self.draw().number();
        let after = u32::try_from(random % u64::from(spread)).unwrap_or(DRAINING_MS);
        self.end(id, Code::Draining, "", after.max(1));
    }

    /// Ends a session from this side.
    fn end(&mut self, id: SessionId, code: Code, text: &str, retry_after_ms: u32) {
        self.send(id, FromHub::Bye { code, text: Text::of(text), retry_after_ms });
        if self.sessions.contains_key(&id) {
            self.out.push_back(Output::Event(Event::Ended { session: id, code, text: text.to_owned() }));
            self.out.push_back(Output::Close(id));
        }
        self.leave(id);
    }

    /// Forgets a session, and gives up its calls for which not both ends have come. Streams continue until the date of
    /// their tokens.
    fn leave(&mut self, id: SessionId) {
        if let Some(gone) = self.sessions.remove(&id)
            && let Some((name, _)) = gone.agent()
        {
            self.agents.leave(&gone.group, name);
        }
        let lost =
            self.calls.extract_if(.., |_, call| !call.flows() && (call.caller == id || call.agent == id));
        for (call_id, call) in lost.collect::<Vec<_>>() {
            self.give_up(call_id, &call, "its session has ended");
        }
    }

    /// Tells the caller that a call has failed before both ends had come.
    fn give_up(&mut self, id: CallId, call: &Call, text: &str) {
        self.out.push_back(Output::Drop(id, Cause::NotPaired));
        self.refuse(call.caller, call.id, Code::NotPaired, text);
    }

    fn refuse(&mut self, session: SessionId, id: Id, code: Code, text: &str) {
        if self.sessions.contains_key(&session) {
            self.send(session, FromHub::Refused { id, code, text: Text::of(text) });
            self.out.push_back(Output::Event(Event::Refused { session, id, code, text: text.to_owned() }));
        }
    }

    fn send(&mut self, id: SessionId, message: FromHub) {
        if let Some(frame) = self.sessions.get_mut(&id).and_then(|session| session.frame(message)) {
            self.out.push_back(Output::Send(id, frame));
        }
    }

    /// The agent of this name in the group of a session.
    fn find(&self, beside: SessionId, name: &str) -> Option<SessionId> {
        self.agents.find(&self.sessions.get(&beside)?.group, name)
    }

    /// If this hub vanishes, so long its agents take to return, so that few come at the same time.
    fn spread_ms(&self) -> u32 {
        u32::try_from(self.agents()).unwrap_or(u32::MAX).saturating_mul(SPREAD_OF_ONE_MS).max(LEAST_SPREAD_MS)
    }

    fn draw(&mut self) -> Secret32 {
        self.drawn += 1;
        self.seed.derived(&self.drawn.to_be_bytes())
    }
}

/// How long one that is turned away waits before it returns, in milliseconds.
const RETRY_MS: u32 = 5_000;
/// When a hub stops, its sessions return within this time at least, in milliseconds.
const DRAINING_MS: u32 = 2_000;
/// Each agent makes the time of return longer by this, in milliseconds.
const SPREAD_OF_ONE_MS: u32 = 75;
/// The shortest time of return, in milliseconds.
const LEAST_SPREAD_MS: u32 = 1_000;
