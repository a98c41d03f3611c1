//! How a listed entry is written for people.

use super::event::{Form, ListedEntry};
use ftp_proto::listing::{Kind, Precision, When, civil};
use ftp_proto::wire::PathName;
use std::io::{self, Write};

/// Writes an entry as its form asks. Its name as it is, unless it goes to a terminal, which must not see control characters.
pub(super) fn write(listed: &ListedEntry, to_terminal: bool, out: &mut impl Write) -> io::Result<()> {
    let entry = &listed.entry;
    if listed.label == Label::Hidden {
        return Ok(());
    }
    match listed.form {
        Form::Name => {}
        Form::Long => write!(
            out,
            "{}{} {:>14}  {:<20}  ",
            kind_letter(entry.kind),
            entry.mode.map_or_else(|| "----".to_owned(), |mode| format!("{mode:04o}")),
            entry.size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
            entry.modified.map_or_else(|| "-".to_owned(), |at| moment(at, entry.precision)),
        )?,
        Form::Facts => return facts(listed, out),
    }
    let name = match &listed.label {
        Label::Place(place) => return writeln!(out, "{place}"),
        Label::Path(path) => path,
        Label::Name | Label::Hidden => &entry.name,
    };
    if to_terminal {
        writeln!(out, "{}", name.display())
    } else {
        out.write_all(name.as_bytes())?;
        out.write_all(b"\n")
    }
}

/// Writes a line for each fact.
fn facts(listed: &ListedEntry, out: &mut impl Write) -> io::Result<()> {
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
    for (name, value) in facts {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }
    Ok(())
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
pub(super) fn date(when: When) -> String {
    civil(when).to_string()
}

/// A time as far as it is known: no `Z` where the zone is the server's own.
pub(super) fn moment(when: When, precision: Precision) -> String {
    let mut text = date(when);
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

#[cfg(test)]
mod entry_tests {
    use super::*;

    #[test]
    fn dates_are_utc() {
        assert_eq!(date(When(0)), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Exact), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Minute), "1970-01-01T00:00");
        assert_eq!(moment(When(0), Precision::Day), "1970-01-01");
    }
}
