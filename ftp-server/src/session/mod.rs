//! What all sessions of a server use, and one session: a task that owns a machine, its control connection, and everything it has asked for.
//!
//! ```text
//!   bytes, answers, connections, deadlines --> machine --> Send  --> control
//!                    ^                                     Event --> report
//!                    +------------ resources <-- perform <-- Ask
//! ```

mod context;
mod files;
mod hook;
mod login;
mod network;
mod perform;
mod report;
mod resources;
mod task;
mod transfers;
mod visit;

use std::sync::{Arc, PoisonError, RwLock};

use ftp_io::clock::Clock;
use ftp_io::program::log::Backlog;
use ftp_io::socket::Congestion;
use ftp_io::tls;

use crate::auth::Users;
use crate::limits::Shares;
use crate::operate::audit::{Record, Refusals};
use crate::operate::live::Live;
use crate::operate::metrics::Metrics;
use crate::operate::public::PublicAddresses;
use crate::operate::xferlog::XferLog;
use crate::vfs::{Durability, Roots};
use ftp_io::program::hook::Hook;

pub use task::{Accepted, run};

/// What all sessions of a server use.
pub struct Shared {
    /// The clock of all machines and limits.
    pub clock: Clock,
    /// What they have a limited amount of.
    pub shares: Shares,
    /// TLS, if there is a certificate.
    pub tls: Option<Arc<tls::Server>>,
    /// Who may log in now.
    pub users: RwLock<Arc<Users>>,
    /// The open sessions.
    pub live: Arc<Live>,
    /// What runs after an upload.
    pub hook: Option<Hook>,
    /// What has happened, as numbers.
    pub metrics: Metrics,
    /// How many lines wait to be written to the log.
    pub backlog: Backlog,
    /// Who has had how many lines about what it was refused.
    pub refusals: Refusals,
    /// The xferlog, if there is one.
    pub xferlog: Option<XferLog>,
    /// The addresses that clients are told to connect to.
    pub public: Arc<PublicAddresses>,
    /// What data connections use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
    /// When a file that was received counts as stored.
    pub durability: Durability,
    /// The directories of all users.
    pub roots: Arc<Roots>,
}

impl Shared {
    /// Who may log in now.
    pub fn users(&self) -> Arc<Users> {
        Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records what belongs to no session, or to none that has logged in.
    pub fn record(&self, record: &Record<'_>) {
        self.record_of(None, record);
    }

    /// Records what `user` has done, in the log and in the metrics.
    pub fn record_of(&self, user: Option<&[u8]>, record: &Record<'_>) {
        record.log(user);
        self.metrics.count(record);
    }

    /// Replaces the users that may log in. Sessions of accounts that are gone end.
    pub fn set_users(&self, users: Users) {
        let users = Arc::new(users);
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&users);
        self.shares.sessions.end_others(|name| users.has(name));
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("users", &self.users).finish_non_exhaustive()
    }
}
