//! How names, sites and findings are written: for people in a line or a few, and for programs.

use super::event::{Form, ListedEntry};
use super::json::{self, JsonLine};
use super::sentence::left_undecided;
use crate::outcome::Verified;
use crate::queue::Token;
use ftp_io::program::size;
use ftp_proto::digest::Digest;
use ftp_proto::listing::{Kind, Precision, When, civil};
use ftp_proto::wire::{PathName, counted, show};
use serde::{Serialize, Serializer};
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
    pub(super) fn line(&self) -> JsonLine {
        JsonLine::of("hash")
            .with("place", &self.place)
            .with("algorithm", Verified::Hash(self.digest.algorithm))
            .with("digest", self.digest.hex.to_ascii_lowercase())
            .with("bytes", self.size)
            .with("by", if self.was_read { "user" } else { "host" })
    }
}

/// How a verb has ended that works on names where they are.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
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
    /// Names of which `rm` has not decided, because it ended before: the last one under way may be gone.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub undecided: u64,
    /// Whether only a plan was asked for.
    #[serde(skip_serializing_if = "Not::not")]
    pub dry_run: bool,
}

impl VerbSummary {
    /// The last line, if people get one.
    pub(super) fn sentence(&self) -> Option<String> {
        let Self { verb, dry_run, files, directories, undecided, failed, .. } = self;
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
        if files + directories + undecided == 0 && *failed > 0 {
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
        let undecided = left_undecided(*undecided);
        Some(format!("{word} {}{bytes}{undecided}{failed}", names.join(" and ")))
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

/// The lines of an entry, as its form asks. Its name is as it is, unless it goes to a terminal, which must not see control characters.
pub(super) fn lines(listed: &ListedEntry, to_terminal: bool) -> Vec<u8> {
    let entry = &listed.entry;
    if listed.label == Label::Hidden {
        return Vec::new();
    }
    let before = match listed.form {
        Form::Name => String::new(),
        Form::Long => format!(
            "{}{} {:>14}  {:<20}  ",
            kind_letter(entry.kind),
            entry.mode.map_or_else(|| "----".to_owned(), |mode| format!("{mode:04o}")),
            entry.size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
            entry.modified.map_or_else(|| "-".to_owned(), |at| moment(at, entry.precision)),
        ),
        Form::Facts => return facts(listed).into_bytes(),
    };
    let name = match &listed.label {
        Label::Place(place) => return format!("{before}{place}\n").into_bytes(),
        Label::Path(path) => path,
        Label::Name | Label::Hidden => &entry.name,
    };
    if to_terminal {
        return format!("{before}{}\n", name.display()).into_bytes();
    }
    [before.as_bytes(), name.as_bytes(), b"\n"].concat()
}

fn facts(listed: &ListedEntry) -> String {
    let entry = &listed.entry;
    let facts = [
        ("place", Some(listed.place.clone())),
        ("type", Some(kind_name(entry.kind).to_owned())),
        ("size", entry.size.map(|size| size.to_string())),
        ("modified", entry.modified.map(|at| moment(at, entry.precision))),
        ("mode", entry.mode.map(|mode| format!("{mode:04o}"))),
        ("perm", entry.perm.clone()),
        ("unique", entry.unique.clone()),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| format!("{name}: {value}\n")).collect()
}

const fn kind_letter(kind: Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Directory | Kind::Current | Kind::Parent => 'd',
        Kind::Link => 'l',
        Kind::Other => '?',
    }
}

/// What an entry is, in one word.
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory | Kind::Current | Kind::Parent => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    }
}

/// Writes a moment as `2026-11-20T09:20:14Z`.
pub(super) fn date(seconds: u64) -> String {
    moment(When(i64::try_from(seconds).unwrap_or(i64::MAX)), Precision::Exact)
}

/// A time as far as it is known: no `Z` where the zone is the server's own.
pub(super) fn moment(when: When, precision: Precision) -> String {
    let mut text = civil(when).to_string();
    match precision {
        Precision::Exact => {}
        Precision::Minute => text.truncate(text.len().saturating_sub(":00Z".len())),
        Precision::Day => text.truncate(text.len().saturating_sub("T00:00:00Z".len())),
    }
    text
}

/// What an entry is called for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Label {
    /// By its name.
    Name,
    /// By this path, which is relative to where the shell is.
    Path(PathName),
    /// By its place: several directories that are shown as one have the name.
    Place(String),
    /// It is a directory that was shown already as one of several.
    Hidden,
}

/// A token of the page and the API as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownToken {
    /// What the store has of it.
    pub token: Token,
    /// The token itself, if it was made just now.
    pub text: Option<String>,
}

/// A site of the settings as it is shown. It has no secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SiteShown {
    /// The name of it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What else is set, by its key, in the order in which it is shown.
    #[serde(serialize_with = "by_key")]
    pub settings: Vec<(String, String)>,
    /// What has been done with it, if it was changed just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<&'static str>,
    /// Whether everything that is set is shown to people.
    #[serde(skip)]
    pub whole: bool,
}

