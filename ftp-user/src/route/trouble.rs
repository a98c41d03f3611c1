//! What the two-party machine says went wrong, for people.

use super::two::{GivenUp, Ran};
use crate::context::Context;
use crate::control::{Session, kind_of};
use crate::failure::{Failure, Kind};
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Outcome, Side, Trouble};

/// What went wrong in an attempt, if it has not moved the file; `third` is the host between the two.
pub(super) fn of(
    context: &Context,
    source: &Session,
    destination: &Session,
    third: &str,
    ran: &Ran,
) -> Option<Failure> {
    match (&ran.outcome, ran.given_up) {
        (Outcome::Moved { .. }, _) => None,
        (Outcome::Failed(_), Some(why)) => Some(given_up(context, source, destination, why, ran)),
        (Outcome::Failed(trouble), None) => Some(failure(source, destination, third, trouble)),
    }
}

/// The failure that `trouble` is.
fn failure(source: &Session, destination: &Session, third: &str, trouble: &Trouble) -> Failure {
    let session = match trouble.side {
        Side::Source => source,
        Side::Destination => destination,
    };
    let who = format!("the {} {}", session.role.name(), session.title);
    let during = trouble.during;
    match &trouble.cause {
        Cause::Refused(reply) => {
            let failure = Failure::new(kind(trouble), format!("{during} failed")).said(session.quote(reply));
            with_hint(failure, trouble.blame)
        }
        Cause::Unusable(reply, why) => Failure::new(kind(trouble), format!("{during} failed: {why}"))
            .said(session.quote(reply))
            .hint("ask its operator"),
        Cause::Policy(why, reply) => Failure::new(kind(trouble), format!("{during} was not believed: {why}"))
            .said(session.quote(reply))
            .hint("ask its operator to announce the right address"),
        Cause::Silent(timer) => Failure::new(
            kind(trouble),
            format!("{who} did not answer {during} in time ({} timer)", timer.name()),
        )
        .hint("try again later, or raise --timeout"),
        // A relay's part of it, or that of this host: the server has said nothing.
        Cause::Data(why) => {
            let connection = format!("the data connection between {who} and {third} failed");
            let what = if during == "the data connection" {
                connection
            } else {
                format!("{during} failed, since {connection}")
            };
            Failure::new(kind(trouble), what).said(why.clone()).hint("try again later")
        }
        Cause::Relay(why) => Failure::new(kind(trouble), format!("{third} did not carry the file"))
            .said(why.clone())
            .hint("try again later, or with another relay"),
        Cause::Ended(failure) => session.lost(failure),
        Cause::Cancelled => Failure::new(Kind::Interrupted, "cancelled"),
    }
}

/// The failure of an attempt that was given up.
fn given_up(context: &Context, source: &Session, destination: &Session, why: GivenUp, ran: &Ran) -> Failure {
    let stall = context.patience.stall.as_secs();
    match why {
        GivenUp::Interrupted => Failure::interrupted(),
        GivenUp::Stalled => Failure::new(
            Kind::Temporary,
            format!(
                "nothing moved between the servers for {} s (stall timer), after {} octets",
                stall, ran.moved
            ),
        )
        .hint("try again later, or raise --stall"),
        GivenUp::Silent(side) => {
            let (session, did) = match side {
                Side::Source => (source, "brought"),
                Side::Destination => (destination, "took"),
            };
            Failure::new(
                Kind::Temporary,
                format!(
                    "the {} {} {did} nothing for {stall} s (stall timer), after {} octets",
                    session.role.name(),
                    session.title,
                    ran.moved
                ),
            )
            .hint("try again later, or raise --stall")
        }
    }
}

fn kind(trouble: &Trouble) -> Kind {
    match (trouble.blame, trouble.side) {
        // A name that is missing at the destination is no missing source.
        (Blame::Missing, Side::Destination) => Kind::Refused,
        (Blame::Unsupported, _) => Kind::NoPath,
        (
            Blame::Missing
            | Blame::File
            | Blame::Space
            | Blame::Login
            | Blame::Path
            | Blame::Busy
            | Blame::Peer,
            _,
        ) => kind_of(trouble.blame),
    }
}

fn with_hint(failure: Failure, blame: Blame) -> Failure {
    match crate::control::hint(blame) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
