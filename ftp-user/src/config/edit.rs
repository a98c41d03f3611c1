//! Changes of the settings by this program: comments and order are kept, and what is written can be read.

use super::Settings;
use super::read::{parse, refuse_other_hands};
use crate::failure::{Failure, Kind, Result};
use crate::place::Names;
use crate::shell::{Composites, HostText};
use crate::state;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

/// The settings while they are changed.
#[derive(Debug, Default)]
pub struct Draft {
    document: DocumentMut,
    /// The sites before the change.
    pub before: Names,
}

/// Changes the settings of `file`, which is made if it is not there. No other run changes it meanwhile. It is written only
/// if `change` succeeds and what it has made can be read. `[defaults]` is not looked at, as it is not changed.
///
/// # Errors
///
/// The file cannot be read or written, belongs to others, or has mistakes, before or after the change.
pub fn change<T>(file: &Path, change: impl FnOnce(&mut Draft) -> Result<T>) -> Result<T> {
    let cannot = |error: &io::Error| {
        Failure::of_this_host(format!("cannot change the settings {}", file.display()), error)
            .as_kind(Kind::Other)
    };
    let file = std::path::absolute(file).map_err(|error| cannot(&error))?;
    // A link to a file elsewhere stays one.
    let file = fs::canonicalize(&file).unwrap_or(file);
    let _locked = state::lock(&file, TRIES).map_err(|error| cannot(&error))?;
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(cannot(&error)),
    };
    let facts = fs::metadata(&file).ok();
    if let Some(facts) = &facts {
        refuse_other_hands(&file, facts)?;
    }
    let Settings { sites: before, composites, .. } = parse(&text, &file, None)?;
    let document = text.parse().map_err(|error: toml_edit::TomlError| {
        let why = error.message().replace('\n', " ");
        Failure::usage(format!("cannot change the settings {}: {why}", file.display()))
    })?;
    let mut draft = Draft { document, before };
    let made = change(&mut draft)?;
    let new = draft.document.to_string();
    keep_composites(&composites, &draft.document)?;
    parse(&new, &file, None).map_err(|mistake| mistake.hint("the settings stay as they were"))?;
    if new != text {
        state::replace(&file, new.as_bytes(), true).map_err(|error| cannot(&error))?;
        if let Some(facts) = facts {
            keep_readers(&file, &facts).map_err(|error| cannot(&error))?;
        }
    }
    Ok(made)
}

/// Lets those read the file who could read the one before it, such as the group of a daemon. Where this user may not, the file is
/// for this user alone.
fn keep_readers(file: &Path, before: &Metadata) -> io::Result<()> {
    let facts = fs::metadata(file)?;
    let is_same = (facts.uid(), facts.gid()) == (before.uid(), before.gid());
    if is_same || chown(file, Some(before.uid()), Some(before.gid())).is_ok() {
        fs::set_permissions(file, before.permissions())?;
    }
    Ok(())
}

impl Draft {
    /// The settings as they are written now.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Sets keys of a site, which is made if it is not there. A key of `limits` is written `limits.rate`. `None` removes a
    /// key.
    ///
    /// # Errors
    ///
    /// The sites are written in a way that cannot be changed here.
    pub fn set(&mut self, site: &str, keys: Vec<(String, Option<Value>)>) -> Result<()> {
        let sites = self.document.entry("sites").or_insert_with(implicit);
        let sites = sites.as_table_mut().ok_or_else(by_hand)?;
        let table = sites.entry(site).or_insert_with(|| Item::Table(Table::new()));
        for (key, value) in keys {
            let table = table.as_table_like_mut().ok_or_else(by_hand)?;
            let Some((outer, inner)) = key.split_once('.') else {
                put(table, &key, value);
                continue;
            };
            if value.is_none() && !table.contains_key(outer) {
                continue;
            }
            let nested = table.entry(outer).or_insert_with(|| Item::Value(Value::from(InlineTable::new())));
            let nested = nested.as_table_like_mut().ok_or_else(by_hand)?;
            put(nested, inner, value);
            if nested.is_empty() {
                table.remove(outer);
            }
        }
        Ok(())
    }

    /// Removes a site with the comments right above it. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// The sites are written in a way that cannot be changed here.
    pub fn remove(&mut self, site: &str) -> Result<bool> {
        let Some(sites) = self.document.get_mut("sites") else { return Ok(false) };
        let sites = sites.as_table_like_mut().ok_or_else(by_hand)?;
        let Some(removed) = sites.remove(site) else { return Ok(false) };
        if let Some(table) = removed.as_table() {
            self.keep_comments(table);
        }
        Ok(true)
    }

