//! The settings' TOML, taken apart strictly: every mistake is told with its line, its column and what
//! was expected.

use super::{Consent, Near, Relay, Settings, sites};
use crate::failure::Failure;
use crate::place::Names;
use crate::shell::{Composites, Directory, Scope};
use clap::Command;
use ftp_io::program::settings::{self, Defaults, Mistakes, Reader};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the text of a settings file. `file` is its name: token files are relative to its directory. `keys` makes the
/// keys of `[defaults]`, which is not looked at without it.
///
/// # Errors
///
/// All mistakes of the text in one line, each with its line and column.
pub fn parse(text: &str, file: &Path, keys: Option<MakeKeys>) -> Result<Settings, Failure> {
    let directory = file.parent().unwrap_or(Path::new(""));
    settings::read(text, |reader, table| whole(reader, table, directory, keys))
        .map_err(|mistakes| Failure::usage(Mistakes::new(file, mistakes).to_string()))
}

fn whole(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path, keys: Option<MakeKeys>) -> Settings {
    let is_default = |name: &str| {
        keys.is_some_and(|keys| keys().options.get_arguments().any(|arg| arg.get_long() == Some(name)))
    };
    for key in table.keys() {
        match key.get_ref().as_ref() {
            known if SECTIONS.contains(&known) => {}
            default if is_default(default) => {
                reader.wrong(key.span(), format!("{default:?} does not belong here: write it in [defaults]"));
            }
            other => reader.unknown(key.span(), other, &SECTIONS, "the settings have"),
        }
    }
    let consent = consent(reader, table);
    let relays = relays(reader, table, directory);
    let names: Vec<&str> = relays.iter().map(|relay| relay.name.as_str()).collect();
    let sites = sites::read(reader, table, directory, &names);
    let composites = composites(reader, table, &sites);
    let sites = sites.beside_composites(composites.keys().cloned());
    // They are the last ones that are read, because the reader learns where options belong.
    let mut defaults = defaults(reader, table, keys);
    // clap has read them: a value that cannot be used is told already.
    let trust = defaults.take("trust").and_then(|text| text.parse().ok());
    let proxy = defaults.take("proxy").and_then(|text| text.parse().ok());
    Settings { relays: relays.into(), trust, proxy, consent, defaults, sites, composites }
}

/// `[defaults]`: what options mean where they are not typed.
fn defaults(reader: &mut Reader<'_>, table: &DeTable<'_>, keys: Option<MakeKeys>) -> Defaults {
    let (Some((_, table)), Some(keys)) = (reader.table(table, "defaults"), keys) else {
        return Defaults::default();
    };
    let keys = keys();
    for (name, place) in keys.elsewhere {
        reader.belongs(name, place);
    }
    Defaults::read(reader, table, &keys.options, "[defaults] has")
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
const SECTIONS: [&str; 5] = ["relays", "relay", "defaults", "sites", "composites"];
const MAX_NAME: usize = 64;

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

/// `[composites.NAME]`: name spaces over directories of several sites, which the shell has from its beginning.
fn composites(reader: &mut Reader<'_>, table: &DeTable<'_>, sites: &Names) -> Composites {
    let Some((_, all)) = reader.table(table, "composites") else { return Composites::default() };
    let mut scope = Scope { sites: sites.clone(), ..Scope::default() };
    for (key, value) in all {
        let name = key.get_ref().as_ref();
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong(value.span(), format!("expected a table: write [composites.{name}]"));
            continue;
        };
        reader.known(table, &["components"], "a composite directory has");
        let list = table.get("components").filter(|list| list.get_ref().as_array().is_some());
        let Some(list) = list else {
            let at = table.get("components").map_or(key.span(), Spanned::span);
            reader.wrong(at, "expected components, like [\"lab:pub\", \"backup:data\"]");
            continue;
        };
        let items = list.get_ref().as_array().into_iter().flatten();
        let components: Vec<Directory> =
            items.filter_map(|item| component(reader, name, item, sites)).collect();
        if components.is_empty() {
            reader.wrong(list.span(), "a composite directory needs components");
        } else if let Err(failure) = scope.add(name, components) {
            reader.wrong(key.span(), format!("composites.{name}: {failure}"));
        }
    }
    scope.composites
}

/// A component: a directory of a site, or of this host by its whole path.
fn component(
    reader: &mut Reader<'_>,
    composite: &str,
    item: &Spanned<DeValue<'_>>,
    sites: &Names,
) -> Option<Directory> {
    let (at, text) = reader.text(item)?;
    match Directory::parse(text, sites) {
        Ok(directory) if !directory.is_local() || directory.is_absolute => Some(directory),
        Ok(_) => {
            let what = match text.split_once(':') {
                Some((name, _)) if !name.contains('/') => {
                    format!("no site is called {name}, which composites.{composite} uses")
                }
                Some(_) | None => {
                    "write SITE:path, a URL, or the whole path of a directory of this host".to_owned()
                }
            };
            reader.wrong(at, what);
            None
        }
        Err(failure) => {
            reader.wrong(at, failure.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use std::path::Path;

    const SITE: &str = "[sites.lab]\nurl = \"ftp://ann@h/\"\n";

    #[test]
    fn composite_directories_are_read_with_their_components() {
        let text =
            format!("{SITE}[composites.data]\ncomponents = [\"lab:pub\", \"ftp://b/x\", \"/srv/in\"]\n");
        let all = parse(&text, Path::new("x"), None).unwrap().composites;
        let shown = all.iter().map(|(name, components)| {
            let components: Vec<String> = components.iter().map(ToString::to_string).collect();
            format!("{name} {}", components.join(" "))
        });
        assert_eq!(shown.collect::<Vec<_>>(), ["data lab:pub ftp://b/x []/srv/in"]);
        assert_eq!(parse(SITE, Path::new("x"), None).unwrap().composites.len(), 0);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (lines, expect) in [
            (
                "[composites.data]\ncomponents = [\"lap:x\"]",
                "4:15: no site is called lap, which composites.data uses",
            ),
            ("[composites.data]\ncomponents = [\"here\"]", "4:15: write SITE:path"),
            ("[composites.data]\ncomponents = []", "4:14: a composite directory needs components"),
            ("[composites.data]", "3:13: expected components"),
            ("[composites.lab]\ncomponents = [\"lab:\"]", "composites.lab: lab is the name of a site"),
            ("[composites.d]\ncomponents = [\"lab:\"]", "a name has 2 to 64"),
            ("[composites.data]\nparts = [\"lab:\"]", "unknown key \"parts\""),
            ("[composites.data]\ncomponents = [\"ftp://u:s3cret@h/\"]", "has no password"),
        ] {
            let failure = parse(&format!("{SITE}{lines}\n"), Path::new("x"), None).unwrap_err().to_string();
            assert!(failure.contains(expect) && !failure.contains("s3cret"), "{lines}: {failure}");
        }
    }
}
