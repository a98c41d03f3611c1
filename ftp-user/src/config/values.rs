//! Values of the settings and of options: addresses of relays, what stands near them, proxies, consent and trust.

use crate::journal::as_text::{AsText, TypedText};
use crate::place::{Authority, Proxy};
use clap::ValueEnum;
use ftp_proto::address::unmapped;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Host;

/// The address of a relay.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RelayAddress {
    /// In a network.
    Network(Authority),
    /// A Unix socket of this host.
    Unix(PathBuf),
}

impl TypedText for RelayAddress {}

impl FromStr for RelayAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory"),
            None => text.parse().map(Self::Network),
        }
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(authority) => authority.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// No host has this name and a path as its port.
const UNIX: &str = "unix:";

/// A server or a network beside a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Near {
    /// A host name as it stands in a URL, or the name of a site.
    Host(String),
    /// Every server with an address of it.
    Network(IpNet),
}

impl Near {
    /// Whether it means the server that a URL calls `host` and that was reached at `address`; `site` is its name in the
    /// settings.
    pub fn covers(&self, host: &str, site: Option<&str>, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host) || site == Some(name),
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
            (Err(_), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_)) => Err(HOST_OR_NETWORK),
        }
    }
}

const HOST_OR_NETWORK: &str = "write a host name or a network, like src.example.net or 192.0.2.0/24";

impl AsText for Proxy {
    /// Without the password, so that the proxy of a stored job that needs one has to be named again.
    fn to_json(&self) -> Value {
        let user = self.login.as_ref().map(|login| format!("{}@", login.user)).unwrap_or_default();
        format!("socks5://{user}{}", self.at).into()
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        value.as_str().ok_or("it is no text")?.parse()
    }
}

/// Which relays data may pass: the value of `--relay-consent`. The help of the command line shows these texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// No relay at all
    Never,
    /// Those for which you say yes at the terminal; without a terminal none
    Ask,
    /// Those of this command line and of the settings
    #[default]
    Own,
    /// Any that is known; so far these are the own ones
    Any,
}

impl FromStr for Consent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| "write \"never\", \"ask\", \"own\" or \"any\"")
    }
}

#[cfg(test)]
mod relay_address_tests {
    use super::*;

    #[test]
    fn a_relay_is_in_a_network_or_at_a_path() {
        for right in ["relay.example.net:2190", "[2001:db8::1]:443", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<RelayAddress>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "/run/relay.sock", "relay"] {
            assert!(wrong.parse::<RelayAddress>().is_err(), "{wrong}");
        }
        // A host may have this name.
        assert!(matches!("unix.example.net:2190".parse(), Ok(RelayAddress::Network(_))));
    }
}

#[cfg(test)]
mod near_tests {
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
        let near: Near = "lab".parse().unwrap();
        assert!(near.covers("src.example.net", Some("lab"), at));
        assert!(!near.covers("src.example.net", Some("other"), at));
    }

    #[test]
    fn a_text_that_names_no_host_and_no_network_is_refused() {
        for wrong in ["", "192.0.2.0/33", "a b", "192.0.2", "ftp://src/"] {
            assert_eq!(wrong.parse::<Near>(), Err(HOST_OR_NETWORK), "{wrong}");
        }
    }
}
