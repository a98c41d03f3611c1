//! A data connection as copies use it: its end is a reset until the copy has succeeded.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::CopyEnd;
use crate::connection::{Connection, Layer};
use crate::meter::Meter;
use crate::socket::{RawSocket, Unwatched, end_by_reset, end_in_order};
#[cfg(target_os = "linux")]
use crate::socket::{sent, within_this_host};
use crate::tls::Data;

/// A data connection. Dropping it resets it, and so does the end of this process; [`Self::close`] and
/// [`Self::finish`] say that all is well.
#[derive(Debug)]
pub(super) struct DataConnection(Connection);

/// A data connection outside the reactor, for a thread that waits by itself or for another reactor. It
/// is still reset when it is dropped.
#[derive(Debug)]
pub(super) struct Detached {
    socket: Unwatched,
    tls: Option<Layer>,
}

impl DataConnection {
    /// Performs the handshake where there is to be TLS. The connection is reset if that fails: no peer
    /// takes an end in the middle of it for close_notify.
    pub(super) async fn open(data: Data, meter: &Meter) -> Result<Self, CopyEnd> {
        data.end_by_reset();
        meter.unless_stopped(data.open()).await.ok_or(CopyEnd::Stopped)?.map(Self).map_err(CopyEnd::Broken)
    }

    /// The same, tuned for many bytes that are sent. What is received, and a small file, gains nothing by that.
    pub(super) async fn open_to_send(data: Data, meter: &Meter) -> Result<Self, CopyEnd> {
        Self::open(data, meter).await.map(|Self(connection)| Self::tuned(connection))
    }

    pub(super) fn new(connection: impl Into<Connection>) -> Self {
        let connection = connection.into();
        end_by_reset(connection.socket());
        Self::tuned(connection)
    }

    /// A connection that ends by reset already.
    fn tuned(connection: Connection) -> Self {
        #[cfg(target_os = "linux")]
        within_this_host(connection.socket());
        Self(connection)
    }

    /// Ends a file that has come over `connection`, which stays open for the next one, or closes in order.
    pub(super) fn end_file(connection: Connection, keep: bool) -> Option<KeptConnection> {
        if keep {
            return Some(KeptConnection::new(connection));
        }
        Self(connection).close();
        None
    }

    /// The connection, registered with the reactor.
    pub(super) const fn connection(&self) -> &Connection {
        &self.0
    }

