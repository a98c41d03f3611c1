//! What all sessions share, and how much of it one client gets. Every limit that sessions share stands here.
//! Each resource is charged to an [`Owner`]. [`Limit`] names the limits; [`Shares::uses`] tells how far each is used.
//! What happens when one of them is reached stands in docs/reference/limits.md, and in detail in its file.
//!
//! | file | what is shared |
//! |---|---|
//! | `limit` | the limits by name, and their numbers |
//! | `shares` | everything in one value, and how far each limit is used |
//! | `sessions`, `door` | sessions; connections that have not logged in |
//! | `logins` | checks of logins, and threads for slow hashes |
//! | `proofs` | attempts to reach foreign targets |
//! | `rates` | rates that the sessions of an account share (RATE) |
//! | `ports`, `held` | data ports; data connections that are open between two files, and groups that wait for their names |
//! | `descriptors` | file descriptors |
//! | `turns` | a fair semaphore: threads for files, digests, PAM |
//! | `syncs` | syncs of whole file systems |
//! | `hooks`, `detached` | room for hooks after uploads, and their turns; transfers that may outlive their control connection |

mod descriptors;
mod detached;
mod door;
mod held;
mod hooks;
mod limit;
mod logins;
mod ports;
mod proofs;
mod rates;
mod sessions;
mod shares;
mod syncs;
mod turns;

use std::fmt;
use std::net::IpAddr;

use ftp_proto::address::Group;
use ftp_proto::server::Account;
use ftp_proto::wire::show;

pub use descriptors::{Descriptors, Scarcity, is_out_of_descriptors};
pub use detached::{DetachedSlot, DetachedTransfers};
pub use held::{HeldPlaces, HeldSlot};
pub use hooks::{HookRoom, Hooks};
pub use limit::{
    AtOnce, Beyond, HookLimits, Limit, Limits, MAX_ANONYMOUS_PORTS, MAX_DETACHED_TIME, MAX_FILE_THREADS,
    MAX_HELD, MAX_OF_ONE_ADDRESS, MAX_PROVERS, MAX_SYNCS, Use,
};
pub use logins::{KnownAddress, LoginEntry, LoginSlot, Logins, WaitingLogin};
pub use ports::{DataPort, DataPorts};
pub use proofs::{Permission, ProofSlot, Proofs};
pub use rates::{Rates, SessionRate};
pub use sessions::{AccountLimits, CheckedAtDoor, Displacement, NoPlace, SessionSlot, Sessions};
pub use shares::Shares;
pub use syncs::Syncs;
pub use turns::{OwnTurns, Turn, Turns};

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

/// The owner of all sessions of a user.
#[cfg(test)]
pub(crate) fn named(name: &str) -> Owner {
    Owner::Account(name.into())
}
