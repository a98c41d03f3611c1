//! A listening socket, and what is spoken there.

use std::net::SocketAddr;

use ftp_io::socket::Bound;
use ftp_proto::dialect::Dialect;
use ftp_proto::server::TlsStart;

/// Where a listener is, what it speaks, and when TLS begins there.
pub(super) type Place = (SocketAddr, Dialect, TlsStart);

/// A listening socket for control connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: Bound,
    /// Where it listens, with the real port.
    pub(super) address: SocketAddr,
    pub(super) dialect: Dialect,
    /// When TLS begins there.
    pub(super) begin: TlsStart,
}

impl Listener {
    /// A listener at a socket.
    ///
    /// # Errors
    /// The system does not know the socket.
    pub(super) fn new(socket: Bound, dialect: Dialect, begin: TlsStart) -> std::io::Result<Self> {
        Ok(Self { address: socket.local()?, socket, dialect, begin })
    }

    /// Where it is, what it speaks, and when TLS begins there.
    pub(super) const fn place(&self) -> Place {
        (self.address, self.dialect, self.begin)
    }
}
