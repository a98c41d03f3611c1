//! A listening socket, and what is spoken there.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::dialect::Dialect;
use ftp_proto::server::Begin;

use crate::config::Listen;

/// Where a listener is, what it speaks, and when TLS begins there.
pub(super) type Place = (SocketAddr, Dialect, Begin);

/// A listening socket for control connections.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: socket::Listener,
    /// Where it listens, with the real port.
    pub(super) address: SocketAddr,
    pub(super) dialect: Dialect,
    /// When TLS begins there.
    pub(super) begin: Begin,
}

impl Listener {
    /// Opens every listener. One of the two default listeners may be missing, because a host may
    /// have only one address family.
    ///
    /// # Errors
    /// A listener that the operator named cannot be opened, or none can.
    pub fn open_all(wanted: &[Listen]) -> Result<Vec<Self>, anyhow::Error> {
        let mut listeners = Vec::new();
        let mut missing = None;
        for listen in wanted {
            match Self::open(listen) {
                Ok(listener) => listeners.push(listener),
                Err(error) if listen.named || error.kind() == ErrorKind::AddrInUse => {
                    return Err(refusal(listen.address, &error));
                }
                Err(error) => missing = Some(refusal(listen.address, &error)),
            }
        }
        match missing {
            Some(error) if listeners.is_empty() => return Err(error),
            Some(error) => tracing::warn!("{error:#}"),
            None => {}
        }
        Ok(listeners)
    }

    /// Where it is, what it speaks, and when TLS begins there.
    pub(super) const fn place(&self) -> Place {
        (self.address, self.dialect, self.begin)
    }

    fn open(listen: &Listen) -> io::Result<Self> {
        let socket = socket::listen(listen.address)?;
        Ok(Self { address: socket.local()?, socket, dialect: listen.dialect, begin: listen.begin })
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's list is open")]
fn refusal(at: SocketAddr, error: &io::Error) -> anyhow::Error {
    let what_to_do = match error.kind() {
        ErrorKind::AddrInUse => ": choose another port, or stop what uses it",
        ErrorKind::PermissionDenied => ": ports below 1024 need privileges",
        ErrorKind::AddrNotAvailable => ": this host has no such address",
        _ => "",
    };
    anyhow::anyhow!("cannot listen on {at}: {}{what_to_do}", words(error))
}
