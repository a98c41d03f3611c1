//! The questions, and the answers: yes on which terms, or why not.

use super::RequestedTransfer;
use std::net::{IpAddr, SocketAddr};

/// What a filter that SOCK installed accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filter {
    /// There was no SOCK: the policy alone decides.
    Open,
    /// One host, any port.
    Host(IpAddr),
    /// One host and one port.
    Socket(SocketAddr),
    /// Nobody: a SOCK was refused while a listener existed (B24).
    Nobody,
}

/// What a data connection would carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cargo {
    /// A file (RETR, STOR, APPE).
    File,
    /// A listing, which never goes to a foreign peer.
    Listing,
}

/// What shows that the peer of a data connection takes part in this very transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Evidence {
    /// Nothing but its address.
    #[default]
    None,
    /// RNDZ is in force: no byte of a file moves before the peer has proven that it has the secret.
    Rendezvous,
    /// The peer showed the certificate that PINC pinned. A pin names a host, not a transfer, and
    /// anybody can pin a public server. So it never takes the place of RNDZ.
    PinnedLeaf,
    /// The data connection resumed the TLS session of this control connection, so that its peer is the
    /// user's own host whatever its address is. Only a passive end can have this evidence.
    ResumedSession,
}

/// The questions that [`decide`](super::decide) answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask<'a> {
    /// PORT, EPRT or SOCK names a target to connect to.
    Target {
        /// The address that the user names.
        to: SocketAddr,
        /// What will show that the target takes part.
        evidence: Evidence,
    },
    /// SOCK after LSTN, PASV or EPSV names the only peer to accept. Any port is allowed, also 0 and 20.
    Filter {
        /// The peer's host.
        host: IpAddr,
        /// What will show that the peer takes part.
        evidence: Evidence,
    },
    /// A connection has arrived at a listener.
    Arrival {
        /// The address of its other end.
        from: SocketAddr,
        /// What SOCK said about the peer.
        filter: Filter,
        /// What shows, or will show, that the peer takes part.
        evidence: Evidence,
    },
    /// A transfer command is about to use a connection.
    Transfer {
        /// The address of its other end.
        peer: IpAddr,
        /// What it would carry.
        cargo: Cargo,
        /// The file or listing itself.
        moved: RequestedTransfer<'a>,
        /// What shows, or will show, that the peer takes part.
        evidence: Evidence,
    },
    /// A relay is to carry a control connection to a server.
    RelayControl {
        /// The address, as it will be used.
        to: SocketAddr,
        /// Whether it belongs to the relay's own host.
        own: bool,
    },
    /// A relay is to connect to a data port of a server.
    RelayData {
        /// The address, as it will be used.
        to: SocketAddr,
        /// Whether it belongs to the relay's own host.
        own: bool,
        /// Whether a server of that host has greeted, over a tunnel of this session that is still open.
        greeted: bool,
        /// Who is at the other end of the join.
        other: OtherEnd,
    },
    /// A relay is to let a host connect to it for data.
    RelayPeer {
        /// The host that holds the other end.
        ip: IpAddr,
        /// Whether a server of that host has greeted, over a tunnel of this session that is still open.
        greeted: bool,
    },
    /// A relay agent is to connect to another one, which it has met at a hub and which proves the secret of their join.
    RelayAgent {
        /// Where the hub sees the other agent.
        to: SocketAddr,
        /// Whether the address belongs to this agent's own host.
        own: bool,
        /// The address of the hub, as this agent reaches it.
        hub: IpAddr,
    },
}

/// Who is at the other end of a join of a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OtherEnd {
    /// A server that the operator has listed.
    Server,
    /// Whoever proves the secret of the join: the user agent, or another agent. It may speak any protocol.
    Prover,
}

/// Yes, and on which terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Grant {
    /// The peer is the user's own host.
    Own,
    /// The peer is a foreign host that needs no proof.
    Foreign,
    /// The peer is a foreign host that must prove itself with RNDZ before anything moves.
    AfterProof,
}

/// Why a data connection may not exist. Replies, logs and explanations are made from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Foreign hosts are refused, by the operator or for this account.
    #[error("data connections with other hosts are not allowed here")]
    ForeignNever,
    /// A foreign host needs RNDZ under the policy `proven`.
    #[error("data connections with other hosts need RNDZ at both ends first")]
    NeedsProof,
    /// The host is outside the networks that the operator listed.
    #[error("that host is outside the networks allowed for data connections")]
    OutsideNetworks,
    /// The target port is 1 to 1023 (RFC 2577 3).
    #[error("data ports below 1024 are refused")]
    LowPort,
    /// The target port is 0.
    #[error("port 0 is no target")]
    PortZero,
    /// The address is unspecified, multicast, broadcast or link-local.
    #[error("that address is not one of a host")]
    SpecialAddress,
    /// The address is a loopback address that is not the user's own.
    #[error("loopback addresses are refused")]
    Loopback,
    /// The address is in a private network to which the control connection does not belong.
    #[error("private addresses are refused")]
    PrivateNetwork,
    /// The target is a listener of this server itself.
    #[error("that is this server's own port")]
    OwnListener,
    /// The connection comes from another peer than SOCK named.
    #[error("not the peer that SOCK named")]
    NotThePeer,
    /// A listing would go to a foreign host.
    #[error("listings go only to the user's own host")]
    ListingAbroad,
    /// No exchange rule of the account names the host.
    #[error("this account exchanges nothing with that host")]
    NoExchange,
    /// No exchange rule of the account permits this file in this direction.
    #[error("this account does not exchange that file with that host in this direction")]
    NotExchanged,
    /// The exchange rules of the account permit this inside TLS only.
    #[error("this account exchanges that with that host only inside TLS: send PBSZ 0 and PROT P")]
    ExchangeInClear,
    /// The operator of the relay has not listed the port.
    #[error("that port is not allowed here")]
    PortNotListed,
    /// The operator of the relay has not named the data port, and the other end is no server.
    #[error("the operator of the relay has to name the data ports of the server (--data-ports)")]
    DataPortNotNamed,
    /// The target is an address of the relay's own host, and no rule names it alone.
    #[error("that is the relay's own address")]
    OwnAddress,
    /// No server of that host has greeted in this session of a relay, or its tunnel is closed again.
    #[error("no server of that host has greeted in this session: data goes only where a tunnel leads")]
    NotGreeted,
    /// A server announced an address that cannot be its own (227).
    #[error("the server announced the address of another host")]
    AnotherHost,
}
