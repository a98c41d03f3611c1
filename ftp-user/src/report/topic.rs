//! Warnings that many files of a job may cause, and how often people are told of them.

use std::collections::BTreeMap;

/// What a warning is about that many files may cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// A server refused a digest that it has announced, so that something weaker is compared.
    Digest,
    /// Nothing verifies the copy.
    Unverified,
    /// The copy is stored under its final name.
    InPlace,
    /// The destination does not keep permissions.
    Permissions,
    /// Something of a tree is not copied.
    Skipped,
    /// A server computes no such digest, so that files are read.
    Read,
    /// A transfer has failed, and what is stored is as long as the source.
    AsLong,
    /// A copy that has broken off begins with its first byte again.
    Anew,
    /// Of a copy that has broken off, only the beginning is kept.
    Prefix,
    /// What was learnt cannot be kept for later runs.
    Memory,
    /// Nobody sees whether a file moves.
    Unseen,
    /// A destination cannot be asked whether what it stores survives a power failure.
    Storage,
}

impl Topic {
    /// Its name in `--json`.
    pub const fn name(self) -> &'static str {
        let [name, _] = self.texts();
        name
    }

    /// Its name in `--json`, and for people what has happened to so many more files.
    const fn texts(self) -> [&'static str; 2] {
        match self {
            Self::Digest => ["digest", "verified by something weaker than the server has announced"],
            Self::Unverified => ["unverified", "not verified"],
            Self::InPlace => ["in-place", "stored under the final name"],
            Self::Permissions => ["permissions", "copied without permissions"],
            Self::Skipped => ["skipped", "skipped"],
            Self::Read => ["read", "read and hashed here"],
            Self::AsLong => ["as-long", "compared after a failure, because it was as long as the source"],
            Self::Anew => ["anew", "copied from the first byte again"],
            Self::Prefix => ["prefix", "continued from the part that was right"],
            Self::Memory => ["memory", "copied; what is learnt of paths may not be remembered"],
            Self::Unseen => ["unseen", "not seen to move"],
            Self::Storage => ["storage", "deleted at the source in other portions"],
        }
    }
}

/// The site that this host is.
pub const THIS_HOST: &str = "this host";

/// How often warnings of each topic have come from each site.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<Key, u64>);

/// The topic, the site, and why.
type Key = (Topic, String, Option<String>);

impl Repeats {
    /// Notes a warning. Returns whether it is shown now: it is the first one of its topic and reason from this site, or
    /// there are too many of those to count.
    pub(super) fn is_first(&mut self, topic: Topic, site: &str, why: Option<&str>) -> bool {
        let key = (topic, site.to_owned(), why.map(str::to_owned));
        if let Some(more) = self.0.get_mut(&key) {
            *more += 1;
            return false;
        }
        if self.0.len() < MOST {
            self.0.insert(key, 0);
        }
        true
    }

    /// A line for each topic, site and reason of which more came than were shown. They are counted anew from now on.
    pub(super) fn take(&mut self) -> Vec<String> {
        let counted = |((topic, site, why), more): (Key, u64)| {
            (more > 0).then(|| {
                let files = ftp_proto::wire::counted(more, "more file");
                let why = why.map_or_else(String::new, |why| format!(", {why}"));
                let [_, words] = topic.texts();
                format!("{files} of {site}: {words}{why}")
            })
        };
        std::mem::take(&mut self.0).into_iter().filter_map(counted).collect()
    }
}

/// The largest number of topics, sites and reasons that are counted.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_shown_once_for_each_site_and_cause_and_the_others_are_counted() {
        let mut repeats = Repeats::default();
        assert!(repeats.is_first(Topic::Unverified, "ftp://a", None));
        for _ in 0..41 {
            assert!(!repeats.is_first(Topic::Unverified, "ftp://a", None));
        }
        assert!(repeats.is_first(Topic::InPlace, "ftp://a", None));
        assert!(repeats.is_first(Topic::Unverified, "ftp://b", None));
        assert!(!repeats.is_first(Topic::Unverified, "ftp://b", None));
        let expect = ["41 more files of ftp://a: not verified", "1 more file of ftp://b: not verified"];
        assert_eq!(repeats.take(), expect);
        assert!(repeats.take().is_empty());
    }

    #[test]
    fn warnings_of_too_many_sites_are_shown_and_not_kept() {
        let mut repeats = Repeats::default();
        for _ in 0..2 {
            for site in 0..MOST {
                repeats.is_first(Topic::InPlace, &site.to_string(), None);
            }
        }
        assert!(
            repeats.is_first(Topic::InPlace, "another", None)
                && repeats.is_first(Topic::InPlace, "another", None)
        );
        assert_eq!(repeats.take().len(), MOST);
    }
}
