//! The options as they are typed. Their doc comments are the texts of `--help` and of the manual page.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ftp_io::program::args::address;
pub(super) use ftp_io::program::args::network;
use ftp_io::program::{duration, log};
use ftp_io::socket::Congestion;
use ftp_proto::policy::Foreign;
use ftp_proto::server::Gender;
use ftp_proto::wire::PathName;
use ipnet::IpNet;

use crate::operate::public::Host;

/// The options of the server.
#[derive(clap::Args, Debug, Default)]
pub struct Options {
    /// A modern listener (RFC 959 family), repeatable [default: port 2121 of every address]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// A listener for implicit TLS, repeatable; it needs a certificate
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen_tls: Vec<SocketAddr>,
    /// A listener that speaks the 1973 dialect (greeting 300), repeatable
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen_1973: Vec<SocketAddr>,
    /// The directory that users see as /; they cannot leave it
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// A user, repeatable; a final :ro forbids writing; the password may contain ':'
    #[arg(long, value_name = "NAME:PASSWORD[:ro]")]
    pub user: Vec<OsString>,
    /// A file with a user in each line, as --user has them or `NAME:HASH[:ro]`; mode 0600
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// Let anonymous (or ftp) log in: it may read, never write, never name a foreign host
    #[arg(long)]
    pub anonymous: bool,
    /// A certificate and its chain (PEM), read again when the file changes; repeatable, chosen by name
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Vec<PathBuf>,
    /// The private key of each --tls-cert, in the same order
    #[arg(long, value_name = "FILE")]
    pub tls_key: Vec<PathBuf>,
    /// Use a certificate of the state directory, made at the first start, and print its fingerprint
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Authorities (PEM): inside TLS every client must show a certificate that one of them has signed
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// No login and no data in clear
    #[arg(long)]
    pub require_tls: bool,
    /// Whether data connections must resume the TLS session of their control connection [default: preferred]
    #[arg(long, value_name = "REUSE")]
    pub tls_session_reuse: Option<SessionReuse>,
    /// Whether an upload inside TLS must end with close_notify [default: required]
    #[arg(long, value_name = "DEMAND")]
    pub tls_close_notify: Option<UploadEnd>,
    /// The directory for what must outlive a restart: self-signed certificate, bans, names of unfinished
    /// uploads, and the socket of `who` and `kick` [default: $STATE_DIRECTORY, or ftp-server in the user's
    /// state directory]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Who may name a data peer that is not the user's own host [default: proven]
    #[arg(long, value_name = "POLICY")]
    pub foreign: Option<ForeignPolicy>,
    /// Networks that `--foreign authenticated` allows, repeatable
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub foreign_networks: Vec<IpNet>,
    /// Networks of proxies, repeatable: each of their connections begins with a header of the PROXY protocol
    /// (version 1 or 2), which names the client
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub proxy_from: Vec<IpNet>,
    /// Addresses that count as the user's own host, repeatable
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub same_host: Vec<IpNet>,
    /// Whether the numbers of data sockets have a gender, as in 1973: odd ones send, even ones receive, and
    /// SOCK has a value for each [default: off]
    #[arg(long, value_name = "GENDER")]
    pub gender: Option<SocketGender>,
    /// How a 1973 listener answers SOCK: with its own socket at once, or with 200 and the socket when the
    /// transfer begins [default: at-once]
    #[arg(long, value_name = "WHEN")]
    pub sock_reply: Option<SockReply>,
    /// The ports that passive data connections use [default: any free port]
    #[arg(long, value_name = "LO-HI", value_parser = ports)]
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// The congestion control of data connections, as the kernel names it [default: that of the system]
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<Congestion>,
    /// The address to announce for passive data connections, or a name that is looked up every minute
    /// [default: the control connection's]
    #[arg(long, value_name = "IP|NAME")]
    pub public_address: Option<Host>,
    /// Sessions at the same time; 0 is no limit [default: 10000]
    #[arg(long, value_name = "N")]
    pub max_sessions: Option<u32>,
    /// Sessions from one address (IPv6: one /64 network) at the same time, loopback spared; 0 is no limit
    /// [default: 200]
    #[arg(long, value_name = "N")]
    pub max_sessions_per_address: Option<u32>,
    /// Sessions of one account at the same time, anonymous sessions spared, unless the user has `max-sessions`; 0 is no
    /// limit [default: 1000]
    #[arg(long, value_name = "N")]
    pub max_sessions_per_account: Option<u32>,
    /// Connections that have not logged in, at the same time; 0 is no limit [default: 1000]
    #[arg(long, value_name = "N")]
    pub max_unauthenticated: Option<u32>,
    /// Refuse a peer that connects after LSTN and before the transfer command, as the letter of RFC 438 has it
    #[arg(long)]
    pub strict_438_listen: bool,
    /// Refuse copies of files within the server (SITE CPFR, SITE CPTO)
    #[arg(long)]
    pub no_site_copy: bool,
    /// Bring each file that was received to stable storage before its final reply, and the list of names under way before a
    /// file is made
    #[arg(long)]
    pub sync: bool,
    /// How long a data port may listen unused [default: 300s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub listen_idle: Option<Duration>,
    /// How long to try to reach a data peer [default: 15s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub connect_timeout: Option<Duration>,
    /// How long to wait for a data peer after the transfer command [default: 60s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub accept_timeout: Option<Duration>,
    /// How long transfers may go on, and be completed, after SIGTERM [default: 30s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub shutdown_grace: Option<Duration>,
    /// Serve metrics for Prometheus at /metrics and liveness at /healthz, to every client that can connect
    /// there
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// Networks that may read the metrics, repeatable [default: every client that can connect there]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub metrics_from: Vec<IpNet>,
    /// Go on as this user, with its groups, after the listeners were opened by root
    #[arg(long, value_name = "USER")]
    pub run_as: Option<String>,
    /// A file to which a line is added for each file that was sent, received or deleted (wu-ftpd's form)
    #[arg(long, value_name = "FILE")]
    pub xferlog: Option<PathBuf>,
    /// The form of the log on standard error [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<log::Format>,
    /// The least important level that is logged [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<log::Level>,
}

