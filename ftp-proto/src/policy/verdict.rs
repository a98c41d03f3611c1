//! The answers: yes on which terms, or why not.

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
pub enum Why {
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
