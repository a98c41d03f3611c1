//! The options of the verbs that serve. Each of them is a key of the policy file, too.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use ftp_io::program::args::{address, network};
use ftp_io::program::{log, size};
use ftp_proto::policy::{Allowed, DataPorts};
use ipnet::IpNet;

use super::error::ConfigError;
use super::place::ListenAt;

/// The options of one verb, as they are typed or as a file has them.
pub trait Options: Args + Clone + Default {
    /// Where the verb serves.
    type Place: Clone + PartialEq;
    /// What the verb counts: calls, or tunnels and joins.
    const SERVES: Serves;

    /// These options, and those of `file` where these say nothing: the command line beats the file.
    #[must_use]
    fn over(self, file: Self) -> Self;
    /// Where it serves.
    ///
    /// # Errors
    /// Something is missing.
    fn place(&self) -> Result<Self::Place, ConfigError>;
    /// The file of tokens.
    fn token_file(&self) -> Option<&Path>;
    /// The FTP servers that may be reached where no table names any.
    fn allow(&self) -> &[Allowed];
    /// The data ports of these servers.
    fn data_ports(&self) -> &[DataPorts];
    /// The addresses of its connections with servers.
    fn addresses(&self) -> &[IpAddr];
    /// What the operator sees.
    fn operation(&self) -> &Operation;
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
    type Place = Vec<ListenAt>;
    const SERVES: Serves = Serves::Relay;

    fn over(self, file: Self) -> Self {
        Self {
            listen: or(self.listen, file.listen),
            token_file: self.token_file.or(file.token_file),
            allow: or(self.allow, file.allow),
            data_ports: or(self.data_ports, file.data_ports),
            address: or(self.address, file.address),
            operation: self.operation.over(file.operation),
        }
    }

    fn place(&self) -> Result<Vec<ListenAt>, ConfigError> {
        listeners(&self.listen)
    }

    fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    fn allow(&self) -> &[Allowed] {
        &self.allow
    }

    fn data_ports(&self) -> &[DataPorts] {
        &self.data_ports
    }

    fn addresses(&self) -> &[IpAddr] {
        &self.address
    }

    fn operation(&self) -> &Operation {
        &self.operation
    }
}

impl Options for JoinOptions {
    type Place = ();
    const SERVES: Serves = Serves::Relay;

    fn over(self, file: Self) -> Self {
        Self {
            token_file: self.token_file.or(file.token_file),
            allow: or(self.allow, file.allow),
            data_ports: or(self.data_ports, file.data_ports),
            address: or(self.address, file.address),
            operation: self.operation.over(file.operation),
        }
    }

    fn place(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    fn allow(&self) -> &[Allowed] {
        &self.allow
    }

    fn data_ports(&self) -> &[DataPorts] {
        &self.data_ports
    }

    fn addresses(&self) -> &[IpAddr] {
        &self.address
    }

    fn operation(&self) -> &Operation {
        &self.operation
    }
}

impl Options for HubOptions {
    type Place = Vec<SocketAddr>;
    const SERVES: Serves = Serves::Hub;

    fn over(self, file: Self) -> Self {
        Self {
            listen: or(self.listen, file.listen),
            token_file: self.token_file.or(file.token_file),
            operation: self.operation.over(file.operation),
        }
    }

    fn place(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        listeners(&self.listen)
    }

    fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    fn allow(&self) -> &[Allowed] {
        &[]
    }

    fn data_ports(&self) -> &[DataPorts] {
        &[]
    }

    fn addresses(&self) -> &[IpAddr] {
        &[]
    }

    fn operation(&self) -> &Operation {
        &self.operation
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

fn listeners<P: Clone>(listen: &[P]) -> Result<Vec<P>, ConfigError> {
    if listen.is_empty() { Err(ConfigError::Missing("--listen")) } else { Ok(listen.to_vec()) }
}
