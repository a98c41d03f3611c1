//! Where passwords of sites are stored: in files beside the settings, or in the keyring of the session.

use super::options::Key;
use crate::config::{SECRETS, secrets_directory};
use crate::failure::{Failure, Kind, words};
use crate::place::{PasswordSource, check_name};
use crate::state;
use ftp_proto::wire::Secret;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use toml_edit::{Array, Value};

/// Stores the password of a site in a file of its own. Returns the key that names it.
///
/// # Errors
///
/// The file cannot be written.
pub(super) fn to_file(settings: &Path, site: &str, password: &Secret) -> Result<Key, Failure> {
    let directory = secrets_directory(settings);
    let file = directory.join(site);
    let cannot = |error: &io::Error| {
        Failure::of_this_host(format!("cannot store the password in {}", file.display()), error)
            .as_kind(Kind::Other)
    };
    let mut bytes = password.expose().to_vec();
    if check_name(site).is_err() || bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        return Err(Failure::usage("the password contains CR, LF or NUL").hint("a password is one line"));
    }
    bytes.push(b'\n');
    let bytes = zeroize::Zeroizing::new(bytes);
    let _locked = state::lock(&directory.join(".all"), TRIES).map_err(|error| cannot(&error))?;
    state::replace(&file, &bytes, true).map_err(|error| cannot(&error))?;
    Ok(("password-file".to_owned(), Some(Value::from(format!("{SECRETS}/{site}")))))
}

/// Stores the password of a site in the keyring. Returns the key with the program that reads it there.
///
/// # Errors
///
/// There is no `secret-tool`, or the keyring does not take it.
pub(super) fn to_keyring(site: &str, password: &Secret) -> Result<Key, Failure> {
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
    Ok(("password-command".to_owned(), Some(command.into())))
}

/// Removes the password that [`to_file`] or [`to_keyring`] has stored for a site. What a person has named is left alone.
pub(super) fn remove(settings: &Path, site: &str, source: Option<&PasswordSource>) -> Result<(), Failure> {
    match source {
        Some(PasswordSource::File(file)) if is_same(file, &secrets_directory(settings).join(site)) => {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let what = format!("cannot remove the password in {}", file.display());
                    Err(Failure::of_this_host(what, &error).as_kind(Kind::Other))
                }
                Ok(()) | Err(_) => Ok(()),
            }
        }
        Some(PasswordSource::Command(words)) if is_ours(words, site) => {
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
        Some(PasswordSource::File(_) | PasswordSource::Command(_)) | None => Ok(()),
    }
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
/// How often the lock is tried, with pauses of 5 ms.
const TRIES: u32 = 4000;
