//! The listeners: one accept loop for each, who is let in, and the end of the server.

mod admit;

pub use admit::{Admitted, Doors, Full};

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::socket::{self, Listener, Ports};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Rules;
use ftp_proto::reply::{self, Meaning};
use ftp_proto::server;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::auth::{Anonymous, Everybody, QuickUsers, Users};
use crate::config::{Config, Place};
use crate::session::{self, Permits, Shared};
use crate::vfs::Root;

/// How far the server is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// It serves.
    Open,
    /// No new sessions; transfers end.
    Draining,
    /// Everything ends now.
    Ending,
}

/// A listening socket and what is spoken there.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    at: SocketAddr,
    dialect: Dialect,
}

/// The running server.
#[derive(Debug)]
pub struct Server {
    places: Vec<(SocketAddr, Dialect)>,
    phase: watch::Sender<Phase>,
    /// The accept loops.
    doors: JoinSet<()>,
    /// Ends when the last session and the last transfer have ended.
    alive: mpsc::Receiver<()>,
}

impl Door {
    /// Binds every listener. One of the two that are there without being named may be missing, on a
    /// host with one address family.
    pub fn open_all(places: &[Place]) -> Result<Vec<Self>, anyhow::Error> {
        let mut doors = Vec::new();
        let mut missing = None;
        for place in places {
            match Self::open(place) {
                Ok(door) => doors.push(door),
                Err(error) if place.named || error.kind() == ErrorKind::AddrInUse => {
                    return Err(refusal(place.at, &error));
                }
                Err(error) => missing = Some(refusal(place.at, &error)),
            }
        }
        match missing {
            Some(error) if doors.is_empty() => return Err(error),
            Some(error) => tracing::warn!("{error:#}"),
            None => {}
        }
        Ok(doors)
    }

