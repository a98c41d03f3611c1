//! The accept loop of a listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftp_io::os_error::words;
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{self, Meaning};
use ftp_proto::server::{self, Begin};
use tokio::net::TcpStream;
use tracing::Instrument;

use super::listener::Listener;
use crate::limits::Full;
use crate::operate::Running;
use crate::session::{self, Accepted, Shared};

/// Starts a session for every connection that the limits allow.
#[derive(Debug)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    running: Running,
    /// The number of the next session.
    next: AtomicU64,
}

impl Acceptor {
    pub(super) fn new(shared: Arc<Shared>, running: Running) -> Self {
        Self { shared, running, next: AtomicU64::new(1) }
    }

    /// Accepts connections until it is aborted.
    pub(super) async fn run(self: Arc<Self>, listener: Listener, machine: Arc<server::Config>) {
        loop {
            match listener.socket.accept().await {
                Ok((stream, from)) => self.accept(stream, from, &machine),
                Err(error) => {
                    // No descriptors or no memory: sessions that end make room again.
                    tracing::error!(error = words(&error), at = %listener.address, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn accept(&self, stream: TcpStream, from: SocketAddr, machine: &Arc<server::Config>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (slot, eviction) = match self.shared.shares.admit(from.ip()) {
            Ok(admitted) => admitted,
            Err(full) => {
                tracing::warn!(session = id, %from, "turned away: {full}");
                // Inside TLS nothing can be said without a handshake.
                if machine.tls.begin != Begin::Implicit {
                    tokio::spawn(turn_away(stream, machine.dialect, full));
                }
                return;
            }
        };
        let (machine, running) = (Arc::clone(machine), self.running.clone());
        let accepted = Accepted { id, stream, from, slot, eviction, machine, running };
        let span = tracing::error_span!("session", id, peer = %from);
        tokio::spawn(session::run(Arc::clone(&self.shared), accepted).instrument(span));
    }
}

/// Says why and closes. It must not take long: there may be many such connections.
async fn turn_away(stream: TcpStream, dialect: Dialect, full: Full) {
    let reply = reply::write(dialect, Meaning::Unavailable, &[full.to_string().as_bytes()]);
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(&reply);
    }
}

/// After an error of `accept`.
const PAUSE: Duration = Duration::from_millis(200);
