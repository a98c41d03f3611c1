//! The formats of LIST, and what a line says before its name is checked. The first line that one of them can read decides for
//! the whole listing.
//!
//! UNIX and its cousins write lines as `ls -l` does, IIS and other servers on DOS and Windows `07-12-24  10:20PM  <DIR>  name`,
//! the Easily Parsed LIST Format `+i8388621.48594,m825718503,r,s280,<TAB>name`, and VMS `NAME.EXT;7  2/3  30-DEC-1996 17:44
//! [OWNER] (RWED,RE,,)`, where a long name has a line of its own.

use super::date::{self, Months, TimeOfDay};
use super::{Entry, Kind, Precision, When};
use crate::wire::{PathName, decimal, unindented};

/// A line that could be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row<'a> {
    pub(super) name: &'a [u8],
    /// How many more blanks than one stand before the name.
    pub(super) blanks: usize,
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<(When, Precision)>,
    pub(super) mode: Option<u32>,
    pub(super) perm: Option<String>,
    pub(super) unique: Option<String>,
    pub(super) version: Option<u64>,
}

impl<'a> Row<'a> {
    pub(super) const fn new(name: &'a [u8], kind: Kind) -> Self {
        let (size, modified, mode, perm, unique, version) = (None, None, None, None, None, None);
        Self { name, blanks: 0, kind, size, modified, mode, perm, unique, version }
    }

    pub(super) fn entry(self, name: PathName) -> Entry {
        Entry {
            name,
            blanks: self.blanks,
            kind: self.kind,
            size: self.size,
            modified: self.modified.map(|(when, _)| when),
            precision: self.modified.map(|(_, precision)| precision).unwrap_or_default(),
            mode: self.mode,
            owner: None,
            perm: self.perm,
            unique: self.unique,
            version: self.version,
            target: None,
        }
    }
}

/// The words of a line. What follows the last word taken is kept as it is.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    pub(super) const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let text = unindented(self.rest);
        let end = text.iter().position(|o| *o == b' ').unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        // A word that is not UTF-8 is the name of an owner, from which nothing is read.
        if word.is_empty() { None } else { Some(std::str::from_utf8(word).unwrap_or("?")) }
    }

    /// Returns how many blanks come next.
    pub(super) const fn blanks(self) -> usize {
        self.rest.len() - unindented(self.rest).len()
    }

    /// Returns what follows, without leading blanks.
    pub(super) const fn rest(self) -> &'a [u8] {
        unindented(self.rest)
    }
}

/// Parses a decimal number.
pub(super) fn number<N: std::str::FromStr>(word: &str) -> Option<N> {
    decimal(word.as_bytes()).ok()
}

/// The formats of LIST that this crate reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Format {
    /// The format of `ls -l`, which most servers use.
    Unix,
    /// The format of DIR on DOS and Windows, which IIS uses.
    Dos,
    /// The Easily Parsed LIST Format (EPLF).
    Eplf,
    /// The format of DIRECTORY on VMS.
    Vms,
}

impl Format {
    const ALL: [Self; 4] = [Self::Unix, Self::Dos, Self::Eplf, Self::Vms];

    /// Returns the format of a line that is an entry. No line is an entry in two formats.
    pub fn of(line: &[u8], now: When) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.row(line, now).is_some())
    }

    /// Reads a line in this format.
    pub(super) fn row(self, line: &[u8], now: When) -> Option<Row<'_>> {
        match self {
            Self::Unix => unix_row(line, now),
            Self::Dos => dos_row(line),
            Self::Eplf => eplf_row(line),
            Self::Vms => vms_name(line).map(|named| named.row()),
        }
    }
}

/// Whether a line is one that stands around the entries of listings: `total 12` in any language,
/// `Directory DISK:[USER]`, `Total of 3 files, 12 blocks.`
pub(super) fn is_frame(line: &[u8]) -> bool {
    let mut words = Words::new(line);
    match (words.next(), words.next(), words.next()) {
        (None, _, _) => true,
        (Some(_), Some(blocks), None) if number::<u64>(blocks).is_some() => true,
        (Some("Directory"), Some(_), None) => true,
        (Some("Total"), Some("of"), Some(_)) | (Some("Grand"), Some("total"), Some("of")) => true,
        (Some("total"), Some(_), None | Some(_)) => true, // total 12K, total used in directory 12
        (Some(_), _, _) => false,
    }
}

/// Reads one line of `ls -l`. The number of links, the owner and the group may be missing or consist of
/// several words, so the size is the last number before a date. Blanks before a name are dropped,
/// because some servers add them, and counted, because they may belong to it.
pub(super) fn unix_row(line: &[u8], now: When) -> Option<Row<'_>> {
    let mut words = Words::new(line);
    let (kind, mode) = rights(&mut words)?;
    let (size, modified) = size_and_date(&mut words, now)?;
    let (blanks, rest) = (words.blanks().saturating_sub(1), words.rest());
    let name = match kind {
        Kind::Link => memchr::memmem::find(rest, b" -> ").and_then(|at| rest.get(..at)).unwrap_or(rest),
        Kind::File | Kind::Directory | Kind::Current | Kind::Parent | Kind::Other => rest,
    };
    // The number before the date of a device is its minor number.
    let size = size.filter(|_| kind != Kind::Other);
    (!name.is_empty()).then(|| Row { blanks, size, modified: Some(modified), mode, ..Row::new(name, kind) })
}