/// What a check has found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// What was checked: a site, or this host.
    pub of: String,
    /// Whether other sites are checked by the same command, so that each line for people names its own.
    #[serde(skip)]
    pub is_one_of_several: bool,
    /// The check, in one word.
    pub check: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found.
    #[serde(rename = "message")]
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works as it should.
    Good,
    /// Something to know: it works for most purposes.
    Note,
    /// It does not work.
    Bad,
}

impl Checked {
    /// Something works as it should.
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        let (of, is_one_of_several) = (String::new(), false);
        Self { of, is_one_of_several, check, verdict: Verdict::Good, says: says.into(), hint: None }
    }

    /// Something to know.
    pub fn note(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, hint: Some(hint.into()), ..Self::good(check, says) }
    }

    /// Something does not work.
    pub fn bad(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::note(check, says, hint) }
    }

    /// The finding as one line for people.
    pub(super) fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        let of = if self.is_one_of_several { format!("{:<16} ", self.of) } else { String::new() };
        let line = format!("{mark} {of}{:<11} {}{hint}", self.check, self.says);
        show(line.as_bytes())
    }
}

impl SiteShown {
    /// The site as lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { name, url, settings, done, whole } = self;
        if let Some(done) = done {
            return vec![show(format!("{done} {name}: {url}").as_bytes())];
        }
        if !whole {
            return vec![show(format!("{name:<16} {url}").as_bytes())];
        }
        let all = [("site", name.as_str()), ("url", url)];
        let all = all.into_iter().chain(settings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        all.map(|(key, value)| show(format!("{key:<17} {value}").as_bytes())).collect()
    }
}

fn by_key<S: Serializer>(settings: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(key, value)| (key, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::digest::Algorithm;

    #[test]
    fn lines_of_hash_are_those_of_sha256sum() {
        let check = |name: &str, expect: &str| {
            let digest = Digest { algorithm: Algorithm::Sha256, hex: "AB12".to_owned() };
            let (place, path) = ("ftp://h/x".to_owned(), PathName::from_wire(name).unwrap());
            let (label, size, was_read) = (Label::Name, Some(1), false);
            let hashed = FileDigest { place, path, label, digest, size, was_read };
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
        let ended = |verb, files, directories, bytes, failed, dry_run| {
            let counts = VerbSummary { files, directories, bytes, failed, ..VerbSummary::default() };
            VerbSummary { verb, dry_run, ..counts }
        };
        let check = |ended: VerbSummary, expect: Option<&str>| {
            assert_eq!(ended.sentence().as_deref(), expect, "{ended:?}");
        };
        check(ended("rm", 3, 1, 2048, 0, false), Some("deleted 3 files and 1 directory, 2.00 KiB"));
        check(ended("rm", 0, 2, 0, 1, false), Some("deleted 2 directories; 1 name failed"));
        check(ended("rm", 1, 0, 5, 0, true), Some("would delete 1 file, 5 B"));
        check(ended("rm", 0, 0, 0, 1, false), None);
        let broken_off = VerbSummary { undecided: 40, ..ended("rm", 0, 0, 0, 1, false) };
        check(broken_off, Some("deleted nothing; 40 names left undecided; 1 name failed"));
        check(ended("mkdir", 0, 0, 0, 0, false), Some("made nothing"));
        check(ended("mkdir", 0, 2, 0, 0, false), Some("made 2 directories"));
        check(ended("mv", 1, 0, 0, 0, false), Some("renamed 1 file"));
        check(ended("hash", 1, 0, 0, 0, false), None);
    }

    #[test]
    fn dates_are_utc() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Exact), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Minute), "1970-01-01T00:00");
        assert_eq!(moment(When(0), Precision::Day), "1970-01-01");
    }

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        assert_eq!(Checked::good("tls", "TLS 1.3").line(), "ok   tls         TLS 1.3");
        let bad = Checked::bad("clock", "it is a day behind\u{1b}", "set it");
        assert_eq!(bad.line(), "BAD  clock       it is a day behind%1B; set it");
        let of_lab = Checked { of: "lab".into(), is_one_of_several: true, ..Checked::good("tls", "TLS 1.3") };
        assert_eq!(of_lab.line(), "ok   lab              tls         TLS 1.3");
    }

    #[test]
    fn a_site_is_a_line_of_a_list_or_has_a_line_for_each_setting() {
        let site = SiteShown {
            name: "lab".into(),
            url: "ftp://ann@h".into(),
            settings: vec![("password".into(), "from the file /x".into())],
            done: None,
            whole: false,
        };
        assert_eq!(site.lines(), ["lab              ftp://ann@h"]);
        let whole = SiteShown { whole: true, ..site.clone() };
        assert_eq!(
            whole.lines(),
            ["site              lab", "url               ftp://ann@h", "password          from the file /x"]
        );
        assert_eq!(SiteShown { done: Some("added"), ..site }.lines(), ["added lab: ftp://ann@h"]);
    }
}
