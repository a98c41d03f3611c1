//! A connected socket: TCP, or a Unix socket whose other end is on this host.

use std::io::{self, IoSlice};
use std::net::{self, IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket in the sight of a reactor.
#[derive(Debug)]
pub enum Stream {
    /// Over a network.
    Tcp(TcpStream),
    /// Within this host.
    Unix(UnixStream),
}

/// The same outside any reactor, on its way to another one.
#[derive(Debug)]
pub(crate) enum Unwatched {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
}

/// Does the same with the socket, whichever it is.
macro_rules! either {
    ($stream:expr, $socket:ident => $work:expr) => {
        match $stream {
            Self::Tcp($socket) => $work,
            Self::Unix($socket) => $work,
        }
    };
}

impl Stream {
    /// The socket, if it is one of TCP: only those have addresses, and options of a network.
    pub const fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(socket) => Some(socket),
            Self::Unix(_) => None,
        }
    }

    /// The address of this end; of a Unix socket that of this host for itself.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn local_ip(&self) -> io::Result<IpAddr> {
        self.tcp().map_or(Ok(THIS_HOST), |socket| socket.local_addr().map(|at| at.ip()))
    }

    /// The address and port of the other end.
    ///
    /// # Errors
    ///
    /// The connection is gone, or it is one of a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let tcp = self.tcp().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "a Unix socket"))?;
        tcp.peer_addr()
    }

    /// Waits until the socket is ready for something.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        either!(self, socket => socket.ready(interest).await)
    }

    /// Waits until something can be read.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn readable(&self) -> io::Result<()> {
        either!(self, socket => socket.readable().await)
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn writable(&self) -> io::Result<()> {
        either!(self, socket => socket.writable().await)
    }

    /// Does `work` if the socket was ready the last time. If it would block, the reactor looks again.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`io::ErrorKind::WouldBlock`].
    pub fn try_io<T>(&self, interest: Interest, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        either!(self, socket => socket.try_io(interest, work))
    }

    /// Reads what has come; 0 is the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if nothing has come.
    pub fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_read(room))
    }

    /// Returns once something can be read.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_read_ready(cx))
    }

    /// Returns once something can be written.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_write_ready(cx))
    }

    /// Takes the socket out of the sight of its reactor.
    pub(crate) fn unwatched(self) -> io::Result<Unwatched> {
        Ok(match self {
            Self::Tcp(socket) => Unwatched::Tcp(socket.into_std()?),
            Self::Unix(socket) => Unwatched::Unix(socket.into_std()?),
        })
    }
}

impl Unwatched {
    /// Puts the socket into the sight of the reactor of this thread.
    pub(crate) fn watched(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => Stream::Tcp(TcpStream::from_std(socket)?),
            Self::Unix(socket) => Stream::Unix(UnixStream::from_std(socket)?),
        })
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Tcp(socket)
    }
}

impl From<UnixStream> for Stream {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(socket)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, socket => socket.as_fd())
    }
}

impl AsFd for Unwatched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, socket => socket.as_fd())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_read(cx, room))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write(cx, bytes))
    }

    /// In one piece: what TLS says last, before the connection is dropped, is written once.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, socket => socket.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_shutdown(cx))
    }
}

/// Both ends of a Unix socket are here.
const THIS_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
