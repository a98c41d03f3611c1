//! Values of the settings and of options: addresses of relays, what stands near them, proxies, consent and trust.

use crate::journal::as_text::{AsText, Typed};
use crate::place::{authority, decode, host_name, port_number};
use clap::ValueEnum;
use ftp_proto::address::unmapped;
use ftp_proto::wire::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Host;

/// A host, by name or address, and a port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Authority {
    /// The host, an IPv6 literal without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl FromStr for Authority {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, digits) = text.rsplit_once(':').ok_or(HOST_AND_PORT)?;
        let port = port_number(digits).ok_or(PORT)?;
        Ok(Self { host: host_name(host).ok_or(HOST_AND_PORT)?, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

const HOST_AND_PORT: &str = "write HOST:PORT, IP:PORT or [IPv6]:PORT";
const PORT: &str = "write HOST:PORT with a port from 1 to 65535";

/// The address of a relay.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RelayAddress {
    /// In a network.
    Network(Authority),
    /// A Unix socket of this host.
    Unix(PathBuf),
}

impl Typed for RelayAddress {}

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
            (Err(_), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_)) => Err(HOST_OR_NETWORK),
        }
    }
}

const HOST_OR_NETWORK: &str = "write a host name or a network, like src.example.net or 192.0.2.0/24";

/// A SOCKS5 proxy (RFC 1928).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    /// Where it listens.
    pub at: Authority,
    /// Who logs in there (RFC 1929), if somebody does.
    pub login: Option<ProxyLogin>,
}

/// A user of a proxy, and the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyLogin {
    /// The user, 1 to 255 bytes.
    pub user: String,
    /// The password, 1 to 255 bytes of UTF-8.
    pub password: Secret,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("socks5://").ok_or(PROXY)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, at) = match rest.rsplit_once('@') {
            Some((login, at)) => (Some(login), at),
            None => (None, rest),
        };
        Ok(Self { at: at.parse()?, login: login.map(ProxyLogin::parse).transpose()? })
    }
}

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

impl ProxyLogin {
    fn parse(text: &str) -> Result<Self, String> {
        let (user, password) =
            text.split_once(':').ok_or("write a password after the user: USER:PASSWORD@")?;
        let field = |what: &str, text: &str| {
            let bytes =
                decode(text.as_bytes()).map_err(|_| format!("the {what} has a % without two digits"))?;
            if bytes.is_empty() || bytes.len() > LONGEST {
                return Err(format!("the {what} has 1 to {LONGEST} bytes"));
            }
            String::from_utf8(bytes).map_err(|_| format!("the {what} is not UTF-8"))
        };
        Ok(Self { user: field("user", user)?, password: Secret::new(field("password", password)?) })
    }
}

impl fmt::Display for Proxy {
    /// Its address, without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

const PROXY: &str = "write socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT";
/// RFC 1929 section 2.
const LONGEST: usize = 255;

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

/// What to do with a certificate that nobody vouches for: the value of `--trust`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// Ask the person at the terminal. Without a terminal it is refused.
    #[default]
    Ask,
    /// Accept it, keep it, and say so.
    Keep,
    /// Refuse it, also at a terminal.
    Refuse,
}

impl OnUnknown {
    /// How the values are written.
    pub const NAMES: [&str; 3] = ["ask", "new", "known"];

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Keep => "new",
            Self::Refuse => "known",
        }
    }
}

impl FromStr for OnUnknown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ask" => Ok(Self::Ask),
            "new" => Ok(Self::Keep),
            "known" => Ok(Self::Refuse),
            _ => Err("write \"ask\", \"new\" or \"known\""),
        }
    }
}

#[cfg(test)]
mod authority_tests {
    use super::*;

