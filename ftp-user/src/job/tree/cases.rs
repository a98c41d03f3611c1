//! Names of one directory that differ only in upper and lower case, or in the Unicode form of a letter: many destinations
//! take them for one.

use super::hashes::Hashes;
use crate::place;
use ftp_proto::wire::PathName;
use icu_normalizer::DecomposingNormalizerBorrowed;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// The names of the directory that is visited, by hashes. A walk tells all that is in one before it comes to the next.
#[derive(Debug, Default)]
pub(super) struct Names {
    directory: Option<PathName>,
    hasher: RandomState,
    /// The hash of each name without its case.
    folded: Hashes,
    /// The same of names that are not written so, with the hash of the first name that had it.
    first: HashMap<u64, u64>,
}

impl Names {
    /// Takes in a path. Returns the hash of an earlier name of the same directory that differs from its own only in case.
    pub(super) fn other(&mut self, path: &PathName) -> Option<u64> {
        let directory = place::parent(path);
        if self.directory != directory {
            (self.directory, self.folded, self.first) = (directory, Hashes::default(), HashMap::new());
        }
        let name = place::base_name(path)?;
        let (own, folded) = (self.hash(&name), self.hasher.hash_one(folded(name.as_bytes())));
        if self.folded.insert(folded) {
            if own != folded {
                self.first.insert(folded, own);
            }
            return None;
        }
        let first = self.first.get(&folded).copied().unwrap_or(folded);
        (first != own).then_some(first)
    }

    /// The hash of a name.
    pub(super) fn hash(&self, name: &PathName) -> u64 {
        self.hasher.hash_one(name.as_bytes())
    }
}

/// A name, or a path, without its case and in one Unicode form.
pub(in crate::job) fn folded(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        // A capital letter may decompose into others than its small one.
        Ok(text) => decomposed(&decomposed(text).to_lowercase()).into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// A name, or a path, in one Unicode form: macOS decomposes letters with marks, most others compose them.
pub(in crate::job) fn one_form(name: &[u8]) -> Vec<u8> {
    std::str::from_utf8(name).map_or_else(|_| name.to_vec(), |text| decomposed(text).into_bytes())
}

fn decomposed(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h35_names_that_differ_in_case_only_are_found_within_a_directory() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let mut names = Names::default();
        for (text, expect) in [
            ("Case", None),
            ("other", None),
            ("case", Some("Case")),
            ("CASE", Some("Case")),
            ("Case", None),
            ("d/case", None),
            ("d/\u{d6}l", None),
            ("d/\u{f6}L", Some("\u{d6}l")),
            ("e/O\u{308}l", None),
            ("e/\u{d6}l", Some("O\u{308}l")),
            ("e/\u{f6}l", Some("O\u{308}l")),
        ] {
            let expect = expect.map(|name| names.hash(&path(name)));
            assert_eq!(names.other(&path(text)), expect, "{text}");
        }
    }
}
