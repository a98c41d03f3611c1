//! A connected socket: TCP, or a Unix socket whose other end is on this host. Its options: latency, dead peers, urgent data,
//! how it ends.

use std::io::{self, IoSlice};
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(target_os = "linux")]
use ftp_proto::address::{Kind, kind};
#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, TcpKeepalive};
#[cfg(target_os = "linux")]
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};
#[cfg(target_os = "linux")]
use tokio::time::timeout;

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

/// Closes the connection so that the peer sees a reset. It never takes what it has got for a whole file
/// (E10).
pub fn reset(stream: TcpStream) {
    end_by_reset(&stream);
    drop(stream);
}

/// Makes every end of this connection a reset until [`end_in_order`] is called. Even if this process is
/// killed, the peer never takes that for the end of a file (E10).
pub fn end_by_reset(stream: &impl AsFd) {
    // If this fails, an ordinary close is all that is left.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Makes the end of this connection an orderly close.
pub fn end_in_order(stream: &impl AsFd) {
    let _ = SockRef::from(stream).set_linger(None);
}

/// Lets the system find out within minutes whether a silent peer has vanished.
///
/// # Errors
///
/// The socket refuses the option because it is closed.
pub fn keepalive(stream: &TcpStream) -> io::Result<()> {
    let often = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    SockRef::from(stream).set_tcp_keepalive(&often)
}

/// Lets the connection fail if the peer acknowledges nothing for this long while something was sent to
/// it.
///
/// # Errors
///
/// The socket refuses the option because it is closed.
#[cfg(target_os = "linux")]
pub fn vanishes_after(stream: &TcpStream, silent: Duration) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(silent))
}

/// Tunes a data connection if both ends are on this host. There is no network to fill or to spare, so
/// little is under way at a time, which stays in the processor's cache, and nothing paces it: BBR, the
/// default of many hosts, spends a third of the sender's time on its timer there.
#[cfg(target_os = "linux")]
pub fn within_this_host(stream: &TcpStream) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    if kind(peer.ip()) == Kind::Loopback || peer.ip() == local.ip() {
        // Without these options it is only slower. Every Linux has Reno and lets everybody use it.
        let _ = rustix::net::sockopt::set_tcp_congestion(stream, "reno");
        let _ = SockRef::from(stream).set_send_buffer_size(WITHIN_THIS_HOST);
    }
}

/// Waits until the system has sent everything that was written to the connection, but no longer than `patience`.
/// Returns whether it has. What was sent may not have arrived.
///
/// # Errors
///
/// The connection ended while the system still had something to send. If it had ended before, nothing is known, and
/// that is no error.
#[cfg(target_os = "linux")]
pub async fn sent(stream: &TcpStream, patience: Duration) -> io::Result<bool> {
    let socket = SockRef::from(stream);
    // The connection is writable when nothing is left.
    if socket.set_tcp_notsent_lowat(1).is_err() {
        return Ok(true);
    }
    let mut waits = false;
    let mut look = || -> io::Result<()> {
        let mut polled = [PollFd::new(stream, PollFlags::OUT)];
        poll(&mut polled, Some(&Timespec::default()))?;
        let [now] = polled.map(|polled| polled.revents());
        if now.intersects(PollFlags::ERR | PollFlags::HUP) {
            return if waits { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) };
        }
        waits = !now.contains(PollFlags::OUT);
        if waits { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    };
    match look() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        known => return known.map(|()| true),
    }
    let waited = timeout(patience, stream.async_io(Interest::WRITABLE, look)).await;
    // What is written next need not wait.
    let _ = socket.set_tcp_notsent_lowat(THE_SYSTEMS);
    waited.map_or(Ok(false), |known| known.map(|()| true))
}

/// The value of `TCP_NOTSENT_LOWAT` that stands for that of the system.
#[cfg(target_os = "linux")]
pub(super) const THE_SYSTEMS: u32 = 0;

/// Bytes under way between two ends on this host: the best of 64 KiB to 4 MiB (docs/performance.md).
#[cfg(target_os = "linux")]
const WITHIN_THIS_HOST: usize = 512 * 1024;

/// Returns the local address that a connection to `to` would use, or `None` if there is no route to it.
/// Nothing is sent.
pub fn route(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, DISCARD)).ok()?;
    socket.local_addr().ok().map(|at| at.ip())
}

/// Makes the connection send small pieces at once.
///
/// # Errors
///
/// The socket refuses the option because it is closed.
pub fn nodelay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Sets the options of a control connection: [`nodelay`], [`keepalive`], and urgent data in line, because
/// Telnet's Synch (RFC 959 4.1.3, ABOR) sends its data mark as urgent data.
///
/// # Errors
///
/// The socket refuses an option because it is closed.
pub fn control(stream: &TcpStream) -> io::Result<()> {
    nodelay(stream)?;
    keepalive(stream)?;
    SockRef::from(stream).set_out_of_band_inline(true)
}

/// Sends `bytes`, the last of them urgent: Telnet's Synch before ABOR (RFC 959 4.1.3).
///
/// # Errors
///
/// The connection takes nothing at present, or it failed.
pub fn urgent(stream: &impl AsFd, bytes: &[u8]) -> io::Result<()> {
    let sent = SockRef::from(stream).send_out_of_band(bytes)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Any port but 0 will do: no datagram is sent to it.
const DISCARD: u16 = 9;
