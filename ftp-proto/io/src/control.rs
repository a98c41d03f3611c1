//! The bytes of a control connection, for both sides of FTP and for a session with a relay: read when
//! they come, sent when the connection takes them, both bounded.

use std::fmt::{self, Debug, Formatter};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ftp_proto::client::SYNCH;
use ftp_proto::server::ask::Handshake;
use ftp_proto::timer::Moment;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest, ReadBuf};

use crate::clock::Clock;
use crate::connection::Connection;
use crate::os_error::words;
use crate::socket::{self, poll_io};
use crate::tls::{self, Session};

/// A control connection: what it brings, and what it has not taken yet.
///
/// Dropping it closes it; inside TLS it says so (close_notify), if that can be sent at once.
pub struct Control {
    /// `None` once it is closed or taken away.
    connection: Option<Connection>,
    /// TLS that begins on it. Only the owner looks at it; the lock makes this type `Sync`.
    securing: Option<Mutex<Securing>>,
    unsent: Unsent,
    /// Maximum number of unsent bytes; beyond it nothing is read.
    limit: usize,
    /// Whether the peer has ended the connection with FIN.
    ended: bool,
    /// Whether the peer has ended TLS because it got no certificate.
    demands_certificate: bool,
    /// Since when something has been unsent. Taking one byte now and then gains the peer no time.
    behind: Option<Moment>,
}

/// The last bytes in clear and the handshake.
type Securing = Pin<Box<dyn Future<Output = io::Result<(Connection, Option<Handshake>)>> + Send>>;

impl Debug for Control {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// What [`Control::read`] has brought about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadEvent {
    /// So many bytes have come.
    Bytes(usize),
    /// There is room for more output again.
    Room,
    /// TLS has begun ([`Control::begin_tls`]).
    Secured(Handshake),
    /// TLS has ended ([`Control::end_tls`]).
    Cleared,
    /// TLS could not begin or end; the text is for the log. The connection is closed.
    NotSecured(String),
    /// The connection has ended or failed. [`Control::has_ended`] tells which.
    Closed,
}

/// Bytes that wait to be sent.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    /// Where the urgent data of an ABOR begins (RFC 959 4.1.3): some servers read nothing else during
    /// a transfer.
    urgent: Option<usize>,
}

impl Control {
    /// Takes over a connection. At most about `limit` bytes wait to be sent.
    ///
    /// # Errors
    ///
    /// The socket refuses the options of a control connection, because it is closed.
    pub fn new(connection: impl Into<Connection>, limit: usize) -> io::Result<Self> {
        let connection = connection.into();
        socket::control(connection.socket())?;
        Ok(Self {
            connection: Some(connection),
            securing: None,
            unsent: Unsent::default(),
            limit,
            ended: false,
            demands_certificate: false,
            behind: None,
        })
    }

    /// Queues `bytes`, and sends at once what the connection takes. This never waits: a driver that sends
    /// more while [`Self::is_full`] decides by this how much memory a slow peer costs.
    pub fn send(&mut self, bytes: &[u8], now: Moment) {
        self.queue(bytes, now);
        self.flush();
    }

    /// Queues `bytes` until [`Self::flush`] or the next wait, so that several replies go out in one piece.
    pub fn queue(&mut self, bytes: &[u8], now: Moment) {
        self.unsent.push(bytes);
        self.behind.get_or_insert(now);
    }

    /// Sends at once what the connection takes of everything that is queued. This never waits.
    pub fn flush(&mut self) {
        if !self.unsent.bytes.is_empty()
            && let Some(connection) = &self.connection
        {
            // Nearly always the connection takes everything. A failure shows at the next read.
            let _ = self.unsent.send(connection);
        }
        self.caught_up();
    }

