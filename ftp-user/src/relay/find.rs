//! Finds the agents at a hub that reach a server, or two: each is asked for a tunnel to each of them.

use super::asking::Asking;
use super::hub::Hub;
use super::pair::Pair;
use super::reach::late;
use super::{Session, failure};
use crate::config::Relay;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::report::{THIS_HOST, Topic};
use crate::session::{Tunnel, within};
use crate::state::Key;
use ftp_io::random;
use ftp_proto::relay::token::Secret32;
use std::time::Duration;

/// The agents of a hub, which are asked for tunnels to some servers.
struct Probes {
    context: Context,
    relay: Relay,
    hub: Hub,
    servers: Vec<Wanted>,
    asking: Asking<Probed>,
    /// An agent does not hold the same token: its name, and what that means.
    distrust: Option<(String, Failure)>,
}

/// A server that is looked for.
struct Wanted {
    site: Site,
    /// The agent that has reached it the last time.
    last: Option<Last>,
    /// Each agent that does not reach it, and why.
    unreached: Vec<(String, String)>,
}

/// The agent that has reached a server the last time.
struct Last {
    agent: String,
    /// The hub names it now.
    is_there: bool,
    /// It has reached the server in this run, not in an earlier one.
    in_this_run: bool,
}

impl Wanted {
    /// `names` are the agents that are there, `known` those that have reached the servers in an earlier run: one for each server,
    /// or one for all. This is the server with this `index`.
    fn new(
        context: &Context,
        relay: &Relay,
        index: usize,
        site: &Site,
        names: &[String],
        known: &[String],
    ) -> Self {
        let here = context.run.heard.reached_by(&relay.address.to_string(), &site.authority());
        let in_this_run = here.is_some();
        let agent = here.or_else(|| known.get(index).or(known.first()).cloned());
        let last = agent.map(|agent| Last { is_there: names.contains(&agent), agent, in_this_run });
        Self { site: site.clone(), last, unreached: Vec::new() }
    }

    /// The agent that is waited for: it has reached the server, and has gone, or does not reach it for the moment.
    fn away(&self) -> Option<&Last> {
        self.last.as_ref().filter(|last| !last.is_there || last.in_this_run)
    }

