//! The options of the verbs that serve, and the keys of the policy file. Each option is such a key, too.

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueHint};
use ftp_io::program::args::{address, network};
use ftp_io::program::{duration, log, size};
use ftp_io::socket::Congestion;
use ftp_proto::policy::{Allowed, DataPorts};
use ipnet::IpNet;

use crate::at_hub::HubAddress;
use crate::policy::Bounds;

/// The options of one verb, as they are typed or as a file has them.
pub trait Options: Args + Clone + Default + Into<RunOptions> {
    /// What the verb counts: calls, or tunnels and joins.
    const SERVES: Serves;
    /// Whether it needs a listener.
    const LISTENS: bool;
}

/// What a verb serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serves {
    /// Tunnels and joins, to FTP servers.
    Relay,
    /// Calls, between agents and user agents.
    Hub,
}

/// How to relay. These are the options of all verbs that serve; another verb leaves empty what it does not have.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct RunOptions {
    /// Where user agents connect to, repeatable: an address, or unix:/PATH for programs of this host
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<ListenAt>,
    /// The tokens of those who may use the relay, one per line; mode 0600; read again on SIGHUP
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// FTP servers that may be reached, repeatable: CIDR or CIDR:PORTS, with the ports of control connections
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121.
    /// PUBLIC=LOCAL or PUBLIC=LOCAL:PORTS is one server at LOCAL that others know by the address PUBLIC, at the same ports
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// The data ports of these servers to which it connects for a user agent or another agent, repeatable: PORT or
    /// PORT-PORT, with commas between them; without it, to none (such a server can still connect to the relay)
    #[arg(long, value_name = "PORTS")]
    pub data_ports: Vec<DataPorts>,
    /// An address of this host from which it connects to servers and to which they connect, repeatable. Default: the
    /// address of --listen. If that is 0.0.0.0, :: or a Unix socket: the address of the route, and servers connect to
    /// it only if it is public
    #[arg(long, value_name = "IP")]
    pub address: Vec<IpAddr>,
    /// The congestion control of connections that carry data, as the kernel names it [default: that of the system]
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<Congestion>,
    /// What the operator sees.
    #[command(flatten)]
    pub operation: Operation,
}

/// What may be reached from an agent at a hub.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct JoinOptions {
    /// The token of this agent (token --for-agent), and those of its users, one per line; mode 0600; read again on SIGHUP,
    /// when the agent also returns to the hub at once
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// FTP servers that may be reached, repeatable: CIDR or CIDR:PORTS, with the ports of control connections
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121.
    /// PUBLIC=LOCAL or PUBLIC=LOCAL:PORTS is one server at LOCAL that others know by the address PUBLIC, at the same ports
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// The data ports of these servers to which it connects for a user agent or another agent, repeatable: PORT or
    /// PORT-PORT, with commas between them; without it, to none (such a server can still connect to the relay)
    #[arg(long, value_name = "PORTS")]
    pub data_ports: Vec<DataPorts>,
    /// An address of this host from which it connects to servers and to which they connect, repeatable. Default: the
    /// address of the route, and servers connect to it only if it is public
    #[arg(long, value_name = "IP")]
    pub address: Vec<IpAddr>,
    /// The congestion control of connections that carry data, as the kernel names it [default: that of the system]
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<Congestion>,
    /// What the operator sees.
    #[command(flatten)]
    pub operation: Operation,
}

/// Where the hub is, and who may come.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct HubOptions {
    /// Where agents and user agents connect to, repeatable
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may come, one per line, best as token --for-hub prints them; mode 0600; read again
    /// on SIGHUP
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// The congestion control of connections that carry data, as the kernel names it [default: that of the system]
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<Congestion>,
    /// What the operator sees.
    #[command(flatten)]
    pub operation: Operation,
}

/// What the operator sees.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Operation {
    /// Where metrics are served in the text form of Prometheus
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// The networks that may read the metrics, repeatable [default: all]
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub metrics_from: Vec<IpNet>,
    /// A file that gets a line of JSON for each session, for what it carries, and for each refusal; SIGHUP opens it again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub audit: Option<PathBuf>,
    /// At this size the file of --audit is renamed to FILE.1, and a new one begins [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub audit_size: Option<u64>,
    /// The form of the log on standard error [default: text]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub log_format: Option<log::Format>,
    /// The least important level that is logged [default: info]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub log_level: Option<log::Level>,
}

impl Options for RunOptions {
    const SERVES: Serves = Serves::Relay;
    const LISTENS: bool = true;
}

impl Options for JoinOptions {
    const SERVES: Serves = Serves::Relay;
    const LISTENS: bool = false;
}

impl Options for HubOptions {
    const SERVES: Serves = Serves::Hub;
    const LISTENS: bool = true;
}

