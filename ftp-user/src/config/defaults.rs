//! `[defaults]`: what options mean where they are not typed.

use super::{OnUnknown, Proxy};
use clap::Command;
use ftp_io::program::settings::{Defaults, Reader};
use toml::de::DeTable;

/// The keys that `[defaults]` may have: options of the command line, which the caller knows.
#[derive(Clone, Debug, Default)]
pub struct DefaultKeys {
    /// The options that may stand there, as they are typed.
    pub options: Command,
    /// The names of other options, and where each of them is written.
    pub elsewhere: Vec<(String, String)>,
}

/// Makes the keys. They are made only for settings that need them.
pub type MakeKeys = fn() -> DefaultKeys;

/// What `[defaults]` says.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// A site may say something else.
    pub(super) trust: Option<OnUnknown>,
    /// A site may say something else.
    pub(super) proxy: Option<Proxy>,
    /// The others, which are the same for all sites.
    pub(super) others: Defaults,
}

/// Reads the table. It is the last one that is read, because the reader learns where options belong.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, keys: Option<MakeKeys>) -> Read {
    let (Some((_, table)), Some(keys)) = (reader.table(table, DEFAULTS), keys) else {
        return Read::default();
    };
    let keys = keys();
    for (name, place) in keys.elsewhere {
        reader.belongs(name, place);
    }
    let mut others = Defaults::read(reader, table, &keys.options, "[defaults] has");
    // clap has read them: a value that cannot be used is told already.
    let trust = others.take("trust").and_then(|text| text.parse().ok());
    let proxy = others.take("proxy").and_then(|text| text.parse().ok());
    Read { trust, proxy, others }
}

/// Whether a key that stands at the top of the file is one of `[defaults]`.
pub(super) fn has(keys: Option<MakeKeys>, name: &str) -> bool {
    keys.is_some_and(|keys| keys().options.get_arguments().any(|arg| arg.get_long() == Some(name)))
}

/// The name of the table.
pub(super) const DEFAULTS: &str = "defaults";
