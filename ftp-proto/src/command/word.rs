//! The words of an argument.

use super::fault::Fault;
use crate::wire::{BadName, PathName};

/// Reads a name, which is the whole text.
pub(super) fn name(rest: &[u8]) -> Result<PathName, Fault> {
    PathName::from_wire(rest).map_err(|bad| match bad {
        BadName::Empty => Fault::Missing,
        BadName::Control | BadName::CarriageReturn => Fault::BadName,
    })
}

/// Reads a name that may be left out.
pub(super) fn optional_name(rest: &[u8]) -> Result<Option<PathName>, Fault> {
    if rest.is_empty() { Ok(None) } else { name(rest).map(Some) }
}

/// Reads the permission bits of a file: three or four octal digits.
pub(super) fn parse_mode(word: &[u8]) -> Option<u32> {
    let word = std::str::from_utf8(word).ok()?;
    if !(3..=4).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u32::from_str_radix(word, 8).ok()
}

/// The first word, and what follows the blank behind it.
pub(super) fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, b""),
    }
}