    /// The version of TLS, such as `TLSv1.3`, while there is TLS.
    pub fn tls_version(&self) -> Option<&'static str> {
        self.connection.as_ref().and_then(Connection::tls_version)
    }

    /// Whether the peer has ended the connection with FIN, and has not reset it. It may still read.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the peer has ended TLS because it got no certificate. A server says so after the handshake (TLS 1.3).
    pub const fn demands_certificate(&self) -> bool {
        self.demands_certificate
    }

    /// Whether the limit of unsent bytes is reached; then nothing is read.
    pub fn is_full(&self) -> bool {
        self.unsent.bytes.len() >= self.limit
    }

    /// How many bytes are queued or not taken yet.
    pub const fn unsent(&self) -> usize {
        self.unsent.bytes.len()
    }

    /// Since when the peer has not taken all that was sent to it; `None` if it has.
    pub const fn behind_since(&self) -> Option<Moment> {
        self.behind
    }

    /// Sends what is unsent, as the connection takes it, until something comes. While
    /// [`Self::is_full`] nothing is read. The future may be dropped without losing any byte.
    pub async fn read(&mut self, room: &mut [u8]) -> ReadEvent {
        poll_fn(|cx| self.poll(cx, Some(room))).await
    }

    /// The same as [`Self::read`], but what has come is appended to `bytes`: a connection that waits keeps no
    /// room for it.
    pub async fn read_to(&mut self, bytes: &mut Vec<u8>) -> ReadEvent {
        poll_fn(|cx| {
            let mut room = [0; PIECE];
            let read = self.poll(cx, Some(&mut room));
            if let Poll::Ready(ReadEvent::Bytes(count)) = read {
                bytes.extend_from_slice(room.get(..count).unwrap_or_default());
            }
            read
        })
        .await
    }

    /// Sends what is unsent, as the connection takes it, and reads nothing. It ends when there is room for
    /// more output again, and otherwise waits for ever. The future may be dropped without losing any byte.
    pub async fn write(&mut self) -> ReadEvent {
        poll_fn(|cx| self.poll(cx, None)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, room: Option<&mut [u8]>) -> Poll<ReadEvent> {
        if let Some(securing) = &mut self.securing {
            let securing = securing.get_mut().unwrap_or_else(PoisonError::into_inner);
            let done = ready!(securing.as_mut().poll(cx));
            self.securing = None;
            return Poll::Ready(match done {
                Ok((connection, handshake)) => {
                    self.connection = Some(connection);
                    handshake.map_or(ReadEvent::Cleared, ReadEvent::Secured)
                }
                Err(error) => ReadEvent::NotSecured(words(&error)),
            });
        }
        let was_full = self.is_full();
        let Some(connection) = &self.connection else { return Poll::Ready(ReadEvent::Closed) };
        if let Poll::Ready(Err(_)) = self.unsent.poll_send(connection, cx) {
            // What the peer said before it closed may still be there to read.
            self.unsent.clear();
        }
        self.caught_up();
        if self.is_full() {
            return Poll::Pending;
        }
        if was_full {
            return Poll::Ready(ReadEvent::Room);
        }
        let Some(room) = room else { return Poll::Pending };
        let Some(connection) = &mut self.connection else { return Poll::Ready(ReadEvent::Closed) };
        let mut room = ReadBuf::new(room);
        Poll::Ready(match (ready!(Pin::new(connection).poll_read(cx, &mut room)), room.filled().len()) {
            (Ok(()), count @ 1..) => ReadEvent::Bytes(count),
            (read, _) => {
                self.demands_certificate = read.as_ref().is_err_and(tls::demands_certificate);
                // Many clients do not end TLS before they end TCP.
                self.ended =
                    read.map_or_else(|error| error.kind() == io::ErrorKind::UnexpectedEof, |()| true);
                ReadEvent::Closed
            }
        })
    }

    fn caught_up(&mut self) {
        let is_sent = self.connection.as_ref().is_none_or(|connection| !connection.wants_flush());
        if self.unsent.bytes.is_empty() && is_sent {
            self.behind = None;
        }
    }

    /// Sends what is unsent and then `last` in clear, and begins TLS on the connection as its server.
    /// [`Self::read`] tells when that is done. What the client has sent in clear is never read: the
    /// handshake fails on it.
    pub fn begin_tls(&mut self, last: &[u8], session: Arc<Session>) {
        let Some(connection) = self.connection.take() else { return };
        self.unsent.push(last);
        let mut unsent = std::mem::take(&mut self.unsent);
        let securing: Securing = Box::pin(async move {
            poll_fn(|cx| unsent.poll_send(&connection, cx)).await?;
            match connection.into_plain() {
                Some(socket) => {
                    let (connection, handshake) = session.accept(socket).await?;
                    Ok((connection, Some(handshake)))
                }
                None => Err(io::Error::other("the connection is inside TLS already")),
            }
        });
        self.securing = Some(Mutex::new(securing));
    }

    /// Sends what is unsent and then `last`, ends TLS, and waits until the client has ended it too.
    /// [`Self::read`] tells when that is done. What the client still sends inside TLS is dropped.
    pub fn end_tls(&mut self, last: &[u8]) {
        let Some(connection) = self.connection.take() else { return };
        self.unsent.push(last);
        let mut unsent = std::mem::take(&mut self.unsent);
        let securing: Securing = Box::pin(async move {
            poll_fn(|cx| unsent.poll_send(&connection, cx)).await?;
            Ok((connection.end_tls().await?, None))
        });
        self.securing = Some(Mutex::new(securing));
    }

    /// The connection itself, on which TLS may begin. What is unsent is lost.
    pub fn into_connection(mut self) -> Option<Connection> {
        self.connection.take()
    }

    /// Sends what is unsent and closes in order, within `limit`. What the peer still sends is read and
    /// dropped: otherwise the system would answer it with a reset, which may overtake the last bytes.
    pub async fn close(mut self, clock: &Clock, limit: Duration) {
        let Some(mut connection) = self.connection.take() else { return };
        let unsent = std::mem::take(&mut self.unsent);
        let deadline = Some(clock.now() + limit);
        let last = async {
            let mut dropped = [0; 512];
            connection.write_all(&unsent.bytes).await?;
            connection.shutdown().await?;
            for _ in 0..DROPPED {
                if connection.read(&mut dropped).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        tokio::select! {
            biased;
            // Whether the peer has got everything makes no difference any more.
            _ = last => {}
            () = clock.sleep_until(deadline) => {}
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            let _ = connection.close_notify();
        }
    }
}

impl Unsent {
    fn push(&mut self, bytes: &[u8]) {
        if bytes.starts_with(SYNCH) {
            self.urgent = Some(self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sends everything, and what TLS holds of it.
    fn poll_send(&mut self, connection: &Connection, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_io(cx, |cx| connection.socket().poll_write_ready(cx), || self.send(connection))
    }

    fn send(&mut self, connection: &Connection) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let sent = self.send_some(connection)?;
            self.bytes.drain(..sent.min(self.bytes.len()));
        }
        connection.try_flush()
    }

    fn send_some(&mut self, connection: &Connection) -> io::Result<usize> {
        // Inside TLS nothing is urgent: records come one after the other.
        let urgent = self.urgent.filter(|_| !connection.has_tls());
        match urgent {
            Some(0) => {
                let socket = connection.socket();
                socket.try_io(Interest::WRITABLE, || socket::urgent(socket, SYNCH))?;
                self.urgent = None;
                Ok(SYNCH.len())
            }
            Some(before) => {
                let sent = connection.try_write(self.bytes.get(..before).unwrap_or_default())?;
                self.urgent = Some(before.saturating_sub(sent));
                Ok(sent)
            }
            None => {
                self.urgent = None;
                connection.try_write(&self.bytes)
            }
        }
    }
}

/// Maximum number of bytes of one [`Control::read_to`].
const PIECE: usize = 4 * 1024;
/// Pieces that are read and dropped at the end.
const DROPPED: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Stream;
    use crate::socket::tests::{ends, until_end};

    const LIMIT: usize = 64 * 1024;

    async fn pair() -> (Control, Stream, Moment) {
        let (ours, theirs) = ends().await;
        socket::control(&theirs).unwrap(); // urgent data in line
        (Control::new(ours, LIMIT).unwrap(), theirs, Clock::start().now())
    }

    #[tokio::test]
    async fn everything_arrives_in_order_and_the_mark_is_urgent() {
        let (mut control, mut peer, now) = pair().await;
        control.send(b"NOOP\r\n", now);
        control.send(b"\xFF\xF4\xFF\xF2ABOR\r\n", now);
        control.close(&Clock::start(), Duration::from_millis(100)).await;
        let heard = until_end(&mut peer).await;
        assert_eq!(heard, b"NOOP\r\n\xFF\xF4\xFF\xF2ABOR\r\n");
    }

    #[tokio::test]
    async fn what_is_queued_goes_out_in_one_piece() {
        let (mut control, mut peer, now) = pair().await;
        control.queue(b"150 first\r\n", now);
        let mut room = [0; 512];
        let patience = Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, peer.read(&mut room)).await.is_err());
        control.queue(b"226 second\r\n", now);
        assert_eq!(control.behind_since(), Some(now));
        control.flush();
        assert_eq!(control.behind_since(), None);
        let count = peer.read(&mut room).await.unwrap();
        assert_eq!(&room[..count], b"150 first\r\n226 second\r\n");
        // What was not sent before a wait goes out in it.
        control.queue(b"200 third\r\n", now);
        assert!(tokio::time::timeout(patience, control.write()).await.is_err());
        let count = peer.read(&mut room).await.unwrap();
        assert_eq!(&room[..count], b"200 third\r\n");
    }

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_not_listened_to() {
        let (mut control, mut peer, now) = pair().await;
        let mut sent = 0;
        while !control.is_full() {
            control.send(&[b'x'; 16 * 1024], now);
            sent += 16 * 1024;
        }
        assert_eq!(control.behind_since(), Some(now));
        peer.write_all(b"QUIT\r\n").await.unwrap();
        let mut room = [0; 512];
        let patience = Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, control.read(&mut room)).await.is_err());
        // It reads again: first there is room, then it is heard.
        let mut heard = vec![0; sent];
        let (read, all) = tokio::join!(control.read(&mut room), peer.read_exact(&mut heard[..sent / 2]));
        all.unwrap();
        assert_eq!(read, ReadEvent::Room);
        let (read, all) = tokio::join!(control.read(&mut room), peer.read_exact(&mut heard[sent / 2..]));
        all.unwrap();
        assert_eq!((read, &room[..6]), (ReadEvent::Bytes(6), &b"QUIT\r\n"[..]));
        assert!(tokio::time::timeout(patience, control.read(&mut room)).await.is_err());
        assert_eq!(control.behind_since(), None);
    }

    #[tokio::test]
    async fn while_only_writing_nothing_is_read() {
        let (mut control, mut peer, now) = pair().await;
        peer.write_all(b"QUIT\r\n").await.unwrap();
        let mut sent = 0;
        while !control.is_full() {
            control.send(&[b'x'; 16 * 1024], now);
            sent += 16 * 1024;
        }
        let mut heard = vec![0; sent];
        let (room, all) = tokio::join!(control.write(), peer.read_exact(&mut heard));
        all.unwrap();
        assert_eq!(room, ReadEvent::Room);
        let patience = Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, control.write()).await.is_err());
        let mut room = [0; 512];
        assert_eq!(control.read(&mut room).await, ReadEvent::Bytes(6));
    }

    #[tokio::test]
    async fn the_end_of_a_connection_is_told_after_its_last_bytes() {
        let (mut control, mut peer, _) = pair().await;
        peer.write_all(b"221 Bye\r\n").await.unwrap();
        drop(peer);
        let mut room = [0; 512];
        assert_eq!(control.read(&mut room).await, ReadEvent::Bytes(9));
        assert_eq!(control.read(&mut room).await, ReadEvent::Closed);
    }

    #[tokio::test]
    async fn an_orderly_close_sends_everything_and_drops_what_comes() {
        let (mut control, mut peer, now) = pair().await;
        while control.behind_since().is_none() {
            control.send(&[b'x'; 64 * 1024], now);
        }
        control.send(b"last", now);
        peer.write_all(&[b'y'; 2_000]).await.unwrap();
        let clock = Clock::start();
        let reader = async move { until_end(&mut peer).await };
        let (heard, ()) = tokio::join!(reader, control.close(&clock, Duration::from_secs(60)));
        assert!(heard.ends_with(b"last"));
    }
}
