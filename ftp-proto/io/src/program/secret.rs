//! Removes the passwords of URLs from texts.

/// The text with `***` for the password of each URL. A URL with mistakes counts too: whatever stands between
/// a colon after `://` and the last `@` before the next blank is taken for a password.
///
/// ```
/// use ftp_io::program::secret::without_passwords;
///
/// let text = "unrecognized subcommand 'ftp://bob:s3cret@h/a'";
/// assert_eq!(without_passwords(text), "unrecognized subcommand 'ftp://bob:***@h/a'");
/// ```
pub fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (word, others) = after.split_at_checked(end).unwrap_or((after, ""));
        out.push_str(&masked(word));
        rest = others;
    }
    out.push_str(rest);
    out
}

/// What follows `://`, without its password.
fn masked(word: &str) -> String {
    let Some((login, host)) = word.rsplit_once('@') else { return word.to_owned() };
    match login.split_once(':') {
        Some((user, _)) => format!("{user}:***@{host}"),
        None => word.to_owned(),
    }
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
    }
}
