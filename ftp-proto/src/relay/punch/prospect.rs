//! Whether two agents can connect directly at all: what lies before each of them.

use crate::address::{Family, plain, unmapped};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What lies between an agent and the network where the hub is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Nat {
    /// Nothing that changes addresses.
    None,
    /// A router that changes the address and keeps the port.
    KeepsPort,
    /// A router that changes the port too. Nobody can know the next port: it may be another one for each peer
    /// (symmetric NAT).
    ChangesPort,
}

/// Where the hub sees an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The address and port.
    pub at: SocketAddr,
    /// What is before the agent.
    pub nat: Nat,
}

impl Place {
    /// The place of an agent that has connected from `local` and is seen at `seen`.
    pub fn of(local: SocketAddr, seen: SocketAddr) -> Self {
        let (local, at) = (plain(local), plain(seen));
        let nat = if local.ip() == at.ip() && local.port() == at.port() {
            Nat::None
        } else if local.port() == at.port() {
            Nat::KeepsPort
        } else {
            Nat::ChangesPort
        };
        Self { at, nat }
    }
}

/// Whether no direct connection between two agents can come about: one of two routers gives ports that nobody can
/// know, both agents are behind one router (their addresses behind it are not told), or they are of two families.
///
/// ```
/// use ftp_proto::relay::punch::{Nat, Place, is_hopeless};
/// let place = |at: &str, nat| Place { at: at.parse().unwrap(), nat };
/// let [one, two] = ["192.0.2.1:4000", "198.51.100.2:5000"];
/// assert!(!is_hopeless(place(one, Nat::KeepsPort), place(two, Nat::KeepsPort)));
/// assert!(!is_hopeless(place(one, Nat::ChangesPort), place(two, Nat::None)));
/// assert!(is_hopeless(place(one, Nat::ChangesPort), place(two, Nat::KeepsPort)));
/// ```
pub fn is_hopeless(one: Place, other: Place) -> bool {
    let (ip, peer) = (unmapped(one.at.ip()), unmapped(other.at.ip()));
    let unknown_port = match (one.nat, other.nat) {
        (Nat::ChangesPort, Nat::KeepsPort | Nat::ChangesPort) | (Nat::KeepsPort, Nat::ChangesPort) => true,
        (Nat::None, _) | (_, Nat::None) | (Nat::KeepsPort, Nat::KeepsPort) => false,
    };
    unknown_port || ip == peer || Family::of(ip) != Family::of(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_before_an_agent_shows_in_what_the_hub_sees() {
        let of = |local: &str, seen: &str| Place::of(local.parse().unwrap(), seen.parse().unwrap());
        assert_eq!(of("192.0.2.1:4000", "[::ffff:192.0.2.1]:4000").nat, Nat::None);
        assert_eq!(of("10.0.0.2:4000", "192.0.2.1:4000").nat, Nat::KeepsPort);
        assert_eq!(of("10.0.0.2:4000", "192.0.2.1:1024").nat, Nat::ChangesPort);
        assert_eq!(of("192.0.2.1:4000", "192.0.2.1:4001").nat, Nat::ChangesPort);
    }

    #[test]
    fn r48_a_port_that_nobody_can_know_is_hopeless_only_between_two_routers() {
        let nats = [Nat::None, Nat::KeepsPort, Nat::ChangesPort];
        let place = |at: &str, nat| Place { at: at.parse().unwrap(), nat };
        let hopeless = nats.map(|one| {
            nats.map(|other| is_hopeless(place("192.0.2.1:4000", one), place("192.0.2.9:4000", other)))
        });
        assert_eq!(hopeless, [[false, false, false], [false, false, true], [false, true, true]]);
        for (one, other) in [("192.0.2.1:4000", "192.0.2.1:5000"), ("192.0.2.1:4000", "[2001:db8::1]:5000")] {
            assert!(is_hopeless(place(one, Nat::KeepsPort), place(other, Nat::KeepsPort)), "{one} {other}");
        }
    }
}
