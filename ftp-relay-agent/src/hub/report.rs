//! Tells what happens at the hub to the log and the audit: names and numbers, never a secret.

use ftp_proto::relay::hub::{CallId, Event, Timer};
use ftp_proto::relay::message::{Code, Id};
use ftp_proto::timer::Moment;

use super::call::Parties;
use crate::operate::audit::{Audit, Record, Who, reason};
use crate::operate::session_log::SessionLog;

/// Records an event of a session.
pub(super) fn record(audit: &Audit, session_log: &mut SessionLog, event: &Event, now: Moment) {
    let log = |untold| log(event, untold);
    let told = match event {
        Event::Joined { name, replaced, .. } => {
            let joined = Record::AgentJoined { agent: name, replaced: replaced.is_some() };
            return session_log.joined(audit, &joined, now, log);
        }
        Event::Refused { id: Id(id), code, text, .. } => {
            let refused = Record::RequestRefused { id: *id, code: *code, why: None, target: None, text };
            return audit.refused(session_log.who(), &refused, now, log);
        }
        Event::Ended { code: Code::Protocol, text, .. } => {
            return session_log.once(audit, &Record::ProtocolBroken { reason: text }, now, log);
        }
        Event::Withdrawn { why, .. } => {
            audit.record(session_log.who(), &Record::SessionRevoked(*why));
            true
        }
        Event::Ended { code: Code::Denied | Code::Expired, .. } => session_log.is_listed(), // it was withdrawn
        Event::Ended { code, text, .. } => {
            return session_log.once(audit, &Record::SessionDismissed { code: *code, text }, now, log);
        }
        Event::User { .. } => session_log.is_listed(),
        // A timer has no session; a call has two, see [`call`].
        Event::TimedOut(_) | Event::Called { .. } => return,
    };
    if told {
        log(None);
    }
}

/// Records that a wait has ended. It is one of the hub, so whose it was is not told.
pub(super) fn timed_out(audit: &Audit, timer: Timer, now: Moment) {
    let record = Record::HubTimedOut(timer);
    audit.of_flow(&Who::default(), &record, now, |untold| log(&Event::TimedOut(timer), untold));
}

/// Logs that both ends of a call are there; `untold` like it have no line.
pub(super) fn call(id: CallId, parties: &Parties, untold: Option<u64>) {
    let Parties { from, to, agent } = parties;
    tracing::info!(call = id.0, from = from.0, to = to.0, agent, untold, "call");
}

/// Logs one event; `untold` like it have no line.
pub(super) fn log(event: &Event, untold: Option<u64>) {
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
            tracing::debug!(call = call.0, from = from.0, to = to.0, agent, "called");
        }
        Event::Refused { session, code, text, .. } => {
            tracing::info!(session = session.0, untold, "refused: {}", reason(*code, text));
        }
        Event::Withdrawn { session, why } => tracing::warn!(session = session.0, "{why}: the session ends"),
        Event::Ended { session, code, text } => {
            tracing::info!(session = session.0, untold, "ended: {}", reason(*code, text))
        }
        Event::TimedOut(timer) => tracing::info!(untold, "timed out: {}", timer.name()),
    }
}
