//! Data connections and listeners.

use super::random::Random;
use super::scenario::{Manners, Target, Trouble};
use super::world::{Event, World};
use ftp_proto::server::ask::{Answer, ConnId, Ending, Input, Ticket};
use ftp_proto::third_party::Side;
use ftp_proto::timer::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// All data connections and listeners.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) conns: Vec<[End; 2]>,
    pub(super) listeners: BTreeMap<SocketAddr, (Side, Ticket)>,
    /// Nothing sent arrives before.
    pub(super) stalled_until: Moment,
    /// Nothing sent arrives any more.
    pub(super) dead: bool,
    /// Segments that have passed.
    pub(super) segments: u32,
    lost_octet: bool,
}

/// One end of a data connection.
#[derive(Debug)]
pub(super) struct End {
    pub(super) owner: Owner,
    pub(super) address: SocketAddr,
    /// What has arrived and is not read yet.
    pub(super) inbox: VecDeque<u8>,
    /// How the other end has ended it, as far as is known here.
    pub(super) over: Option<Ending>,
    /// This end has closed it.
    pub(super) shut: bool,
    /// At most so many octets are asked for.
    pub(super) reading: Option<usize>,
    /// A move uses it.
    pub(super) moving: Option<Ticket>,
    /// Octets that ever arrived.
    pub(super) heard: usize,
    last_arrival: Moment,
}

/// Whose end it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Server(Side, ConnId),
    Stranger(Manners),
}

/// A SYN on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) side: Side,
    pub(super) ticket: Ticket,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

impl End {
    pub(super) fn new(owner: Owner, address: SocketAddr) -> Self {
        Self {
            owner,
            address,
            inbox: VecDeque::new(),
            over: None,
            shut: false,
            reading: None,
            moving: None,
            heard: 0,
            last_arrival: Moment::START,
        }
    }
}

impl Wire {
    /// The most octets that one stranger received.
    pub(super) fn strangers_heard(&self) -> usize {
        let strangers = self.conns.iter().flatten().filter(|end| matches!(end.owner, Owner::Stranger(_)));
        strangers.map(|end| end.heard).max().unwrap_or(0)
    }

    pub(super) fn end(&self, conn: usize, end: usize) -> &End {
        &self.conns[conn][end]
    }

    pub(super) fn end_mut(&mut self, conn: usize, end: usize) -> &mut End {
        &mut self.conns[conn][end]
    }

    /// Open ends of that server's data connections.
    pub(super) fn open_ends(&self, side: Side) -> Vec<(usize, usize)> {
        let ends = self
            .conns
            .iter()
            .enumerate()
            .flat_map(|(conn, ends)| ends.iter().enumerate().map(move |(end, of)| (conn, end, of)));
        ends.filter(|(_, _, of)| !of.shut && matches!(of.owner, Owner::Server(owner, _) if owner == side))
            .map(|(conn, end, _)| (conn, end))
            .collect()
    }
}

impl World {
    /// A server's SYN leaves.
    pub(super) fn connect(&mut self, attempt: Attempt) {
        let data = self.scenario.delays.data;
        // TIME_WAIT on the announced port, now and then: the same port again, later (extensions).
        if self.random.once_in(12) {
            let answer = Answer::Failed("address in use".to_owned());
            return self.schedule(self.now, Event::Answer(attempt.side, attempt.ticket, answer));
        }
        let unanswered = self.has(Trouble::Unanswered) || self.wire.dead;
        let dead_host = self.has(Trouble::Bounce(Target::Dead)) && attempt.to == self.stranger_address();
        if unanswered || dead_host {
            // What a kernel says in the end.
            let at = self.now + Duration::from_secs(130);
            let answer = Answer::Failed("timed out".to_owned());
            return self.schedule(at, Event::Answer(attempt.side, attempt.ticket, answer));
        }
        let at = (self.now + self.random.time(data)).max(self.wire.stalled_until);
        self.schedule(at, Event::Syn(attempt));
    }

