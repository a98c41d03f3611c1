//! The port from which a connection to the hub was made, and where the hub sees both ends of its call. From that port
//! the agent may connect to the other one directly.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use ftp_io::socket::{self, Ports, Reserved};
use ftp_proto::address::Parity;
use ftp_proto::relay::hub::Seen;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A port of this host that the hub has seen. It is reserved for as long as this lives.
#[derive(Debug)]
pub struct Spot {
    /// The port from which the agent has connected.
    pub reserved: Reserved,
    /// The address of the hub.
    pub hub: SocketAddr,
    /// What the hub tells of the two ends.
    pub seen: oneshot::Receiver<Seen>,
}

/// Who waits for what the hub tells. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Spots {
    ports: Arc<Ports>,
    waiting: Arc<Mutex<HashMap<[u8; 16], oneshot::Sender<Seen>>>>,
}

impl Spots {
    pub(super) fn new() -> Self {
        Self { ports: Ports::new(None), waiting: Arc::default() }
    }

    /// Connects to the hub from a port that stays reserved, for the call with this ticket. If there is none, from any
    /// port.
    pub(super) async fn connect(
        &self,
        hub: SocketAddr,
        ticket: [u8; 16],
    ) -> io::Result<(TcpStream, Option<Spot>)> {
        let reserved = socket::route(hub.ip()).and_then(|here| self.ports.reserve(here, Parity::Any).ok());
        if let Some(reserved) = reserved {
            let seen = self.wait(ticket);
            match reserved.connect(hub).await {
                Ok(stream) => return Ok((stream, Some(Spot { reserved, hub, seen }))),
                // A connection of another process from this port has not timed out yet.
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((TcpStream::connect(hub).await?, None))
    }

    /// The hub has told where it sees the ends of a call.
    pub(super) fn told(&self, seen: Seen) {
        let waits = self.waiting.locked().remove(&seen.ticket);
        if let Some(waits) = waits {
            // Whoever has waited may have given up.
            let _ = waits.send(seen);
        }
    }

    /// How many still wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let waiting = self.waiting.locked();
        waiting.values().filter(|waits| !waits.is_closed()).count()
    }

    fn wait(&self, ticket: [u8; 16]) -> oneshot::Receiver<Seen> {
        let (sender, seen) = oneshot::channel();
        let mut waiting = self.waiting.locked();
        // Most calls come from user agents, of which the hub tells nothing.
        waiting.retain(|_, waits| !waits.is_closed());
        waiting.insert(ticket, sender);
        seen
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
}