    #[test]
    fn a_relay_has_a_host_and_a_port() {
        let check = |text: &str, expect: Result<(&str, u16), &str>| {
            let found = text.parse::<Authority>();
            assert_eq!(found.as_ref().map(|at| (at.host.as_str(), at.port)).map_err(|error| *error), expect);
        };
        check("relay.example.net:2190", Ok(("relay.example.net", 2190)));
        check("Relay.Example.NET:443", Ok(("relay.example.net", 443)));
        check("192.0.2.1:2190", Ok(("192.0.2.1", 2190)));
        check("[2001:db8::1]:2190", Ok(("2001:db8::1", 2190)));
        for wrong in ["", "relay", "2001:db8::1:2190", ":2190", "a b:1", "[::1:2190"] {
            check(wrong, Err(HOST_AND_PORT));
        }
        for wrong in ["relay:", "relay:0", "relay:65536", "relay:+1", "relay:ftp", "[2001:db8::1]"] {
            check(wrong, Err(PORT));
        }
    }

    #[test]
    fn an_authority_is_displayed_as_it_was_written() {
        for text in ["relay.example.net:2190", "192.0.2.1:2190", "[2001:db8::1]:2190"] {
            assert_eq!(text.parse::<Authority>().unwrap().to_string(), text);
        }
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
        for near in [Near::Site("lab".to_owned()), "lab".parse().unwrap()] {
            assert!(near.covers("src.example.net", Some("lab"), at), "{near:?}");
            assert!(!near.covers("src.example.net", Some("other"), at), "{near:?}");
        }
        assert!(!Near::Site("lab".to_owned()).covers("lab", None, at));
    }

    #[test]
    fn a_text_that_names_no_host_and_no_network_is_refused() {
        for wrong in ["", "192.0.2.0/33", "a b", "192.0.2", "ftp://src/"] {
            assert_eq!(wrong.parse::<Near>(), Err(HOST_OR_NETWORK), "{wrong}");
        }
    }
}

#[cfg(test)]
mod proxy_tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_a_port_and_perhaps_a_login() {
        let check = |text: &str, at: &str, login: Option<(&str, &str)>| {
            let proxy: Proxy = text.parse().unwrap();
            let found = proxy.login.as_ref().map(|login| (login.user.as_str(), login.password.expose()));
            assert_eq!((proxy.to_string().as_str(), found), (at, login.map(|(u, p)| (u, p.as_bytes()))));
        };
        check("socks5://127.0.0.1:1080", "127.0.0.1:1080", None);
        check("socks5://[::1]:1080/", "[::1]:1080", None);
        check("socks5://ann:s3c@ret:1@proxy.example:1080", "proxy.example:1080", Some(("ann", "s3c@ret:1")));
        check("socks5://a%3ab:%40%25@h:1", "h:1", Some(("a:b", "@%")));
    }

    #[test]
    fn a_mistake_is_told_without_the_password() {
        let check = |text: &str, expect: &str| {
            let why = text.parse::<Proxy>().unwrap_err();
            assert!(why.contains(expect) && !why.contains("s3cret"), "{text}: {why}");
        };
        for text in ["", "127.0.0.1:1080", "http://h:1", "socks4://h:1", "SOCKS5://h:1"] {
            check(text, "write socks5://HOST:PORT");
        }
        for text in ["socks5://h", "socks5://h:0", "socks5://ann:s3cret@h", "socks5://h:x"] {
            check(text, "HOST:PORT");
        }
        check("socks5://ann@h:1", "USER:PASSWORD@");
        check("socks5://ann:@h:1", "1 to 255 bytes");
        check("socks5://:s3cret@h:1", "1 to 255 bytes");
        check("socks5://ann:%s3cret@h:1", "% without two digits");
        check("socks5://ann:%ff@h:1", "not UTF-8");
        check(&format!("socks5://{}:s3cret@h:1", "a".repeat(256)), "1 to 255 bytes");
        assert!(!format!("{:?}", "socks5://ann:s3cret@h:1".parse::<Proxy>()).contains("s3cret"));
    }
}
