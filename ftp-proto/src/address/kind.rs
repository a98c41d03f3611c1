//! What an IP address is: its family, its kind, and the host, site or provider it belongs to. All predicates on addresses are
//! here; `policy` decides what follows from them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The kinds of address that `policy` distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A public address: none of the others.
    Public,
    /// A private address: RFC 1918, unique local (fc00::/7), or shared address space (100.64.0.0/10).
    Private,
    /// A loopback address: 127.0.0.0/8 or ::1.
    Loopback,
    /// A link-local address: 169.254.0.0/16 or fe80::/10.
    LinkLocal,
    /// A multicast address: 224.0.0.0/4 or ff00::/8.
    Multicast,
    /// An unspecified address: 0.0.0.0/8 or ::.
    Unspecified,
    /// A broadcast or reserved address: 255.255.255.255 or 240.0.0.0/4.
    Broadcast,
}

/// Converts an IPv4-mapped IPv6 address to IPv4 and returns any other address unchanged. Addresses that
/// lead to an IPv4 host through a translator or a tunnel are not converted; see [`embedded`].
pub fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Does the same to the address of a socket: a listener of both families names its IPv4 peers so.
pub fn plain(at: SocketAddr) -> SocketAddr {
    match (unmapped(at.ip()), at) {
        (ip @ IpAddr::V4(_), SocketAddr::V6(_)) => SocketAddr::new(ip, at.port()),
        _ => at,
    }
}

/// Returns the address that a packet to `ip` finally reaches: the IPv4 address inside an IPv4-mapped,
/// IPv4-compatible (::/96, RFC 4291 section 2.5.5.1), IPv4-translated (::ffff:0:0:0/96, RFC 2765), NAT64 (64:ff9b::/96, RFC 6052), 6to4 (2002::/16,
/// RFC 3056) or Teredo (2001::/32, RFC 4380) address, otherwise `ip` itself.
///
/// ```
/// use ftp_proto::address::embedded;
/// let nat64 = "64:ff9b::10.0.0.1".parse().unwrap();
/// assert_eq!(embedded(nat64), "10.0.0.1".parse::<std::net::IpAddr>().unwrap());
/// ```
pub fn embedded(ip: IpAddr) -> IpAddr {
    let v6 = match unmapped(ip) {
        IpAddr::V4(v4) => return v4.into(),
        IpAddr::V6(v6) => v6,
    };
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into();
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => v6.into(),
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // RFC 4380 section 4: the client's address comes last, with each bit inverted.
        [0x2001, 0, _, _, _, _, high, low] => v4(!high, !low),
        _ => v6.into(),
    }
}

/// Returns the IPv4 address at which an ISATAP interface with the address `ip` is reached (RFC 5214
/// section 6.1). Any host may give itself such an address, so that it shows a second host that a packet may
/// reach, and never replaces the first.
pub fn isatap(ip: IpAddr) -> Option<Ipv4Addr> {
    match unmapped(ip) {
        IpAddr::V6(v6) => match v6.segments() {
            [.., 0 | 0x200, 0x5efe, high, low] => {
                Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
            }
            _ => None,
        },
        IpAddr::V4(_) => None,
    }
}

/// Returns the kind of `ip`. An address with an [`embedded`] IPv4 address has that one's kind.
pub fn kind(ip: IpAddr) -> Kind {
    match embedded(ip) {
        IpAddr::V4(v4) => kind_of_v4(v4),
        IpAddr::V6(v6) => kind_of_v6(v6),
    }
}

const fn kind_of_v4(ip: Ipv4Addr) -> Kind {
    match ip.octets() {
        [0, ..] => Kind::Unspecified,
        [127, ..] => Kind::Loopback,
        [169, 254, ..] => Kind::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        [224..=239, ..] => Kind::Multicast,
        [240..=255, ..] => Kind::Broadcast,
        _ => Kind::Public,
    }
}

const fn kind_of_v6(ip: Ipv6Addr) -> Kind {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        // fec0::/10 was site-local (RFC 3879); 64:ff9b:1::/48 is NAT64 within a site (RFC 8215).
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Kind::Private,
        _ => Kind::Public,
    }
}

