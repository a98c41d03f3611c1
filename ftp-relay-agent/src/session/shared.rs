//! What all sessions of a relay use.

use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_proto::relay::punch::Memory;

use super::lookups::Lookups;
use super::own_sockets::OwnSockets;
use super::tickets::Tickets;
use crate::at_hub::Caller;
use crate::operate::audit::Audit;
use crate::policy::Accounts;

/// What all sessions of a relay use.
#[derive(Debug)]
pub struct Shared {
    /// The clock of all machines and delays.
    pub clock: Clock,
    /// The pipes of all joins.
    pub pipes: Pipes,
    /// The tickets of all tunnels.
    pub tickets: Tickets,
    /// The sockets of all sessions.
    pub own: OwnSockets,
    /// Names that are looked up.
    pub lookups: Lookups,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
    /// What the tokens use.
    pub accounts: Accounts,
    /// Calls other agents, where this one has joined a hub.
    pub caller: Option<Caller>,
    /// The direct connections with other agents that were tried.
    pub direct: Mutex<Memory>,
}
