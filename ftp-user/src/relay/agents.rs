//! The agents that join the data connections of two servers: one that reaches both, or two that meet at a hub.

use super::event::JoinEvent;
use super::find::{self, find, find_one};
use super::hub::Hub;
use super::pair::Pair;
use super::reach::{found, late};
use super::{Reach, Session, failure};
use crate::config::Relay;
use crate::context::{Context, FoundAt};
use crate::failure::{About, Failure, Kind};
use crate::place::Site;
use crate::session::{Tunnel, within};
use ftp_io::link::{self, Opened};
use ftp_proto::relay::message::{Id, Leg};
use ftp_proto::transfer::Side;

/// The agents of one path. Dropping them ends their sessions and their current join; tunnels continue.
#[derive(Debug)]
pub enum Agents {
    /// One agent reaches both servers.
    One(Box<Session>),
    /// One agent reaches the source, another one the destination.
    Met(Box<Pair>),
}

/// What is at the address of a relay.
enum Found {
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
    ) -> Result<(Self, Tunnel, Tunnel), Failure> {
        match begin(context, relay).await? {
            Found::Agent(mut session) => {
                let to_source = session.tunnel(context, source).await?;
                let to_destination = session.tunnel(context, destination).await?;
                Ok((Self::One(session), to_source, to_destination))
            }
            Found::Hub(hub) => {
                let found = find(context, relay, &hub, source, destination).await?;
                let (agents, to_source, to_destination) = found;
                let agents = match agents {
                    find::Found::One(session) => Self::One(session),
                    find::Found::Met(pair) => Self::Met(pair),
                };
                Ok((agents, to_source, to_destination))
            }
        }
    }

    /// Opens one more tunnel to a server.
    pub async fn tunnel(&mut self, context: &Context, side: Side, site: &Site) -> Result<Tunnel, Failure> {
        match self {
            Self::One(session) => session.tunnel(context, site).await,
            Self::Met(pair) => pair.of(side).tunnel(context, site).await,
        }
    }

    /// Joins two data connections. [`Agents::next`] reports the progress. Events of an earlier join are dropped.
    pub fn join(&mut self, source: Leg, destination: Leg) -> Id {
        match self {
            Self::One(session) => session.join(source, destination),
            Self::Met(pair) => pair.join(source, destination),
        }
    }

    /// Asks for the SHA-256 of what comes to the destination, before the join flows.
    pub fn digest(&mut self, id: Id) {
        match self {
            Self::One(session) => session.digest(id),
            Self::Met(pair) => pair.digest(),
        }
    }

    /// Drops what comes, and has come, of the last join.
    pub fn forget_join(&mut self) {
        match self {
            Self::One(session) => session.forget_join(),
            Self::Met(pair) => pair.forget_join(),
        }
    }

    /// Resets both data connections of a join.
    pub fn close(&mut self, id: Id) {
        match self {
            Self::One(session) => session.close(id),
            Self::Met(pair) => pair.close(),
        }
    }

    /// Asks how many bytes a join has carried. [`JoinEvent::Stat`] follows.
    pub fn stat(&mut self, id: Id) {
        match self {
            Self::One(session) => session.stat(id),
            Self::Met(pair) => pair.stat(),
        }
    }

    /// Waits for the next event of the join. It is cancel-safe. Nothing comes after [`JoinEvent::Lost`].
    pub async fn next(&mut self) -> JoinEvent {
        match self {
            Self::One(session) => session.next().await,
            Self::Met(pair) => pair.next().await,
        }
    }

    /// Whether a session has ended.
    pub fn is_over(&self) -> bool {
        match self {
            Self::One(session) => session.is_over(),
            Self::Met(pair) => pair.is_over(),
        }
    }

    /// Whether they were found at a hub.
    pub const fn are_at_hub(&self) -> bool {
        match self {
            Self::One(session) => matches!(session.reach, Reach::Called(..)),
            Self::Met(_) => true,
        }
    }

    /// Whether two agents have connected directly for the last join, so that its bytes have not passed the hub.
    pub const fn are_direct(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Met(pair) => pair.is_direct(),
        }
    }

    /// The name of the path in reports: `relay` is that of the relay or the hub.
    pub fn name(&self, relay: &str) -> String {
        match self {
            Self::One(session) => match &session.reach {
                Reach::Address(_) => relay.to_owned(),
                Reach::Called(_, agent) => format!("{relay} (agent {agent})"),
            },
            Self::Met(pair) => format!("{relay} (agents {})", pair.names()),
        }
    }
}

impl Session {
    /// Has the relay, or an agent of the hub, connect to a server that this host does not reach, and returns the control
    /// connection. The session goes on as long as somebody may ask it for data connections with the server.
    pub async fn reach(context: &Context, relay: &Relay, site: &Site) -> Result<Tunnel, Failure> {
        let (session, tunnel) = match begin(context, relay).await? {
            Found::Agent(mut session) => {
                let tunnel = session.tunnel(context, site).await?;
                (*session, tunnel)
            }
            Found::Hub(hub) => find_one(context, relay, &hub, site).await?,
        };
        Ok(session.with_data(tunnel))
    }

    /// Connects to a relay agent. Both ends prove that they know the token before anything else is sent.
    #[cfg(test)]
    pub(super) async fn open(context: &Context, relay: &Relay) -> Result<Self, Failure> {
        match begin(context, relay).await? {
            Found::Agent(session) => Ok(*session),
            Found::Hub(hub) => panic!("{} is a hub", hub.display_name()),
        }
    }
}

/// Finds out whether there is a hub at the address of the relay, unless that is known. One that does not answer is asked once.
pub async fn recognize(context: &Context, relay: &Relay) {
    let address = relay.address.to_string();
    if context.run.heard.found_at(&address).is_none() && begin(context, relay).await.is_err() {
        context.run.heard.note_found(&address, FoundAt::Nobody);
    }
}

async fn begin(context: &Context, relay: &Relay) -> Result<Found, Failure> {
    let address = relay.address.to_string();
    match meet(context, relay).await {
        Ok(found) => {
            context.run.heard.note(&address);
            let kind = match found {
                Found::Agent(_) => FoundAt::Relay,
                Found::Hub(_) => FoundAt::Hub,
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

async fn meet(context: &Context, relay: &Relay) -> Result<Found, Failure> {
    let display_name = failure::display_name(relay);
    let token = relay.token()?;
    let (stream, at) = found(context, &relay.address, &display_name).await?;
    match within(context, context.settings.patience.reply, link::open(stream, &token)).await {
        Some(Ok(Opened::Relay(link, welcome))) => {
            let names = (relay.name.clone(), display_name);
            let session = Session::begin(context, names, Reach::Address(at), link, &welcome);
            Ok(Found::Agent(Box::new(session)))
        }
        Some(Ok(Opened::Hub(link, welcome))) => {
            Ok(Found::Hub(Hub::begin(context, display_name, at, link, &welcome)))
        }
        Some(Err(failure)) => Err(failure::no_session(relay, &token, &failure)),
        None => Err(late(context, &display_name, "the handshake")),
    }
}
