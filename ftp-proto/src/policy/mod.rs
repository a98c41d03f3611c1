//! The only place where "may this data connection exist?" is answered. It reads no clock, looks no
//! name up and writes no log: a reply, a log line or an explanation is made from [`RefusalReason`] (RFC 2577;
//! docs/protocol/policy.md).
//!
//! ```
//! use ftp_proto::policy::{Ask, Asker, Evidence, Grant, RefusalReason, Rules, decide};
//!
//! let asker = Asker {
//!     peer: [198, 51, 100, 7].into(),
//!     scope: 0,
//!     local: [203, 0, 113, 1].into(),
//!     proxied: false,
//!     anonymous: false,
//! };
//! let target = |evidence| Ask::Target { to: ([192, 0, 2, 9], 40_000).into(), evidence };
//! let rules = Rules::default();
//! assert_eq!(decide(&rules, &asker, &target(Evidence::None)), Err(RefusalReason::NeedsProof));
//! assert_eq!(decide(&rules, &asker, &target(Evidence::Rendezvous)), Ok(Grant::AfterProof));
//! ```

#[cfg(test)]
mod contract_tests;
mod question;
mod relay;
mod rules;
#[cfg(test)]
mod tests;

pub use question::{Ask, Cargo, Evidence, Filter, Grant, OtherEnd, RefusalReason};
pub use relay::{may_be_seen_as, may_begin_with_tls, served_at};
pub use rules::{Allowed, AllowedError, Asker, DataPorts, DataPortsError, Foreign, OwnHost, Rules};

use crate::address::{Family, Kind, embedded, kind, unmapped};
use crate::command::Direction;
use crate::wire::PathName;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Decides whether a data connection may exist, and on which terms.
///
/// # Errors
///
/// The reason why it may not.
pub fn decide(rules: &Rules, asker: &Asker, ask: &Ask<'_>) -> Result<Grant, RefusalReason> {
    let case = Case { rules, asker };
    let (grant, peer, moved) = match *ask {
        Ask::Target { to, evidence } => (case.target(to, is_proof(evidence))?, to.ip(), None),
        Ask::Filter { host, evidence } => {
            (case.host(Host { ip: host, scope: None }, is_proof(evidence))?, host, None)
        }
        Ask::Arrival { from, filter, evidence } => (case.arrival(from, filter, evidence)?, from.ip(), None),
        Ask::Transfer { peer, cargo, moved, evidence } => {
            (case.transfer(peer, cargo, evidence)?, peer, Some(moved))
        }
        Ask::RelayControl { to, own } => {
            return relay::control(&rules.relay, &rules.own_listeners, relay::Target { to, own });
        }
        Ask::RelayData { to, own, greeted, other } => {
            return relay::data(rules, relay::Target { to, own }, greeted, other);
        }
        Ask::RelayPeer { ip, greeted } => return relay::peer(&rules.relay, ip, greeted),
        Ask::RelayAgent { to, own, hub } => return relay::agent(relay::Target { to, own }, hub),
    };
    if grant != Grant::Own {
        permit(&rules.exchanges, peer, moved)?;
    }
    Ok(grant)
}

/// Decides where a user agent sends the peer of a server at `server` that announced (227) that it
/// listens at `announced` (H08).
///
/// That is the announced address, or the server's own if the announced one is unspecified, or private
/// or loopback while the server's is not.
///
/// # Errors
///
/// [`RefusalReason::AnotherHost`] for any other host: a lying server could aim the other server at a victim.
/// [`RefusalReason::PortZero`] for port 0.
pub fn believe(server: IpAddr, announced: SocketAddr) -> Result<SocketAddr, RefusalReason> {
    if announced.port() == 0 {
        return Err(RefusalReason::PortZero);
    }
    let (server, host) = (unmapped(server), unmapped(announced.ip()));
    let of_server = SocketAddr::new(server, announced.port());
    match kind(host) {
        _ if host == server => Ok(of_server),
        Kind::Unspecified => Ok(of_server),
        inner @ (Kind::Private | Kind::Loopback) if kind(server) != inner => Ok(of_server),
        Kind::Private
        | Kind::Loopback
        | Kind::Public
        | Kind::LinkLocal
        | Kind::Multicast
        | Kind::Broadcast => Err(RefusalReason::AnotherHost),
    }
}

/// Whether the peer must prove itself before anything moves. A pin alone proves nothing.
const fn is_proof(evidence: Evidence) -> bool {
    match evidence {
        Evidence::Rendezvous => true,
        Evidence::None | Evidence::PinnedLeaf | Evidence::ResumedSession => false,
    }
}

