//! What the words of a command say of what is copied: without the options that only say how. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The words of a command without the options that change nothing of what is copied: how a run is shown, how it reaches the
/// servers, by which path and how fast. Whoever types the rest again asks for the same. An option that has several names gets
/// one of them.
pub fn essence(words: &[OsString]) -> Vec<OsString> {
    let mut words = words.iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            kept.push(word.clone());
            kept.extend(words.cloned());
            break;
        }
        let (rest, takes_next) = match bytes {
            [b'-', b'-', long @ ..] => long_option(word, long),
            [b'-', letters @ ..] if !letters.is_empty() => short_options(letters),
            _ => (vec![word.clone()], false),
        };
        kept.extend(rest);
        if takes_next {
            words.next();
        }
    }
    kept
}

/// What is kept of `--name` or `--name=value`, and whether the next word is its value.
fn long_option(word: &OsStr, long: &[u8]) -> (Vec<OsString>, bool) {
    let mut parts = long.splitn(2, |byte| *byte == b'=');
    let (name, value) = (parts.next().unwrap_or_default(), parts.next());
    match MANNERS.iter().find(|manner| manner.long.as_bytes() == name) {
        None => {
            let short = SHORT.iter().find(|(long, _)| long.as_bytes() == name);
            (vec![short.map_or_else(|| word.to_owned(), |(_, short)| short.into())], false)
        }
        Some(manner) => (Vec::new(), manner.has_value && value.is_none()),
    }
}

/// What is kept of options of one letter, as in `-rvj4`, each as a word, and whether the next word is the value of the last one.
fn short_options(letters: &[u8]) -> (Vec<OsString>, bool) {
    let mut kept = Vec::new();
    let mut takes_next = false;
    for (at, letter) in letters.iter().enumerate() {
        match MANNERS.iter().find(|manner| manner.letter == Some(*letter)) {
            None => {
                let letter = if *letter == b'R' { b'r' } else { *letter };
                kept.push(OsString::from_vec(vec![b'-', letter]));
            }
            Some(manner) if manner.has_value => {
                takes_next = at + 1 == letters.len();
                break;
            }
            Some(_) => {}
        }
    }
    (kept, takes_next)
}

/// An option that changes nothing of what is copied.
struct Manner {
    /// Its name behind `--`; nothing if it has a letter alone.
    long: &'static str,
    letter: Option<u8>,
    has_value: bool,
}

const fn flag(long: &'static str) -> Manner {
    Manner { long, letter: None, has_value: false }
}

const fn value(long: &'static str) -> Manner {
    Manner { long, letter: None, has_value: true }
}

const fn letter(letter: u8, manner: Manner) -> Manner {
    Manner { letter: Some(letter), ..manner }
}

/// Flags that change what is copied and have a letter, too, with the word that stands for both.
const SHORT: [(&str, &str); 3] = [("recursive", "-r"), ("dry-run", "-n"), ("yes", "-y")];

/// All of them. A test of the command line says which option is one.
const MANNERS: [Manner; 33] = [
    value("id"),
    // How it is shown, and where it keeps what it knows.
    flag("json"),
    value("color"),
    value("progress"),
    value("state"),
    value("trace"),
    letter(b'v', flag("verbose")),
    letter(b'q', flag("quiet")),
    // How servers are reached and trusted.
    letter(b'4', flag("")),
    letter(b'6', flag("")),
    value("proxy"),
    value("password-file"),
    value("timeout"),
    value("stall"),
    value("unseen"),
    value("retries"),
    value("trust"),
    value("ca"),
    value("pin"),
    flag("insecure"),
    flag("no-tls"),
    // By which path, and how fast.
    value("path"),
    value("relay"),
    value("relay-token-file"),
    value("relay-consent"),
    flag("allow-clear-data"),
    letter(b'j', value("jobs")),
    value("limit"),
    value("changed-parts"),
    flag("resume"),
    flag("no-resume"),
    flag("race"),
    flag("no-race"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_job_runs_is_no_part_of_what_was_asked_for() {
        let check = |one: &str, other: &str, expect| {
            let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
            assert_eq!(essence(&words(one)) == essence(&words(other)), expect, "{one}, {other}");
        };
        check("copy --id n a b", "-v copy a b --id=n", true);
        check("copy --id n a b", "copy --progress never --json a b --id n --trace x", true);
        check("copy --limit 4MB -r a b", "copy -r a b", true);
        check("copy -rvj4 a b", "copy -j 2 -r a b --path direct --retries=9", true);
        check("copy -rj 4 a b", "copy -r -6 a b", true);
        check("copy -r a b", "copy --recursive a b", true);
        check("copy -Rn a b", "copy -r -n a b", true);
        check("copy --id n a b", "copy --id n a c", false);
        check("copy --id n a b", "copy --id n --fail-fast a b", false);
        check("copy --id n -- a -v", "copy --id n -- a", false);
        check("copy -r a b", "copy a b", false);
        check("copy - a", "copy a", false);
        check("copy --limits a b", "copy a b", false);
    }
}
