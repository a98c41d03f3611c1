//! One join: two legs, then what flows between them.

use super::flowing::{Flowing, Patience};
use super::leg::Way;
use super::outbox::{Outbox, Refusal};
use super::timer::Timer;
use super::{Answer, Ask, Config, ConnId, Event, Ticket};
use crate::relay::message::{Code, End, FromAgent, Id, Leg, Side, Waits};
use crate::timer::{Moment, Timers};
use std::net::SocketAddr;
use std::time::Duration;

/// A join of a session.
#[derive(Debug)]
pub(super) struct Join {
    id: Id,
    pub(super) grant: Id,
    limit: u64,
    expires: Moment,
    leg_wait: Duration,
    patience: Patience,
    state: State,
    /// The addresses have been told.
    told: bool,
    timers: Timers<Timer>,
}

#[derive(Debug)]
enum State {
    /// Of [`Ask::Route`].
    Routing(Ticket, Way, Way),
    /// Listening, dialling, standing.
    Legs(Way, Way),
    Flowing(Flowing),
    Over,
}

impl Join {
    pub(super) fn new(
        now: Moment,
        (id, grant): (Id, Id),
        (limit, expires): (u64, Moment),
        (a, b): (Leg, Leg),
        waits: Waits,
        config: &Config,
        out: &mut Outbox,
    ) -> Self {
        let within = |ms: u32, most| Duration::from_millis(u64::from(ms).max(SHORTEST_MS)).min(most);
        let limits = &config.limits;
        let (a, b) = (Way::new(id, Side::A, a), Way::new(id, Side::B, b));
        let ticket = out.ticket(id);
        out.ask(Ask::Route { ticket, to: vec![a.host(), b.host()] });
        let mut timers = Timers::new();
        timers.arm(Timer::Leg, now + within(waits.leg_ms, limits.leg));
        timers.arm(Timer::Grant, expires);
        Self {
            id,
            grant,
            limit,
            expires,
            leg_wait: within(waits.leg_ms, limits.leg),
            patience: Patience {
                idle: within(waits.idle_ms, limits.idle),
                half_idle: within(waits.half_idle_ms, limits.idle),
                stall: within(waits.stall_ms, limits.idle),
            },
            state: State::Routing(ticket, a, b),
            told: false,
            timers,
        }
    }

