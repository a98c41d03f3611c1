//! Where passwords of sites are stored: in files beside the settings, or in the keyring of the session.

use super::add::Key;
use crate::config::{SECRETS, secrets_directory};
use crate::failure::{Failure, Kind, Result, words};
use crate::place::{PasswordSource, check_name};
use crate::state;
use ftp_proto::wire::Secret;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toml_edit::{Array, Value};

/// A password that this run has stored.
pub(super) struct StoredPassword {
    /// The key of the site that names it.
    pub(super) key: Key,
    /// The file that was made for it, if it is in one.
    file: Option<PathBuf>,
}

impl StoredPassword {
    /// Deletes the file again: no site names it.
    pub(super) fn undo(&self) {
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

/// Stores the password of a site in a new file. What is there already may be the password of another site.
pub(super) fn to_file(settings: &Path, site: &str, password: &Secret) -> Result<StoredPassword> {
    let directory = secrets_directory(settings);
    let cannot = |error: &io::Error| {
        Failure::of_this_host(format!("cannot store the password in {}", directory.display()), error)
            .as_kind(Kind::Other)
    };
    let mut bytes = password.expose().to_vec();
    if check_name(site).is_err() || bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        return Err(Failure::usage("the password contains CR, LF or NUL").hint("a password is one line"));
    }
    bytes.push(b'\n');
    let bytes = zeroize::Zeroizing::new(bytes);
    let _locked = state::lock(&directory.join(".all"), TRIES).map_err(|error| cannot(&error))?;
    let name = free_name(&directory, site).map_err(|error| cannot(&error))?;
    let file = directory.join(&name);
    state::replace(&file, &bytes, true).map_err(|error| cannot(&error))?;
    let key = ("password-file".to_owned(), Some(Value::from(format!("{SECRETS}/{name}"))));
    Ok(StoredPassword { key, file: Some(file) })
}

/// The name of a file that is not there: that of the site, else with a number behind it. No name of a site has a `~`.
fn free_name(directory: &Path, site: &str) -> io::Result<String> {
    let numbered = (2..=MOST_FILES).map(|number| format!("{site}~{number}"));
    for name in std::iter::once(site.to_owned()).chain(numbered) {
        match fs::symlink_metadata(directory.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("too many files begin with {site}")))
}

/// Whether [`to_file`] gives files of that site this name.
fn is_file_of(site: &str, name: &str) -> bool {
    match name.split_once('~') {
        Some((before, number)) => before == site && number.parse::<u32>().is_ok(),
        None => name == site,
    }
}

/// Stores the password of a site in the keyring. Returns the key with the program that reads it there.
pub(super) fn to_keyring(site: &str, password: &Secret) -> Result<StoredPassword> {
    let label = format!("--label=ftp-user {site}");
    let failed = |why: String| {
        Failure::new(Kind::Other, "the keyring does not take the password").said(why).hint(
            "install secret-tool (libsecret-tools) and log in to a desktop session, or leave --keyring out",
        )
    };
    let mut child = Command::new(TOOL)
        .args(["store", &label])
        .args(attributes(site))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("{TOOL}: {}", words(&error))))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(password.expose()).map_err(|error| failed(words(&error)))?;
    }
    let status = child.wait().map_err(|error| failed(words(&error)))?;
    if !status.success() {
        return Err(failed(format!("{TOOL} ended with {status}")));
    }
    let command: Array = [TOOL, "lookup"].into_iter().chain(attributes(site)).collect();
    Ok(StoredPassword { key: ("password-command".to_owned(), Some(command.into())), file: None })
}

/// Removes the password that [`to_file`] or [`to_keyring`] has stored for a site, if no site of the settings names it any
/// more. What a person has named is left alone.
pub(super) fn remove(settings: &Path, site: &str, source: Option<&PasswordSource>) -> Result<()> {
    let Some(source) = source else { return Ok(()) };
    let sites = crate::config::load(Some(settings), None)?.sites;
    if sites.iter().filter_map(|(_, place)| place.site.password_source()).any(|other| is_one(source, other)) {
        return Ok(());
    }
    match source {
        PasswordSource::File(file) if is_ours_at(file, &secrets_directory(settings), site) => {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let what = format!("cannot remove the password in {}", file.display());
                    Err(Failure::of_this_host(what, &error).as_kind(Kind::Other))
                }
                Ok(()) | Err(_) => Ok(()),
            }
        }
        PasswordSource::Command(words) if is_ours(words, site) => {
            let cleared =
                Command::new(TOOL).arg("clear").args(attributes(site)).stdin(Stdio::null()).status();
            match cleared {
                Ok(status) if status.success() => Ok(()),
                Ok(_) | Err(_) => {
                    Err(Failure::new(Kind::Other, format!("the keyring keeps the password of {site}"))
                        .hint("remove it there by hand"))
                }
            }
        }
        PasswordSource::File(_) | PasswordSource::Command(_) => Ok(()),
    }
}

/// Whether both are one password.
fn is_one(one: &PasswordSource, other: &PasswordSource) -> bool {
    match (one, other) {
        (PasswordSource::File(one), PasswordSource::File(other)) => one == other || is_same(one, other),
        (PasswordSource::Command(one), PasswordSource::Command(other)) => one == other,
        (PasswordSource::File(_) | PasswordSource::Command(_), _) => false,
    }
}

/// Whether the file is one that [`to_file`] makes for that site.
fn is_ours_at(file: &Path, directory: &Path, site: &str) -> bool {
    let name = file.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| is_file_of(site, name) && is_same(file, &directory.join(name)))
}

/// Whether both are there, and are one file.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

fn is_ours(words: &[String], site: &str) -> bool {
    let ours = [TOOL, "lookup"].into_iter().chain(attributes(site));
    words.iter().map(String::as_str).eq(ours)
}

/// Under which attributes the keyring has the password of a site.
fn attributes(site: &str) -> [&str; 4] {
    ["service", "ftp-user", "site", site]
}

/// The program of libsecret.
const TOOL: &str = "secret-tool";
/// So many files with passwords of one site, at most: each change of a password makes one and deletes the one before.
const MOST_FILES: u32 = 1000;
/// How often the lock is tried, with pauses of 5 ms.
const TRIES: u32 = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_takes_the_place_of_another() {
        let home = tempfile::tempdir().unwrap();
        let settings = home.path().join("config.toml");
        let store = |site: &str, text: &str| to_file(&settings, site, &Secret::new(text)).unwrap();
        let read = |name: &str| fs::read_to_string(home.path().join("secrets").join(name)).unwrap();
        let first = store("lab", "one");
        let second = store("lab", "two");
        assert_eq!((read("lab"), read("lab~2")), ("one\n".to_owned(), "two\n".to_owned()));
        second.undo();
        assert_eq!(read("lab"), "one\n");
        // Another site names the file.
        fs::write(&settings, "[sites.work]\nurl = \"ftp://ann@h/\"\npassword-file = \"secrets/lab\"\n")
            .unwrap();
        let source = PasswordSource::File(first.file.clone().unwrap());
        remove(&settings, "lab", Some(&source)).unwrap();
        assert_eq!(read("lab"), "one\n");
        fs::write(&settings, "").unwrap();
        remove(&settings, "lab", Some(&source)).unwrap();
        assert!(!home.path().join("secrets/lab").exists());
    }

    #[test]
    fn files_of_a_site_have_its_name_and_a_number() {
        for (name, expect) in
            [("lab", true), ("lab~2", true), ("lab~x", false), ("lab2", false), ("la", false)]
        {
            assert_eq!(is_file_of("lab", name), expect, "{name}");
        }
    }
}
