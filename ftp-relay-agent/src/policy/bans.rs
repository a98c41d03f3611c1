//! Networks whose links fail again and again are turned away for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::address::unmapped;
use ftp_proto::timer::Moment;

/// Failed links, counted by network: /24 of IPv4, /56 of IPv6.
#[derive(Debug, Default)]
pub struct Bans(Mutex<HashMap<IpAddr, Record>>);

#[derive(Debug)]
struct Record {
    first: Moment,
    count: u32,
    banned_until: Option<Moment>,
}

impl Bans {
    /// Counts a failed link from `from`.
    pub fn record(&self, from: IpAddr, now: Moment) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_NETWORKS {
            records.retain(|_, record| now.since(record.first) < WINDOW);
        }
        if records.len() >= MAX_NETWORKS {
            return;
        }
        let record =
            records.entry(network(from)).or_insert(Record { first: now, count: 0, banned_until: None });
        if now.since(record.first) >= WINDOW {
            *record = Record { first: now, count: 0, banned_until: None };
        }
        record.count += 1;
        if record.count == ALLOWED {
            record.banned_until = Some(now + WINDOW);
            tracing::warn!(network = %network(from), "too many failed links: connections from there are turned away for a minute");
        }
    }

    /// Whether connections from `from` are turned away now.
    pub fn is_banned(&self, from: IpAddr, now: Moment) -> bool {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&network(from)).is_some_and(|record| record.banned_until.is_some_and(|until| until > now))
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match unmapped(ip) {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 72 << 72).into(),
    }
}

/// Failed links after which a network is banned.
const ALLOWED: u32 = 5;
/// How long failures count, and how long a ban lasts.
const WINDOW: Duration = Duration::from_secs(60);
/// Networks that are remembered; what comes from others is not counted.
const MAX_NETWORKS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_of_a_network_ban_it_for_a_minute() {
        let bans = Bans::default();
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 1..=4 {
            bans.record(ip(&format!("192.0.2.{last}")), at(0));
        }
        assert!(!bans.is_banned(ip("192.0.2.9"), at(0)));
        bans.record(ip("::ffff:192.0.2.5"), at(1));
        assert!(bans.is_banned(ip("192.0.2.9"), at(60)));
        assert!(!bans.is_banned(ip("192.0.3.9"), at(2)));
        assert!(!bans.is_banned(ip("192.0.2.9"), at(61)));
        for _ in 0..5 {
            bans.record(ip("2001:db8:0:aa01::1"), at(0));
        }
        assert!(bans.is_banned(ip("2001:db8:0:aaff::1"), at(1)));
        assert!(!bans.is_banned(ip("2001:db8:0:ab00::1"), at(1)));
    }
}
