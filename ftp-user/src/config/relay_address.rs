//! Where a relay listens: `host:port`, or `unix:/path` for one of this host.

use super::Authority;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The address of a relay.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RelayAddress {
    /// In a network.
    Network(Authority),
    /// A Unix socket of this host.
    Unix(PathBuf),
}

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

#[cfg(test)]
mod tests {
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
