//! The limits of the relay as numbers, and who gets a file descriptor while there are few.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ftp_io::crowd::Crowd;
use ftp_proto::fair::Bounds;
use ftp_proto::relay::agent;
use rustix::process::{Resource, getrlimit};

use super::origin::Neighbours;

/// How much the relay holds at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum number of links that have not proven anything yet.
    pub unproven: usize,
    /// The same of one address (IPv4) or /64 network (IPv6).
    pub unproven_of_one: usize,
    /// Maximum number of sessions.
    pub sessions: usize,
    /// Maximum number of joins.
    pub joins: usize,
    /// Maximum number of tunnels; each join needs two.
    pub tunnels: usize,
    /// Maximum number of calls of a hub, those that flow included.
    pub calls: usize,
}

impl Limits {
    /// Limits that suit most relays and hubs.
    pub const USUAL: Self = Self {
        unproven: 512,
        unproven_of_one: 64,
        sessions: 1_024,
        joins: 1_024,
        tunnels: 2_048,
        calls: 2_048,
    };

    /// How many descriptors may be needed at the same time for what has proven a token.
    pub const fn descriptors(&self) -> usize {
        self.sessions * Kind::Session.descriptors()
            + self.tunnels * Kind::Tunnel.descriptors()
            + self.joins * Kind::Join.descriptors()
    }

    /// The places of links that have not proven anything yet. When all are taken, the address that holds most loses its
    /// oldest link.
    pub fn door(&self) -> Arc<Crowd<Neighbours>> {
        Crowd::bounded(Bounds::new(self.unproven).per_key(self.unproven_of_one))
    }

    /// The share of one token in `whole`, unless another one is configured: a quarter.
    pub const fn share(whole: usize) -> usize {
        whole.div_ceil(4)
    }
}

/// What one session may have at the same time, and how long.
pub const SESSION: agent::Limits = agent::Limits::USUAL;

/// How often a user agent has to send a sign of life.
pub const PING: Duration = Duration::from_secs(20);

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A session of a user agent, or of an agent at a hub.
    Session,
    /// A control connection.
    Tunnel,
    /// Two data connections.
    Join,
    /// A stream through a hub.
    Call,
}

impl Kind {
    /// How many descriptors it needs at most: connections, and two pipes where bytes are moved inside the kernel.
    pub const fn descriptors(self) -> usize {
        match self {
            Self::Session => 1,
            Self::Tunnel => 2,
            Self::Join | Self::Call => 6,
        }
    }

    /// The name of the limit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::Tunnel => "tunnels",
            Self::Join => "joins",
            Self::Call => "calls",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many descriptors this process has for sessions and what they carry.
///
/// ```text
/// 0                                                      scarce          most      the limit
/// |-------------------- every token ----------------------|-- who holds --|-- links without --|
///                                                            least          a proof, metrics
/// ```
///
/// What a token holds is counted by what it may need at most, so that what was granted never lacks a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptors {
    most: usize,
}

impl Descriptors {
    /// Those of the limit that holds now.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        Self::of(limit.unwrap_or(usize::MAX))
    }

    /// Those of this limit of open files.
    pub fn of(limit: usize) -> Self {
        Self { most: limit.saturating_sub(OTHERS.min(limit / 4)) }
    }

    /// How many there are.
    pub const fn most(self) -> usize {
        self.most
    }

    /// Whether `held`, which all tokens together would hold then, leaves few.
    pub const fn is_scarce(self, held: usize) -> bool {
        held > self.most - self.most / KEPT_FRACTION
    }

    /// Whether a token may hold `own` descriptors, where all together would hold `held`, and `holders` tokens hold
    /// some. The last ones are for tokens that hold no more than an equal share.
    pub fn may_hold(self, own: usize, held: usize, holders: usize) -> bool {
        held <= self.most && (!self.is_scarce(held) || own <= self.most / holders.max(NEWCOMER))
    }
}

/// A token that is alone has to leave some for another one.
const NEWCOMER: usize = 2;
/// The part of all descriptors that is kept for those who hold least: one in this many.
const KEPT_FRACTION: usize = 8;
/// Descriptors for links without a proof, listeners, files and metrics.
const OTHERS: usize = 640;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use ftp_io::crowd::CrowdPlace;
    use ftp_proto::address::Group;

    use super::*;

    type Place = CrowdPlace<Neighbours>;

    fn is_displaced(place: &mut Place) -> bool {
        pin!(place.displaced()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn host(last: u32) -> Neighbours {
        Neighbours::Group(Group::of(Ipv4Addr::from_bits(0x7f00_0000 + last).into()))
    }

    #[test]
    fn r56_of_one_address_64_links_wait_and_the_oldest_gives_way() {
        let door = Limits::USUAL.door();
        let mut places: Vec<Place> = (0..100).map(|_| door.enter(host(1)).unwrap()).collect();
        let displaced: Vec<bool> = places.iter_mut().map(is_displaced).collect();
        assert!(displaced[..36].iter().all(|displaced| *displaced));
        assert!(!displaced[36..].iter().any(|displaced| *displaced));
    }

    #[test]
    fn r56_a_crowd_of_a_network_displaces_its_own_and_nobody_within_an_equal_share() {
        let door = Limits::USUAL.door();
        let mut holder = door.enter(host(0x1_0000)).unwrap();
        // 256 addresses with four links each.
        let mut crowd: Vec<Place> = (0..1_024).map(|n| door.enter(host(n % 256)).unwrap()).collect();
        assert!(!is_displaced(&mut holder));
        assert_eq!(crowd.iter_mut().filter_map(|place| (!is_displaced(place)).then_some(())).count(), 511);
        let mut another = door.enter(host(0x2_0000)).unwrap();
        assert!(!is_displaced(&mut another) && !is_displaced(&mut holder));
    }

    #[test]
    fn r56_if_nobody_exceeds_its_share_the_oldest_of_all_gives_way() {
        let door = Limits { unproven: 3, ..Limits::USUAL }.door();
        let mut places: Vec<Place> = (0..4).map(|n| door.enter(host(n)).unwrap()).collect();
        let displaced: Vec<bool> = places.iter_mut().map(is_displaced).collect();
        assert_eq!(displaced, [true, false, false, false]);
        drop(places);
        assert!(door.is_empty());
    }

    #[test]
    fn the_last_descriptors_are_for_those_who_hold_least() {
        let few = Descriptors::of(1_067);
        assert_eq!(few.most(), 801);
        for (own, held, holders, expect) in [
            (1, 1, 1, true),
            (701, 701, 1, true),
            (702, 702, 1, false),
            (400, 702, 1, true),
            (690, 701, 2, true),
            (700, 702, 2, false),
            (400, 801, 2, true),
            (401, 801, 2, false),
            (2, 801, 400, true),
            (3, 801, 400, false),
            (1, 802, 400, false),
        ] {
            assert_eq!(few.may_hold(own, held, holders), expect, "{own} of {held}, {holders}");
        }
        assert!(Descriptors::of(usize::MAX).may_hold(10_000, 100_000, 2));
        assert_eq!(Descriptors::of(16).most(), 12);
    }
}
