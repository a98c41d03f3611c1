//! From the lines of a listing to entries. Names that are more than a name are refused.

use super::formats::{Format, Row, is_frame, vms_name, vms_row};
use super::{Entry, Kind, When};
use crate::listing;
use crate::reply::Reply;
use crate::wire::PathName;
use std::collections::VecDeque;

/// What a listing contains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListingItem {
    /// An entry, which may be the directory itself or its parent ([`Kind::Current`], [`Kind::Parent`]).
    Entry(Entry),
    /// A name that an entry of a directory cannot have, or that no command can carry (H25).
    Refused {
        /// The name as it was received.
        name: Vec<u8>,
        /// Why it was refused.
        why: Unfit,
    },
    /// A line that is not in the format of the listing.
    Unread(Vec<u8>),
}

/// Why a name was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The name leads out of its directory.
    #[error("the name would lead out of its directory")]
    Path,
    /// The name contains CR, LF or NUL, which would end the command that asks for it.
    #[error("the name contains a line end or NUL, which would end a command")]
    LineEnd,
}

/// What the lines of a listing are.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Source {
    Facts,
    Names,
    /// Lines of LIST, with their format once a line has shown it.
    List(Option<Format>, When),
}

/// Reads one listing: takes its lines, and returns what they contain. Lines around the entries, such as
/// `total 12`, are skipped.
///
/// ```
/// use ftp_proto::listing::{ListingItem, Lister, Precision, When};
///
/// let mut lister = Lister::of_list(When(1_795_168_800)); // 20 November 2026
/// lister.push(b"total 8");
/// lister.push(b"-rw-r--r-- 1 ftp ftp 5 Nov 19 10:20 a b");
/// lister.push(b"-rw-r--r-- 1 ftp ftp 5 Nov 19 10:20 ../b");
/// lister.end();
/// let Some(ListingItem::Entry(entry)) = lister.next() else { panic!() };
/// assert_eq!((entry.name.as_bytes(), entry.size), (&b"a b"[..], Some(5)));
/// assert_eq!(entry.precision, Precision::Minute); // whose minute, only the server knows
/// assert!(matches!(lister.next(), Some(ListingItem::Refused { .. })));
/// assert_eq!(lister.next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Lister {
    source: Source,
    found: VecDeque<ListingItem>,
    /// A name of VMS whose line continues on the next one.
    held: Option<Vec<u8>>,
    /// The last name of VMS. Its older versions follow it.
    newest: Vec<u8>,
}

impl Lister {
    /// Creates a lister for the lines of MLSD.
    pub const fn of_facts() -> Self {
        Self::new(Source::Facts)
    }

    /// Creates a lister for the lines of LIST. Dates without a year are completed from `now`.
    pub const fn of_list(now: When) -> Self {
        Self::new(Source::List(None, now))
    }

    /// Creates a lister for the lines of NLST: names, or paths that end with them.
    pub const fn of_names() -> Self {
        Self::new(Source::Names)
    }

    const fn new(source: Source) -> Self {
        Self { source, found: VecDeque::new(), held: None, newest: Vec::new() }
    }

    /// Returns the format of a LIST, once a line has shown it.
    pub const fn format(&self) -> Option<Format> {
        match self.source {
            Source::List(format, _) => format,
            Source::Facts | Source::Names => None,
        }
    }

    /// Adds a line without its line end.
    pub fn push(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        match self.source {
            Source::Facts => self.note(line, listing::row(line)),
            Source::Names => self.path(line),
            Source::List(None, now) => match Format::of(line, now) {
                Some(format) => {
                    self.source = Source::List(Some(format), now);
                    self.entry(format, line, now);
                }
                None if is_frame(line) => {}
                None => self.note(line, None),
            },
            Source::List(Some(format), now) => self.entry(format, line, now),
        }
    }

    /// Ends the listing: no more lines will come.
    pub fn end(&mut self) {
        if let Some(held) = self.held.take() {
            self.note(&held, vms_row(&held, b""));
        }
    }

    /// Returns what was found next, or `None` if more lines are needed.
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: more may come later")]
    pub fn next(&mut self) -> Option<ListingItem> {
        self.found.pop_front()
    }

