//! The relay line: a session with one relay agent, control connections and joins through it.
//!
//! ```text
//!  open ----TLS, proof of the token---->  a task keeps the session alive (session)
//!  tunnel --grant, Tunnel, ticket------>  one more link carries a control connection
//!  join ----grant, Join---------------->  Ready, Flows, ... Ended come out of next (said)
//! ```

mod grants;
mod said;
mod session;
#[cfg(test)]
mod tests;
mod words;

pub use ftp_proto::relay::message::{Id, Leg, Pin};
pub use said::Said;

use crate::config::Relay;
use crate::context::Context;
use crate::control::{Tunnel, anywhere, connect, within};
use crate::failure::Failure;
use crate::place::Site;
use ftp_io::link;
use ftp_io::socket;
use ftp_proto::relay::message::{FromAgent, Purpose, Target, Text, ToAgent, Waits};
use ftp_proto::relay::token::Secret32;
use grants::{Grants, LIFE, USES};
use session::{Heard, Session};
use std::collections::VecDeque;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;

/// A session with one relay agent. Dropping it ends it, and with it the join that it has asked for;
/// tunnels go on.
#[derive(Debug)]
pub struct Line {
    name: String,
    /// The same with the address, for people.
    title: String,
    at: SocketAddr,
    session: Session,
    heard: mpsc::Receiver<Heard>,
    grants: Grants,
    /// The join and its grant, until it has ended.
    present: Option<(Id, Id)>,
    /// What was heard while something else was waited for.
    unsaid: VecDeque<Said>,
    /// Why the session is over.
    over: Option<String>,
    waits: Waits,
}

impl Line {
    /// Connects and proves the token, both ways, before anything else is said.
    pub async fn open(context: &Context, relay: &Relay) -> Result<Self, Failure> {
        let title = words::title(relay);
        let token = relay.token()?;
        let address = &relay.address;
        let stream =
            connect(context, &address.host, address.port, &format!("the relay {title}"), "a relay").await?;
        let prepared = socket::keepalive(&stream).and_then(|()| stream.peer_addr());
        let at = prepared.map_err(|error| words::no_link(&title, &error.into()))?;
        match within(context, context.patience.reply, link::session(stream, token.secret())).await {
            Some(Ok((link, welcome))) => {
                let (session, heard) = Session::begin(context.clock, link, &welcome);
                Ok(Self {
                    name: relay.name.clone(),
                    title,
                    at,
                    session,
                    heard,
                    grants: Grants::default(),
                    present: None,
                    unsaid: VecDeque::new(),
                    over: None,
                    waits: waits(context),
                })
            }
            Some(Err(failure)) => Err(words::no_session(relay, &token, &failure)),
            None => Err(late(context, &title, "the handshake")),
        }
    }

    /// A control connection to `site`, which the relay has made: it is the peer that the server sees.
    pub async fn tunnel(&mut self, context: &Context, site: &Site) -> Result<Tunnel, Failure> {
        let grant = self.leave(Purpose::Tunnel(Target { host: Text::of(&site.host), port: site.port }));
        let id = self.session.with(|machine, now| machine.tunnel(now, grant));
        let Some(ready) = within(context, context.patience.reply, self.ready(site, id, grant)).await else {
            self.close(id);
            return Err(late(context, &self.title, &format!("a connection to {}", site.authority())));
        };
        let (local, peer, ticket) = ready?;
        let attached = within(context, context.patience.reply, attach(self.at, &ticket)).await;
        let stream = attached
            .ok_or_else(|| late(context, &self.title, "a link for a control connection"))?
            .map_err(|failure| words::no_link(&self.title, &failure))?;
        Ok(Tunnel { stream, local, peer, relay: self.name.clone() })
    }

    /// Joins two data connections. What becomes of it comes out of [`Line::next`]; what was joined before
    /// is not heard of any more.
    pub fn join(&mut self, source: Leg, destination: Leg) -> Id {
        let mut peers = vec![host(source), host(destination)];
        peers.sort_unstable();
        peers.dedup();
        let grant = self.leave(Purpose::Join(peers));
        let waits = self.waits;
        let id = self.session.with(|machine, now| machine.join(now, grant, [source, destination], waits));
        self.present = Some((id, grant));
        self.unsaid.retain(|said| matches!(said, Said::Lost(_)));
        id
    }

    /// Resets what is joined; [`Said::Ended`] follows, unless it has ended by itself.
    pub fn close(&mut self, id: Id) {
        self.session.with(|machine, now| machine.send(now, ToAgent::Close { id }));
    }

