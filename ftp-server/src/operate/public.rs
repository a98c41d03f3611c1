//! The addresses that passive data connections are announced at: behind a translator of addresses (NAT) they
//! are not those of this host. A name is looked up at the start and every minute.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::address::{Family, unmapped};
use ipnet::IpNet;
use tokio::time::timeout;

/// An address, or a name that has some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// An address as it is announced.
    Address(IpAddr),
    /// The addresses of this name.
    Name(String),
}

/// What is neither an address nor a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write an address, or the name of a host, like 192.0.2.1 or ftp.example.org")]
pub struct BadHost;

/// What clients of some networks are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicRule {
    /// The networks of the clients; empty means all.
    pub networks: Vec<IpNet>,
    /// What they are told to connect to.
    pub host: Host,
}

/// All rules, with the addresses that they mean now.
#[derive(Debug, Default)]
pub struct PublicAddresses(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    rule: PublicRule,
    addresses: RwLock<Vec<IpAddr>>,
}

impl Host {
    /// The address, if it is one.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl FromStr for Host {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Address(ip));
        }
        let is_label = |label: &str| {
            let fits = (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
            fits && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        // The last label of a name has a letter; else it is a mistyped address.
        let last = name.rsplit('.').next().unwrap_or_default();
        let lettered = last.bytes().any(|byte| byte.is_ascii_alphabetic());
        let right = name.len() <= 253 && name.split('.').all(is_label) && lettered;
        if right { Ok(Self::Name(name.to_owned())) } else { Err(BadHost) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl PublicAddresses {
    /// These rules. No name is looked up yet.
    pub fn new(rules: &[PublicRule]) -> Self {
        let entry = |rule: &PublicRule| Entry {
            addresses: RwLock::new(rule.host.address().into_iter().collect()),
            rule: rule.clone(),
        };
        Self(rules.iter().map(entry).collect())
    }

    /// The address for a client at `from`, which has connected to `local`: that of the first rule that is about
    /// the client and has an address of the same family.
    pub fn of(&self, from: IpAddr, local: IpAddr) -> Option<IpAddr> {
        let (from, family) = (unmapped(from), Family::of(unmapped(local)));
        let is_about = |rule: &PublicRule| {
            rule.networks.is_empty() || rule.networks.iter().any(|network| network.contains(&from))
        };
        self.0.iter().filter(|entry| is_about(&entry.rule)).find_map(|Entry { addresses, .. }| {
            let addresses = addresses.read().unwrap_or_else(PoisonError::into_inner);
            addresses.iter().copied().find(|ip| Family::of(unmapped(*ip)) == family)
        })
    }

    /// Looks all names up. One that cannot be looked up keeps the addresses that it had, with a warning.
    pub async fn look_up(&self) {
        for Entry { rule, addresses } in &self.0 {
            let Host::Name(name) = &rule.host else { continue };
            let found = match timeout(LOOKUP_TIMEOUT, socket::look_up(name, 0)).await {
                Ok(Ok(found)) => found.iter().map(SocketAddr::ip).take(MAX_ADDRESSES).collect(),
                Ok(Err(error)) => {
                    tracing::warn!(name, error = words(&error), "cannot look the public address up");
                    continue;
                }
                Err(_) => {
                    tracing::warn!(name, "looking the public address up takes too long");
                    continue;
                }
            };
            let mut addresses = addresses.write().unwrap_or_else(PoisonError::into_inner);
            if *addresses != found {
                tracing::info!(name, addresses = ?found, "public address");
                *addresses = found;
            }
        }
    }

    /// Looks all names up every minute. Returns at once if there are none.
    pub async fn keep(self: Arc<Self>) {
        while self.0.iter().any(|entry| entry.rule.host.address().is_none()) {
            tokio::time::sleep(LOOKUP_INTERVAL).await;
            self.look_up().await;
        }
    }
}

/// How long the look-up of one name may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often names are looked up.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);
/// Addresses of one name that are kept.
const MAX_ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_or_a_name_is_read() {
        for text in ["192.0.2.1", "2001:db8::1"] {
            assert_eq!(text.parse(), Ok(Host::Address(ip(text))));
        }
        for text in ["ftp.example.org", "localhost", "a-b.example", "4u.example"] {
            assert_eq!(text.parse(), Ok(Host::Name(text.into())));
        }
        assert_eq!("ftp.example.org.".parse(), Ok(Host::Name("ftp.example.org".into())));
        for text in ["", ".", "192.0.2", "192.0.2.300", "a b", "a..b", "-a.example", "a/b", "h:21"] {
            assert_eq!(text.parse::<Host>(), Err(BadHost), "{text:?}");
        }
    }

    #[test]
    fn the_first_rule_about_the_client_with_an_address_of_the_family_counts() {
        let rule = |networks: &[&str], host: &str| PublicRule {
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            host: host.parse().unwrap(),
        };
        let public = PublicAddresses::new(&[
            rule(&["10.0.0.0/8", "fd00::/8"], "10.0.0.1"),
            rule(&["10.1.0.0/16"], "10.1.0.1"),
            rule(&["192.168.0.0/16"], "not.looked.up"),
            rule(&[], "192.0.2.1"),
            rule(&[], "2001:db8::1"),
        ]);
        let check = |from: &str, local: &str, expect: &str| {
            assert_eq!(public.of(ip(from), ip(local)), Some(ip(expect)), "{from} {local}");
        };
        check("10.1.2.3", "10.0.0.5", "10.0.0.1");
        check("::ffff:10.1.2.3", "::ffff:10.0.0.5", "10.0.0.1");
        check("198.51.100.7", "10.0.0.5", "192.0.2.1");
        check("192.168.1.1", "10.0.0.5", "192.0.2.1");
        check("fd00::7", "fd00::5", "2001:db8::1");
        assert_eq!(PublicAddresses::default().of(ip("10.1.2.3"), ip("10.0.0.5")), None);
    }

    #[tokio::test]
    async fn a_name_has_the_addresses_that_were_looked_up() {
        let host: Host = "localhost".parse().unwrap();
        let public = PublicAddresses::new(&[PublicRule { networks: Vec::new(), host }]);
        let of = || public.of(ip("127.0.0.8"), ip("127.0.0.2"));
        assert_eq!(of(), None);
        public.look_up().await;
        assert_eq!(of(), Some(ip("127.0.0.1")));
    }
}
