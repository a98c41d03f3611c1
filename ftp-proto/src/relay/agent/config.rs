//! What the operator of an agent has configured, what it means for an address, and how much one session may have.

use super::Route;
use crate::address::{Family, Kind, kind, unmapped};
use crate::policy::{self, Asker, OtherEnd, RefusalReason, Rules};
use crate::relay::date::DateAt;
use crate::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The configuration of one session.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which hosts the agent may reach: [`Rules::relay`], [`Rules::data_ports`], [`Rules::own_listeners`] and
    /// [`Rules::own_host`] matter.
    pub rules: Rules,
    /// The addresses at which the agent listens for user agents.
    pub listen: Vec<IpAddr>,
    /// The address of the user agent's end of the link.
    pub peer: IpAddr,
    /// The address of the agent's end of the link.
    pub local: IpAddr,
    /// What date it was when the session began, for user agents that ask.
    pub date: Option<DateAt>,
    /// When the session's token expires, if it does.
    pub expires: Option<Moment>,
    /// Whether the agent has joined a hub, where it can call other agents.
    pub meets: bool,
    /// The limits of the session.
    pub limits: Limits,
}

impl Config {
    /// Creates a configuration that allows nothing, with the usual limits. `peer` and `local` are the
    /// two ends of the link.
    pub fn new(peer: IpAddr, local: IpAddr) -> Self {
        Self {
            rules: Rules::default(),
            listen: Vec::new(),
            peer,
            local,
            date: None,
            expires: None,
            meets: false,
            limits: Limits::USUAL,
        }
    }

    fn asker(&self) -> Asker {
        Asker { peer: self.peer, scope: 0, local: self.local, proxied: false, anonymous: false }
    }

    /// Returns where the server is that the user agent names by this address.
    pub(super) fn served_at(&self, named: SocketAddr) -> SocketAddr {
        policy::served_at(&self.rules, named)
    }

    /// Decides whether the agent may carry a control connection to an address.
    pub(super) fn may_tunnel(&self, to: SocketAddr, route: Route) -> Result<(), RefusalReason> {
        let own = self.is_own(to.ip(), route);
        policy::decide(&self.rules, &self.asker(), &policy::Ask::RelayControl { to, own }).map(drop)
    }

    /// Decides whether the agent may connect to a data port. `greeted` says that a server of that host has
    /// greeted over a tunnel that is still open.
    pub(super) fn may_dial(
        &self,
        to: SocketAddr,
        route: Route,
        greeted: bool,
        other: OtherEnd,
    ) -> Result<(), RefusalReason> {
        let own = self.is_own(to.ip(), route);
        let ask = policy::Ask::RelayData { to, own, greeted, other };
        policy::decide(&self.rules, &self.asker(), &ask).map(drop)
    }

    /// Returns whether the operator names this data port. Whether it is this host itself was judged before.
    pub(super) fn names(&self, port: SocketAddr) -> bool {
        let route = Route { from: None, is_own: false };
        self.may_dial(port, route, true, OtherEnd::Prover).is_ok()
    }

    /// Decides whether a host may connect to a leg.
    pub(super) fn may_come(&self, ip: IpAddr, greeted: bool) -> Result<(), RefusalReason> {
        policy::decide(&self.rules, &self.asker(), &policy::Ask::RelayPeer { ip, greeted }).map(drop)
    }

    /// Whether the user agent may begin with TLS at this control port.
    pub(super) fn may_begin_with_tls(&self, to: SocketAddr) -> bool {
        policy::may_begin_with_tls(&self.rules, to)
    }

    fn is_own(&self, ip: IpAddr, route: Route) -> bool {
        route.is_own || self.listen.iter().any(|listen| unmapped(*listen) == unmapped(ip))
    }

    /// The local address for connections with `host`: a listen address of that family if there is one,
    /// so that control and data connections come from one address, otherwise `route`.
    pub(super) fn address_towards(&self, host: IpAddr, route: Option<IpAddr>) -> Option<IpAddr> {
        let family = Family::of(unmapped(host));
        self.listed(family).or(route)
    }

    /// The local address to announce to `host`. A private address is announced only if it is a listen
    /// address.
    pub(super) fn announced_to(&self, host: IpAddr, route: Option<IpAddr>) -> Option<IpAddr> {
        let family = Family::of(unmapped(host));
        self.listed(family).or(route.filter(|ip| kind(*ip) == Kind::Public))
    }

    fn listed(&self, family: Family) -> Option<IpAddr> {
        let mut specific = self.listen.iter().filter(|ip| kind(**ip) != Kind::Unspecified);
        specific.find(|ip| Family::of(**ip) == family).copied()
    }
}

/// The limits of one session. The default is [`Limits::USUAL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum number of grants that are in force.
    pub grants: usize,
    /// Maximum number of tunnels and joins.
    pub flows: usize,
    /// Maximum number of bytes that one use of a grant may carry, both directions together.
    pub bytes: u64,
    /// Longest life of a grant.
    pub life: Duration,
    /// Number of connections at one leg from others than the expected peer that ends its wait. Without one, no number of
    /// them does: only its time ends the wait.
    pub strangers: Option<u16>,
    /// How long connecting to a tunnel's server may take.
    pub connect: Duration,
    /// How long the server of a tunnel may take until it greets.
    pub greeting: Duration,
    /// How long a ticket is valid.
    pub ticket: Duration,
    /// Longest wait for the legs of a join.
    pub leg: Duration,
    /// Longest idle and stall times of a join.
    pub idle: Duration,
    /// How long a tunnel may carry nothing. It is as long as the life of a grant, because a control
    /// connection is silent while a large file moves; TCP's keepalive finds an end that has vanished.
    pub tunnel_idle: Duration,
    /// How long the link may carry nothing before the user agent counts as gone.
    pub dead: Duration,
}

impl Limits {
    /// Limits that suit most relays.
    pub const USUAL: Self = Self {
        grants: 64,
        flows: 128,
        bytes: u64::MAX,
        life: Duration::from_secs(24 * 3600),
        strangers: None,
        connect: Duration::from_secs(15),
        greeting: Duration::from_secs(30),
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