    /// Asks how far it is; [`Said::Stat`] follows.
    pub fn stat(&mut self, id: Id) {
        self.session.with(|machine, now| machine.send(now, ToAgent::Stat { join: id }));
    }

    /// What the relay says next about the join. May be dropped without losing anything; nothing comes
    /// after [`Said::Lost`].
    pub async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.unsaid.pop_front() {
                return said;
            }
            if self.over.is_some() {
                pending::<()>().await;
            }
            let heard = self.heard.recv().await;
            self.note(heard);
        }
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.over.is_some() || self.heard.is_closed()
    }

    /// What reports call the relay.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A grant for one more use.
    fn leave(&mut self, purpose: Purpose) -> Id {
        let (grants, session) = (&mut self.grants, &self.session);
        session.with(|machine, now| {
            grants.take(now, &purpose).unwrap_or_else(|| {
                for grant in grants.worn(&purpose) {
                    machine.send(now, ToAgent::Revoke { grant, reset: false });
                }
                let grant = machine.grant(now, purpose.clone(), u64::MAX, LIFE, USES);
                grants.asked(now, grant, purpose);
                grant
            })
        })
    }

    /// Waits for the answer to a wish for a tunnel.
    async fn ready(
        &mut self,
        site: &Site,
        tunnel: Id,
        grant: Id,
    ) -> Result<(SocketAddr, SocketAddr, Secret32), Failure> {
        loop {
            if let Some(why) = &self.over {
                return Err(words::lost(&self.title, why));
            }
            match self.heard.recv().await {
                Some(Heard::Message(FromAgent::TunnelReady { id, local, peer, ticket })) if id == tunnel => {
                    return Ok((local, peer, ticket));
                }
                Some(Heard::Message(FromAgent::Refused { id, code, text, .. }))
                    if id == tunnel || id == grant =>
                {
                    self.grants.wear(grant);
                    return Err(words::no_tunnel(&self.title, site, code, &text));
                }
                heard => self.note(heard),
            }
        }
    }

    /// Keeps what concerns joins.
    fn note(&mut self, heard: Option<Heard>) {
        let said = match heard {
            Some(Heard::Message(FromAgent::Granted { id, max_ms, uses, .. })) => {
                self.grants.given(id, Duration::from_millis(max_ms.into()), uses);
                None
            }
            Some(Heard::Message(message)) => {
                self.present.and_then(|(join, grant)| Said::of(message, join, grant))
            }
            Some(Heard::Over(why)) => Some(Said::Lost(why)),
            None => Some(Said::Lost("the relay said more than anybody had asked for".to_owned())),
        };
        let Some(said) = said else { return };
        if let (Said::Refused { .. }, Some((_, grant))) = (&said, self.present) {
            // Whatever was wrong with it, the next join asks anew.
            self.grants.wear(grant);
        }
        if said.is_last() {
            self.present = None;
        }
        if let Said::Lost(why) = &said {
            self.over = Some(why.clone());
        }
        self.unsaid.push_back(said);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let present = self.present;
        self.session.with(|machine, now| {
            if let Some((id, _)) = present {
                machine.send(now, ToAgent::Close { id });
            }
            machine.send(now, ToAgent::Bye);
        });
        self.session.leave();
    }
}

async fn attach(at: SocketAddr, ticket: &Secret32) -> Result<link::Link, link::LinkFailure> {
    let stream = socket::connect(anywhere(at.ip()), at).await?;
    socket::keepalive(&stream)?;
    link::attach(stream, ticket).await
}

fn late(context: &Context, title: &str, for_what: &str) -> Failure {
    if context.cancel.is_cancelled() { Failure::interrupted() } else { words::late(title, for_what) }
}

/// The servers' patience is this program's: the relay's own must not end before it.
fn waits(context: &Context) -> Waits {
    let millis = |wait: Duration| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    let usual = Waits::default();
    Waits {
        leg_ms: millis(context.patience.reply).max(usual.leg_ms),
        idle_ms: millis(context.patience.stall).max(usual.idle_ms),
        half_idle_ms: millis(context.patience.stall).max(usual.half_idle_ms),
        stall_ms: millis(context.patience.stall).max(usual.stall_ms),
    }
}

const fn host(leg: Leg) -> IpAddr {
    match leg {
        Leg::Listen(Pin { ip, .. }) => ip,
        Leg::Dial(to) => to.ip(),
    }
}
