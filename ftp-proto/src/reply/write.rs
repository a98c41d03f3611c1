//! A meaning and its texts become the octets of one reply.

use super::Meaning;
use crate::dialect::Dialect;

/// The lines of a final reply before the last (extensions, "Final reply with facts").
pub type Facts = Vec<String>;

/// One reply, written in one piece: `nnn text` or `nnn-first`, inner lines with one leading blank,
/// `nnn last` (A11). Control characters in texts become `%XX`. In [`Dialect::Rfc354`] a status
/// reply (1xx) of several lines is the 1xx block and a final 200 is the caller's (A12).
pub fn write(dialect: Dialect, meaning: Meaning, lines: &[&[u8]]) -> Vec<u8> {
    let _ = (dialect, meaning, lines);
    Vec::new()
}
