//! What a session holds under the names that the machine gives: reserved ports, listeners, prepared
//! files, connections, transfers, and work in progress.
//!
//! Dropping it releases everything at once (A24); connections are reset. Transfers are stopped, not
//! dropped: a file that was being received is still published or removed (extensions, "Names under way").

use std::collections::HashMap;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ftp_io::connection::Connection;
use ftp_io::copy::Meter;
use ftp_io::os_error::words;
use ftp_io::socket::{self, Listener};
use ftp_proto::server::ask::{Answer, ConnId, FileFailure, Handshake, Terms, Ticket};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::Instrument;

use crate::auth::Entry;
use crate::data::{Begun, Pumped};
use crate::limits::{DataPort, ProofSlot};
use crate::operate::Running;
use crate::vfs::Prepared;

/// Work that has ended, with its result.
#[derive(Debug)]
pub(super) enum Done {
    /// The work has made the answer itself.
    Answer(Ticket, Answer),
    /// A login was checked: the user, or none if name or password is wrong.
    Login(Ticket, Option<Arc<Entry>>),
    /// A data port was reserved, or none is free.
    Reserved(Ticket, io::Result<DataPort>),
    /// Two data ports were reserved under these two names, or there are none.
    ReservedPair([Ticket; 2], io::Result<[DataPort; 2]>),
    /// Others need the data ports of the session.
    PortsNeeded,
    /// A file was prepared for a transfer, or could not be.
    Prepared(Ticket, Result<(Prepared, Option<u64>), FileFailure>),
    /// An outgoing connection was made, or failed.
    Connected(Ticket, io::Result<TcpStream>),
    /// A listener has accepted a connection.
    Arrived(Ticket, TcpStream, SocketAddr),
    /// The bytes that [`ftp_proto::server::ask::Ask::Read`] asked for.
    Read(ConnId, io::Result<Vec<u8>>),
    /// TLS has begun on a data connection, or could not.
    Secured(Ticket, ConnId, io::Result<(Connection, Handshake)>),
    /// The file of a transfer is open, or could not be opened.
    Begun(Ticket, Result<Begun, FileFailure>, Connection, Terms),
    /// A transfer has ended.
    Moved(Ticket, Pumped),
}

/// An accepted connection that the session has not looked at yet.
#[derive(Debug)]
struct Arrival {
    listener: Ticket,
    stream: TcpStream,
    from: SocketAddr,
}

/// Everything that one session holds.
#[derive(Debug)]
pub(super) struct Resources {
    pub(super) reservations: HashMap<Ticket, DataPort>,
    pub(super) prepared: HashMap<Ticket, Prepared>,
    pub(super) moves: HashMap<Ticket, Meter>,
    pub(super) proofs: HashMap<Ticket, ProofSlot>,
    connections: HashMap<ConnId, Arc<Connection>>,
    listeners: HashMap<Ticket, AbortHandle>,
    work_for: HashMap<Ticket, AbortHandle>,
    reads: HashMap<ConnId, AbortHandle>,
    /// Aborted when the session ends.
    work: JoinSet<Done>,
    /// Detached when the session ends; each transfer ends soon after its meter is stopped.
    moving: JoinSet<Done>,
    arrivals: mpsc::Receiver<Arrival>,
    arrive: mpsc::Sender<Arrival>,
    next_connection: u64,
    /// Every transfer keeps a guard, so that the server does not end before it.
    running: Running,
}

impl Resources {
    pub(super) fn new(running: Running) -> Self {
        let (arrive, arrivals) = mpsc::channel(ARRIVALS);
        Self {
            reservations: HashMap::new(),
            prepared: HashMap::new(),
            moves: HashMap::new(),
            proofs: HashMap::new(),
            connections: HashMap::new(),
            listeners: HashMap::new(),
            work_for: HashMap::new(),
            reads: HashMap::new(),
            work: JoinSet::new(),
            moving: JoinSet::new(),
            arrivals,
            arrive,
            next_connection: 0,
            running,
        }
    }

