//! The ports that the system gives to a program that asks for any.

use std::fs;
use std::ops::RangeInclusive;

/// The ports that the system gives to a program that asks for any, as it tells them.
///
/// To look for a free one, the system goes through them all, and it takes no port of an earlier connection that
/// still has to time out. After some ten thousand transfers in a minute a single search takes milliseconds.
/// A program that names a port gets it at once, even in that state, where only listening is exclusive.
#[derive(Debug)]
pub(super) struct Ephemeral {
    range: RangeInclusive<u16>,
    /// Ports that the system gives only to a program that names them.
    reserved: Vec<RangeInclusive<u16>>,
}

impl Ephemeral {
    /// Asks the system; `None` if it does not tell.
    pub(super) fn of_system() -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
        let range = read("ip_local_port_range").ok()?;
        // Kernels without it reserve nothing.
        let reserved = read("ip_local_reserved_ports").unwrap_or_default();
        Self::parse(&range, &reserved)
    }

    fn parse(range: &str, reserved: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse);
        let (Some(Ok(low)), Some(Ok(high)), None) = (ends.next(), ends.next(), ends.next()) else {
            return None;
        };
        let reserved = reserved.trim().split(',').filter(|part| !part.is_empty()).map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some(low.parse().ok()?..=high.parse().ok()?)
        });
        let reserved = reserved.collect::<Option<_>>()?;
        (1..=high).contains(&low).then_some(Self { range: low..=high, reserved })
    }

    /// The port of the range that a random number chooses, unless it is reserved.
    pub(super) fn choose(&self, random: u32) -> Option<u16> {
        let (low, high) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        let port = u16::try_from(low + random % (high - low + 1)).ok()?;
        let is_reserved = self.reserved.iter().any(|range| range.contains(&port));
        (!is_reserved).then_some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_the_range_is_chosen_and_no_reserved_one() {
        let ports = Ephemeral::parse("40000\t40009\n", "5000,40002-40004,40009\n").unwrap();
        let chosen: Vec<u16> = (0..10).filter_map(|random| ports.choose(random)).collect();
        assert_eq!(chosen, [40_000, 40_001, 40_005, 40_006, 40_007, 40_008]);
        assert_eq!(ports.choose(u32::MAX), ports.choose(u32::MAX % 10));
        let one = Ephemeral::parse("65535 65535", "\n").unwrap();
        assert_eq!(one.choose(7), Some(65_535));
    }

    #[test]
    fn what_the_system_does_not_say_is_not_guessed() {
        for (range, reserved) in [
            ("", ""),
            ("1", ""),
            ("9 8", ""),
            ("0 8", ""),
            ("1 2 3", ""),
            ("1 70000", ""),
            ("1 9", "x"),
            ("1 9", "3-"),
        ] {
            assert!(Ephemeral::parse(range, reserved).is_none(), "{range:?} {reserved:?}");
        }
    }
}
