//! `[[users.exchanges]]`: what a user exchanges with which foreign host. The doc comments are the texts of the
//! reference.

use std::path::Path;

use ftp_io::program::settings::{Reader, Scope, section};
use ftp_proto::command::Direction;
use ftp_proto::policy::Exchange;
use ftp_proto::wire::PathName;
use ipnet::IpNet;
use toml::de::DeTable;

use super::text::{network, path};

/// A rule of exchange.
#[derive(clap::Args, Debug)]
pub struct ExchangeKeys {
    /// Networks of the other server [default: every network]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub peers: Vec<IpNet>,
    /// Whether this server sends the files or receives them [default: both]
    #[arg(long, value_name = "DIRECTION")]
    pub direction: Option<DirectionName>,
    /// The file, or the directory that the files lie beneath, absolute [default: every file]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub path: Option<PathName>,
    /// Only inside TLS (PROT P)
    #[arg(long)]
    pub require_tls: bool,
}

/// The direction of files, seen from this server.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectionName {
    /// This server sends them
    Send,
    /// This server receives them
    Receive,
}

/// The rules of one user.
pub(super) fn exchanges(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Vec<Exchange> {
    let mut rules = Vec::new();
    for (at, table) in reader.tables(table, EXCHANGES, "rule") {
        let scope = Scope { tables: &[], whose: "a rule of exchange has", base };
        let read = section::<ExchangeKeys>(reader, table, &at, scope);
        let Some((keys, _)) = read else { continue };
        let direction = keys.direction.map(|direction| match direction {
            DirectionName::Send => Direction::Send,
            DirectionName::Receive => Direction::Receive,
        });
        let ExchangeKeys { peers, path, require_tls, .. } = keys;
        rules.push(Exchange { peers, direction, path, require_tls });
    }
    rules
}

/// The tables of rules.
pub(super) const EXCHANGES: &str = "exchanges";
