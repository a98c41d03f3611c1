//! Grants, the only source of authority. Each has one purpose, a time, and a number of uses.

use super::Limits;
use super::outbox::Refusal;
use crate::relay::message::{Code, GrantPurpose, Id, Target};
use crate::timer::Moment;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What a grant allows.
#[derive(Debug)]
struct Grant {
    purpose: GrantPurpose,
    /// Maximum number of bytes of one use.
    max_bytes: u64,
    expires: Moment,
    uses: u8,
}

/// The grants of a session.
#[derive(Debug, Default)]
pub(super) struct Grants(BTreeMap<Id, Grant>);

/// One use of a grant: a tunnel or join, and what the grant allows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// The id of the tunnel or join.
    pub(super) id: Id,
    /// The grant that is used.
    pub(super) grant: Id,
    pub(super) max_bytes: u64,
    pub(super) expires: Moment,
}

/// The terms of a grant: never more than was asked for, nor than the agent's limits allow.
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
        purpose: GrantPurpose,
        asked: Terms,
        limits: &Limits,
    ) -> Result<Terms, Refusal> {
        self.0.retain(|_, grant| grant.expires > now);
        if self.0.len() >= limits.grants {
            return Err(Refusal::of(Code::Busy));
        }
        if let GrantPurpose::Join(peers) = &purpose
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

    /// Takes one use of a grant for the tunnel `id`.
    pub(super) fn use_tunnel(&mut self, now: Moment, id: Id, grant: Id) -> Result<(Use, Target), Refusal> {
        let terms = self.find(now, grant)?;
        match terms.purpose.clone() {
            GrantPurpose::Tunnel(target) => terms.take(id, grant).map(|granted| (granted, target)),
            GrantPurpose::Join(_) => Err(Refusal::of(Code::NoGrant)),
        }
    }

    /// Takes one use of a grant for the join `id` with these hosts.
    pub(super) fn use_join(
        &mut self,
        now: Moment,
        id: Id,
        grant: Id,
        hosts: &[IpAddr],
    ) -> Result<Use, Refusal> {
        let terms = self.find(now, grant)?;
        match &terms.purpose {
            GrantPurpose::Join(peers) if hosts.iter().all(|host| peers.contains(host)) => {
                terms.take(id, grant)
            }
            GrantPurpose::Join(_) | GrantPurpose::Tunnel(_) => Err(Refusal::of(Code::NoGrant)),
        }
    }

    fn find(&mut self, now: Moment, id: Id) -> Result<&mut Grant, Refusal> {
        let grant = self.0.get_mut(&id).ok_or_else(|| Refusal::of(Code::NoGrant))?;
        if grant.expires <= now { Err(Refusal::of(Code::Expired)) } else { Ok(grant) }
    }
}

impl Grant {
    fn take(&mut self, id: Id, grant: Id) -> Result<Use, Refusal> {
        self.uses = self.uses.checked_sub(1).ok_or_else(|| Refusal::of(Code::GrantUsed))?;
        Ok(Use { id, grant, max_bytes: self.max_bytes, expires: self.expires })
    }
}

/// Maximum number of hosts in a grant for data connections.
const MAX_PEERS: usize = 8;
/// Maximum number of uses of one grant.
const MAX_USES: u8 = 16;
