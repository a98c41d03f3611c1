//! How the data connection of each end meets a relay.

use super::posture::{Posture, Postures};
use super::request::Side;
use super::roles::DataTls;
use std::net::SocketAddr;

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
