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
}
