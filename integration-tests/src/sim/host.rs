//! What a server machine asks for, performed: the simulated counterpart of a real driver.

use super::disk::{Disk, Prepared};
use super::moving::Moving;
use super::place::{address, other_network, user_address};
use super::scenario::{Sabotage, Scenario, Trouble};
use super::wire::Attempt;
use super::world::{Event, World};
use ftp_proto::policy::{Foreign, Rules};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::server::ask::{Account, Answer, Ask, ConnId, Ending, Input, Output, Ticket};
use ftp_proto::server::{Config, Connection, Session, Timeouts};
use ftp_proto::third_party::Side;
use ftp_proto::timer::Moment;
use ftp_proto::wire::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What a user of the simulated servers says.
pub(super) const USER: &[u8] = b"anna";
pub(super) const PASSWORD: &[u8] = b"correct horse";

/// One server: its machine and all that it holds.
pub(super) struct Host {
    pub(super) address: IpAddr,
    session: Session,
    wake: Option<Moment>,
    /// The machine has said Close.
    closed: bool,
    /// The process has died.
    crashed: bool,
    policy: Foreign,
    reservations: BTreeMap<Ticket, u16>,
    listeners: BTreeMap<Ticket, SocketAddr>,
    pub(super) cancelled: BTreeSet<Ticket>,
    pub(super) connecting: BTreeSet<Ticket>,
    prepared: BTreeMap<Ticket, Prepared>,
    pub(super) moves: BTreeMap<Ticket, Moving>,
    pub(super) conns: BTreeMap<ConnId, (usize, usize)>,
    pub(super) next_conn: u64,
    permits: BTreeMap<Ticket, SocketAddr>,
    /// What RNDZ gave it last.
    pub(super) secret: Option<RendezvousSecret>,
    pub(super) disk: Disk,
}

impl Host {
    pub(super) fn new(side: Side, scenario: &Scenario, entropy: [u8; 32]) -> Self {
        let address = address(side, scenario.v6);
        let policy = *scenario.foreign.at(side);
        let networks = |net: &str| vec![net.parse().expect("a network")];
        let (foreign, foreign_networks) = match scenario.sabotage {
            Some(Sabotage::NoPolicy) => {
                (Foreign::Authenticated, networks(if scenario.v6 { "::/0" } else { "0.0.0.0/0" }))
            }
            _ => (policy, networks(&other_network(side, scenario.v6))),
        };
        let listed = foreign == Foreign::Authenticated;
        let config = Config {
            dialect: *scenario.dialect.at(side),
            rules: Rules {
                foreign,
                foreign_networks: listed.then_some(foreign_networks),
                ..Rules::default()
            },
            public_address: None,
            timeouts: Timeouts::default(),
            max_strangers: 1_000,
            max_held: 8,
            max_provers: 16,
            software: "simulated".to_owned(),
        };
        let connection = Connection {
            peer: SocketAddr::new(user_address(scenario), 50_000),
            local: SocketAddr::new(address, 21),
            entropy,
        };
        Self {
            address,
            session: Session::new(Arc::new(config), connection),
            wake: None,
            closed: false,
            crashed: false,
            policy: foreign,
            reservations: BTreeMap::new(),
            listeners: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            connecting: BTreeSet::new(),
            prepared: BTreeMap::new(),
            moves: BTreeMap::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            permits: BTreeMap::new(),
            secret: None,
            disk: Disk::default(),
        }
    }

    pub(super) const fn deadline(&self) -> Option<Moment> {
        if self.is_gone() { None } else { self.wake }
    }

    /// Whether the machine runs no more.
    pub(super) const fn is_gone(&self) -> bool {
        self.closed || self.crashed
    }

    pub(super) const fn has_crashed(&self) -> bool {
        self.crashed
    }

    /// What the machine still holds although it does nothing.
    pub(super) fn leftovers(&self) -> Vec<&'static str> {
        let mut left = Vec::new();
        let mut note = |held: bool, what| {
            if held {
                left.push(what);
            }
        };
        note(!self.listeners.is_empty(), "a listener");
        note(self.reservations.len() > 2, "more than two reserved ports");
        note(!self.connecting.is_empty(), "an attempt to connect");
        note(!self.prepared.is_empty(), "a prepared file");
        note(!self.moves.is_empty(), "a move");
        note(!self.permits.is_empty(), "a permit");
        left
    }
}

impl World {
    /// The control connection stands.
    pub(super) fn greet(&mut self, side: Side) {
        self.server_input(side, Input::Start);
    }

    pub(super) fn server_hears(&mut self, side: Side, piece: Option<Vec<u8>>) {
        match piece {
            Some(octets) => self.server_input(side, Input::Bytes(&octets)),
            None => {
                self.server_input(side, Input::Closed);
                // A24: what the session holds is released at once.
                if !self.hosts.at(side).is_gone() {
                    self.violation("A24: a server session goes on without its control connection".to_owned());
                }
            }
        }
    }

