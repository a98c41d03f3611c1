//! Finds the agents at a hub that reach a server, or two: each is asked for a tunnel to each of them.

use super::asking::Asking;
use super::hub::Hub;
use super::pair::Pair;
use super::reach::late;
use super::{Session, failure};
use crate::config::Relay;
use crate::context::{Context, Patience};
use crate::control::{Tunnel, within};
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::report::{THIS_HOST, Topic};
use crate::state::Key;
use ftp_io::random;
use ftp_proto::relay::token::Secret32;
use std::time::Duration;

/// The agents of a hub, which are asked for tunnels to some servers.
struct Probes {
    context: Context,
    relay: Relay,
    hub: Hub,
    sites: Vec<Site>,
    asking: Asking<Probed>,
    /// Agents that have reached the servers, and are not there.
    gone: Vec<String>,
    /// Why each agent does not reach each server.
    unreached: Vec<Vec<String>>,
    /// An agent does not hold the same token.
    distrust: Option<Failure>,
}

/// What an agent has said: its session, and its tunnel to each server.
struct Probed {
    session: Result<Session, Failure>,
    tunnels: Vec<Result<Tunnel, String>>,
}

/// The agents of a path between two servers.
pub(super) enum Found {
    /// One agent reaches both.
    One(Box<Session>),
    /// One agent reaches the source, another one the destination.
    Met(Box<Pair>),
}

/// An agent that reaches at least one of the servers.
struct Near {
    session: Session,
    tunnels: Vec<Option<Tunnel>>,
}

impl Probes {
    async fn start(context: &Context, relay: &Relay, hub: &Hub, sites: &[&Site]) -> Result<Self, Failure> {
        let (names, known) = (hub.agents(context).await?, remembered(context, relay, sites));
        let gone: Vec<String> = known.iter().filter(|known| !names.contains(known)).cloned().collect();
        if names.is_empty() {
            // Agents that go join again by themselves.
            let lost = sites.iter().find(|site| !gone.is_empty() || context.heard.has(&reached(relay, site)));
            return Err(match lost {
                Some(site) => failure::away(hub.display_name(), site, &gone, &[]),
                None => failure::nobody(hub.display_name()),
            });
        }
        Ok(Self {
            context: context.clone(),
            relay: relay.clone(),
            hub: hub.clone(),
            sites: sites.iter().map(|site| (*site).clone()).collect(),
            asking: Asking::new(names, &known, context.patience.reply),
            gone,
            unreached: sites.iter().map(|_| Vec::new()).collect(),
            distrust: None,
        })
    }

    /// The next agent that reaches one of the servers, in the order of their answers.
    async fn next(&mut self) -> Option<Near> {
        loop {
            let (relay, hub, sites) = (&self.relay, &self.hub, &self.sites);
            let ask = |name: String, limit: Duration| {
                let (context, relay, hub) = (self.context.clone(), relay.clone(), hub.clone());
                let sites = sites.clone();
                async move { probe(&context, &relay, &hub, &name, &sites, limit).await }
            };
            let (name, probed) = self.asking.next(&self.context, ask).await?;
            let Some(Probed { session, tunnels }) = probed else {
                self.unreached.iter_mut().for_each(|said| said.push(format!("{name}: no answer in time")));
                continue;
            };
            let session = match session {
                Ok(session) => session,
                Err(failure) => {
                    self.unreached.iter_mut().for_each(|said| said.push(format!("{name}: {failure}")));
                    if failure.kind == Kind::Untrusted {
                        self.distrust = Some(failure);
                    }
                    continue;
                }
            };
            let reached = |(tunnel, said): (Result<Tunnel, String>, &mut Vec<String>)| {
                tunnel.map_err(|why| said.push(format!("{name}: {why}"))).ok()
            };
            let tunnels: Vec<_> = tunnels.into_iter().zip(&mut self.unreached).map(reached).collect();
            if tunnels.iter().any(Option::is_some) {
                return Some(Near { session, tunnels });
            }
        }
    }

    /// Why nobody reaches the server with this index.
    fn failure(self, index: usize) -> Failure {
        let mut said = self.unreached.get(index).cloned().unwrap_or_default();
        let untold = said.len().saturating_sub(MAX_TOLD);
        said.truncate(MAX_TOLD);
        if untold > 0 {
            said.push(format!("{untold} more agents do not reach it"));
        }
        if self.asking.left_out() > 0 {
            said.push(format!("{} more agents were not asked, there are too many", self.asking.left_out()));
        }
        match (self.distrust, self.sites.get(index)) {
            (Some(distrust), _) => distrust,
            (None, Some(site))
                if !self.gone.is_empty() || self.context.heard.has(&reached(&self.relay, site)) =>
            {
                failure::away(self.hub.display_name(), site, &self.gone, &said)
            }
            (None, Some(site)) => failure::out_of_reach(self.hub.display_name(), site, &said),
            (None, None) => failure::nobody(self.hub.display_name()),
        }
    }
}

