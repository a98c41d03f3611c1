//! What verbs say that change, hash or draw names where they are: mkdir, rm, mv, hash, tree.

use super::json::{self, Line};
use super::listed::Label;
use crate::outcome::Verified;
use ftp_io::program::size;
use ftp_proto::digest::Digest;
use ftp_proto::listing::Kind;
use ftp_proto::wire::{PathName, counted};
use serde::Serialize;
use std::io::{self, Write};
use std::ops::Not;

/// One name was changed, or would be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// What was done: mkdir, rm, mv or move, or of a sync delete, rename or backup.
    pub verb: &'static str,
    /// The place that was changed.
    pub place: String,
    /// The new place, if it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest: Option<String>,
    /// What it is.
    #[serde(rename = "type", serialize_with = "json::kind")]
    pub kind: Kind,
    /// The size of a file in bytes, if it is known.
    #[serde(rename = "bytes")]
    pub size: Option<u64>,
    /// Whether only a plan was asked for.
    #[serde(skip)]
    pub dry_run: bool,
}

impl Change {
    /// It in words.
    pub(super) fn words(&self) -> String {
        let Self { place, kind, dry_run, .. } = self;
        let [make, keep, rename, delete] = match dry_run {
            true => ["would make", "would keep", "would rename", "would delete"],
            false => ["made", "kept", "renamed", "deleted"],
        };
        match (self.verb, &self.dest) {
            ("mkdir", _) => format!("{make} the directory {place}"),
            ("backup", Some(dest)) => format!("{keep} {place} as {dest}"),
            (_, Some(dest)) => format!("{rename} {place} to {dest}"),
            (_, None) if *dry_run => {
                let what = if *kind == Kind::Directory { "the directory " } else { "" };
                let size = self.size.map_or_else(String::new, |bytes| format!(", {}", size::bytes(bytes)));
                format!("{delete} {what}{place}{size}")
            }
            (_, None) => format!("{delete} {place}"),
        }
    }
}

/// The digest of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileDigest {
    /// The place of the file.
    pub place: String,
    /// Its path there.
    pub path: PathName,
    /// What it is called for people.
    pub label: Label,
    /// Its digest and algorithm.
    pub digest: Digest,
    /// Its size in bytes, if it is known.
    pub size: Option<u64>,
    /// Whether its bytes were read and hashed by this program.
    pub was_read: bool,
}

impl FileDigest {
    /// Writes a line as `sha256sum` does, which its option `-c` takes. On a terminal no control character is shown.
    pub(super) fn write(&self, out: &mut impl Write, is_terminal: bool) -> io::Result<()> {
        let hex = self.digest.hex.to_ascii_lowercase();
        let (name, shown) = match &self.label {
            Label::Place(place) => (place.as_bytes(), place.clone()),
            Label::Path(path) => (path.as_bytes(), path.display()),
            Label::Name | Label::Hidden => (self.path.as_bytes(), self.path.display()),
        };
        if is_terminal {
            return writeln!(out, "{hex}  {shown}");
        }
        let mut line = Vec::with_capacity(hex.len() + name.len() + 4);
        // What a line cannot hold is escaped, and a backslash at its beginning says so.
        if name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
            line.push(b'\\');
        }
        line.extend_from_slice(hex.as_bytes());
        line.extend_from_slice(b"  ");
        for byte in name {
            match byte {
                b'\\' => line.extend_from_slice(b"\\\\"),
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                other => line.push(*other),
            }
        }
        line.push(b'\n');
        out.write_all(&line)
    }

    /// The digest, for programs.
    pub(super) fn line(&self) -> Line {
        Line::of("hash")
            .with("place", &self.place)
            .with("algorithm", Verified::Hash(self.digest.algorithm))
            .with("digest", self.digest.hex.to_ascii_lowercase())
            .with("bytes", self.size)
            .with("by", if self.was_read { "user" } else { "host" })
    }
}

