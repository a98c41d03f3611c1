//! A relay session: tunnels and joins at one relay agent.
//!
//! ```text
//!  open ----TLS, proof of the token---->  a task keeps the session alive (task)
//!  tunnel --grant, Tunnel, ticket------>  one more link carries a control connection
//!  join ----grant, Join---------------->  Ready, Flows, ... Ended come out of next (event)
//! ```
//!
//! Agents that can only connect out are called at a hub (hub, find). If one of them reaches both servers it joins the
//! data connections alone; otherwise two of them meet, each beside a server (agents). With a server that only the
//! relay reaches, this host has data connections of its own through it (data).

mod agents;
mod data;
mod event;
mod failure;
mod find;
mod hub;
mod nearest;
mod task;
#[cfg(test)]
mod tests;

pub use agents::{Agents, recognize};
pub use event::JoinEvent;
pub use failure::SessionEnd;

use crate::config::Relay;
use crate::context::Context;
use crate::failure::Result;
use crate::place::Site;
use crate::session::{ControlRelay, Tunnel, within};
use crate::world::Stream;
use ftp_io::link::{self, Link};
use ftp_proto::relay::digest;
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{
    FromAgent, GrantPurpose, Id, Leg, LegId, Meeting, Pin, Target, Text, ToAgent, Waits,
};
use ftp_proto::relay::token::Secret32;
use ftp_proto::relay::user;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use hub::Hub;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use task::{BUILD, Handle, NAME, RelayPlace, SessionEvent, stream};
use tokio::sync::mpsc;

/// How more links with the same agent are made.
#[derive(Clone, Debug)]
enum Reach {
    /// It listens here.
    Address(RelayPlace),
    /// It is called at a hub.
    Called(Hub, String),
}

/// A session with one relay agent. Dropping it ends the session and its current join;
/// tunnels continue.
#[derive(Debug)]
pub struct Session {
    /// What reports call the relay.
    pub name: String,
    /// The name and the address, for messages.
    display_name: String,
    reach: Reach,
    task: Handle<ToAgent, FromAgent>,
    events: mpsc::Receiver<SessionEvent<FromAgent>>,
    grants: Grants,
    /// The join and its grant, until the join has ended.
    current_join: Option<(Id, Id)>,
    /// Events that came while the caller waited for something else.
    pending_events: VecDeque<JoinEvent>,
    /// Why the session has ended, if it has.
    ended: Option<SessionEnd>,
    waits: Waits,
}

impl Session {
    /// Begins a session over a link whose other end has proven itself.
    fn begin(
        context: &Context,
        name: String,
        display_name: String,
        reach: Reach,
        link: Link,
        welcome: &Welcome,
    ) -> Self {
        let clock = context.world.clock;
        let machine = user::Session::new(clock.now(), welcome, NAME, BUILD);
        let (task, events) = Handle::start(clock, link, machine);
        Self {
            name,
            display_name,
            reach,
            task,
            events,
            grants: Grants::default(),
            current_join: None,
            pending_events: VecDeque::new(),
            ended: None,
            waits: waits(context),
        }
    }

    /// Begins a session with an agent that is called at a hub. Both ends prove the token to each other, which the
    /// hub does not know.
    async fn called(context: &Context, relay: &Relay, hub: &Hub, agent: &str) -> Result<Self> {
        let token = relay.token()?;
        let display_name = format!("{agent} at {}", hub.display_name());
        let stream = hub.call(context, agent).await?;
        match within(context, context.settings.patience.reply, link::session(stream, token.secret())).await {
            Some(Ok((link, welcome))) => {
                let reach = Reach::Called(hub.clone(), agent.to_owned());
                Ok(Self::begin(context, agent.to_owned(), display_name, reach, link, &welcome))
            }
            Some(Err(failure)) => Err(failure::not_proven(context, &display_name, relay, &token, &failure)),
            None => Err(failure::late(context, &display_name, "the handshake")),
        }
    }

