//! A connection, in clear or inside TLS: one type for control connections, data connections and
//! links to a relay.
//!
//! There are two ways to close a connection. *In order* means that everything was sent; the peer may
//! take it for the end of a file. A *reset* means the opposite (RFC 959 3.4). [`crate::socket`] says
//! which of the two follows when a connection is dropped.
//!
//! A link to a relay is TLS too; what is special about it happens before (see [`crate::link`]).

mod layer;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

pub(crate) use layer::Layer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsStream, client};

use crate::lock::Lock;
use crate::socket::{RawSocket, Stream, poll_io};

/// A connection, and TLS above it where there is TLS, of the client or the server side. As with a
/// socket, one task may read it while another one writes.
#[derive(Debug)]
pub struct Connection {
    socket: Stream,
    tls: Option<Mutex<Layer>>,
}

impl From<TcpStream> for Connection {
    fn from(socket: TcpStream) -> Self {
        Stream::from(socket).into()
    }
}

impl From<Stream> for Connection {
    fn from(socket: Stream) -> Self {
        Self { socket, tls: None }
    }
}

impl Connection {
    /// Takes over a connection whose handshake is done, and decrypted bytes that came with it.
    pub(crate) fn private<S: Into<Stream>>(stream: TlsStream<S>, early: Vec<u8>) -> Self {
        let (socket, layer) = match stream {
            TlsStream::Client(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Layer::new(session))
            }
            TlsStream::Server(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Layer::new(session))
            }
        };
        Self::from_parts(socket.into(), Some(layer.with_early(early)))
    }

    /// Takes over a connection above which a handshake as client is done. What was TLS before carries it now.
    pub(crate) fn inside(stream: client::TlsStream<Self>) -> Self {
        let (below, session) = stream.into_inner();
        let (socket, below) = below.into_parts();
        Self::from_parts(socket, Some(Layer::new(session).above(below)))
    }

    pub(crate) fn from_parts(socket: Stream, tls: Option<Layer>) -> Self {
        Self { socket, tls: tls.map(Mutex::new) }
    }

    pub(crate) fn into_parts(self) -> (Stream, Option<Layer>) {
        let Self { socket, tls } = self;
        (socket, tls.map(|layer| layer.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Ends TLS in order and waits until the peer has done so too. What it sends behind that is in clear, and
    /// is left on the socket.
    pub(crate) async fn end_tls(self) -> io::Result<Self> {
        match self.close_notify() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(()) | Err(_) => {}
        }
        poll_fn(|cx| poll_io(cx, |cx| self.socket.poll_write_ready(cx), || self.try_flush())).await?;
        let (mut socket, layer) = self.into_parts();
        if let Some(mut layer) = layer {
            if layer.has_below() {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "TLS inside a tunnel does not end"));
            }
            while !layer.skip()? {
                // One record at a time, so that nothing behind the last one is taken.
                let mut record = vec![0; HEADER];
                socket.read_exact(&mut record).await?;
                let length = record.last_chunk::<2>().map_or(0, |length| u16::from_be_bytes(*length));
                record.resize(HEADER + usize::from(length), 0);
                socket.read_exact(record.get_mut(HEADER..).unwrap_or_default()).await?;
                layer.feed(record);
            }
        }
        Ok(socket.into())
    }

    /// The socket itself, if there is no TLS.
    pub fn into_plain(self) -> Option<Stream> {
        match self.into_parts() {
            (socket, None) => Some(socket),
            (_, Some(_)) => None,
        }
    }

    /// The socket: who is at its ends, how it is closed. Bytes that are written to it directly break TLS.
    pub const fn socket(&self) -> &Stream {
        &self.socket
    }

    /// The address of the other end, if it is one of TCP.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    /// Whether there is TLS.
    pub const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS, such as `TLSv1.3`, if there is TLS.
    pub fn tls_version(&self) -> Option<&'static str> {
        self.layer().map(|layer| layer.version())
    }

    /// The cipher suite of TLS, such as `TLS13_AES_256_GCM_SHA384`, if there is TLS.
    pub fn tls_suite(&self) -> Option<&'static str> {
        self.layer().and_then(|layer| layer.suite())
    }

    fn layer(&self) -> Option<MutexGuard<'_, Layer>> {
        self.tls.as_ref().map(|layer| layer.locked())
    }

    /// Takes the end of the connection for the end of the bytes, also if TLS does not end before with
    /// close_notify. Whether all bytes have come is not known then.
    pub fn may_end_silently(&self) {
        if let Some(mut layer) = self.layer() {
            layer.end_silently();
        }
    }

    /// Reads what has come; 0 is the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if nothing has come; [`io::ErrorKind::UnexpectedEof`] if TLS ended
    /// without close_notify.
    pub fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        if !self.has_tls() {
            return self.socket.try_read(room);
        }
        // TLS may hold something when the socket has nothing.
        match self.read_now(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.try_io(Interest::READABLE, || self.read_now(room))
            }
            read => read,
        }
    }

    /// How many bytes have come, at least; they stay where they are. 0 is the end.
    ///
    /// # Errors
    ///
    /// As those of [`Self::try_read`].
    pub(crate) fn try_peek(&self) -> io::Result<usize> {
        let peek = || match self.layer() {
            Some(mut layer) => layer.peek(&self.socket),
            None => self.socket.peek(),
        };
        // TLS may hold something when the socket has nothing.
        match if self.has_tls() { peek() } else { Err(io::ErrorKind::WouldBlock.into()) } {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.try_io(Interest::READABLE, peek)
            }
            peeked => peeked,
        }
    }

    /// Writes as much as the connection takes. Inside TLS some of it may stay here until
    /// [`Self::try_flush`].
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the connection takes nothing.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Interest::WRITABLE, || self.write_now(bytes))
    }

    /// Sends what TLS still holds.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the connection does not take all of it.
    pub fn try_flush(&self) -> io::Result<()> {
        if self.wants_flush() { self.socket.try_io(Interest::WRITABLE, || self.flush_now()) } else { Ok(()) }
    }

    /// Writes a short piece to a connection whose readiness is not known yet, because it is new. Returns
    /// whether the system has taken all of it at once, as it does while its buffer is empty.
    pub fn write_at_once(&self, bytes: &[u8]) -> bool {
        self.write_now(bytes).is_ok_and(|count| count == bytes.len()) && self.flush_now().is_ok()
    }

    /// Reads as [`Self::try_read`] does, without asking the reactor.
    pub(crate) fn read_now(&self, room: &mut [u8]) -> io::Result<usize> {
        match self.layer() {
            Some(mut layer) => layer.read(&self.socket, room),
            None => self.socket.read_now(room),
        }
    }

    /// Writes as [`Self::try_write`] does, without asking the reactor.
    pub(crate) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.layer() {
            Some(mut layer) => layer.write(&self.socket, bytes),
            None => self.socket.write_now(bytes),
        }
    }

    /// Sends as [`Self::try_flush`] does, without asking the reactor.
    pub(crate) fn flush_now(&self) -> io::Result<()> {
        self.layer().map_or(Ok(()), |mut layer| layer.flush(&self.socket))
    }

    /// Whether TLS holds something that was written and not sent.
    pub(crate) fn wants_flush(&self) -> bool {
        self.layer().is_some_and(|layer| layer.wants_write())
    }

    /// Says inside TLS that nothing more follows (close_notify), as far as the socket takes it at once.
    pub(crate) fn close_notify(&self) -> io::Result<()> {
        self.layer().map_or(Ok(()), |mut layer| layer.close(&self.socket))
    }
}