    /// The same, to write to it.
    pub(super) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.0
    }

    /// Takes the connection out of the reactor.
    pub(super) fn detach(self) -> io::Result<Detached> {
        let (socket, tls) = self.0.into_parts();
        Ok(Detached { socket: socket.unwatched()?, tls })
    }

    /// Closes the connection in order; inside TLS it says so as far as the socket takes it at once.
    pub(super) fn close(self) {
        let Self(connection) = self;
        // The peer may have gone; it has said all that it had to say.
        let _ = connection.close_notify();
        end_in_order(connection.socket());
    }

    /// Says that nothing more follows, waits for the peer to see it, and closes in order. `marked` says that the
    /// bytes mark their own end, so that the peer knows whether it has got them all.
    pub(super) async fn finish(mut self, marked: bool, meter: &Meter) -> CopyEnd {
        match meter.unless_stopped(self.end(marked)).await {
            Some(Ok(())) => {
                end_in_order(self.0.socket());
                CopyEnd::Whole
            }
            Some(Err(error)) => CopyEnd::Broken(error),
            None => CopyEnd::Stopped,
        }
    }

    /// Ends a file that was sent, if it is whole: keeps the connection for the next one, or finishes it. `marked`: see
    /// [`finish`](Self::finish).
    pub(super) async fn conclude(
        connection: Option<Self>,
        end: CopyEnd,
        (keep, marked): (bool, bool),
        meter: &Meter,
    ) -> (CopyEnd, Option<KeptConnection>) {
        match (end, connection) {
            (CopyEnd::Whole, Some(connection)) if keep => connection.keep(meter).await,
            (CopyEnd::Whole, Some(connection)) => (connection.finish(marked, meter).await, None),
            (end, _) => (end, None),
        }
    }

    /// A reset may come at any moment (decision 47). Before the system has all bytes, they have not arrived. After
    /// that, a peer that can tell the end may be content: by the bytes themselves, or inside TLS by close_notify.
    async fn end(&mut self, marked: bool) -> io::Result<()> {
        let tls = self.0.has_tls();
        let has_sent = !(marked || tls) || self.has_sent().await?;
        match self.0.shutdown().await {
            Ok(()) => {}
            Err(error) if marked && is_reset(&error) => return Ok(()),
            // Inside TLS the peer may answer close_notify and close before TCP ends here: what it has said tells.
            Err(error) if tls && error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => return Err(error),
        }
        if !has_sent {
            return Ok(());
        }
        match timeout(CLOSE_TIMEOUT, self.peer_closes()).await {
            Ok(Err(error)) if (marked || tls) && is_reset(&error) => Ok(()),
            Ok(closed) => closed,
            Err(_) => Ok(()),
        }
    }

    /// Waits for a moment until the system has sent everything. Returns whether it has.
    async fn has_sent(&mut self) -> io::Result<bool> {
        self.0.flush().await?;
        #[cfg(target_os = "linux")]
        let has_sent = sent(self.0.socket(), CLOSE_TIMEOUT).await;
        #[cfg(not(target_os = "linux"))]
        let has_sent = Ok(true);
        has_sent
    }

    /// Sends what TLS still holds. The connection stays open for the next file.
    pub(super) async fn keep(mut self, meter: &Meter) -> (CopyEnd, Option<KeptConnection>) {
        match meter.unless_stopped(self.0.flush()).await {
            Some(Ok(())) => (CopyEnd::Whole, Some(KeptConnection::new(self.0))),
            Some(Err(error)) => (CopyEnd::Broken(error), None),
            None => (CopyEnd::Stopped, None),
        }
    }

    async fn peer_closes(&mut self) -> io::Result<()> {
        let mut ignored = [0; 512];
        loop {
            match self.0.read(&mut ignored).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The peer's server says whether it has got everything. How it ends this does not matter.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Detached {
    /// Closes the connection as [`DataConnection::close`] does.
    pub(super) fn close(mut self) {
        if let Some(layer) = &mut self.tls {
            // The peer may have gone; it has said all that it had to say.
            let _ = layer.close(&self.socket);
        }
        self.socket.set_resets(false);
    }

    /// Puts the connection into the sight of the reactor of this thread, which learns at once whether it
    /// is ready.
    pub(super) fn attach(self) -> io::Result<DataConnection> {
        let Self { socket, tls } = self;
        Ok(DataConnection(Connection::from_parts(socket.watched()?, tls)))
    }

    pub(super) const fn socket(&self) -> &Unwatched {
        &self.socket
    }

    pub(super) const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads what has come; 0 is the end. Never waits.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(layer) => layer.read(&self.socket, room),
            None => self.socket.read_now(room),
        }
    }

    /// How many bytes a write takes at most. Inside TLS all of them are taken, because what is still here
    /// from an earlier write is sent first. Never waits.
    pub(super) fn room(&mut self) -> io::Result<usize> {
        match &mut self.tls {
            Some(layer) => layer.flush(&self.socket).map(|()| Layer::ROOM),
            None => Ok(usize::MAX),
        }
    }

    /// Writes what the connection takes. Never waits; TLS may keep some of it until the next call.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(layer) => layer.write(&self.socket, bytes),
            None => self.socket.write_now(bytes),
        }
    }
}

/// Whether the other end has reset the connection. Other errors say that the bytes do not arrive.
fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), ConnectionReset | BrokenPipe | NotConnected)
}

/// How long the peer may take to close its side after the end of the file.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A data connection between two files. When it is dropped it ends in order: between two files, that is never
/// the end of one.
#[derive(Debug)]
pub struct KeptConnection(Connection);

impl KeptConnection {
    pub(super) fn new(connection: Connection) -> Self {
        end_in_order(connection.socket());
        Self(connection)
    }

    /// Returns once the other end has ended the connection, or it has broken. Nothing is taken from it: what has
    /// come belongs to the next file. Once that has begun to come, this waits forever.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.0.try_peek() {
                Ok(0) => return Poll::Ready(()),
                Ok(_) => return Poll::Pending,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.0.socket().poll_read_ready(cx)).is_err() {
                        return Poll::Ready(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Ends the connection; inside TLS the other end is told so, as far as the socket takes it at once.
    pub fn close(self) {
        // The peer may have gone; it has got all that it was to get.
        let _ = self.0.close_notify();
    }
}

impl From<KeptConnection> for Data {
    fn from(KeptConnection(connection): KeptConnection) -> Self {
        // A copy that breaks off must not look like one that has ended.
        end_by_reset(connection.socket());
        connection.into()
    }
}