    /// The server is told to stop.
    pub(super) fn shut_down(&mut self, side: Side) {
        self.links.at_mut(side).harmed = true;
        self.server_input(side, Input::Shutdown);
    }

    pub(super) fn server_timeout(&mut self, side: Side) {
        self.server_input(side, Input::Timeout);
    }

    pub(super) fn server_input(&mut self, side: Side, input: Input<'_>) {
        let now = self.now;
        let host = self.hosts.at_mut(side);
        if host.is_gone() {
            return;
        }
        host.session.input(now, input);
        self.drain_server(side);
    }

    fn drain_server(&mut self, side: Side) {
        for _ in 0..1_000 {
            match self.hosts.at_mut(side).session.poll() {
                Output::Send(octets) => self.server_sends(side, octets),
                Output::Ask(ask) => self.perform(side, ask),
                Output::Event(event) => self.server_tells(side, &event),
                Output::Close => {
                    self.hosts.at_mut(side).closed = true;
                    self.server_closes(side);
                    return self.release(side);
                }
                Output::Wait(deadline) => {
                    self.hosts.at_mut(side).wake = deadline;
                    if deadline.is_none() {
                        self.violation("a server session waits without a timer".to_owned());
                    }
                    return;
                }
            }
        }
        self.violation("a server session is never drained".to_owned());
    }

    /// The session is over: everything that it holds is released. Data connections are reset, so that
    /// nobody takes their end for the end of a file.
    pub(super) fn release(&mut self, side: Side) {
        self.wire.listeners.retain(|_, (owner, _)| *owner != side);
        let moves: Vec<_> = self.hosts.at(side).moves.keys().copied().collect();
        for ticket in moves {
            self.stop(side, ticket);
        }
        for (conn, end) in self.wire.open_ends(side) {
            self.close_end(conn, end, Ending::Reset);
        }
    }

    /// The process dies: the kernel closes its connections in order.
    pub(super) fn crash(&mut self, side: Side) {
        self.hosts.at_mut(side).crashed = true;
        self.links.at_mut(side).harmed = true;
        self.wire.listeners.retain(|_, (owner, _)| *owner != side);
        for (conn, end) in self.wire.open_ends(side) {
            self.close_end(conn, end, Ending::Close);
        }
        self.server_closes(side);
    }

    fn perform(&mut self, side: Side, ask: Ask) {
        let soon = self.scenario.delays.answer;
        let host = self.hosts.at_mut(side);
        match ask {
            Ask::Login { ticket, user, password } => {
                let right = user == USER && password == Secret::new(PASSWORD);
                let foreign = host.policy;
                let account = Account { name: user, anonymous: false, read_only: false, foreign };
                self.answer_soon(side, ticket, Answer::Login(right.then_some(account)));
            }
            Ask::Reserve { ticket, .. } => {
                let port = if self.has(Trouble::NoPort(side)) { None } else { self.free_port(side) };
                if let Some(port) = port {
                    self.hosts.at_mut(side).reservations.insert(ticket, port);
                }
                self.answer_soon(side, ticket, Answer::Port(port));
            }
            Ask::Listen { ticket, reservation } => match host.reservations.get(&reservation).copied() {
                Some(port) => self.schedule_within(soon, Event::Listen(side, ticket, port)),
                None => self.violation("a server listens on a port that it has not reserved".to_owned()),
            },
            Ask::Unlisten(ticket) => self.unlisten(side, ticket),
            Ask::Release(ticket) => {
                host.reservations.remove(&ticket);
            }
            Ask::Connect { ticket, from, local, to } => self.perform_connect(side, ticket, from, local, to),
            Ask::Cancel(ticket) => {
                host.cancelled.insert(ticket);
                host.connecting.remove(&ticket);
                host.prepared.remove(&ticket);
                host.permits.remove(&ticket);
                host.reservations.remove(&ticket);
            }
            Ask::Drop { conn, how } => {
                if let Some((conn, end)) = host.conns.get(&conn).copied() {
                    self.close_end(conn, end, how);
                }
            }
            Ask::Write { conn, octets } => {
                if let Some((conn, end)) = host.conns.get(&conn).copied() {
                    self.send_data(conn, end, octets);
                }
            }
            Ask::Read { conn, limit } => {
                if let Some((conn, end)) = host.conns.get(&conn).copied() {
                    self.wire.end_mut(conn, end).reading = Some(limit);
                    self.schedule(self.now, Event::Serve { conn, end });
                }
            }
            Ask::Permit { ticket, target, .. } => {
                let allowed = !self.has(Trouble::NoPermit);
                if allowed {
                    self.hosts.at_mut(side).permits.insert(ticket, target);
                }
                let late = self.scenario.troubles.iter().find_map(|trouble| {
                    if let Trouble::LatePermit(late) = trouble { Some(*late) } else { None }
                });
                let at = self.now + late.unwrap_or_default();
                self.schedule(at, Event::Answer(side, ticket, Answer::Permit(allowed)));
            }
            Ask::PermitDone { ticket, .. } => {
                host.permits.remove(&ticket);
            }
            Ask::Prepare { ticket, path, intent } => {
                let answer = match host.disk.prepare(&path, &intent) {
                    Ok(size) => {
                        host.prepared.insert(ticket, Prepared { path, intent });
                        Answer::Prepared { size }
                    }
                    Err(failure) => Answer::File(Err(failure)),
                };
                self.answer_soon(side, ticket, answer);
            }
            Ask::Move { ticket, prepared, conn, data_type, partial } => {
                let (Some(prepared), Some(conn)) =
                    (host.prepared.remove(&prepared), host.conns.get(&conn).copied())
                else {
                    return self.violation("a server moves what it has not prepared".to_owned());
                };
                self.begin_move(side, ticket, Moving::new(prepared, conn, partial), data_type);
            }
            Ask::Progress { ticket, of } => {
                let moved = host.moves.get(&of).map_or(0, |moving| moving.moved);
                let answer = Answer::Progress { moved, durable: moved };
                self.schedule(self.now, Event::Answer(side, ticket, answer));
            }
            Ask::Stop(ticket) => self.stop(side, ticket),
            Ask::File { ticket, ask } => {
                let answer = Answer::File(host.disk.answer(&ask));
                self.answer_soon(side, ticket, answer);
            }
        }
    }

