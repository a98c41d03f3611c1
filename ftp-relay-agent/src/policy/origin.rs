//! Where links come from, and who shares a fair share with whom.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ftp_proto::address::{Group, Network};
use serde::{Serialize, Serializer};

/// Where a link comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// From an address.
    Address(SocketAddr),
    /// From a user of this host, by a Unix socket.
    User(u32),
}

/// Those who share one fair share, as far as anybody can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Neighbours {
    /// Everybody at an address, or in a network.
    Group(Group),
    /// The programs of a user of this host.
    User(u32),
}

impl Origin {
    /// Who shares its fair share.
    pub fn neighbours(self) -> Neighbours {
        match self {
            Self::Address(at) => Neighbours::Group(Group::of(at.ip())),
            Self::User(user) => Neighbours::User(user),
        }
    }

    /// The address; that of this host for itself if the link comes from a user here.
    pub const fn ip(self) -> IpAddr {
        match self {
            Self::Address(at) => at.ip(),
            Self::User(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Where the other end is seen. A user of this host is seen at no address.
    pub const fn seen_as(self) -> SocketAddr {
        match self {
            Self::Address(at) => at,
            Self::User(_) => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        }
    }
}

impl Neighbours {
    /// The network of many such groups, which one provider usually has. Users of this host have none.
    pub fn network(self) -> Option<Network> {
        match self {
            Self::Group(group) => Some(group.provider()),
            Self::User(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(at) => at.fmt(f),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