    /// The failure that an agent is waited for. What others say is nothing to the person who looks after that one.
    fn failure_of(&self, hub: &Hub, last: &Last) -> Failure {
        let why = self.unreached.iter().find(|(agent, _)| *agent == last.agent);
        failure::away(hub.display_name(), &self.site, &last.agent, why.map(|(_, why)| why.as_str()))
    }
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
        let wanted =
            |(index, site): (usize, &&Site)| Wanted::new(context, relay, index, site, &names, &known);
        let servers: Vec<Wanted> = sites.iter().enumerate().map(wanted).collect();
        if names.is_empty() {
            // Agents that go join again by themselves.
            let away = servers.iter().find_map(|server| Some((server, server.away()?)));
            return Err(match away {
                Some((server, last)) => server.failure_of(hub, last),
                None => failure::nobody(hub.display_name()),
            });
        }
        Ok(Self {
            context: context.clone(),
            relay: relay.clone(),
            hub: hub.clone(),
            servers,
            asking: Asking::new(names, &known, context.settings.patience.reply),
            distrust: None,
        })
    }

    /// The next agent that reaches one of the servers, in the order of their answers.
    async fn next(&mut self) -> Option<Near> {
        loop {
            let (relay, hub) = (&self.relay, &self.hub);
            let sites: Vec<Site> = self.servers.iter().map(|server| server.site.clone()).collect();
            let ask = |name: String, limit: Duration| {
                let (context, relay, hub) = (self.context.clone(), relay.clone(), hub.clone());
                let sites = sites.clone();
                async move { probe(&context, &relay, &hub, &name, &sites, limit).await }
            };
            let (name, probed) = self.asking.next(&self.context, ask).await?;
            let Some(Probed { session, tunnels }) = probed else {
                self.reaches_none(&name, "no answer in time");
                continue;
            };
            let session = match session {
                Ok(session) => session,
                Err(failure) => {
                    self.reaches_none(&name, &failure.to_string());
                    if failure.kind == Kind::Untrusted {
                        self.distrust = Some((name, failure));
                    }
                    continue;
                }
            };
            let reached = |(tunnel, server): (Result<Tunnel, String>, &mut Wanted)| {
                tunnel.map_err(|why| server.unreached.push((name.clone(), why))).ok()
            };
            let tunnels: Vec<_> = tunnels.into_iter().zip(&mut self.servers).map(reached).collect();
            if tunnels.iter().any(Option::is_some) {
                return Some(Near { session, tunnels });
            }
        }
    }

    /// An agent reaches no server.
    fn reaches_none(&mut self, name: &str, why: &str) {
        self.servers.iter_mut().for_each(|server| server.unreached.push((name.to_owned(), why.to_owned())));
    }

    /// Why nobody reaches the server with this index.
    fn failure(self, index: usize) -> Failure {
        let Some(server) = self.servers.get(index) else { return failure::nobody(self.hub.display_name()) };
        match (server.away(), self.distrust) {
            // That another agent is not trusted is no reason not to wait for this one.
            (Some(last), distrust) if distrust.as_ref().is_none_or(|(name, _)| *name != last.agent) => {
                server.failure_of(&self.hub, last)
            }
            (_, Some((_, distrust))) => distrust,
            (_, None) => {
                let mut said: Vec<String> = server
                    .unreached
                    .iter()
                    .take(MAX_TOLD)
                    .map(|(name, why)| format!("{name}: {why}"))
                    .collect();
                let untold = server.unreached.len() - said.len();
                if untold > 0 {
                    said.push(format!("{untold} more agents do not reach it"));
                }
                let left_out = self.asking.left_out();
                if left_out > 0 {
                    said.push(format!("{left_out} more agents were not asked, there are too many"));
                }
                failure::out_of_reach(self.hub.display_name(), &server.site, &said)
            }
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
    context.store.pairs.agents(&key(relay, sites)).unwrap_or_default()
}

/// Has a later run ask these agents first, and this one wait for them if they go: each server, and the agent that has reached it.
fn remember(context: &Context, relay: &Relay, reached: &[(&Site, &str)]) {
    let hub = relay.address.to_string();
    for (site, agent) in reached {
        context.run.heard.note_reached(&hub, &site.authority(), agent);
    }
    let (sites, mut names): (Vec<&Site>, Vec<&str>) = reached.iter().copied().unzip();
    names.dedup();
    if let Err(why) = context.store.pairs.note_agents(&key(relay, &sites), &names) {
        let text = format!("cannot remember for later runs which agents reach the servers: {why}");
        context.run.events.warn_of(Topic::Memory, THIS_HOST, text);
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
                let name = session.name();
                remember(context, relay, &[(source, name), (destination, name)]);
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
            remember(context, relay, &[(source, one.name()), (destination, other.name())]);
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
            remember(context, relay, &[(site, session.name())]);
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
    let deadline = context.world.clock.now() + limit;
    let called = within(context, limit.min(COMES), Session::called(context, relay, hub, name)).await;
    let mut session = match called.unwrap_or_else(|| Err(late(context, name, "a call"))) {
        Ok(session) => session,
        failed @ Err(_) => return Probed { session: failed, tunnels: Vec::new() },
    };
    let mut tunnels = Vec::new();
    for (left, site) in (1..=sites.len()).rev().zip(sites) {
        // A server that does not answer leaves time for the next one.
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let reply = deadline.since(context.world.clock.now()) / left;
        let mut context = context.clone();
        context.settings.patience.reply = reply;
        tunnels.push(session.tunnel(&context, site).await.map_err(|failure| failure.to_string()));
    }
    Probed { session: Ok(session), tunnels }
}

/// How long an agent may take to come to the hub and to prove its token. The hub gives up a call after that time.
const COMES: Duration = Duration::from_secs(10);
/// Maximum number of agents of which a failure tells why they do not reach a server.
const MAX_TOLD: usize = 8;
