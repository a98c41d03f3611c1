//! Removes the passwords of URLs from texts.

use std::borrow::Cow;

/// Returns the text with `***` for the password of each URL.
///
/// A URL with mistakes counts too. After `://`, whatever stands between a colon and the last `@` before the
/// next blank is taken for a password. In a word without `://`, so is whatever stands between a colon and an
/// `@` after it, unless the word is written as a path (`/...`, `./...`, `../...`).
///
/// ```
/// use ftp_io::program::secret::without_passwords;
///
/// let text = "unrecognized subcommand 'ftp://bob:s3cret@h/a'";
/// assert_eq!(without_passwords(text), "unrecognized subcommand 'ftp://bob:***@h/a'");
/// ```
pub fn without_passwords(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(masked).collect()
}

/// The same for one word of a command line, in which a password may have blanks. A URL that has no host is no exception:
/// what stands behind its first colon is no port, and may be a password.
///
/// ```
/// use ftp_io::program::secret::without_password;
///
/// assert_eq!(without_password("ftp://bob:s3 cret@h/a"), "ftp://bob:***@h/a");
/// assert_eq!(without_password("ftp://bob:s3cret"), "ftp://bob:***");
/// ```
pub fn without_password(word: &str) -> Cow<'_, str> {
    let masked = masked(word);
    if masked != word {
        return masked;
    }
    let Some((scheme, rest)) = word.find("://").and_then(|at| word.split_at_checked(at + 3)) else {
        return masked;
    };
    // The colons of an IPv6 address stand in brackets.
    let behind_address = rest.find(']').filter(|_| rest.starts_with('[')).unwrap_or(0);
    let colon = rest.get(behind_address..).and_then(|rest| rest.find(':')).map(|at| behind_address + at);
    let Some((host, behind)) = colon.and_then(|at| rest.split_at_checked(at)) else { return masked };
    let port = behind.trim_start_matches(':').split(['/', '?', '#']).next().unwrap_or_default();
    let is_path = host.contains('/');
    let is_port = port.len() <= LONGEST_PORT && port.bytes().all(|digit| digit.is_ascii_digit());
    if is_path || is_port { masked } else { format!("{scheme}{host}:***").into() }
}

/// The number of digits of the largest port.
const LONGEST_PORT: usize = 5;

/// A word without the password that it may contain.
fn masked(word: &str) -> Cow<'_, str> {
    let (scheme, rest) = match word.find("://").and_then(|at| word.split_at_checked(at + 3)) {
        Some(parts) => parts,
        None if is_path(word) => return word.into(),
        None => ("", word),
    };
    let Some((login, host)) = rest.rsplit_once('@') else { return word.into() };
    match login.split_once(':') {
        // `ann@host:2121/a@b` has a port, and no password.
        Some((user, _)) if !scheme.is_empty() || !user.contains('@') => {
            format!("{scheme}{user}:***@{host}").into()
        }
        Some(_) | None => word.into(),
    }
}

/// Whether a word, perhaps in quotes, begins like a path of this host.
fn is_path(word: &str) -> bool {
    let word = word.trim_start_matches(['\'', '"']);
    word.starts_with('/') || word.starts_with("./") || word.starts_with("../")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_removed_and_nothing_else() {
        let check = |text: &str, expect: &str| assert_eq!(without_passwords(text), expect, "{text}");
        check("no URL", "no URL");
        check("ftp://h:21/a b@c", "ftp://h:21/a b@c");
        check("ftp://bob@h/a", "ftp://bob@h/a");
        check("'ftp://bob:s3c/re@t@h:21/a' x", "'ftp://bob:***@h:21/a' x");
        check("ftp://a:1@h ftps://b:2@i", "ftp://a:***@h ftps://b:***@i");
        check("://:@", "://:***@");
        check("ftp://a:1@h,ftps://b:2@i", "ftp://a:***@i");
        check("line\nftp://a:1@h\tb", "line\nftp://a:***@h\tb");
    }

    #[test]
    fn the_password_of_a_mistyped_url_is_removed_too() {
        let check = |text: &str, expect: &str| assert_eq!(without_passwords(text), expect, "{text}");
        check("cannot open ftp//ann:s3cret@h/a: no", "cannot open ftp//ann:***@h/a: no");
        check("ftp:/ann:s3cret@h/a", "ftp:***@h/a");
        check("unexpected argument 'ann:s3c@ret@h'", "unexpected argument 'ann:***@h'");
        check("the user ann@h:2121/a@b said: c@d", "the user ann@h:2121/a@b said: c@d");
        check("./a:b@c '/d:e@f' ../g:h@i", "./a:b@c '/d:e@f' ../g:h@i");
    }

    #[test]
    fn a_word_of_a_command_line_is_no_exception_because_of_its_blanks() {
        let check = |text: &str, expect: &str| assert_eq!(without_password(text), expect, "{text}");
        check("ftp://ann:s3c ret@h/x", "ftp://ann:***@h/x");
        check("ftp://ann:s3c\nret@h/x", "ftp://ann:***@h/x");
        check("ann:s3c ret@h", "ann:***@h");
        check("ftp://ann:s3cret", "ftp://ann:***");
        check("ftp://ann:s3c/ret", "ftp://ann:***");
        check("ftp://ann:123456", "ftp://ann:***");
        for plain in [
            "ftp://h/a:b",
            "ftp://h:2121/a",
            "ftp://h:",
            "ftp://[::1]/a",
            "ftp://[::1]:21",
            "auto",
            "a:b",
            "./a:b@c",
        ] {
            check(plain, plain);
        }
        check("ftp://[::1]:s3cret", "ftp://[::1]:***");
    }
}
