//! The account or address that a resource is charged to.

use std::fmt;
use std::net::IpAddr;

use ftp_proto::address::Group;
use ftp_proto::server::Account;
use ftp_proto::wire::show;

/// The account or address that a resource is charged to. Anonymous sessions are charged to their address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// All sessions of a named user, by its name.
    Account(Vec<u8>),
    /// All anonymous sessions, and those without a login, of one address (IPv6: one /64 network).
    Address(Group),
}

impl Owner {
    /// The owner of a session from `from`, logged in as `account`.
    pub fn new(account: Option<&Account>, from: IpAddr) -> Self {
        match account {
            Some(account) if !account.anonymous => Self::Account(account.name.clone()),
            Some(_) | None => Self::Address(Group::of(from)),
        }
    }

    /// Whether it has no name.
    pub const fn is_anonymous(&self) -> bool {
        matches!(self, Self::Address(_))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => f.write_str(&show(name)),
            Self::Address(group) => write!(f, "{group:?}"),
        }
    }
}
