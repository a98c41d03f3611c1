//! Tells what happens at the hub to the log and the audit: names and numbers, never a secret.

use ftp_proto::relay::hub::Event;
use ftp_proto::relay::message::{Code, Id};
use ftp_proto::timer::Moment;

use crate::operate::audit::{Audit, Record, Who, reason};

/// Records an event. `who` is its session; the default one if it has none.
pub(super) fn record(audit: &Audit, who: &mut Who, event: &Event, now: Moment) {
    let log = |untold| log(event, untold);
    let told = match event {
        Event::Joined { name, replaced, .. } => {
            let joined = Record::AgentJoined { agent: name, replaced: replaced.is_some() };
            return audit.joined(who, &joined, now, log);
        }
        Event::Refused { id: Id(id), code, text, .. } => {
            let refused = Record::RequestRefused { id: *id, code: *code, why: None, target: None, text };
            return audit.refused(who, &refused, now, log);
        }
        Event::Ended { code: Code::Protocol, text, .. } => {
            return audit.of_session(who, &Record::ProtocolBroken { reason: text }, now, log);
        }
        Event::Withdrawn { why, .. } => {
            audit.record(who, &Record::SessionRevoked(*why));
            true
        }
        Event::Ended { code: Code::Denied | Code::Expired, .. } => !who.silent, // it was withdrawn
        Event::Ended { code, text, .. } => {
            return audit.of_session(who, &Record::SessionDismissed { code: *code, text }, now, log);
        }
        Event::TimedOut(timer) => {
            audit.record(who, &Record::HubTimedOut(*timer));
            true
        }
        Event::User { .. } => !who.silent,
        Event::Called { .. } => {
            audit.speaks(who, None);
            true
        }
    };
    if told {
        log(None);
    }
}

/// The session of an event.
pub(super) const fn session_of(event: &Event) -> Option<ftp_proto::relay::hub::SessionId> {
    match event {
        Event::User { session, .. }
        | Event::Joined { session, .. }
        | Event::Refused { session, .. }
        | Event::Withdrawn { session, .. }
        | Event::Ended { session, .. } => Some(*session),
        Event::Called { from, .. } => Some(*from),
        Event::TimedOut(_) => None,
    }
}

/// Logs one event; `untold` like it have no line.
fn log(event: &Event, untold: Option<u64>) {
    match event {
        Event::User { session, name, build } => {
            tracing::info!(session = session.0, name, build, "user agent")
        }
        Event::Joined { session, name, build, replaced: None } => {
            tracing::info!(session = session.0, name, build, untold, "agent");
        }
        Event::Joined { session, name, build, replaced: Some((old, true)) } => {
            tracing::info!(session = session.0, name, build, replaces = old.0, untold, "agent, again");
        }
        Event::Joined { session, name, build, replaced: Some((old, false)) } => {
            tracing::warn!(
                session = session.0,
                name,
                build,
                replaces = old.0,
                untold,
                "agent, of another process"
            );
        }
        Event::Called { call, from, to, agent, .. } => {
            tracing::info!(call = call.0, from = from.0, to = to.0, agent, "call");
        }
        Event::Refused { session, code, text, .. } => {
            tracing::info!(session = session.0, untold, "refused: {}", reason(*code, text));
        }
        Event::Withdrawn { session, why } => tracing::warn!(session = session.0, "{why}: the session ends"),
        Event::Ended { session, code, text } => {
            tracing::info!(session = session.0, untold, "ended: {}", reason(*code, text))
        }
        Event::TimedOut(timer) => tracing::info!("timed out: {}", timer.name()),
    }
}
