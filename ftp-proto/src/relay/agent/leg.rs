//! One leg of a join: a listener for one peer, a connection to one, or a link with another agent or the user agent.

use super::outbox::{Outbox, Refusal};
use super::{Answer, Arrival, Ask, Config, ConnId, Event, Route, Ticket, Work};
use crate::address::unmapped;
use crate::policy::OtherEnd;
use crate::relay::message::{Code, FromAgent, Id, Leg, LegId, LegState, Meeting, Pin};
use std::net::{IpAddr, SocketAddr};

/// What a leg will be.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// A data connection with a server.
    Server(Leg),
    /// A link that proves a secret: with another agent at the hub, or with the user agent itself.
    Other(Meeting),
}

impl Want {
    /// Returns the host of the server, if it is one, as the user agent knows it.
    pub(super) const fn host(&self) -> Option<IpAddr> {
        match self {
            Self::Server(Leg::Listen(Pin { ip, .. })) => Some(*ip),
            Self::Server(Leg::Dial(to)) => Some(to.ip()),
            Self::Other(_) => None,
        }
    }

    /// What this leg is for the other one.
    pub(super) const fn end(&self) -> OtherEnd {
        match self {
            Self::Server(_) => OtherEnd::Server,
            Self::Other(_) => OtherEnd::Prover,
        }
    }
}

/// A link with another agent or the user agent, and its local and remote address if it leads directly to an agent.
pub(super) type AttachedLink = (ConnId, Option<(SocketAddr, SocketAddr)>);

/// A leg until it is connected.
#[derive(Debug)]
pub(super) struct Pending {
    join: Id,
    leg: LegId,
    want: Want,
    /// Where the host is, if a server of it has greeted in this session.
    greeted: Option<IpAddr>,
    /// Who is at the other leg.
    other: OtherEnd,
    at: LegStage,
    strangers: u16,
}

#[derive(Debug)]
enum LegStage {
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
    /// It waits for a link that proves its secret.
    Awaiting(Ticket),
    /// It calls another agent as soon as the other leg listens.
    ReadyToCall,
    /// It waits for the answer to [`Ask::Call`].
    Calling(Ticket),
    /// It is connected, with this peer if that is a server.
    Up(ConnId, Option<SocketAddr>),
}

impl Pending {
    pub(super) const fn new(
        join: Id,
        leg: LegId,
        want: Want,
        greeted: Option<IpAddr>,
        other: OtherEnd,
    ) -> Self {
        Self { join, leg, want, greeted, other, at: LegStage::Idle, strangers: 0 }
    }

    /// Returns where the host at the other end is, if it is a server.
    pub(super) fn host(&self) -> Option<IpAddr> {
        self.want.host().map(|named| self.elsewhere(named).unwrap_or(named))
    }

    /// Returns where the host is that the user agent names by this address, if it is at another one.
    fn elsewhere(&self, named: IpAddr) -> Option<IpAddr> {
        self.greeted.filter(|at| *at != unmapped(named))
    }

    /// Returns where a data port of the server is.
    fn located(&self, named: SocketAddr) -> SocketAddr {
        self.elsewhere(named.ip()).map_or(named, |at| SocketAddr::new(at, named.port()))
    }

    /// Returns the address of a peer as the user agent knows it.
    fn as_named(&self, peer: SocketAddr) -> SocketAddr {
        let named = self.want.host().filter(|named| self.elsewhere(*named).is_some());
        named.map_or(peer, |named| SocketAddr::new(named, peer.port()))
    }

    /// Returns the data port that the operator has to name, if there is one: this leg connects to it, and who is at the
    /// other leg is no server.
    pub(super) fn named_port(&self) -> Option<SocketAddr> {
        match (&self.want, self.other) {
            (Want::Server(Leg::Dial(to)), OtherEnd::Prover) => Some(self.located(*to)),
            (Want::Server(_) | Want::Other(_), OtherEnd::Prover | OtherEnd::Server) => None,
        }
    }

