//! What `check` connects to: a relay or a hub in a network, or a relay at a Unix socket of this host.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::at_hub::HubAddress;

/// A relay or a hub as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CheckedAt {
    /// In a network.
    Network(HubAddress),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl FromStr for CheckedAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory"),
            None => text.parse().map(Self::Network),
        }
    }
}

impl fmt::Display for CheckedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(at) => at.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_checked_at_an_address_or_a_path() {
        for right in ["relay.example:7000", "[2001:db8::1]:7000", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<CheckedAt>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "relay.example"] {
            assert!(wrong.parse::<CheckedAt>().is_err(), "{wrong}");
        }
    }
}