    /// Has the relay connect to `site`, and returns the control connection. The server sees the relay as its peer.
    pub async fn tunnel(&mut self, context: &Context, site: &Site) -> Result<Tunnel> {
        let grant =
            self.grant_for(GrantPurpose::Tunnel(Target { host: Text::of(&site.host), port: site.port }));
        let id = self.task.with_machine(|machine, now| machine.tunnel(now, grant));
        let asked = context.world.clock.now();
        let Some(ready) = within(context, context.settings.patience.reply, self.ready(site, id, grant)).await
        else {
            self.close(id);
            let what = format!("a connection to {}", site.authority());
            return Err(failure::late(context, &self.display_name, &what));
        };
        let ([local, peer], ticket) = ready?;
        let round_trip = context.world.clock.now().since(asked);
        let late = || failure::late(context, &self.display_name, "a link for a control connection");
        let attached = within(context, context.settings.patience.reply, self.attach(context, &ticket)).await;
        let stream = attached.ok_or_else(late)??;
        let relay = ControlRelay { name: self.name.clone(), data: None };
        Ok(Tunnel { stream, local, peer, round_trip, relay })
    }

    /// One more link with the agent, for a tunnel.
    async fn attach(&self, context: &Context, ticket: &Secret32) -> Result<Link> {
        let stream = self.reach.stream(context, &self.display_name).await?;
        let no_link = |failure| failure::no_link(&self.display_name, &failure);
        link::attach(stream, ticket).await.map_err(no_link)
    }

    /// Joins two data connections. [`Session::next`] reports the progress. Events of an earlier join are
    /// dropped.
    pub fn join(&mut self, source: Leg, destination: Leg) -> Id {
        let mut peers = vec![host(source), host(destination)];
        peers.sort_unstable();
        peers.dedup();
        let waits = self.waits;
        self.begin_join(peers, |machine, now, grant| machine.join(now, grant, [source, destination], waits))
    }

    /// Joins the data connection of the server on this side with another agent, or with this host. Events are those of
    /// [`Session::join`].
    fn meet(&mut self, side: Side, leg: Leg, meeting: Meeting) -> Id {
        let near = side.of([LegId::A, LegId::B]);
        let waits = self.waits;
        self.begin_join(vec![host(leg)], |machine, now, grant| {
            machine.meet(now, grant, (near, leg), meeting, waits)
        })
    }

    /// Begins a join of data connections with these hosts, and forgets the last one.
    fn begin_join(
        &mut self,
        peers: Vec<IpAddr>,
        begin: impl FnOnce(&mut user::Session, Moment, Id) -> Id,
    ) -> Id {
        let grant = self.grant_for(GrantPurpose::Join(peers));
        let id = self.task.with_machine(|machine, now| begin(machine, now, grant));
        self.forget_join();
        self.current_join = Some((id, grant));
        id
    }

    /// Asks for the SHA-256 of what a join passes on, before it flows. [`JoinEvent::Digest`] comes before its end, unless
    /// the relay is too old for it.
    pub fn digest(&mut self, id: Id) {
        if let Some(request) = digest::request(id) {
            self.task.with_machine(|machine, now| machine.send(now, request));
        }
    }

    /// Drops what comes, and has come, of the last join. An attempt that closed its join does not wait for
    /// [`JoinEvent::Ended`], which would then be taken for the end of the next attempt.
    pub fn forget_join(&mut self) {
        self.current_join = None;
        self.pending_events.retain(|event| matches!(event, JoinEvent::Lost(_)));
    }

    /// Resets both data connections of a join. [`JoinEvent::Ended`] follows, unless the join has ended already.
    pub fn close(&mut self, id: Id) {
        self.task.with_machine(|machine, now| machine.send(now, ToAgent::Close { id }));
    }

    /// Asks how many bytes a join has carried. [`JoinEvent::Stat`] follows.
    pub fn stat(&mut self, id: Id) {
        self.task.with_machine(|machine, now| machine.send(now, ToAgent::Stat { join: id }));
    }