/// Reads `drwxr-xr-x`, perhaps followed by `+`, `.` or `@`, or NetWare's `d [RWCEAFMS]`.
fn rights(words: &mut Words<'_>) -> Option<(Kind, Option<u32>)> {
    let word = words.next()?;
    let (letter, rights) = word.split_at_checked(1)?;
    let kind = match letter {
        "-" => Kind::File,
        "d" => Kind::Directory,
        "l" => Kind::Link,
        "b" | "c" | "p" | "s" | "D" | "n" => Kind::Other,
        _ => return None,
    };
    if rights.is_empty() {
        return words.next().filter(|trustees| is_netware(trustees)).map(|_| (kind, None));
    }
    if is_netware(rights) {
        return Some((kind, None));
    }
    bits(rights.trim_end_matches(['+', '.', '@'])).map(|mode| (kind, Some(mode)))
}

fn is_netware(trustees: &str) -> bool {
    trustees.len() == 10 && trustees.starts_with('[') && trustees.ends_with(']')
}

/// Reads the bits of `rwxr-sr-t`.
fn bits(rights: &str) -> Option<u32> {
    if rights.len() != 9 {
        return None;
    }
    let mut mode = 0;
    for (shift, right) in (0..9).rev().zip(rights.chars()) {
        let special = 0o1000 << (shift / 3);
        mode |= match right {
            '-' => 0,
            'r' | 'w' | 'x' => 1 << shift,
            's' | 't' => 1 << shift | special,
            'S' | 'T' => special,
            'l' | 'L' => special, // mandatory locking, System V
            _ => return None,
        };
    }
    Some(mode)
}

/// When an entry was modified, and how precisely that is known.
type Stamp = (When, Precision);

/// Reads the size and the date. Owner, group and size can look like a date whose month is a number; such
/// a date is used only if there is no other.
fn size_and_date(words: &mut Words<'_>, now: When) -> Option<(Option<u64>, Stamp)> {
    let mut again = *words;
    before_date(words, Months::Names, now).or_else(|| {
        let found = before_date(&mut again, Months::Numbers, now);
        *words = again;
        found
    })
}

/// Skips what stands before a number that is followed by a date.
fn before_date(words: &mut Words<'_>, months: Months, now: When) -> Option<(Option<u64>, Stamp)> {
    // The number of links, owner and group, which may be several words, and the major number of a
    // device.
    for _ in 0..8 {
        let word = words.next()?;
        // The numbers of a device, `1, 3` or `1,3`, or in hexadecimal.
        let device = word.split_once(',').is_some_and(|(major, _)| number::<u32>(major).is_some());
        if number::<u64>(word).is_none() && !device && !word.starts_with("0x") {
            continue;
        }
        let mut ahead = *words;
        if let Some(modified) = date::of_ls(&mut ahead, months, now) {
            *words = ahead;
            return Some((number(word), modified));
        }
    }
    None
}

/// Reads one line: date, time, `<DIR>` or a size, name.
pub(super) fn dos_row(line: &[u8]) -> Option<Row<'_>> {
    let mut words = Words::new(line);
    let day = words.next()?;
    let mut time = words.next()?.to_ascii_uppercase();
    let mut ahead = words;
    if let Some(half @ ("AM" | "PM" | "am" | "pm")) = ahead.next() {
        time.push_str(half);
        words = ahead;
    }
    let modified = moment(day, clock(&time.to_ascii_uppercase())?)?;
    let (kind, size) = match words.next()? {
        "<DIR>" => (Kind::Directory, None),
        "<JUNCTION>" | "<SYMLINK>" | "<SYMLINKD>" => (Kind::Link, None),
        // Windows may group the digits.
        size => (Kind::File, Some(number(&size.replace([',', '.'], ""))?)),
    };
    let name = words.rest();
    // A link is shown as `link [target]`.
    let name = match kind {
        Kind::Link => memchr::memmem::rfind(name, b" [").and_then(|at| name.get(..at)).unwrap_or(name),
        Kind::File | Kind::Directory | Kind::Current | Kind::Parent | Kind::Other => name,
    };
    (!name.is_empty()).then(|| Row {
        size,
        modified: Some((modified, Precision::Minute)),
        ..Row::new(name, kind)
    })
}

/// Reads `10:20PM` or `22:20`.
fn clock(word: &str) -> Option<TimeOfDay> {
    let (digits, half) = match word.strip_suffix("PM") {
        Some(digits) => (digits, Some(12)),
        None => word.strip_suffix("AM").map_or((word, None), |digits| (digits, Some(0))),
    };
    let (time, _) = date::clock(digits)?;
    match half {
        Some(half) if (1..=12).contains(&time.hour) => {
            Some(TimeOfDay { hour: time.hour % 12 + half, ..time })
        }
        Some(_) => None,
        None => Some(time),
    }
}

