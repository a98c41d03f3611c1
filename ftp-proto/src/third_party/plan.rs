//! Who listens, by which command, and what the two ends are known to understand.

use super::Side;
use crate::address::Family;
use crate::client::Standing;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use std::net::IpAddr;

/// What is known of one end.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its dialect.
    pub dialect: Dialect,
    /// What it said it can.
    pub capabilities: Capabilities,
    /// The address of its control connection, as the user agent reached it: the host that the
    /// other end is told.
    pub address: IpAddr,
    /// What earlier attempts may have left there ([`crate::client::Session::standing`]).
    pub standing: Standing,
}

/// By which commands the listening end listens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// LSTN and 255 (RFC 438).
    Lstn,
    /// PASV and 227 or 255 (RFC 478, 959).
    Pasv,
    /// EPSV and 229 (RFC 2428).
    Epsv,
}

/// One attempt: who listens and how.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    /// The end that listens.
    pub listener: Side,
    /// Its command.
    pub opening: Opening,
    /// Whether the listening end is told its peer with SOCK, where it knows SOCK (RFC 478 note 3).
    pub filter: bool,
    /// Which transfer command goes first. `None`: the connecting end's, after whose preliminary reply
    /// the other follows; with RNDZ the source's, and the other at once.
    pub first: Option<Side>,
}

impl Party {
    /// Whether it knows SOCK: every 1973 server does (RFC 385 asks it of the smallest one), others
    /// say so in FEAT.
    pub fn knows_sock(&self) -> bool {
        self.capabilities.sock || self.dialect == Dialect::Rfc354
    }
}

/// What a party can use to listen or to connect; `None` when nothing fits the other.
///
/// Prefers LSTN/SOCK where both know them, then EPSV with EPRT or SOCK, then PASV with PORT or SOCK
/// (IPv4 only where the listening end is no 1973 server: their 255 carries no address).
pub fn opening(listener: &Party, connector: &Party) -> Option<Opening> {
    let both_v4 = Family::of(listener.address) == Family::V4 && Family::of(connector.address) == Family::V4;
    let any_family = connector.capabilities.epsv || connector.capabilities.sock;
    if listener.capabilities.lstn && connector.knows_sock() {
        Some(Opening::Lstn)
    } else if listener.capabilities.epsv && any_family {
        Some(Opening::Epsv)
    } else if both_v4 || (listener.dialect == Dialect::Rfc354 && any_family) {
        Some(Opening::Pasv)
    } else {
        None
    }
}