/// Whether the peer is the user's own host because it resumed the control connection's TLS session.
const fn resumed(evidence: Evidence) -> bool {
    matches!(evidence, Evidence::ResumedSession)
}

/// The rules and the asker of a question.
struct Case<'a> {
    rules: &'a Rules,
    asker: &'a Asker,
}

/// The host in a question. A link-local address needs a scope, which no command can name.
#[derive(Clone, Copy)]
struct Host {
    ip: IpAddr,
    scope: Option<u32>,
}

impl Host {
    fn of(address: SocketAddr) -> Self {
        let scope = match address {
            SocketAddr::V6(v6) => Some(v6.scope_id()),
            SocketAddr::V4(_) => None,
        };
        Self { ip: address.ip(), scope }
    }
}

impl Case<'_> {
    /// The target of an active end, from PORT, EPRT or SOCK.
    fn target(&self, to: SocketAddr, proof: bool) -> Result<Grant, RefusalReason> {
        match to.port() {
            0 => return Err(RefusalReason::PortZero),      // B11
            1..1024 => return Err(RefusalReason::LowPort), // B17, RFC 2577 3
            1024.. => {}
        }
        let scope = Host::of(to).scope.filter(|scope| *scope != 0);
        let grant = self.host(Host { ip: to.ip(), scope }, proof)?;
        if self.is_own_listener(to) { Err(RefusalReason::OwnListener) } else { Ok(grant) }
    }

    /// A connection that has arrived at a listener.
    fn arrival(&self, from: SocketAddr, filter: Filter, evidence: Evidence) -> Result<Grant, RefusalReason> {
        let (peer, proof) = (Host::of(from), is_proof(evidence));
        let same = |host: IpAddr| unmapped(host) == unmapped(from.ip());
        match filter {
            Filter::Nobody => Err(RefusalReason::NotThePeer), // B24
            Filter::Host(host) if !same(host) => Err(RefusalReason::NotThePeer), // C13
            Filter::Socket(named) if !same(named.ip()) || named.port() != from.port() => {
                Err(RefusalReason::NotThePeer) // C14
            }
            Filter::Host(_) | Filter::Socket(_) | Filter::Open if resumed(evidence) => Ok(Grant::Own),
            Filter::Host(_) | Filter::Socket(_) => self.host(peer, proof),
            Filter::Open if self.is_own(peer) => Ok(Grant::Own),
            Filter::Open if proof => self.foreign_at_all().map(|()| Grant::AfterProof),
            // LSTN or PASV without SOCK under `authenticated`: only hosts that the operator listed.
            Filter::Open if self.rules.foreign == Foreign::Authenticated && !self.is_listed(peer.ip) => {
                self.foreign_at_all().and(Err(RefusalReason::OutsideNetworks))
            }
            Filter::Open => self.host(peer, proof),
        }
    }

    /// A transfer command. Its target or arrival has been judged before.
    fn transfer(&self, peer: IpAddr, cargo: Cargo, evidence: Evidence) -> Result<Grant, RefusalReason> {
        let (peer, proof) = (Host { ip: peer, scope: None }, is_proof(evidence));
        match cargo {
            _ if self.is_own(peer) || resumed(evidence) => Ok(Grant::Own),
            Cargo::Listing => Err(RefusalReason::ListingAbroad),
            // A connection from any address may prove itself.
            Cargo::File if proof => self.foreign_at_all().map(|()| Grant::AfterProof),
            Cargo::File => self.host(peer, proof),
        }
    }

    /// A host that a command names, or that a filter has let in.
    fn host(&self, host: Host, proof: bool) -> Result<Grant, RefusalReason> {
        let kind_of_host = kind(host.ip);
        if matches!(kind_of_host, Kind::Unspecified | Kind::Multicast | Kind::Broadcast) {
            return Err(RefusalReason::SpecialAddress);
        }
        if self.is_own(host) {
            return Ok(Grant::Own);
        }
        if kind_of_host == Kind::LinkLocal {
            return Err(RefusalReason::SpecialAddress);
        }
        self.foreign_at_all()?;
        let listed = self.is_listed(host.ip);
        if kind_of_host == Kind::Loopback && (kind(self.asker.peer) != Kind::Loopback || self.asker.proxied) {
            return Err(RefusalReason::Loopback);
        }
        if kind_of_host == Kind::Private && kind(self.asker.local) != Kind::Private && !listed {
            return Err(RefusalReason::PrivateNetwork);
        }
        match self.rules.foreign {
            Foreign::Never => Err(RefusalReason::ForeignNever),
            Foreign::Proven if !proof => Err(RefusalReason::NeedsProof),
            Foreign::Proven => Ok(Grant::AfterProof),
            // The built-in networks are all that have got this far, except loopback.
            Foreign::Authenticated if self.rules.foreign_networks.is_some() && !listed => {
                Err(RefusalReason::OutsideNetworks)
            }
            Foreign::Authenticated if kind_of_host == Kind::Loopback && !listed => {
                Err(RefusalReason::Loopback)
            }
            Foreign::Authenticated if proof => Ok(Grant::AfterProof),
            Foreign::Authenticated => Ok(Grant::Foreign),
        }
    }

    /// Refuses every foreign host if this user may have none.
    fn foreign_at_all(&self) -> Result<(), RefusalReason> {
        let never = self.asker.anonymous || self.rules.foreign == Foreign::Never;
        if never { Err(RefusalReason::ForeignNever) } else { Ok(()) }
    }

    /// Whether `host` is the user's own: the control connection's peer, or inside `same-host`. A host of
    /// another family never is.
    fn is_own(&self, host: Host) -> bool {
        let (ip, peer) = (unmapped(host.ip), unmapped(self.asker.peer));
        let same_scope = kind(ip) != Kind::LinkLocal || host.scope.is_none_or(|s| s == self.asker.scope);
        let same_family = Family::of(ip) == Family::of(peer);
        ip == peer && same_scope || same_family && contains(&self.rules.same_host, ip)
    }

    /// Whether the operator has listed a network that contains the host.
    fn is_listed(&self, ip: IpAddr) -> bool {
        self.rules.foreign_networks.as_ref().is_some_and(|networks| contains(networks, embedded(ip)))
    }

    /// Whether `to` is a listener of this server. A listener at a wildcard address is at every address
    /// that is known to be this host's.
    fn is_own_listener(&self, to: SocketAddr) -> bool {
        let ip = embedded(to.ip());
        let here = ip == unmapped(self.asker.local) || kind(ip) == Kind::Loopback;
        self.rules.own_listeners.iter().any(|listener| {
            let at = unmapped(listener.ip());
            listener.port() == to.port() && (at == ip || kind(at) == Kind::Unspecified && here)
        })
    }
}

fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

/// Returns whether every failure to reach `target` must look the same. That is so if the target is
/// foreign, only a proof makes it a peer, and the operator has not named its network.
pub fn hides_failure(rules: &Rules, grant: Grant, target: IpAddr) -> bool {
    let listed = rules.foreign_networks.as_ref().is_some_and(|some| contains(some, embedded(target)));
    grant == Grant::AfterProof && rules.foreign == Foreign::Proven && !listed
}

/// One thing that an account may exchange with foreign hosts. The default permits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// The networks of the other end; empty means every network.
    pub peers: Vec<IpNet>,
    /// The direction of the files, seen from this server; `None` means both.
    pub direction: Option<Direction>,
    /// The absolute path of the file, or of a directory above it; `None` means every file.
    pub path: Option<PathName>,
    /// Whether the data connection must be inside TLS.
    pub require_tls: bool,
}

/// What a transfer command is about to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedTransfer<'a> {
    /// The direction, seen from this server.
    pub direction: Direction,
    /// The absolute path; `None` if no file moves (PROB).
    pub path: Option<&'a PathName>,
    /// Whether the data connection is inside TLS.
    pub private: bool,
}

impl Exchange {
    fn has_peer(&self, peer: IpAddr) -> bool {
        self.peers.is_empty() || contains(&self.peers, peer)
    }

    fn has_file(&self, moved: RequestedTransfer<'_>) -> bool {
        let direction = self.direction.is_none_or(|direction| direction == moved.direction);
        direction && self.path.as_ref().zip(moved.path).is_none_or(|(top, path)| path.is_at_or_below(top))
    }
}

/// Whether one of the rules permits a data connection with the foreign host `peer`, and what moves over it, if
/// that is known. No rules at all permit everything.
fn permit(
    rules: &[Exchange],
    peer: IpAddr,
    moved: Option<RequestedTransfer<'_>>,
) -> Result<(), RefusalReason> {
    if rules.is_empty() {
        return Ok(());
    }
    let of_peer = || rules.iter().filter(|rule| rule.has_peer(embedded(peer)));
    let Some(moved) = moved else {
        return if of_peer().next().is_some() { Ok(()) } else { Err(RefusalReason::NoExchange) };
    };
    let mut of_file = of_peer().filter(|rule| rule.has_file(moved)).peekable();
    if of_peer().next().is_none() {
        Err(RefusalReason::NoExchange)
    } else if of_file.peek().is_none() {
        Err(RefusalReason::NotExchanged)
    } else if of_file.any(|rule| moved.private || !rule.require_tls) {
        Ok(())
    } else {
        Err(RefusalReason::ExchangeInClear)
    }
}
