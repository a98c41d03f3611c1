//! The addresses at which a listener can be reached.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use ftp_proto::address::{Kind, kind};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};

/// Returns the addresses at which a listener bound to `at` accepts connections: `at` itself and, if it
/// is the wildcard, each address that this host has now in that family (`[::]` is IPv6 only here).
///
/// # Errors
///
/// The system does not list its interfaces.
pub fn everywhere(at: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    let mut places = vec![at];
    if kind(at.ip()) == Kind::Unspecified {
        let here = getifaddrs()?.filter_map(|interface| address(&interface));
        places
            .extend(here.filter(|ip| ip.is_ipv4() == at.is_ipv4()).map(|ip| SocketAddr::new(ip, at.port())));
    }
    Ok(places)
}

/// Whether `ip` belongs to this host: a socket can have it. On a host that binds foreign addresses
/// (`ip_nonlocal_bind`) every address counts as its own.
pub fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

fn address(interface: &InterfaceAddress) -> Option<IpAddr> {
    let address = interface.address.as_ref()?;
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_knows_its_addresses() {
        for (ip, own) in
            [("127.0.0.1", true), ("127.9.8.7", true), ("192.0.2.1", false), ("2001:db8::1", false)]
        {
            assert_eq!(is_own(ip.parse().unwrap()), own, "{ip}");
        }
    }

    fn check(at: &str, expect: &[&str], never: &[&str]) {
        let found = everywhere(at.parse().unwrap()).unwrap();
        let one = |text: &&str| text.parse::<SocketAddr>().unwrap();
        assert!(expect.iter().map(one).all(|place| found.contains(&place)), "{at}: {found:?}");
        assert!(!never.iter().map(one).any(|place| found.contains(&place)), "{at}: {found:?}");
    }

    #[test]
    fn a_wildcard_is_every_address_of_its_family() {
        check("0.0.0.0:2121", &["0.0.0.0:2121", "127.0.0.1:2121"], &["[::1]:2121"]);
        check("[::]:2121", &["[::]:2121"], &["127.0.0.1:2121"]);
        assert_eq!(everywhere("127.0.0.2:1".parse().unwrap()).unwrap().len(), 1);
    }
}