    /// Waits for the next event of the join. It is cancel-safe. Nothing comes after [`JoinEvent::Lost`].
    pub async fn next(&mut self) -> JoinEvent {
        loop {
            if let Some(event) = self.pending_events.pop_front() {
                return event;
            }
            if self.ended.is_some() {
                pending::<()>().await;
            }
            let event = self.events.recv().await;
            self.keep_event(event);
        }
    }

    /// Whether the session has ended.
    pub fn is_over(&self) -> bool {
        self.ended.is_some() || self.events.is_closed()
    }

    /// Returns a grant for one use, and asks for a new one if none is left.
    fn grant_for(&mut self, purpose: GrantPurpose) -> Id {
        let (grants, task) = (&mut self.grants, &self.task);
        task.with_machine(|machine, now| {
            grants.take(now, &purpose).unwrap_or_else(|| {
                for grant in grants.take_used_up(&purpose) {
                    machine.send(now, ToAgent::Revoke { grant, reset: false });
                }
                let grant = machine.grant(now, purpose.clone(), u64::MAX, MAX_LIFE, MAX_USES);
                grants.requested(now, grant, purpose);
                grant
            })
        })
    }

    /// Waits until the tunnel is ready or refused. Returns both ends of its connection, that of the relay first, and the ticket.
    async fn ready(&mut self, site: &Site, tunnel: Id, grant: Id) -> Result<([SocketAddr; 2], Secret32)> {
        loop {
            if let Some(why) = &self.ended {
                return Err(failure::lost(&self.display_name, why));
            }
            match self.events.recv().await {
                Some(SessionEvent::Message(FromAgent::TunnelReady { id, local, peer, ticket }))
                    if id == tunnel =>
                {
                    return Ok(([local, peer], ticket));
                }
                Some(SessionEvent::Message(FromAgent::Refused { id, code, text, .. }))
                    if id == tunnel || id == grant =>
                {
                    self.grants.mark_used_up(grant);
                    return Err(failure::no_tunnel(&self.display_name, site, code, &text));
                }
                event => self.keep_event(event),
            }
        }
    }

    /// Records a grant, and keeps an event of the current join for [`Session::next`].
    fn keep_event(&mut self, event: Option<SessionEvent<FromAgent>>) {
        let event = match event {
            Some(SessionEvent::Message(FromAgent::Granted { id, max_ms, uses, .. })) => {
                self.grants.granted(id, Duration::from_millis(max_ms.into()), uses);
                None
            }
            Some(SessionEvent::Message(message)) => {
                self.current_join.and_then(|(join, grant)| JoinEvent::of(message, join, grant))
            }
            Some(SessionEvent::Ended(end)) => Some(JoinEvent::Lost(end)),
            None => {
                let why = "the relay sent more messages than this program could read";
                Some(JoinEvent::Lost(SessionEnd::because(why)))
            }
        };
        let Some(event) = event else { return };
        if let (JoinEvent::Refused { .. }, Some((_, grant))) = (&event, self.current_join) {
            // The next join asks for a new grant, whatever the reason of the refusal was.
            self.grants.mark_used_up(grant);
        }
        if event.is_last() {
            self.current_join = None;
        }
        if let JoinEvent::Lost(why) = &event {
            self.ended = Some(why.clone());
        }
        self.pending_events.push_back(event);
    }
}

impl Reach {
    /// One more connection with the agent, over which nothing is proven yet.
    async fn stream(&self, context: &Context, display_name: &str) -> Result<Stream> {
        let no_link = |error: io::Error| failure::no_link(display_name, &error.into());
        match self {
            Self::Address(at) => stream(context, at).await.map_err(no_link),
            Self::Called(hub, agent) => hub.call(context, agent).await,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let current_join = self.current_join;
        self.task.with_machine(|machine, now| {
            if let Some((id, _)) = current_join {
                machine.send(now, ToAgent::Close { id });
            }
            machine.send(now, ToAgent::Bye);
        });
        self.task.close();
    }
}

/// The grants of one relay session, used up or not.
#[derive(Debug, Default)]
struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    id: Id,
    purpose: GrantPurpose,
    requested: Moment,
    /// How long the grant is valid. A new use starts only in the first half, so that a transfer can finish.
    life: Duration,
    used: u8,
    uses: u8,
}

