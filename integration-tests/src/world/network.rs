//! The network between the hosts of a world: connections whose bytes take time, and may be cut.

use super::manners::Disguise;
use super::{HostId, SentCommand, Shared, TargetPorts};
use crate::sim::random::Random;
use ftp_io::lock::Lock;
use ftp_io::simulated::{self, Backlog, Connecting, Direction, End, Socket};
use ftp_proto::address::{Kind, kind};
use ftp_proto::listing::When;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A host of a world: what its programs see of the network.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
}

/// What the network knows of a host.
#[derive(Debug)]
pub(super) struct HostState {
    pub(super) name: &'static str,
    pub(super) address: IpAddr,
    /// The ports that its programs have, and what listens there.
    ports: BTreeMap<SocketAddr, Option<Backlog>>,
    next_port: u16,
    random: Random,
    /// The home directory of its programs.
    pub(super) home: Option<PathBuf>,
    /// What its programs have written.
    pub(super) said: Vec<u8>,
    /// How its server seems to be.
    pub(super) disguise: Arc<Disguise>,
    /// By how many seconds its calendar is wrong.
    pub(super) wrong_by: i64,
    /// What a firewall before it drops.
    pub(super) dropped: Dropped,
    pub(super) stores: Stores,
    /// Until when what it sends, and what is sent to it, does not arrive.
    stalled: Duration,
}

/// What the stores in directories are for the programs of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stores {
    /// Those of the host alone.
    Own,
    /// Databases that it shares with others.
    Shared,
    /// Such databases, which it does not reach.
    Away,
}

/// The connections that a firewall drops without a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    Nothing,
    /// Those to data ports.
    Data,
    /// Those to the server while it has so many control connections.
    ControlBeyond(usize),
}

/// Everything that is under way.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: Duration,
    pub(super) hosts: Vec<HostState>,
    connections: BTreeMap<u64, Connection>,
    next: u64,
    due: BTreeMap<(Duration, u64), Event>,
    random: Random,
    /// How long a byte takes from one host to another one.
    pub(super) latency: Duration,
    /// How many bytes have come, and how many connections have come about.
    pub(super) moved: u64,
    /// The commands that the servers of hosts were sent, and that nobody has taken.
    pub(super) commands: Vec<SentCommand>,
    /// The hosts whose servers have said that everything is on stable storage.
    pub(super) stable: BTreeSet<usize>,
    /// The ends of strangers that stay connected, and read nothing.
    strangers: Vec<Socket>,
}

#[derive(Debug)]
struct Connection {
    hosts: [usize; 2],
    /// How the server at its other end seems to be; `None` if it is no control connection.
    disguise: Option<Arc<Disguise>>,
    directions: [Direction; 2],
    scheduled: [Scheduled; 2],
    /// Nothing gets through any more, and neither end is told.
    is_silent: bool,
}

/// What of a direction has its time already.
#[derive(Clone, Copy, Debug, Default)]
struct Scheduled {
    bytes: usize,
    end: Option<End>,
    last: Duration,
}

#[derive(Debug)]
enum Event {
    Begins(Beginning),
    Comes { connection: u64, direction: usize, bytes: usize },
    Answers(oneshot::Sender<io::Result<Socket>>, io::Result<Socket>),
}

#[derive(Debug)]
struct Beginning {
    host: usize,
    from: SocketAddr,
    to: SocketAddr,
    answer: oneshot::Sender<io::Result<Socket>>,
}