/// The values of `--tls-session-reuse`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionReuse {
    /// A data connection that resumes nothing is refused, unless its peer proves itself or is pinned
    Required,
    /// It may resume the session; it then counts as the user's own host
    Preferred,
    /// Nothing is ever resumed
    Off,
}

/// The values of `--tls-close-notify`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum UploadEnd {
    /// An upload without it is cut short: 426, and an old file of that name stays
    Required,
    /// The user's own host may end an upload without it; such a file may be cut short and look whole
    Optional,
}

/// The values of `--sock-reply`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SockReply {
    /// The own socket at once, as RFC 438 has it
    AtOnce,
    /// 200, and the own socket before the transfer, as RFC 354 has it
    Deferred,
}

/// The values of `--gender`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketGender {
    /// They have none: one SOCK serves both directions
    Off,
    /// They have one, as RFC 354 has it
    Strict,
}

impl SocketGender {
    /// The gender that it names.
    pub const fn gender(self) -> Gender {
        match self {
            Self::Off => Gender::Off,
            Self::Strict => Gender::Strict,
        }
    }
}

/// The values of `--foreign`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForeignPolicy {
    /// No foreign host: such a peer is refused
    Never,
    /// Everybody, if the peer proves by RNDZ that it takes part in the transfer
    Proven,
    /// Named users, for any host of the foreign networks
    Authenticated,
}

impl ForeignPolicy {
    /// The policy that it names.
    pub const fn policy(self) -> Foreign {
        match self {
            Self::Never => Foreign::Never,
            Self::Proven => Foreign::Proven,
            Self::Authenticated => Foreign::Authenticated,
        }
    }
}

/// Reads a range of ports, `40000-40099`.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "write two ports from 1 to 65535, the lower first, like 40000-40099".to_owned();
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high): (u16, u16) = low.parse().ok().zip(high.parse().ok()).ok_or_else(wrong)?;
    if low == 0 || low > high { Err(wrong()) } else { Ok(low..=high) }
}

/// An absolute path as sessions have it: without `.`, `..` and needless slashes.
pub(super) fn path(text: &str) -> Result<PathName, &'static str> {
    const EXPECTED: &str = "write an absolute path below /, without .., like /in";
    let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if !text.starts_with('/') || names.is_empty() || names.contains(&"..") {
        return Err(EXPECTED);
    }
    PathName::from_wire(format!("/{}", names.join("/"))).map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_go_upwards() {
        assert_eq!(ports("40000-40099"), Ok(40000..=40099));
        assert_eq!(ports("7-7"), Ok(7..=7));
        for wrong in ["", "40000", "40099-40000", "0-5", "1-65536", "a-b", "1-2-3"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
