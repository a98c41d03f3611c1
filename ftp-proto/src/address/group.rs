//! Addresses that belong to one host as far as anybody can tell.

use super::kind::unmapped;
use std::net::{IpAddr, Ipv6Addr};

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
}