    /// Checks the host and begins. A leg that listens opens its listener; one that connects waits for
    /// [`Pending::connect`].
    pub(super) fn begin(&mut self, route: Route, config: &Config, out: &mut Outbox) -> Result<(), Refusal> {
        match &self.want {
            Want::Server(Leg::Listen(pin)) => {
                let host = self.elsewhere(pin.ip).unwrap_or(pin.ip);
                let judged = SocketAddr::new(host, pin.port.unwrap_or(0));
                config
                    .may_come(host, self.greeted.is_some())
                    .map_err(|why| Refusal::denied(why, judged).at(self.leg))?;
                let at = config.announced_to(host, route.from);
                let at = at.ok_or_else(|| Refusal::of(Code::NoAddress).at(self.leg))?;
                let ticket = out.ticket(self.join);
                self.at = LegStage::Opening(ticket);
                out.ask(Ask::Listen { ticket, at });
            }
            Want::Server(Leg::Dial(to)) => {
                let to = self.located(*to);
                config
                    .may_dial(to, route, self.greeted.is_some(), self.other)
                    .map_err(|why| Refusal::denied(why, to).at(self.leg))?;
                let from = config.address_towards(to.ip(), route.from);
                let from = from.ok_or_else(|| Refusal::of(Code::Unreachable).at(self.leg))?;
                self.at = LegStage::Ready(from);
            }
            Want::Other(Meeting::Await(secret)) => {
                let ticket = out.ticket(self.join);
                self.at = LegStage::Awaiting(ticket);
                out.ask(Ask::Expect { ticket, secret: secret.clone() });
            }
            Want::Other(Meeting::Call { .. }) if !config.meets => {
                return Err(Refusal::of(Code::Unsupported).at(self.leg));
            }
            Want::Other(Meeting::Call { .. }) => self.at = LegStage::ReadyToCall,
        }
        Ok(())
    }

    /// Returns the state for the user agent once the leg listens or may connect.
    pub(super) const fn state(&self) -> Option<LegState> {
        match (&self.at, &self.want) {
            (LegStage::Listening(_, at), _) => Some(LegState::Listening(*at)),
            (LegStage::Ready(_), Want::Server(Leg::Dial(to))) => Some(LegState::Dialing(*to)),
            (LegStage::Awaiting(_) | LegStage::ReadyToCall, _) => Some(LegState::Meeting),
            (
                LegStage::Idle
                | LegStage::Opening(_)
                | LegStage::Ready(_)
                | LegStage::Dialing(_)
                | LegStage::Calling(_)
                | LegStage::Up(..),
                _,
            ) => None,
        }
    }

    /// Connects, if this leg connects.
    pub(super) fn connect(&mut self, out: &mut Outbox) {
        match (&self.at, &self.want) {
            (LegStage::Ready(from), Want::Server(Leg::Dial(to))) => {
                let (from, to) = (*from, self.located(*to));
                let ticket = out.ticket(self.join);
                self.at = LegStage::Dialing(ticket);
                out.ask(Ask::Dial { ticket, from, to, work: Work::Join });
            }
            (LegStage::ReadyToCall, Want::Other(Meeting::Call { agent, secret })) => {
                let (agent, secret) = (agent.as_str().to_owned(), secret.clone());
                let ticket = out.ticket(self.join);
                self.at = LegStage::Calling(ticket);
                out.ask(Ask::Call { ticket, agent, secret });
            }
            _ => {}
        }
    }

    /// Returns the connection and its peer once the leg is connected.
    pub(super) const fn up(&self) -> Option<(ConnId, Option<SocketAddr>)> {
        if let LegStage::Up(conn, peer) = self.at { Some((conn, peer)) } else { None }
    }

    pub(super) const fn asked(&self, ticket: Ticket) -> bool {
        match self.at {
            LegStage::Opening(own)
            | LegStage::Listening(own, _)
            | LegStage::Dialing(own)
            | LegStage::Awaiting(own)
            | LegStage::Calling(own) => own.0 == ticket.0,
            LegStage::Idle | LegStage::Ready(_) | LegStage::ReadyToCall | LegStage::Up(..) => false,
        }
    }