    pub(super) const fn timers(&self) -> &Timers<Timer> {
        match &self.state {
            State::Flowing(flowing) => flowing.timers(),
            State::Routing(..) | State::Legs(..) | State::Over => &self.timers,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) const fn is_flowing(&self) -> bool {
        matches!(self.state, State::Flowing(_))
    }

    pub(super) fn answer(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: Answer,
        config: &Config,
        out: &mut Outbox,
    ) {
        let done = match &mut self.state {
            State::Routing(question, a, b) if *question == ticket => {
                out.forget(ticket);
                let begun = if let Answer::Routes(routes) = answer {
                    let mut routes = routes.into_iter();
                    let (to_a, to_b) = (routes.next().flatten(), routes.next().flatten());
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
            State::Legs(a, _) if a.is_mine(ticket) => a.answer(ticket, answer, out),
            State::Legs(_, b) if b.is_mine(ticket) => b.answer(ticket, answer, out),
            State::Flowing(flowing) => {
                if flowing.answer(now, ticket, answer, out) {
                    self.state = State::Over;
                }
                return;
            }
            State::Routing(..) | State::Legs(..) | State::Over => {
                out.unwanted(&answer);
                return;
            }
        };
        self.went(now, done, out);
    }

    pub(super) fn arrived(
        &mut self,
        now: Moment,
        listener: Ticket,
        (conn, local, from): (ConnId, SocketAddr, SocketAddr),
        config: &Config,
        out: &mut Outbox,
    ) {
        let limit = config.limits.strangers;
        let done = match &mut self.state {
            State::Legs(a, _) if a.is_mine(listener) => a.arrived(conn, local, from, limit, out),
            State::Legs(_, b) if b.is_mine(listener) => b.arrived(conn, local, from, limit, out),
            State::Routing(..) | State::Legs(..) | State::Flowing(_) | State::Over => {
                out.reset(conn);
                return;
            }
        };
        self.went(now, done, out);
    }

    pub(super) fn half_eof(&mut self, now: Moment, from: Side, bytes: u64, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.half_eof(now);
            out.say(FromAgent::HalfEof { join: self.id, from, bytes });
        }
    }

    pub(super) fn stat(&mut self, out: &mut Outbox) {
        match &mut self.state {
            State::Flowing(flowing) => flowing.stat(out),
            State::Routing(..) | State::Legs(..) | State::Over => {
                out.say(FromAgent::Stat { join: self.id, a_to_b: 0, b_to_a: 0 });
            }
        }
    }

    pub(super) fn timeout(&mut self, now: Moment, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.timeout(now, out);
            return;
        }
        while let Some(timer) = self.timers.fire(now) {
            out.tell(Event::TimedOut(timer));
            let refusal = match (&self.state, timer) {
                (State::Legs(a, b), Timer::Leg) => {
                    let missing =
                        [(a, Side::A), (b, Side::B)].into_iter().find(|(way, _)| way.up().is_none());
                    let refusal = Refusal::of(Code::LegTimeout);
                    missing.map_or_else(|| Refusal::of(Code::LegTimeout), |(_, side)| refusal.at(side))
                }
                (_, Timer::Leg) => Refusal::of(Code::LegTimeout),
                _ => Refusal::of(Code::Expired),
            };
            self.fail(refusal, out);
        }
    }

    /// Ends it with a reset of everything.
    pub(super) fn stop(&mut self, why: End, out: &mut Outbox) {
        match &mut self.state {
            State::Flowing(flowing) => flowing.stop(why, out),
            State::Routing(..) | State::Legs(..) => {
                self.give_up(out);
                out.say(FromAgent::Ended { id: self.id, a_to_b: 0, b_to_a: 0, how: why });
                out.tell(Event::Ended { id: self.id, a_to_b: 0, b_to_a: 0, how: why });
            }
            State::Over => {}
        }
    }

    fn went(&mut self, now: Moment, done: Result<(), Refusal>, out: &mut Outbox) {
        match done {
            Ok(()) => self.advance(now, out),
            Err(refusal) => self.fail(refusal, out),
        }
    }

    /// Both listen or may dial: the addresses are told, the wait for the legs begins. Both stand: it
    /// flows, and not one byte before.
    fn advance(&mut self, now: Moment, out: &mut Outbox) {
        let State::Legs(a, b) = &mut self.state else { return };
        if let (Some(at_a), Some(at_b)) = (a.state(), b.state())
            && !std::mem::replace(&mut self.told, true)
        {
            out.say(FromAgent::JoinReady { id: self.id, a: at_a, b: at_b });
            self.timers.arm(Timer::Leg, now + self.leg_wait);
            a.go(out);
            b.go(out);
        }
        if let (Some((conn_a, peer_a)), Some((conn_b, peer_b))) = (a.up(), b.up()) {
            out.say(FromAgent::Joined { id: self.id });
            out.tell(Event::Joined { id: self.id, a: peer_a, b: peer_b });
            self.timers.clear();
            let pair = (conn_a, conn_b);
            let flowing = Flowing::begin(now, self.id, pair, self.limit, self.expires, self.patience, out);
            self.state = State::Flowing(flowing);
        }
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Outbox) {
        if !self.is_over() {
            self.give_up(out);
            out.refuse(self.id, refusal);
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
                a.drop_all(out);
                b.drop_all(out);
            }
            State::Flowing(_) | State::Over => {}
        }
    }
}

/// No wait is shorter.
const SHORTEST_MS: u64 = 1_000;
