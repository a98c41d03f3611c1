//! The agents that join the data connections of two servers: one that reaches both, or two that meet at a hub.
//!
//! Of two agents, one is beside the source and one beside the destination. Each joins the data connection of its server with the
//! other agent, and both joins together are one.
//!
//! ```text
//!   destination: Meet(Await S) --Ready--> source: Meet(Call, S) --Ready--> Ready
//!   Flows when both flow; Ended when both have ended
//! ```

use super::event::JoinEvent;
use super::failure::SessionEnd;
use super::find::{find, find_one};
use super::hub::Hub;
use super::task::found;
use super::{Reach, Session, failure};
use crate::config::Relay;
use crate::context::{Context, FoundAt};
use crate::failure::{About, Kind, Result};
use crate::place::Site;
use crate::session::{Tunnel, within};
use crate::world::random_bytes;
use ftp_io::link::{self, OpenedLink};
use ftp_proto::relay::message::{Id, Leg, Meeting, Text};
use ftp_proto::relay::token::Secret32;
use ftp_proto::transfer::Side;
use std::net::SocketAddr;

/// The agents of one path. Dropping them ends their sessions and their current join; tunnels continue.
#[derive(Debug)]
pub struct Agents {
    /// The agent that reaches the destination, and the source if there is no other one.
    destination: Session,
    /// The agent that reaches the source, if that is another one.
    source: Option<OtherAgent>,
    join: Join,
}

/// The agent beside the source, where another one is beside the destination.
#[derive(Debug)]
struct OtherAgent {
    session: Session,
    /// The secrets of the joins follow from it. It is random.
    seed: Secret32,
    /// How many joins have begun.
    joins: u64,
}

/// What is known of the current join.
#[derive(Debug, Default)]
struct Join {
    /// What the agent of the source is told once the other one expects it.
    next: Option<(Leg, Meeting)>,
    /// Its id at the agent of the source, if that is another one, and at the agent of the destination.
    ids: [Option<Id>; 2],
    /// Where the destination is to connect, once its agent is ready.
    destination_at: Option<SocketAddr>,
    /// The agents have connected directly.
    direct: bool,
    flows: [bool; 2],
    ended: [Option<JoinEvent>; 2],
    over: bool,
}

/// What is at the address of a relay.
pub(super) enum FoundRelay {
    Agent(Box<Session>),
    Hub(Hub),
}

impl Agents {
    /// Connects to the relay, or finds agents at the hub, and returns them with a tunnel to each server. Both ends of
    /// every session prove that they know the token before anything else is sent.
    pub async fn open(
        context: &Context,
        relay: &Relay,
        source: &Site,
        destination: &Site,
    ) -> Result<(Self, [Tunnel; 2])> {
        match begin(context, relay).await? {
            FoundRelay::Agent(mut session) => {
                let to_source = session.tunnel(context, source).await?;
                let to_destination = session.tunnel(context, destination).await?;
                Ok((Self::of_sides(None, *session)?, [to_source, to_destination]))
            }
            FoundRelay::Hub(hub) => find(context, relay, &hub, source, destination).await,
        }
    }

    /// The agent beside the destination, and the one beside the source, if that is another one.
    ///
    /// # Errors
    ///
    /// This host has no random numbers.
    pub(super) fn of_sides(source: Option<Session>, destination: Session) -> Result<Self> {
        let other =
            |session| random_bytes().map(|seed| OtherAgent { session, seed: Secret32::new(seed), joins: 0 });
        Ok(Self { destination, source: source.map(other).transpose()?, join: Join::default() })
    }

    /// The session with the agent that reaches this server.
    fn of(&mut self, side: Side) -> &mut Session {
        match (side, &mut self.source) {
            (Side::Source, Some(other)) => &mut other.session,
            (Side::Source, None) | (Side::Destination, _) => &mut self.destination,
        }
    }

    /// Opens one more tunnel to a server.
    pub async fn tunnel(&mut self, context: &Context, side: Side, site: &Site) -> Result<Tunnel> {
        self.of(side).tunnel(context, site).await
    }

