//! Where a relay listens, and where one is found.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ftp_io::program::args::address;

use crate::at_hub::HubAddress;

/// An address, or a place for programs of the same host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place<A> {
    /// At an address.
    Address(A),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// Where a relay listens; port 0 means any free port.
pub type ListenAt = Place<SocketAddr>;

impl<A> Place<A> {
    fn parse<E: Display>(text: &str, address: impl FnOnce(&str) -> Result<A, E>) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory".to_owned()),
            None => address(text).map(Self::Address).map_err(|error| format!("{error}; or unix:/PATH")),
        }
    }
}

impl FromStr for Place<SocketAddr> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, address)
    }
}

impl FromStr for Place<HubAddress> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, HubAddress::from_str)
    }
}

impl<A: Display> Display for Place<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(at) => at.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_listens_at_an_address_or_a_path() {
        for right in ["192.0.2.5:2190", "[::]:0", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<ListenAt>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "/run/relay.sock", "relay:2190"] {
            assert!(wrong.parse::<ListenAt>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_relay_is_found_at_an_address_or_a_path() {
        for right in ["relay.example:7000", "[2001:db8::1]:7000", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<Place<HubAddress>>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "relay.example"] {
            assert!(wrong.parse::<Place<HubAddress>>().is_err(), "{wrong}");
        }
    }
}
