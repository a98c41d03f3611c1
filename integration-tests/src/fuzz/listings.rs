//! Listings of every format.

use super::input::choice;
use ftp_proto::listing::{
    Entry, Kind, Lister, ListingItem, When, facts_line, facts_time, list_line, parse_facts,
};

/// 20 November 2026: the day on which listings without a year are read.
const TODAY: When = When(1_795_168_800);

/// The lines of a listing become entries.
///
/// No more is found than there are lines, no name leads out of its directory or ends a command, and an
/// entry survives being sent by a server of ours.
pub fn listings(data: &[u8]) {
    let (choice, data) = choice(data);
    let mut lister = match choice % 3 {
        0 => Lister::of_facts(),
        1 => Lister::of_list(TODAY),
        _ => Lister::of_names(),
    };
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        lister.push(line.strip_suffix(b"\r").unwrap_or(line));
    }
    lister.end();
    let found: Vec<ListingItem> = std::iter::from_fn(|| lister.next()).collect();
    assert!(found.len() <= lines.len(), "{} lines give {} entries", lines.len(), found.len());
    for found in found {
        if let ListingItem::Entry(entry) = found {
            check(&entry);
        }
    }
}

fn check(entry: &Entry) {
    let name = entry.name.as_bytes();
    assert!(!name.is_empty() && !name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{entry:?}");
    if !matches!(entry.kind, Kind::Current | Kind::Parent) {
        assert!(!name.contains(&b'/') && !matches!(name, b"." | b".."), "{entry:?}");
    }
    let _ = list_line(entry, TODAY);
    let line = facts_line(entry, None);
    let again = parse_facts(&line).unwrap_or_else(|| panic!("not read again: {}", line.escape_ascii()));
    assert_eq!((&again.name, again.kind, again.size), (&entry.name, entry.kind, entry.size));
    // A time that a fact cannot hold is left out.
    let held = entry.exactly_modified().filter(|time| facts_time(*time).is_some());
    assert_eq!(again.exactly_modified(), held);
    assert_eq!(again.mode, entry.mode);
    // So is another value.
    assert!(again.perm.is_none() || again.perm == entry.perm, "{entry:?}");
    assert!(again.unique.is_none() || again.unique == entry.unique, "{entry:?}");
}
