//! Addresses that fail again and again are not listened to for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::address::unmapped;
use ftp_proto::timer::Moment;

/// Failures by network: /24 of IPv4, /56 of IPv6.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, Record>>);

#[derive(Debug)]
struct Record {
    first: Moment,
    count: u32,
    barred_until: Option<Moment>,
}

impl Failures {
    /// One more failure.
    pub(super) fn note(&self, from: IpAddr, now: Moment) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MOST {
            records.retain(|_, record| now.since(record.first) < WINDOW);
        }
        if records.len() >= MOST {
            return;
        }
        let record =
            records.entry(network(from)).or_insert(Record { first: now, count: 0, barred_until: None });
        if now.since(record.first) >= WINDOW {
            *record = Record { first: now, count: 0, barred_until: None };
        }
        record.count += 1;
        if record.count == ALLOWED {
            record.barred_until = Some(now + WINDOW);
            tracing::warn!(network = %network(from), "too many failures: not listened to for a minute");
        }
    }

    /// Whether nothing is to be heard from there now.
    pub(super) fn is_barred(&self, from: IpAddr, now: Moment) -> bool {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&network(from)).is_some_and(|record| record.barred_until.is_some_and(|until| until > now))
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match unmapped(ip) {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 72 << 72).into(),
    }
}

const ALLOWED: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// More networks than this are not remembered.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_of_a_network_bar_it_for_a_minute() {
        let failures = Failures::default();
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 1..=4 {
            failures.note(ip(&format!("192.0.2.{last}")), at(0));
        }
        assert!(!failures.is_barred(ip("192.0.2.9"), at(0)));
        failures.note(ip("::ffff:192.0.2.5"), at(1));
        assert!(failures.is_barred(ip("192.0.2.9"), at(60)));
        assert!(!failures.is_barred(ip("192.0.3.9"), at(2)));
        assert!(!failures.is_barred(ip("192.0.2.9"), at(61)));
        for _ in 0..5 {
            failures.note(ip("2001:db8:0:aa01::1"), at(0));
        }
        assert!(failures.is_barred(ip("2001:db8:0:aaff::1"), at(1)));
        assert!(!failures.is_barred(ip("2001:db8:0:ab00::1"), at(1)));
    }
}