    /// Joins two data connections. [`Agents::next`] reports the progress. Events of an earlier join are dropped. With `digest` the
    /// SHA-256 of what comes to the destination is asked for.
    pub fn join(&mut self, source: Leg, destination: Leg, digest: bool) {
        self.forget_join();
        let id = match &mut self.source {
            None => self.destination.join(source, destination),
            Some(other) => {
                other.joins += 1;
                // The hub does not learn the secret with which the agents prove themselves to each other.
                let secret = other.seed.of_join(other.joins);
                let agent = Text::of(&self.destination.name);
                self.join.next = Some((source, Meeting::Call { agent, secret: secret.clone() }));
                self.destination.meet(Side::Destination, destination, Meeting::Await(secret))
            }
        };
        *Side::Destination.of(self.join.ids.each_mut()) = Some(id);
        if digest {
            self.destination.digest(id);
        }
    }

    /// Drops what comes, and has come, of the last join.
    pub fn forget_join(&mut self) {
        self.join = Join::default();
        Side::BOTH.into_iter().for_each(|side| self.of(side).forget_join());
    }

    /// Resets both data connections of the join.
    pub fn close(&mut self) {
        self.join.next = None;
        for (side, id) in Side::BOTH.into_iter().zip(self.join.ids) {
            if let Some(id) = id {
                self.of(side).close(id);
            }
        }
    }

    /// Asks how many bytes have come to the destination. [`JoinEvent::Stat`] follows.
    pub fn stat(&mut self) {
        if let [_, Some(id)] = self.join.ids {
            self.destination.stat(id);
        }
    }

    /// Waits for the next event of the join. It is cancel-safe. Nothing comes after [`JoinEvent::Lost`].
    pub async fn next(&mut self) -> JoinEvent {
        loop {
            let Some(other) = &mut self.source else { return self.destination.next().await };
            let (side, event) = tokio::select! {
                biased;
                event = other.session.next() => (Side::Source, event),
                event = self.destination.next() => (Side::Destination, event),
            };
            if let Some(event) = self.heard(side, event) {
                return event;
            }
        }
    }

    /// Whether a session has ended.
    pub fn is_over(&self) -> bool {
        self.destination.is_over() || self.source.as_ref().is_some_and(|other| other.session.is_over())
    }

    /// Whether they were found at a hub.
    pub const fn are_at_hub(&self) -> bool {
        matches!(self.destination.reach, Reach::Called(..))
    }

    /// Whether two agents have connected directly for the last join, so that its bytes have not passed the hub.
    pub const fn are_direct(&self) -> bool {
        self.join.direct
    }

    /// The name of the path in reports: `relay` is that of the relay or the hub.
    pub fn name(&self, relay: &str) -> String {
        match (&self.source, &self.destination.reach) {
            (Some(other), _) => {
                format!("{relay} (agents {} and {})", other.session.name, self.destination.name)
            }
            (None, Reach::Called(_, agent)) => format!("{relay} (agent {agent})"),
            (None, Reach::Address(_)) => relay.to_owned(),
        }
    }

    /// What an event of one of two agents means for both.
    fn heard(&mut self, from: Side, event: JoinEvent) -> Option<JoinEvent> {
        if let JoinEvent::Lost(end) = event {
            let why = format!("{}: {}", self.of(from).name, end.why);
            return Some(JoinEvent::Lost(SessionEnd { why, ..end }));
        }
        if self.join.over {
            return None;
        }
        match event {
            JoinEvent::Ready { source, .. } if from == Side::Source => {
                Some(JoinEvent::Ready { source, destination: self.join.destination_at })
            }
            JoinEvent::Ready { destination, .. } => {
                self.join.destination_at = destination;
                if let Some((leg, meeting)) = self.join.next.take() {
                    let id = self.of(Side::Source).meet(Side::Source, leg, meeting);
                    *Side::Source.of(self.join.ids.each_mut()) = Some(id);
                }
                None
            }
            // An agent tells of the other one only if it has reached it at an address of its own.
            JoinEvent::Up(side, _) => {
                self.join.direct |= side != from;
                None
            }
            JoinEvent::Flows => {
                *from.of(self.join.flows.each_mut()) = true;
                (self.join.flows == [true; 2]).then_some(JoinEvent::Flows)
            }
            JoinEvent::Refused { side, code, why, for_now } => {
                self.join.over = true;
                self.close();
                // The other leg is the other agent: neither server is to blame.
                let side = side.filter(|side| *side == from);
                let why = format!("{}: {why}", self.of(from).name);
                Some(JoinEvent::Refused { side, code, why, for_now })
            }
            told @ (JoinEvent::Stranger { .. } | JoinEvent::Digest { .. }) => Some(told),
            told @ JoinEvent::Stat { .. } => Some(told).filter(|_| from == Side::Destination),
            ended @ JoinEvent::Ended { .. } => self.has_ended(from, ended),
            JoinEvent::Lost(_) => None,
        }
    }

