//! What the operator allows, and who asks.

use super::allowed::Allowed;
use super::data_ports::DataPorts;
use super::exchange::Exchange;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Who may name a data peer that is not the user's own host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Foreign {
    /// Nobody may name a foreign host.
    Never,
    /// Everybody whose peer proves with RNDZ that it takes part in this transfer. This stops FTP
    /// bounce attacks (RFC 2577) and is the default.
    #[default]
    Proven,
    /// Named users, without a proof, for any host of the foreign networks.
    Authenticated,
}

/// What the operator allows. The default allows foreign peers after a proof and relays nothing.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The foreign policy.
    pub foreign: Foreign,
    /// The networks of `--foreign-networks`; `None` if the option was not given, so that the built-in
    /// default holds.
    pub foreign_networks: Option<Vec<IpNet>>,
    /// What the user may exchange with foreign hosts; empty means all that the foreign policy allows.
    pub exchanges: Vec<Exchange>,
    /// The networks whose addresses count as the user's own host.
    pub same_host: Vec<IpNet>,
    /// The server's own control and metrics listeners, which are never a target.
    pub own_listeners: Vec<SocketAddr>,
    /// The servers that a relay may reach. An empty list allows nothing.
    pub relay: Vec<Allowed>,
    /// The data ports of these servers to which a relay may connect whoever meets it, the user agent or another agent. An
    /// empty list names none; a join of two servers needs none.
    pub data_ports: Vec<DataPorts>,
}

/// Who asks, and over which control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The client's address.
    pub peer: IpAddr,
    /// The scope id of that address (`SocketAddrV6::scope_id`); 0 if it has none.
    pub scope: u32,
    /// The control connection's local address.
    pub local: IpAddr,
    /// Whether the client's address comes from a PROXY header.
    pub proxied: bool,
    /// Whether the user is anonymous and so may never name a foreign host.
    pub anonymous: bool,
}
