//! What our own server prints.

use super::{Entry, When};

/// One MLSD/MLST line without CR LF: the facts of `wanted` (lower case; all when `None`) that the
/// entry has, then a blank and the name.
pub fn facts_line(entry: &Entry, wanted: Option<&[String]>) -> Vec<u8> {
    let _ = (entry, wanted);
    Vec::new()
}

/// One `ls -l` line without CR LF, dates in UTC, six-month rule against `now`.
pub fn list_line(entry: &Entry, now: When) -> Vec<u8> {
    let _ = (entry, now);
    Vec::new()
}
