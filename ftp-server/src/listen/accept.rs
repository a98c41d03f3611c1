//! The accept loop of a listener. A connection of a proxy begins with a header of the PROXY protocol, which names the client.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftp_io::connection::Connection;
use ftp_io::os_error::words;
use ftp_io::socket::{ACCEPT_RETRY_DELAY, Listener, Stream};
use ftp_proto::address::proxy::{BadHeader, Header, Proxied, parse};
use ftp_proto::address::{Group, plain};
use ftp_proto::reply::{self, Meaning};
use ftp_proto::server::{self, TlsStart};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tracing::Instrument;

use crate::limits::{Displacement, Limit, NoPlace, Scarcity, SessionSlot, is_out_of_descriptors};
use crate::operate::Running;
use crate::operate::audit::{HeaderFailure, Record};
use crate::session::{self, Accepted, Shared};

/// Starts a session for every connection that the limits allow.
#[derive(Debug)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    running: Running,
    /// Networks of proxies, which announce their clients.
    proxies: Vec<IpNet>,
    /// The number of the next session.
    next: AtomicU64,
}

/// A listener that serves.
#[derive(Debug)]
pub(super) struct ActiveListener {
    pub(super) socket: Listener,
    pub(super) address: SocketAddr,
    pub(super) machine: Arc<server::Config>,
}

impl Acceptor {
    pub(super) fn new(shared: Arc<Shared>, running: Running, proxies: Vec<IpNet>) -> Self {
        Self { shared, running, proxies, next: AtomicU64::new(1) }
    }

    /// Accepts connections until it is aborted.
    pub(super) async fn run(self: Arc<Self>, listener: ActiveListener) {
        loop {
            match listener.socket.accept().await {
                Ok((stream, from)) => self.accept(stream, plain(from), &listener.machine),
                Err(error) => {
                    // No descriptors or no memory: sessions that end make room again.
                    tracing::error!(error = words(&error), at = %listener.address, "cannot accept a connection");
                    if !(is_out_of_descriptors(&error) && self.turn_one_away(&listener).await) {
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    }
                }
            }
        }
    }

    /// Accepts one connection with the descriptor that is kept for this, says that there is none, and
    /// closes it. Returns whether there was a connection.
    async fn turn_one_away(&self, listener: &ActiveListener) -> bool {
        let shares = &self.shared.shares;
        shares.relieve();
        let one = async {
            tokio::select! {
                biased;
                accepted = listener.socket.accept() => accepted.ok(),
                () = ready(()) => None,
            }
            .map(|(stream, _)| turn_away(stream, &listener.machine, NoPlace::Reached(Limit::Descriptors)))
        };
        shares.descriptors.with_reserve(one).await.is_some()
    }

    /// Takes a place for a connection, if a session place and enough descriptors are free.
    fn admit(&self, stream: &Stream, from: SocketAddr) -> Result<(SessionSlot, Displacement), NoPlace> {
        let shares = &self.shared.shares;
        match shares.descriptors.scarcity(stream.descriptor()) {
            Scarcity::Enough => shares.admit(from.ip()),
            Scarcity::ForSessions => shares.admit_to_few_descriptors(from.ip()),
            Scarcity::ForTransfers | Scarcity::ForFiles => {
                shares.relieve();
                Err(NoPlace::Reached(Limit::Descriptors))
            }
        }
    }

    /// Serves a connection, after its header if it comes from a proxy.
    fn accept(self: &Arc<Self>, mut stream: Stream, from: SocketAddr, machine: &Arc<server::Config>) {
        if !self.proxies.iter().any(|network| network.contains(&from.ip())) {
            return self.serve(stream, (from, false), machine);
        }
        let Some(mut place) = self.shared.shares.headers.enter(Group::of(from.ip())) else { return };
        let (acceptor, machine) = (Arc::clone(self), Arc::clone(machine));
        tokio::spawn(async move {
            let client = tokio::select! {
                biased;
                client = read_client(&mut stream, from) => client,
                () = place.displaced() => Err(HeaderFailure::Displaced),
            };
            drop(place);
            match client {
                Ok(client) => acceptor.serve(stream, client, &machine),
                Err(why) => acceptor.shared.record(&Record::BadHeader { from, why }),
            }
        });
    }

    fn serve(&self, stream: Stream, (from, proxied): (SocketAddr, bool), machine: &Arc<server::Config>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let span = tracing::error_span!("session", id, client = %from);
        let (slot, displacement) = match self.admit(&stream, from) {
            Ok(admitted) => admitted,
            Err(full) => {
                span.in_scope(|| self.shared.record(&Record::TurnedAway(full)));
                turn_away(stream, machine, full);
                return;
            }
        };
        let (machine, running) = (Arc::clone(machine), self.running.clone());
        let accepted = Accepted { id, stream, from, proxied, slot, displacement, machine, running };
        tokio::spawn(session::run(Arc::clone(&self.shared), accepted).instrument(span));
    }
}

/// Sends 421 and closes, without a wait: a new connection takes some bytes at once.
fn turn_away(stream: Stream, machine: &server::Config, full: NoPlace) {
    // Inside TLS nothing can be said without a handshake.
    if machine.tls.begin != TlsStart::Implicit {
        let reply = reply::write(machine.dialect, Meaning::Unavailable, &[full.to_string().as_bytes()]);
        // If it takes nothing, the client is gone.
        let _ = Connection::from(stream).write_at_once(&reply);
    }
}

/// Reads the header of a connection, and not a byte more. Returns the client, and whether the proxy has named
/// it: a LOCAL or UNKNOWN header makes the proxy itself the client.
///
/// # Errors
/// There is no valid header, or it did not come in time.
async fn read_client(stream: &mut Stream, proxy: SocketAddr) -> Result<(SocketAddr, bool), HeaderFailure> {
    match timeout(MAX_HEADER_TIME, header(stream)).await {
        Ok(Ok(Proxied::Client(client))) => Ok((client, true)),
        Ok(Ok(Proxied::Itself)) => Ok((proxy, false)),
        Ok(Err(why)) => Err(HeaderFailure::Bad(why)),
        Err(_) => Err(HeaderFailure::Late),
    }
}

async fn header(stream: &mut Stream) -> Result<Proxied, BadHeader> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes)? {
            Header::Whole(proxied) => return Ok(proxied),
            Header::Lacks(count) => {
                let count = u64::try_from(count.get()).unwrap_or(1);
                if !matches!((&mut *stream).take(count).read_buf(&mut bytes).await, Ok(1..)) {
                    return Err(BadHeader::Missing);
                }
            }
        }
    }
}

/// How long a proxy may take to send its header. It knows all of it when it connects.
const MAX_HEADER_TIME: Duration = Duration::from_secs(5);
