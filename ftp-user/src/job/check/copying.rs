//! Whether a file is copied: what its source and its target are, the rule of `--overwrite`, and whether the source has changed while
//! it was copied.

use super::verify::Proof;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{self, About, Failure, Result};
use crate::job::Item;
use crate::outcome::Verified;
use crate::route::Ends;
use crate::session::Facts;
use clap::ValueEnum;
use ftp_proto::deletion::has_changed;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

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

/// The failure if nothing is at a place.
pub(crate) fn missing(place: impl Display) -> Failure {
    Failure::new(failure::Kind::Missing, format!("{place} does not exist")).hint("check the path")
}

/// The facts of a source that can be read. `name` is how reports call it.
pub(crate) fn readable(facts: Option<Facts>, name: &str) -> Result<Facts> {
    let facts = facts.ok_or_else(|| missing(name))?;
    match facts.kind {
        Kind::File => Ok(facts),
        Kind::Directory | Kind::Current | Kind::Parent => {
            Err(Failure::of_command(format!("{name} is a directory"))
                .hint("name a file; copy -r copies trees"))
        }
        Kind::Link | Kind::Other => {
            Err(Failure::new(failure::Kind::Other, format!("{name} is not a regular file")))
        }
    }
}

/// Refuses to copy a file to itself (H32). `source` and `target` are what both paths of `item` lead to.
pub(crate) fn refuse_itself(ends: &Ends, item: &Item, source: &Facts, target: Option<&Facts>) -> Result<()> {
    let one_host = match (ends.source.site(), ends.destination.site()) {
        (Some(source), Some(destination)) => source.is_same(destination),
        (source, destination) => source == destination,
    };
    let there = target.and_then(|target| target.unique.as_ref());
    let one_file = there.is_some() && source.unique.as_ref() == there;
    if one_host && (one_file || item.source == item.destination) {
        let what = format!("{} is source and destination", ends.source.show(&item.source));
        return Err(Failure::of_command(what).hint("choose another destination"));
    }
    Ok(())
}

/// Refuses what no copy may replace or change: a directory, a device, a pipe or a socket. `name` is how reports
/// call it.
pub(crate) fn replaceable(facts: Option<&Facts>, name: &str) -> Result<()> {
    match facts.map(|facts| facts.kind) {
        None | Some(Kind::File | Kind::Link) => Ok(()),
        Some(Kind::Directory | Kind::Current | Kind::Parent) => {
            Err(Failure::new(failure::Kind::Exists, format!("{name} is a directory"))
                .hint("a file replaces no directory: rename one of both"))
        }
        Some(Kind::Other) => Err(Failure::new(
            failure::Kind::Exists,
            format!("{name} is a device, a pipe or a socket, and stays what it is"),
        )
        .hint("choose another name")),
    }
}

/// Whether a name from a listing can name a file in its directory; if not, why.
pub(crate) fn usable(name: &PathName) -> Result<(), &'static str> {
    let bytes = name.as_bytes();
    if bytes.contains(&b'/') || matches!(bytes, b"." | b"..") {
        Err("the name would lead out of its directory")
    } else if bytes.contains(&b'\r') {
        // A control connection would not carry it as it is (RFC 854).
        Err("the name contains a carriage return, which FTP cannot carry")
    } else {
        Ok(())
    }
}

/// Looks at the source once more after a copy. `before` is what was known when the copy began, and `verified` what the
/// comparison has shown.
///
/// A digest that was computed while the file moved, by a server, a relay or this host (`digest_of_sent`), is that of the bytes that
/// were sent, which may be the beginning of one file and the end of another. Equal sizes do not show a change in the
/// middle, so the time decides. A copy that differs may differ because somebody writes to the source.
///
/// # Errors
///
/// The failure of the comparison, or that the source has changed, which [`About::Changed`] marks.
pub(crate) async fn unchanged(
    context: &Context,
    host: &mut Host,
    source: &PathName,
    before: &Facts,
    verified: Result<Proof>,
    digest_of_sent: bool,
) -> Result<Proof> {
    if !may_hide_a_change(&verified, digest_of_sent, before) {
        return verified;
    }
    // If the server does not say, what was compared decides.
    let Ok(now) = files::facts(context, host, source).await else { return verified };
    // A new name or other rights are no change of a copy. Before a source is deleted, its version is compared, too.
    let before = Facts { version: None, ..before.clone() };
    if now.as_ref().is_some_and(|now| !has_changed(&before, now)) {
        return verified;
    }
    let what = format!("{} has changed while it was copied", host.show(source));
    let failure =
        Failure::new(failure::Kind::Unverified, what).hint("copy it again when nobody writes to it");
    let failure = failure.about(About::Changed);
    Err(match verified {
        Ok(_) => failure,
        Err(why) => failure.said(why.said.unwrap_or(why.what)),
    })
}

/// Whether the source may have changed unnoticed, or its change may be why its copy differs. Equal digests leave no doubt if the
/// source's was computed after the copy: the copy is what the source is now.
fn may_hide_a_change(verified: &Result<Proof>, digest_of_sent: bool, before: &Facts) -> bool {
    match verified {
        Ok(Proof { by: Verified::Hash(_), .. }) if !digest_of_sent => false,
        Ok(_) => before.modified.is_some(),
        Err(failure) => failure.kind == failure::Kind::Unverified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::digest::Algorithm;
    use ftp_proto::listing::{Kind, When};

    fn facts(size: Option<u64>, modified: Option<i64>) -> Facts {
        Facts { size, modified: modified.map(When), ..Facts::of_kind(Kind::File) }
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
        // A source of unknown size is never taken for the same.
        let unknown = facts(None, None);
        assert_eq!(Different.decide(&unknown, Some(&unknown)), Decision::Copy);
    }

    #[test]
    fn a_source_is_looked_at_again_unless_its_digest_is_newer_than_the_copy() {
        let hash = || Ok(Proof::from(Verified::Hash(Algorithm::Sha256)));
        let failed = |kind| Err(Failure::new(kind, "it differs"));
        let dated = facts(Some(5), Some(100));
        for (verified, digest_of_sent, before, expect) in [
            (hash(), false, &dated, false),
            (hash(), true, &dated, true),
            (hash(), true, &facts(Some(5), None), false),
            (Ok(Verified::Size.into()), false, &dated, true),
            (Ok(Verified::Size.into()), false, &facts(Some(5), None), false),
            (failed(failure::Kind::Unverified), false, &dated, true),
            (failed(failure::Kind::Temporary), false, &dated, false),
        ] {
            let found = may_hide_a_change(&verified, digest_of_sent, before);
            assert_eq!(found, expect, "{verified:?} {digest_of_sent} {before:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let check = |name: &[u8], expect: Result<(), &str>| {
            let found = usable(&PathName::from_wire(name).unwrap());
            let is_right = match (found, expect) {
                (Err(why), Err(words)) => why.contains(words),
                (found, expect) => found == expect,
            };
            assert!(is_right, "{name:?}: {found:?}");
        };
        check(b"a b-\"c\".txt", Ok(()));
        check("é".as_bytes(), Ok(()));
        check(b"\xff\xfe", Ok(()));
        check(b"..", Err("out of its directory"));
        check(b".", Err("out of its directory"));
        check(b"../x", Err("out of its directory"));
        check(b"/etc/passwd", Err("out of its directory"));
        check(b"a\rb", Err("carriage return"));
        check(b"a\tb", Ok(()));
        check(b"a\x1b[2J\x7f", Ok(()));
    }
}
