//! What a relay stands beside: a server's name, or a network.

use ftp_proto::address::unmapped;
use ipnet::IpNet;
use std::net::IpAddr;
use std::str::FromStr;
use url::Host;

/// A server or a network beside a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Near {
    /// A host name as it stands in a URL, or the name of a site.
    Host(String),
    /// The site of that name.
    Site(String),
    /// Every server with an address of it.
    Network(IpNet),
}

impl Near {
    /// Whether it means the server that a URL calls `host` and that was reached at `address`; `site` is its name in the
    /// settings.
    pub fn covers(&self, host: &str, site: Option<&str>, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host) || site == Some(name),
            Self::Site(name) => site == Some(name),
            Self::Network(network) => network.contains(&unmapped(address)),
        }
    }
}

impl FromStr for Near {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match (network, Host::parse(text)) {
            (Ok(network), _) => Ok(Self::Network(network)),
            (Err(_), Ok(Host::Domain(name))) => Ok(Self::Host(name)),
            (Err(_), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_)) => Err(EXPECTED),
        }
    }
}

const EXPECTED: &str = "write a host name or a network, like src.example.net or 192.0.2.0/24";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_near_by_its_name_or_its_network() {
        let check = |near: &str, host: &str, address: &str, expect: bool| {
            let near: Near = near.parse().unwrap();
            assert_eq!(
                near.covers(host, None, address.parse().unwrap()),
                expect,
                "{near:?} {host} {address}"
            );
        };
        check("src.example.net", "src.example.net", "192.0.2.7", true);
        check("SRC.example.net", "src.example.net", "192.0.2.7", true);
        check("src.example.net", "dst.example.net", "192.0.2.7", false);
        check("example.net", "src.example.net", "192.0.2.7", false);
        check("192.0.2.0/24", "src.example.net", "192.0.2.7", true);
        check("192.0.2.0/24", "src.example.net", "::ffff:192.0.2.7", true);
        check("192.0.2.0/24", "src.example.net", "198.51.100.7", false);
        check("192.0.2.7", "192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", "192.0.2.8", false);
        check("2001:db8::/32", "src.example.net", "2001:db8::7", true);
        check("2001:db8::/32", "src.example.net", "192.0.2.7", false);
    }

    #[test]
    fn a_site_is_near_by_its_name() {
        let at = "192.0.2.7".parse().unwrap();
        for near in [Near::Site("lab".to_owned()), "lab".parse().unwrap()] {
            assert!(near.covers("src.example.net", Some("lab"), at), "{near:?}");
            assert!(!near.covers("src.example.net", Some("other"), at), "{near:?}");
        }
        assert!(!Near::Site("lab".to_owned()).covers("lab", None, at));
    }

    #[test]
    fn a_text_that_names_no_host_and_no_network_is_refused() {
        for wrong in ["", "192.0.2.0/33", "a b", "192.0.2", "ftp://src/"] {
            assert_eq!(wrong.parse::<Near>(), Err(EXPECTED), "{wrong}");
        }
    }
}
