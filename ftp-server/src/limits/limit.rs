//! The limits by name: what each bounds, and what happens at the bound. The limits as numbers: those that the operator sets,
//! and those that are fixed.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use ftp_proto::shared::guard;

/// A limit that sessions share. The list is closed: metrics and `STAT` show all of it, and the text of a
/// 421 comes from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum)]
pub enum Limit {
    /// Sessions at the same time.
    Sessions,
    /// Sessions of one address.
    SessionsPerAddress,
    /// Connections that have not logged in.
    Unauthenticated,
    /// The same of one address.
    UnauthenticatedPerAddress,
    /// Sessions of one account.
    AccountSessions,
    /// Sessions of one account from one address.
    AccountSessionsPerAddress,
    /// Wrong passwords of one address that were checked in the last second.
    WrongPasswords,
    /// Slow hashes that are made at the same time.
    Hashes,
    /// Foreign targets that one account tries to reach at the same time.
    ForeignTargets,
    /// Data ports at one address of this host.
    DataPorts,
    /// Data ports of all anonymous sessions at one address of this host.
    AnonymousPorts,
    /// File descriptors of the process.
    Descriptors,
    /// Commands about files that are carried out at the same time.
    FileCommands,
    /// Transfers whose files are read or written at the same time; those that wait for a peer do not count.
    Transfers,
    /// Parts of digests that are computed at the same time.
    Digests,
    /// File systems that are synced at the same time.
    Syncs,
    /// Data connections that are kept between two files.
    KeptConnections,
    /// Groups of files that wait for their names.
    HeldGroups,
    /// Connections of proxies whose header has not come yet.
    ProxyHeaders,
    /// Passwords that PAM checks at the same time.
    Pam,
    /// Hooks that wait for their turn, and uploads under way that will have one.
    Hooks,
    /// Transfers that may outlive their control connection.
    DetachedTransfers,
}

/// What happens to a newcomer when a limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Beyond {
    /// The newcomer is refused.
    Refused,
    /// The owner that holds most gives way; a newcomer that holds most itself is refused.
    GivesWay,
    /// The newcomer waits for its turn; the owner with fewest turns is next.
    Waits,
}

/// What is known of a limit.
struct Row {
    name: &'static str,
    what: &'static str,
    beyond: Beyond,
}

/// How far a limit is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    /// The limit that is used.
    pub limit: Limit,
    /// How much is in use. Of a limit per account or address: by the one that is closest to its bound.
    pub used: usize,
    /// How much there may be; `None` means no limit.
    pub bound: Option<usize>,
}