impl Grants {
    /// Uses a grant for `purpose` that has a use left and at least half of its life. Returns its id.
    fn take(&mut self, now: Moment, purpose: &GrantPurpose) -> Option<Id> {
        let fits = |grant: &&mut Grant| {
            grant.purpose == *purpose
                && grant.used < grant.uses
                && now.since(grant.requested) < grant.life / 2
        };
        let grant = self.0.iter_mut().find(fits)?;
        grant.used += 1;
        Some(grant.id)
    }

    /// Adds a grant that was asked for, with its first use.
    fn requested(&mut self, now: Moment, id: Id, purpose: GrantPurpose) {
        self.0.push(Grant { id, purpose, requested: now, life: MAX_LIFE, used: 1, uses: MAX_USES });
    }

    /// Records what the relay granted, which may be less than was asked for.
    fn granted(&mut self, id: Id, life: Duration, uses: u8) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.life = grant.life.min(life);
            grant.uses = grant.uses.min(uses);
        }
    }

    /// Marks the grant as used up, because the relay refused it.
    fn mark_used_up(&mut self, id: Id) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.used = grant.uses;
        }
    }

    /// Removes and returns the grants for `purpose`, which are used up or too old. The caller revokes them.
    fn take_used_up(&mut self, purpose: &GrantPurpose) -> Vec<Id> {
        self.0.extract_if(.., |grant| grant.purpose == *purpose).map(|grant| grant.id).collect()
    }
}

/// Longest life of a grant that an agent accepts.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of uses of one grant that an agent accepts.
const MAX_USES: u8 = 16;

/// The waits of a join. None is shorter than this program's timeouts, so that the relay does not give up first.
fn waits(context: &Context) -> Waits {
    let millis = |wait: Duration| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    let default = Waits::default();
    Waits {
        leg_ms: millis(context.settings.patience.reply).max(default.leg_ms),
        idle_ms: millis(context.settings.patience.stall).max(default.idle_ms),
        half_idle_ms: millis(context.settings.patience.stall).max(default.half_idle_ms),
        stall_ms: millis(context.settings.patience.stall).max(default.stall_ms),
    }
}

const fn host(leg: Leg) -> IpAddr {
    match leg {
        Leg::Listen(Pin { ip, .. }) => ip,
        Leg::Dial(to) => to.ip(),
    }
}

#[cfg(test)]
mod grant_tests {
    use super::*;

    #[test]
    fn a_grant_serves_one_purpose_until_it_is_used_up_or_old() {
        let (one, two) = (
            GrantPurpose::Join(vec![[192, 0, 2, 1].into()]),
            GrantPurpose::Join(vec![[192, 0, 2, 2].into()]),
        );
        let now = Moment::START;
        let mut grants = Grants::default();
        assert_eq!(grants.take(now, &one), None);
        grants.requested(now, Id(1), one.clone());
        assert_eq!(grants.take(now, &two), None);
        for _ in 1..MAX_USES {
            assert_eq!(grants.take(now, &one), Some(Id(1)));
        }
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.take_used_up(&one), [Id(1)]);
        assert_eq!(grants.take_used_up(&one), []);

        grants.requested(now, Id(3), one.clone());
        assert_eq!(grants.take(now + MAX_LIFE / 2, &one), None, "it would end in the middle of a file");
        grants.granted(Id(3), MAX_LIFE, 2);
        assert_eq!(grants.take(now, &one), Some(Id(3)));
        assert_eq!(grants.take(now, &one), None, "the relay gave two uses");
        assert_eq!(grants.take_used_up(&one), [Id(3)]);

        grants.requested(now, Id(5), one.clone());
        grants.mark_used_up(Id(5));
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.take_used_up(&one), [Id(5)]);
    }
}