impl Network {
    pub(super) fn new(random: Random, latency: Duration) -> Self {
        Self {
            now: Duration::ZERO,
            hosts: Vec::new(),
            connections: BTreeMap::new(),
            next: 0,
            due: BTreeMap::new(),
            random,
            latency,
            moved: 0,
            commands: Vec::new(),
            stable: BTreeSet::new(),
            strangers: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: &'static str, address: IpAddr) -> usize {
        let random = Random::new(self.random.bits());
        self.hosts.push(HostState {
            name,
            address,
            ports: BTreeMap::new(),
            next_port: 40_000,
            random,
            home: None,
            said: Vec::new(),
            disguise: Arc::default(),
            wrong_by: 0,
            dropped: Dropped::Nothing,
            stores: Stores::Own,
            stalled: Duration::ZERO,
        });
        self.hosts.len() - 1
    }

    fn at(&mut self, due: Duration, event: Event) {
        self.next += 1;
        self.due.insert((due, self.next), event);
    }

    /// Gives times to what was sent since the last call.
    pub(super) fn schedule(&mut self) {
        let mut found = Vec::new();
        for (id, connection) in &mut self.connections {
            for (direction, scheduled) in connection.scheduled.iter_mut().enumerate() {
                let sent = &connection.directions[direction];
                let bytes = sent.under_way().saturating_sub(scheduled.bytes);
                let end = sent.end_under_way().filter(|end| scheduled.end != Some(*end));
                if connection.is_silent || (bytes == 0 && end.is_none()) {
                    continue;
                }
                if let Some(disguise) = &connection.disguise {
                    sent.rewrite(scheduled.bytes, |text| {
                        if direction == 0 {
                            let [from, host] = connection.hosts.map(HostId);
                            let connection = *id;
                            let sent =
                                commands(text).map(|words| SentCommand { from, connection, host, words });
                            self.commands.extend(sent);
                        } else if text.windows(STABLE.len()).any(|part| part == STABLE) {
                            self.stable.insert(connection.hosts[1]);
                        }
                        disguise.rewrite(text);
                    });
                }
                let stalled = connection.hosts.map(|host| self.hosts[host].stalled);
                let due = (self.now + self.latency).max(scheduled.last).max(stalled[0]).max(stalled[1]);
                (scheduled.bytes, scheduled.last) = (scheduled.bytes + bytes, due);
                scheduled.end = scheduled.end.or(end);
                found.push((due, Event::Comes { connection: *id, direction, bytes }));
            }
        }
        for (due, event) in found {
            self.at(due, event);
        }
    }

    /// Until then nothing arrives at a host or from it, and it arrives late.
    pub(super) fn stall(&mut self, host: usize, until: Duration) {
        self.hosts[host].stalled = until;
        let is_of_host = |event: &Event| match event {
            Event::Begins(beginning) => beginning.host == host,
            Event::Comes { connection, .. } => {
                self.connections.get(connection).is_some_and(|connection| connection.hosts.contains(&host))
            }
            Event::Answers(..) => false,
        };
        let late = self.due.iter().filter(|((due, _), event)| *due < until && is_of_host(event));
        let late: Vec<(Duration, u64)> = late.map(|(key, _)| *key).collect();
        for (due, number) in late {
            if let Some(event) = self.due.remove(&(due, number)) {
                self.due.insert((until, number), event);
            }
        }
    }

    /// What the date is.
    fn date(&self) -> When {
        When(BEGIN + i64::try_from(self.now.as_secs()).unwrap_or(0))
    }

    /// When something comes next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Delivers everything whose time has come.
    pub(super) fn deliver(&mut self) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Event::Begins(beginning) => self.arrive(beginning),
                Event::Answers(answer, socket) => drop(answer.send(socket)),
                Event::Comes { connection, direction, bytes } => self.come(connection, direction, bytes),
            }
        }
    }

    fn come(&mut self, id: u64, direction: usize, bytes: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.is_silent {
            return;
        }
        self.moved += bytes as u64 + 1;
        connection.scheduled[direction].bytes -= bytes;
        let sent = &connection.directions[direction];
        let is_reset = sent.end_under_way() == Some(End::Reset);
        if sent.deliver(bytes) || is_reset {
            connection.directions.iter().for_each(|direction| direction.cut(End::Reset));
            self.connections.remove(&id);
        } else if connection.directions.iter().all(Direction::is_over) {
            self.connections.remove(&id);
        }
    }

    /// Whether a firewall drops what comes to that port of a host.
    fn drops(&self, host: usize, port: u16) -> bool {
        match self.hosts[host].dropped {
            Dropped::Nothing => false,
            Dropped::Data => port != FTP,
            Dropped::ControlBeyond(most) => {
                let is_control = |one: &&Connection| one.disguise.is_some() && one.hosts[1] == host;
                port == FTP && self.connections.values().filter(is_control).count() >= most
            }
        }
    }

    /// A connection reaches the port that it was made to.
    fn arrive(&mut self, Beginning { host, from, to, answer }: Beginning) {
        let there = self.hosts.iter().position(|known| known.address == to.ip());
        if there.is_some_and(|there| self.drops(there, to.port())) {
            return self.at(self.now + DROPPED, Event::Answers(answer, Err(ErrorKind::TimedOut.into())));
        }
        let backlog = there.and_then(|there| self.hosts[there].listener(to));
        let due = self.now + self.latency;
        let (Some(there), Some(backlog)) = (there, backlog) else {
            return self.at(due, Event::Answers(answer, Err(ErrorKind::ConnectionRefused.into())));
        };
        let (out, back) = (Direction::default(), Direction::default());
        if !backlog.arrive(Socket::new(to, from, out.clone(), back.clone())) {
            return self.at(due, Event::Answers(answer, Err(ErrorKind::ConnectionRefused.into())));
        }
        let ours = Socket::new(from, to, back.clone(), out.clone());
        self.next += 1;
        let connection = Connection {
            hosts: [host, there],
            disguise: (to.port() == FTP).then(|| Arc::clone(&self.hosts[there].disguise)),
            directions: [out, back],
            scheduled: Default::default(),
            is_silent: false,
        };
        self.moved += 1;
        self.connections.insert(self.next, connection);
        self.at(due, Event::Answers(answer, Ok(ours)));
    }

    /// Somebody connects from `from` to ports at which a host listens, and sends a text that may name its data ports. Who has sent
    /// commands stays; who has sent data closes.
    pub(super) fn intrude(
        &mut self,
        host: usize,
        from: usize,
        ports: TargetPorts,
        text: impl Fn(&[SocketAddr]) -> String,
    ) {
        let address = self.hosts[host].address;
        let all = self.hosts[host].ports.keys().map(|port| SocketAddr::new(address, port.port()));
        let data: Vec<_> = all.filter(|port| ![FTP, RELAY].contains(&port.port())).collect();
        let words = text(&data);
        let ports = match ports {
            TargetPorts::Data => data,
            TargetPorts::Control => vec![SocketAddr::new(address, FTP)],
        };
        for to in ports {
            let Some(backlog) = self.hosts[host].listener(to) else { continue };
            let ip = self.hosts[from].address;
            let stranger = SocketAddr::new(ip, self.hosts[from].free_port(ip));
            let (out, back) = (Direction::default(), Direction::default());
            if backlog.arrive(Socket::new(to, stranger, out.clone(), back.clone())) {
                let socket = Socket::new(stranger, to, back.clone(), out.clone());
                socket.write(&[words.as_bytes()]).expect("nothing was written yet");
                if to.port() == FTP {
                    self.strangers.push(socket);
                }
                self.next += 1;
                let (directions, scheduled) = ([out, back], Default::default());
                let connection = Connection {
                    hosts: [from, host],
                    disguise: (to.port() == FTP).then(|| Arc::clone(&self.hosts[host].disguise)),
                    directions,
                    scheduled,
                    is_silent: false,
                };
                self.connections.insert(self.next, connection);
            }
        }
    }

    /// Cuts the connections of which `is_meant` says so, by the hosts of their ends. With `tells` both ends see a reset. Returns how
    /// many these are.
    pub(super) fn cut(&mut self, tells: bool, mut is_meant: impl FnMut(&[usize; 2]) -> bool) -> usize {
        let (mut gone, mut count) = (Vec::new(), 0);
        for (id, connection) in &mut self.connections {
            if !is_meant(&connection.hosts) {
                continue;
            }
            count += 1;
            if tells {
                connection.directions.iter().for_each(|direction| direction.cut(End::Reset));
                gone.push(*id);
            } else {
                connection.is_silent = true;
            }
        }
        for id in gone {
            self.connections.remove(&id);
        }
        count
    }
}

