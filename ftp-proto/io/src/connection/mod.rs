//! A TCP connection, in clear or inside TLS: one type for control connections, data connections and
//! links to a relay.
//!
//! There are two ways to close a connection. *In order* means that everything was sent; the peer may
//! take it for the end of a file. A *reset* means the opposite (RFC 959 3.4). [`crate::socket`] says
//! which of the two follows when a connection is dropped.
//!
//! A link to a relay is TLS too; what is special about it happens before (see [`crate::link`]).

mod layer;

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

pub(crate) use layer::Layer;

/// A TCP connection, and TLS above it where there is TLS, of the client or the server side.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    tls: Option<Layer>,
}

impl From<TcpStream> for Connection {
    fn from(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }
}

impl Connection {
    /// Takes over a connection whose handshake is done, and decrypted bytes that came with it.
    pub(crate) fn private(stream: TlsStream<TcpStream>, early: Vec<u8>) -> Self {
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
        Self { socket, tls: Some(layer.with_early(early)) }
    }

    /// The socket: who is at its ends, how it is closed. Whoever writes to it directly breaks TLS.
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether there is TLS.
    pub const fn is_private(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether TLS holds something that was written and not sent.
    pub(crate) fn wants_flush(&self) -> bool {
        self.tls.as_ref().is_some_and(Layer::wants_write)
    }

    pub(crate) fn into_parts(self) -> (TcpStream, Option<Layer>) {
        (self.socket, self.tls)
    }

    /// Reads what has come; 0 is the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if nothing has come; [`io::ErrorKind::UnexpectedEof`] if TLS ended
    /// without close_notify.
    pub fn try_read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Self { socket, tls: Some(layer) } = self else { return self.socket.try_read(room) };
        // TLS may hold something when the socket has nothing.
        match layer.read(socket, room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::READABLE, || layer.read(socket, room))
            }
            read => read,
        }
    }

    /// Writes as much as the connection takes. Inside TLS some of it may stay here until
    /// [`Self::try_flush`].
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the connection takes nothing.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(layer) => self.socket.try_io(Interest::WRITABLE, || layer.write(&self.socket, bytes)),
            None => self.socket.try_write(bytes),
        }
    }

    /// Sends what TLS still holds.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the connection does not take all of it.
    pub fn try_flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(layer) if layer.wants_write() => {
                self.socket.try_io(Interest::WRITABLE, || layer.flush(&self.socket))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Says inside TLS that nothing more follows (close_notify), as far as the socket takes it at once.
    pub(crate) fn close_notify(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |layer| layer.close(&self.socket))
    }
}

/// Waits for the socket between two calls of `$work`, for as long as that would block. `$work` must
/// have learnt so from the reactor ([`TcpStream::try_io`]), which otherwise would not wait.
macro_rules! when_ready {
    ($this:ident, $cx:ident, $poll_ready:ident, $work:expr) => {
        loop {
            match $work {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!($this.socket.$poll_ready($cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break Poll::Ready(done),
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = when_ready!(self, cx, poll_read_ready, self.try_read(room.initialize_unfilled()));
        read.map_ok(|count| room.advance(count))
    }
}

/// Inside TLS the last bytes that were written are sent by a flush.
impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        when_ready!(self, cx, poll_write_ready, self.try_write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        when_ready!(self, cx, poll_write_ready, self.try_flush())
    }

    /// Sends close_notify where there is TLS, then says that nothing more follows (FIN).
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.close_notify() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            Ok(()) | Err(_) => {}
        }
        ready!(self.as_mut().poll_flush(cx))?;
        Poll::Ready(SockRef::from(&self.socket).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests;
