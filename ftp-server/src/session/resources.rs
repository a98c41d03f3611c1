//! What a session holds under the names that the machine gives: reserved ports, listeners, prepared
//! files, connections, transfers, and work in progress.
//!
//! Dropping it releases everything at once (A24); connections are reset, those between two files closed.
//! Transfers are stopped, not dropped: a file that was being received is still published or removed
//! (extensions, "Names under way").

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ftp_io::blocking;
use ftp_io::connection::Connection;
use ftp_io::copy::{KeptConnection, Meter};
use ftp_io::socket::{self, Stream};
use ftp_io::tls::Data;
use ftp_proto::command::GroupNumber;
use ftp_proto::server::ask::{ConnId, Ticket, TryEnd};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::Instrument;

use super::context::WorkResult;
use super::network::{Arrival, DataListener, poll_accept};
use crate::data::Doubt;
use crate::limits::{DataPort, DetachedSlot, HeldSlot, ProofSlot, SessionSlot};
use crate::operate::Running;
use crate::vfs::{HeldGroup, PreparedTransfer};

/// A connection between two files.
#[derive(Debug)]
struct KeptHere {
    connection: KeptConnection,
    /// Whether the machine was told that the peer has ended it. It may not close the connection before its next turn,
    /// and is not told again.
    has_ended: bool,
    /// Its place among those of all sessions.
    _slot: HeldSlot,
}

/// What work of the session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum For {
    /// The answer to a question.
    Question(Ticket),
    /// What a connection brings, or TLS on it.
    Connection(ConnId),
}

/// Everything that one session holds.
pub(super) struct Resources {
    pub(super) reservations: HashMap<Ticket, DataPort>,
    pub(super) prepared: HashMap<Ticket, PreparedTransfer>,
    pub(super) moves: HashMap<Ticket, Meter>,
    /// For each transfer, whether its client seems to be gone.
    pub(super) doubts: HashMap<Ticket, Doubt>,
    pub(super) proofs: HashMap<Ticket, ProofSlot>,
    /// Groups of small files that wait for their names (PACK), by their numbers, each with its place among those of all
    /// sessions. A group that is dropped is removed, which may block on a disk.
    pub(super) groups: BTreeMap<GroupNumber, (Box<HeldGroup>, HeldSlot)>,
    /// The places of transfers that may outlive the control connection.
    pub(super) detached: HashMap<Ticket, DetachedSlot>,
    connections: HashMap<ConnId, Arc<Connection>>,
    /// Connections between two files (MODE B).
    kept: HashMap<ConnId, KeptHere>,
    /// Connections that were not accepted yet wait in the backlog of each.
    listeners: HashMap<Ticket, DataListener>,
    /// Work that the session's own task does, and what it is for. It ends with the session.
    work: OwnWork<For, WorkResult>,
    /// Work on threads that may block. Its results are dropped when the session ends.
    blocking: JoinSet<WorkResult>,
    blocking_for: HashMap<Ticket, AbortHandle>,
    /// Transfers, which the session's own task moves as well. When the session ends they go on without it; each
    /// ends soon after its meter is stopped.
    moving: OwnWork<(), WorkResult>,
    next_connection: u64,
    /// Every transfer keeps a guard, so that the server does not end before it.
    running: Running,
}

impl Resources {
    pub(super) fn new(running: Running) -> Self {
        Self {
            reservations: HashMap::new(),
            prepared: HashMap::new(),
            moves: HashMap::new(),
            doubts: HashMap::new(),
            proofs: HashMap::new(),
            groups: BTreeMap::new(),
            detached: HashMap::new(),
            connections: HashMap::new(),
            kept: HashMap::new(),
            listeners: HashMap::new(),
            work: OwnWork::new(),
            blocking: JoinSet::new(),
            blocking_for: HashMap::new(),
            moving: OwnWork::new(),
            next_connection: 0,
            running,
        }
    }

    /// How many ports, files, connections, listeners, pieces of work and other places are held.
    #[cfg(test)]
    fn held(&self) -> [usize; 6] {
        let places = self.proofs.len() + self.detached.len() + self.moves.len() + self.doubts.len();
        [
            self.reservations.len(),
            self.prepared.len(),
            self.connections.len() + self.kept.len(),
            self.listeners.len(),
            self.work.len() + self.moving.len() + self.blocking_for.len(),
            places,
        ]
    }

