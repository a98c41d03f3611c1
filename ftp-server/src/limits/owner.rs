//! Whose share something counts in.

use std::fmt;
use std::net::IpAddr;

use ftp_proto::address::Group;
use ftp_proto::server::Account;
use ftp_proto::wire::show;

/// Whose share it counts in: the account, or for anonymous sessions the address that they come from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// All sessions of a named user, by its name.
    Account(Vec<u8>),
    /// All anonymous sessions, and those without a login, of one address (IPv6: one /64 network).
    Address(Group),
}

impl Owner {
    /// Whose share a session counts in that comes from `from` and is logged in as `account`.
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
