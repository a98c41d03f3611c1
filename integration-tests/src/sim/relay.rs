//! The relay: its agent's machine, the user agent's session with it, and all that both hold.

use super::link::Link;
use super::place::{address, relay_address, user_address};
use super::scenario::Scenario;
use super::wire::Place;
use super::{Pair, SIDES};
use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::{self, Config, ConnId, Limits, Ticket};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{self, Id, Text};
use ftp_proto::relay::token::Secret32;
use ftp_proto::relay::user;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The relay, and the user agent's session with it.
pub(super) struct Relay {
    pub(super) address: IpAddr,
    pub(super) agent: agent::Session,
    pub(super) agent_wake: Option<Moment>,
    /// The agent's machine has said Close.
    pub(super) closed: bool,
    /// Its process has died.
    pub(super) crashed: bool,
    pub(super) session: user::Session,
    pub(super) session_wake: Option<Moment>,
    /// The user agent's session is over.
    pub(super) over: bool,
    pub(super) link: Link,
    pub(super) tunnels: Pair<Tunnel>,
    /// The links that may attach, each with the secret that it proves.
    pub(super) expected: Vec<(Ticket, Secret32)>,
    /// The join of the attempt under way.
    pub(super) join: Option<Id>,
    pub(super) listeners: BTreeMap<Ticket, SocketAddr>,
    pub(super) cancelled: BTreeSet<Ticket>,
    pub(super) dialing: BTreeSet<Ticket>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    pub(super) joins: BTreeMap<Ticket, Join>,
    /// How many tunnels and joins are over of which the agent is about to be told.
    pub(super) ending: usize,
    next_conn: u64,
    next_port: u16,
}

/// The tunnel that carries a control connection.
#[derive(Debug, Default)]
pub(super) struct Tunnel {
    pub(super) id: Option<Id>,
    /// The join of both its connections.
    pub(super) join: Option<Ticket>,
    /// Bytes passed from the user agent to the server.
    pub(super) to_server: u64,
    /// Bytes passed from the server to the user agent.
    pub(super) to_user: u64,
    /// The question that the server's greeting answers.
    pub(super) greeting: Option<Ticket>,
    /// What the server has said before the user agent's link attached.
    pub(super) early: Vec<u8>,
}

/// A connection of the relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Conn {
    /// The control connection with that server, or the user agent's link that carries it.
    Control(Side),
    /// A data connection.
    Data(Place),
}

/// Two data connections that the relay has joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Join {
    pub(super) legs: [Place; 2],
    /// Bytes passed on from each leg to the other.
    pub(super) passed: [u64; 2],
    /// The end of each leg was passed on.
    pub(super) ended: [bool; 2],
}

impl Relay {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let here = relay_address(scenario.v6);
        let allowed = |side| address(side, scenario.v6).to_string().parse().expect("a target");
        let user = user_address(scenario);
        let config = Config {
            rules: Rules { relay: SIDES.map(allowed).to_vec(), ..Rules::default() },
            listen: vec![here],
            peer: user,
            local: here,
            date: None,
            expires: None,
            meets: false,
            limits: Limits::USUAL,
        };
        let welcome = Welcome {
            version: 1,
            build: Text::of("simulated"),
            seen_as: SocketAddr::new(user, 50_000),
            ping_ms: 15_000,
            dead_ms: 45_000,
            mac: [0; 32],
        };
        Self {
            address: here,
            agent: agent::Session::new(scenario.start(), config),
            agent_wake: None,
            closed: false,
            crashed: false,
            session: user::Session::new(scenario.start(), &welcome, "simulated", "simulated"),
            session_wake: None,
            over: false,
            link: Link::default(),
            tunnels: Pair::of(|_| Tunnel::default()),
            expected: Vec::new(),
            join: None,
            listeners: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            dialing: BTreeSet::new(),
            conns: BTreeMap::new(),
            joins: BTreeMap::new(),
            next_conn: 0,
            ending: 0,
            next_port: 30_000,
        }
    }

    /// Whether the agent's machine runs no more.
    pub(super) const fn is_gone(&self) -> bool {
        self.closed || self.crashed
    }

    pub(super) fn agent_deadline(&self) -> Option<Moment> {
        self.agent_wake.filter(|_| !self.is_gone())
    }

    pub(super) fn session_deadline(&self) -> Option<Moment> {
        self.session_wake.filter(|_| !self.over)
    }

    pub(super) const fn new_conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    /// A port that the relay has not listened on yet.
    pub(super) const fn new_port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    /// A question is cancelled; its answer may come all the same.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        for side in SIDES {
            let greeting = &mut self.tunnels.at_mut(side).greeting;
            *greeting = greeting.filter(|asked| *asked != ticket);
        }
        self.cancelled.insert(ticket);
        self.dialing.remove(&ticket);
    }

    /// The tunnel whose two connections were joined under this ticket.
    pub(super) fn tunnel_of(&self, join: Ticket) -> Option<Side> {
        SIDES.into_iter().find(|side| self.tunnels.at(*side).join == Some(join))
    }

    /// The join that a data connection belongs to.
    pub(super) fn join_of(&self, leg: Place) -> Option<Ticket> {
        self.joins.iter().find(|(_, join)| join.legs.contains(&leg)).map(|(ticket, _)| *ticket)
    }

    /// The leg to which the bytes of this one are passed on.
    pub(super) fn other_leg(&self, leg: Place) -> Option<Place> {
        let join = self.joins.get(&self.join_of(leg)?)?;
        join.legs.into_iter().find(|other| *other != leg)
    }

    /// What the agent still holds although nothing is joined there but the control connections.
    pub(super) fn leftovers(&self) -> Vec<&'static str> {
        let held = [
            (!self.listeners.is_empty(), "a listener"),
            (!self.dialing.is_empty(), "an attempt to connect"),
            (!self.joins.is_empty(), "a join"),
            (!self.expected.is_empty(), "an expected link"),
        ];
        held.into_iter().filter(|(held, _)| *held).map(|(_, what)| what).collect()
    }
}

/// The leg of each side: leg A has the source, leg B the destination.
pub(super) const fn side_of(leg: message::LegId) -> Side {
    match leg {
        message::LegId::A => Side::Source,
        message::LegId::B => Side::Destination,
    }
}
