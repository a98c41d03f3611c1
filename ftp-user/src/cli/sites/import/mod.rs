//! `sites import`: the servers that other programs know. Nothing that is there is overwritten, and what this program has no
//! word for is named.

mod entry;
mod filezilla;
mod rclone;

use self::entry::{ImportedSite, read_lftp, read_netrc};
use super::super::General;
use super::add::store;
use super::options::{Key, settings_file};
use super::secrets;
use crate::config::site_url;
use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::place::check_name;
use crate::report::{Event, SiteShown};
use clap::{Args, ValueEnum};
use ftp_io::named_file::{LARGEST_SETTINGS, NamedFile, Readable};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use toml_edit::Value;
use zeroize::Zeroizing;

/// Options of the import.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// The program that knows them
    #[arg(value_enum, value_name = "PROGRAM")]
    from: From,
    /// Its file, if it is not the usual one
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print what would be added; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// A program that knows servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum From {
    /// Bookmarks of lftp (~/.local/share/lftp/bookmarks or ~/.lftp/bookmarks)
    Lftp,
    /// FTP remotes of rclone (~/.config/rclone/rclone.conf)
    Rclone,
    /// The site manager of FileZilla (~/.config/filezilla/sitemanager.xml)
    Filezilla,
    /// The machines of ~/.netrc
    Netrc,
}

impl From {
    /// The usual files, below the home directory.
    const fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Lftp => &[".local/share/lftp/bookmarks", ".lftp/bookmarks"],
            Self::Rclone => &[".config/rclone/rclone.conf"],
            Self::Filezilla => &[".config/filezilla/sitemanager.xml", ".filezilla/sitemanager.xml"],
            Self::Netrc => &[".netrc"],
        }
    }

    /// The usual file that is there.
    fn file(self) -> Result<PathBuf> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let all: Vec<PathBuf> = self.usual().iter().map(|name| home.join(name)).collect();
        all.iter().find(|file| file.exists()).cloned().ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|file| file.display().to_string()).collect();
            Failure::new(Kind::Missing, format!("there is no file {}", names.join(" and no file ")))
                .hint("name it: ftp-user sites import PROGRAM FILE")
        })
    }
}

/// Runs the verb.
pub(super) fn run(context: &Context, general: &General, args: &ImportArgs) -> Result<Status> {
    let settings = &settings_file(general)?;
    let is_usual = args.file.is_none();
    let file = args.file.clone().map_or_else(|| args.from.file(), Ok)?;
    let text = text(&file, args.from)?;
    let cannot = |why: &str| Failure::usage(format!("cannot import {}: {why}", file.display()));
    let all = match args.from {
        From::Lftp => read_lftp(&text),
        From::Rclone => rclone::read(&text).map_err(cannot)?,
        From::Filezilla => filezilla::read(&text).map_err(|why| cannot(&why))?,
        From::Netrc => read_netrc(&text, is_usual),
    };
    let mut names = BTreeSet::new();
    let mut status = Status::Done;
    for found in &all {
        match import(context, settings, found, &mut names, args.dry_run) {
            Ok(()) => {}
            Err(failure) if failure.kind == Kind::Exists || found.refused.is_some() => {
                context.run.events.warn(failure.to_string());
            }
            Err(failure) => {
                status = Status::Partly;
                context.run.events.warn(failure.to_string());
            }
        }
    }
    if all.is_empty() {
        context.run.events.warn(format!("{} names no FTP server", file.display()));
    }
    Ok(status)
}

/// The text of the file. One with secrets that others may write is refused, and so is a netrc that others may read.
fn text(file: &Path, from: From) -> Result<Zeroizing<String>> {
    let cannot =
        |error: &std::io::Error| Failure::of_this_host(format!("cannot read {}", file.display()), error);
    let opened = NamedFile::open(file, Readable::File).map_err(|error| cannot(&error))?;
    let bits = if from == From::Netrc { 0o077 } else { 0o022 };
    let facts = opened.facts();
    if opened.is_of_another_user() || facts.permissions().mode() & bits != 0 {
        return Err(Failure::usage(format!(
            "others own {} or may {} it",
            file.display(),
            if bits == 0o077 { "read or write" } else { "write" }
        ))
        .hint(format!("chmod 600 {}", file.display())));
    }
    let bytes = opened.read(LARGEST_SETTINGS).map_err(|error| cannot(&error))?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("cannot read {}: it is not UTF-8", file.display())))?;
    Ok(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
}