    /// Gives the comments above a removed table, but those right above it, to the table behind it.
    fn keep_comments(&mut self, removed: &Table) {
        let prefix = removed.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        // An empty line ends the comments of the whole file, or of what was here before.
        let Some(kept) = prefix.rfind("\n\n").and_then(|end| prefix.get(..end + 2)) else { return };
        if !kept.contains('#') {
            return;
        }
        let mut behind = None;
        let end = removed.position();
        each_table(self.document.as_table_mut(), &mut |table| {
            if table.position() > end && behind.is_none_or(|behind| table.position() < behind) {
                behind = Some(table.position());
            }
        });
        let Some(behind) = behind else {
            let trailing = self.document.trailing().as_str().unwrap_or_default().to_owned();
            self.document.set_trailing(format!("{kept}{}", trailing.trim_start_matches('\n')));
            return;
        };
        each_table(self.document.as_table_mut(), &mut |table| {
            if table.position() == behind {
                let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
                let prefix = format!("{kept}{}", prefix.trim_start_matches('\n'));
                table.decor_mut().set_prefix(prefix);
            }
        });
    }
}

/// Refuses sites that the composite directories of the settings do not go with.
///
/// # Errors
///
/// A component is at a site that is not there, or a site has the name of a composite directory.
fn keep_composites(composites: &Composites, document: &DocumentMut) -> Result<()> {
    let sites = document.get("sites").and_then(Item::as_table_like);
    let is_site = |name: &str| sites.is_some_and(|sites| sites.contains_key(name));
    for (composite, components) in composites.iter() {
        if is_site(composite) {
            return Err(Failure::usage(format!(
                "{composite} is the name of a composite directory of the settings"
            ))
            .hint("choose another name; the settings stay as they were"));
        }
        let gone = components.iter().find_map(|component| match &component.host {
            HostText::Site(site) if !is_site(site) => Some(site),
            HostText::Site(_) | HostText::Url(_) | HostText::This => None,
        });
        if let Some(site) = gone {
            return Err(Failure::usage(format!("the composite directory {composite} uses the site {site}"))
                .hint(format!("change [composites.{composite}] first; the settings stay as they were")));
        }
    }
    Ok(())
}

/// Visits every table below this one that has a line of its own.
fn each_table(table: &mut Table, visit: &mut impl FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(below) => {
                if !below.is_implicit() && below.position().is_some() {
                    visit(below);
                }
                each_table(below, visit);
            }
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|below| {
                visit(below);
                each_table(below, visit);
            }),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// Sets a key and keeps the comment behind its value.
fn put(table: &mut dyn toml_edit::TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    if let Some(Item::Value(old)) = table.get(key) {
        *value.decor_mut() = old.decor().clone();
        if let Some(place) = table.get_mut(key) {
            *place = Item::Value(value);
        }
        return;
    }
    table.insert(key, Item::Value(value));
}

/// `[sites]` has no line of its own.
fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn by_hand() -> Failure {
    Failure::usage("the sites are not written as [sites.NAME]").hint("change the settings by hand")
}

/// The directory of the secrets of sites, beside the settings.
pub fn secrets_directory(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let file = fs::canonicalize(&file).unwrap_or(file);
    file.parent().unwrap_or(Path::new("")).join(SECRETS)
}

