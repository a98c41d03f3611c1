//! Tells what happens at the hub to the log and the audit: names and numbers, never a secret.

use ftp_proto::relay::hub::Event;
use ftp_proto::relay::message::{Code, Id};
use ftp_proto::timer::Moment;

use crate::operate::audit::{Audit, Record, Who};

/// Records an event. `who` is its session; the default one if it has none.
pub(super) fn record(audit: &Audit, who: &Who, event: &Event, now: Moment) {
    match event {
        Event::Joined { name, replaced, .. } => {
            audit.record(who, &Record::AgentJoined { agent: name, replaced: replaced.is_some() });
        }
        Event::Refused { id: Id(id), code, text, .. } => {
            let refused = Record::RequestRefused { id: *id, code: *code, why: None, target: None, text };
            return audit.refused(who, &refused, now, |untold| log(event, untold));
        }
        Event::Ended { code: Code::Protocol, text, .. } => {
            audit.record(who, &Record::ProtocolBroken { reason: text });
        }
        Event::Withdrawn { why, .. } => audit.record(who, &Record::SessionRevoked(*why)),
        // It was withdrawn.
        Event::Ended { code: Code::Denied | Code::Expired, .. } => {}
        Event::Ended { code, text, .. } => {
            audit.record(who, &Record::SessionDismissed { code: *code, text });
        }
        Event::TimedOut(timer) => audit.record(who, &Record::HubTimedOut(*timer)),
        Event::User { .. } | Event::Called { .. } => {}
    }
    log(event, None);
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
            tracing::info!(session = session.0, name, build, "agent");
        }
        Event::Joined { session, name, build, replaced: Some((old, true)) } => {
            tracing::info!(session = session.0, name, build, replaces = old.0, "agent, again");
        }
        Event::Joined { session, name, build, replaced: Some((old, false)) } => {
            tracing::warn!(session = session.0, name, build, replaces = old.0, "agent, of another process");
        }
        Event::Called { call, from, to, agent, .. } => {
            tracing::info!(call = call.0, from = from.0, to = to.0, agent, "call");
        }
        Event::Refused { session, code, text, .. } => {
            tracing::info!(session = session.0, text, untold, "refused: {code}");
        }
        Event::Withdrawn { session, why } => tracing::warn!(session = session.0, "{why}: the session ends"),
        Event::Ended { session, code, text } => tracing::info!(session = session.0, text, "ended: {code}"),
        Event::TimedOut(timer) => tracing::info!("timed out: {}", timer.name()),
    }
}