/// The memory of the agents that have reached these servers: the source, and the destination if there is one.
fn key(relay: &Relay, sites: &[&Site]) -> Key {
    let authority = |index: usize| sites.get(index).map(|site| site.authority()).unwrap_or_default();
    Key::at_hub(&relay.address.to_string(), &authority(0), &authority(1))
}

fn remembered(context: &Context, relay: &Relay, sites: &[&Site]) -> Vec<String> {
    // That the file is damaged is told where the path between the two is looked up.
    context.pairs.agents(&key(relay, sites)).unwrap_or_default()
}

/// What is noted of a server that an agent has reached in this run.
fn reached(relay: &Relay, site: &Site) -> String {
    format!("{} {}", relay.address, site.authority())
}

/// Has a later run ask these agents first, and this one wait for them if they go.
fn remember(context: &Context, relay: &Relay, sites: &[&Site], names: &[&str]) {
    sites.iter().for_each(|site| context.heard.note(&reached(relay, site)));
    if let Err(why) = context.pairs.note_agents(&key(relay, sites), names) {
        let text = format!("cannot remember for later runs which agents reach the servers: {why}");
        context.events.warn_of(Topic::Memory, THIS_HOST, text);
    }
}

/// Asks the agents, several at the same time, until both servers are reached: by one of them, or by two.
pub(super) async fn find(
    context: &Context,
    relay: &Relay,
    hub: &Hub,
    source: &Site,
    destination: &Site,
) -> Result<(Found, Tunnel, Tunnel), Failure> {
    let mut probes = Probes::start(context, relay, hub, &[source, destination]).await?;
    let (mut near_source, mut near_destination) = (None, None);
    while let Some(Near { session, tunnels }) = probes.next().await {
        let mut tunnels = tunnels.into_iter();
        match (tunnels.next().flatten(), tunnels.next().flatten()) {
            (Some(to_source), Some(to_destination)) => {
                remember(context, relay, &[source, destination], &[session.name()]);
                return Ok((Found::One(Box::new(session)), to_source, to_destination));
            }
            (Some(tunnel), None) => near_source = near_source.or(Some((session, tunnel))),
            (None, Some(tunnel)) => near_destination = near_destination.or(Some((session, tunnel))),
            (None, None) => {}
        }
        if near_source.is_some() && near_destination.is_some() {
            break;
        }
    }
    match (near_source, near_destination) {
        (Some((one, to_source)), Some((other, to_destination))) => {
            remember(context, relay, &[source, destination], &[one.name(), other.name()]);
            let seed = Secret32::new(random::bytes().map_err(|error| failure::no_secret(&error))?);
            Ok((Found::Met(Box::new(Pair::new(one, other, seed))), to_source, to_destination))
        }
        (None, _) => Err(probes.failure(0)),
        (Some(_), None) => Err(probes.failure(1)),
    }
}

/// Asks the agents, several at the same time, until one reaches the server.
pub(super) async fn find_one(
    context: &Context,
    relay: &Relay,
    hub: &Hub,
    site: &Site,
) -> Result<(Session, Tunnel), Failure> {
    let mut probes = Probes::start(context, relay, hub, &[site]).await?;
    while let Some(Near { session, tunnels }) = probes.next().await {
        if let Some(tunnel) = tunnels.into_iter().flatten().next() {
            remember(context, relay, &[site], &[session.name()]);
            return Ok((session, tunnel));
        }
    }
    Err(probes.failure(0))
}

/// Has an agent connect to the servers, all within `limit`.
async fn probe(
    context: &Context,
    relay: &Relay,
    hub: &Hub,
    name: &str,
    sites: &[Site],
    limit: Duration,
) -> Probed {
    let deadline = context.clock.now() + limit;
    let called = within(context, limit.min(COMES), Session::called(context, relay, hub, name)).await;
    let mut session = match called.unwrap_or_else(|| Err(late(context, name, "a call"))) {
        Ok(session) => session,
        failed @ Err(_) => return Probed { session: failed, tunnels: Vec::new() },
    };
    let mut tunnels = Vec::new();
    for (left, site) in (1..=sites.len()).rev().zip(sites) {
        // A server that does not answer leaves time for the next one.
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let reply = deadline.since(context.clock.now()) / left;
        let context = Context { patience: Patience { reply, ..context.patience }, ..context.clone() };
        tunnels.push(session.tunnel(&context, site).await.map_err(|failure| failure.to_string()));
    }
    Probed { session: Ok(session), tunnels }
}

/// How long an agent may take to come to the hub and to prove its token. The hub gives up a call after that time.
const COMES: Duration = Duration::from_secs(10);
/// Maximum number of agents of which a failure tells why they do not reach a server.
const MAX_TOLD: usize = 8;