    pub(super) fn syn_arrives(&mut self, attempt: Attempt) {
        let back = self.now + self.random.time(self.scenario.delays.data);
        let listener = self.wire.listeners.get(&attempt.to).copied();
        let acceptor = match (listener, self.bounce_target()) {
            (Some((side, ticket)), _) if !self.has(Trouble::Refused) => {
                Some((self.new_conn(side), Some(ticket)))
            }
            (_, Some(Target::Listener(manners))) if attempt.to == self.stranger_address() => {
                Some((Owner::Stranger(manners), None))
            }
            _ => None,
        };
        let Some((owner, listener)) = acceptor else {
            let answer = Answer::Failed("connection refused".to_owned());
            return self.schedule(back, Event::Answer(attempt.side, attempt.ticket, answer));
        };
        let connector = self.new_conn(attempt.side);
        let conn = self.wire.conns.len();
        self.wire.conns.push([End::new(connector, attempt.from), End::new(owner, attempt.to)]);
        // Nothing overtakes the SYN's answer.
        self.wire.end_mut(conn, 0).last_arrival = back;
        if let Owner::Server(side, id) = connector {
            self.hosts.at_mut(side).conns.insert(id, (conn, 0));
            self.schedule(back, Event::Connected(side, attempt.ticket, id));
        }
        self.accepted(conn, owner, listener, attempt.from);
    }

    /// The passive end of a new connection learns of it.
    pub(super) fn accepted(&mut self, conn: usize, owner: Owner, listener: Option<Ticket>, from: SocketAddr) {
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

    pub(super) fn new_conn(&mut self, side: Side) -> Owner {
        let host = self.hosts.at_mut(side);
        host.next_conn += 1;
        Owner::Server(side, ConnId(host.next_conn))
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

    /// Octets leave one end for the other.
    pub(super) fn send_data(&mut self, conn: usize, end: usize, mut octets: Vec<u8>) {
        if self.scenario.sabotage == Some(super::scenario::Sabotage::LoseOctet)
            && self.wire.end(conn, end).moving.is_some()
            && !std::mem::replace(&mut self.wire.lost_octet, true)
        {
            octets.pop();
        }
        if !octets.is_empty() {
            self.carry_data(conn, 1 - end, Ok(octets));
        }
    }

    /// One end closes. Octets that it has not read turn FIN into RST, as TCP has it.
    pub(super) fn close_end(&mut self, conn: usize, end: usize, how: Ending) {
        let this = self.wire.end_mut(conn, end);
        if std::mem::replace(&mut this.shut, true) {
            return;
        }
        let unread = !std::mem::take(&mut this.inbox).is_empty();
        this.reading = None;
        let how = if unread { Ending::Reset } else { how };
        self.carry_data(conn, 1 - end, Err(how));
    }

    fn carry_data(&mut self, conn: usize, to: usize, what: Result<Vec<u8>, Ending>) {
        if self.wire.dead {
            return;
        }
        let late = (self.now + self.random.time(self.scenario.delays.data)).max(self.wire.stalled_until);
        let end = self.wire.end_mut(conn, to);
        let at = late.max(end.last_arrival + Duration::from_nanos(1));
        end.last_arrival = at;
        self.schedule(at, Event::Data { conn, end: to, what });
        self.segment_passed();
    }

    pub(super) fn data_arrives(&mut self, conn: usize, end: usize, what: Result<Vec<u8>, Ending>) {
        let this = self.wire.end_mut(conn, end);
        match what {
            Ok(octets) if this.shut => {
                drop(octets);
                // Nobody is there any more.
                return self.carry_data(conn, 1 - end, Err(Ending::Reset));
            }
            Err(_) if this.shut => return,
            Ok(_) if this.over.is_some() => {}
            Ok(octets) => {
                this.heard += octets.len();
                this.inbox.extend(octets);
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
                    return self.pump(side, ticket);
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
                    let octets = take(&mut self.random, &mut this.inbox, most);
                    self.server_input(side, Input::Data { conn: id, octets: &octets });
                }
            }
        }
    }

    /// A fault: every open data connection is reset at both ends.
    pub(super) fn reset_data(&mut self) {
        for conn in 0..self.wire.conns.len() {
            for end in 0..2 {
                if !self.wire.end(conn, end).shut {
                    self.schedule(self.now, Event::Data { conn, end, what: Err(Ending::Reset) });
                }
            }
        }
    }
}

/// Takes at most `most` octets, sometimes fewer, never none.
fn take(random: &mut Random, inbox: &mut VecDeque<u8>, most: usize) -> Vec<u8> {
    let count = if random.once_in(4) { 1 + random.length(most - 1) } else { most };
    inbox.drain(..count).collect()
}
