//! What a session holds under the names that the machine uses: reserved ports, listeners, prepared
//! files, connections, moves, and the work that will be an answer.
//!
//! Dropping it gives everything up at once (A24), connections by a reset. Moves are stopped, not dropped: a file that was
//! being received still gets what "Names under way" says.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ftp_io::copy::Meter;
use ftp_io::socket::{self, Listener, Reserved};
use ftp_proto::command::DataType;
use ftp_proto::server::ask::{Answer, ConnId, End, FileFailure, Ticket};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::Instrument;

use super::permits::Permit;
use crate::data::Begun;
use crate::vfs::Prepared;

/// Work that has come to its end.
#[derive(Debug)]
pub(super) enum Done {
    /// An answer as it is.
    Answer(Ticket, Answer),
    /// A file was prepared.
    Prepared(Ticket, Result<(Prepared, Option<u64>), FileFailure>),
    /// A connection was tried.
    Connected(Ticket, io::Result<TcpStream>),
    /// A connection came to a listener.
    Arrived(Ticket, TcpStream, SocketAddr),
    /// The octets of [`ftp_proto::server::ask::Ask::Read`].
    Read(ConnId, io::Result<Vec<u8>>),
    /// The file of a move is open.
    Begun(Ticket, Result<Begun, FileFailure>, TcpStream, DataType),
    /// A move has ended.
    Moved(Ticket, u64, End),
}

/// A connection on its way from a listener to its session.
#[derive(Debug)]
struct Arrival {
    listener: Ticket,
    stream: TcpStream,
    from: SocketAddr,
}

/// Everything that one session holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) reservations: HashMap<Ticket, Arc<Reserved>>,
    pub(super) prepared: HashMap<Ticket, Prepared>,
    pub(super) moves: HashMap<Ticket, Meter>,
    pub(super) permits: HashMap<Ticket, Permit>,
    connections: HashMap<ConnId, Arc<TcpStream>>,
    listeners: HashMap<Ticket, AbortHandle>,
    questions: HashMap<Ticket, AbortHandle>,
    reads: HashMap<ConnId, AbortHandle>,
    /// Ends with the session.
    work: JoinSet<Done>,
    /// Ends by itself, soon after its meter is stopped.
    moving: JoinSet<Done>,
    arrivals: mpsc::Receiver<Arrival>,
    arrive: mpsc::Sender<Arrival>,
    next_connection: u64,
    /// Kept by every move, so that the server does not end before it.
    living: mpsc::Sender<()>,
}

impl Held {
    pub(super) fn new(living: mpsc::Sender<()>) -> Self {
        let (arrive, arrivals) = mpsc::channel(ARRIVALS);
        Self {
            reservations: HashMap::new(),
            prepared: HashMap::new(),
            moves: HashMap::new(),
            permits: HashMap::new(),
            connections: HashMap::new(),
            listeners: HashMap::new(),
            questions: HashMap::new(),
            reads: HashMap::new(),
            work: JoinSet::new(),
            moving: JoinSet::new(),
            arrivals,
            arrive,
            next_connection: 0,
            living,
        }
    }

    /// The next work that has come to its end and is still wanted; waits for ever when there is none.
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
            // Work that ended just when it was given up: what it brought is dropped.
            let wanted = match &done {
                Done::Answer(ticket, _)
                | Done::Prepared(ticket, _)
                | Done::Connected(ticket, _)
                | Done::Begun(ticket, ..) => self.questions.remove(ticket).is_some(),
                Done::Moved(ticket, ..) => self.moves.remove(ticket).is_some(),
                Done::Read(conn, _) => self.reads.remove(conn).is_some(),
                Done::Arrived(listener, ..) => self.listeners.contains_key(listener),
            };
            if wanted {
                return Ok(done);
            }
        }
    }

    /// Starts work whose end is the answer to `ticket`.
    pub(super) fn question(&mut self, ticket: Ticket, work: impl Future<Output = Done> + Send + 'static) {
        let handle = self.work.spawn(work.in_current_span());
        self.questions.insert(ticket, handle);
    }

    /// Starts a move. Unlike a question it is not cut off by the end of the session.
    pub(super) fn start_move(&mut self, work: impl Future<Output = Done> + Send + 'static) {
        let living = self.living.clone();
        let work = async move {
            let done = work.await;
            drop(living);
            done
        };
        self.moving.spawn(work.in_current_span());
    }

    /// Hands every connection that `listener` accepts to the session.
    pub(super) fn listen(&mut self, ticket: Ticket, listener: Listener) {
        let arrive = self.arrive.clone();
        let accept = async move {
            loop {
                let (stream, from) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a data connection");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                socket::end_by_reset(&stream);
                // From here on small writes need no wait.
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

    /// Stops listening. What has arrived and was not handed over yet is closed.
    pub(super) fn unlisten(&mut self, ticket: Ticket) {
        if let Some(listening) = self.listeners.remove(&ticket) {
            listening.abort();
        }
    }

    /// Gives up a question or what came of it.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if let Some(work) = self.questions.remove(&ticket) {
            work.abort();
        }
        self.prepared.remove(&ticket);
        self.permits.remove(&ticket);
    }

    /// Names a connection.
    pub(super) fn connection(&mut self, stream: TcpStream) -> ConnId {
        socket::end_by_reset(&stream);
        // RNDZ sends two short pieces one after the other.
        let _ = socket::nodelay(&stream);
        let conn = ConnId(self.next_connection);
        self.next_connection += 1;
        self.connections.insert(conn, Arc::new(stream));
        conn
    }

    /// A connection, to use while it stays.
    pub(super) fn borrow(&self, conn: ConnId) -> Option<Arc<TcpStream>> {
        self.connections.get(&conn).cloned()
    }

    /// A connection, to take away. While it is being read that is not possible.
    pub(super) fn take(&mut self, conn: ConnId) -> Option<TcpStream> {
        Arc::into_inner(self.connections.remove(&conn)?)
    }

    /// Reads a connection once.
    pub(super) fn read(&mut self, conn: ConnId, work: impl Future<Output = Done> + Send + 'static) {
        let handle = self.work.spawn(work.in_current_span());
        self.reads.insert(conn, handle);
    }

    /// Lets go of a connection and of what reads it.
    pub(super) fn let_go(&mut self, conn: ConnId) -> Option<Arc<TcpStream>> {
        if let Some(reading) = self.reads.remove(&conn) {
            reading.abort();
        }
        self.connections.remove(&conn)
    }
}

impl Drop for Held {
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

/// Connections that have arrived and were not looked at yet; more wait in the system's queue.
const ARRIVALS: usize = 16;
const PAUSE: Duration = Duration::from_millis(200);
