//! What arrives on the network: connections, their ends, and what they carry.

use super::SIDES;
use super::place::relay_address;
use super::random::Random;
use super::scenario::{Obstacle, Path, Sabotage, Target};
use super::wire::{Caller, End, EndTls, Listener, Owner, Place, Syn, SynOutcome, front};
use super::world::{Event, World};
use ftp_proto::relay::agent;
use ftp_proto::server::ask::{Answer, ConnId, Ending, Input, Ticket};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

impl World {
    pub(super) fn syn_arrives(&mut self, syn: Syn) {
        let back = self.now + self.random.time(self.scenario.delays.data);
        match self.wire.meets(syn, self.scenario.sabotage == Some(Sabotage::CrossTwice)) {
            SynOutcome::Nothing => {}
            SynOutcome::Itself => return,
            SynOutcome::Connection => return self.connect_fails(back, syn.by, "address in use"),
            SynOutcome::Syn(other) if self.is_given_up(other) => {}
            SynOutcome::Syn(other) => return self.syns_cross(syn, other, back),
        }
        let listener = self.wire.listeners.get(&syn.to).copied();
        let acceptor = match (listener, self.stands_at(syn.to)) {
            (Some(listener), _) if !self.has(Obstacle::Refused) => {
                Some((self.new_end_of(listener), Some(listener)))
            }
            (_, Some(Target::Listener(manners))) => Some((Owner::Stranger(manners), None)),
            _ => None,
        };
        let Some((owner, listener)) = acceptor else {
            return self.connect_fails(back, syn.by, "connection refused");
        };
        let connector = match syn.by {
            Caller::Server(side, _) => self.new_conn(side),
            Caller::Relay(_) => self.new_relay_conn(),
            Caller::User(side, _) => Owner::User(side),
        };
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(connector, syn.from), End::new(owner, syn.to)]);
        // Nothing overtakes the SYN's answer.
        self.wire.end_mut(conn, 0).last_arrival = back;
        self.remember(connector, (conn, 0));
        self.schedule(back, Event::Connected(syn.by, (conn, 0)));
        if let (Caller::Server(side, attempt), Owner::Stranger(_)) = (syn.by, owner) {
            self.victim_connected(side, attempt, conn);
            if self.scenario.sabotage == Some(Sabotage::ConnectTwice) {
                self.victim_connected(side, attempt, conn);
            }
        }
        self.accepted(conn, owner, listener, syn.from);
    }

    /// Whether whoever connects has given that up.
    fn is_given_up(&self, syn: Syn) -> bool {
        matches!(syn.by, Caller::Server(side, ticket) if self.hosts.at(side).cancelled.contains(&ticket))
    }

    /// Two servers connect to each other at the same time, each from the port that the other one connects to: both
    /// SYNs make one connection (RFC 9293 3.5).
    fn syns_cross(&mut self, one: Syn, other: Syn, back: Moment) {
        let conn = self.wire.conns.len();
        let ends = [one, other].map(|syn| match syn.by {
            Caller::Server(side, _) => End::new(self.new_conn(side), syn.from),
            Caller::Relay(_) | Caller::User(..) => {
                unreachable!("only servers connect from a port of their own")
            }
        });
        let owners = [ends[0].owner, ends[1].owner];
        self.wire.conns.push(ends);
        for (end, (owner, syn)) in owners.into_iter().zip([one, other]).enumerate() {
            self.wire.end_mut(conn, end).last_arrival = back;
            self.remember(owner, (conn, end));
            self.schedule(back, Event::Connected(syn.by, (conn, end)));
        }
    }

    /// The connecting machine is told, unless it has given up.
    pub(super) fn connected(&mut self, by: Caller, (conn, end): Place) {
        match (by, self.wire.end(conn, end).owner) {
            (Caller::Server(side, ticket), Owner::Server(_, id)) => {
                self.server_connected(side, ticket, id, (conn, end));
            }
            (Caller::Relay(ticket), Owner::Relay(id)) => self.relay_connected(ticket, id, (conn, end)),
            (Caller::User(side, attempt), Owner::User(_)) => self.user_connected(side, attempt, conn),
            (by, owner) => unreachable!("{by:?} connects and {owner:?} is connected"),
        }
    }

    fn server_connected(&mut self, side: Side, ticket: Ticket, id: ConnId, (conn, end): Place) {
        let host = self.hosts.at_mut(side);
        if host.is_gone() || host.cancelled.contains(&ticket) {
            return self.close_end(conn, end, Ending::Reset);
        }
        host.connecting.remove(&ticket);
        let to = self.wire.end(conn, 1 - end).address;
        self.say(side, format!("   connected to {to}"));
        self.server_input(side, Input::Answer(ticket, Answer::Connected { conn: id }));
    }

    pub(super) fn data_arrives(&mut self, conn: usize, end: usize, what: Result<Vec<u8>, Ending>) {
        if let (Ok(bytes), Owner::Stranger(_)) = (&what, self.wire.end(conn, end).owner) {
            self.victim_hears(conn, bytes.len());
        }
        let this = self.wire.end_mut(conn, end);
        match what {
            Ok(bytes) if this.shut => {
                drop(bytes);
                // Nobody is there any more.
                return self.carry_data(conn, 1 - end, Err(Ending::Reset));
            }
            Err(_) if this.shut => return,
            Ok(_) if this.over.is_some() => {}
            Ok(bytes) => {
                this.heard += bytes.len();
                this.inbox.extend(bytes);
            }
            Err(Ending::Reset) => {
                this.inbox.clear();
                this.over = Some(Ending::Reset);
            }
            Err(Ending::Close) => {
                this.over.get_or_insert(Ending::Close);
            }
        }
        self.serve(conn, end);
    }

    /// Whoever waits at this end gets what is there.
    pub(super) fn serve(&mut self, conn: usize, end: usize) {
        let this = self.wire.end_mut(conn, end);
        match this.owner {
            Owner::Stranger(manners) => self.stranger_hears(conn, end, manners),
            Owner::Relay(id) => self.relay_serves(id),
            Owner::User(_) => self.copy_on(),
            Owner::Server(..) if matches!(this.tls, EndTls::Begun(..)) => self.shake_hands(conn),
            Owner::Server(side, id) => {
                if let Some(ticket) = this.moving {
                    return self.go_on(side, ticket);
                }
                let Some(limit) = this.reading else { return self.kept_may_be_over(side, id, (conn, end)) };
                if this.inbox.is_empty() {
                    if this.over.is_some() {
                        this.reading = None;
                        self.server_input(side, Input::Lost(id));
                    }
                } else {
                    this.reading = None;
                    let most = limit.min(this.inbox.len());
                    let bytes = take(&mut self.random, &mut this.inbox, most);
                    self.server_input(side, Input::Data { conn: id, bytes: &bytes });
                }
            }
        }
    }

    /// A connection that is kept has ended, unless the next file has begun to come: nothing of it is read.
    fn kept_may_be_over(&mut self, side: Side, id: ConnId, (conn, end): Place) {
        let this = self.wire.end(conn, end);
        let is_over = this.over.is_some() && this.inbox.is_empty();
        if is_over && self.hosts.at_mut(side).kept.remove(&id) {
            self.server_input(side, Input::Lost(id));
        }
    }

    /// A move goes on, after its machine has heard that the file is open.
    pub(super) fn go_on(&mut self, side: Side, ticket: Ticket) {
        if self.pump(side, ticket) {
            self.server_input(side, Input::Answer(ticket, Answer::Started));
            self.schedule(self.now, Event::Pump(side, ticket));
        }
    }

    pub(super) fn stranger_comes(&mut self, number: usize, at: SocketAddr) {
        let Some(&listener) = self.wire.listeners.get(&at) else { return };
        let stranger = self.scenario.strangers[number];
        let expected = match listener {
            Listener::Server(side, _) if stranger.at_peer => self.unproven_peer(side),
            Listener::Relay(_) if self.scenario.sabotage == Some(Sabotage::ForgeAddress) => {
                SIDES.into_iter().find(|side| self.scenario.is_active(*side)).map(|side| self.address(side))
            }
            Listener::Server(..) | Listener::Relay(_) | Listener::User(..) => None,
        };
        let host = expected.unwrap_or_else(|| self.stranger_address().ip());
        let port = u16::try_from(20_000 + self.random.below(10_000)).unwrap_or(20_000);
        let from = SocketAddr::new(host, port);
        let owner = self.new_end_of(listener);
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(Owner::Stranger(stranger.manners), from), End::new(owner, at)]);
        self.accepted(conn, owner, Some(listener), from);
        self.stranger_begins(conn, 0, stranger.manners);
    }

    /// The host at which a stranger may sit that pretends to be the peer of that server's listener: where
    /// the attempt demands a proof.
    fn unproven_peer(&self, side: Side) -> Option<IpAddr> {
        match self.scenario.path {
            Path::Direct => Some(self.address(side.other())),
            Path::Relayed(_) => Some(relay_address(self.scenario.v6)),
            Path::Through => None,
        }
    }

    fn new_end_of(&mut self, listener: Listener) -> Owner {
        match listener {
            Listener::Server(side, _) => self.new_conn(side),
            Listener::Relay(_) => self.new_relay_conn(),
            Listener::User(side, _) => Owner::User(side),
        }
    }

    /// The owner of an end can find it.
    fn remember(&mut self, owner: Owner, place: Place) {
        match owner {
            Owner::Server(side, id) => drop(self.hosts.at_mut(side).conns.insert(id, place)),
            Owner::Relay(id) => self.relay_remembers(id, place),
            Owner::User(_) | Owner::Stranger(_) => {}
        }
    }

    /// The passive end of a new connection learns of it.
    fn accepted(&mut self, conn: usize, owner: Owner, listener: Option<Listener>, from: SocketAddr) {
        self.remember(owner, (conn, 1));
        match (owner, listener) {
            (Owner::Server(side, id), Some(Listener::Server(_, listener))) => {
                self.say(side, format!("   accepted {from}"));
                self.server_input(side, Input::Arrived { listener, conn: id, from });
            }
            (Owner::Stranger(manners), _) => self.stranger_begins(conn, 1, manners),
            (Owner::Relay(id), Some(Listener::Relay(listener))) => {
                let local = self.wire.end(conn, 1).address;
                let arrival = agent::Arrival { conn: id, local, from, is_own: false };
                self.agent_input(agent::Input::Arrived { listener, arrival });
            }
            (Owner::User(side), Some(Listener::User(_, attempt))) => {
                self.user_accepts(side, attempt, conn, from);
            }
            (Owner::Server(..) | Owner::Relay(_) | Owner::User(_), _) => {}
        }
    }
}

/// Takes at most `most` bytes, sometimes fewer, never none.
fn take(random: &mut Random, inbox: &mut VecDeque<u8>, most: usize) -> Vec<u8> {
    let count = if random.once_in(4) { 1 + random.length(most - 1) } else { most };
    front(inbox, count)
}
