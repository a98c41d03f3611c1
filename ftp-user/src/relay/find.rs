//! Finds the agents at a hub that reach a server, or two: each is asked for a tunnel to each of them.

use super::hub::Hub;
use super::pair::Pair;
use super::{Session, failure};
use crate::config::Relay;
use crate::context::Context;
use crate::control::Tunnel;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::report::{THIS_HOST, Topic};
use crate::state::Key;
use std::collections::VecDeque;
use tokio::task::JoinSet;

/// The agents of a hub, which are asked for tunnels to some servers.
struct Probes {
    context: Context,
    relay: Relay,
    hub: Hub,
    sites: Vec<Site>,
    names: VecDeque<String>,
    running: JoinSet<Probed>,
    /// Why each agent does not reach each server.
    unreached: Vec<Vec<String>>,
    /// An agent does not hold the same token.
    distrust: Option<Failure>,
}

/// What an agent has said: its session, and its tunnel to each server.
struct Probed {
    name: String,
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
        let names: VecDeque<String> =
            known_first(hub.agents(context).await?, &remembered(context, relay, sites)).into();
        if names.is_empty() {
            return Err(failure::nobody(hub.display_name()));
        }
        Ok(Self {
            context: context.clone(),
            relay: relay.clone(),
            hub: hub.clone(),
            sites: sites.iter().map(|site| (*site).clone()).collect(),
            names,
            running: JoinSet::new(),
            unreached: sites.iter().map(|_| Vec::new()).collect(),
            distrust: None,
        })
    }

    /// The next agent that reaches one of the servers, in the order of their answers.
    async fn next(&mut self) -> Option<Near> {
        loop {
            while self.running.len() < AT_ONCE
                && let Some(name) = self.names.pop_front()
            {
                let (context, relay, hub) = (self.context.clone(), self.relay.clone(), self.hub.clone());
                let sites = self.sites.clone();
                self.running.spawn(async move { probe(&context, &relay, &hub, name, &sites).await });
            }
            let Ok(Probed { name, session, tunnels }) = self.running.join_next().await? else { continue };
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
        let said = self.unreached.get(index).cloned().unwrap_or_default();
        match (self.distrust, self.sites.get(index)) {
            (Some(distrust), _) => distrust,
            (None, Some(site)) => failure::out_of_reach(self.hub.display_name(), site, &said),
            (None, None) => failure::nobody(self.hub.display_name()),
        }
    }
}

/// The names with those that are known first, in the order in which they are known.
fn known_first(mut names: Vec<String>, known: &[String]) -> Vec<String> {
    names.sort_by_key(|name| known.iter().position(|known| known == name).unwrap_or(known.len()));
    names
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

/// Has a later run ask these agents first.
fn remember(context: &Context, relay: &Relay, sites: &[&Site], names: &[&str]) {
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
            Ok((Found::Met(Box::new(Pair::new(one, other))), to_source, to_destination))
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

async fn probe(context: &Context, relay: &Relay, hub: &Hub, name: String, sites: &[Site]) -> Probed {
    let mut session = match Session::called(context, relay, hub, &name).await {
        Ok(session) => session,
        failed @ Err(_) => return Probed { name, session: failed, tunnels: Vec::new() },
    };
    let mut tunnels = Vec::new();
    for site in sites {
        tunnels.push(session.tunnel(context, site).await.map_err(|failure| failure.to_string()));
    }
    Probed { name, session: Ok(session), tunnels }
}

/// How many agents are asked at the same time.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_that_have_reached_the_servers_before_are_asked_first() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(known_first(names("a b c d"), &names("d gone b")), names("d b a c"));
        assert_eq!(known_first(names("a b"), &[]), names("a b"));
    }
}
