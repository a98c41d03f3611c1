//! Transfers through a relay, which joins the two data connections: the data does not pass this host. The relay session, and
//! through it a control session with each server, are kept for the length of a run: the next file uses them again.

use super::path::Sessions;
use super::progress::Progress;
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind, Result};
use crate::outcome::Relayed;
use crate::place::Site;
use crate::relay::{self, JoinEvent};
use crate::session::{Role, Session, SessionOpening, Tunnel, check_place, within};
use ftp_io::copy::Digest;
use ftp_proto::relay::message::{Code, Leg, Pin};
use ftp_proto::transfer::{Input, Junction, Side};
use std::net::SocketAddr;
use std::time::Duration;

/// A relay session, and the control sessions through it.
#[derive(Debug)]
pub struct Circuit {
    /// The index of the relay among those that may be used.
    relay: usize,
    /// The name of the relay in reports.
    pub(super) name: String,
    agents: Box<relay::Agents>,
    source: Box<Session>,
    destination: Box<Session>,
}

impl Circuit {
    /// Returns the circuit of that relay: `kept` if it can still be used, else a new one.
    ///
    /// # Errors
    ///
    /// Fails if the relay or a server cannot be reached.
    pub(crate) async fn ready<'a>(
        kept: &'a mut Option<Self>,
        context: &Context,
        relay: usize,
        source: &Server,
        destination: &Server,
    ) -> Result<&'a mut Self> {
        let fit = kept.take().filter(|circuit| circuit.relay == relay && !circuit.agents.is_over());
        let circuit = match fit {
            Some(circuit) => circuit.mended(context, source, destination).await?,
            None => Self::open(context, relay, source, destination).await?,
        };
        Ok(kept.insert(circuit))
    }

    /// Whether what has moved last has passed no hub.
    pub(crate) const fn is_direct(&self) -> bool {
        self.agents.are_direct()
    }

    async fn open(context: &Context, relay: usize, source: &Server, destination: &Server) -> Result<Self> {
        let chosen = context.run.relays.get(relay);
        let chosen = chosen.ok_or_else(|| Failure::new(Kind::NoPath, "there is no such relay"))?;
        let (source, destination) = (&source.site, &destination.site);
        let opened = Box::pin(relay::Agents::open(context, chosen, source, destination)).await?;
        let (agents, [to_source, to_destination]) = opened;
        let name = agents.name(&chosen.name);
        let source = session(context, source, Role::Source, to_source).await?;
        let destination = session(context, destination, Role::Destination, to_destination).await?;
        Ok(Self { relay, name, agents: Box::new(agents), source, destination })
    }

    /// Replaces the sessions that have ended: servers close sessions that are idle for long.
    async fn mended(mut self, context: &Context, source: &Server, destination: &Server) -> Result<Self> {
        tokio::join!(self.source.catch_up(), self.destination.catch_up());
        if self.source.is_over() {
            let tunnel = self.agents.tunnel(context, Side::Source, &source.site).await?;
            self.source = session(context, &source.site, Role::Source, tunnel).await?;
        }
        if self.destination.is_over() {
            let tunnel = self.agents.tunnel(context, Side::Destination, &destination.site).await?;
            self.destination = session(context, &destination.site, Role::Destination, tunnel).await?;
        }
        Ok(self)
    }

    /// The control sessions with the source and the destination.
    pub(crate) fn sessions(&mut self) -> (&mut Session, &mut Session) {
        (&mut self.source, &mut self.destination)
    }

    /// The same, and what a transfer needs besides them.
    pub(super) fn path(&mut self) -> (Sessions<'_>, RelayPath<'_>) {
        let Self { name, agents, source, destination, .. } = self;
        (Sessions { source, destination }, RelayPath::new(name, agents))
    }

    /// Whether its agents were found at a hub.
    pub(crate) const fn is_at_hub(&self) -> bool {
        self.agents.are_at_hub()
    }

    /// Says goodbye to both servers.
    pub(crate) async fn quit(self) {
        tokio::join!(Box::pin(self.source.quit()), Box::pin(self.destination.quit()));
    }
}

async fn session(context: &Context, site: &Site, role: Role, tunnel: Tunnel) -> Result<Box<Session>> {
    let opening = SessionOpening::new(context, site, role);
    Box::pin(opening.open_tunnelled(tunnel)).await.map(Box::new)
}

