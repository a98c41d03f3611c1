//! Durations, networks and port ranges as people write them.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

/// `30s`, `5m`, `1h`, `250ms`; never zero, since a wait of no time would end what it waits for.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a number and a unit, like 30s or 5m".to_owned())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write a unit after the number: ms, s, m or h, like 30s or 5m".to_owned()),
    };
    match number.checked_mul(millis) {
        Some(0) => Err("it must be longer than nothing".to_owned()),
        Some(millis) if millis <= LONGEST => Ok(Duration::from_millis(millis)),
        Some(_) | None => Err("it must not be longer than a year".to_owned()),
    }
}

/// `192.0.2.1:2121`, `[2001:db8::1]:2121`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write IP:PORT or [IPv6]:PORT; port 0 is any free port".to_owned())
}

/// `192.0.2.0/24`, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "write a network, like 192.0.2.0/24 or 2001:db8::/32".to_owned())
}

/// `40000-40099`.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "write two ports from 1 to 65535, the lower first, like 40000-40099".to_owned();
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high): (u16, u16) = low.parse().ok().zip(high.parse().ok()).ok_or_else(wrong)?;
    if low == 0 || low > high { Err(wrong()) } else { Ok(low..=high) }
}

const LONGEST: u64 = 366 * 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_number_and_a_unit() {
        let check = |text: &str, seconds: Option<f64>| {
            assert_eq!(duration(text).ok().map(|found| found.as_secs_f64()), seconds, "{text}");
        };
        check("30s", Some(30.0));
        check("5m", Some(300.0));
        check("1h", Some(3600.0));
        check("250ms", Some(0.25));
        for wrong in
            ["", "30", "s", "-1s", "1.5s", "30 s", "0s", "99999999999999999999s", "20000000000000h", "3d"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn networks_may_be_single_addresses() {
        assert_eq!(network("192.0.2.0/24").unwrap().prefix_len(), 24);
        assert_eq!(network("192.0.2.7").unwrap().prefix_len(), 32);
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        for wrong in ["", "192.0.2.0/33", "example.org", "192.0.2.0/24 "] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn port_ranges_go_upwards() {
        assert_eq!(ports("40000-40099"), Ok(40000..=40099));
        assert_eq!(ports("7-7"), Ok(7..=7));
        for wrong in ["", "40000", "40099-40000", "0-5", "1-65536", "a-b", "1-2-3"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
