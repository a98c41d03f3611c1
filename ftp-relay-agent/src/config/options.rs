//! The options of `run`. Each of them is a key of the policy file, too.

use std::net::SocketAddr;
use std::path::PathBuf;

use ftp_io::program::args::{address, network};
use ftp_io::program::{log, size};
use ftp_proto::policy::Allowed;
use ipnet::IpNet;

/// How to relay.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Options {
    /// Where user agents connect to, repeatable; with one address, connections to servers come from it
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may use the relay, one per line; mode 0600; read again on SIGHUP
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// FTP servers that may be reached, repeatable: CIDR or CIDR:PORTS, with the ports of control connections
    /// (PORT, PORT-PORT, PORT/tls for implicit TLS, with commas between them); default ports 21,990/tls,2121
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// Where metrics are served in the text form of Prometheus
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// The networks that may read the metrics, repeatable [default: all]
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub metrics_from: Vec<IpNet>,
    /// A file that gets a line of JSON for each session, tunnel and join, and for each refusal; SIGHUP opens it again
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
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

impl Options {
    /// These options, and those of `file` where these say nothing: the command line beats the file.
    pub(super) fn over(self, file: Self) -> Self {
        let or = |typed: Vec<_>, read| if typed.is_empty() { read } else { typed };
        Self {
            listen: or(self.listen, file.listen),
            token_file: self.token_file.or(file.token_file),
            allow: if self.allow.is_empty() { file.allow } else { self.allow },
            metrics: self.metrics.or(file.metrics),
            metrics_from: if self.metrics_from.is_empty() { file.metrics_from } else { self.metrics_from },
            audit: self.audit.or(file.audit),
            audit_size: self.audit_size.or(file.audit_size),
            log_format: self.log_format.or(file.log_format),
            log_level: self.log_level.or(file.log_level),
        }
    }
}
