//! Keeps the passwords of URLs out of listings of processes.

use crate::failure::{Failure, Kind, Result};
use crate::journal::as_text::{json_of, text_of};
use crate::place::is_written_as_path;
use ftp_io::program::secret;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Returns the arguments of this program, secrets included. If the argument list shows a secret, this
/// program is replaced by itself and this function does not return.
pub fn arguments() -> Result<Vec<OsString>> {
    secret::arguments(concealed).map_err(|error| {
        Failure::new(Kind::Other, format!("cannot hide the password in the argument list: {error}"))
            .hint("put it into ~/.netrc")
    })
}

/// The arguments with `***` for each password; `None` if they contain no password.
fn concealed(given: &[OsString]) -> Option<Vec<OsString>> {
    let concealed = masked(given, b":***", |_| false);
    (concealed != given).then_some(concealed)
}

/// The arguments without their passwords: what may be stored. `is_plain` says which have none, although they look so.
pub(super) fn without_passwords(given: &[OsString], is_plain: impl Fn(&[u8]) -> bool) -> Vec<OsString> {
    masked(given, b"", is_plain)
}

/// The arguments with this mask in place of each password and its colon.
fn masked(given: &[OsString], mask: &[u8], is_plain: impl Fn(&[u8]) -> bool) -> Vec<OsString> {
    let without = |text: &[u8]| replaced(text, mask).filter(|_| !is_plain(text)).map(OsString::from_vec);
    given.iter().map(|text| without(text.as_bytes()).unwrap_or_else(|| text.clone())).collect()
}

/// Removes the passwords from every text of this value. `is_plain` says which texts have none, although they look so.
pub(super) fn conceal_in(value: &mut Value, is_plain: &impl Fn(&[u8]) -> bool) {
    match (text_of(value), &mut *value) {
        (Some(text), _) => {
            if let Some(plain) = replaced(text.as_bytes(), b"").filter(|_| !is_plain(text.as_bytes())) {
                *value = json_of(OsStr::from_bytes(&plain));
            }
        }
        (None, Value::Array(values)) => values.iter_mut().for_each(|value| conceal_in(value, is_plain)),
        (None, _) => {}
    }
}

/// The argument with the mask in place of the colon and the password if it is a URL that has one. A URL with a mistake
/// counts too: a missing colon or slash, or a slash in the password.
fn replaced(text: &[u8], mask: &[u8]) -> Option<Vec<u8>> {
    let scheme = text.windows(3).position(|three| three == b"://").map_or(0, |at| at + 3);
    if scheme == 0 && is_written_as_path(text) {
        return None;
    }
    let rest = text.get(scheme..)?;
    let authority = rest.split(|o| *o == b'/').next()?;
    let is_url = scheme > 0 && (authority.contains(&b'@') || has_port(authority));
    let login = if is_url { authority } else { rest };
    let at = login.iter().rposition(|o| *o == b'@')?;
    let colon = login.get(..at)?.iter().position(|o| *o == b':')?;
    if scheme == 0 && login.get(..colon)?.contains(&b'@') {
        return None;
    }
    let before = text.get(..scheme + colon)?;
    Some([before, mask, text.get(scheme + at..)?].concat())
}

/// `host:2121`, where a URL without a user has nothing to hide.
fn has_port(authority: &[u8]) -> bool {
    authority
        .iter()
        .position(|o| *o == b':')
        .and_then(|colon| authority.get(colon + 1..))
        .is_some_and(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passwords_are_hidden() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(replaced(text.as_bytes(), b":***"), expect.map(|t| t.as_bytes().to_vec()), "{text}");
        };
        check("ftp://bob:s3cret@h:2121/a", Some("ftp://bob:***@h:2121/a"));
        check("--proxy=socks5://ann:s3cret@h:1080", Some("--proxy=socks5://ann:***@h:1080"));
        check("socks5://ann:s3cret@h:1080", Some("socks5://ann:***@h:1080"));
        check("ftps://bob:p@ss@h", Some("ftps://bob:***@h"));
        check("ftp://bob:@h/", Some("ftp://bob:***@h/"));
        check("ftp://bob@h/", None);
        check("ftp://h:2121/a@b", None);
        check("copy", None);
        check("./a:b@c", None);
        check("ann@h:2121/a@b", None);
        check("--relay=[::1]:2190", None);
        // That of a mistyped URL is hidden, too.
        check("ftp://bob:s3c/ret@h/a", Some("ftp://bob:***@h/a"));
        check("ftp//bob:s3cret@h/a", Some("ftp//bob:***@h/a"));
        check("ftp:/bob:s3cret@h/a", Some("ftp:***@h/a"));
        check("bob:s3cret@h/a", Some("bob:***@h/a"));
        check("--relay-token-file=ftp://bob:s3cret@h/a", Some("--relay-token-file=ftp://bob:***@h/a"));
    }

    #[test]
    fn what_is_stored_has_no_password() {
        let given = ["copy", "ftp://bob:s3cret@h:2121/a", "--proxy=socks5://ann:s3cret@h:1080", "b:c"];
        let stored = without_passwords(&given.map(OsString::from), |_| false);
        assert_eq!(
            stored,
            ["copy", "ftp://bob@h:2121/a", "--proxy=socks5://ann@h:1080", "b:c"].map(OsString::from)
        );
        let given = ["copy", "lab:a@b", "bob:s3cret@h"].map(OsString::from);
        let stored = without_passwords(&given, |word| word.starts_with(b"lab:"));
        assert_eq!(stored, ["copy", "lab:a@b", "bob@h"].map(OsString::from));
    }

    #[test]
    fn the_other_arguments_are_shown_as_they_are() {
        let given = ["ftp-user", "copy", "ftp://a:x=y@h/", "b"].map(OsString::from);
        let shown = ["ftp-user", "copy", "ftp://a:***@h/", "b"].map(OsString::from);
        assert_eq!(concealed(&given).unwrap(), shown);
        assert_eq!(concealed(&shown[..2]), None);
    }
}
