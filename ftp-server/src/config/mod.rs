//! The configuration: [`Options`] as they are typed, [`File`] as what a file says, [`Config`] as
//! what both mean.

mod compile;
mod error;
mod file;
mod fixed;
mod inspect;
mod people;
mod raw;
mod sections;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ftp_io::program::log;
use ftp_io::program::settings::Table;
use ftp_io::socket::Congestion;
use ftp_io::tls::Files;
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::{CloseNotify, Gender, Reuse, Timeouts, TlsStart};
use ipnet::IpNet;

use crate::auth::User;
use crate::limits::Limits;
use crate::operate::public::PublicRule;
use crate::vfs::Durability;
use ftp_io::program::hook::Hook;

pub use error::{ConfigError, ConfigWarning};
pub use file::{File, PublicKeys};
pub use fixed::needs_restart;
pub use inspect::Findings;
pub use people::{DirectionName, ExchangeKeys, MountKeys, RightName, UserKeys};
pub use raw::{ForeignPolicy, Options, SessionReuse, SockReply, SocketGender, UploadEnd};
pub use sections::{BanKeys, HookKeys, LimitKeys, PamKeys, TimeoutKeys};

/// The tables that only a file has, as clap knows their keys.
pub fn tables() -> Vec<Table> {
    use clap::Args;
    let users = UserKeys::augment_args(clap::Command::new("users"));
    let mounts = MountKeys::augment_args(clap::Command::new("mounts"));
    let exchanges = ExchangeKeys::augment_args(clap::Command::new("exchanges"));
    let section = sections::keys_of;
    let bans = "Addresses that guess passwords are turned away for a time. No name is ever banned.";
    let table = |heading, text, keys| Table { heading, text, keys };
    vec![
        table("[limits]", "Options of the command line, and what has no option.", section("limits")),
        table("[bans]", bans, section("bans")),
        table("[pam]", "Who checks the passwords of users with `pam = true`.", section("pam")),
        table("[timeouts]", "Options of the command line, and what has no option.", section("timeouts")),
        table(
            "[hooks]",
            "A program that runs after each upload ([guide](../guide/operate.md#hooks)).",
            section("hooks"),
        ),
        table("[tls]", "The options of the command line that begin with `tls-`.", section("tls")),
        table(
            "[[public-address]]",
            "What clients of some networks are told instead of `public-address`, once for each. The first table whose networks contain the client and whose address has the same family is used, then the option.",
            PublicKeys::augment_args(clap::Command::new("public-address")),
        ),
        table("[[users]]", "A user, once for each. A file with users needs mode 0600.", users),
        table(
            "[[users.mounts]]",
            "Another directory that the user before it sees at a path, once for each.",
            mounts,
        ),
        table(
            "[[users.exchanges]]",
            "What the user before it exchanges with foreign hosts, once for each rule. Without any, all that `foreign` allows. With some, at least one has to permit each transfer with a foreign host.",
            exchanges,
        ),
    ]
}

/// Everything that the server has to know, checked and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listeners to open.
    pub listeners: Vec<Listen>,
    /// The directory that users see as `/`.
    pub root: PathBuf,
    /// All users but the anonymous account.
    pub users: Vec<User>,
    /// Whether the anonymous account exists.
    pub anonymous: bool,
    /// The certificates; `None` if there is no TLS.
    pub certificates: Option<Certificates>,
    /// The authorities that sign the certificates of clients; `None` if clients need none.
    pub client_authorities: Option<PathBuf>,
    /// Whether logins and data connections must be inside TLS.
    pub require_tls: bool,
    /// Whether data connections resume the session of their control connection.
    pub session_reuse: Reuse,
    /// Whether an upload inside TLS must end with close_notify.
    pub close_notify: CloseNotify,
    /// The state directory, if the operator named one.
    pub state: Option<PathBuf>,
    /// Who may name a data peer that is not the user's own host.
    pub foreign: Foreign,
    /// Networks that `--foreign authenticated` allows; `None` if not given.
    pub foreign_networks: Option<Vec<IpNet>>,
    /// Networks whose connections announce their clients (PROXY protocol).
    pub proxy_from: Vec<IpNet>,
    /// Addresses that count as the user's own host.
    pub same_host: Vec<IpNet>,
    /// Whether the numbers of data sockets have a gender.
    pub gender: Gender,
    /// Whether a 1973 listener answers SOCK with 200, and tells its socket with the transfer.
    pub defers_socket: bool,
    /// Ports of passive data connections; `None` means any free port.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// What data connections use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
    /// The addresses to announce for passive data connections instead of the local one.
    pub public: Vec<PublicRule>,
    /// The service of PAM that checks passwords.
    pub pam_service: String,
    /// How many sessions there may be.
    pub limits: Limits,
    /// Bytes that uploads leave free on each file system.
    pub keep_free: u64,
    /// How long sessions wait for what.
    pub timeouts: Timeouts,
    /// How long transfers may go on, and be completed, after the signal to stop.
    pub shutdown_grace: Duration,
    /// What runs after an upload.
    pub hook: Option<Hook>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// The user as whom the server goes on.
    pub run_as: Option<String>,
    /// Whether a peer that connects after LSTN and before the transfer command is refused.
    pub strict_438_listen: bool,
    /// Whether files may be copied within the server.
    pub site_copy: bool,
    /// When a file that was received counts as stored.
    pub durability: Durability,
    /// Where the lines of the xferlog go.
    pub xferlog: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
}

impl Config {
    /// Whether an account knows certificates of clients, so that control connections ask for one.
    pub fn knows_certificates(&self) -> bool {
        self.users.iter().any(|user| !user.terms.certificates.is_empty())
    }

    /// Every directory that a user sees.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        let own = self.users.iter().flat_map(|user| user.home.directories(&self.root));
        std::iter::once(self.root.as_path()).chain(own)
    }
}

/// Where the certificates come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Certificates {
    /// From files that the operator named.
    Files(Vec<Files>),
    /// From the state directory, where it is made if there is none.
    SelfSigned,
}

/// A listener to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Where; port 0 means any free port.
    pub address: SocketAddr,
    /// What it speaks.
    pub dialect: Dialect,
    /// When TLS begins there.
    pub begin: TlsStart,
    /// Whether the operator named it; otherwise it is one of the two default listeners.
    pub named: bool,
}

/// What the log shows and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// Text or JSON lines.
    pub format: log::Format,
    /// The least important level that is shown.
    pub level: log::Level,
}