    fn open(place: &Place) -> io::Result<Self> {
        let listener = socket::listen(place.at)?;
        Ok(Self { at: listener.local()?, listener, dialect: place.dialect })
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's list is open")]
fn refusal(at: SocketAddr, error: &io::Error) -> anyhow::Error {
    let what_to_do = match error.kind() {
        ErrorKind::AddrInUse => ": choose another port, or stop what uses it",
        ErrorKind::PermissionDenied => ": ports below 1024 need privileges",
        ErrorKind::AddrNotAvailable => ": this host has no such address",
        _ => "",
    };
    anyhow::anyhow!("cannot listen on {at}: {error}{what_to_do}")
}

impl Server {
    /// Lets users in at `doors`.
    pub fn start(config: &Config, doors: Vec<Door>) -> Result<Self, anyhow::Error> {
        let root = Root::open(&config.root).with_context(|| {
            format!(
                "cannot use {} as --root: it must be a directory that this process may enter",
                config.root.display()
            )
        })?;
        let places: Vec<_> = doors.iter().map(|door| (door.at, door.dialect)).collect();
        let (phase, phases) = watch::channel(Phase::Open);
        let (living, alive) = mpsc::channel(1);
        let clock = Clock::start();
        let shared = Arc::new(Shared {
            clock,
            permits: Permits::new(clock),
            ports: Ports::new(config.passive_ports.clone()),
            users: users(config),
            root: Arc::new(root),
        });
        let lobby =
            Arc::new(Lobby { shared, admission: Doors::new(config.limits), next: AtomicU64::new(1), living });
        let rules = Rules {
            foreign: config.foreign,
            foreign_networks: config.foreign_networks.clone(),
            same_host: config.same_host.clone(),
            own_listeners: own_listeners(&places),
            relay: Vec::new(),
        };
        let mut loops = JoinSet::new();
        for door in doors {
            let machine = Arc::new(machine(config, door.dialect, rules.clone()));
            loops.spawn(Arc::clone(&lobby).welcome(door, machine, phases.clone()));
        }
        Ok(Self { places, phase, doors: loops, alive })
    }

    /// Where it listens, and the kind that the ready notice names.
    pub fn places(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> + '_ {
        self.places.iter().map(|(at, dialect)| match dialect {
            Dialect::Rfc959 => (*at, "ftp"),
            Dialect::Rfc354 => (*at, "ftp-1973"),
        })
    }

    /// Lets nobody in any more, gives transfers their time, then ends what is left.
    pub async fn drain(mut self) {
        // Who is told to leave finds nobody listening any more.
        self.doors.shutdown().await;
        for (phase, grace) in [(Phase::Draining, SHUTDOWN_GRACE), (Phase::Ending, LAST_MOMENT)] {
            self.phase.send_replace(phase);
            if tokio::time::timeout(grace, self.alive.recv()).await.is_ok() {
                return;
            }
        }
    }
}

/// What the accept loops share.
#[derive(Debug)]
struct Lobby {
    shared: Arc<Shared>,
    admission: Arc<Doors>,
    /// The number of the next session.
    next: AtomicU64,
    living: mpsc::Sender<()>,
}

impl Lobby {
    /// The accept loop of one listener.
    async fn welcome(
        self: Arc<Self>,
        door: Door,
        machine: Arc<server::Config>,
        phases: watch::Receiver<Phase>,
    ) {
        loop {
            match door.listener.accept().await {
                Ok((stream, from)) => self.receive(stream, from, &machine, &phases),
                Err(error) => {
                    // Out of descriptors or memory: sessions that end make room again.
                    tracing::error!(%error, at = %door.at, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn receive(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        machine: &Arc<server::Config>,
        phases: &watch::Receiver<Phase>,
    ) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let admitted = match self.admission.admit(from.ip()) {
            Ok(admitted) => admitted,
            Err(full) => {
                tracing::warn!(session = id, %from, "turned away: {full}");
                tokio::spawn(turn_away(stream, machine.dialect, full));
                return;
            }
        };
        let guest = session::Guest {
            id,
            stream,
            from,
            admitted,
            machine: Arc::clone(machine),
            phases: phases.clone(),
            living: self.living.clone(),
        };
        let span = tracing::error_span!("session", id, peer = %from);
        tokio::spawn(session::run(Arc::clone(&self.shared), guest).instrument(span));
    }
}

/// Says why and closes. It must not take long: there may be many of them.
async fn turn_away(stream: TcpStream, dialect: Dialect, full: Full) {
    let reply = reply::write(dialect, Meaning::Unavailable, &[full.to_string().as_bytes()]);
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(&reply);
    }
}

/// B19: none of them is ever a target. Addresses that this host gets later are known by the control
/// connections that come in by them.
fn own_listeners(places: &[(SocketAddr, Dialect)]) -> Vec<SocketAddr> {
    let everywhere = |at: SocketAddr| {
        socket::everywhere(at).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot list the addresses of this host");
            vec![at]
        })
    };
    places.iter().flat_map(|(at, _)| everywhere(*at)).collect()
}

fn users(config: &Config) -> Arc<dyn Users> {
    let mut sources: Vec<Box<dyn Users>> = vec![Box::new(QuickUsers::new(&config.users, config.foreign))];
    if config.anonymous {
        sources.push(Box::new(Anonymous));
    }
    Arc::new(Everybody::new(sources))
}

fn machine(config: &Config, dialect: Dialect, rules: Rules) -> server::Config {
    server::Config {
        dialect,
        rules,
        public_address: config.public_address,
        timeouts: config.timeouts.clone(),
        max_strangers: 1_000,
        max_held: 8,
        max_provers: 16,
        software: concat!("ftp-server ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// What running transfers get after SIGTERM.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);
/// What it takes to give up what is left after that.
const LAST_MOMENT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b19_a_wildcard_listener_is_at_every_address_of_this_host() {
        let places = [("0.0.0.0:2121", Dialect::Rfc959), ("127.0.0.2:2173", Dialect::Rfc354)]
            .map(|(at, dialect)| (at.parse().unwrap(), dialect));
        let found = own_listeners(&places);
        for at in ["0.0.0.0:2121", "127.0.0.1:2121", "127.0.0.2:2173"] {
            assert!(found.contains(&at.parse().unwrap()), "{at}: {found:?}");
        }
    }
}
