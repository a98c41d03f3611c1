//! Grants: the only source of authority. Each has one purpose, a time, a number of uses.

use super::Limits;
use super::outbox::Refusal;
use crate::relay::message::{Code, Id, Purpose, Target};
use crate::timer::Moment;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What the user agent may do.
#[derive(Debug)]
pub(super) struct Grant {
    purpose: Purpose,
    /// Bytes of one use.
    pub(super) max_bytes: u64,
    pub(super) expires: Moment,
    uses: u8,
}

/// All grants of a session.
#[derive(Debug, Default)]
pub(super) struct Grants(BTreeMap<Id, Grant>);

/// What was granted: never more than was asked, nor than the agent's limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) max_bytes: u64,
    pub(super) max_ms: u32,
    pub(super) uses: u8,
}

impl Grants {
    pub(super) fn add(
        &mut self,
        now: Moment,
        id: Id,
        purpose: Purpose,
        asked: Terms,
        limits: &Limits,
    ) -> Result<Terms, Refusal> {
        self.0.retain(|_, grant| grant.expires > now);
        if self.0.len() >= limits.grants {
            return Err(Refusal::of(Code::Busy));
        }
        if let Purpose::Join(peers) = &purpose
            && !(1..=MAX_PEERS).contains(&peers.len())
        {
            return Err(Refusal::of(Code::Protocol));
        }
        let life = Duration::from_millis(u64::from(asked.max_ms)).min(limits.life);
        let terms = Terms {
            max_bytes: asked.max_bytes.min(limits.bytes),
            max_ms: u32::try_from(life.as_millis()).unwrap_or(u32::MAX),
            uses: asked.uses.clamp(1, MAX_USES),
        };
        let expires = now + life;
        self.0.insert(id, Grant { purpose, max_bytes: terms.max_bytes, expires, uses: terms.uses });
        Ok(terms)
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.0.remove(&id);
    }

    /// Takes one use of a tunnel's grant.
    pub(super) fn use_tunnel(&mut self, now: Moment, id: Id) -> Result<(&Grant, Target), Refusal> {
        let grant = self.find(now, id)?;
        match grant.purpose.clone() {
            Purpose::Tunnel(target) => grant.take().map(|grant| (grant, target)),
            Purpose::Join(_) => Err(Refusal::of(Code::NoGrant)),
        }
    }

    /// Takes one use of a grant for data connections with these hosts.
    pub(super) fn use_join(&mut self, now: Moment, id: Id, hosts: [IpAddr; 2]) -> Result<&Grant, Refusal> {
        let grant = self.find(now, id)?;
        match &grant.purpose {
            Purpose::Join(peers) if hosts.iter().all(|host| peers.contains(host)) => grant.take(),
            Purpose::Join(_) | Purpose::Tunnel(_) => Err(Refusal::of(Code::NoGrant)),
        }
    }

    fn find(&mut self, now: Moment, id: Id) -> Result<&mut Grant, Refusal> {
        let grant = self.0.get_mut(&id).ok_or_else(|| Refusal::of(Code::NoGrant))?;
        if grant.expires <= now { Err(Refusal::of(Code::Expired)) } else { Ok(grant) }
    }
}

impl Grant {
    fn take(&mut self) -> Result<&Self, Refusal> {
        self.uses = self.uses.checked_sub(1).ok_or_else(|| Refusal::of(Code::GrantUsed))?;
        Ok(self)
    }
}

const MAX_PEERS: usize = 8;
const MAX_USES: u8 = 16;
