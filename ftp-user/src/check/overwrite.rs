//! What to do with a file that is there already. Pure.

use crate::session::Facts;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The rule that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Overwrite {
    /// Fail if the file exists
    Never,
    /// Replace an existing file
    Always,
    /// Replace it unless size and digest are equal
    #[default]
    Different,
    /// Replace it if the source changed later
    Newer,
}

/// What the rule says about one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// The file is copied.
    Copy,
    /// Skip it if the digests are equal; copy it when they cannot be compared.
    Compare,
    /// The file is skipped.
    Skip,
    /// The file exists, which is a failure.
    Exists,
}

impl Overwrite {
    /// Decides by the facts of both files.
    pub(crate) fn decide(self, source: &Facts, destination: Option<&Facts>) -> Decision {
        let Some(destination) = destination else { return Decision::Copy };
        match self {
            Self::Never => Decision::Exists,
            Self::Always => Decision::Copy,
            Self::Different => {
                if source.size.is_some() && source.size == destination.size {
                    Decision::Compare
                } else {
                    Decision::Copy
                }
            }
            Self::Newer => match (source.modified, destination.modified) {
                (Some(ours), Some(theirs)) if ours <= theirs => Decision::Skip,
                // Without both dates nobody knows: a copy too many is better than one too few.
                (Some(_) | None, Some(_) | None) => Decision::Copy,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::listing::{Kind, When};

    fn facts(size: Option<u64>, modified: Option<i64>) -> Facts {
        Facts {
            kind: Kind::File,
            size,
            modified: modified.map(When),
            unique: None,
            version: None,
            mode: None,
        }
    }

    #[test]
    fn an_existing_file_is_treated_as_the_rule_says() {
        use Overwrite::{Always, Different, Never, Newer};
        let source = facts(Some(5), Some(100));
        let check = |rule: Overwrite, destination: Option<Facts>, expect| {
            assert_eq!(rule.decide(&source, destination.as_ref()), expect, "{rule:?} {destination:?}");
        };
        for rule in [Never, Always, Different, Newer] {
            check(rule, None, Decision::Copy);
        }
        check(Never, Some(facts(Some(5), Some(100))), Decision::Exists);
        check(Always, Some(facts(Some(5), Some(100))), Decision::Copy);
        check(Different, Some(facts(Some(5), None)), Decision::Compare);
        check(Different, Some(facts(Some(6), None)), Decision::Copy);
        check(Different, Some(facts(None, None)), Decision::Copy);
        check(Newer, Some(facts(Some(6), Some(100))), Decision::Skip);
        check(Newer, Some(facts(Some(6), Some(101))), Decision::Skip);
        check(Newer, Some(facts(Some(5), Some(99))), Decision::Copy);
        check(Newer, Some(facts(Some(5), None)), Decision::Copy);
    }

    #[test]
    fn a_source_of_unknown_size_is_never_taken_for_the_same() {
        let unknown = facts(None, None);
        assert_eq!(Overwrite::Different.decide(&unknown, Some(&unknown)), Decision::Copy);
    }
}
