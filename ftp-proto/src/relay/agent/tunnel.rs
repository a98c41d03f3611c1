//! One tunnel: the server is connected and greets, the user agent's link attaches, and then bytes flow.

use super::flowing::{Flowing, Patience};
use super::grant::Use;
use super::interface::Timer;
use super::outbox::{Outbox, Refusal};
use super::{Answer, Ask, Config, ConnId, Event, Opening, Route, Ticket, Work};
use crate::relay::message::{Code, End, FromAgent, Target};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A tunnel of a session.
#[derive(Debug)]
pub(super) struct Tunnel {
    granted: Use,
    state: State,
    /// When it began, if its server was named and not given by an address.
    named: Option<Moment>,
    /// The address of the server that has greeted.
    greeted: Option<ServerAddress>,
    timers: Timers<Timer>,
}

/// The address of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerAddress {
    /// The address by which the user agent knows the server. It hears of no other one.
    pub(super) named: SocketAddr,
    /// Where the server is for this agent.
    pub(super) at: SocketAddr,
}

/// A connection with the server of a tunnel.
#[derive(Clone, Copy, Debug)]
struct Server {
    conn: ConnId,
    local: SocketAddr,
    address: ServerAddress,
}

#[derive(Debug)]
enum State {
    Resolving(Ticket),
    Routing(Ticket, Vec<ServerAddress>),
    Dialing {
        question: Ticket,
        to: ServerAddress,
        rest: VecDeque<(ServerAddress, IpAddr)>,
    },
    /// The server is connected, and speaks first.
    Greeting(Ticket, Server),
    /// The server has greeted, or TLS may begin; the secret of the ticket is being drawn.
    Drawing(Ticket, Server),
    /// The user agent's link is expected.
    Expecting(Ticket, Server),
    Flowing(Flowing, Server),
    /// The name is not there or not allowed, and which of both is told to nobody: neither by words nor by the time.
    Hidden(Refusal),
    Over,
}

impl Tunnel {
    pub(super) fn new(granted: Use, target: &Target, config: &Config, out: &mut Outbox) -> Self {
        let ticket = out.ticket(granted.id);
        out.ask(Ask::Resolve { ticket, host: target.host.as_str().to_owned(), port: target.port });
        let mut timers = Timers::new();
        timers.arm(Timer::Connect, out.now + config.limits.connect);
        let is_address = literal(target.host.as_str()).is_some();
        let named = (!is_address).then_some(out.now);
        Self { granted, state: State::Resolving(ticket), named, greeted: None, timers }
    }

    pub(super) const fn timers(&self) -> &Timers<Timer> {
        if let State::Flowing(flowing, _) = &self.state { flowing.timers() } else { &self.timers }
    }

    /// The address of the server that has greeted, while the tunnel is open.
    pub(super) const fn greeted(&self) -> Option<ServerAddress> {
        if self.is_over() { None } else { self.greeted }
    }

    /// Takes note that the server has greeted, after TLS has begun.
    pub(super) fn has_greeted(&mut self, out: &mut Outbox) {
        if let State::Flowing(flowing, server) = &mut self.state {
            flowing.greeted();
            self.greeted = Some(server.address);
            out.event(Event::Greeted { id: self.granted.id, peer: server.address.at });
        }
    }