impl From<JoinOptions> for RunOptions {
    fn from(options: JoinOptions) -> Self {
        let JoinOptions { token_file, allow, data_ports, address, congestion, operation } = options;
        Self { listen: Vec::new(), token_file, allow, data_ports, address, congestion, operation }
    }
}

impl From<HubOptions> for RunOptions {
    fn from(options: HubOptions) -> Self {
        let HubOptions { listen, token_file, congestion, operation } = options;
        let listen = listen.into_iter().map(ListenAt::Address).collect();
        Self { listen, token_file, congestion, operation, ..Self::default() }
    }
}

impl RunOptions {
    /// These options, and those of `file` where these say nothing: the command line beats the file.
    #[must_use]
    pub fn over(self, file: Self) -> Self {
        Self {
            listen: or(self.listen, file.listen),
            token_file: self.token_file.or(file.token_file),
            allow: or(self.allow, file.allow),
            data_ports: or(self.data_ports, file.data_ports),
            address: or(self.address, file.address),
            congestion: self.congestion.or(file.congestion),
            operation: self.operation.over(file.operation),
        }
    }
}

impl Operation {
    fn over(self, file: Self) -> Self {
        Self {
            metrics: self.metrics.or(file.metrics),
            metrics_from: or(self.metrics_from, file.metrics_from),
            audit: self.audit.or(file.audit),
            audit_size: self.audit_size.or(file.audit_size),
            log_format: self.log_format.or(file.log_format),
            log_level: self.log_level.or(file.log_level),
        }
    }
}

fn or<T>(typed: Vec<T>, read: Vec<T>) -> Vec<T> {
    if typed.is_empty() { read } else { typed }
}

/// `[limits]`: what all tokens share.
#[derive(Args, Debug, Default)]
pub struct LimitKeys {
    /// Sessions at the same time [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub sessions: Option<u32>,
    /// Tunnels of a relay at the same time; a copy needs two [default: 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub tunnels: Option<u32>,
    /// Joins of a relay at the same time; a copy needs one [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub joins: Option<u32>,
    /// Calls of a hub at the same time; a copy between two agents needs three [default: 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub calls: Option<u32>,
    /// Tunnels and joins, or calls, that begin within a minute [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub starts_per_minute: Option<u64>,
    /// Bytes per second, all together; of those that wait, the one that has moved least is next [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub rate: Option<NonZeroU64>,
    /// Bytes within a day, all together; the day begins with the first of them [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub bytes_per_day: Option<u64>,
    /// Bytes per second of each tunnel, join or call [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub max_rate: Option<NonZeroU64>,
    /// Bytes of each tunnel, join or call, both directions together [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub max_bytes: Option<u64>,
    /// Longest time of each tunnel, join or call [default: 24h at a relay, no limit at a hub]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub max_time: Option<Duration>,
}

/// `[[groups]]`: what some tokens share, and `[[identities]]`: what the holder of one may do. Every key of `[limits]` is a
/// key of these, too.
#[derive(Args, Debug, Default)]
pub struct RuleKeys {
    /// The name of the group
    #[arg(long, value_name = "NAME", required = true)]
    pub name: String,
    /// The group that it is in [default: none]
    #[arg(long, value_name = "GROUP")]
    pub parent: Option<String>,
    /// FTP servers that may be reached, as in the option `allow` [default: those of the parent, else of the option]
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// The limits of the group or of the token.
    #[command(flatten)]
    pub limits: LimitKeys,
}

impl From<LimitKeys> for Bounds {
    fn from(keys: LimitKeys) -> Self {
        let count = |count: Option<u32>| count.and_then(|count| usize::try_from(count).ok());
        Self {
            sessions: count(keys.sessions),
            tunnels: count(keys.tunnels),
            joins: count(keys.joins),
            calls: count(keys.calls),
            starts: keys.starts_per_minute,
            rate: keys.rate,
            daily: keys.bytes_per_day,
            each_rate: keys.max_rate,
            each_bytes: keys.max_bytes,
            each_time: keys.max_time,
        }
    }
}

/// An address, or a place for programs of the same host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place<A> {
    /// At an address.
    Address(A),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// Where a relay listens; port 0 means any free port.
pub type ListenAt = Place<SocketAddr>;

impl<A> Place<A> {
    fn parse<E: Display>(text: &str, address: impl FnOnce(&str) -> Result<A, E>) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory".to_owned()),
            None => address(text).map(Self::Address).map_err(|error| format!("{error}; or unix:/PATH")),
        }
    }
}

impl FromStr for Place<SocketAddr> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, address)
    }
}

impl FromStr for Place<HubAddress> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, HubAddress::from_str)
    }
}

impl<A: Display> Display for Place<A> {
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

    #[test]
    fn a_relay_is_found_at_an_address_or_a_path() {
        for right in ["relay.example:7000", "[2001:db8::1]:7000", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<Place<HubAddress>>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "relay.example"] {
            assert!(wrong.parse::<Place<HubAddress>>().is_err(), "{wrong}");
        }
    }
}
