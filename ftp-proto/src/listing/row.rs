//! What a line of a listing says, before its name is checked.

use super::{Entry, Kind, Precision, When};
use crate::wire::{PathName, decimal};

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

/// Removes leading blanks. A CR or a tab there belongs to a name.
pub(super) const fn unindented(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Parses a decimal number.
pub(super) fn number<N: std::str::FromStr>(word: &str) -> Option<N> {
    decimal(word.as_bytes()).ok()
}
