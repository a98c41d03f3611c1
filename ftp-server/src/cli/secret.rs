//! Passwords in the argument list (`--user`) are seen by everybody who lists processes. The program
//! therefore starts itself anew without them; they travel in a memory file that only it has open.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fd::AsRawFd;
use rustix::fs::{MemfdFlags, memfd_create};
use zeroize::Zeroizing;

/// The arguments of this process, `--user` included wherever it came from. Where it stands in the
/// argument list this does not return: the program starts again without it.
///
/// Where that is not possible (no `/proc`) it goes on: what lists processes reads `/proc` too.
pub fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut kept, users) = split(given);
    if users.is_empty() {
        let at = kept.len().min(1);
        kept.splice(at..at, handed_over());
        return kept;
    }
    let error = start_again(&kept, &users);
    tracing::debug!(%error, "cannot start again without passwords in the argument list");
    let at = kept.len().min(1);
    kept.splice(at..at, users);
    kept
}

/// Separates `--user VALUE` and `--user=VALUE`, as `--user=VALUE`, from the other arguments.
fn split(given: impl Iterator<Item = OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let (mut kept, mut users) = (Vec::new(), Vec::new());
    let mut given = given;
    while let Some(argument) = given.next() {
        if argument == "--" {
            kept.push(argument);
            kept.extend(given);
            break;
        }
        if argument.as_bytes().starts_with(PREFIX) {
            users.push(argument);
        } else if argument == "--user" {
            match given.next() {
                Some(value) => users.push(OsString::from_vec([PREFIX, value.as_bytes()].concat())),
                None => kept.push(argument),
            }
        } else {
            kept.push(argument);
        }
    }
    (kept, users)
}

/// Only returns when that fails.
fn start_again(kept: &[OsString], users: &[OsString]) -> io::Error {
    let start = || -> io::Result<io::Error> {
        // Not close-on-exec: the new image finds it under its number.
        let mut file = File::from(memfd_create("users", MemfdFlags::empty())?);
        let text: Vec<&[u8]> = users.iter().map(|user| user.as_bytes()).collect();
        file.write_all(&Zeroizing::new(text.join(&0)))?;
        file.seek(SeekFrom::Start(0))?;
        let path = path(file.as_raw_fd().to_string());
        File::open(&path)?;
        let mut again = Command::new(std::env::current_exe()?);
        if let Some(name) = kept.first() {
            again.arg0(name);
        }
        Ok(again.args(kept.get(1..).unwrap_or_default()).env(VARIABLE, file.as_raw_fd().to_string()).exec())
    };
    start().unwrap_or_else(|error| error)
}

/// What the former image of this program has left, read once and wiped.
fn handed_over() -> Vec<OsString> {
    let Some(number) = std::env::var_os(VARIABLE) else { return Vec::new() };
    let digits = number.to_str().is_some_and(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    if !digits {
        return Vec::new();
    }
    let mut text = Zeroizing::new(Vec::new());
    let read = OpenOptions::new().read(true).write(true).open(path(&number)).and_then(|mut file| {
        file.read_to_end(&mut text)?;
        file.set_len(0)
    });
    if read.is_err() || !text.starts_with(PREFIX) {
        return Vec::new();
    }
    text.split(|&octet| octet == 0).map(|user| OsStr::from_bytes(user).to_owned()).collect()
}

fn path(number: impl AsRef<OsStr>) -> OsString {
    let mut path = OsString::from("/proc/self/fd/");
    path.push(number);
    path
}

const PREFIX: &[u8] = b"--user=";
const VARIABLE: &str = "FTP_SERVER_USERS_FD";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], kept: &[&str], users: &[&str]) {
        let (k, u) = split(given.iter().map(OsString::from));
        assert_eq!(k, kept, "{given:?}");
        assert_eq!(u, users, "{given:?}");
    }

    #[test]
    fn users_are_taken_out_of_the_arguments_in_both_spellings() {
        check(&["p", "--root", "d"], &["p", "--root", "d"], &[]);
        check(&["p", "--user", "a:b", "--root", "d"], &["p", "--root", "d"], &["--user=a:b"]);
        check(&["p", "--user=a:b", "--user", "-c:--"], &["p"], &["--user=a:b", "--user=-c:--"]);
        check(&["p", "--user"], &["p", "--user"], &[]);
        check(&["p", "--", "--user", "a:b"], &["p", "--", "--user", "a:b"], &[]);
    }
}
