//! Where links come from, and who shares a fair share with whom. Failed proofs delay the refusals of those that follow from
//! the same address.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::address::{Group, Network};
use ftp_proto::timer::Moment;
use serde::{Serialize, Serializer};

/// Where a link comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// From an address.
    Address(SocketAddr),
    /// From a user of this host, by a Unix socket.
    User(u32),
}

/// Those who share one fair share, as far as anybody can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Neighbours {
    /// Everybody at an address, or in a network.
    Group(Group),
    /// The programs of a user of this host.
    User(u32),
}

impl Origin {
    /// Who shares its fair share.
    pub fn neighbours(self) -> Neighbours {
        match self {
            Self::Address(at) => Neighbours::Group(Group::of(at.ip())),
            Self::User(user) => Neighbours::User(user),
        }
    }

    /// The address; that of this host for itself if the link comes from a user here.
    pub const fn ip(self) -> IpAddr {
        match self {
            Self::Address(at) => at.ip(),
            Self::User(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Where the other end is seen. A user of this host is seen at no address.
    pub const fn seen_as(self) -> SocketAddr {
        match self {
            Self::Address(at) => at,
            Self::User(_) => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        }
    }
}

impl Neighbours {
    /// The network of many such groups, which one provider usually has. Users of this host have none.
    pub fn network(self) -> Option<Network> {
        match self {
            Self::Group(group) => Some(group.provider()),
            Self::User(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(at) => at.fmt(f),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The failed proofs of each address (IPv4), /64 network (IPv6) or user of this host.
#[derive(Debug, Default)]
pub struct Delays(Mutex<HashMap<Neighbours, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Moment,
}

impl Delays {
    /// Counts a failed proof, and returns how long its refusal has to wait: nothing for the first one, then
    /// 100 ms, doubled by each further one up to 2 s. After a minute without a failure it begins anew.
    pub fn failed(&self, from: Neighbours, now: Moment) -> Duration {
        let mut all = self.0.locked();
        if all.len() >= MAX_REMEMBERED && !all.contains_key(&from) {
            make_room(&mut all, now);
        }
        let failures = all.entry(from).or_insert(Failures { count: 0, last: now });
        if now.since(failures.last) >= MEMORY {
            failures.count = 0;
        }
        failures.last = now;
        let delay = match failures.count.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST.saturating_mul(1 << doublings.min(MAX_DOUBLINGS)).min(LONGEST),
        };
        failures.count = failures.count.saturating_add(1);
        delay
    }
}

/// Forgets those that no longer count, and the one that has been quiet for longest.
fn make_room(all: &mut HashMap<Neighbours, Failures>, now: Moment) {
    all.retain(|_, failures| now.since(failures.last) < MEMORY);
    let quietest = all.iter().min_by_key(|(_, failures)| failures.last).map(|(from, _)| *from);
    if let Some(quietest) = quietest.filter(|_| all.len() >= MAX_REMEMBERED) {
        all.remove(&quietest);
    }
}

/// The delay after the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// No refusal is later.
const LONGEST: Duration = Duration::from_secs(2);
/// So many doublings are enough for the longest delay.
const MAX_DOUBLINGS: u32 = 5;
/// How long a failure counts.
const MEMORY: Duration = Duration::from_secs(60);
/// Maximum number of addresses that are remembered.
const MAX_REMEMBERED: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ftp_proto::address::Group;

    use super::*;

    fn host(text: &str) -> Neighbours {
        Neighbours::Group(Group::of(text.parse().unwrap()))
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn r60_refusals_of_one_address_come_later_and_later_up_to_two_seconds() {
        let delays = Delays::default();
        for expected in [0, 100, 200, 400, 800, 1_600, 2_000, 2_000] {
            let delay = delays.failed(host("192.0.2.1"), at(1));
            assert_eq!(delay, Duration::from_millis(expected));
        }
        assert_eq!(delays.failed(host("192.0.2.2"), at(1)), Duration::ZERO, "a neighbour is another one");
        assert_eq!(delays.failed(host("::ffff:192.0.2.1"), at(60)), LONGEST);
        assert_eq!(delays.failed(host("192.0.2.1"), at(120)), Duration::ZERO, "a minute was quiet");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let delays = Delays::default();
        assert_eq!(delays.failed(host("2001:db8::1"), at(1)), Duration::ZERO);
        assert_eq!(delays.failed(host("2001:db8::2:1"), at(1)), FIRST);
        assert_eq!(delays.failed(host("2001:db8:0:1::1"), at(1)), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded() {
        let delays = Delays::default();
        for n in 0..10_000_u32 {
            let from = Neighbours::Group(Group::of(Ipv4Addr::from_bits(0x0a00_0000 + n).into()));
            delays.failed(from, Moment::after_start(Duration::from_millis(n.into())));
        }
        assert_eq!(delays.0.lock().unwrap().len(), MAX_REMEMBERED);
        let last = Neighbours::Group(Group::of(Ipv4Addr::from_bits(0x0a00_0000 + 9_999).into()));
        assert_eq!(delays.failed(last, at(10)), FIRST);
    }
}
