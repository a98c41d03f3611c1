//! Whether the source of a copy has changed while it was copied.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{About, Failure, Kind};
use crate::outcome::Verified;
use crate::session::Facts;
pub(crate) use ftp_proto::deletion::has_changed;
use ftp_proto::wire::PathName;

/// Looks at the source once more after a copy. `before` is what was known when the copy began, and `verified` what the
/// comparison has shown.
///
/// Equal digests leave nothing to ask if the source's was computed after the copy: the copy is what the source is now.
/// A digest that was computed while the file moved (`streamed`) is that of the bytes that were sent, which may be the
/// beginning of one file and the end of another. Equal sizes do not show a change in the
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
    verified: Result<Verified, Failure>,
    streamed: bool,
) -> Result<Verified, Failure> {
    let asks = match &verified {
        Ok(Verified::Hash(_)) if !streamed => false,
        Ok(_) => before.modified.is_some(),
        Err(failure) => failure.kind == Kind::Unverified,
    };
    if !asks {
        return verified;
    }
    // If the server does not say, what was compared decides.
    let Ok(now) = host.facts(context, source).await else { return verified };
    // A new name or other rights are no change of a copy. Before a source is deleted, its version is compared, too.
    let before = Facts { version: None, ..before.clone() };
    if now.as_ref().is_some_and(|now| !has_changed(&before, now)) {
        return verified;
    }
    let what = format!("{} has changed while it was copied", host.show(source));
    let failure = Failure::new(Kind::Unverified, what).hint("copy it again when nobody writes to it");
    let failure = failure.about(About::Changed);
    Err(match verified {
        Ok(_) => failure,
        Err(why) => failure.said(why.said.unwrap_or(why.what)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::listing::{Kind, When};

    fn facts(size: u64, modified: Option<i64>, unique: Option<&str>) -> Facts {
        let unique = unique.map(str::to_owned);
        Facts {
            kind: Kind::File,
            size: Some(size),
            modified: modified.map(When),
            unique,
            version: None,
            mode: None,
        }
    }

    #[test]
    fn h21_a_source_of_another_size_time_or_identity_has_changed() {
        let check = |before: Facts, now: Facts, expect| {
            assert_eq!(has_changed(&before, &now), expect, "{before:?} {now:?}");
        };
        check(facts(5, Some(1), Some("a")), facts(5, Some(1), Some("a")), false);
        check(facts(5, Some(1), None), facts(6, Some(1), None), true);
        check(facts(5, Some(1), None), facts(5, Some(2), None), true);
        check(facts(5, None, Some("a")), facts(5, None, Some("b")), true);
        // A listing had only a date for people.
        check(facts(5, None, None), facts(5, Some(2), Some("b")), false);
        // Somebody has written to it within the second of its time.
        let version = |version| Facts { version: Some(version), ..facts(5, Some(1), Some("a")) };
        check(version(1), version(2), true);
        check(version(1), facts(5, Some(1), Some("a")), false);
    }
}
