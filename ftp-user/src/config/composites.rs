//! `[composites.NAME]`: name spaces over directories of several sites, which the shell has from its beginning.

use crate::place::Names;
use crate::shell::{Composites, Directory, Scope};
use ftp_io::program::settings::Reader;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the tables. Their components are at these sites, or on this host.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, sites: &Names) -> Composites {
    let Some((_, all)) = reader.table(table, "composites") else { return Composites::default() };
    let mut scope = Scope::new(sites.clone());
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
    scope.into_composites()
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
        Ok(directory) if !directory.is_local() || directory.is_absolute() => Some(directory),
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
        assert_eq!(parse(SITE, Path::new("x"), None).unwrap().composites.iter().count(), 0);
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