/// What TLS exports for `label` (RFC 8446 7.5), the same at both ends of this one connection.
pub(crate) fn exported<S, const N: usize>(
    stream: &TlsStream<S>,
    label: &[u8],
    context: Option<&[u8]>,
) -> io::Result<[u8; N]> {
    let exported = match stream {
        TlsStream::Client(client) => client.get_ref().1.export_keying_material([0; N], label, context),
        TlsStream::Server(server) => server.get_ref().1.export_keying_material([0; N], label, context),
    };
    exported.map_err(io::Error::other)
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read =
            poll_io(cx, |cx| self.socket.poll_read_ready(cx), || self.try_read(room.initialize_unfilled()));
        read.map_ok(|count| room.advance(count))
    }
}

/// Inside TLS the last bytes that were written are sent by a flush.
impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_io(cx, |cx| self.socket.poll_write_ready(cx), || self.try_write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_io(cx, |cx| self.socket.poll_write_ready(cx), || self.try_flush())
    }

    /// Sends close_notify where there is TLS, then says that nothing more follows (FIN).
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.close_notify() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            Ok(()) | Err(_) => {}
        }
        ready!(self.as_mut().poll_flush(cx))?;
        Poll::Ready(self.socket.shut_down(Shutdown::Write))
    }
}

/// Bytes before the content of a record; the last two are its length (RFC 8446 5.1).
const HEADER: usize = 5;
