//! How a listed entry is written for people.

use super::entry::{kind_name, moment};
use super::event::{Form, Listed};
use super::label::Label;
use ftp_proto::listing::Kind;
use std::io::{self, Write};

/// Writes an entry as its form asks. Its name as it is, unless it goes to a terminal, which must not see control characters.
pub(super) fn write(listed: &Listed, to_terminal: bool, out: &mut impl Write) -> io::Result<()> {
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
fn facts(listed: &Listed, out: &mut impl Write) -> io::Result<()> {
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
