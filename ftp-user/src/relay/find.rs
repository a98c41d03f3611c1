//! Finds the agents at a hub that reach a server, or two: each is asked for a tunnel to each of them, several at the same time and
//! all of them within one time. A hub decides how many there are, and nobody knows which of them will answer.

use super::hub::Hub;
use super::nearest::Answers;
use super::{Agents, Session, failure};
use crate::config::Relay;
use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::place::Site;
use crate::report::{THIS_HOST, Topic};
use crate::session::{Tunnel, within};
use crate::state::Key;
use ftp_proto::wire::counted;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The agents of a hub, which are asked for tunnels to some servers.
struct Probes {
    probe: Arc<Probe>,
    servers: Vec<WantedServer>,
    asking: Asking<Result<Probed>>,
    /// An agent does not hold the same token: its name, and what that means.
    distrust: Option<(String, Failure)>,
}

/// What an agent is asked for: to connect to these servers.
struct Probe {
    context: Context,
    relay: Relay,
    hub: Hub,
    sites: Vec<Site>,
}

/// A server that is looked for.
struct WantedServer {
    site: Site,
    /// The agent that has reached it the last time.
    last: Option<LastAgent>,
    /// Each agent that does not reach it, and why.
    unreached: Vec<(String, String)>,
    /// An agent reaches it.
    is_reached: bool,
}

/// The agent that has reached a server the last time.
struct LastAgent {
    agent: String,
    /// The hub names it now.
    is_there: bool,
    /// It has reached the server in this run, not in an earlier one.
    in_this_run: bool,
}

impl WantedServer {
    /// The agent that is waited for: it has reached the server, and has gone, or does not reach it for the moment.
    fn away(&self) -> Option<&LastAgent> {
        self.last.as_ref().filter(|last| !last.is_there || last.in_this_run)
    }

    /// The failure that an agent is waited for. What others say is nothing to the person who looks after that one.
    fn failure_of(&self, hub: &Hub, last: &LastAgent) -> Failure {
        let why = self.unreached.iter().find(|(agent, _)| *agent == last.agent);
        failure::away(hub.display_name(), &self.site, &last.agent, why.map(|(_, why)| why.as_str()))
    }
}

/// An agent that was called, and its tunnel to each server or why it has none.
type Probed = (Session, Vec<Result<Tunnel, String>>);

/// An agent that reaches at least one of the servers, and its tunnel to each.
type Near = (Session, Vec<Option<Tunnel>>);

impl Probes {
    async fn start(context: &Context, relay: &Relay, hub: &Hub, sites: &[&Site]) -> Result<Self> {
        let (names, known) = (hub.agents(context).await?, remembered(context, relay, sites));
        let address = relay.address.to_string();
        let sites: Vec<Site> = sites.iter().copied().cloned().collect();
        // One agent is known for each server, or one for all.
        let wanted = |(index, site): (usize, &Site)| {
            let here = context.run.heard.reached_by(&address, &site.authority());
            let in_this_run = here.is_some();
            let agent = here.or_else(|| known.get(index).or(known.first()).cloned());
            let last = agent.map(|agent| LastAgent { is_there: names.contains(&agent), agent, in_this_run });
            WantedServer { site: site.clone(), last, unreached: Vec::new(), is_reached: false }
        };
        let servers: Vec<WantedServer> = sites.iter().enumerate().map(wanted).collect();
        if names.is_empty() {
            // Agents that go join again by themselves.
            let away = servers.iter().find_map(|server| Some((server, server.away()?)));
            return Err(match away {
                Some((server, last)) => server.failure_of(hub, last),
                None => failure::nobody(hub.display_name()),
            });
        }
        let asking = Asking::new(names, &known, context.settings.patience.reply);
        let probe = Probe { context: context.clone(), relay: relay.clone(), hub: hub.clone(), sites };
        Ok(Self { probe: Arc::new(probe), servers, asking, distrust: None })
    }

    /// The nearest agents that reach the servers together, in the order of the servers: one for all of them, or one for each.
    /// `None` if they do not reach all of them.
    async fn nearest(&mut self) -> Option<Vec<Near>> {
        let clock = self.probe.context.world.clock;
        let (mut answers, mut reached) = (Answers::new(clock.now()), Vec::new());
        loop {
            let until = answers.until;
            let near = tokio::select! {
                biased;
                near = self.next() => near,
                () = clock.sleep_until(until), if until.is_some() => None,
            };
            let Some(near) = near else { break };
            let round_trips = near.1.iter().map(|tunnel| tunnel.as_ref().map(|tunnel| tunnel.round_trip));
            answers.answered(clock.now(), round_trips.collect());
            reached.push(Some(near));
        }
        for (server, wanted) in self.servers.iter_mut().enumerate() {
            wanted.is_reached = reached
                .iter()
                .flatten()
                .any(|(_, tunnels): &Near| tunnels.get(server).is_some_and(Option::is_some));
        }
        let mut chosen = answers.chosen()?;
        chosen.dedup();
        chosen.into_iter().map(|index| reached.get_mut(index)?.take()).collect()
    }