/// The name for an entry of the file: with its user if an earlier entry has the same one.
fn free_name(found: &ImportedSite, names: &mut BTreeSet<String>) -> Result<String> {
    let user = found.user.as_deref().unwrap_or_default();
    let short = match plain(&found.name) {
        // A site whose name is one letter would look like a drive.
        letter if letter.len() == 1 => plain(&format!("{letter}-{}", found.host)),
        name => name,
    };
    let long = || plain(&format!("{short}-{}", String::from_utf8_lossy(user)));
    let is_free = |name: &String| !names.contains(name);
    let name = Some(short.clone())
        .filter(is_free)
        .or_else(|| Some(long()).filter(|name| !user.is_empty() && is_free(name)));
    let name = name.ok_or_else(|| {
        let what =
            format!("{} is not imported: an earlier entry of the file has the name {short}", found.name);
        Failure::usage(what).hint("sites add NAME URL adds it")
    })?;
    names.insert(name.clone());
    Ok(name)
}

/// Adds one server.
fn import(
    context: &Context,
    settings: &Path,
    found: &ImportedSite,
    names: &mut BTreeSet<String>,
    is_dry: bool,
) -> Result<()> {
    if let Some(why) = &found.refused {
        return Err(Failure::usage(format!("{} is not imported: {why}", found.name)));
    }
    let name = free_name(found, names)?;
    if context.settings.named.find(&name).is_ok() {
        return Err(exists(&name));
    }
    let url = found.url();
    let called = if found.name.trim().is_empty() { "a server without a name" } else { &found.name };
    check_name(&name)
        .map(|()| site_url(&url).map(drop))
        .map_err(|why| {
            Failure::usage(format!("{called} is not imported: {why}")).hint("sites add NAME URL adds it")
        })?
        .map_err(|failure| failure.during(format_args!("{} is not imported", found.name)))?;
    if !found.unmapped.is_empty() {
        context.run.events.warn(format!("of {name} these are not imported: {}", found.unmapped.join(", ")));
    }
    if !is_dry {
        let mut keys: Vec<Key> = vec![("url".to_owned(), Some(Value::from(url.as_str())))];
        keys.extend(found.keys.iter().map(|(key, value)| ((*key).to_owned(), Some(value.clone()))));
        let password = found.password.as_ref().filter(|_| found.user.is_some());
        let stored = password.map(|password| secrets::to_file(settings, &name, password)).transpose()?;
        store(settings, &name, keys, stored, exists(&name))?;
    }
    let done = if is_dry { "would add" } else { "added" };
    let shown = SiteShown { name, url, settings: Vec::new(), done: Some(done), whole: false };
    context.run.events.say(Event::Site(shown));
    Ok(())
}

fn exists(name: &str) -> Failure {
    Failure::new(Kind::Exists, format!("{name} is a site already, and stays as it is"))
}

/// The name with a dash for everything that no name of a site has.
fn plain(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.trim().chars().map(letter).collect();
    name.trim_start_matches(['-', '_', '.']).chars().take(LONGEST).collect()
}

/// The length of the longest name of a site.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_entry_of_one_name_has_its_user_in_its_name() {
        let mut names = BTreeSet::new();
        let mut name = |name: &str, user: Option<&str>| {
            let user = user.map(|user| user.as_bytes().to_vec());
            let host = "h.example".to_owned();
            let found = ImportedSite { name: name.to_owned(), user, host, ..ImportedSite::default() };
            free_name(&found, &mut names)
        };
        assert_eq!(name("ho", Some("ann")).unwrap(), "ho");
        assert_eq!(name("ho", Some("bob")).unwrap(), "ho-bob");
        let failure = name("ho", Some("bob")).unwrap_err().to_string();
        assert!(
            failure.contains("ho is not imported: an earlier entry of the file has the name ho"),
            "{failure}"
        );
        assert_eq!(name("q", None).unwrap(), "q-h.example");
        assert_eq!(name("z\u{fc}rich", None).unwrap(), "z-rich");
        let failure = name("z\u{f6}rich", None).unwrap_err().to_string();
        assert!(failure.contains("z\u{f6}rich is not imported"), "{failure}");
    }

    #[test]
    fn names_of_other_programs_become_plain() {
        for (name, expect) in [("Lab 1", "Lab-1"), ("_x/y", "x-y"), ("z\u{fc}rich", "z-rich"), ("a", "a")] {
            assert_eq!(plain(name), expect);
        }
    }
}
