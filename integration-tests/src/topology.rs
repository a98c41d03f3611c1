//! Small internets for two servers, a relay and a user: what lies between each server and the others.
//!
//! Every path that a topology closes is closed without a word, so that only a timeout would tell.

use crate::foreign::Skipped;
use crate::hub::{Hub, Joined};
use crate::net::{Host, Network, Ports, Router};
use crate::relay::{Agent, Relay};
use crate::site::{Server, Site};
use ftp_proto::dialect::Dialect::Rfc959;
use std::net::{Ipv6Addr, SocketAddr};

/// What lies between a server and the network that everybody reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Nothing: everybody reaches it.
    Open,
    /// A router with NAT; the control port is published, and no other.
    Nat(Ports),
    /// A firewall that lets everybody in to the control port, and nobody to any other.
    Firewall,
    /// A firewall that lets everybody in but the other server.
    KeepsTheOtherOut,
    /// Nothing, and there is no address of IPv4.
    OnlyV6,
}

/// How the files of two agents pass, one beside each server, if each of them only connects out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agents {
    /// From one agent to the other.
    Directly,
    /// Through the hub at which they meet.
    ThroughHub,
}

/// One of the small internets.
#[derive(Clone, Copy, Debug)]
pub struct Topology {
    /// What it is called.
    pub name: &'static str,
    /// What lies before the source and the destination.
    pub edges: [Edge; 2],
    /// The most direct path that is open between two of our servers: its name and its rung. Without one, the file
    /// goes through a hub.
    pub direct: Option<(&'static str, &'static str)>,
    /// The best that it permits two agents.
    pub agents: Agents,
}

/// The destination listens, or the source does, or both listen and connect.
const AT_DESTINATION: Option<(&str, &str)> = Some(("direct", "dest-listens"));
const AT_SOURCE: Option<(&str, &str)> = Some(("direct", "source-listens"));
const AT_BOTH: Option<(&str, &str)> = Some(("symmetric", "symmetric"));

/// All of them.
pub const TOPOLOGIES: [Topology; 12] = {
    use Agents::{Directly, ThroughHub};
    use Edge::{Firewall, KeepsTheOtherOut, Nat, OnlyV6, Open};
    const CONE: Edge = Nat(Ports::Kept);
    const SYMMETRIC: Edge = Nat(Ports::Random);
    const fn of(
        name: &'static str,
        edges: [Edge; 2],
        direct: Option<(&'static str, &'static str)>,
        agents: Agents,
    ) -> Topology {
        Topology { name, edges, direct, agents }
    }
    [
        of("flat", [Open, Open], AT_DESTINATION, Directly),
        of("source-behind-nat", [CONE, Open], AT_DESTINATION, Directly),
        of("source-behind-symmetric-nat", [SYMMETRIC, Open], AT_DESTINATION, Directly),
        of("destination-behind-nat", [Open, CONE], AT_SOURCE, Directly),
        of("destination-behind-symmetric-nat", [Open, SYMMETRIC], AT_SOURCE, Directly),
        of("both-behind-nat", [CONE, CONE], AT_BOTH, Directly),
        of("both-behind-symmetric-nat", [SYMMETRIC, SYMMETRIC], None, ThroughHub),
        of("both-behind-mixed-nat", [SYMMETRIC, CONE], None, ThroughHub),
        of("firewalled", [Firewall, Firewall], AT_BOTH, Directly),
        of("v6only-v4only", [OnlyV6, Open], None, ThroughHub),
        of("asymmetric", [Open, KeepsTheOtherOut], AT_SOURCE, Directly),
        of("asymmetric-reversed", [KeepsTheOtherOut, Open], AT_DESTINATION, Directly),
    ]
};

impl Topology {
    /// The one with this name.
    pub fn named(name: &str) -> Self {
        TOPOLOGIES.into_iter().find(|topology| topology.name == name).unwrap_or_else(|| panic!("{name}?"))
    }
}

/// A topology with two of our servers. The user and the relay are reached by everybody.
#[derive(Debug)]
pub struct Lab {
    /// The source and the destination.
    pub servers: [Server; 2],
    /// The user's host.
    pub user: Host,
    /// How the user and the relay reach both servers.
    at: [SocketAddr; 2],
    /// The hosts of the two servers.
    hosts: [Host; 2],
    relay: Host,
    relay_v6: Option<Ipv6Addr>,
    /// Goes last: the programs end before their network does.
    _network: Network,
}

