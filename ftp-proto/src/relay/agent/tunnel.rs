//! One tunnel: the server is connected, the user agent's link attaches, and then data flows.

use super::flowing::{Flowing, Patience};
use super::grant::Use;
use super::outbox::{Outbox, Refusal};
use super::timer::Timer;
use super::{Answer, Ask, Config, ConnId, Event, Ticket};
use crate::relay::message::{Code, End, FromAgent, Id, Target};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// A tunnel of a session.
#[derive(Debug)]
pub(super) struct Tunnel {
    granted: Use,
    state: State,
    timers: Timers<Timer>,
}

#[derive(Debug)]
enum State {
    Resolving(Ticket),
    Routing(Ticket, Vec<SocketAddr>),
    Dialing {
        question: Ticket,
        to: SocketAddr,
        rest: VecDeque<(SocketAddr, IpAddr)>,
    },
    /// The server is connected, and the secret of the ticket is being drawn.
    Drawing {
        question: Ticket,
        conn: ConnId,
        local: SocketAddr,
        peer: SocketAddr,
    },
    /// The user agent's link is expected.
    Expecting {
        expectation: Ticket,
        conn: ConnId,
    },
    Flowing(Flowing),
    Over,
}

impl Tunnel {
    pub(super) fn new(now: Moment, granted: Use, target: &Target, config: &Config, out: &mut Outbox) -> Self {
        let ticket = out.ticket(granted.id);
        out.ask(Ask::Resolve { ticket, host: target.host.as_str().to_owned(), port: target.port });
        let mut timers = Timers::new();
        timers.arm(Timer::Connect, now + config.limits.connect);
        Self { granted, state: State::Resolving(ticket), timers }
    }

    pub(super) const fn grant(&self) -> Id {
        self.granted.grant
    }

    pub(super) const fn timers(&self) -> &Timers<Timer> {
        match &self.state {
            State::Flowing(flowing) => flowing.timers(),
            State::Resolving(_)
            | State::Routing(..)
            | State::Dialing { .. }
            | State::Drawing { .. }
            | State::Expecting { .. }
            | State::Over => &self.timers,
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
        if let State::Flowing(flowing) = &mut self.state {
            if flowing.answer(now, ticket, answer, out) {
                self.state = State::Over;
            }
            return;
        }
        out.forget(ticket);
        let done = match (std::mem::replace(&mut self.state, State::Over), answer) {
            (State::Resolving(_), Answer::Resolved(addresses)) => {
                let question = out.ticket(self.granted.id);
                let to = addresses.iter().map(SocketAddr::ip).collect();
                self.state = State::Routing(question, addresses);
                out.ask(Ask::Route { ticket: question, to });
                Ok(())
            }
            (State::Routing(_, addresses), Answer::Routes(routes)) => judge(&addresses, &routes, config)
                .and_then(|targets| self.dial(targets, Refusal::of(Code::Unreachable), out)),
            (State::Dialing { to, .. }, Answer::Connected { conn, local }) => {
                let question = out.ticket(self.granted.id);
                out.ask(Ask::Random(question));
                self.state = State::Drawing { question, conn, local, peer: to };
                Ok(())
            }
            (State::Dialing { rest, .. }, Answer::Failed(code, text)) => {
                self.dial(rest, Refusal::of(code).with_text(text), out)
            }
            (State::Drawing { conn, local, peer, .. }, Answer::Random(secret)) => {
                let expectation = out.ticket(self.granted.id);
                // The user agent may attach as soon as it has the ticket, so the link is expected first.
                out.ask(Ask::Expect { ticket: expectation, secret: secret.clone() });
                out.send(FromAgent::TunnelReady { id: self.granted.id, local, peer, ticket: secret });
                out.event(Event::TunnelReady { id: self.granted.id, peer });
                self.timers.clear();
                self.timers.arm(Timer::Ticket, now + config.limits.ticket);
                self.state = State::Expecting { expectation, conn };
                Ok(())
            }
            (before, Answer::Failed(code, text)) => {
                self.state = before;
                Err(Refusal::of(code).with_text(text))
            }
            (before, other) => {
                out.unwanted(&other);
                self.state = before;
                Err(Refusal::of(Code::Internal))
            }
        };
        if let Err(refusal) = done {
            self.fail(refusal, out);
        }
    }

    /// Takes the user agent's link.
    pub(super) fn attached(&mut self, now: Moment, link: ConnId, config: &Config, out: &mut Outbox) {
        let State::Expecting { expectation, conn } = self.state else {
            out.reset(link);
            return;
        };
        out.forget(expectation);
        self.timers.clear();
        let idle = config.limits.tunnel_idle;
        let patience = Patience { idle, half_idle: idle, stall: config.limits.dead };
        let pair = (link, conn);
        let flowing = Flowing::begin(now, self.granted, pair, patience, out);
        self.state = State::Flowing(flowing);
    }

    pub(super) fn timeout(&mut self, now: Moment, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.timeout(now, out);
            return;
        }
        while let Some(timer) = self.timers.fire(now) {
            out.event(Event::TimedOut(timer));
            let code = if timer == Timer::Connect { Code::Unreachable } else { Code::Expired };
            self.fail(Refusal::of(code), out);
        }
    }

    /// Ends the tunnel by resetting everything.
    pub(super) fn stop(&mut self, why: End, out: &mut Outbox) {
        if let State::Flowing(flowing) = &mut self.state {
            flowing.stop(why, out);
        } else if !self.is_over() {
            self.give_up(out);
            out.send(FromAgent::Ended { id: self.granted.id, a_to_b: 0, b_to_a: 0, how: why });
            out.event(Event::Ended { id: self.granted.id, a_to_b: 0, b_to_a: 0, how: why });
        }
    }

    /// Connects to the next address, or fails with the last failure.
    fn dial(
        &mut self,
        mut targets: VecDeque<(SocketAddr, IpAddr)>,
        failed: Refusal,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (to, from) = targets.pop_front().ok_or(failed)?;
        let question = out.ticket(self.granted.id);
        out.ask(Ask::Dial { ticket: question, from, to });
        self.state = State::Dialing { question, to, rest: targets };
        Ok(())
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Outbox) {
        self.give_up(out);
        out.refuse(self.granted.id, refusal);
    }

    fn give_up(&mut self, out: &mut Outbox) {
        self.timers.clear();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Resolving(ticket)
            | State::Routing(ticket, _)
            | State::Dialing { question: ticket, .. } => {
                if out.owner(ticket).is_some() {
                    out.ask(Ask::Cancel(ticket));
                    out.forget(ticket);
                }
            }
            State::Drawing { question, conn, .. } => {
                out.forget(question);
                out.reset(conn);
            }
            State::Expecting { expectation, conn } => {
                out.ask(Ask::Unexpect(expectation));
                out.forget(expectation);
                out.reset(conn);
            }
            State::Flowing(_) | State::Over => {}
        }
    }
}

/// Checks the addresses of a name. All of them must be allowed.
fn judge(
    addresses: &[SocketAddr],
    routes: &[Option<IpAddr>],
    config: &Config,
) -> Result<VecDeque<(SocketAddr, IpAddr)>, Refusal> {
    let mut targets = VecDeque::new();
    for (index, to) in addresses.iter().enumerate() {
        let route = routes.get(index).copied().flatten();
        config.may_dial(*to, route).map_err(|why| Refusal::denied(why, *to))?;
        targets.extend(config.address_towards(to.ip(), route).map(|from| (*to, from)));
    }
    Ok(targets)
}