impl HostState {
    fn listener(&self, to: SocketAddr) -> Option<Backlog> {
        let anywhere =
            SocketAddr::new(if to.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() }, to.port());
        let found = self.ports.get(&to).or_else(|| self.ports.get(&anywhere))?;
        found.clone().filter(|backlog| !backlog.is_closed())
    }
}

impl Host {
    fn with<T>(&self, work: impl FnOnce(&mut HostState) -> T) -> T {
        work(&mut self.shared.network.locked().hosts[self.index])
    }

    fn home(&self) -> io::Result<PathBuf> {
        self.with(|host| host.home.clone()).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl simulated::Host for Host {
    fn connect(&self, from: SocketAddr, to: SocketAddr) -> Connecting {
        let (answer, answered) = oneshot::channel();
        let network = &mut *self.shared.network.locked();
        let host = &mut network.hosts[self.index];
        let ip = if is_any(from.ip()) { host.address } else { from.ip() };
        let port = if from.port() == 0 { host.free_port(ip) } else { from.port() };
        let from = SocketAddr::new(ip, port);
        let due = (network.now + network.latency).max(network.hosts[self.index].stalled);
        network.at(due, Event::Begins(Beginning { host: self.index, from, to, answer }));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) })
    }

    fn bind(&self, at: SocketAddr) -> io::Result<SocketAddr> {
        self.with(|host| {
            if at.ip() != host.address && !is_any(at.ip()) {
                return Err(ErrorKind::AddrNotAvailable.into());
            }
            let at = if at.port() == 0 { SocketAddr::new(at.ip(), host.free_port(at.ip())) } else { at };
            if host.ports.contains_key(&at) {
                return Err(ErrorKind::AddrInUse.into());
            }
            host.ports.insert(at, None);
            Ok(at)
        })
    }

    fn release(&self, at: SocketAddr) {
        self.with(|host| drop(host.ports.remove(&at)));
    }

    fn listen(&self, at: SocketAddr) -> io::Result<Backlog> {
        self.with(|host| {
            let place = host.ports.entry(at).or_default();
            if place.as_ref().is_some_and(|backlog| !backlog.is_closed()) {
                return Err(ErrorKind::AddrInUse.into());
            }
            let backlog = Backlog::default();
            *place = Some(backlog.clone());
            Ok(backlog)
        })
    }

    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let network = self.shared.network.locked();
        let found = network.hosts.iter().filter(|host| host.name == name).map(|host| host.address);
        let found: Vec<_> = found.collect();
        if found.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(found) }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.with(|host| vec![host.address])
    }

    fn route(&self, _: IpAddr) -> Option<IpAddr> {
        self.with(|host| Some(host.address))
    }

    fn random(&self, room: &mut [u8]) {
        let bytes = self.with(|host| host.random.bytes(room.len()));
        room.copy_from_slice(&bytes);
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.with(|host| host.home.clone().filter(|_| name == "HOME").map(Into::into))
    }

    fn print(&self, bytes: &[u8]) {
        self.with(|host| host.said.extend_from_slice(bytes));
    }

    fn input(&self) -> io::Result<File> {
        File::open(self.home()?.join(INPUT))
    }

    fn output(&self) -> io::Result<File> {
        File::options().append(true).create(true).open(self.home()?.join(OUTPUT))
    }

    fn today(&self) -> When {
        let network = self.shared.network.locked();
        let When(date) = network.date();
        When(date + network.hosts[self.index].wrong_by)
    }

    fn shared_stores(&self) -> Option<io::Result<When>> {
        let network = self.shared.network.locked();
        match network.hosts[self.index].stores {
            Stores::Own => None,
            Stores::Shared => Some(Ok(network.date())),
            Stores::Away => Some(Err(io::Error::new(ErrorKind::TimedOut, "the connection is lost"))),
        }
    }
}

fn is_any(ip: IpAddr) -> bool {
    kind(ip) == Kind::Unspecified
}

impl HostState {
    /// A port that no program of the host has.
    fn free_port(&mut self, ip: IpAddr) -> u16 {
        loop {
            self.next_port = if self.next_port == u16::MAX { 40_000 } else { self.next_port + 1 };
            if !self.ports.contains_key(&SocketAddr::new(ip, self.next_port)) {
                return self.next_port;
            }
        }
    }
}

/// The commands in a text.
fn commands(text: &[u8]) -> impl Iterator<Item = String> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\r"));
    lines.map(|line| String::from_utf8_lossy(line).into_owned())
}

/// What our server says after SITE SYNC.
const STABLE: &[u8] = b"Everything is on stable storage\r\n";
/// The file in the home directory of a host that is its standard input, and the one that gets what is written to standard output.
pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";
/// The port of relays.
pub(super) const RELAY: u16 = 2190;
/// How long the system tries to connect to a port that does not answer.
const DROPPED: Duration = Duration::from_secs(130);
/// The port of control connections.
const FTP: u16 = 21;
/// The date at which a world begins: 2026-01-01.
const BEGIN: i64 = 1_767_225_600;
