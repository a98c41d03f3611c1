//! What the two-party machine says went wrong, for people.

use super::two::{GivenUp, Ran};
use crate::app::App;
use crate::cli::Exit;
use crate::control::{Session, exit_of};
use crate::problem::Problem;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Outcome, Side, Trouble};

/// What went wrong in an attempt, if it has not moved the file; `third` is the host between the two.
pub(super) fn of(
    app: &App,
    source: &Session,
    destination: &Session,
    third: &str,
    ran: &Ran,
) -> Option<Problem> {
    match (&ran.outcome, ran.given_up) {
        (Outcome::Moved { .. }, _) => None,
        (Outcome::Failed(_), Some(why)) => Some(given_up(app, source, destination, why, ran)),
        (Outcome::Failed(trouble), None) => Some(problem(source, destination, third, trouble)),
    }
}

/// The failure that `trouble` is.
fn problem(source: &Session, destination: &Session, third: &str, trouble: &Trouble) -> Problem {
    let session = match trouble.side {
        Side::Source => source,
        Side::Destination => destination,
    };
    let who = format!("the {} {}", session.role.name(), session.title);
    let during = trouble.during;
    match &trouble.cause {
        Cause::Refused(reply) => {
            let problem = Problem::new(exit(trouble), format!("{during} failed")).said(session.quote(reply));
            with_advice(problem, trouble.blame)
        }
        Cause::Unusable(reply, why) => Problem::new(exit(trouble), format!("{during} failed: {why}"))
            .said(session.quote(reply))
            .advice("ask its operator"),
        Cause::Policy(why, reply) => Problem::new(exit(trouble), format!("{during} was not believed: {why}"))
            .said(session.quote(reply))
            .advice("ask its operator to announce the right address"),
        Cause::Silent(timer) => Problem::new(
            exit(trouble),
            format!("{who} did not answer {during} in time ({} timer)", timer.name()),
        )
        .advice("try again later, or raise --timeout"),
        // A relay's part of it, or that of this host: the server has said nothing.
        Cause::Data(why) => {
            let connection = format!("the data connection between {who} and {third} failed");
            let what = if during == "the data connection" {
                connection
            } else {
                format!("{during} failed, since {connection}")
            };
            Problem::new(exit(trouble), what).said(why.clone()).advice("try again later")
        }
        Cause::Relay(why) => Problem::new(exit(trouble), format!("{third} did not carry the file"))
            .said(why.clone())
            .advice("try again later, or with another relay"),
        Cause::Ended(failure) => session.lost(failure),
        Cause::Cancelled => Problem::new(Exit::Interrupted, "cancelled"),
    }
}

/// The failure of an attempt that was given up.
fn given_up(app: &App, source: &Session, destination: &Session, why: GivenUp, ran: &Ran) -> Problem {
    let stall = app.waits.stall.as_secs();
    match why {
        GivenUp::Interrupted => Problem::interrupted(),
        GivenUp::Stalled => Problem::new(
            Exit::Temporary,
            format!(
                "nothing moved between the servers for {} s (stall timer), after {} octets",
                stall, ran.moved
            ),
        )
        .advice("try again later, or raise --stall"),
        GivenUp::Silent(side) => {
            let (session, did) = match side {
                Side::Source => (source, "brought"),
                Side::Destination => (destination, "took"),
            };
            Problem::new(
                Exit::Temporary,
                format!(
                    "the {} {} {did} nothing for {stall} s (stall timer), after {} octets",
                    session.role.name(),
                    session.title,
                    ran.moved
                ),
            )
            .advice("try again later, or raise --stall")
        }
    }
}

fn exit(trouble: &Trouble) -> Exit {
    match (trouble.blame, trouble.side) {
        // A name that is missing at the destination is no missing source.
        (Blame::Missing, Side::Destination) => Exit::Refused,
        (Blame::Unsupported, _) => Exit::NoPath,
        (
            Blame::Missing
            | Blame::File
            | Blame::Space
            | Blame::Login
            | Blame::Path
            | Blame::Busy
            | Blame::Peer,
            _,
        ) => exit_of(trouble.blame),
    }
}

fn with_advice(problem: Problem, blame: Blame) -> Problem {
    match crate::control::advice(blame) {
        Some(advice) => problem.advice(advice),
        None => problem,
    }
}
