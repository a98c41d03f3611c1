//! `[[public-address]]`: which address is announced to which clients. The doc comments are the texts of the
//! reference.

use std::path::Path;

use ftp_io::program::settings::{Reader, Scope, section};
use ipnet::IpNet;
use toml::de::DeTable;

use super::text::network;
use crate::operate::public::{Host, PublicRule};

/// One public address.
#[derive(clap::Args, Debug)]
pub struct PublicKeys {
    /// The address, or a name that is looked up every minute
    #[arg(long, value_name = "IP|NAME")]
    pub address: Host,
    /// Networks of the clients that are told this address [default: every network]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub networks: Vec<IpNet>,
}

/// The tables of a file; `public-address = "HOST"` is the option.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Vec<PublicRule> {
    if table.get(PUBLIC).is_some_and(|value| value.get_ref().is_str()) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (at, table) in reader.tables(table, PUBLIC, "address") {
        let scope = Scope { tables: &[], whose: "a public address has", base };
        let read = section::<PublicKeys>(reader, table, &at, scope);
        let Some((PublicKeys { address, networks }, _)) = read else { continue };
        rules.push(PublicRule { networks, host: address });
    }
    rules
}

/// The tables of public addresses.
pub(super) const PUBLIC: &str = "public-address";
