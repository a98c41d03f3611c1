//! Removes passwords from the argument list.
//!
//! Every user who lists processes sees their arguments. A program that finds a password among its own
//! therefore starts itself again with a list that shows none. The whole list travels in a file in
//! memory that only the new image of the program has open.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use zeroize::Zeroizing;

/// Returns the arguments of this process, its passwords included.
///
/// `conceal` gets the arguments and returns the list that may be shown, or `None` if it may be shown
/// as it is. Unless it is `None` this process is replaced, and the call does not return.
///
/// # Errors
///
/// The program cannot be started again, for instance because there is no `/proc`. The argument list
/// still shows what `conceal` wanted to hide.
pub fn arguments(conceal: impl FnOnce(&[OsString]) -> Option<Vec<OsString>>) -> io::Result<Vec<OsString>> {
    if let Some(descriptor) = handed_over() {
        return receive(&descriptor);
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    match conceal(&given) {
        Some(shown) => Err(start_again(&given, &shown)),
        None => Ok(given),
    }
}

/// The number of the descriptor that the former image of this process has left. Other processes that
/// inherit the variable have another id.
fn handed_over() -> Option<String> {
    let variable = std::env::var(VARIABLE).ok()?;
    let (process, descriptor) = variable.split_once(':')?;
    let is_number = descriptor.bytes().all(|byte| byte.is_ascii_digit());
    (process.parse() == Ok(std::process::id()) && is_number).then(|| descriptor.to_owned())
}

/// Replaces this process; only a failure comes back.
fn start_again(given: &[OsString], shown: &[OsString]) -> io::Error {
    let start = || -> io::Result<io::Error> {
        let mut file = file()?;
        file.write_all(&pack(given))?;
        file.rewind()?;
        // Without this check the new image might find no arguments.
        File::open(path(&file.as_raw_fd().to_string()))?;
        let mut again = Command::new(std::env::current_exe()?);
        if let Some((name, arguments)) = shown.split_first() {
            again.arg0(name).args(arguments);
        }
        Ok(again.env(VARIABLE, format!("{}:{}", std::process::id(), file.as_raw_fd())).exec())
    };
    start().unwrap_or_else(|error| error)
}

/// A file without a name that stays open in the new image.
#[cfg(target_os = "linux")]
fn file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("arguments", MemfdFlags::empty())?.into())
}

#[cfg(not(target_os = "linux"))]
fn file() -> io::Result<File> {
    use rustix::io::{FdFlags, fcntl_setfd};
    let path = std::env::temp_dir().join(format!("arguments-{}", std::process::id()));
    let file = {
        use std::os::unix::fs::OpenOptionsExt;
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?
    };
    std::fs::remove_file(&path)?;
    fcntl_setfd(&file, FdFlags::empty())?;
    Ok(file)
}

/// Reads the arguments once, and empties the file.
fn receive(descriptor: &str) -> io::Result<Vec<OsString>> {
    let mut text = Zeroizing::new(Vec::new());
    let mut file = OpenOptions::new().read(true).write(true).open(path(descriptor))?;
    file.read_to_end(&mut text)?;
    file.set_len(0)?;
    Ok(unpack(&text))
}

/// An argument cannot contain NUL.
fn pack(arguments: &[OsString]) -> Zeroizing<Vec<u8>> {
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    Zeroizing::new(arguments.join(&0))
}

fn unpack(text: &[u8]) -> Vec<OsString> {
    text.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

fn path(descriptor: &str) -> OsString {
    let mut path = OsString::from(DESCRIPTORS);
    path.push(OsStr::new(descriptor));
    path
}

#[cfg(target_os = "linux")]
const DESCRIPTORS: &str = "/proc/self/fd/";
#[cfg(not(target_os = "linux"))]
const DESCRIPTORS: &str = "/dev/fd/";
/// Names the process and the descriptor; it holds no secret.
const VARIABLE: &str = "FTP_ARGUMENTS_FD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_back_as_they_were() {
        let check = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(unpack(&pack(&arguments)), arguments);
        };
        check(&["program", "copy", "ftp://a:x=y@h/", "b"]);
        check(&["program", "", "--user", "a b\nc"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_handed_over_can_be_read_once() {
        let mut file = file().unwrap();
        file.write_all(b"program\0--user\0ann:secret").unwrap();
        file.rewind().unwrap();
        let descriptor = file.as_raw_fd().to_string();
        assert_eq!(receive(&descriptor).unwrap(), ["program", "--user", "ann:secret"]);
        assert_eq!(receive(&descriptor).unwrap(), [""]);
    }
}
