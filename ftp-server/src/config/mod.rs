//! What the server is told: [`Options`] as typed, [`Config`] as what they mean.

mod compile;
mod raw;
mod text;

pub use compile::ConfigError;
pub use raw::{ForeignPolicy, Options};

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ftp_io::program::log;
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::Timeouts;
use ipnet::IpNet;

use crate::auth::QuickUser;
use crate::limits::Limits;

/// Everything the server must know, without contradictions.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listeners: Vec<Listen>,
    /// What users see as `/`.
    pub root: PathBuf,
    /// The users of the command line.
    pub users: Vec<QuickUser>,
    /// Whether `anonymous` may read.
    pub anonymous: bool,
    /// The foreign policy.
    pub foreign: Foreign,
    /// The foreign networks, when given.
    pub foreign_networks: Option<Vec<IpNet>>,
    /// What counts as the user's own host.
    pub same_host: Vec<IpNet>,
    /// The data ports; any free one without.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// What is announced instead of the local address.
    pub public_address: Option<IpAddr>,
    /// How many sessions.
    pub limits: Limits,
    /// The waits.
    pub timeouts: Timeouts,
    /// The log.
    pub log: Log,
}

/// A listener to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Where; port 0 means any free port.
    pub address: SocketAddr,
    /// What it speaks.
    pub dialect: Dialect,
    /// Whether the operator named it; otherwise it is one of the two default listeners.
    pub named: bool,
}

/// What the log shows and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// Text or JSON.
    pub format: log::Format,
    /// The least important level that is shown.
    pub level: log::Level,
}
