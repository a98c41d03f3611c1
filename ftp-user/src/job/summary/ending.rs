//! How a run of a job ends for those that come after it. Pure.

use crate::failure::{About, Failure, Kind};
use crate::journal::End;

/// Whether another run may succeed where this one has failed, although nobody changes the file: a server did not answer,
/// refused the login, or had no time; a source that is half moved is not there; or an old
/// file has not got its name back.
pub(in crate::job) fn may_pass(failure: &Failure) -> bool {
    match failure.about {
        About::NoAnswer | About::NoRelay | About::GivenUp | About::Unfinished | About::OldFile => true,
        About::Operation
        | About::Login
        | About::Relay
        | About::Changed
        | About::Unknown(_)
        | About::NoRename
        | About::NotNamed
        | About::Nested
        | About::NoRoom => failure.kind == Kind::Temporary,
    }
}

/// How a run with these failures ends. A job that has not begun anything may be a mistake: it is over.
/// `may_pass` is what [`may_pass`] says of any of them; `None` if nothing has failed.
pub(in crate::job) const fn ending(may_pass: Option<bool>, was_stopped: bool, has_begun: bool) -> End {
    match (may_pass, was_stopped) {
        (None, _) => End::Done,
        (Some(_), true) | (Some(true), false) if has_begun => End::Interrupted,
        (Some(_), _) => End::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n8_a_job_goes_on_later_unless_its_files_are_the_reason() {
        let gone = Failure::new(Kind::Refused, "no login").about(About::GivenUp);
        let unheard = Failure::new(Kind::Other, "unknown host").about(About::NoAnswer);
        let busy = Failure::new(Kind::Temporary, "busy");
        let refused = Failure::new(Kind::Refused, "no");
        let away = Failure::new(Kind::Missing, "not there").about(About::Unfinished);
        let aside = Failure::new(Kind::Unverified, "not there").about(About::OldFile);
        let changed = Failure::new(Kind::Other, "changed").about(About::Changed);
        for (failures, was_stopped, has_begun, expect) in [
            (vec![], false, false, End::Done),
            (vec![], true, true, End::Done),
            (vec![&refused, &changed], false, true, End::Failed),
            (vec![&refused], true, true, End::Interrupted),
            (vec![&refused], true, false, End::Failed),
            (vec![&refused, &gone], false, true, End::Interrupted),
            (vec![&away], false, true, End::Interrupted),
            (vec![&aside], false, true, End::Interrupted),
            (vec![&unheard], false, false, End::Failed),
            (vec![&busy], false, false, End::Failed),
            (vec![&busy, &refused], false, true, End::Interrupted),
        ] {
            let passing = failures.iter().map(|failure| may_pass(failure)).reduce(|one, two| one || two);
            assert_eq!(ending(passing, was_stopped, has_begun), expect, "{failures:?}");
        }
    }
}