/// How a verb has ended that works on names where they are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct VerbSummary {
    /// Whether nothing failed.
    pub ok: bool,
    /// Number of files, of everything that is no directory.
    pub files: u64,
    /// The bytes of the files, as far as they are known.
    pub bytes: u64,
    /// How many seconds it took.
    #[serde(serialize_with = "json::seconds")]
    pub seconds: f64,
    /// Number of failures.
    pub failed: u64,
    /// The verb that has ended.
    pub verb: &'static str,
    /// Number of directories.
    pub directories: u64,
    /// Whether only a plan was asked for.
    #[serde(skip_serializing_if = "Not::not")]
    pub dry_run: bool,
}

impl VerbSummary {
    /// The last line, if people get one.
    pub(super) fn sentence(&self) -> Option<String> {
        let Self { verb, dry_run, files, directories, failed, .. } = self;
        let word = match (*verb, dry_run) {
            ("mkdir", false) => "made",
            ("mkdir", true) => "would make",
            ("mv", false) => "renamed",
            ("mv", true) => "would rename",
            ("rm", false) => "deleted",
            ("rm", true) => "would delete",
            _ => return None,
        };
        // One failure was told already, and there is nothing else.
        if files + directories == 0 && *failed > 0 {
            return None;
        }
        let counts = [(*files, "file"), (*directories, "directory")];
        let mut names: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| several(count, name))
            .collect();
        if names.is_empty() {
            names.push("nothing".to_owned());
        }
        let bytes = match (*verb, files) {
            ("rm", 1..) => format!(", {}", size::bytes(self.bytes)),
            _ => String::new(),
        };
        let failed = match failed {
            0 => String::new(),
            failed => format!("; {} failed", counted(*failed, "name")),
        };
        Some(format!("{word} {}{bytes}{failed}", names.join(" and ")))
    }
}

/// A number of files or directories in words.
pub(crate) fn several(count: u64, name: &str) -> String {
    match (count, name) {
        (1, _) => format!("1 {name}"),
        (_, "directory") => format!("{count} directories"),
        _ => counted(count, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::digest::Algorithm;

    #[test]
    fn lines_of_hash_are_those_of_sha256sum() {
        let check = |name: &str, expect: &str| {
            let digest = Digest { algorithm: Algorithm::Sha256, hex: "AB12".to_owned() };
            let path = PathName::from_wire(name).unwrap();
            let label = Label::Name;
            let hashed = FileDigest {
                place: "ftp://h/x".to_owned(),
                path,
                label,
                digest,
                size: Some(1),
                was_read: false,
            };
            let mut out = Vec::new();
            hashed.write(&mut out, false).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        };
        check("d/a b", "ab12  d/a b\n");
        check("a\\b", "\\ab12  a\\\\b\n");
        check("a\rb", "\\ab12  a\\rb\n");
    }

    #[test]
    fn the_last_line_tells_what_was_done() {
        let ended = |verb, files, directories, bytes, failed, dry_run| VerbSummary {
            verb,
            ok: failed == 0,
            dry_run,
            files,
            directories,
            bytes,
            seconds: 0.1,
            failed,
        };
        let check = |ended: VerbSummary, expect: Option<&str>| {
            assert_eq!(ended.sentence().as_deref(), expect, "{ended:?}");
        };
        check(ended("rm", 3, 1, 2048, 0, false), Some("deleted 3 files and 1 directory, 2.00 KiB"));
        check(ended("rm", 0, 2, 0, 1, false), Some("deleted 2 directories; 1 name failed"));
        check(ended("rm", 1, 0, 5, 0, true), Some("would delete 1 file, 5 B"));
        check(ended("rm", 0, 0, 0, 1, false), None);
        check(ended("mkdir", 0, 0, 0, 0, false), Some("made nothing"));
        check(ended("mkdir", 0, 2, 0, 0, false), Some("made 2 directories"));
        check(ended("mv", 1, 0, 0, 0, false), Some("renamed 1 file"));
        check(ended("hash", 1, 0, 0, 0, false), None);
    }
}
