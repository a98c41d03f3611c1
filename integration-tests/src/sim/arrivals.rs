//! What arrives on the network: connections, their ends, and what they carry.

use super::random::Random;
use super::scenario::{Obstacle, Target};
use super::wire::{End, Owner, Syn};
use super::world::{Event, World};
use ftp_proto::server::ask::{Answer, ConnId, Ending, Input, Ticket};
use ftp_proto::third_party::Side;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

impl World {
    pub(super) fn syn_arrives(&mut self, syn: Syn) {
        let back = self.now + self.random.time(self.scenario.delays.data);
        let listener = self.wire.listeners.get(&syn.to).copied();
        let acceptor = match (listener, self.bounce_target()) {
            (Some((side, ticket)), _) if !self.has(Obstacle::Refused) => {
                Some((self.new_conn(side), Some(ticket)))
            }
            (_, Some(Target::Listener(manners))) if syn.to == self.stranger_address() => {
                Some((Owner::Stranger(manners), None))
            }
            _ => None,
        };
        let Some((owner, listener)) = acceptor else {
            let answer = Answer::Failed("connection refused".to_owned());
            return self.schedule(back, Event::Answer(syn.side, syn.ticket, answer));
        };
        let connector = self.new_conn(syn.side);
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(connector, syn.from), End::new(owner, syn.to)]);
        // Nothing overtakes the SYN's answer.
        self.wire.end_mut(conn, 0).last_arrival = back;
        if let Owner::Server(side, id) = connector {
            self.hosts.at_mut(side).conns.insert(id, (conn, 0));
            self.schedule(back, Event::Connected(side, syn.ticket, id));
        }
        self.accepted(conn, owner, listener, syn.from);
    }

    /// The connecting machine is told, unless it has given up.
    pub(super) fn connected(&mut self, side: Side, ticket: Ticket, id: ConnId) {
        let Some(&(conn, end)) = self.hosts.at(side).conns.get(&id) else { return };
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
            Owner::Server(side, id) => {
                if let Some(ticket) = this.moving {
                    return self.go_on(side, ticket);
                }
                let Some(limit) = this.reading else { return };
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

    /// A move goes on, after its machine has heard that the file is open.
    pub(super) fn go_on(&mut self, side: Side, ticket: Ticket) {
        if self.pump(side, ticket) {
            self.server_input(side, Input::Answer(ticket, Answer::Started));
            self.schedule(self.now, Event::Pump(side, ticket));
        }
    }

    pub(super) fn stranger_comes(&mut self, number: usize, at: SocketAddr) {
        let Some(&(side, listener)) = self.wire.listeners.get(&at) else { return };
        let stranger = self.scenario.strangers[number];
        let host: IpAddr =
            if stranger.at_peer { self.address(side.other()) } else { self.stranger_address().ip() };
        let port = u16::try_from(20_000 + self.random.below(10_000)).unwrap_or(20_000);
        let from = SocketAddr::new(host, port);
        let owner = self.new_conn(side);
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(Owner::Stranger(stranger.manners), from), End::new(owner, at)]);
        self.accepted(conn, owner, Some(listener), from);
        self.stranger_begins(conn, 0, stranger.manners);
    }

    /// The passive end of a new connection learns of it.
    fn accepted(&mut self, conn: usize, owner: Owner, listener: Option<Ticket>, from: SocketAddr) {
        match (owner, listener) {
            (Owner::Server(side, id), Some(listener)) => {
                self.hosts.at_mut(side).conns.insert(id, (conn, 1));
                self.say(side, format!("   accepted {from}"));
                self.server_input(side, Input::Arrived { listener, conn: id, from });
            }
            (Owner::Stranger(manners), _) => self.stranger_begins(conn, 1, manners),
            (Owner::Server(..), None) => {}
        }
    }
}

/// Takes at most `most` bytes, sometimes fewer, never none.
fn take(random: &mut Random, inbox: &mut VecDeque<u8>, most: usize) -> Vec<u8> {
    let count = if random.once_in(4) { 1 + random.length(most - 1) } else { most };
    inbox.drain(..count).collect()
}
