//! The contents of directories: written as MLSx facts (RFC 3659) and as `ls -l` lines, and read from
//! both and from the other formats of real servers.
//!
//! | data of | read by | date |
//! |---|---|---|
//! | MLSD | facts | exact, UTC |
//! | LIST, UNIX and its cousins | `formats` | minute or day, the server's zone; exact with seconds and zone |
//! | LIST, DOS (IIS) | `formats` | minute, the server's zone |
//! | LIST, EPLF | `formats` | exact, UTC |
//! | LIST, VMS | `formats` | minute, the server's zone |
//! | NLST | the last part of each path | none |
//!
//! [`Lister`] reads all of them. The first line that is an entry decides the format of a LIST.

mod date;
mod formats;
mod lister;
mod pattern;
#[cfg(test)]
mod tests;
mod write;

pub use crate::calendar::{CivilTime, When, civil, facts_time, parse_time, when};
pub use date::year_of;
pub use formats::Format;
pub use lister::{Cut, Lister, ListingItem, Unfit, cut, is_empty_listing};
pub use pattern::Pattern;
pub use write::{FACTS, SELDOM, facts_line, list_line, write_facts_line, write_list_line};

use crate::wire::PathName;
use formats::Row;
use serde::{Deserialize, Serialize};

/// What kind of entry a directory has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory inside the listed one.
    Directory,
    /// The listed directory itself (`cdir`).
    Current,
    /// The parent of the listed directory (`pdir`).
    Parent,
    /// A symbolic link that was not followed.
    Link,
    /// Anything else: a device, FIFO or socket.
    Other,
}

impl Kind {
    /// Whether this is a directory, including `.` and `..`.
    #[must_use]
    pub const fn is_directory(self) -> bool {
        match self {
            Self::Directory | Self::Current | Self::Parent => true,
            Self::File | Self::Link | Self::Other => false,
        }
    }
}

/// How precisely the time of an entry is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Precision {
    /// To the second, in UTC, so that it can be compared with the time at another server.
    #[default]
    Exact,
    /// To the minute, in a time zone that the server does not name, so it may be off by a day.
    Minute,
    /// To the day, in a time zone that the server does not name.
    Day,
}

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name of the entry, or the path in the answer to MLST.
    pub name: PathName,
    /// How many more blanks than one stand before the name in a line of `ls -l`. Some servers fill a column with them,
    /// for others they begin the name, and the line does not tell.
    pub blanks: usize,
    /// What kind of entry it is.
    pub kind: Kind,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
    /// When the entry was last modified, if it is known.
    pub modified: Option<When>,
    /// How precisely `modified` is known.
    pub precision: Precision,
    /// The UNIX permission bits, if they are known.
    pub mode: Option<u32>,
    /// The numbers of the UNIX owner and group, if they are known.
    pub owner: Option<Owner>,
    /// The fact `perm` (RFC 3659 section 7.5.5), if it is known.
    pub perm: Option<String>,
    /// The fact `unique` (RFC 3659 section 7.5.2), if it is known.
    pub unique: Option<String>,
    /// The fact `X.version`, if it is known: another number after each change of a file (`docs/protocol/extensions.md`).
    pub version: Option<u64>,
    /// Where a symbolic link leads, if that may be told.
    pub target: Option<Vec<u8>>,
}

/// What is known of a file or directory.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Facts {
    /// File, directory or something else.
    pub kind: Kind,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
    /// Last change, if it is known exactly.
    pub modified: Option<When>,
    /// The server's own identity of the file, if it is known.
    pub unique: Option<String>,
    /// Another number after each change of the file or of its facts, if it is known. The time tells no change within its second.
    pub version: Option<u64>,
    /// Its permission bits, if they are known.
    pub mode: Option<u32>,
}

impl Facts {
    /// What is known of nothing but its kind.
    pub const fn of_kind(kind: Kind) -> Self {
        Self { kind, size: None, modified: None, unique: None, version: None, mode: None }
    }
}

impl Facts {
    /// How PACK names the file among all that it was or may become: its identity, and its version where that is known.
    ///
    /// ```
    /// use ftp_proto::listing::{Facts, Kind};
    ///
    /// let facts = Facts { unique: Some("8g2".to_owned()), version: Some(31), ..Facts::of_kind(Kind::File) };
    /// assert_eq!(facts.exact_identity().as_deref(), Some("8g2.1f"));
    /// ```
    pub fn exact_identity(&self) -> Option<String> {
        let unique = self.unique.as_ref()?;
        Some(match self.version {
            Some(version) => format!("{unique}.{version:x}"),
            None => unique.clone(),
        })
    }
}

