//! One leg of a join: a listener for one peer, or a connection to one.

use super::outbox::{Outbox, Refusal};
use super::{Answer, Ask, Config, ConnId, Event, Route, Ticket};
use crate::address::unmapped;
use crate::relay::message::{Code, FromAgent, Id, Leg, LegId, LegState, Pin};
use std::net::{IpAddr, SocketAddr};

/// A leg until it is connected.
#[derive(Debug)]
pub(super) struct Pending {
    join: Id,
    leg: LegId,
    want: Leg,
    /// A server of the host has greeted in this session.
    greeted: bool,
    at: At,
    strangers: u16,
}

#[derive(Debug)]
enum At {
    /// It has not begun.
    Idle,
    /// It waits for the answer to [`Ask::Listen`].
    Opening(Ticket),
    /// It listens at this address for its peer.
    Listening(Ticket, SocketAddr),
    /// It connects from this address as soon as the other leg listens.
    Ready(IpAddr),
    /// It waits for the answer to [`Ask::Dial`].
    Dialing(Ticket),
    /// It is connected, with this peer.
    Up(ConnId, SocketAddr),
}

impl Pending {
    pub(super) const fn new(join: Id, leg: LegId, want: Leg, greeted: bool) -> Self {
        Self { join, leg, want, greeted, at: At::Idle, strangers: 0 }
    }

    /// Returns the host at the other end.
    pub(super) const fn host(&self) -> IpAddr {
        match self.want {
            Leg::Listen(Pin { ip, .. }) => ip,
            Leg::Dial(to) => to.ip(),
        }
    }

    /// Checks the host and begins. A leg that listens opens its listener; one that connects waits for
    /// [`Pending::connect`].
    pub(super) fn begin(&mut self, route: Route, config: &Config, out: &mut Outbox) -> Result<(), Refusal> {
        let host = self.host();
        match self.want {
            Leg::Listen(pin) => {
                let judged = SocketAddr::new(host, pin.port.unwrap_or(0));
                config
                    .may_come(host, self.greeted)
                    .map_err(|why| Refusal::denied(why, judged).at(self.leg))?;
                let at = config.announced_to(host, route.from);
                let at = at.ok_or_else(|| Refusal::of(Code::NoAddress).at(self.leg))?;
                let ticket = out.ticket(self.join);
                self.at = At::Opening(ticket);
                out.ask(Ask::Listen { ticket, at });
            }
            Leg::Dial(to) => {
                config
                    .may_dial(to, route, self.greeted)
                    .map_err(|why| Refusal::denied(why, to).at(self.leg))?;
                let from = config.address_towards(host, route.from);
                let from = from.ok_or_else(|| Refusal::of(Code::Unreachable).at(self.leg))?;
                self.at = At::Ready(from);
            }
        }
        Ok(())
    }

    /// Returns the state for the user agent once the leg listens or may connect.
    pub(super) const fn state(&self) -> Option<LegState> {
        match (&self.at, self.want) {
            (At::Listening(_, at), _) => Some(LegState::Listening(*at)),
            (At::Ready(_), Leg::Dial(to)) => Some(LegState::Dialing(to)),
            (At::Idle | At::Opening(_) | At::Ready(_) | At::Dialing(_) | At::Up(..), _) => None,
        }
    }

    /// Connects, if this leg connects.
    pub(super) fn connect(&mut self, out: &mut Outbox) {
        if let (At::Ready(from), Leg::Dial(to)) = (&self.at, self.want) {
            let from = *from;
            let ticket = out.ticket(self.join);
            self.at = At::Dialing(ticket);
            out.ask(Ask::Dial { ticket, from, to });
        }
    }

    /// Returns the connection and its peer once the leg is connected.
    pub(super) const fn up(&self) -> Option<(ConnId, SocketAddr)> {
        match self.at {
            At::Up(conn, peer) => Some((conn, peer)),
            At::Idle | At::Opening(_) | At::Listening(..) | At::Ready(_) | At::Dialing(_) => None,
        }
    }

    pub(super) const fn asked(&self, ticket: Ticket) -> bool {
        match self.at {
            At::Opening(own) | At::Listening(own, _) | At::Dialing(own) => own.0 == ticket.0,
            At::Idle | At::Ready(_) | At::Up(..) => false,
        }
    }

    /// Takes the answer to a question of this leg.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut Outbox) -> Result<(), Refusal> {
        match (&self.at, answer) {
            (At::Opening(_), Answer::Listening(at)) => self.at = At::Listening(ticket, at),
            (At::Dialing(_), Answer::Connected { conn, local }) => {
                out.forget(ticket);
                self.stands(conn, local, self.peer(), out);
            }
            (At::Opening(_) | At::Dialing(_), Answer::Failed(code, text)) => {
                out.forget(ticket);
                self.at = At::Idle;
                return Err(Refusal::of(code).at(self.leg).with_text(text));
            }
            (_, answer) => out.unwanted(&answer),
        }
        Ok(())
    }

    /// Takes a connection that the listener accepted.
    pub(super) fn arrived(
        &mut self,
        conn: ConnId,
        local: SocketAddr,
        from: SocketAddr,
        limit: u16,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (At::Listening(ticket, _), Leg::Listen(pin)) = (&self.at, self.want) else {
            out.reset(conn);
            return Ok(());
        };
        let ticket = *ticket;
        if unmapped(from.ip()) == unmapped(pin.ip) && pin.port.is_none_or(|port| port == from.port()) {
            // This is the expected peer. Later connections are reset.
            out.ask(Ask::Unlisten(ticket));
            out.forget(ticket);
            self.stands(conn, local, from, out);
            return Ok(());
        }
        out.reset(conn);
        self.strangers = self.strangers.saturating_add(1);
        if self.strangers <= MAX_REPORTED {
            out.send(FromAgent::Stranger { join: self.join, leg: self.leg, peer: from });
            out.event(Event::Stranger { join: self.join, leg: self.leg, from });
        }
        if self.strangers >= limit { Err(Refusal::of(Code::Strangers).at(self.leg)) } else { Ok(()) }
    }

    /// Gives up whatever the leg has.
    pub(super) fn give_up(&mut self, out: &mut Outbox) {
        match std::mem::replace(&mut self.at, At::Idle) {
            At::Opening(ticket) | At::Listening(ticket, _) => {
                out.ask(Ask::Unlisten(ticket));
                out.forget(ticket);
            }
            At::Dialing(ticket) => {
                out.ask(Ask::Cancel(ticket));
                out.forget(ticket);
            }
            At::Up(conn, _) => out.reset(conn),
            At::Idle | At::Ready(_) => {}
        }
    }

    fn peer(&self) -> SocketAddr {
        match self.want {
            Leg::Listen(Pin { ip, port }) => SocketAddr::new(ip, port.unwrap_or(0)),
            Leg::Dial(to) => to,
        }
    }

    fn stands(&mut self, conn: ConnId, local: SocketAddr, peer: SocketAddr, out: &mut Outbox) {
        self.at = At::Up(conn, peer);
        let (join, leg, strangers) = (self.join, self.leg, self.strangers);
        out.send(FromAgent::LegUp { join, leg, local, peer, strangers });
    }
}

/// How many connections from other hosts are reported for one leg. More are only counted.
const MAX_REPORTED: u16 = 8;