    /// The next work that has ended and whose result is still wanted. Waits forever if there is none.
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next(&mut self) -> Result<Done, JoinError> {
        loop {
            let done = tokio::select! {
                biased;
                Some(done) = self.moving.join_next() => done?,
                Some(done) = self.work.join_next() => match done {
                    Err(error) if error.is_cancelled() => continue,
                    other => other?,
                },
                Some(Arrival { listener, stream, from }) = self.arrivals.recv() => {
                    Done::Arrived(listener, stream, from)
                }
                else => pending().await,
            };
            // Work may end just when it is cancelled: its result is dropped.
            let wanted = match &done {
                Done::Answer(ticket, _)
                | Done::Login(ticket, _)
                | Done::Reserved(ticket, _)
                | Done::ReservedPair([ticket, _], _)
                | Done::Prepared(ticket, _)
                | Done::Connected(ticket, _)
                | Done::Begun(ticket, ..) => self.work_for.remove(ticket).is_some(),
                Done::PortsNeeded => true,
                Done::Moved(ticket, ..) => self.moves.remove(ticket).is_some(),
                Done::Read(conn, _) | Done::Secured(_, conn, _) => self.reads.remove(conn).is_some(),
                Done::Arrived(listener, ..) => self.listeners.contains_key(listener),
            };
            if wanted {
                return Ok(done);
            }
        }
    }

    /// Starts work whose result answers `ticket`.
    pub(super) fn start(&mut self, ticket: Ticket, work: impl Future<Output = Done> + Send + 'static) {
        let handle = self.work.spawn(work.in_current_span());
        self.work_for.insert(ticket, handle);
    }

    /// Starts a transfer. Unlike other work it is not aborted when the session ends.
    pub(super) fn start_transfer(&mut self, work: impl Future<Output = Done> + Send + 'static) {
        let guard = self.running.guard();
        let work = async move {
            let done = work.await;
            drop(guard);
            done
        };
        self.moving.spawn(work.in_current_span());
    }

    /// Accepts connections for the session.
    pub(super) fn listen(&mut self, ticket: Ticket, listener: Listener) {
        let arrive = self.arrive.clone();
        let accept = async move {
            loop {
                let (stream, from) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(error = words(&error), "cannot accept a data connection");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                socket::end_by_reset(&stream);
                // A connection that is writable once takes the first short writes without a wait.
                if stream.writable().await.is_ok()
                    && arrive.send(Arrival { listener: ticket, stream, from }).await.is_err()
                {
                    return;
                }
            }
        };
        let handle = tokio::spawn(accept.in_current_span()).abort_handle();
        self.listeners.insert(ticket, handle);
    }

    /// Stops listening. Accepted connections that the session has not looked at are closed.
    pub(super) fn unlisten(&mut self, ticket: Ticket) {
        if let Some(listening) = self.listeners.remove(&ticket) {
            listening.abort();
        }
    }

    /// Cancels the work for `ticket`, and releases its result.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if let Some(work) = self.work_for.remove(&ticket) {
            work.abort();
        }
        self.prepared.remove(&ticket);
        self.proofs.remove(&ticket);
    }

    /// Takes a new connection and gives it a name.
    pub(super) fn connection(&mut self, stream: TcpStream) -> ConnId {
        socket::end_by_reset(&stream);
        // RNDZ sends two short pieces one after the other.
        let _ = socket::nodelay(&stream);
        let conn = ConnId(self.next_connection);
        self.next_connection += 1;
        self.connections.insert(conn, Arc::new(stream.into()));
        conn
    }

    /// A connection comes back under its name: TLS has begun on it.
    pub(super) fn give_back(&mut self, conn: ConnId, connection: Connection) {
        self.connections.insert(conn, Arc::new(connection));
    }

    /// A connection, to use while the session keeps it.
    pub(super) fn borrow(&self, conn: ConnId) -> Option<Arc<Connection>> {
        self.connections.get(&conn).cloned()
    }

    /// Takes a connection out. `None` if there is none, or while it is being read.
    pub(super) fn take(&mut self, conn: ConnId) -> Option<Connection> {
        Arc::into_inner(self.connections.remove(&conn)?)
    }

    /// Whether nothing is moving and no work is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.moves.is_empty() && self.work_for.is_empty()
    }

    /// Whether the session holds a data connection.
    pub(super) fn has_connections(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Starts work that reads from a connection, or begins TLS on it.
    pub(super) fn read(&mut self, conn: ConnId, work: impl Future<Output = Done> + Send + 'static) {
        let handle = self.work.spawn(work.in_current_span());
        self.reads.insert(conn, handle);
    }

    /// Takes a connection out and stops reading from it.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Arc<Connection>> {
        if let Some(reading) = self.reads.remove(&conn) {
            reading.abort();
        }
        self.connections.remove(&conn)
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        for listening in self.listeners.values() {
            listening.abort();
        }
        for meter in self.moves.values() {
            meter.stop();
        }
        self.moving.detach_all();
    }
}

/// Accepted connections that wait for the session; more wait in the backlog of the listening socket.
const ARRIVALS: usize = 16;
/// The pause after `accept` has failed (no descriptors, no memory).
const PAUSE: Duration = Duration::from_millis(200);