    /// Whether the operator still allows the server. One that is not chosen yet is judged when it is.
    pub(super) fn is_allowed(&self, config: &Config) -> bool {
        let peer = match &self.state {
            State::Dialing { to, .. } => Some(to.at),
            State::Greeting(_, server)
            | State::Drawing(_, server)
            | State::Expecting(_, server)
            | State::Flowing(_, server) => Some(server.address.at),
            State::Resolving(_) | State::Routing(..) | State::Hidden(_) | State::Over => None,
        };
        // Whether it is this host itself was judged before.
        let route = Route { from: None, is_own: false };
        peer.is_none_or(|peer| config.may_tunnel(peer, route).is_ok())
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) const fn is_flowing(&self) -> bool {
        matches!(self.state, State::Flowing(..))
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, config: &Config, out: &mut Outbox) {
        if let State::Flowing(flowing, _) = &mut self.state {
            if flowing.answer(ticket, answer, out) {
                self.state = State::Over;
            }
            return;
        }
        out.forget(ticket);
        let done = match (std::mem::replace(&mut self.state, State::Over), answer) {
            (State::Resolving(_), Answer::Resolved(addresses)) => {
                let question = out.ticket(self.granted.id);
                let addresses: Vec<ServerAddress> = addresses
                    .into_iter()
                    .map(|named| ServerAddress { named, at: config.served_at(named) })
                    .collect();
                let to = addresses.iter().map(|address| address.at.ip()).collect();
                self.state = State::Routing(question, addresses);
                out.ask(Ask::Route { ticket: question, to });
                Ok(())
            }
            (State::Routing(_, addresses), Answer::Routes(routes)) => judge(&addresses, &routes, config)
                .and_then(|targets| self.dial(targets, Refusal::of(Code::Unreachable), out)),
            (State::Dialing { to, .. }, Answer::Connected { conn, local }) => {
                self.connected(Server { conn, local, address: to }, config, out);
                Ok(())
            }
            (State::Dialing { rest, .. }, Answer::Failed(code, text)) => {
                self.dial(rest, Refusal::of(code).with_text(text), out)
            }
            (State::Greeting(_, server), Answer::Greeted) => {
                self.greeted = Some(server.address);
                out.event(Event::Greeted { id: self.granted.id, peer: server.address.at });
                self.draw(server, out);
                Ok(())
            }
            (State::Drawing(_, server), Answer::Random(secret)) => {
                let expectation = out.ticket(self.granted.id);
                let Server { local, address: ServerAddress { named, at }, .. } = server;
                // The user agent may attach as soon as it has the ticket, so the link is expected first.
                out.ask(Ask::Expect { ticket: expectation, secret: secret.clone() });
                out.send(FromAgent::TunnelReady { id: self.granted.id, local, peer: named, ticket: secret });
                out.event(Event::TunnelReady { id: self.granted.id, peer: at });
                self.timers.clear();
                self.timers.arm(Timer::Ticket, out.now + config.limits.ticket);
                self.state = State::Expecting(expectation, server);
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
        match (done, self.named) {
            (Ok(()), _) => {}
            (Err(refusal), Some(since)) if matches!(refusal.code, Code::Resolve | Code::Denied) => {
                self.hide(since, refusal, out);
            }
            (Err(refusal), _) => self.fail(refusal, out),
        }
    }

    /// Refuses a name at a time that is the same whether it exists or not.
    fn hide(&mut self, since: Moment, refusal: Refusal, out: &mut Outbox) {
        self.give_up(out);
        let taken = out.now.since(since).as_nanos();
        let steps = taken.div_ceil(REFUSALS.as_nanos()).max(1);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.timers.arm(Timer::Refusal, since + REFUSALS.saturating_mul(steps));
        self.state = State::Hidden(Refusal { code: Code::Denied, ..refusal });
    }

    /// Takes the user agent's link.
    pub(super) fn attached(&mut self, link: ConnId, config: &Config, out: &mut Outbox) {
        let State::Expecting(expectation, server) = self.state else {
            out.reset(link);
            return;
        };
        out.forget(expectation);
        self.timers.clear();
        let idle = config.limits.tunnel_idle;
        let patience = Patience { idle, half_idle: idle, stall: config.limits.dead };
        let opening = if self.greeted.is_some() { Opening::Greeted } else { Opening::Tls };
        let ends = [link, server.conn];
        let mut flowing = Flowing::begin(self.granted, ends, opening, patience, out);
        if opening == Opening::Tls {
            flowing.expect_greeting(out.now + config.limits.greeting);
        }
        self.state = State::Flowing(flowing, server);
    }

    pub(super) fn timeout(&mut self, out: &mut Outbox) {
        if let State::Flowing(flowing, _) = &mut self.state {
            flowing.timeout(out);
            return;
        }
        while let Some(timer) = self.timers.fire(out.now) {
            if let State::Hidden(refusal) = &mut self.state {
                let refusal = std::mem::replace(refusal, Refusal::of(Code::Denied));
                return self.fail(refusal, out);
            }
            out.event(Event::TimedOut(timer));
            let refusal = if timer == Timer::Connect {
                Refusal::of(Code::Unreachable)
            } else if timer == Timer::Greeting {
                Refusal::of(Code::NoGreeting).with_text(SILENT.to_owned())
            } else {
                Refusal::of(Code::Expired)
            };
            self.fail(refusal, out);
        }
    }

    /// Ends the tunnel by resetting everything.
    pub(super) fn stop(&mut self, why: End, out: &mut Outbox) {
        if let State::Flowing(flowing, _) = &mut self.state {
            flowing.stop(why, out);
        } else if !self.is_over() {
            self.give_up(out);
            out.ended(self.granted.id, [0, 0], why);
        }
    }

    /// Waits for the server to speak, or for TLS where it begins at once.
    fn connected(&mut self, server: Server, config: &Config, out: &mut Outbox) {
        if config.may_begin_with_tls(server.address.at) {
            return self.draw(server, out);
        }
        let question = out.ticket(self.granted.id);
        out.ask(Ask::Greeting { ticket: question, conn: server.conn });
        self.timers.clear();
        self.timers.arm(Timer::Greeting, out.now + config.limits.greeting);
        self.state = State::Greeting(question, server);
    }

    /// Draws the secret of the ticket.
    fn draw(&mut self, server: Server, out: &mut Outbox) {
        let question = out.ticket(self.granted.id);
        out.ask(Ask::Random(question));
        self.state = State::Drawing(question, server);
    }

    /// Connects to the next address, or fails with the last failure.
    fn dial(
        &mut self,
        mut targets: VecDeque<(ServerAddress, IpAddr)>,
        failed: Refusal,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (to, from) = targets.pop_front().ok_or(failed)?;
        let question = out.ticket(self.granted.id);
        out.ask(Ask::Dial { ticket: question, from, to: to.at, work: Work::Tunnel });
        self.state = State::Dialing { question, to, rest: targets };
        Ok(())
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Outbox) {
        self.give_up(out);
        out.refuse(self.granted.id, refusal);
    }

    fn give_up(&mut self, out: &mut Outbox) {
        self.timers.clear();
        let (ticket, end, server) = match std::mem::replace(&mut self.state, State::Over) {
            State::Resolving(ticket)
            | State::Routing(ticket, _)
            | State::Dialing { question: ticket, .. } => {
                (ticket, out.owner(ticket).map(|_| Ask::Cancel(ticket)), None)
            }
            State::Greeting(question, server) => (question, Some(Ask::Cancel(question)), Some(server)),
            State::Drawing(question, server) => (question, None, Some(server)),
            State::Expecting(expected, server) => (expected, Some(Ask::Unexpect(expected)), Some(server)),
            State::Flowing(..) | State::Hidden(_) | State::Over => return,
        };
        if let Some(end) = end {
            out.ask(end);
        }
        out.forget(ticket);
        if let Some(server) = server {
            out.reset(server.conn);
        }
    }
}

/// Checks the addresses of a name. All of them must be allowed.
fn judge(
    addresses: &[ServerAddress],
    routes: &[Route],
    config: &Config,
) -> Result<VecDeque<(ServerAddress, IpAddr)>, Refusal> {
    let mut targets = VecDeque::new();
    for (index, to) in addresses.iter().enumerate() {
        let route = routes.get(index).copied().unwrap_or(Route { from: None, is_own: false });
        config.may_tunnel(to.at, route).map_err(|why| Refusal::denied(why, to.at))?;
        targets.extend(config.address_towards(to.at.ip(), route.from).map(|from| (*to, from)));
    }
    Ok(targets)
}

/// The address that a host is given by, if it is no name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A name is refused at a multiple of this time after it was asked for.
const REFUSALS: Duration = Duration::from_secs(2);
/// Told of a server that is silent; the most likely reason with it.
const SILENT: &str = "it sends nothing; if it expects TLS at once, the relay's --allow has to say PORT/tls";