    /// Gives back the room of what is no longer held: most sessions wait most of the time.
    pub(super) fn shrink(&mut self) {
        self.reservations.shrink_to_fit();
        self.prepared.shrink_to_fit();
        self.moves.shrink_to_fit();
        self.proofs.shrink_to_fit();
        self.connections.shrink_to_fit();
        self.kept.shrink_to_fit();
        self.listeners.shrink_to_fit();
        self.work.shrink();
        self.blocking_for.shrink_to_fit();
        self.moving.shrink();
    }

    /// The next work that has ended and whose result is still wanted. Waits forever if there is none.
    ///
    /// # Errors
    /// A task has panicked.
    pub(super) async fn next(&mut self) -> Result<WorkResult, JoinError> {
        loop {
            let done = tokio::select! {
                biased;
                done = poll_fn(|cx| self.moving.poll_next(cx)) => done,
                done = poll_fn(|cx| self.work.poll_next(cx)) => return Ok(done),
                Some(done) = self.blocking.join_next() => match done {
                    Err(error) if error.is_cancelled() => continue,
                    other => other?,
                },
                conn = ended(&mut self.kept), if !self.kept.is_empty() => WorkResult::Ended(conn),
                Arrival { listener, stream, from } = poll_fn(|cx| poll_accept(&mut self.listeners, cx)) => {
                    WorkResult::Arrived(listener, stream, from)
                }
            };
            // Work may end just when it is cancelled: its result is dropped.
            let wanted = match (&done, done.ticket()) {
                (_, Some(ticket)) => self.blocking_for.remove(&ticket).is_some(),
                (WorkResult::Moved(ticket, ..), _) => self.forget_move(*ticket),
                (_, None) => true,
            };
            if wanted {
                return Ok(done);
            }
            if matches!(done, WorkResult::Moved(..)) {
                // It may be a group, whose files are removed.
                self.drop_elsewhere(done);
            }
        }
    }

    /// Removes all groups that are held, on a thread that may block.
    pub(super) fn remove_groups(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        if !groups.is_empty() {
            self.drop_elsewhere(groups);
        }
    }

    /// Removes one group, on a thread that may block.
    pub(super) fn remove_group(&mut self, number: GroupNumber) {
        if let Some(group) = self.groups.remove(&number) {
            self.drop_elsewhere(group);
        }
    }

    /// Removes a group that has lost its place, and returns its number.
    pub(super) fn take_group_away(&mut self) -> Option<GroupNumber> {
        let number = self.groups.iter().find(|(_, (_, slot))| slot.is_taken()).map(|(number, _)| *number)?;
        self.remove_group(number);
        Some(number)
    }

    /// Drops groups on a thread that may block, because their files are removed then.
    pub(super) fn drop_elsewhere(&self, groups: impl Send + 'static) {
        // Without a runtime the process ends, and its next start removes them.
        if Handle::try_current().is_ok() {
            let guard = self.running.guard();
            drop(blocking::spawn(move || drop((groups, guard))));
        }
    }

    /// Starts work whose result answers `ticket`.
    pub(super) fn start(&mut self, ticket: Ticket, work: impl Future<Output = WorkResult> + Send + 'static) {
        self.work.push(For::Question(ticket), work);
    }

    /// Starts work whose result answers `ticket`, on a thread that may block. It cannot be aborted.
    pub(super) fn start_blocking(
        &mut self,
        ticket: Ticket,
        work: impl FnOnce() -> WorkResult + Send + 'static,
    ) {
        let handle = blocking::spawn_in(&mut self.blocking, work);
        self.blocking_for.insert(ticket, handle);
    }

    /// Starts a transfer. Unlike other work it goes on when the session ends; it keeps the `place` of the session
    /// until its end.
    pub(super) fn start_transfer(
        &mut self,
        place: SessionSlot,
        work: impl Future<Output = WorkResult> + Send + 'static,
    ) {
        let guard = self.running.guard();
        self.moving.push((), async move {
            let done = work.await;
            drop((guard, place));
            done
        });
    }

    /// Accepts connections for the session.
    pub(super) fn listen(&mut self, ticket: Ticket, listener: DataListener) {
        self.listeners.insert(ticket, listener);
    }

    /// Stops listening. The system resets connections that the session has not looked at.
    pub(super) fn unlisten(&mut self, ticket: Ticket) {
        self.listeners.remove(&ticket);
    }

