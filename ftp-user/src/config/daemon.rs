//! What the settings say of the daemon, and of the tokens of its page and API.

use super::read::MakeKeys;
use crate::place::Names;
use ftp_io::program::settings::{self, KeyOption, Reader};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// `[daemon]`: options of the daemon that are not typed. Files are relative to `directory`.
pub(super) fn options(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    directory: &Path,
    keys: Option<MakeKeys>,
) -> Vec<KeyOption> {
    let (Some((_, table)), Some(keys)) = (reader.table(table, "daemon"), keys) else { return Vec::new() };
    let scope = settings::Scope { tables: &[], whose: "[daemon] has", base: directory };
    if let Some((key, _)) = table.get_key_value(STORE_PASSWORD_FILE).filter(|_| table.get(STORE).is_none()) {
        reader.wrong(key.span(), format!("{STORE_PASSWORD_FILE} needs {STORE} beside it"));
    }
    let store = table.get(STORE).filter(|store| store.get_ref().as_str().is_some_and(is_relative));
    if let Some(store) = store {
        reader.wrong(store.span(), "expected a whole path, like sqlite:/DIR/journal.db");
    }
    settings::given(reader, table, &keys().daemon, scope)
}

/// Whether it would be another store in another directory.
fn is_relative(store: &str) -> bool {
    store.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty() && Path::new(path).is_relative())
}

/// `[tokens.NAME]`: the sites that the jobs of a token may use.
pub(super) fn tokens(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    sites: &Names,
) -> BTreeMap<String, Vec<String>> {
    let Some((_, all)) = reader.table(table, "tokens") else { return BTreeMap::new() };
    let mut tokens = BTreeMap::new();
    for (key, value) in all {
        let name = key.get_ref().as_ref();
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong(value.span(), format!("expected a table: write [tokens.{name}]"));
            continue;
        };
        reader.known(table, &["sites"], "a token has");
        let Some(list) = table.get("sites").and_then(|list| list.get_ref().as_array()) else {
            let at = table.get("sites").map_or(key.span(), Spanned::span);
            reader.wrong(at, "expected sites, like [\"lab\", \"backup\"]");
            continue;
        };
        let mut named = Vec::new();
        for item in list {
            let Some((at, site)) = reader.text(item) else { continue };
            match sites.find(site) {
                Ok(_) => named.push(site.to_owned()),
                Err(failure) => reader.wrong(at, failure.what),
            }
        }
        tokens.insert(name.to_owned(), named);
    }
    tokens
}

/// The key that names the store of all jobs.
pub const STORE: &str = "store";
/// The key of the file of its password.
pub const STORE_PASSWORD_FILE: &str = "store-password-file";
