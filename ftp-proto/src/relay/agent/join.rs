//! One join: two legs, and then what flows between them.

use super::flowing::{Flowing, Patience};
use super::grant::Use;
use super::interface::Timer;
use super::leg::{AttachedLink, Pending, Want};
use super::outbox::{Outbox, Refusal};
use super::{Answer, Arrival, Ask, Config, Event, Opening, Route, Ticket};
use crate::relay::digest::Digests;
use crate::relay::message::{Code, End, FromAgent, LegId, Text, Waits};
use crate::timer::Timers;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What the user agent asks of a join.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) a: Want,
    pub(super) b: Want,
    pub(super) waits: Waits,
    /// Where both hosts are, if their servers have greeted in this session.
    pub(super) greeted: [Option<IpAddr>; 2],
    /// Whether the digests of what flows are wanted.
    pub(super) digested: bool,
}

impl Request {
    /// The hosts of its servers, as the user agent knows them.
    pub(super) fn hosts(&self) -> Vec<IpAddr> {
        [&self.a, &self.b].into_iter().filter_map(Want::host).collect()
    }
}

/// A join of a session.
#[derive(Debug)]
pub(super) struct Join {
    granted: Use,
    hosts: Vec<IpAddr>,
    /// Data ports of servers to which others than servers are joined.
    named: Vec<SocketAddr>,
    leg_wait: Duration,
    patience: Patience,
    /// The digests of what flows are wanted.
    digested: bool,
    state: State,
    /// The addresses of the legs were reported.
    reported: bool,
    timers: Timers<Timer>,
}

#[derive(Debug)]
enum State {
    /// Waits for the answer to [`Ask::Route`].
    Routing(Ticket, Pending, Pending),
    /// The legs listen, connect, or are connected.
    Legs(Pending, Pending),
    Flowing(Flowing),
    Over,
}

impl Join {
    pub(super) fn new(
        granted: Use,
        Request { a, b, waits, greeted, digested }: Request,
        config: &Config,
        out: &mut Outbox,
    ) -> Self {
        let Use { id, expires, .. } = granted;
        let within = |ms: u32, most| Duration::from_millis(u64::from(ms).max(SHORTEST_MS)).min(most);
        let limits = &config.limits;
        let [greeted_a, greeted_b] = greeted;
        let (end_a, end_b) = (a.end(), b.end());
        let a = Pending::new(id, LegId::A, a, greeted_a, end_b);
        let b = Pending::new(id, LegId::B, b, greeted_b, end_a);
        let ticket = out.ticket(id);
        let hosts: Vec<IpAddr> = [&a, &b].into_iter().filter_map(|leg| leg.host()).collect();
        out.ask(Ask::Route { ticket, to: hosts.clone() });
        let named = [&a, &b].into_iter().filter_map(Pending::named_port).collect();
        let mut timers = Timers::new();
        timers.arm(Timer::Leg, out.now + within(waits.leg_ms, limits.leg));
        timers.arm(Timer::Grant, expires);
        Self {
            granted,
            hosts,
            named,
            leg_wait: within(waits.leg_ms, limits.leg),
            patience: Patience {
                idle: within(waits.idle_ms, limits.idle),
                half_idle: within(waits.half_idle_ms, limits.idle),
                stall: within(waits.stall_ms, limits.idle),
            },
            digested,
            state: State::Routing(ticket, a, b),
            reported: false,
            timers,
        }
    }

    pub(super) const fn timers(&self) -> &Timers<Timer> {
        if let State::Flowing(flowing) = &self.state { flowing.timers() } else { &self.timers }
    }

    /// Whether the operator still allows both hosts, and still names the data ports that have to be named.
    pub(super) fn is_allowed(&self, config: &Config) -> bool {
        self.hosts.iter().all(|host| config.may_come(*host, true).is_ok())
            && self.named.iter().all(|port| config.names(*port))
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) const fn is_flowing(&self) -> bool {
        matches!(self.state, State::Flowing(_))
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, config: &Config, out: &mut Outbox) {
        let done = match &mut self.state {
            State::Routing(question, a, b) if *question == ticket => {
                out.forget(ticket);
                let begun = if let Answer::Routes(routes) = answer {
                    let mut routes = routes.into_iter();
                    let mut to = |leg: &Pending| leg.host().and_then(|_| routes.next()).unwrap_or(NO_ROUTE);
                    let (to_a, to_b) = (to(a), to(b));
                    a.begin(to_a, config, out).and_then(|()| b.begin(to_b, config, out))
                } else {
                    out.unwanted(&answer);
                    Err(Refusal::of(Code::Internal))
                };
                if let State::Routing(_, a, b) = std::mem::replace(&mut self.state, State::Over) {
                    self.state = State::Legs(a, b);
                }
                begun
            }
            State::Legs(a, _) if a.asked(ticket) => a.answer(ticket, answer, out),
            State::Legs(_, b) if b.asked(ticket) => b.answer(ticket, answer, out),
            State::Flowing(flowing) => {
                if flowing.answer(ticket, answer, out) {
                    self.state = State::Over;
                }
                return;
            }
            State::Routing(..) | State::Legs(..) | State::Over => {
                out.unwanted(&answer);
                return;
            }
        };
        self.follow(done, out);
    }

