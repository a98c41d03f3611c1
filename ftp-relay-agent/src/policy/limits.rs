//! The limits of the relay as numbers.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::crowd::Crowd;
use ftp_proto::fair::Bounds;
use ftp_proto::relay::agent;

use super::kind::Kind;
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

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What one session may have at the same time, and how long.
pub const SESSION: agent::Limits = agent::Limits::USUAL;

/// How often a user agent has to send a sign of life.
pub const PING: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use ftp_io::crowd::CrowdPlace;
    use ftp_proto::address::Group;

    use super::*;
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Waker};

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
}
