//! What the two-party machine says went wrong, for people.

use super::two::{GivenUp, Ran};
use crate::context::Context;
use crate::control::{Session, kind_of};
use crate::failure::{Failure, Kind};
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{self, Cause, Outcome, Side, Stage};

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
        (Outcome::Failed(failed), None) => Some(failure(source, destination, third, failed)),
    }
}

/// The failure of an attempt, for people.
fn failure(source: &Session, destination: &Session, third: &str, failed: &third_party::Failure) -> Failure {
    let session = match failed.side {
        Side::Source => source,
        Side::Destination => destination,
    };
    let who = format!("the {} {}", session.role.name(), session.title);
    let during = words(failed.stage);
    match &failed.cause {
        Cause::Refused(reply) => {
            let failure = Failure::new(kind(failed), format!("{during} failed")).said(session.quote(reply));
            with_hint(failure, failed.blame)
        }
        Cause::Unusable(reply, why) => Failure::new(kind(failed), format!("{during} failed: {why}"))
            .said(session.quote(reply))
            .hint("ask its operator"),
        Cause::Policy(why, reply) => Failure::new(kind(failed), format!("{during} was not believed: {why}"))
            .said(session.quote(reply))
            .hint("ask its operator to announce the right address"),
        Cause::Silent(timer) => Failure::new(
            kind(failed),
            format!("{who} did not answer {during} in time ({} timer)", timer.name()),
        )
        .hint("try again later, or raise --timeout"),
        // A relay's part of it, or that of this host: the server has said nothing.
        Cause::Data(fault) => {
            let connection = format!("the data connection between {who} and {third} failed");
            let what = if failed.stage == Stage::DataConnection {
                connection
            } else {
                format!("{during} failed, since {connection}")
            };
            Failure::new(kind(failed), what).said(fault.to_string()).hint("try again later")
        }
        Cause::Relay(fault) => Failure::new(kind(failed), format!("{third} did not carry the file"))
            .said(fault.to_string())
            .hint("try again later, or with another relay"),
        Cause::Ended(failure) => session.lost(failure),
        Cause::Cancelled => Failure::new(Kind::Interrupted, "cancelled"),
    }
}

/// What an end was asked, in an error.
fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Command(verb) => verb.row().map_or("command", |row| row.name),
        Stage::DataConnection => "the data connection",
        Stage::Relay => "the relay",
        Stage::Attempt => "transfer",
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

fn kind(failed: &third_party::Failure) -> Kind {
    match (failed.blame, failed.side) {
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
        ) => kind_of(failed.blame),
    }
}

fn with_hint(failure: Failure, blame: Blame) -> Failure {
    match crate::control::hint(blame) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
