//! Data connections and listeners: who holds which end, and what has arrived there.

use super::scenario::Manners;
use ftp_proto::relay::agent;
use ftp_proto::server::ask::{ConnId, DataTls, Ending, Ticket};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// All data connections and listeners.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) conns: Vec<[End; 2]>,
    pub(super) listeners: BTreeMap<SocketAddr, Listener>,
    /// Nothing sent arrives before.
    pub(super) stalled_until: Moment,
    /// Nothing sent arrives any more.
    pub(super) dead: bool,
    /// Segments that have passed.
    pub(super) segments: u32,
    pub(super) lost_byte: bool,
    /// The SYNs under way.
    pub(super) flying: Vec<Syn>,
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
    /// At most so many bytes are asked for.
    pub(super) reading: Option<usize>,
    /// How far TLS is.
    pub(super) tls: EndTls,
    /// A move uses it.
    pub(super) moving: Option<Ticket>,
    /// Bytes that ever arrived.
    pub(super) heard: usize,
    pub(super) last_arrival: Moment,
}

/// How far TLS is at one end of a data connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum EndTls {
    /// It has not begun.
    #[default]
    Clear,
    /// The server has begun, and waits for the other end.
    Begun(Ticket, DataTls),
    /// Both ends have shaken hands.
    Private,
    /// It could not begin.
    Failed,
}

/// Whose end it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Server(Side, ConnId),
    Relay(agent::ConnId),
    /// The user agent, for its data connection with that server.
    User(Side),
    Stranger(Manners),
}

/// Who listens, and under which ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listener {
    Server(Side, Ticket),
    Relay(agent::Ticket),
    /// The user agent, for that server, in the attempt of that number.
    User(Side, usize),
}

/// Who connects, and under which ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    Server(Side, Ticket),
    Relay(agent::Ticket),
    /// The user agent, to that server, in the attempt of that number.
    User(Side, usize),
}

/// One end of a data connection: the number of the connection, and of its end.
pub(super) type Place = (usize, usize);

/// A SYN on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Syn {
    pub(super) by: Caller,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// What a SYN meets.
#[derive(Clone, Copy, Debug)]
pub(super) enum SynOutcome {
    /// Nothing: it reaches the port that it aims at.
    Nothing,
    /// It was answered before, by a SYN that crossed it.
    Itself,
    /// A connection between the same two ports.
    Connection,
    /// A SYN that comes the other way.
    Syn(Syn),
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
            tls: EndTls::default(),
            moving: None,
            heard: 0,
            last_arrival: Moment::START,
        }
    }
}

impl Owner {
    /// Whether that server has the end.
    pub(super) fn is_server(self, side: Side) -> bool {
        matches!(self, Self::Server(owner, _) if owner == side)
    }
}

impl Wire {
    /// The most bytes that one stranger received.
    pub(super) fn strangers_heard(&self) -> usize {
        let strangers = self.conns.iter().flatten().filter(|end| matches!(end.owner, Owner::Stranger(_)));
        strangers.map(|end| end.heard).max().unwrap_or(0)
    }

    /// What a SYN meets on its way. It is under way no more.
    pub(super) fn meets(&mut self, syn: Syn, blind: bool) -> SynOutcome {
        let Some(at) = self.flying.iter().position(|flying| *flying == syn) else {
            return SynOutcome::Itself;
        };
        self.flying.swap_remove(at);
        // The other hosts' kernels choose their ports.
        if blind || !matches!(syn.by, Caller::Server(..)) {
            return SynOutcome::Nothing;
        }
        let opposite = |other: &Syn| other.from == syn.to && other.to == syn.from;
        if let Some(at) = self.flying.iter().position(opposite) {
            return SynOutcome::Syn(self.flying.swap_remove(at));
        }
        let is_this = |ends: &[End; 2]| {
            let [one, other] = ends.each_ref().map(|end| end.address);
            let open = ends.iter().any(|end| !end.shut && end.over.is_none());
            open && ((one, other) == (syn.from, syn.to) || (other, one) == (syn.from, syn.to))
        };
        if self.conns.iter().any(is_this) { SynOutcome::Connection } else { SynOutcome::Nothing }
    }

    /// The listeners that are meant are gone.
    pub(super) fn stop_listening(&mut self, meant: impl Fn(Listener) -> bool) {
        self.listeners.retain(|_, listener| !meant(*listener));
    }

    /// Who has the end at the other end of a connection.
    pub(super) fn peer(&self, (conn, end): Place) -> Owner {
        self.end(conn, 1 - end).owner
    }

    pub(super) fn end(&self, conn: usize, end: usize) -> &End {
        &self.conns[conn][end]
    }

    pub(super) fn end_mut(&mut self, conn: usize, end: usize) -> &mut End {
        &mut self.conns[conn][end]
    }

    /// Open ends of data connections whose owner is meant.
    pub(super) fn open_ends(&self, meant: impl Fn(Owner) -> bool) -> Vec<Place> {
        let ends = self
            .conns
            .iter()
            .enumerate()
            .flat_map(|(conn, ends)| ends.iter().enumerate().map(move |(end, of)| (conn, end, of)));
        ends.filter(|(_, _, of)| !of.shut && meant(of.owner)).map(|(conn, end, _)| (conn, end)).collect()
    }
}

/// Takes the first `count` bytes, as a whole: byte by byte, a build without optimisation spends most of a run here.
pub(super) fn front(inbox: &mut VecDeque<u8>, count: usize) -> Vec<u8> {
    let behind = inbox.split_off(count);
    Vec::from(std::mem::replace(inbox, behind))
}