    /// The next agent that reaches one of the servers, in the order of their answers.
    async fn next(&mut self) -> Option<Near> {
        loop {
            let ask = |name: String, limit: Duration| {
                let probe = Arc::clone(&self.probe);
                async move { probe.ask_agent(&name, limit).await }
            };
            let (name, probed) = self.asking.next(&self.probe.context, ask).await?;
            let why = match probed {
                Some(Ok((session, tunnels))) => {
                    let reached = |(tunnel, server): (Result<Tunnel, String>, &mut WantedServer)| {
                        tunnel.map_err(|why| server.unreached.push((name.clone(), why))).ok()
                    };
                    let tunnels: Vec<_> = tunnels.into_iter().zip(&mut self.servers).map(reached).collect();
                    if tunnels.iter().any(Option::is_some) {
                        return Some((session, tunnels));
                    }
                    continue;
                }
                Some(Err(failure)) => {
                    let why = failure.why();
                    if failure.kind == Kind::Untrusted {
                        self.distrust = Some((name.clone(), failure));
                    }
                    why
                }
                None => "no answer in time".to_owned(),
            };
            self.servers.iter_mut().for_each(|server| server.unreached.push((name.clone(), why.clone())));
        }
    }

    /// Why nobody reaches the first server that is not reached.
    fn failure(self) -> Failure {
        let Probe { context, hub, .. } = &*self.probe;
        let Some(server) = self.servers.iter().find(|server| !server.is_reached) else {
            return failure::nobody(hub.display_name());
        };
        match (server.away(), self.distrust) {
            // That another agent is not trusted is no reason not to wait for this one.
            (Some(last), distrust) if distrust.as_ref().is_none_or(|(name, _)| *name != last.agent) => {
                server.failure_of(hub, last)
            }
            (_, Some((_, distrust))) => distrust,
            (_, None) => {
                for (name, why) in &server.unreached {
                    let site = server.site.authority();
                    context.run.events.notice(format!("the agent {name} does not reach {site}: {why}"));
                }
                let mut said: Vec<String> =
                    server.unreached.last().map(|(name, why)| format!("{name}: {why}")).into_iter().collect();
                let others = server.unreached.len().saturating_sub(1) as u64;
                if others > 0 {
                    said.push(format!("{} neither (-v says why)", counted(others, "other agent")));
                }
                let left_out = self.asking.left_out;
                if left_out > 0 {
                    said.push(format!("{left_out} more agents were not asked, there are too many"));
                }
                failure::out_of_reach(hub.display_name(), &server.site, &said)
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

/// Asks the agents, several at the same time, until both servers are reached: by one of them, or by two, the nearest ones.
pub(super) async fn find(
    context: &Context,
    relay: &Relay,
    hub: &Hub,
    source: &Site,
    destination: &Site,
) -> Result<(Agents, [Tunnel; 2])> {
    let mut probes = Probes::start(context, relay, hub, &[source, destination]).await?;
    let Some(nearest) = probes.nearest().await else { return Err(probes.failure()) };
    let (mut sessions, mut tunnels): (Vec<Session>, Vec<_>) = nearest.into_iter().unzip();
    // The last agent has the tunnel to the destination: it is the only one, or the second one.
    let to_destination = tunnels.last_mut().and_then(|tunnels| tunnels.pop().flatten());
    let to_source = tunnels.first_mut().and_then(|tunnels| tunnels.first_mut()?.take());
    let (Some(to_source), Some(to_destination), Some(last)) = (to_source, to_destination, sessions.pop())
    else {
        return Err(probes.failure());
    };
    let first = sessions.pop();
    let near_source = first.as_ref().unwrap_or(&last);
    remember(context, relay, &[(source, &near_source.name), (destination, &last.name)]);
    Ok((Agents::of_sides(first, last)?, [to_source, to_destination]))
}

/// Asks the agents, several at the same time, for the nearest one that reaches the server.
pub(super) async fn find_one(
    context: &Context,
    relay: &Relay,
    hub: &Hub,
    site: &Site,
) -> Result<(Session, Tunnel)> {
    let mut probes = Probes::start(context, relay, hub, &[site]).await?;
    let nearest = probes.nearest().await.and_then(|nearest| nearest.into_iter().next());
    let nearest =
        nearest.and_then(|(session, tunnels)| Some((session, tunnels.into_iter().flatten().next()?)));
    let Some((session, tunnel)) = nearest else { return Err(probes.failure()) };
    remember(context, relay, &[(site, &session.name)]);
    Ok((session, tunnel))
}

impl Probe {
    /// Has the agent of this name connect to the servers, all within `limit`.
    async fn ask_agent(&self, name: &str, limit: Duration) -> Result<Probed> {
        let Self { context, relay, hub, sites } = self;
        let deadline = context.world.clock.now() + limit;
        let called = within(context, limit.min(COMES), Session::called(context, relay, hub, name)).await;
        let mut session = called.unwrap_or_else(|| Err(failure::late(context, name, "a call")))?;
        let mut tunnels = Vec::new();
        for (left, site) in (1..=sites.len()).rev().zip(sites) {
            // A server that does not answer leaves time for the next one.
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            let reply = deadline.since(context.world.clock.now()) / left;
            let mut context = context.clone();
            context.settings.patience.reply = reply;
            tunnels.push(session.tunnel(&context, site).await.map_err(|failure| failure.why()));
        }
        Ok((session, tunnels))
    }
}

/// How long an agent may take to come to the hub and to prove its token. The hub gives up a call after that time.
const COMES: Duration = Duration::from_secs(10);

/// Agents that are asked. Each has the same share of the time.
struct Asking<T> {
    names: VecDeque<String>,
    running: JoinSet<(String, Option<T>)>,
    share: Duration,
    /// How many agents are never asked, because there are too many.
    left_out: usize,
}

impl<T: Send + 'static> Asking<T> {
    /// Asks agents with these names, those that are `known` first. Whoever takes longer than `limit` for all of them is not
    /// waited for.
    fn new(names: Vec<String>, known: &[String], limit: Duration) -> Self {
        let mut names = in_order(names, known);
        let left_out = names.len().saturating_sub(MAX_ASKED);
        names.truncate(MAX_ASKED);
        let rounds = u32::try_from(names.len().div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
        Self { names: names.into(), running: JoinSet::new(), share: limit / rounds, left_out }
    }

    /// The next agent and its answer, or `None` if it has not answered within its time. `ask` is told how long that is.
    async fn next<F>(
        &mut self,
        context: &Context,
        ask: impl Fn(String, Duration) -> F,
    ) -> Option<(String, Option<T>)>
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            while self.running.len() < AT_ONCE
                && let Some(name) = self.names.pop_front()
            {
                let (context, share) = (context.clone(), self.share);
                let asked = ask(name.clone(), share);
                self.running.spawn(async move { (name, within(&context, share, asked).await) });
            }
            if let Ok(answered) = self.running.join_next().await? {
                return Some(answered);
            }
        }
    }
}

/// The names with those that are known first, in the order in which they are known. The others come in a random order: a hub
/// and those who join it choose names, and not who is asked first.
fn in_order(mut names: Vec<String>, known: &[String]) -> Vec<String> {
    let random = RandomState::new();
    names.sort_by_cached_key(|name| {
        (known.iter().position(|known| known == name).unwrap_or(known.len()), random.hash_one(name))
    });
    names
}

/// How many agents are asked at the same time. A hub lets twice as many calls of one session wait, and a call that was given
/// up waits there a little longer.
const AT_ONCE: usize = 32;
/// Maximum number of agents that are asked: a hub lets one token have no more.
const MAX_ASKED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use std::future::{pending, ready};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("agent-{number}")).collect()
    }

    async fn answers(mut asking: Asking<String>, honest: &'static str) -> Vec<(String, Option<String>)> {
        let context = Context::for_tests(Cancel::never());
        let mut answers = Vec::new();
        let ask =
            |name: String, _| async move { if name == honest { ready(name).await } else { pending().await } };
        while let Some(answer) = asking.next(&context, ask).await {
            answers.push(answer);
        }
        answers
    }

    #[test]
    fn agents_that_have_reached_the_servers_before_are_asked_first() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut order = in_order(names("a b c d"), &names("d gone b"));
        assert_eq!(order[..2], names("d b"));
        order.sort();
        assert_eq!(order, names("a b c d"));
    }

    #[tokio::test]
    async fn agents_that_say_nothing_hold_up_no_other() {
        let asking = Asking::new(names(120), &[], Duration::from_millis(400));
        let answers = answers(asking, "agent-77").await;
        assert_eq!(answers.len(), 120);
        let said: Vec<_> = answers.into_iter().filter_map(|(_, answer)| answer).collect();
        assert_eq!(said, ["agent-77"]);
    }

    #[tokio::test]
    async fn a_hub_that_names_agents_without_an_end_is_asked_for_some_of_them() {
        let known = ["agent-20000".to_owned()];
        let asking = Asking::new(names(30_000), &known, Duration::from_millis(400));
        assert_eq!(asking.left_out, 30_000 - MAX_ASKED);
        let answers = answers(asking, "agent-20000").await;
        assert_eq!(answers.len(), MAX_ASKED);
        assert_eq!(answers.iter().filter(|(_, answer)| answer.is_some()).count(), 1);
    }

    #[test]
    fn all_agents_are_asked_within_one_time() {
        let limit = Duration::from_secs(60);
        for (count, share) in [(0, 60), (1, 60), (AT_ONCE, 60), (AT_ONCE + 1, 30), (30_000, 7)] {
            let asking = Asking::<()>::new(names(count), &[], limit);
            assert_eq!(asking.share.as_secs(), share, "{count}");
        }
    }
}