    fn entry(&mut self, format: Format, line: &[u8], now: When) {
        match format {
            Format::Vms => self.versions(line),
            Format::Unix | Format::Dos | Format::Eplf => {
                let row = format.row(line, now);
                if row.is_some() || !is_frame(line) {
                    self.note(line, row);
                }
            }
        }
    }

    /// Reads a line of VMS. A name may stand alone, with the rest on the next line. Of several versions
    /// the first one, which is the newest, is the file.
    fn versions(&mut self, line: &[u8]) {
        if let Some(held) = self.held.take() {
            let continues = line.starts_with(b" ");
            self.note(&held, vms_row(&held, if continues { line } else { b"" }));
            if continues {
                return;
            }
        }
        match vms_name(line) {
            Some(named) if named.name == self.newest => {} // an older version
            Some(named) => {
                self.newest = named.name.to_vec();
                if named.is_alone() {
                    self.held = Some(line.to_vec());
                } else {
                    self.note(line, Some(named.row()));
                }
            }
            None if line.starts_with(b" ") || is_frame(line) => {}
            None => self.note(line, None),
        }
    }

    fn note(&mut self, line: &[u8], row: Option<Row<'_>>) {
        let found = match row {
            Some(row) if row.name.is_empty() => ListingItem::Unread(line.to_vec()),
            Some(row) => judge(row),
            None => ListingItem::Unread(line.to_vec()),
        };
        self.found.push_back(found);
    }

    /// Reads a line of NLST. `NLST /pub` may answer `/pub/name`, and `name/` is a directory.
    fn path(&mut self, line: &[u8]) {
        let (path, kind) = match line.strip_suffix(b"/") {
            Some(path) => (path, Kind::Directory),
            None => (line, Kind::Other),
        };
        let climbs = path.split(|o| *o == b'/').rev().skip(1).any(|part| part == b"..");
        let name = path.rsplit(|o| *o == b'/').next().unwrap_or_default();
        if climbs {
            self.found.push_back(ListingItem::Refused { name: line.to_vec(), why: Unfit::Path });
        } else {
            self.note(line, Some(Row::new(name, kind)));
        }
    }
}

/// Turns a row into an entry if its name is a name.
fn judge(mut row: Row<'_>) -> ListingItem {
    row.kind = match (row.kind, row.name) {
        (Kind::Directory | Kind::Other, b".") => Kind::Current,
        (Kind::Directory | Kind::Other, b"..") => Kind::Parent,
        (kind, _) => kind,
    };
    let refused = |why| ListingItem::Refused { name: row.name.to_vec(), why };
    match row.kind {
        // RFC 3659 section 7.2 lets the listed directory have a path.
        Kind::Current | Kind::Parent => {}
        Kind::File | Kind::Directory | Kind::Link | Kind::Other => {
            if row.name.contains(&b'/') || matches!(row.name, b"." | b"..") {
                return refused(Unfit::Path);
            }
        }
    }
    match PathName::from_user(row.name) {
        Ok(name) => ListingItem::Entry(row.entry(name)),
        Err(_) => refused(Unfit::LineEnd), // it is not empty
    }
}

/// Why a listing is not all that is there, although the reply behind it is positive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The directory could not be opened, or is not there.
    Unopened,
    /// The server shows no more names than so many.
    Short,
}

/// Returns why a listing is not all that is there, if its final reply says so in words: vsftpd and Pure-FTPd answer 226.
pub fn cut(reply: &Reply) -> Option<Cut> {
    let has = |words: &str| {
        let finds =
            |line: &Vec<u8>| memchr::memmem::find(&line.to_ascii_lowercase(), words.as_bytes()).is_some();
        reply.lines.iter().any(finds)
    };
    if has("failed to open directory") || has("we were unable to read") {
        Some(Cut::Unopened)
    } else if has("output truncated to") {
        Some(Cut::Short)
    } else {
        None
    }
}

/// Returns whether a refusal of LIST or NLST only means that the directory is empty.
pub fn is_empty_listing(reply: &Reply) -> bool {
    let words = reply.text().to_ascii_lowercase();
    ["no files found", "no files or directories found", "directory is empty", "directory empty"]
        .iter()
        .any(|empty| memchr::memmem::find(&words, empty.as_bytes()).is_some())
}