impl Limit {
    /// All limits, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// The name: of the option or key that sets it, where there is one.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// What is bounded, in a few words.
    pub const fn what(self) -> &'static str {
        self.row().what
    }

    /// What happens at the bound.
    pub const fn beyond(self) -> Beyond {
        self.row().beyond
    }

    const fn row(self) -> Row {
        use Beyond::{GivesWay, Refused, Waits};
        const fn row(name: &'static str, what: &'static str, beyond: Beyond) -> Row {
            Row { name, what, beyond }
        }
        match self {
            Self::Sessions => row("max-sessions", "sessions", GivesWay),
            Self::SessionsPerAddress => row("max-sessions-per-address", "sessions of one address", Refused),
            Self::Unauthenticated => row("max-unauthenticated", "connections without login", GivesWay),
            Self::UnauthenticatedPerAddress => {
                row("max-unauthenticated-per-address", "connections of one address without login", Refused)
            }
            Self::AccountSessions => row("users.max-sessions", "sessions of one account", Refused),
            Self::AccountSessionsPerAddress => {
                row("users.max-sessions-per-address", "sessions of one account from one address", Refused)
            }
            Self::WrongPasswords => {
                row("wrong-passwords-per-second", "wrong passwords of one address in a second", Waits)
            }
            Self::Hashes => row("hashes-at-once", "slow hashes at the same time", Waits),
            Self::ForeignTargets => {
                row("foreign-targets-at-once", "foreign targets that one account tries", Waits)
            }
            Self::DataPorts => row("passive-ports", "data ports", GivesWay),
            Self::AnonymousPorts => {
                row("anonymous-passive-ports", "data ports of anonymous sessions", GivesWay)
            }
            Self::Descriptors => row("descriptors", "file descriptors", GivesWay),
            Self::FileCommands => {
                row("file-commands-at-once", "commands about files at the same time", Waits)
            }
            Self::Transfers => {
                row("file-transfers-at-once", "files read or written for transfers at the same time", Waits)
            }
            Self::Digests => row("digests-at-once", "digests at the same time", Waits),
            Self::Syncs => row("syncs-at-once", "file systems synced at the same time", Waits),
            Self::KeptConnections => row("kept-connections", "data connections between two files", GivesWay),
            Self::HeldGroups => row("held-groups", "groups of files that wait for their names", GivesWay),
            Self::ProxyHeaders => {
                row("proxy-headers", "connections of proxies without their header", GivesWay)
            }
            Self::Pam => row("pam", "passwords that PAM checks at the same time", Waits),
            Self::Hooks => {
                row("hooks-waiting", "hooks that wait, and uploads under way that will have one", Waits)
            }
            Self::DetachedTransfers => {
                row("detached-transfers", "transfers that may outlive their control connection", GivesWay)
            }
        }
    }

    /// What a client is told whose connection is refused or ended at this limit. It names the limit. The other
    /// limits end no connection; what a client is told of them is the reply to its command.
    pub fn refusal(self) -> Option<&'static str> {
        REFUSALS.iter().find(|(limit, _)| *limit == self).map(|(_, text)| *text)
    }
}

impl Beyond {
    /// One word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::GivesWay => "gives-way",
            Self::Waits => "waits",
        }
    }
}

impl fmt::Display for Use {
    /// For people: `max-sessions 12/10000 gives-way`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, bound } = self;
        write!(f, "{} {used}", limit.name())?;
        if let Some(bound) = bound {
            write!(f, "/{bound}")?;
        }
        write!(f, " {}", limit.beyond().word())
    }
}

/// What a client is told at the limits that end its connection.
const REFUSALS: [(Limit, &str); 7] = [
    (Limit::Sessions, "Too many sessions (max-sessions); try again later"),
    (Limit::SessionsPerAddress, "Too many sessions from your address (max-sessions-per-address)"),
    (
        Limit::Unauthenticated,
        "Too many connections that have not logged in (max-unauthenticated); log in faster or try again later",
    ),
    (
        Limit::UnauthenticatedPerAddress,
        "Too many connections from your address that have not logged in (max-unauthenticated-per-address)",
    ),
    (Limit::AccountSessions, "Too many sessions of this account (users.max-sessions)"),
    (
        Limit::AccountSessionsPerAddress,
        "Too many sessions of this account from your address (users.max-sessions-per-address)",
    ),
    (Limit::Descriptors, "Too many open files (descriptors); try again later"),
];

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_limit_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Limit::all().map(Limit::name).collect();
        assert_eq!(names.len(), Limit::all().count());
    }

    #[test]
    fn every_refusal_names_its_limit() {
        let refusals: Vec<_> = Limit::all().filter_map(|limit| Some((limit, limit.refusal()?))).collect();
        for (limit, text) in &refusals {
            assert!(text.contains(&format!("({})", limit.name())), "{limit:?}: {text}");
        }
        assert_eq!(refusals.len(), 7, "a limit that ends a connection has a text");
    }

    #[test]
    fn a_use_is_one_line() {
        let line = |bound| Use { limit: Limit::Sessions, used: 12, bound }.to_string();
        assert_eq!(line(Some(100)), "max-sessions 12/100 gives-way");
        assert_eq!(line(None), "max-sessions 12 gives-way");
    }
}