    pub(super) fn arrived(&mut self, listener: Ticket, arrival: Arrival, config: &Config, out: &mut Outbox) {
        let limit = config.limits.strangers;
        let done = match &mut self.state {
            State::Legs(a, _) if a.asked(listener) => a.arrived(arrival, limit, out),
            State::Legs(_, b) if b.asked(listener) => b.arrived(arrival, limit, out),
            State::Routing(..) | State::Legs(..) | State::Flowing(_) | State::Over => {
                out.reset(arrival.conn);
                return;
            }
        };
        self.follow(done, out);
    }

    /// Takes the other agent of a meeting.
    pub(super) fn attached(&mut self, ticket: Ticket, met: AttachedLink, out: &mut Outbox) {
        match &mut self.state {
            State::Legs(a, _) if a.asked(ticket) => a.attached(met, out),
            State::Legs(_, b) if b.asked(ticket) => b.attached(met, out),
            State::Routing(..) | State::Legs(..) | State::Flowing(_) | State::Over => out.reset(met.0),
        }
        self.follow(Ok(()), out);
    }

    pub(super) fn half_eof(&mut self, from: LegId, bytes: u64, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.half_eof(out.now);
            out.send(FromAgent::HalfEof { join: self.granted.id, from, bytes });
        }
    }

    /// Takes note that the digests of what flows are wanted. Returns whether that comes in time.
    pub(super) const fn digest(&mut self) -> bool {
        self.digested |= !self.is_flowing() && !self.is_over();
        self.digested
    }

    /// Passes the digests of what has flowed to the user agent.
    pub(super) fn has_digests(&self, a_to_b: &str, b_to_a: &str, out: &mut Outbox) {
        let (a_to_b, b_to_a) = (Text::of(a_to_b), Text::of(b_to_a));
        if let Some(message) = (Digests { join: self.granted.id, a_to_b, b_to_a }).message() {
            out.send(message);
        }
    }

    pub(super) fn stat(&mut self, out: &mut Outbox) {
        match &mut self.state {
            State::Flowing(flowing) => flowing.stat(out),
            State::Routing(..) | State::Legs(..) | State::Over => {
                out.send(FromAgent::Stat { join: self.granted.id, a_to_b: 0, b_to_a: 0 });
            }
        }
    }

    pub(super) fn timeout(&mut self, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.timeout(out);
            return;
        }
        while let Some(timer) = self.timers.fire(out.now) {
            out.event(Event::TimedOut(timer));
            let refusal = match (&self.state, timer) {
                (State::Legs(a, b), Timer::Leg) => {
                    let missing =
                        [(a, LegId::A), (b, LegId::B)].into_iter().find(|(leg, _)| leg.up().is_none());
                    let refusal = Refusal::of(Code::LegTimeout);
                    missing.map_or_else(|| Refusal::of(Code::LegTimeout), |(_, leg)| refusal.at(leg))
                }
                (_, Timer::Leg) => Refusal::of(Code::LegTimeout),
                _ => Refusal::of(Code::Expired),
            };
            self.fail(refusal, out);
        }
    }

    /// Ends the join by resetting everything.
    pub(super) fn stop(&mut self, why: End, out: &mut Outbox) {
        match &mut self.state {
            State::Flowing(flowing) => flowing.stop(why, out),
            State::Routing(..) | State::Legs(..) => {
                self.give_up(out);
                out.ended(self.granted.id, [0, 0], why);
            }
            State::Over => {}
        }
    }

    fn follow(&mut self, done: Result<(), Refusal>, out: &mut Outbox) {
        match done {
            Ok(()) => self.advance(out),
            Err(refusal) => self.fail(refusal, out),
        }
    }

    /// Advances the join. When both legs listen or may connect, their addresses are reported and the
    /// time for the legs begins. When both are connected, data flows; no byte is passed before.
    fn advance(&mut self, out: &mut Outbox) {
        let State::Legs(a, b) = &mut self.state else { return };
        if let (Some(at_a), Some(at_b)) = (a.state(), b.state())
            && !std::mem::replace(&mut self.reported, true)
        {
            out.send(FromAgent::JoinReady { id: self.granted.id, a: at_a, b: at_b });
            self.timers.arm(Timer::Leg, out.now + self.leg_wait);
            a.connect(out);
            b.connect(out);
        }
        if let (Some((conn_a, peer_a)), Some((conn_b, peer_b))) = (a.up(), b.up()) {
            out.send(FromAgent::Joined { id: self.granted.id });
            out.event(Event::Joined { id: self.granted.id, a: peer_a, b: peer_b });
            self.timers.clear();
            let ends = [conn_a, conn_b];
            let opening = if self.digested { Opening::Digested } else { Opening::Data };
            let flowing = Flowing::begin(self.granted, ends, opening, self.patience, out);
            self.state = State::Flowing(flowing);
        }
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Outbox) {
        if !self.is_over() {
            self.give_up(out);
            out.refuse(self.granted.id, refusal);
        }
    }

    fn give_up(&mut self, out: &mut Outbox) {
        self.timers.clear();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Routing(ticket, ..) => {
                out.ask(Ask::Cancel(ticket));
                out.forget(ticket);
            }
            State::Legs(mut a, mut b) => {
                a.give_up(out);
                b.give_up(out);
            }
            State::Flowing(_) | State::Over => {}
        }
    }
}

/// How an agent is reached: not from here.
const NO_ROUTE: Route = Route { from: None, is_own: false };
/// No wait is shorter than this, in milliseconds.
const SHORTEST_MS: u64 = 1_000;
