//! The language of the fixtures: a dialogue with one or two real servers, written as it looks.
//!
//! ```text
//! # B03 [438] the transfer comes from the announced socket     the statement, in words
//! @ both                     old | mod | both: on which listener (both when it is not said)
//! @ flags --gender off       more options of the servers; <free> is a port that nobody uses
//! @ file a.txt hello         a file of site 1; `file2` of site 2
//! @ sites 2                  C2 talks to a second server, else to the same one
//! =: listen p                the test listens; its port is <p>
//! C: SOCK <p>                a command line; C1: and C2: where there are two
//! S: 255 SOCK <n>            a reply: codes, then its text with captures and `*`
//! S?: 255 *                  a reply that may be left out
//! =: accept d at p from <n>  a data connection `d`, from that port
//! S: 252|257/226             alternatives with |, old / new
//! ```
//! Every play has addresses of its own, so that no port of another test is taken for one of its:
//! `<own>` is the test's (`<ownhost>` as one integer, `<owncommas>` as PORT has it), `<third>` a third
//! host's, `<ip1>` and `<ip2>` the servers' (`<host1>`, `<commas1>`, `<port1>` the control port's).
//! Replies: `passive <n>` as text takes the port from 255, 227 or 229. Escapes `\r \n \0 \xNN \s`
//! (a space at the end of a line). `C!:` sends octets without CR LF, `C^:` one octet as urgent data,
//! `S!:` expects octets, `Q:` that nothing was said yet, `E:` the end. `So:` and `Sm:` hold in one
//! dialect only.
//! All steps that start with `=:` are in `play.rs`.

mod play;

use ftp_proto::dialect::Dialect;
use std::fs;
use std::path::{Path, PathBuf};

/// A fixture as it was read.
#[derive(Clone, Debug)]
pub struct Transcript {
    name: String,
    dialects: Vec<Dialect>,
    flags: Vec<String>,
    files: Vec<(usize, String, Vec<u8>)>,
    sites: usize,
    login: bool,
    steps: Vec<(usize, String, String)>,
}

/// The directory of the fixtures.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts")
}

/// All fixtures whose name starts with `prefix`, in order; it is a mistake to ask for none.
pub fn all(prefix: &str) -> Vec<Transcript> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no fixture starts with {prefix}");
    names.iter().map(|name| Transcript::read(name)).collect()
}

/// Plays all fixtures of a prefix in all their dialects, some side by side, and reports every
/// failure by name.
pub fn play_all(prefix: &str) {
    const SIDE_BY_SIDE: usize = 8;
    let plays: Vec<(Transcript, Dialect)> = all(prefix)
        .into_iter()
        .flat_map(|transcript| transcript.dialects.clone().into_iter().map(move |d| (transcript.clone(), d)))
        .collect();
    let mut failed = Vec::new();
    for together in plays.chunks(SIDE_BY_SIDE) {
        let started: Vec<_> = together
            .iter()
            .cloned()
            .map(|(transcript, dialect)| std::thread::spawn(move || transcript.play(dialect)))
            .collect();
        for ((transcript, dialect), play) in together.iter().zip(started) {
            if play.join().is_err() {
                failed.push(format!("{} ({dialect:?})", transcript.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

impl Transcript {
    /// Reads a fixture.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(directory().join(name)).unwrap();
        let mut read = Self {
            name: name.into(),
            dialects: vec![Dialect::Rfc354, Dialect::Rfc959],
            flags: Vec::new(),
            files: Vec::new(),
            sites: 1,
            login: true,
            steps: Vec::new(),
        };
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(setting) = line.strip_prefix("@ ") {
                read.set(setting);
            } else {
                let (head, rest) = line.split_once(':').unwrap_or_else(|| panic!("{name}:{number}: {line}"));
                let (head, rest) = match head {
                    "=" => (head, rest),
                    head => (head, rest.strip_prefix(' ').unwrap_or(rest)),
                };
                read.steps.push((number, head.into(), rest.into()));
            }
        }
        read
    }

    fn set(&mut self, setting: &str) {
        let (word, rest) = setting.split_once(' ').unwrap_or((setting, ""));
        match word {
            "old" => self.dialects = vec![Dialect::Rfc354],
            "mod" => self.dialects = vec![Dialect::Rfc959],
            "both" => {}
            "flags" => self.flags.extend(rest.split_whitespace().map(String::from)),
            "sites" => self.sites = rest.parse().unwrap(),
            "stranger" => self.login = false,
            "file" | "file2" => {
                let (name, content) = rest.split_once(' ').unwrap_or((rest, ""));
                self.files.push((usize::from(word == "file2"), name.into(), unescape(content)));
            }
            _ => panic!("{}: unknown setting {setting:?}", self.name),
        }
    }
}

/// `\r \n \0 \s \\ \xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            octets.push(first);
            continue;
        }
        let (&escape, after) = rest.split_first().expect("a letter follows the backslash");
        rest = after;
        octets.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b'0' => 0,
            b's' => b' ',
            b'\\' => b'\\',
            b'x' => {
                let (hex, after) = rest.split_at(2);
                rest = after;
                u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
            }
            other => panic!("unknown escape \\{}", char::from(other)),
        });
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_octets() {
        assert_eq!(unescape("a\\r\\n\\0\\xffb\\s"), b"a\r\n\0\xffb ");
    }
}
