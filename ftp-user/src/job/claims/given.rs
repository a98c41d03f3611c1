//! Names at destinations that this run has given to copies: none of them is given twice.
//!
//! Only hashes are kept, so that a million names take about 40 MB. Two names with the same hash are too
//! unlikely to matter: the second file would fail.

use crate::failure::{Failure, Kind};
use crate::journal::Place;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

/// Where the copies of a job go. One source that is one tree needs none of this: its names differ.
#[derive(Debug, Default)]
pub(in crate::job) struct GivenNames {
    /// Whether several sources may have names in common.
    is_needed: bool,
    hasher: RandomState,
    /// The hashes of destinations, each with that of its source.
    names: HashMap<u64, u64>,
}

impl GivenNames {
    /// From now on names are kept.
    pub(in crate::job) const fn expect_several(&mut self) {
        self.is_needed = true;
    }

    /// Takes the place of a copy. Returns false if this very source has taken it already.
    ///
    /// # Errors
    ///
    /// Another source of this run goes there.
    pub(in crate::job) fn take(&mut self, place: &Place) -> Result<bool, Failure> {
        if !self.is_needed {
            return Ok(true);
        }
        let destination = self.hasher.hash_one((&place.site, &place.path));
        let source = self.hasher.hash_one(&place.source);
        let known = *match self.names.entry(destination) {
            Entry::Vacant(free) => {
                free.insert(source);
                return Ok(true);
            }
            Entry::Occupied(taken) => taken.into_mut(),
        };
        if known == source {
            return Ok(false);
        }
        let what = format!("{} would replace the copy of another source of this job", place.source);
        Err(Failure::new(Kind::Exists, what).hint("copy them to different directories"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h35_a_name_is_given_to_one_source() {
        let place = |source: &str, site: &str, path: &str| Place {
            source: source.to_owned(),
            site: site.to_owned(),
            path: path.as_bytes().to_vec(),
        };
        let mut given = GivenNames::default();
        assert!(given.take(&place("a", "two", "d/x")).unwrap());
        assert!(given.take(&place("b", "two", "d/x")).unwrap());
        given.expect_several();
        assert!(given.take(&place("a", "two", "d/w")).unwrap());
        assert!(!given.take(&place("a", "two", "d/w")).unwrap(), "the same again");
        for (source, site, path, is_free) in [
            ("a", "two", "d/x", true),
            ("a", "two", "d/x", true),
            ("b", "two", "d/y", true),
            ("b", "two", "d/x", false),
            ("b", "two", "/d/x", true),
            ("b", "three", "d/x", true),
        ] {
            assert_eq!(given.take(&place(source, site, path)).is_ok(), is_free, "{source} {site} {path}");
        }
    }
}
