//! The machine of one user agent's session at a relay agent.
//!
//! ```text
//!  session   Up --link lost, Bye--> Alone --nothing flows any more--> closed
//!
//!  tunnel    Resolve -> Route -> every address judged -> Dial -> Expect a link with the ticket -> Flowing
//!  join      Route -> both hosts judged -> Listen -> JoinReady -> Dial, wait -> both up -> Flowing
//!                                                             '--Leg--> Refused, the leg that is up is reset
//!  Flowing   Join --EOF x--> half closed --EOF y--> Ended(Eof)
//!              '--reset, limit, idle, stall, revoked--> both reset, Ended
//! ```
//!
//! No grant, no socket; no socket towards an address that was not judged as it will be used.

mod ask;
mod flowing;
mod grant;
mod join;
mod leg;
mod outbox;
mod session;
#[cfg(test)]
mod tests;
mod tunnel;

pub use ask::{Answer, Ask, Broke, ConnId, Event, Flow, Input, Output, Ticket};
pub use session::Agent;

use crate::address::{Family, Kind, kind, unmapped};
use crate::policy::{self, Asker, Rules, Why};
use crate::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What the operator has set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whom the agent may reach: `relay` and `own_listeners` count.
    pub rules: Rules,
    /// The addresses of `--listen`.
    pub listen: Vec<IpAddr>,
    /// The user agent's end of the link.
    pub peer: IpAddr,
    /// This end of the link.
    pub local: IpAddr,
    /// When the session's token ends.
    pub expires: Option<Moment>,
    /// The limits.
    pub limits: Limits,
}

/// The limits of one session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Grants that live.
    pub grants: usize,
    /// Tunnels and joins.
    pub flows: usize,
    /// Octets of one use of a grant.
    pub octets: u64,
    /// The longest life of a grant.
    pub life: Duration,
    /// Connections of others at one leg.
    pub strangers: u16,
    /// How long a tunnel's server may take to be connected.
    pub connect: Duration,
    /// How long a ticket may be used.
    pub ticket: Duration,
    /// The longest wait for the legs of a join.
    pub leg: Duration,
    /// The longest idle and stall times.
    pub idle: Duration,
    /// A tunnel that carries nothing. As long as a grant: a control connection is silent while a large file
    /// moves, and an end that has vanished is found by TCP's keepalive.
    pub tunnel_idle: Duration,
    /// A link that carries nothing.
    pub dead: Duration,
}

impl Limits {
    /// What suits most relays.
    pub const USUAL: Self = Self {
        grants: 64,
        flows: 128,
        octets: u64::MAX,
        life: Duration::from_secs(24 * 3600),
        strangers: 1_000,
        connect: Duration::from_secs(15),
        ticket: Duration::from_secs(30),
        leg: Duration::from_secs(120),
        idle: Duration::from_secs(3600),
        tunnel_idle: Duration::from_secs(24 * 3600),
        dead: Duration::from_secs(45),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Config {
    fn asker(&self) -> Asker {
        Asker { peer: self.peer, scope: 0, local: self.local, proxied: false, anonymous: false }
    }

    /// May that address be dialled, which is reached from `route`?
    fn may_dial(&self, to: SocketAddr, route: Option<IpAddr>) -> Result<(), Why> {
        let host = unmapped(to.ip());
        let own = route.is_some_and(|route| unmapped(route) == host)
            || self.listen.iter().any(|listen| unmapped(*listen) == host);
        policy::decide(&self.rules, &self.asker(), &policy::Ask::RelayDial { to, own }).map(drop)
    }

    /// May that host connect to a leg?
    fn may_come(&self, ip: IpAddr) -> Result<(), Why> {
        policy::decide(&self.rules, &self.asker(), &policy::Ask::RelayPeer { ip }).map(drop)
    }

    /// The address of this host towards `host`: that of `--listen` where it is one, so that control and
    /// data connections come from one address.
    fn address_towards(&self, host: IpAddr, route: Option<IpAddr>) -> Option<IpAddr> {
        let family = Family::of(unmapped(host));
        self.listed(family).or(route)
    }

    /// The same, to be announced: an inside address only where `--listen` names it.
    fn announced_to(&self, host: IpAddr, route: Option<IpAddr>) -> Option<IpAddr> {
        let family = Family::of(unmapped(host));
        self.listed(family).or(route.filter(|ip| kind(*ip) == Kind::Public))
    }

    fn listed(&self, family: Family) -> Option<IpAddr> {
        let mut specific = self.listen.iter().filter(|ip| kind(**ip) != Kind::Unspecified);
        specific.find(|ip| Family::of(**ip) == family).copied()
    }
}
