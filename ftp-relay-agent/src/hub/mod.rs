//! A hub: agents that can only connect out join it, and user agents with the same token call them there.
//!
//! ```text
//!   listen: TLS, the proof of a token or of a ticket
//!     token  -> session: its frames go to the machine of the hub (exchange), and what the machine says goes back
//!     ticket -> a stream (call); when both ends of a call are there, TLS ends and the kernel passes the bytes on
//! ```
//!
//! The log and the audit are told names and numbers, never a secret.

mod call;
mod exchange;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use call::Parties;
pub(crate) use exchange::{Admitted, CallEnd, Exchange};
use ftp_io::control::{Control, ReadEvent};
use ftp_io::link::{HANDSHAKE, Link};
use ftp_proto::relay::hub::{CallId, Event, Input, Timer};
use ftp_proto::relay::message::{Code, Id};
use ftp_proto::timer::Moment;
use tokio::sync::mpsc;

use crate::operate::Orders;
use crate::operate::audit::{Audit, LinkOwner, Record, reason};
use crate::operate::session_log::SessionLog;

impl Exchange {
    /// Runs a session until its link or the hub ends it.
    pub(crate) async fn run(
        self: &Arc<Self>,
        link: Link,
        admitted: Admitted,
        expires: Option<Moment>,
        orders: impl FnOnce() -> Orders,
    ) {
        let clock = self.clock;
        let mut control = match Control::new(link, MAX_UNSENT) {
            Ok(control) => control,
            // Its other end has gone already.
            Err(error) => return tracing::debug!(%error, "the session could not start"),
        };
        let (session, mut frames) = self.open(admitted, expires, orders);
        let mut heard = Vec::new();
        // Whether it has said more than was heard. That waits until it has taken the answers, and nothing is read meanwhile.
        let mut more = false;
        loop {
            let behind = control.behind_since().map(|since| since + HANDSHAKE);
            let has_room = !control.is_full();
            let next = more && has_room && frames.is_empty();
            tokio::select! {
                biased;
                frame = frames.next(), if has_room => match frame {
                    Some(frame) => control.send(&frame, clock.now()),
                    None => break,
                },
                // Others have their turns first.
                () = tokio::task::yield_now(), if next => more = self.hear(Input::Next(session)),
                // What is full reads nothing: it only sends.
                read = control.read_to(&mut heard), if !(more && has_room) => match read {
                    // While it waits it keeps no room.
                    ReadEvent::Bytes(_) => more = self.hear(Input::Bytes(session, &std::mem::take(&mut heard))),
                    ReadEvent::Room => {}
                    // TLS has begun before the session.
                    ReadEvent::Closed | ReadEvent::Secured(_) | ReadEvent::Cleared | ReadEvent::NotSecured(_) => break,
                },
                () = clock.sleep_until(behind), if behind.is_some() => break,
            }
        }
        self.input(Input::Closed(session));
        control.close(&clock, LAST_FRAMES).await;
        self.close(session);
    }
}

/// Bytes of frames that the other end has not taken yet. While there are more, nothing is read from it, and nothing that
/// it has said is answered.
const MAX_UNSENT: usize = 16 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);

/// Takes the frames of one session. Dropping it ends the session behind the last of them.
#[derive(Debug)]
struct Outlet {
    frames: mpsc::Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Gives the frames to the task of the session.
#[derive(Debug)]
struct Frames {
    frames: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// An outlet without frames, and its other end.
fn outlet() -> (Outlet, Frames) {
    let (sender, frames) = mpsc::channel(MAX_FRAMES);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outlet { frames: sender, waiting: Arc::clone(&waiting) }, Frames { frames, waiting })
}

impl Outlet {
    /// Adds a frame. Returns `false` if too much waits already, or the session is over.
    fn send(&self, frame: Vec<u8>) -> bool {
        let length = frame.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        before.saturating_add(length) <= MAX_BYTES && self.frames.try_send(frame).is_ok()
    }
}

impl Frames {
    /// Whether all frames have been given. When the session is over, they have not: [`Self::next`] tells the end.
    fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.frames.is_closed()
    }

    /// The next frame; `None` if the session is over. It is cancel-safe.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }
}

/// Frames that wait.
const MAX_FRAMES: usize = 1_024;
/// Their bytes: several lists of all agents that a token can have.
const MAX_BYTES: usize = 128 * 1024;

/// Records an event of a session.
fn record_event(audit: &Audit, session_log: &mut SessionLog, event: &Event, now: Moment) {
    let log = |untold| log_event(event, untold);
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
        // A timer has no session; a call has two, see [`log_call`].
        Event::TimedOut(_) | Event::Called { .. } => return,
    };
    if told {
        log(None);
    }
}

/// Records that a wait has ended. It is one of the hub, so whose it was is not told.
fn record_timeout(audit: &Audit, timer: Timer, now: Moment) {
    let record = Record::HubTimedOut(timer);
    audit.of_flow(&LinkOwner::default(), &record, now, |untold| log_event(&Event::TimedOut(timer), untold));
}

/// Logs that both ends of a call are there; `untold` like it have no line.
fn log_call(id: CallId, parties: &Parties, untold: Option<u64>) {
    let Parties { from, to, agent } = parties;
    tracing::info!(call = id.0, from = from.0, to = to.0, agent, untold, "call");
}

/// Logs one event; `untold` like it have no line.
fn log_event(event: &Event, untold: Option<u64>) {
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
