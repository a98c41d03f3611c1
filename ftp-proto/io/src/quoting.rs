//! Words as they are typed into a shell.

use std::ffi::OsStr;

use ftp_proto::wire::misleads;

/// A word as a POSIX shell takes it, whatever is in it. A word that is not UTF-8, or that has characters which cannot be seen or
/// break the line, stands in `$'...'`, which shells before POSIX.1-2024 need not know.
pub fn for_shell(word: impl AsRef<OsStr>) -> String {
    let is_plain = |one: char| (one.is_alphanumeric() && !misleads(one)) || "_@%+=:,./-".contains(one);
    match word.as_ref().to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.contains(misleads) => format!("'{}'", text.replace('\'', r"'\''")),
        Some(_) | None => {
            let escaped = |byte: &u8| match byte {
                b'\'' | b'\\' | ..b' ' | 0x7f.. => format!("\\{byte:03o}"),
                byte => char::from(*byte).to_string(),
            };
            format!("$'{}'", word.as_ref().as_encoded_bytes().iter().map(escaped).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    #[test]
    fn a_word_is_one_word_of_a_shell() {
        for (word, expect) in [
            (b"/var/lib/ftp-user".as_slice(), "/var/lib/ftp-user"),
            (b"a b", "'a b'"),
            (b"e$(touch x)", "'e$(touch x)'"),
            (b"~/it's", r"'~/it'\''s'"),
            (b"", "''"),
            ("m\u{fc}ll".as_bytes(), "m\u{fc}ll"),
            (b"it's 1\xff1\n", r"$'it\047s 1\3771\012'"),
            (b"\x1b[31m\\", r"$'\033[31m\134'"),
            ("a\u{202e}b".as_bytes(), r"$'a\342\200\256b'"),
            ("a\u{3164}".as_bytes(), r"$'a\343\205\244'"),
        ] {
            let quoted = for_shell(OsStr::from_bytes(word));
            assert_eq!(quoted, expect);
            let shell = Command::new("bash").arg("-c").arg(format!("printf %s {quoted}")).output().unwrap();
            assert_eq!(shell.stdout, word, "{quoted}");
        }
    }
}
