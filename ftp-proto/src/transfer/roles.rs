//! What is known of the two ends, which of them listens by which command, and how each meets a host in the middle.

use super::request::Side;
use crate::address::Family;
use crate::client::Standing;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::wire::Fingerprint;
use std::net::{IpAddr, SocketAddr};

/// What is known of one end.
#[derive(Clone, Debug)]
pub struct Party {
    /// The dialect that the server speaks.
    pub dialect: Dialect,
    /// What the server can do, from FEAT and from experience.
    pub capabilities: Capabilities,
    /// The address of its control connection, as the user agent reached it. The other end is told to
    /// use this host.
    pub address: IpAddr,
    /// Whether a person has set this address for this peer: it is used whatever the server announces.
    pub given: bool,
    /// What earlier attempts may have left in the session ([`crate::client::Session::standing`]).
    pub standing: Standing,
    /// The certificate that its control connection has shown, if that runs TLS. The other end is told to expect
    /// it on the data connection, if it knows PINC.
    pub leaf: Option<Fingerprint>,
}

/// The command with which an end opens a data port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// LSTN, answered with 255 (RFC 438).
    Lstn,
    /// PASV, answered with 227 or 255 (RFC 478, 959).
    Pasv,
    /// EPSV, answered with 229 (RFC 2428).
    Epsv,
    /// RSYM and GSOC at both ends: each end listens on the port from which it connects to the other one.
    Symmetric,
}

/// Which end of a direct transfer listens, and by which commands the two ends meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Roles {
    /// The passive end: it listens, and the other end connects.
    pub passive: Side,
    /// How the passive end opens its data port.
    pub opening: Opening,
    /// Whether to tell the passive end its peer with SOCK, if it knows SOCK (RFC 478 note 3).
    pub filter: bool,
    /// The end that gets its transfer command first. With `None` that is the active end, and the passive
    /// end follows after the preliminary reply. If both ends prove themselves with RNDZ, it is the
    /// source, and the destination follows at once.
    pub first: Option<Side>,
    /// What protects the data connection.
    pub tls: DataTls,
}

/// What protects the data connection between two ends, and which end is its TLS client.
///
/// On a data connection every server is TLS server, whoever connects (RFC 4217 section 7). So between two servers
/// one must be told to be the client. Except for [`Self::Clear`], PROT P must be in force at both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DataTls {
    /// Nothing: the bytes travel in clear.
    #[default]
    Clear,
    /// TLS. SSCN ON makes this end the client.
    Sscn(Side),
    /// TLS. The passive end listens with CPSV in place of PASV, which makes it the client of this connection. Through
    /// a relay both ends may be passive: see [`super::RelayRoles::cpsv`].
    Cpsv,
}

impl DataTls {
    /// Whether the data connection runs TLS.
    pub const fn runs_tls(self) -> bool {
        match self {
            Self::Clear => false,
            Self::Sscn(_) | Self::Cpsv => true,
        }
    }
}

impl Party {
    /// Whether it knows SOCK. Every 1973 server does (RFC 385 requires it), others list it in FEAT.
    pub fn knows_sock(&self) -> bool {
        self.capabilities.sock || self.dialect == Dialect::Rfc354
    }

    /// Whether it knows EPSV and EPRT (RFC 2428), or is expected to. Many servers do not list them in FEAT. PASV and PORT
    /// cannot name an address of IPv6, so a server of today that is reached by IPv6 is asked, and may refuse.
    pub fn knows_epsv(&self) -> bool {
        let needs_it = self.dialect == Dialect::Rfc959 && Family::of(self.address) == Family::V6;
        self.capabilities.epsv || needs_it
    }
}

/// Finds the best command for `passive` to listen with, such that `active` can connect. Returns `None` if the
/// two have nothing in common.
///
/// The order of preference is LSTN if `active` knows SOCK; EPSV if `active` knows EPRT or SOCK; PASV
/// otherwise. PASV needs IPv4 at both ends, unless `passive` is a 1973 server: its 255 has no address.
pub fn opening(passive: &Party, active: &Party) -> Option<Opening> {
    let both_v4 = Family::of(passive.address) == Family::V4 && Family::of(active.address) == Family::V4;
    let any_family = active.knows_epsv() || active.capabilities.sock;
    if passive.capabilities.lstn && active.knows_sock() {
        Some(Opening::Lstn)
    } else if passive.knows_epsv() && any_family {
        Some(Opening::Epsv)
    } else if both_v4 || (passive.dialect == Dialect::Rfc354 && any_family) {
        Some(Opening::Pasv)
    } else {
        None
    }
}

/// Who opens the data connection between a server and a host in the middle: the user agent, or a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Posture {
    /// The server listens (EPSV, PASV, LSTN), and the host in the middle connects.
    Passive,
    /// The host in the middle listens, and the server connects (PORT, EPRT, SOCK).
    Active,
}

/// The posture of each end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Postures {
    /// The posture of the source.
    pub source: Posture,
    /// The posture of the destination.
    pub destination: Posture,
}

impl Postures {
    /// The posture of one side.
    pub const fn of(self, side: Side) -> Posture {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }
}

/// The roles of the two ends of a transfer through a relay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RelayRoles {
    /// Who opens each data connection.
    pub postures: Postures,
    /// What protects the data from end to end. The relay carries what it cannot read.
    pub tls: DataTls,
}

impl RelayRoles {
    /// The end that listens with CPSV, if one does: the passive end, or the destination if both are passive.
    pub fn cpsv(self) -> Option<Side> {
        let is_passive = |side: &Side| self.postures.of(*side) == Posture::Passive;
        [Side::Destination, Side::Source].into_iter().find(is_passive).filter(|_| self.tls == DataTls::Cpsv)
    }

    /// The end that is TLS client, if the data connections run TLS.
    pub fn tls_client(self) -> Option<Side> {
        match self.tls {
            DataTls::Clear => None,
            DataTls::Sscn(client) => Some(client),
            DataTls::Cpsv => self.cpsv(),
        }
    }
}

impl From<Postures> for RelayRoles {
    /// These postures, in clear.
    fn from(postures: Postures) -> Self {
        Self { postures, tls: DataTls::Clear }
    }
}

/// What the relay does for one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Junction {
    /// Connect to this address, where the end listens.
    Dial(SocketAddr),
    /// Listen for the end, and accept no other host.
    Listen,
}