/// The join of the two data connections at a relay.
#[derive(Debug)]
pub(super) struct RelayPath<'a> {
    pub(super) name: &'a str,
    agents: &'a mut relay::Agents,
    /// Whether there is a join of which the relay has not told the end.
    pub(super) is_joined: bool,
    /// Whether it may not connect to the data port of a server.
    pub(super) is_denied: bool,
    /// Whether the last count has come.
    counted: bool,
    /// Whether the relay is asked for the digest of what it passes on.
    pub(super) digest: Digest,
    /// That digest, once it has come.
    pub(super) sha256: Option<String>,
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
            is_joined: false,
            is_denied: false,
            counted: false,
            digest: Digest::Off,
            sha256: None,
            seen: [(None, 0); 2],
        }
    }

    /// The address of that server at its data connection with the relay, and how many strangers the relay has refused there, once
    /// it is connected.
    pub(super) fn seen(&self, side: Side) -> (Option<SocketAddr>, Option<u32>) {
        let (at, strangers) = side.of(self.seen);
        (at, at.map(|_| strangers))
    }

    /// What the relay has passed on, if it was so many bytes.
    pub(super) fn relayed(&self, bytes: u64) -> Relayed {
        Relayed { relay: self.name.into(), bytes, directly: self.agents.are_direct() }
    }

    /// Waits for the next event of the join. It is cancel-safe.
    pub(super) async fn next(&mut self) -> JoinEvent {
        self.agents.next().await
    }

    /// Waits a moment for the end of the relay session. If a relay dies, its tunnels may end a little earlier,
    /// but the end of the session explains more.
    pub(super) async fn last_words(&mut self, context: &Context) -> Option<JoinEvent> {
        within(context, SETTLE, self.agents.next()).await
    }

    /// Has the relay join the data connections.
    pub(super) fn join(&mut self, sessions: &Sessions<'_>, source: Junction, destination: Junction) {
        let leg = |junction, session: &Session| match junction {
            Junction::Dial(at) => Leg::Dial(at),
            // A server may connect from any port.
            Junction::Listen => Leg::Listen(Pin { ip: session.addresses.peer, port: None }),
        };
        let (source, destination) = (leg(source, sessions.source), leg(destination, sessions.destination));
        self.agents.join(source, destination, self.digest == Digest::Sha256);
        self.is_joined = true;
    }

    /// Asks the relay how far it is.
    pub(super) fn ask(&mut self) {
        if self.is_joined {
            self.agents.stat();
        }
    }

    /// Has the relay reset both data connections.
    pub(super) fn cut(&mut self) {
        if std::mem::take(&mut self.is_joined) {
            self.agents.close();
        }
    }

    /// Leaves the join alone: it goes on when the relay session has ended.
    pub(super) fn leave(&mut self) {
        self.is_joined = false;
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
                let ends = [
                    (source, sessions.source.addresses.local),
                    (destination, sessions.destination.addresses.local),
                ];
                let check = |(at, seen): (Option<_>, _)| at.map_or(Ok(()), |at| check_place(at, seen));
                Some(match ends.into_iter().try_for_each(check) {
                    Err(why) => Input::RelayRefused(why.to_string()),
                    Ok(()) => Input::RelayReady { source, destination },
                })
            }
            JoinEvent::Up(side, at) => {
                side.of(self.seen.each_mut()).0 = Some(at);
                None
            }
            JoinEvent::Flows => {
                progress.start(now);
                Some(Input::RelayFlowing)
            }
            JoinEvent::Refused { side, code, why, for_now } => {
                self.is_joined = false;
                self.is_denied = code == Code::Denied;
                Some(if for_now { Input::RelayLost(why) } else { fault(side, why) })
            }
            JoinEvent::Stranger { side, peer } => {
                let (_, strangers) = side.of(self.seen.each_mut());
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
                self.is_joined = false;
                Some(if in_order { Input::RelayPassed } else { fault(side, why) })
            }
            JoinEvent::Lost(end) => {
                self.is_joined = false;
                Some(Input::RelayLost(end.why))
            }
        }
    }

    /// Waits for the relay's last count, after both servers have confirmed that the file is complete.
    pub(super) async fn last_count(
        &mut self,
        context: &Context,
        sessions: &mut Sessions<'_>,
        progress: &mut Progress,
    ) {
        let clock = context.world.clock;
        let deadline = Some(clock.now() + LAST_WORD);
        while !self.counted && !self.agents.is_over() {
            let event = tokio::select! {
                biased;
                () = context.run.cancel.cancelled() => return,
                event = self.agents.next() => event,
                () = clock.sleep_until(deadline) => return,
            };
            let is_last = event.is_last();
            self.take(context, event, sessions, progress);
            if is_last {
                return;
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
