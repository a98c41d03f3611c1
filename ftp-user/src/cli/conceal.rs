//! Keeps the passwords of URLs out of listings of processes.

use crate::failure::{Failure, Kind};
use ftp_io::program::reexec;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Returns the arguments of this program, secrets included. If the argument list shows a secret, this
/// program is replaced by itself and this function does not return.
pub fn arguments() -> Result<Vec<OsString>, Failure> {
    reexec::arguments(concealed).map_err(|error| {
        Failure::new(Kind::Other, format!("cannot hide the password in the argument list: {error}"))
            .hint("put it into ~/.netrc")
    })
}

/// The arguments with `***` for each password; `None` if they contain no password.
fn concealed(given: &[OsString]) -> Option<Vec<OsString>> {
    let masks: Vec<_> = given.iter().map(|text| masked(text.as_bytes()).map(OsString::from_vec)).collect();
    masks
        .iter()
        .any(Option::is_some)
        .then(|| given.iter().zip(masks).map(|(text, mask)| mask.unwrap_or_else(|| text.clone())).collect())
}

/// The argument without its password if it is a URL that has one. A URL with a mistake counts too.
fn masked(text: &[u8]) -> Option<Vec<u8>> {
    let scheme = text.windows(3).position(|three| three == b"://")? + 3;
    let rest = text.get(scheme..)?;
    let authority = rest.split(|o| *o == b'/').next()?;
    let at = authority.iter().rposition(|o| *o == b'@')?;
    let colon = authority.get(..at)?.iter().position(|o| *o == b':')?;
    let before = text.get(..scheme + colon)?;
    Some([before, b":***", text.get(scheme + at..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_other_arguments_are_shown_as_they_are() {
        let given = ["ftp-user", "copy", "ftp://a:x=y@h/", "b"].map(OsString::from);
        let shown = ["ftp-user", "copy", "ftp://a:***@h/", "b"].map(OsString::from);
        assert_eq!(concealed(&given).unwrap(), shown);
        assert_eq!(concealed(&shown[..2]), None);
    }
}
