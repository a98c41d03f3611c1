//! The settings' TOML, taken apart strictly: every mistake is told with its line, its column and what
//! was expected.

use super::defaults::{self, DEFAULTS, MakeKeys};
use super::{Consent, Near, Relay, Relays, Settings};
use super::{composites, sites};
use crate::failure::Failure;
use ftp_io::program::settings::{self, Mistakes, Reader};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// Reads the text of a settings file. `file` is its name: token files are relative to its directory. `keys` makes the
/// keys of `[defaults]`, which is not looked at without it.
///
/// # Errors
///
/// All mistakes of the text in one line, each with its line and column.
pub fn parse(text: &str, file: &Path, keys: Option<MakeKeys>) -> Result<Settings, Failure> {
    let directory = file.parent().unwrap_or(Path::new(""));
    settings::read(text, |reader, table| whole(reader, table, (directory, keys)))
        .map_err(|mistakes| Failure::usage(Mistakes::new(file, mistakes).to_string()))
}

fn whole(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    (directory, keys): (&Path, Option<MakeKeys>),
) -> Settings {
    for key in table.keys() {
        match key.get_ref().as_ref() {
            known if SECTIONS.contains(&known) => {}
            default if defaults::has(keys, default) => {
                reader.wrong(key.span(), format!("{default:?} does not belong here: write it in [defaults]"));
            }
            other => reader.unknown(key.span(), other, &SECTIONS, "the settings have"),
        }
    }
    let consent = consent(reader, table);
    let mut relays = relays(reader, table, directory);
    let names: Vec<&str> = relays.iter().map(|relay| relay.name.as_str()).collect();
    let mut sites = sites::read(reader, table, directory, &names);
    for relay in &mut relays {
        relay.near.extend(sites.beside(&relay.name).map(|site| Near::Site(site.to_owned())));
    }
    let composites = composites::read(reader, table, &sites.names);
    let names = composites.iter().map(|(name, _)| name.to_owned());
    sites.names = sites.names.clone().beside_composites(names);
    let defaults::Read { trust, proxy, others: defaults } = defaults::read(reader, table, keys);
    Settings { relays: Relays::new(relays), trust, proxy, consent, defaults, sites, composites }
}

/// `[relay]`: what holds for all relays.
fn consent(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Consent> {
    let rules = table.get("relay")?;
    if rules.get_ref().is_array() {
        reader.wrong(
            rules.span(),
            "a relay stands below [[relays]], and [relay] is what holds for all of them",
        );
        return None;
    }
    let (_, table) = reader.table(table, "relay")?;
    reader.known(table, &RELAY_RULES, "[relay] has");
    let (at, text) = reader.text(table.get("consent")?)?;
    reader.parsed(at, text)
}

fn relays(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path) -> Vec<Relay> {
    let mut relays: Vec<Relay> = Vec::new();
    for (at, table) in reader.tables(table, "relays", "relay") {
        let Some(relay) = relay(reader, table, &at, directory) else { continue };
        if relays.iter().any(|other| other.name == relay.name) {
            let at = table.get("name").map_or(at, Spanned::span);
            reader.wrong(at, format!("two relays have the name {:?}: choose another", relay.name));
        }
        relays.push(relay);
    }
    relays
}

fn relay(reader: &mut Reader<'_>, table: &DeTable<'_>, at: &Range<usize>, directory: &Path) -> Option<Relay> {
    reader.known(table, &RELAY, "a relay has");
    let named = reader.required(table, "name", at).map(|(at, text)| name(reader, at, text));
    let address = reader.required(table, "address", at).map(|(at, text)| reader.parsed(at, text));
    let token_file = reader.required(table, "token-file", at).map(|(_, text)| directory.join(text));
    let near = near(reader, table);
    Some(Relay { name: named??, address: address??, token_file: token_file?, near })
}

/// The name appears in messages, so it has no control characters.
fn name(reader: &mut Reader<'_>, at: Range<usize>, text: &str) -> Option<String> {
    let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
    if !fits {
        reader.wrong(at, format!("a name has 1 to {MAX_NAME} characters, and none of control"));
    }
    fits.then(|| text.to_owned())
}

fn near(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Vec<Near> {
    let Some(value) = table.get("near") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else {
        reader.wrong(value.span(), "expected a list, like [\"src.example.net\", \"192.0.2.0/24\"]");
        return Vec::new();
    };
    let mut near = Vec::new();
    for item in list {
        near.extend(reader.text(item).and_then(|(at, text)| reader.parsed(at, text)));
    }
    near
}

const RELAY: [&str; 4] = ["name", "address", "token-file", "near"];
const RELAY_RULES: [&str; 1] = ["consent"];
const SECTIONS: [&str; 5] = ["relays", "relay", DEFAULTS, "sites", "composites"];
const MAX_NAME: usize = 64;
