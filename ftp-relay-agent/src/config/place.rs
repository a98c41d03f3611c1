//! Where a relay listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ftp_io::program::args::address;

/// Where a relay listens: at an address, or for programs of its own host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAt {
    /// At an address; port 0 means any free port.
    Address(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory".to_owned()),
            None => address(text).map(Self::Address).map_err(|error| format!("{error}; or unix:/PATH")),
        }
    }
}

impl fmt::Display for ListenAt {
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
}
