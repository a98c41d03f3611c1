//! The arguments of the commands about security (RFC 2228, RFC 4217, SSCN, PINC).

use super::{Mechanism, Protection};
use crate::wire::Fingerprint;

impl Mechanism {
    /// The name of the mechanism in a command line.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Tls => b"TLS",
            Self::Ssl => b"SSL",
            Self::Unserved(name) => name,
        }
    }
}

impl Protection {
    /// The letter of the level in a command line; for a level that is not known, one that is none.
    pub const fn letter(self) -> char {
        match self {
            Self::Clear => 'C',
            Self::Private => 'P',
            Self::Unserved => 'S',
            Self::Unknown => 'X',
        }
    }
}

/// Parses the argument of AUTH (RFC 4217 4; the other names are those of its drafts).
pub(super) fn mechanism(word: &[u8]) -> Mechanism {
    match word.to_ascii_uppercase().as_slice() {
        b"TLS" | b"TLS-C" => Mechanism::Tls,
        b"SSL" | b"TLS-P" => Mechanism::Ssl,
        _ => Mechanism::Unserved(word.to_vec()),
    }
}

/// Parses the argument of PROT. An unknown level has a reply of its own (RFC 2228 5.1).
pub(super) const fn protection(word: &[u8]) -> Protection {
    match word {
        b"C" | b"c" => Protection::Clear,
        b"P" | b"p" => Protection::Private,
        b"S" | b"s" | b"E" | b"e" => Protection::Unserved,
        _ => Protection::Unknown,
    }
}

/// Parses `ON`, `OFF` or nothing (SSCN). Returns `None` for anything else.
pub(super) const fn switch(word: &[u8]) -> Option<Option<bool>> {
    match word {
        b"" => Some(None),
        _ if word.eq_ignore_ascii_case(b"ON") => Some(Some(true)),
        _ if word.eq_ignore_ascii_case(b"OFF") => Some(Some(false)),
        _ => None,
    }
}

/// Parses `SHA-256 <64 hex digits>` or `OFF` (PINC). Returns `None` for anything else.
pub(super) fn pinned(word: &[u8]) -> Option<Option<Fingerprint>> {
    if word.eq_ignore_ascii_case(b"OFF") {
        return Some(None);
    }
    let (name, digits) = word.split_at_checked(ALGORITHM.len())?;
    if !name.eq_ignore_ascii_case(ALGORITHM) {
        return None;
    }
    Fingerprint::from_hex(digits).ok().map(Some)
}

/// How every pin begins.
const ALGORITHM: &[u8] = b"SHA-256 ";
