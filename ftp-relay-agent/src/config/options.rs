//! The options of the verbs that serve. Each of them is a key of the policy file, too.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueHint};
use ftp_io::program::args::{address, network};
use ftp_io::program::{log, size};
use ftp_proto::policy::{Allowed, DataPorts};
use ipnet::IpNet;

use super::place::ListenAt;

/// The options of one verb, as they are typed or as a file has them.
pub trait Options: Args + Clone + Default + Into<ServeOptions> {
    /// What the verb counts: calls, or tunnels and joins.
    const SERVES: Serves;
    /// Whether it needs a listener.
    const LISTENS: bool;
}

/// The options of all verbs that serve. A verb leaves empty what it does not have.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Where it listens.
    pub listen: Vec<ListenAt>,
    /// The file of tokens.
    pub token_file: Option<PathBuf>,
    /// The FTP servers that may be reached where no table names any.
    pub allow: Vec<Allowed>,
    /// The data ports of these servers.
    pub data_ports: Vec<DataPorts>,
    /// The addresses of its connections with servers.
    pub address: Vec<IpAddr>,
    /// What the operator sees.
    pub operation: Operation,
}

/// What a verb serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serves {
    /// Tunnels and joins, to FTP servers.
    Relay,
    /// Calls, between agents and user agents.
    Hub,
}

/// How to relay.
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
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121
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
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121
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

impl From<RunOptions> for ServeOptions {
    fn from(options: RunOptions) -> Self {
        let RunOptions { listen, token_file, allow, data_ports, address, operation } = options;
        Self { listen, token_file, allow, data_ports, address, operation }
    }
}

impl From<JoinOptions> for ServeOptions {
    fn from(options: JoinOptions) -> Self {
        let JoinOptions { token_file, allow, data_ports, address, operation } = options;
        Self { listen: Vec::new(), token_file, allow, data_ports, address, operation }
    }
}

impl From<HubOptions> for ServeOptions {
    fn from(options: HubOptions) -> Self {
        let HubOptions { listen, token_file, operation } = options;
        let listen = listen.into_iter().map(ListenAt::Address).collect();
        Self { listen, token_file, operation, ..Self::default() }
    }
}

impl ServeOptions {
    /// These options, and those of `file` where these say nothing: the command line beats the file.
    #[must_use]
    pub fn over(self, file: Self) -> Self {
        Self {
            listen: or(self.listen, file.listen),
            token_file: self.token_file.or(file.token_file),
            allow: or(self.allow, file.allow),
            data_ports: or(self.data_ports, file.data_ports),
            address: or(self.address, file.address),
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