/// The name of that directory.
pub const SECRETS: &str = "secrets";
/// How often the lock is tried, with pauses of 5 ms: 20 s. Another run may wait for its disk.
const TRIES: u32 = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn text(value: &str) -> Option<Value> {
        Some(Value::from(value))
    }

    fn keys(keys: &[(&str, Option<Value>)]) -> Vec<(String, Option<Value>)> {
        keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    #[test]
    fn comments_and_order_and_readers_are_kept_and_a_new_file_is_this_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sub/config.toml");
        let set =
            |site: &str, pairs: &[(&str, Option<Value>)]| change(&file, |draft| draft.set(site, keys(pairs)));
        set("lab", &[("url", text("ftp://ann@h/")), ("password-file", text("x"))]).unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "[sites.lab]\nurl = \"ftp://ann@h/\"\npassword-file = \"x\"\n"
        );
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let written = "# mine\n[defaults]\ntrust = \"ask\" # always\n\n# the lab\n[sites.lab]\n# where\nurl = \"ftp://ann@h/\" # here\n\n[[relays]]\nname = \"edge\"\naddress = \"h:1\"\ntoken-file = \"t\"\n";
        fs::write(&file, written).unwrap();
        set("lab", &[("url", text("ftp://bob@h/")), ("limits.jobs", Some(Value::from(3)))]).unwrap();
        set("new", &[("url", text("ftp://new/"))]).unwrap();
        assert_eq!(mode(), 0o640, "others may still read it");
        let expect =
            written.replace("\"ftp://ann@h/\" # here\n", "\"ftp://bob@h/\" # here\nlimits = { jobs = 3 }\n");
        let found = fs::read_to_string(&file).unwrap();
        assert!(found.starts_with(expect.split("\n[[relays]]").next().unwrap()), "{found}");
        assert!(found.contains("\n[sites.new]\nurl = \"ftp://new/\"\n"), "{found}");
        set("lab", &[("limits.jobs", None), ("limits.rate", None)]).unwrap();
        assert_eq!(change(&file, |draft| draft.remove("new")), Ok(true));
        assert_eq!(change(&file, |draft| draft.remove("new")), Ok(false));
        let found = fs::read_to_string(&file).unwrap();
        assert!(
            !found.contains("limits") && !found.contains("new") && found.contains("# the lab"),
            "{found}"
        );
    }

    #[test]
    fn a_removed_site_takes_only_the_comments_right_above_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        let check = |before: &str, expect: &str| {
            fs::write(&file, before).unwrap();
            assert_eq!(change(&file, |draft| draft.remove("zz")), Ok(true));
            assert_eq!(fs::read_to_string(&file).unwrap(), expect);
        };
        let site = "# the lab, ask Eve\n# port moved\n[sites.zz]\nurl = \"ftp://h/\"\n";
        let relay = "[[relays]]\nname = \"edge\"\naddress = \"h:1\"\ntoken-file = \"t\"\n";
        check(&format!("# my sites\n\n{site}\n{relay}"), &format!("# my sites\n\n{relay}"));
        check(
            &format!("# my sites\n\n{site}limits = {{ jobs = 3 }}\n\n# ours\n{relay}"),
            &format!("# my sites\n\n# ours\n{relay}"),
        );
        check(&format!("{relay}\n# old\n\n{site}"), &format!("{relay}\n# old\n\n"));
        check(&format!("{site}\n{relay}"), &format!("\n{relay}"));
    }

    #[test]
    fn a_change_that_composite_directories_do_not_go_with_says_which() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        let before = "[sites.lab]\nurl = \"ftp://h/\"\n\n[composites.data]\ncomponents = [\"lab:pub\", \"ftp://b/x\"]\n";
        fs::write(&file, before).unwrap();
        let removed = change(&file, |draft| draft.remove("lab")).unwrap_err().to_string();
        assert!(removed.contains("the composite directory data uses the site lab"), "{removed}");
        let added = change(&file, |draft| draft.set("data", keys(&[("url", text("ftp://x/"))])));
        let added = added.unwrap_err().to_string();
        assert!(added.contains("data is the name of a composite directory"), "{added}");
        assert!(!removed.contains(".toml:") && !added.contains(".toml:"), "{removed} {added}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }

    #[test]
    fn what_cannot_be_read_afterwards_is_not_written() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        for before in ["[sites.lab]\nurl = \"ftp://h/\"\n", "[sites]\nlab = { url = \"ftp://h/\" }\n"] {
            fs::write(&file, before).unwrap();
            let failure = change(&file, |draft| draft.set("lab", keys(&[("url", text("x"))]))).unwrap_err();
            assert!(failure.to_string().contains("stay as they were"), "{failure}");
            assert_eq!(fs::read_to_string(&file).unwrap(), before);
        }
        fs::write(&file, "[sites.lab]\nurl = 7\n").unwrap();
        let failure = change(&file, |draft| draft.remove("lab")).unwrap_err();
        assert!(failure.to_string().contains(":2:7:"), "{failure}");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(change(&file, |draft| draft.remove("lab")).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn runs_at_the_same_time_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    let url = text(&format!("ftp://h{number}/"));
                    change(file, |draft| draft.set(&format!("s{number}"), keys(&[("url", url)]))).unwrap();
                });
            }
        });
        let sites = parse(&fs::read_to_string(&file).unwrap(), &file, None).unwrap().sites;
        assert_eq!(sites.iter().count(), 8);
    }
}