impl From<&Entry> for Facts {
    fn from(entry: &Entry) -> Self {
        let modified = entry.exactly_modified();
        let (unique, mode) = (entry.unique.clone(), entry.mode);
        Self { kind: entry.kind, size: entry.size, modified, unique, version: entry.version, mode }
    }
}

/// Whom a file belongs to on its host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    /// The number of the user.
    pub user: u32,
    /// The number of the group.
    pub group: u32,
}

impl Entry {
    /// Creates an entry about which nothing else is known.
    pub const fn new(name: PathName, kind: Kind) -> Self {
        Self {
            name,
            blanks: 0,
            kind,
            size: None,
            modified: None,
            precision: Precision::Exact,
            mode: None,
            owner: None,
            perm: None,
            unique: None,
            version: None,
            target: None,
        }
    }

    /// Returns when the entry was last modified, if that is precise enough to be compared with another
    /// server.
    pub fn exactly_modified(&self) -> Option<When> {
        self.modified.filter(|_| self.precision == Precision::Exact)
    }
}

/// Parses `fact=value;fact=value; name`. The names of facts and the values of `type` may be in any case;
/// exactly one blank separates the facts from the name. Returns `None` if the line does not have this
/// form or the name cannot be one.
///
/// A blank before the facts is accepted, because MLST adds one in its reply.
///
/// ```
/// use ftp_proto::listing::{Kind, parse_facts};
///
/// let entry = parse_facts(b"type=file;size=4294967297; a name").unwrap();
/// assert_eq!((entry.kind, entry.size), (Kind::File, Some(4294967297)));
/// assert_eq!(entry.name.as_bytes(), b"a name");
/// ```
pub fn parse_facts(line: &[u8]) -> Option<Entry> {
    let entry = |line| {
        let row = row(line)?;
        PathName::from_user(row.name).ok().map(|name| row.entry(name))
    };
    match line.strip_prefix(b" ") {
        Some(rest) => entry(rest).or_else(|| entry(line)),
        None => entry(line),
    }
}

/// Reads a line of MLSD without checking its name.
fn row(line: &[u8]) -> Option<Row<'_>> {
    let blank = line.iter().position(|o| *o == b' ')?;
    let (facts, name) = line.split_at_checked(blank)?;
    let mut row = Row::new(name.strip_prefix(b" ")?, Kind::Other); // until the type says more
    let facts = std::str::from_utf8(facts).ok()?;
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (fact, value) = fact.split_once('=')?;
        match fact.to_ascii_lowercase().as_str() {
            "type" => row.kind = kind(&value.to_ascii_lowercase()),
            "size" => row.size = value.parse().ok(),
            "modify" => row.modified = parse_time(value).map(|when| (when, Precision::Exact)),
            "perm" => row.perm = Some(value.to_ascii_lowercase()),
            "unique" => row.unique = Some(value.to_owned()),
            "x.version" => row.version = u64::from_str_radix(value, 16).ok(),
            "unix.mode" => row.mode = u32::from_str_radix(value, 8).ok().map(|mode| mode & 0o7777),
            _ => {} // RFC 3659 7.5: unknown facts are legal
        }
    }
    Some(row)
}

/// Reads the fact `type` (RFC 3659 section 7.5.1), and links as servers write them:
/// `OS.unix=slink:target`, `OS.unix=symlink`.
fn kind(value: &str) -> Kind {
    match value {
        "file" => Kind::File,
        "dir" => Kind::Directory,
        "cdir" => Kind::Current,
        "pdir" => Kind::Parent,
        _ if value.starts_with("os.unix=slink") || value.starts_with("os.unix=symlink") => Kind::Link,
        _ => Kind::Other,
    }
}

/// The entry in the lines of a positive reply to MLST: the line that begins with a blank (RFC 3659 section 7.2).
pub fn told_facts(lines: &[Vec<u8>]) -> Option<Entry> {
    lines.iter().find_map(|line| parse_facts(line.strip_prefix(b" ").unwrap_or(line)))
}

/// The size in the text of a reply to SIZE, in bytes (RFC 3659 section 4.1).
pub fn told_size(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let number = |word: &str| word.parse().ok();
    let mut words = text.split_whitespace();
    // Most say nothing else, some name the file before, some the unit after it.
    words.clone().next_back().and_then(number).or_else(|| words.find_map(number))
}

/// The time in the text of a reply to MDTM: `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659 section 3.1).
pub fn told_time(text: &[u8]) -> Option<When> {
    let text = str::from_utf8(text).ok()?.split_whitespace().next_back()?;
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    when(i64::from(part(0, 4)?), part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?)
}
