//! What the source could not show: it protects what the destination has of the same name, and everything below it. Pure.

use super::listed::Listed;
use ftp_proto::wire::PathName;

/// The paths of the source that could not be looked at or listed.
#[derive(Clone, Debug, Default)]
pub(super) struct UnlistedPaths {
    paths: Vec<PathName>,
    /// Whether nothing at all is known: the root could not be listed, or so much that not all of it is named.
    is_everything: bool,
}

impl UnlistedPaths {
    /// What a listing has not shown.
    pub(super) fn of(source: &Listed) -> Self {
        let is_root = source.failed.iter().any(|(path, _)| path.is_none());
        let paths = source.failed.iter().filter_map(|(path, _)| path.clone());
        Self { paths: paths.collect(), is_everything: is_root || source.others > 0 }
    }

    /// Whether what the destination has at `path` is protected.
    pub(super) fn protect(&self, path: &PathName) -> bool {
        self.is_everything || self.paths.iter().any(|unlisted| path.is_at_or_below(unlisted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Kind};

    #[test]
    fn a_failure_protects_its_path_and_what_is_below_it_and_nothing_else() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let failed = |texts: &[Option<&str>], others| {
            let failure = || Failure::new(Kind::Refused, "no");
            let failed = texts.iter().map(|text| (text.map(path), failure())).collect();
            UnlistedPaths::of(&Listed { failed, others, ..Listed::default() })
        };
        for (texts, others, name, expect) in [
            (&[Some("d")][..], 0, "d/a", true),
            (&[Some("d")], 0, "d", true),
            (&[Some("d")], 0, "da", false),
            (&[Some("d/e")], 0, "d/a", false),
            (&[None], 0, "x", true),
            (&[Some("d")], 1, "x", true),
            (&[], 0, "x", false),
        ] {
            assert_eq!(failed(texts, others).protect(&path(name)), expect, "{texts:?} {others} {name}");
        }
    }
}
