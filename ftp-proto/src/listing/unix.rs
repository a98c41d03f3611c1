//! Reading the lines of `ls -l` and similar formats.

use super::date::Months;
use super::row::{Row, Words, number};
use super::{Kind, Precision, When, date};

/// Reads one line of `ls -l`. The number of links, the owner and the group may be missing or consist of
/// several words, so the size is the last number before a date. Blanks before a name are dropped,
/// because some servers add them, and counted, because they may belong to it.
pub(super) fn row(line: &[u8], now: When) -> Option<Row<'_>> {
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
    if name.is_empty() {
        return None;
    }
    Some(Row { blanks, size, modified: Some(modified), mode, ..Row::new(name, kind) })
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
