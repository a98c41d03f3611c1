//! Two servers with TLS, a relay, and strangers who disturb them.

use super::process::Sockets;
use crate::binary::Running;
use crate::foreign::own_address;
use crate::relay::{Agent, Relay};
use crate::sim::random::Random;
use crate::site::{PASSWORD, Server, Site};
use crate::socket::until;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpStream};
use tempfile::TempDir;

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Victim {
    Coordinator,
    Source,
    Destination,
    Relay,
}

/// Everything that outlives a run of ftp-user.
#[derive(Debug)]
pub(super) struct World {
    pub(super) source: Server,
    pub(super) destination: Server,
    pub(super) relay: Agent,
    /// What each of them has open when nobody uses it: source, destination, relay.
    idle: [Sockets; 3],
    strangers: Vec<TcpStream>,
    _states: [TempDir; 2],
}

/// Descriptors that threads of a program keep for the next session: a bounded number.
const KEPT: usize = 32;

impl World {
    pub(super) fn start() -> Self {
        let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let site = |name: &str, state: &TempDir| {
            let state = state.path().join("state");
            let site = Site::new(name).at(&own_address().to_string()).tls();
            site.args(["--state", state.to_str().unwrap()]).start()
        };
        let (source, destination) = (site("source", &states[0]), site("destination", &states[1]));
        let relay = Relay::new().at(&own_address().to_string()).allow("127.0.0.0/8:1024-65535").start();
        let idle = [&source.running, &destination.running, &relay.running].map(|one| Sockets::of(one.id()));
        Self { source, destination, relay, idle, strangers: Vec::new(), _states: states }
    }

    /// The passwords of both servers, as `.netrc` has them.
    pub(super) fn netrc(&self) -> String {
        let machine = |server: &Server| format!("machine {} login ann password {PASSWORD}\n", server.ip());
        machine(&self.source) + &machine(&self.destination)
    }

    /// Kills a server or the relay, which is back at once.
    pub(super) fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Coordinator => {}
            Victim::Source => self.source.die_and_return(),
            Victim::Destination => self.destination.die_and_return(),
            Victim::Relay => self.relay.die_and_return(),
        }
    }

    const fn all(&self) -> [&Running; 3] {
        [&self.source.running, &self.destination.running, &self.relay.running]
    }

    /// Somebody connects to ports where others are expected, and says nothing, or nonsense.
    pub(super) fn disturb(&mut self, random: &mut Random) {
        for _ in 0..random.below(3) {
            let one = usize::try_from(random.below(3)).unwrap();
            let ip = [self.source.ip(), self.destination.ip(), self.relay.address.ip()][one];
            // Five wrong links of a neighbour's address have a relay turn the network away for a minute.
            let links = self.relay.address.port();
            let mut ports: Vec<u16> = Sockets::of(self.all()[one].id()).listens.into_iter().collect();
            ports.retain(|port| one < 2 || *port != links);
            let Some(port) = ports.get(random.length(ports.len().saturating_sub(1))) else { continue };
            if let Some(mut stranger) = stranger(ip, *port) {
                if random.once_in(2) {
                    let length = random.length(200);
                    let _ = stranger.write_all(&random.bytes(length));
                }
                self.strangers.push(stranger);
            }
        }
    }

    /// Nobody is there any more, and nothing is left open.
    pub(super) fn is_at_rest(&mut self) {
        self.strangers.clear();
        for (one, name) in [(0, "source"), (1, "destination"), (2, "relay")] {
            let process = self.all()[one].id();
            until(&format!("the {name} has nothing open that nobody uses"), || {
                let now = Sockets::of(process);
                now.connected == 0
                    && now.listens.len() == self.idle[one].listens.len()
                    && now.descriptors <= self.idle[one].descriptors + KEPT
            });
        }
    }
}

fn stranger(ip: IpAddr, port: u16) -> Option<TcpStream> {
    let stranger = TcpStream::connect(SocketAddr::new(ip, port)).ok()?;
    stranger.set_nodelay(true).ok()?;
    Some(stranger)
}