    /// One of the two joins has ended. The other one ends as well: in order behind it, or because it is reset. An end
    /// that a server has caused explains more than that of the connection between the agents.
    fn has_ended(&mut self, from: Side, event: JoinEvent) -> Option<JoinEvent> {
        *from.of(self.join.ended.each_mut()) = Some(event);
        let ended = || {
            Side::BOTH.into_iter().zip(&self.join.ended).filter_map(|(of, ended)| Some((of, ended.as_ref()?)))
        };
        let by_server = ended().find(|(of, event)| matches!(event, JoinEvent::Ended { in_order: false, side, .. } if side == &Some(*of)));
        let decisive = match (by_server, &self.join.ended) {
            (Some((_, decisive)), _) => decisive.clone(),
            (None, [Some(_), Some(last)]) => {
                let broken = ended().find_map(|(_, event)| {
                    let JoinEvent::Ended { bytes, in_order: false, why, .. } = event else { return None };
                    Some(JoinEvent::Ended { bytes: *bytes, in_order: false, side: None, why: why.clone() })
                });
                broken.unwrap_or_else(|| last.clone())
            }
            (None, _) => return None,
        };
        self.join.over = true;
        if matches!(decisive, JoinEvent::Ended { in_order: false, .. }) {
            self.close();
        }
        Some(decisive)
    }
}

impl Session {
    /// Has the relay, or an agent of the hub, connect to a server that this host does not reach, and returns the control
    /// connection. The session goes on as long as somebody may ask it for data connections with the server.
    pub async fn reach(context: &Context, relay: &Relay, site: &Site) -> Result<Tunnel> {
        let (session, tunnel) = match begin(context, relay).await? {
            FoundRelay::Agent(mut session) => {
                let tunnel = session.tunnel(context, site).await?;
                (*session, tunnel)
            }
            FoundRelay::Hub(hub) => find_one(context, relay, &hub, site).await?,
        };
        Ok(session.with_data(tunnel))
    }
}

/// Finds out whether there is a hub at the address of the relay, unless that is known. One that does not answer is asked once.
pub async fn recognize(context: &Context, relay: &Relay) {
    let address = relay.address.to_string();
    if context.run.heard.found_at(&address).is_none() && begin(context, relay).await.is_err() {
        context.run.heard.note_found(&address, FoundAt::Nobody);
    }
}

/// Connects to a relay agent or a hub. Both ends prove that they know the token before anything else is sent.
pub(super) async fn begin(context: &Context, relay: &Relay) -> Result<FoundRelay> {
    let address = relay.address.to_string();
    match meet(context, relay).await {
        Ok(found) => {
            let kind = match found {
                FoundRelay::Agent(_) => FoundAt::Relay,
                FoundRelay::Hub(_) => FoundAt::Hub,
            };
            context.run.heard.note_found(&address, kind);
            Ok(found)
        }
        Err(failure) if failure.kind == Kind::Temporary && !context.run.heard.has(&address) => {
            Err(failure.about(About::NoRelay))
        }
        Err(failure) => Err(failure),
    }
}

async fn meet(context: &Context, relay: &Relay) -> Result<FoundRelay> {
    let display_name = failure::display_name(relay);
    let token = relay.token()?;
    let (stream, at) = found(context, &relay.address, &display_name).await?;
    match within(context, context.settings.patience.reply, link::open(stream, &token)).await {
        Some(Ok(OpenedLink::Relay(link, welcome))) => {
            let (name, reach) = (relay.name.clone(), Reach::Address(at));
            let session = Session::begin(context, name, display_name, reach, link, &welcome);
            Ok(FoundRelay::Agent(Box::new(session)))
        }
        Some(Ok(OpenedLink::Hub(link, welcome))) => {
            Ok(FoundRelay::Hub(Hub::begin(context, display_name, at, link, &welcome)))
        }
        Some(Err(failure)) => Err(failure::not_proven(context, &display_name, relay, &token, &failure)),
        None => Err(failure::late(context, &display_name, "the handshake")),
    }
}
