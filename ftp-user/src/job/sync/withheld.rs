//! Names that are not deleted unless somebody agrees: the source has no file, or more than half of a directory would go. A disk
//! that is not mounted looks like that.

use crate::place;
use crate::report::several;
use ftp_proto::deletion::LargeDeletions;
use ftp_proto::wire::PathName;
use std::collections::{BTreeSet, HashSet};

/// What is kept, because nobody has agreed.
#[derive(Debug)]
pub(super) struct WithheldNames {
    large: LargeDeletions,
    /// Whether the source has no file at all.
    is_source_empty: bool,
    agreed: Agreed,
    count: u64,
    /// These names, as long as they are not too many for the journal.
    names: Vec<PathName>,
    /// The first directories from which so much would go; `None` is the destination.
    directories: BTreeSet<Option<PathName>>,
}

/// What somebody has agreed to.
#[derive(Debug)]
pub(super) enum Agreed {
    /// Everything that the run finds.
    Everything,
    /// These names, and no others.
    Names(HashSet<PathName>),
}

impl WithheldNames {
    /// Nothing is kept yet. `renamed` are files that have another name now, so that they do not go.
    pub(super) fn new(
        (mut large, is_source_empty): (LargeDeletions, bool),
        agreed: Agreed,
        renamed: &HashSet<PathName>,
    ) -> Self {
        renamed.iter().for_each(|path| large.stays(path));
        Self { large, is_source_empty, agreed, count: 0, names: Vec::new(), directories: BTreeSet::new() }
    }

    /// Whether somebody has to agree before this name goes, and has not.
    pub(super) fn need_consent(&self, path: &PathName) -> bool {
        let has_agreed = match &self.agreed {
            Agreed::Everything => true,
            Agreed::Names(names) => names.contains(path),
        };
        !has_agreed && (self.is_source_empty || self.large.keeper(path).is_some())
    }

    /// Notes that a name is kept.
    pub(super) fn keep(&mut self, path: &PathName) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.push(path.clone());
        }
        if self.directories.len() < MOST_TOLD {
            self.directories.insert(self.large.keeper(path).and_then(|(directory, _)| directory));
        }
    }

    /// The number of names that are kept.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// All names that are kept, unless they are too many for the journal.
    pub(super) fn names(&self) -> Option<&[PathName]> {
        (self.names.len() as u64 == self.count).then_some(self.names.as_slice())
    }

    /// Why they are kept. `show` tells how a path below the destination is called, and `remedy` what deletes them.
    pub(super) fn words(&self, show: impl Fn(Option<&PathName>) -> String, remedy: &str) -> String {
        let names = several(self.count, "name");
        let first = self.directories.first().and_then(Option::as_ref);
        let place = show(first);
        let others = match self.directories.len() {
            0 | 1 => String::new(),
            MOST_TOLD.. => format!(" and of at least {} other directories", MOST_TOLD - 1),
            more => format!(" and of {} other directories", more - 1),
        };
        let why = match self.is_source_empty {
            true => {
                "the source has no file to copy (it is empty, or the filters leave everything out)".to_owned()
            }
            false => format!("they are more than half of what {place}{others} has"),
        };
        format!(
            "not deleted: {names} that the source lacks, because {why}; if they are to go, {remedy} deletes them"
        )
    }
}

/// The path of a directory below the destination, or the destination.
pub(super) fn below(root: &PathName, directory: Option<&PathName>) -> PathName {
    directory.map_or_else(|| root.clone(), |directory| place::join(Some(root), directory))
}

/// The largest number of names that the journal keeps of one run.
const MOST_NAMES: usize = 1_000_000;
/// The largest number of directories that are counted.
const MOST_TOLD: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::deletion::AmountTally;

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    /// A directory `d` of 30 files that all go, beside 100 others.
    fn large() -> LargeDeletions {
        let mut tally = AmountTally::default();
        (0..100).for_each(|number| tally.file(&path(&format!("a{number}")), number == 0));
        tally.directory(&path("d"));
        (0..30).for_each(|number| tally.file(&path(&format!("d/{number}")), true));
        tally.finish()
    }

    #[test]
    fn names_are_kept_unless_somebody_has_agreed_to_them() {
        let renamed: HashSet<PathName> = (0..10).map(|number| path(&format!("d/{number}"))).collect();
        let none = HashSet::new;
        let names = |texts: &[&str]| Agreed::Names(texts.iter().map(|text| path(text)).collect());
        for (agreed, is_source_empty, renamed, expect) in [
            (names(&[]), false, none(), [true, true, false]),
            (names(&[]), true, none(), [true, true, true]),
            (names(&["d/1", "a0"]), true, none(), [false, true, false]),
            (Agreed::Everything, true, none(), [false, false, false]),
            (names(&[]), false, renamed, [false, false, false]),
        ] {
            let withheld = WithheldNames::new((large(), is_source_empty), agreed, &renamed);
            let found = ["d/1", "d/20", "a0"].map(|name| withheld.need_consent(&path(name)));
            assert_eq!(found, expect, "{withheld:?}");
        }
    }

    #[test]
    fn the_directory_and_the_remedy_are_told() {
        let mut withheld =
            WithheldNames::new((large(), false), Agreed::Names(HashSet::new()), &HashSet::new());
        ["d/1", "d/2"].iter().for_each(|name| withheld.keep(&path(name)));
        let words = withheld.words(
            |below| below.map_or("DEST".to_owned(), |below| format!("DEST/{}", below.display())),
            "the same command with --yes",
        );
        assert_eq!(
            words,
            "not deleted: 2 names that the source lacks, because they are more than half of what DEST/d has; if they are to go, the same command with --yes deletes them"
        );
    }
}
