//! What the settings say of a site, besides who its server is. Pure.

use super::path::{RemotePath, decode};
use super::site::{authority, host_name, port_number};
use crate::named::named;
use ftp_proto::wire::{Fingerprint, PathName, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

/// What the settings say of a site, besides who its server is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SiteSettings {
    /// The name of the site.
    pub name: String,
    /// The path of its URL, which the paths of `SITE:path` are relative to; `None` is the login directory.
    pub base: Option<PathName>,
    /// Where its password comes from.
    pub password: Option<PasswordSource>,
    /// At which address others reach it, if it is not the one of its control connection.
    pub addresses: Addresses,
    /// How much of it may be used.
    pub limits: SiteLimits,
    /// Roots (PEM) besides those of this host.
    pub ca: Option<PathBuf>,
    /// The only good certificates, if there are any.
    pub pins: Vec<Fingerprint>,
    /// What to do with unknown certificates, unless the command line says it.
    pub trust: Option<OnUnknown>,
    /// How this program connects to it, unless the command line says it.
    pub proxy: Option<SiteProxy>,
    /// The relays that it stands beside.
    pub relays: Vec<String>,
}

/// Where the password of a site comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PasswordSource {
    /// The only line of this file, which nobody else may read.
    File(PathBuf),
    /// The first line that this program writes: its name and its arguments.
    Command(Vec<String>),
}

/// How much of a site may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SiteLimits {
    /// Bytes per second of a job in which it takes part.
    pub rate: Option<NonZeroU64>,
    /// Files at the same time of such a job.
    pub jobs: Option<NonZeroUsize>,
    /// Sessions with it at the same time.
    pub sessions: Option<NonZeroUsize>,
}

/// The smaller one of two limits, of which one or both may be missing.
pub fn smaller<T: Ord + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
    [one, other].into_iter().flatten().min()
}

/// The other end of a data connection.
#[derive(Clone, Copy, Debug)]
pub enum Peer<'a> {
    /// Another server of the job, by its name if it has one.
    Site(Option<&'a str>),
    /// The host of this program.
    ThisHost,
}

/// The addresses at which a site is reached for data connections, by the name of the peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses(pub BTreeMap<String, IpAddr>);

impl Addresses {
    /// The address for this peer, if one was set for it or for all.
    pub fn towards(&self, peer: Peer<'_>) -> Option<IpAddr> {
        let name = match peer {
            Peer::Site(name) => name,
            Peer::ThisHost => Some(Self::THIS_HOST),
        };
        let own = name.and_then(|name| self.0.get(name));
        own.or_else(|| self.0.get(Self::EVERYBODY)).copied()
    }

    /// What stands for this host in place of the name of a peer.
    pub const THIS_HOST: &'static str = "this-host";
    /// What stands for every peer that has no address of its own.
    pub const EVERYBODY: &'static str = "*";
}

/// Refuses what cannot be the name of a site.
///
/// # Errors
///
/// What a name has to be.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
        return Err("it is the beginning of a URL");
    }
    if name == Addresses::THIS_HOST {
        return Err("it stands for this host");
    }
    let fits = (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain) && begins_well;
    if fits { Ok(()) } else { Err(NAME) }
}

/// What a name has to be.
pub(super) const NAME: &str =
    "a name has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or a digit";
/// The length of the longest name.
const LONGEST: usize = 64;
/// What nobody takes for a name.
const SCHEMES: [&str; 12] =
    ["ftp", "ftps", "ftpes", "sftp", "scp", "ssh", "http", "https", "file", "socks", "socks5", "mailto"];

impl SiteSettings {
    /// Whether it says which certificates are good: a server without TLS would show none.
    pub fn judges_certificates(&self) -> bool {
        !self.pins.is_empty() || self.ca.is_some() || self.trust == Some(OnUnknown::Refuse)
    }

    /// A path at the site as it is typed: `SITE:path`; `None` if it is relative and not below that of its URL.
    pub(super) fn show(&self, path: &RemotePath) -> Option<String> {
        let bytes = path.name.as_ref().map_or(&b""[..], PathName::as_bytes);
        let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
        let bytes = if bytes == b"." { b"" } else { bytes };
        let base = self.base.as_ref().map_or(&b""[..], PathName::as_bytes);
        let shown = match bytes.strip_prefix(base) {
            Some(rest) if base.is_empty() || base == b"/" || rest.is_empty() => rest,
            Some(rest) if rest.starts_with(b"/") && !rest.starts_with(b"//") => rest.get(1..)?,
            Some(_) | None if bytes.starts_with(b"/") => bytes,
            Some(_) | None => return None,
        };
        let end = if path.contents && !shown.is_empty() && shown != b"/" { "/" } else { "" };
        Some(format!("{}:{}{end}", self.name, path.encoded(shown)))
    }
}

/// How this program connects to a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteProxy {
    /// Without a proxy, whatever the defaults say.
    None,
    /// Through this one.
    Through(Proxy),
}

impl fmt::Display for SiteProxy {
    /// As it is typed, without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Through(proxy) => write!(f, "socks5://{proxy}"),
        }
    }
}

impl FromStr for SiteProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::Through) }
    }
}

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

impl ProxyLogin {
    fn parse(text: &str) -> Result<Self, String> {
        let (user, password) =
            text.split_once(':').ok_or("write a password after the user: USER:PASSWORD@")?;
        let field = |what: &str, text: &str| {
            let bytes =
                decode(text.as_bytes()).map_err(|_| format!("the {what} has a % without two digits"))?;
            if bytes.is_empty() || bytes.len() > LONGEST_FIELD {
                return Err(format!("the {what} has 1 to {LONGEST_FIELD} bytes"));
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
const LONGEST_FIELD: usize = 255;

/// What to do with a certificate that nobody vouches for: the value of `--trust`.
///
/// They stand from the least strict to the strictest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// Accept it, keep it, and say so.
    Keep,
    /// Ask the person at the terminal. Without a terminal it is refused.
    #[default]
    Ask,
    /// Refuse it, also at a terminal.
    Refuse,
}

// The help of the command line lists them in this order.
named!(OnUnknown { Ask: "ask", Keep: "new", Refuse: "known" });

impl FromStr for OnUnknown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text).ok_or("write \"ask\", \"new\" or \"known\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_a_host_and_a_port_and_is_shown_in_lower_case() {
        let check = |text: &str, expect: Result<(&str, u16), &str>| {
            let found = text.parse::<Authority>();
            assert_eq!(found.as_ref().map(|at| (at.host.as_str(), at.port)).map_err(|error| *error), expect);
            assert!(
                found.is_ok_and(|at| at.to_string() == text.to_ascii_lowercase()) == expect.is_ok(),
                "{text}"
            );
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