    fn perform_connect(
        &mut self,
        side: Side,
        ticket: Ticket,
        from: Option<Ticket>,
        local: IpAddr,
        to: SocketAddr,
    ) {
        let host = self.hosts.at_mut(side);
        let reserved = from.map(|reservation| host.reservations.get(&reservation).copied());
        let permitted = host.permits.values().any(|target| *target == to);
        let proven = *self.scenario.foreign.at(side) == Foreign::Proven;
        let own = self.scenario.is_own(side) && to.ip() == self.address(side.other());
        if proven && !own && !permitted {
            self.violation(format!("a SYN for {to} leaves without permit"));
        }
        let port = match reserved {
            Some(Some(port)) => port,
            Some(None) => {
                return self.violation("a server connects from a port that it has not reserved".to_owned());
            }
            None => self.free_port(side).unwrap_or(1_024),
        };
        self.hosts.at_mut(side).connecting.insert(ticket);
        self.connect(Attempt { side, ticket, from: SocketAddr::new(local, port), to });
    }

    /// An answer reaches the machine. One to a question that it has given up may come all the same.
    pub(super) fn answer(&mut self, side: Side, ticket: Ticket, answer: Answer) {
        let host = self.hosts.at_mut(side);
        host.connecting.remove(&ticket);
        if host.cancelled.contains(&ticket) && self.random.once_in(2) {
            return;
        }
        self.server_input(side, Input::Answer(ticket, answer));
    }

    fn answer_soon(&mut self, side: Side, ticket: Ticket, answer: Answer) {
        self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
    }

    /// The listener exists from here on; its machine is told.
    pub(super) fn listening(&mut self, side: Side, ticket: Ticket, port: u16) {
        let host = self.hosts.at_mut(side);
        if host.is_gone() || host.cancelled.contains(&ticket) {
            return;
        }
        let at = SocketAddr::new(host.address, port);
        host.listeners.insert(ticket, at);
        self.wire.listeners.insert(at, (side, ticket));
        self.strangers_notice(at);
        self.server_input(side, Input::Answer(ticket, Answer::Port(Some(port))));
    }

    fn unlisten(&mut self, side: Side, ticket: Ticket) {
        // The question itself may still be under way.
        let host = self.hosts.at_mut(side);
        host.cancelled.insert(ticket);
        if let Some(at) = host.listeners.remove(&ticket)
            && self.wire.listeners.get(&at).is_some_and(|(_, by)| *by == ticket)
        {
            self.wire.listeners.remove(&at);
        }
    }

    fn free_port(&mut self, side: Side) -> Option<u16> {
        let taken: BTreeSet<u16> = self.hosts.at(side).reservations.values().copied().collect();
        let some: [u64; 8] = std::array::from_fn(|_| 40_000 + self.random.below(20_000));
        some.into_iter().filter_map(|port| u16::try_from(port).ok()).find(|port| !taken.contains(port))
    }

    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.scenario.troubles.contains(&trouble)
    }

    /// How long a file waits between two pieces.
    pub(super) fn pace(&self) -> Duration {
        self.scenario.delays.data.max(Duration::from_millis(2))
    }
}
