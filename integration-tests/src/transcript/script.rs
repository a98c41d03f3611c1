//! The text of a fixture becomes its settings and steps.

use ftp_proto::dialect::Dialect;
use std::fs;
use std::path::{Path, PathBuf};

/// A fixture as it was read.
#[derive(Clone, Debug)]
pub struct Transcript {
    pub(super) name: String,
    pub(super) dialects: Vec<Dialect>,
    pub(super) flags: Vec<String>,
    pub(super) files: Vec<(usize, String, Vec<u8>)>,
    pub(super) sites: usize,
    pub(super) login: bool,
    pub(super) steps: Vec<(usize, String, String)>,
}

/// The directory of the fixtures.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts")
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

/// Bytes of a text with `\r \n \0 \s \\ \xNN`.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&escape, after) = rest.split_first().expect("a letter follows the backslash");
        rest = after;
        bytes.push(match escape {
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
    bytes
}