    /// Cancels the work for `ticket`, and releases its result.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.work.cancel(&For::Question(ticket));
        if let Some(work) = self.blocking_for.remove(&ticket) {
            work.abort();
        }
        self.prepared.remove(&ticket);
        self.proofs.remove(&ticket);
    }

    /// Ends the try of a foreign target.
    pub(super) fn end_proof(&mut self, ticket: Ticket, end: TryEnd) {
        if let Some(slot) = self.proofs.remove(&ticket) {
            slot.done(end);
        }
    }

    /// Forgets a transfer that has ended. Returns whether there was one of this name.
    pub(super) fn forget_move(&mut self, ticket: Ticket) -> bool {
        self.doubts.remove(&ticket);
        self.moves.remove(&ticket).is_some()
    }

    /// Keeps the server from ending while it is held.
    pub(super) fn guard(&self) -> impl Send + Sync + 'static {
        self.running.guard()
    }

    /// Stops the transfer of this name.
    pub(super) fn stop(&self, ticket: Ticket) {
        if let Some(meter) = self.moves.get(&ticket) {
            meter.stop();
        }
    }

    /// Takes a new connection, which ends by reset, and gives it a name.
    pub(super) fn connection(&mut self, stream: Stream) -> ConnId {
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

    /// Takes a connection out for a transfer. `None` if there is none.
    pub(super) fn take_data(&mut self, conn: ConnId) -> Option<Data> {
        match self.kept.remove(&conn) {
            Some(kept) => Some(kept.connection.into()),
            None => self.take(conn).map(Data::from),
        }
    }

    /// Keeps a connection under its name for the next file.
    pub(super) fn keep(&mut self, conn: ConnId, kept: KeptConnection, slot: HeldSlot) {
        self.kept.insert(conn, KeptHere { connection: kept, has_ended: false, _slot: slot });
    }

    /// Ends a connection that is kept. Returns whether there was one of this name.
    pub(super) fn end_kept(&mut self, conn: ConnId) -> bool {
        self.kept.remove(&conn).map(|kept| kept.connection.close()).is_some()
    }

    /// Whether the session holds a data connection.
    pub(super) fn has_connections(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Starts work that reads from a connection, or begins TLS on it.
    pub(super) fn read(&mut self, conn: ConnId, work: impl Future<Output = WorkResult> + Send + 'static) {
        self.work.push(For::Connection(conn), work);
    }

    /// Takes a connection out and stops reading from it.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Arc<Connection>> {
        self.work.cancel(&For::Connection(conn));
        self.connections.remove(&conn)
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        for meter in self.moves.values() {
            meter.stop();
        }
        self.remove_groups();
        // Without a runtime the process ends, and so do all connections.
        if let Ok(runtime) = Handle::try_current() {
            for work in self.moving.take() {
                // What has come is perhaps a group, which nobody wants any more.
                let work = async move {
                    let done = work.await;
                    drop(blocking::spawn(move || drop(done)));
                };
                runtime.spawn(work.in_current_span());
            }
        }
        for (_, kept) in self.kept.drain() {
            kept.connection.close();
        }
    }
}

/// Waits until the other end has ended one of the connections. Each is told once.
async fn ended(kept: &mut HashMap<ConnId, KeptHere>) -> ConnId {
    poll_fn(|cx| {
        let ended =
            kept.iter_mut().find(|(_, kept)| !kept.has_ended && kept.connection.poll_ended(cx).is_ready());
        ended.map_or(Poll::Pending, |(conn, kept)| {
            kept.has_ended = true;
            Poll::Ready(*conn)
        })
    })
    .await
}

/// Work that is under way, each with what it is for.
struct OwnWork<K, T>(Vec<(K, Work<T>)>);

/// One piece of work.
type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<K: PartialEq, T> OwnWork<K, T> {
    /// There is no work yet.
    const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds work, which goes on whenever [`Self::poll_next`] is called.
    fn push(&mut self, key: K, work: impl Future<Output = T> + Send + 'static) {
        self.0.push((key, Box::pin(work)));
    }

    /// Drops the work for `key`.
    fn cancel(&mut self, key: &K) {
        self.0.retain(|(of, _)| of != key);
    }

    /// The result of the next work that ends. Pending if there is none.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let ended = self.0.iter_mut().enumerate().find_map(|(at, (_, work))| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Some((at, done)),
            Poll::Pending => None,
        });
        match ended {
            Some((at, done)) => {
                drop(self.0.remove(at));
                Poll::Ready(done)
            }
            None => Poll::Pending,
        }
    }

    /// Takes all of it out.
    fn take(&mut self) -> impl Iterator<Item = Work<T>> + use<K, T> {
        std::mem::take(&mut self.0).into_iter().map(|(_, work)| work)
    }

    /// How much is under way.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives back the room of work that has ended.
    fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests;