    /// Takes the answer to a question of this leg.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut Outbox) -> Result<(), Refusal> {
        match (&self.at, answer) {
            (LegStage::Opening(_), Answer::Listening(at)) => self.at = LegStage::Listening(ticket, at),
            (LegStage::Dialing(_), Answer::Connected { conn, local }) => {
                out.forget(ticket);
                self.stands(conn, local, self.peer(), out);
            }
            (LegStage::Calling(_), Answer::Called { conn, direct }) => {
                out.forget(ticket);
                self.met(conn, direct, out);
            }
            (
                LegStage::Opening(_) | LegStage::Dialing(_) | LegStage::Awaiting(_) | LegStage::Calling(_),
                Answer::Failed(code, text),
            ) => {
                out.forget(ticket);
                self.at = LegStage::Idle;
                return Err(Refusal::of(code).at(self.leg).with_text(text));
            }
            (_, answer) => out.unwanted(&answer),
        }
        Ok(())
    }

    /// Takes a connection that the listener accepted.
    pub(super) fn arrived(
        &mut self,
        Arrival { conn, local, from, is_own }: Arrival,
        limit: Option<u16>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (LegStage::Listening(ticket, _), Want::Server(Leg::Listen(pin))) = (&self.at, &self.want) else {
            out.reset(conn);
            return Ok(());
        };
        let (ticket, pin) = (*ticket, *pin);
        let host = self.elsewhere(pin.ip).unwrap_or(pin.ip);
        let is_pinned =
            unmapped(from.ip()) == unmapped(host) && pin.port.is_none_or(|port| port == from.port());
        if is_pinned && !is_own {
            // This is the expected peer. Later connections are reset.
            out.ask(Ask::Unlisten(ticket));
            out.forget(ticket);
            self.stands(conn, local, Some(from), out);
            return Ok(());
        }
        out.reset(conn);
        self.strangers = self.strangers.saturating_add(1);
        if self.strangers <= MAX_REPORTED {
            out.send(FromAgent::Stranger { join: self.join, leg: self.leg, peer: from });
            out.event(Event::Stranger { join: self.join, leg: self.leg, from });
        }
        let too_many = limit.is_some_and(|limit| self.strangers >= limit);
        if too_many { Err(Refusal::of(Code::Strangers).at(self.leg)) } else { Ok(()) }
    }

    /// Takes the link that has proven the secret.
    pub(super) fn attached(&mut self, (conn, direct): AttachedLink, out: &mut Outbox) {
        if let LegStage::Awaiting(ticket) = self.at {
            out.forget(ticket);
            self.met(conn, direct, out);
        } else {
            out.reset(conn);
        }
    }

    /// Gives up whatever the leg has.
    pub(super) fn give_up(&mut self, out: &mut Outbox) {
        match std::mem::replace(&mut self.at, LegStage::Idle) {
            LegStage::Opening(ticket) | LegStage::Listening(ticket, _) => {
                out.ask(Ask::Unlisten(ticket));
                out.forget(ticket);
            }
            LegStage::Dialing(ticket) | LegStage::Calling(ticket) => {
                out.ask(Ask::Cancel(ticket));
                out.forget(ticket);
            }
            LegStage::Awaiting(ticket) => {
                out.ask(Ask::Unexpect(ticket));
                out.forget(ticket);
            }
            LegStage::Up(conn, _) => out.reset(conn),
            LegStage::Idle | LegStage::Ready(_) | LegStage::ReadyToCall => {}
        }
    }

    /// The other agent is there: through the hub, or directly.
    fn met(&mut self, conn: ConnId, direct: Option<(SocketAddr, SocketAddr)>, out: &mut Outbox) {
        match direct {
            Some((local, peer)) => self.stands(conn, local, Some(peer), out),
            None => self.at = LegStage::Up(conn, None),
        }
    }

    fn peer(&self) -> Option<SocketAddr> {
        if let Want::Server(Leg::Dial(to)) = &self.want { Some(self.located(*to)) } else { None }
    }

    fn stands(&mut self, conn: ConnId, local: SocketAddr, peer: Option<SocketAddr>, out: &mut Outbox) {
        self.at = LegStage::Up(conn, peer);
        let (join, leg, strangers) = (self.join, self.leg, self.strangers);
        if let Some(peer) = peer.map(|peer| self.as_named(peer)) {
            out.send(FromAgent::LegUp { join, leg, local, peer, strangers });
        }
    }
}

/// How many connections from other hosts are reported for one leg. More are only counted.
const MAX_REPORTED: u16 = 8;
