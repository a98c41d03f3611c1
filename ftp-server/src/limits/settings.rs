//! The limits as numbers: those that the operator sets, and those that are fixed.

use std::time::Duration;

use ftp_proto::shared::guard;

/// The limits that the operator sets; `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Sessions at the same time (`--max-sessions`).
    pub sessions: Option<usize>,
    /// Sessions from one address at the same time (`--max-sessions-per-address`).
    pub per_address: Option<usize>,
    /// Sessions of one account at the same time, where it has no limit of its own (`--max-sessions-per-account`). It is
    /// not for anonymous sessions.
    pub per_account: Option<usize>,
    /// Sessions that have not logged in, at the same time (`--max-unauthenticated`).
    pub unauthenticated: Option<usize>,
    /// The same from one address.
    pub unauthenticated_per_address: Option<usize>,
    /// How passwords are checked.
    pub logins: guard::Settings,
    /// Hooks after uploads. They are not changed while the server runs.
    pub hooks: HookLimits,
    /// Concurrency limits, read once at start-up.
    pub at_once: AtOnce,
}

/// How many hooks there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HookLimits {
    /// Running at the same time.
    pub at_once: usize,
    /// Waiting for their turn.
    pub waiting: usize,
}

/// Concurrency limits; `None` means the default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AtOnce {
    /// Commands about files.
    pub commands: Option<usize>,
    /// Files that are read or written for transfers.
    pub transfers: Option<usize>,
    /// Parts of digests.
    pub digests: Option<usize>,
}

/// Threads for work on files and directories. Every piece of such work is short; what waits for a
/// client waits without a thread.
pub const MAX_FILE_THREADS: usize = 1_024;

/// How many of these threads answer commands about files; transfers have the others.
pub(super) const MAX_FILE_WORK: usize = MAX_FILE_THREADS / 2;

/// File systems that are synced at the same time (SITE SYNC), on threads of their own.
pub const MAX_SYNCS: usize = 8;

/// Data connections that all sessions together keep between two files (MODE B).
pub(super) const MAX_KEPT: usize = 1_024;
/// Groups of files that all sessions together hold until they get their names (PACK).
pub(super) const MAX_HELD_GROUPS: usize = 1_024;

/// Passwords that PAM checks at the same time. One address gets at most half of them.
pub(super) const MAX_PAM: usize = 8;

/// Transfers of all accounts that may outlive their control connection (DETA).
pub(super) const MAX_DETACHED: usize = 256;
/// The same of one account.
pub(super) const MAX_DETACHED_OF_ONE: usize = 4;
/// How long such a transfer may go on without it.
pub const MAX_DETACHED_TIME: Duration = Duration::from_secs(3600);

/// Data ports that one anonymous session may have at the same time.
pub const MAX_ANONYMOUS_PORTS: usize = 2;
/// Connections of proxies whose header may be awaited at the same time.
pub(super) const MAX_HEADERS: usize = 256;
/// Data connections that one session holds before a transfer command uses one of them.
pub const MAX_HELD: usize = 8;
/// Data connections of one session that may be proving themselves at the same time (RNDZ).
pub const MAX_PROVERS: usize = 16;
/// How many of these may come from one address, where a proof is due.
pub const MAX_OF_ONE_ADDRESS: usize = 4;