/// The family of an IP address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
}

impl Family {
    /// Returns the family of an address. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn of(ip: IpAddr) -> Self {
        match unmapped(ip) {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

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
/// assert_eq!(of("2001:db8::1").to_string(), "2001:db8::/64");
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

impl fmt::Display for Group {
    /// The address, or the network: `192.0.2.1`, `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind_expected: Kind, addresses: &[&str]) {
        for text in addresses {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(kind(ip), kind_expected, "{text}");
        }
    }

    #[test]
    fn every_address_has_its_kind_up_to_the_edges_of_each_block() {
        check(Kind::Public, &["1.0.0.0", "8.8.8.8", "11.0.0.0", "100.63.255.255", "100.128.0.0"]);
        check(Kind::Public, &["126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0"]);
        check(Kind::Public, &["169.253.255.255", "169.255.0.0", "192.167.255.255", "192.169.0.0"]);
        check(Kind::Public, &["223.255.255.255", "2001:db8::1", "2003::1", "fbff::1", "fe7f::1"]);
        check(Kind::Private, &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"]);
        check(Kind::Private, &["192.168.0.0", "192.168.255.255", "100.64.0.0", "100.127.255.255"]);
        check(Kind::Private, &["fc00::1", "fdff::1", "fec0::1", "64:ff9b:1::1"]);
        check(Kind::Loopback, &["127.0.0.0", "127.255.255.255", "::1"]);
        check(Kind::LinkLocal, &["169.254.0.0", "169.254.255.255", "fe80::1", "febf::1"]);
        check(Kind::Multicast, &["224.0.0.0", "239.255.255.255", "ff00::1", "ff02::1"]);
        check(Kind::Unspecified, &["0.0.0.0", "0.255.255.255", "::"]);
        check(Kind::Broadcast, &["240.0.0.0", "255.255.255.255"]);
    }

    #[test]
    fn disguises_are_judged_by_the_embedded_ipv4_address() {
        check(
            Kind::Loopback,
            &["::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"],
        );
        check(Kind::Private, &["::ffff:10.0.0.1", "64:ff9b::192.168.0.1", "2002:a00:1::1"]);
        check(Kind::Loopback, &["::127.0.0.1", "::ffff:7f00:1"]);
        check(Kind::Unspecified, &["::0.0.0.2"]);
        check(Kind::LinkLocal, &["64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"]);
        // Teredo: 10.0.0.1 and 8.8.8.8 with all bits reversed.
        check(Kind::Private, &["2001:0:808:808::f5ff:fffe"]);
        check(Kind::Public, &["2001:0:a00:1::f7f7:f7f7", "64:ff9b::8.8.8.8", "2002:808:808::1"]);
        // One bit beside each prefix: an ordinary IPv6 address.
        check(Kind::Public, &["64:ff9b::1:7f00:1", "64:ff9c::7f00:1", "2001:1::7f00:1"]);
    }

    #[test]
    fn an_isatap_address_shows_a_second_host() {
        let of = |text: &str| isatap(text.parse().unwrap()).map(|ip| ip.to_string());
        assert_eq!(of("2001:db8::5efe:10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(of("fe80::200:5efe:192.0.2.1").as_deref(), Some("192.0.2.1"));
        for other in ["2001:db8::5eff:10.0.0.1", "2001:db8::300:5efe:10.0.0.1", "10.0.0.1"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_socket_of_both_families_has_plain_addresses_of_either() {
        for (at, expect) in [
            ("[::ffff:192.0.2.1]:21", "192.0.2.1:21"),
            ("192.0.2.1:21", "192.0.2.1:21"),
            ("[fe80::1%3]:21", "[fe80::1%3]:21"),
        ] {
            assert_eq!(plain(at.parse().unwrap()), expect.parse().unwrap(), "{at}");
        }
    }

    #[test]
    fn only_a_mapped_address_is_the_same_host_as_its_ipv4_address() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(unmapped(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(unmapped(ip("64:ff9b::192.0.2.1")), ip("64:ff9b::192.0.2.1"));
        assert_eq!(embedded(ip("64:ff9b::192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(embedded(ip("2001:db8::1")), ip("2001:db8::1"));
    }
}
