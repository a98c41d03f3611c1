//! What a transfer through a relay needs besides the control sessions: the relay session, which joins the two
//! data connections. The data does not pass this host.

use super::progress::Progress;
use super::sessions::Sessions;
use crate::context::Context;
use crate::relay::{self, JoinEvent};
use crate::session::{Session, check_place};
use ftp_io::copy::Digest;
use ftp_proto::relay::message::{Id, Leg, Pin};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Input, Junction, Side};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// The join of the two data connections at a relay.
#[derive(Debug)]
pub(super) struct RelayPath<'a> {
    name: &'a str,
    agents: &'a mut relay::Agents,
    join: Option<Id>,
    /// Whether the last count has come.
    counted: bool,
    /// Whether the relay is asked for the digest of what it passes on.
    digest: Digest,
    /// That digest, once it has come.
    sha256: Option<String>,
    /// The address of each server at its data connection with the relay, and how many strangers came there.
    seen: [(Option<SocketAddr>, u32); 2],
}

impl<'a> RelayPath<'a> {
    /// Creates the path, without a join yet. The join of an earlier attempt is over for it.
    pub(super) fn new(name: &'a str, agents: &'a mut relay::Agents) -> Self {
        agents.forget_join();
        Self {
            name,
            agents,
            join: None,
            counted: false,
            digest: Digest::Off,
            sha256: None,
            seen: [(None, 0); 2],
        }
    }

    /// The same; the relay computes this digest.
    pub(super) fn digested(self, digest: Digest) -> Self {
        Self { digest, ..self }
    }

    /// The SHA-256 of what the relay has passed on to the destination, if it has computed it.
    pub(super) fn sha256(&mut self) -> Option<String> {
        self.sha256.take()
    }

    /// The address of that server at its data connection with the relay, and how many strangers the relay has refused there, once
    /// it is connected.
    pub(super) fn seen(&self, side: Side) -> (Option<SocketAddr>, Option<u32>) {
        let [source, destination] = self.seen;
        let (at, strangers) = if side == Side::Source { source } else { destination };
        (at, at.map(|_| strangers))
    }

    fn of(&mut self, side: Side) -> &mut (Option<SocketAddr>, u32) {
        let [source, destination] = &mut self.seen;
        if side == Side::Source { source } else { destination }
    }

    /// Waits for the next event of the join. It is cancel-safe.
    pub(super) async fn next(&mut self) -> JoinEvent {
        self.agents.next().await
    }

    /// Waits a moment for the end of the relay session. If a relay dies, its tunnels may end a little earlier,
    /// but the end of the session explains more.
    pub(super) async fn last_words(&mut self) -> Option<JoinEvent> {
        timeout(SETTLE, self.agents.next()).await.ok()
    }

    /// Whether there is a join of which the relay has not told the end.
    pub(super) const fn is_joined(&self) -> bool {
        self.join.is_some()
    }

    /// Has the relay join the data connections.
    pub(super) fn join(&mut self, sessions: &Sessions<'_>, source: Junction, destination: Junction) {
        let leg = |junction, session: &Session| match junction {
            Junction::Dial(at) => Leg::Dial(at),
            // A server may connect from any port.
            Junction::Listen => Leg::Listen(Pin { ip: session.peer, port: None }),
        };
        let (source, destination) = (leg(source, sessions.source), leg(destination, sessions.destination));
        let join = self.agents.join(source, destination);
        if self.digest == Digest::Sha256 {
            self.agents.digest(join);
        }
        self.join = Some(join);
    }

    /// Asks the relay how far it is.
    pub(super) fn ask(&mut self) {
        if let Some(join) = self.join {
            self.agents.stat(join);
        }
    }

    /// Has the relay reset both data connections.
    pub(super) fn cut(&mut self) {
        if let Some(join) = self.join.take() {
            self.agents.close(join);
        }
    }

    /// Leaves the join alone: it goes on when the relay session has ended.
    pub(super) fn leave(&mut self) {
        self.join = None;
        self.agents.forget_join();
    }

    /// Handles an event of the join. Returns the input that the attempt gets for it.
    pub(super) fn take(
        &mut self,
        context: &Context,
        event: JoinEvent,
        sessions: &mut Sessions<'_>,
        progress: &mut Progress,
    ) -> Option<Input> {
        let now = context.world.clock.now();
        match event {
            JoinEvent::Ready { source, destination } => {
                let ends = [(source, sessions.source.local), (destination, sessions.destination.local)];
                let check = |(at, seen): (Option<_>, _)| at.map_or(Ok(()), |at| check_place(at, seen));
                Some(match ends.into_iter().try_for_each(check) {
                    Err(why) => Input::RelayRefused(why.to_string()),
                    Ok(()) => Input::RelayReady { source, destination },
                })
            }
            JoinEvent::Up(side, at) => {
                self.of(side).0 = Some(at);
                None
            }
            JoinEvent::Flows => {
                progress.start(now);
                Some(Input::RelayFlowing)
            }
            JoinEvent::Refused { side, why, for_now, .. } => {
                self.join = None;
                Some(if for_now { Input::RelayLost(why) } else { fault(side, why) })
            }
            JoinEvent::Stranger { side, peer } => {
                let (_, strangers) = self.of(side);
                *strangers = strangers.saturating_add(1);
                let end = sessions.of(side).role.name();
                context.run.events.warn(format!(
                    "the relay {} rejected a connection from {peer}, which is not the {end}",
                    self.name
                ));
                None
            }
            JoinEvent::Stat { bytes } => {
                progress.saw(now, bytes);
                None
            }
            JoinEvent::Digest { sha256 } => {
                self.sha256 = Some(sha256);
                None
            }
            JoinEvent::Ended { bytes, in_order, side, why } => {
                progress.saw(now, bytes);
                progress.stop();
                self.counted = in_order;
                self.join = None;
                Some(if in_order { Input::RelayPassed } else { fault(side, why) })
            }
            JoinEvent::Lost(why) => {
                self.join = None;
                Some(Input::RelayLost(why))
            }
        }
    }

    /// Waits for the relay's last count, after both servers have confirmed that the file is complete.
    pub(super) async fn last_count(&mut self, context: &Context, progress: &mut Progress) {
        let clock = context.world.clock;
        let deadline: Option<Moment> = Some(clock.now() + LAST_WORD);
        while !self.counted && !self.agents.is_over() {
            let event = tokio::select! {
                () = context.run.cancel.cancelled() => return,
                event = self.agents.next() => event,
                () = clock.sleep_until(deadline) => return,
            };
            match event {
                JoinEvent::Stat { bytes } => progress.saw(clock.now(), bytes),
                JoinEvent::Ended { bytes, .. } => {
                    progress.saw(clock.now(), bytes);
                    self.counted = true;
                }
                JoinEvent::Digest { sha256 } => self.sha256 = Some(sha256),
                JoinEvent::Lost(_) => return,
                JoinEvent::Ready { .. }
                | JoinEvent::Up(..)
                | JoinEvent::Flows
                | JoinEvent::Refused { .. }
                | JoinEvent::Stranger { .. } => {}
            }
        }
    }
}

/// The input for a failure of one end's data connection, or of the join.
fn fault(side: Option<Side>, why: String) -> Input {
    match side {
        Some(side) => Input::DataFailed(side, why),
        None => Input::RelayRefused(why),
    }
}

/// How long the end of the relay session may come after the end of its tunnels.
const SETTLE: Duration = Duration::from_millis(200);
/// How long to wait for what the relay says at the end of a join: its last count, or why it has cut the join.
pub(super) const LAST_WORD: Duration = Duration::from_secs(2);