/// Reads `mm-dd-yy`, `mm-dd-yyyy` or `yyyy-mm-dd`, with `-`, `/` or `.`. If the first number cannot be a
/// month, it is the day.
fn moment(word: &str, time: TimeOfDay) -> Option<When> {
    let mut parts = word.split(['-', '/', '.']);
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if one.len() == 4 {
        return date::moment(number(one)?, number(two)?, number(three)?, time);
    }
    let year: i64 = number(three)?;
    let year = match (three.len(), year) {
        (2, 70..) => year + 1900,
        (2, _) => year + 2000,
        (4, _) => year,
        (_, _) => return None,
    };
    let (one, two) = (number(one)?, number(two)?);
    date::moment(year, one, two, time).or_else(|| date::moment(year, two, one, time))
}

/// Reads one line: facts between commas, then a tab and the name.
pub(super) fn eplf_row(line: &[u8]) -> Option<Row<'_>> {
    let rest = line.strip_prefix(b"+")?;
    let tab = rest.iter().position(|o| *o == b'\t')?;
    let (facts, name) = rest.split_at_checked(tab)?;
    let name = name.strip_prefix(b"\t")?;
    if name.is_empty() {
        return None;
    }
    let mut row = Row::new(name, Kind::Other);
    for fact in std::str::from_utf8(facts).ok()?.split(',') {
        match fact.split_at_checked(1) {
            Some(("/", "")) => row.kind = Kind::Directory,
            Some(("r", "")) => row.kind = Kind::File,
            Some(("s", size)) => row.size = number(size),
            Some(("m", seconds)) => row.modified = number(seconds).map(|at| (When(at), Precision::Exact)),
            Some(("i", unique)) => row.unique = Some(unique.to_owned()),
            Some(("u", mode)) => row.mode = permissions(mode),
            Some((_, _)) | None => {} // facts that are not known are skipped, as EPLF asks
        }
    }
    Some(row)
}

/// Reads permissions such as `up644`.
fn permissions(mode: &str) -> Option<u32> {
    u32::from_str_radix(mode.strip_prefix('p')?, 8).ok().map(|mode| mode & 0o7777)
}

/// A name without its version, and what follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VmsName<'a> {
    pub(super) name: &'a [u8],
    rest: &'a [u8],
}

/// Returns the name of a line, or `None` if there is none.
pub(super) fn vms_name(line: &[u8]) -> Option<VmsName<'_>> {
    let semicolon = line.iter().position(|o| *o == b';')?;
    let (name, rest) = line.split_at_checked(semicolon)?;
    let rest = rest.strip_prefix(b";")?;
    let digits = rest.iter().position(|o| *o == b' ').unwrap_or(rest.len());
    let (version, rest) = rest.split_at_checked(digits)?;
    let _: u32 = std::str::from_utf8(version).ok().filter(|version| !version.is_empty()).and_then(number)?;
    // A name of VMS has a dot and no blanks, so that lines of other servers are not taken for one.
    let is_name = name.contains(&b'.') && !name.contains(&b' ');
    is_name.then_some(VmsName { name, rest })
}

impl<'a> VmsName<'a> {
    /// Whether the rest is on the next line.
    pub(super) const fn is_alone(&self) -> bool {
        unindented(self.rest).is_empty()
    }

    /// Returns the row. The size is in blocks, of which the last is not full, so the size in bytes is
    /// unknown.
    pub(super) fn row(&self) -> Row<'a> {
        let suffix = self.name.len().checked_sub(4).and_then(|at| self.name.split_at_checked(at));
        let (name, kind) = match suffix {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case(b".DIR") && !name.is_empty() => {
                (name, Kind::Directory)
            }
            Some(_) | None => (self.name, Kind::File),
        };
        Row { modified: modified(self.rest), ..Row::new(name, kind) }
    }
}

/// Returns the row of a name and the line that follows it.
pub(super) fn vms_row<'a>(name: &'a [u8], next: &'a [u8]) -> Option<Row<'a>> {
    Some(VmsName { rest: next, ..vms_name(name)? }.row())
}

/// Returns the first date among the words. Blocks may stand before it.
fn modified(rest: &[u8]) -> Option<(When, Precision)> {
    let mut words = Words::new(rest);
    for _ in 0..3 {
        let word = words.next()?;
        let mut parts = word.split('-');
        let (Some(day), Some(month), Some(year)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (time, precision) = match words.next().and_then(date::clock) {
            Some((time, _)) => (time, Precision::Minute),
            None => (TimeOfDay::default(), Precision::Day),
        };
        let moment = date::moment(number(year)?, date::month(month)?, number(day)?, time)?;
        return Some((moment, precision));
    }
    None
}