impl Lab {
    /// Builds it. The source has one file, `a.bin`. `change` makes each site what the test needs.
    pub fn new(topology: Topology, file: &[u8], change: impl Fn(Site) -> Site) -> Result<Self, Skipped> {
        let mut network = Network::public()?;
        let [user, relay] = ["user", "relay"].map(|name| network.host(name));
        let mut hosts = Vec::new();
        for (name, edge) in ["source", "target"].into_iter().zip(topology.edges) {
            let nat = match edge {
                Edge::Nat(ports) => Some(network.nat_with(&format!("{name}-nat"), ports)?),
                Edge::Open | Edge::Firewall | Edge::KeepsTheOtherOut | Edge::OnlyV6 => None,
            };
            hosts.push(behind(&mut network, name, nat));
        }
        let mut relay_v6 = None;
        if topology.edges.contains(&Edge::OnlyV6) {
            network.add_v6(&user)?;
            relay_v6 = Some(network.add_v6(&relay)?);
        }
        let mut started = Vec::new();
        for (index, ((host, nat), edge)) in hosts.iter().zip(topology.edges).enumerate() {
            let ip = if edge == Edge::OnlyV6 {
                let ip = network.add_v6(host)?;
                network.remove_v4(host);
                ip.to_string()
            } else {
                host.ip()
            };
            let site = change(Site::new(topology.name).at(&ip));
            let site = if index == 0 { site.file("a.bin", file) } else { site };
            let server = host.run(|| site.start());
            let listener = server.address(Rfc959);
            let other = &hosts[1 - index].0;
            match edge {
                Edge::Firewall => network.guard(host, listener.port()),
                Edge::KeepsTheOtherOut => network.keep_out(host, other),
                Edge::Open | Edge::OnlyV6 | Edge::Nat(_) => {}
            }
            let at = match nat {
                Some(nat) => {
                    network.publish(nat, listener);
                    SocketAddr::new(nat.outside(), listener.port())
                }
                None => listener,
            };
            started.push((server, at));
        }
        let [(source, at_source), (target, at_target)] = <[_; 2]>::try_from(started).unwrap();
        let (servers, at) = ([source, target], [at_source, at_target]);
        let hosts = <[_; 2]>::try_from(hosts).unwrap().map(|(host, _)| host);
        Ok(Self { servers, user, at, hosts, relay, relay_v6, _network: network })
    }

    /// The URL of a file at the source (0) or the destination (1), as the user reaches it.
    pub fn url(&self, end: usize, path: &str) -> String {
        let own = self.servers[end].address(Rfc959).to_string();
        self.servers[end].url(path).replace(&own, &self.at[end].to_string())
    }

    /// A relay that both servers and the user reach, and that may connect to both servers.
    pub fn relay(&self) -> Agent {
        let relay = Relay::new().at(&self.relay.ip());
        let relay = self.at.iter().fold(relay, |relay, at| relay.server(&at.ip().to_string()));
        let also = self.relay_v6.map(|ip| SocketAddr::new(ip.into(), 0).to_string());
        let relay = also.iter().fold(relay, |relay, also| relay.also(also));
        self.relay.run(|| relay.start())
    }
}

impl Lab {
    /// A hub that everybody reaches, and an agent on the host of each server, which only connects out.
    pub fn hub(&self) -> (Hub, [Joined; 2]) {
        let ips: Vec<String> =
            [self.relay.ip()].into_iter().chain(self.relay_v6.map(|ip| ip.to_string())).collect();
        let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
        let mut hub = self.relay.run(|| Hub::everywhere(&ips));
        let agents = [(0, "zurich"), (1, "berlin")].map(|(end, name)| {
            let server = self.servers[end].ip();
            let mut all = [hub.address].into_iter().chain(hub.also.iter().copied());
            let at = all.find(|at| at.is_ipv4() == server.is_ipv4()).unwrap();
            let server = server.to_string();
            // What is shared with a thread would have to allow that; what is lent to it alone need not.
            let (host, hub) = (&self.hosts[end], &mut hub);
            let agent = host.run(move || hub.try_to_join(at, name, &server, &[&server]));
            agent.until_joined(1);
            agent
        });
        (hub, agents)
    }
}

impl Lab {
    /// Ends both agents of [`hub`](Self::hub), and starts them again.
    pub fn begin_anew(&self, agents: &mut [Joined; 2]) {
        for (agent, host) in agents.iter_mut().zip(&self.hosts) {
            host.run(|| agent.die_and_return());
            agent.until_joined(1);
        }
    }
}

/// A host behind its router, or reached by everybody.
fn behind(network: &mut Network, name: &str, nat: Option<Router>) -> (Host, Option<Router>) {
    match nat {
        None => (network.host(name), None),
        Some(mut nat) => (network.host_behind(&mut nat, name), Some(nat)),
    }
}
