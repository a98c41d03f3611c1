//! The only place where "may this data connection exist?" is answered. Pure: no clock, no lookup,
//! no log. [`Why`] feeds reply, log, metric and explanation (RFC 2577; docs/protocol/policy.md).

mod decide;
mod relay;
mod uniform;

pub use decide::{believe, decide};
pub use relay::{Allowed, AllowedError};
pub use uniform::hides_failure;

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Who may name a data peer that is not the user's own host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Foreign {
    /// Nobody.
    Never,
    /// Whoever proves with RNDZ that it takes part in this transfer. Bounce-safe: the default.
    #[default]
    Proven,
    /// Named users, any host of the foreign networks, without proof.
    Authenticated,
}

/// What the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The foreign policy.
    pub foreign: Foreign,
    /// `--foreign-networks`; `None` when the option was not given (the built-in default holds).
    pub foreign_networks: Option<Vec<IpNet>>,
    /// Addresses that count as the user's own host.
    pub same_host: Vec<IpNet>,
    /// The server's own control and metrics listeners: never a target.
    pub own_listeners: Vec<SocketAddr>,
    /// Whom a relay may reach; nobody, when empty.
    pub relay: Vec<Allowed>,
}

/// Who asks, from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The control connection's other end.
    pub peer: IpAddr,
    /// Its scope id (`SocketAddrV6::scope_id`); 0 where there is none.
    pub scope: u32,
    /// The control connection's local address.
    pub local: IpAddr,
    /// Whether it came through a PROXY header.
    pub proxied: bool,
    /// Anonymous users never name a foreign host.
    pub anonymous: bool,
}

/// What a filter installed by SOCK accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filter {
    /// No SOCK: the policy alone decides.
    Open,
    /// One host, any port.
    Host(IpAddr),
    /// One host and port.
    Socket(SocketAddr),
    /// Nobody: a SOCK was refused while a listener existed (B24).
    Nobody,
}

/// What a data connection would carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cargo {
    /// A file (RETR, STOR, APPE).
    File,
    /// A listing: never to a foreign peer.
    Listing,
}

/// The questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// PORT, EPRT or SOCK names a target to connect to. `proof`: RNDZ is in force.
    Target {
        /// The target.
        to: SocketAddr,
        /// RNDZ is in force.
        proof: bool,
    },
    /// SOCK after LSTN, PASV or EPSV names the only peer to accept: any port, also 0 and 20.
    Filter {
        /// The host.
        host: IpAddr,
        /// RNDZ is in force.
        proof: bool,
    },
    /// A connection has arrived at a listener.
    Arrival {
        /// Its other end.
        from: SocketAddr,
        /// What SOCK said.
        filter: Filter,
        /// RNDZ is in force.
        proof: bool,
    },
    /// A transfer command is about to use a connection with `peer`.
    Transfer {
        /// The other end.
        peer: IpAddr,
        /// What it would carry.
        cargo: Cargo,
        /// RNDZ is in force.
        proof: bool,
    },
    /// A relay is to dial this address, as it will be dialled.
    RelayDial {
        /// The target.
        to: SocketAddr,
        /// It is an address of the relay's own host.
        own: bool,
    },
    /// A relay is to let this host connect to it.
    RelayPeer {
        /// The host.
        ip: IpAddr,
    },
}

/// Yes, and on which terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Grant {
    /// The user's own host.
    Own,
    /// A foreign host, allowed without proof.
    Foreign,
    /// A foreign host, only after its RNDZ proof.
    AfterProof,
}

/// Why not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Why {
    /// Foreign hosts are refused.
    #[error("data connections with other hosts are not allowed here")]
    ForeignNever,
    /// Foreign without RNDZ under `proven`.
    #[error("data connections with other hosts need RNDZ at both ends first")]
    NeedsProof,
    /// Outside the foreign networks.
    #[error("that host is outside the networks allowed for data connections")]
    OutsideNetworks,
    /// Port 1..=1023.
    #[error("data ports below 1024 are refused")]
    LowPort,
    /// Port 0 as a target.
    #[error("port 0 is no target")]
    PortZero,
    /// Unspecified, multicast, broadcast, link-local.
    #[error("that address is not one of a host")]
    SpecialAddress,
    /// Loopback that is not the user's own.
    #[error("loopback addresses are refused")]
    Loopback,
    /// A private network that neither end of the control connection is in.
    #[error("private addresses are refused")]
    PrivateNetwork,
    /// The server's own listener.
    #[error("that is this server's own port")]
    OwnListener,
    /// Not the peer that SOCK named.
    #[error("not the peer that SOCK named")]
    NotThePeer,
    /// A listing for a foreign host.
    #[error("listings go only to the user's own host")]
    ListingAbroad,
    /// A port that the operator has not listed.
    #[error("that port is not allowed here")]
    PortNotListed,
    /// The relay's own host, which was not named alone.
    #[error("that is the relay's own address")]
    OwnAddress,
    /// An announced address that its server cannot mean (227).
    #[error("the server announced the address of another host")]
    AnotherHost,
}

#[cfg(test)]
mod tests;
