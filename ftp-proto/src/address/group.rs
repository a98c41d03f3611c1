//! Addresses that belong to one host, site or provider as far as anybody can tell.

use super::kind::unmapped;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that share one fair share: one IPv4 address, or the /64 network of an IPv6 address. Whoever
/// has one address of a /64 network usually has all of them.
///
/// ```
/// use ftp_proto::address::Group;
/// let of = |text: &str| Group::of(text.parse().unwrap());
/// assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
/// assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
/// assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
/// assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Group(IpAddr);

/// A network of many groups, which one site or one provider usually has.
///
/// ```
/// use ftp_proto::address::Group;
/// let of = |text: &str| Group::of(text.parse().unwrap());
/// assert_eq!(of("192.0.2.1").site(), of("192.0.2.200").site());
/// assert_ne!(of("192.0.2.1").site(), of("192.0.3.1").site());
/// assert_eq!(of("192.0.2.1").provider(), of("192.0.3.1").provider());
/// assert_eq!(of("2001:db8:7:1::1").site(), of("2001:db8:7:2::1").site());
/// assert_ne!(of("2001:db8:7::1").site(), of("2001:db8:8::1").site());
/// assert_eq!(of("2001:db8:7::1").provider(), of("2001:db8:8::1").provider());
/// assert_ne!(of("192.0.0.0").site(), of("192.0.0.0").provider());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Group {
    /// The group of `ip`.
    pub fn of(ip: IpAddr) -> Self {
        Self(match unmapped(ip) {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }

    /// The first address of the group. It names the group: [`Group::of`] gives the same group again.
    pub const fn first(self) -> IpAddr {
        self.0
    }

    /// The network that one site usually has: IPv4 /24, IPv6 /48.
    pub fn site(self) -> Network {
        self.network(24, 48)
    }

    /// The network that one provider usually has: IPv4 /16, IPv6 /32.
    pub fn provider(self) -> Network {
        self.network(16, 32)
    }

    fn network(self, v4: u8, v6: u8) -> Network {
        match self.0 {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(u32::from(32_u8.saturating_sub(v4))).unwrap_or(0);
                Network { first: Ipv4Addr::from_bits(ip.to_bits() & mask).into(), bits: v4 }
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(u32::from(128_u8.saturating_sub(v6))).unwrap_or(0);
                Network { first: Ipv6Addr::from_bits(ip.to_bits() & mask).into(), bits: v6 }
            }
        }
    }
}
