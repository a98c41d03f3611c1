//! A password in a URL on the command line is visible to everybody who lists processes: the program
//! runs itself again without it. The whole arguments go through a pipe that only the new program has.

use crate::failure::{Failure, Kind};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The arguments of this program, secrets included. If the command line shows some, this program is
/// replaced by itself and this function does not return.
pub fn arguments() -> Result<Vec<OsString>, Failure> {
    let shown: Vec<OsString> = std::env::args_os().collect();
    if let Some(number) = std::env::var_os(HANDED_OVER) {
        return restore(shown, &number);
    }
    let secret: Vec<(usize, &OsString)> =
        shown.iter().enumerate().filter(|(_, text)| conceals(text)).collect();
    if secret.is_empty() { Ok(shown) } else { Err(again(&shown, &secret)) }
}

/// Whether an argument is a place with a password.
fn conceals(text: &OsStr) -> bool {
    masked(text.as_bytes()).is_some()
}

/// The argument without its password, if it has one. A URL that cannot be used may have one, too.
fn masked(text: &[u8]) -> Option<Vec<u8>> {
    let scheme = text.windows(3).position(|three| three == b"://")? + 3;
    let rest = text.get(scheme..)?;
    let authority = rest.split(|o| *o == b'/').next()?;
    let at = authority.iter().rposition(|o| *o == b'@')?;
    let colon = authority.get(..at)?.iter().position(|o| *o == b':')?;
    let before = text.get(..scheme + colon)?;
    Some([before, b":***", text.get(scheme + at..)?].concat())
}

/// Replaces this program; only a failure comes back.
fn again(shown: &[OsString], secret: &[(usize, &OsString)]) -> Failure {
    match hand_over(shown, secret) {
        Ok(error) | Err(error) => {
            Failure::new(Kind::Other, format!("cannot hide the password in the command line: {error}"))
                .hint("put it into ~/.netrc")
        }
    }
}

fn hand_over(shown: &[OsString], secret: &[(usize, &OsString)]) -> std::io::Result<std::io::Error> {
    let mut parcel = Vec::new();
    for (index, text) in secret {
        parcel.extend_from_slice(format!("{index}=").as_bytes());
        parcel.extend_from_slice(text.as_bytes());
        parcel.push(0);
    }
    if parcel.len() > PIPE {
        return Err(std::io::Error::other("too many places with passwords"));
    }
    let (reader, writer) = std::io::pipe()?;
    (&writer).write_all(&parcel)?;
    drop(writer);
    fcntl_setfd(&reader, FdFlags::empty())?;
    let mut arguments = shown.iter().enumerate().map(|(index, text)| {
        let hidden =
            secret.iter().any(|(secret, _)| *secret == index).then(|| masked(text.as_bytes())).flatten();
        hidden.map_or_else(|| text.clone(), OsString::from_vec)
    });
    let name = arguments.next().unwrap_or_else(|| OsString::from("ftp-user"));
    Ok(Command::new(std::env::current_exe()?)
        .arg0(name)
        .args(arguments)
        .env(HANDED_OVER, reader.as_raw_fd().to_string())
        .exec())
}

fn restore(mut shown: Vec<OsString>, number: &OsStr) -> Result<Vec<OsString>, Failure> {
    let failed =
        |why: String| Failure::new(Kind::Other, format!("the hidden arguments cannot be read: {why}"));
    let number: u32 = number
        .to_str()
        .and_then(|n| n.parse().ok())
        .ok_or_else(|| failed(format!("{HANDED_OVER} is no number")))?;
    let mut parcel = Vec::new();
    std::fs::File::open(format!("/dev/fd/{number}"))
        .and_then(|mut pipe| pipe.read_to_end(&mut parcel))
        .map_err(|error| failed(error.to_string()))?;
    unpack(&mut shown, &parcel);
    Ok(shown)
}

fn unpack(shown: &mut [OsString], parcel: &[u8]) {
    for piece in parcel.split(|o| *o == 0) {
        let mut parts = piece.splitn(2, |o| *o == b'=');
        let index = parts.next().and_then(|n| str::from_utf8(n).ok()?.parse::<usize>().ok());
        if let (Some(index), Some(text)) = (index, parts.next())
            && let Some(place) = shown.get_mut(index)
        {
            *place = OsString::from_vec(text.to_vec());
        }
    }
}

/// Names the pipe in the environment of the new program: a number, no secret.
const HANDED_OVER: &str = "FTP_USER_ARGUMENTS_FD";
/// A pipe holds at least so much before anybody reads it.
const PIPE: usize = 60_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn only_passwords_are_hidden() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(masked(text.as_bytes()), expect.map(|t| t.as_bytes().to_vec()), "{text}");
        };
        check("ftp://bob:s3c/ret@h/a", None); // the password of a URL has no slash
        check("ftp://bob:s3cret@h:2121/a", Some("ftp://bob:***@h:2121/a"));
        check("ftps://bob:p@ss@h", Some("ftps://bob:***@h"));
        check("ftp://bob:@h/", Some("ftp://bob:***@h/"));
        check("ftp://bob@h/", None);
        check("ftp://h:2121/a@b", None);
        check("copy", None);
        check("./a:b@c", None);
    }

    #[test]
    fn what_was_hidden_comes_back() {
        let mut shown: Vec<OsString> =
            ["ftp-user", "copy", "ftp://a:***@h/", "b"].map(OsString::from).to_vec();
        unpack(&mut shown, b"2=ftp://a:x=y@h/\x00");
        assert_eq!(shown, ["ftp-user", "copy", "ftp://a:x=y@h/", "b"].map(OsString::from));
        assert!(Place::parse(shown[2].as_bytes()).is_ok());
    }
}
