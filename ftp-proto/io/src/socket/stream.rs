//! A connected socket: TCP, a Unix socket whose other end is on this host, or one of a simulation. Its options: latency, dead peers, urgent data,
//! how it ends.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
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
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
#[cfg(target_os = "linux")]
use tokio::time::timeout;

use super::poll_io;
use crate::simulated;

/// A connected socket in the sight of a reactor.
#[derive(Debug)]
pub enum Stream {
    /// Over a network.
    Tcp(TcpStream),
    /// Within this host.
    Unix(UnixStream),
    /// Over the network of a simulation.
    Simulated(Box<simulated::Socket>),
}

/// The same outside any reactor, on its way to another one.
#[derive(Debug)]
pub(crate) enum Unwatched {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
    Simulated(Box<simulated::Socket>),
}

/// Does the same with a socket of the system, whichever it is, and something else with one of a simulation.
macro_rules! either {
    ($stream:expr, $socket:ident => $work:expr, $simulated:ident => $otherwise:expr) => {
        match $stream {
            Self::Tcp($socket) => $work,
            Self::Unix($socket) => $work,
            Self::Simulated($simulated) => $otherwise,
        }
    };
}

impl Stream {
    /// The socket, if it is one of the system's TCP: only those have options of a network.
    pub const fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(socket) => Some(socket),
            Self::Unix(_) | Self::Simulated(_) => None,
        }
    }

    /// The address of this end; of a Unix socket that of this host for itself.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn local_ip(&self) -> io::Result<IpAddr> {
        match self {
            Self::Unix(_) => Ok(THIS_HOST),
            Self::Tcp(_) | Self::Simulated(_) => self.local_addr().map(|at| at.ip()),
        }
    }

    /// The address and port of this end.
    ///
    /// # Errors
    ///
    /// The connection is gone, or it is one of a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Unix(_) => Err(unnamed()),
            Self::Simulated(socket) => Ok(socket.local()),
        }
    }

    /// The address and port of the other end.
    ///
    /// # Errors
    ///
    /// The connection is gone, or it is one of a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.peer_addr(),
            Self::Unix(_) => Err(unnamed()),
            Self::Simulated(socket) => Ok(socket.peer()),
        }
    }

    /// The descriptor, if the system knows the socket.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        either!(self, socket => Some(socket.as_fd()), _simulated => None)
    }

    /// Waits until the socket is ready for something.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        either!(self, socket => socket.ready(interest).await.map(drop), socket => {
            poll_fn(|cx| {
                let readable = interest.is_readable() && socket.poll_readable(cx).is_ready();
                let writable = interest.is_writable() && socket.poll_writable(cx).is_ready();
                if readable || writable { Poll::Ready(Ok(())) } else { Poll::Pending }
            })
            .await
        })
    }

    /// Waits until something can be read.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await
    }

    /// Does `work` if the socket was ready the last time. If it would block, the reactor looks again.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`io::ErrorKind::WouldBlock`].
    pub fn try_io<T>(&self, interest: Interest, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        either!(self, socket => socket.try_io(interest, work), _simulated => work())
    }

    /// Reads what has come; 0 is the end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if nothing has come.
    pub fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_read(room), socket => socket.read(room))
    }

    /// Returns once something can be read.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_read_ready(cx), socket => socket.poll_readable(cx).map(Ok))
    }

    /// Returns once something can be written.
    ///
    /// # Errors
    ///
    /// The reactor has gone.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_write_ready(cx), socket => socket.poll_writable(cx).map(Ok))
    }

    /// Says that nothing more follows in this direction, or in both.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        either!(self, socket => SockRef::from(socket).shutdown(how), socket => {
            socket.shut_down_writing();
            Ok(())
        })
    }

    /// How many bytes can be read, at most `room`; they stay. 0 is the end.
    pub(crate) fn peek(&self) -> io::Result<usize> {
        either!(self, socket => SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]), socket => socket.peek(&mut [0]))
    }

    /// Takes the socket out of the sight of its reactor.
    pub(crate) fn unwatched(self) -> io::Result<Unwatched> {
        Ok(match self {
            Self::Tcp(socket) => Unwatched::Tcp(socket.into_std()?),
            Self::Unix(socket) => Unwatched::Unix(socket.into_std()?),
            Self::Simulated(socket) => Unwatched::Simulated(socket),
        })
    }
}

impl Unwatched {
    /// Puts the socket into the sight of the reactor of this thread.
    pub(crate) fn watched(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => Stream::Tcp(TcpStream::from_std(socket)?),
            Self::Unix(socket) => Stream::Unix(UnixStream::from_std(socket)?),
            Self::Simulated(socket) => Stream::Simulated(socket),
        })
    }

    /// The descriptor, if the system knows the socket.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        either!(self, socket => Some(socket.as_fd()), _simulated => None)
    }
}

/// What bytes are read from and written to at once. What cannot be done now is [`io::ErrorKind::WouldBlock`], without a word to
/// a reactor.
pub(crate) trait RawSocket {
    /// Reads what has come; 0 is the end.
    fn read_now(&self, room: &mut [u8]) -> io::Result<usize>;

    /// Writes what is taken.
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes what is taken of several pieces.
    fn write_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether every end of the connection is a reset, also if this process is killed.
    fn set_resets(&self, resets: bool);
}

macro_rules! bytes {
    ($stream:ty) => {
        impl RawSocket for $stream {
            fn read_now(&self, room: &mut [u8]) -> io::Result<usize> {
                either!(self, socket => Ok(rustix::io::read(socket, room)?), socket => socket.read(room))
            }

            fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
                either!(self, socket => Ok(rustix::io::write(socket, bytes)?), socket => socket.write(&[bytes]))
            }

            fn write_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
                either!(self, socket => Ok(rustix::io::writev(socket, pieces)?), socket => {
                    socket.write(&pieces.iter().map(|piece| &**piece).collect::<Vec<_>>())
                })
            }

            fn set_resets(&self, resets: bool) {
                // If this fails, an ordinary close is all that is left.
                let linger = resets.then_some(Duration::ZERO);
                either!(self, socket => drop(SockRef::from(socket).set_linger(linger)), socket => socket.set_resets(resets));
            }
        }
    };
}

bytes!(Stream);
bytes!(Unwatched);

fn unnamed() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a Unix socket")
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

impl From<simulated::Socket> for Stream {
    fn from(socket: simulated::Socket) -> Self {
        Self::Simulated(Box::new(socket))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_read(cx, room), socket => {
            poll_io(cx, |cx| socket.poll_readable(cx).map(Ok), || socket.read(room.initialize_unfilled()))
                .map_ok(|count| room.advance(count))
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write(cx, bytes), socket => {
            poll_io(cx, |cx| socket.poll_writable(cx).map(Ok), || socket.write(&[bytes]))
        })
    }

    /// In one piece: what TLS says last, before the connection is dropped, is written once.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write_vectored(cx, pieces), socket => {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
            poll_io(cx, |cx| socket.poll_writable(cx).map(Ok), || socket.write(&pieces))
        })
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, socket => socket.is_write_vectored(), _simulated => true)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_flush(cx), _simulated => Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_shutdown(cx), socket => {
            socket.shut_down_writing();
            Poll::Ready(Ok(()))
        })
    }
}

/// Both ends of a Unix socket are here.
const THIS_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Closes the connection so that the peer sees a reset. It never takes what it has got for a whole file
/// (E10).
pub fn reset(stream: impl Into<Stream>) {
    let stream = stream.into();
    end_by_reset(&stream);
    drop(stream);
}

/// Makes every end of this connection a reset until [`end_in_order`] is called. Even if this process is
/// killed, the peer never takes that for the end of a file (E10).
pub fn end_by_reset(stream: &Stream) {
    stream.set_resets(true);
}

/// Makes the end of this connection an orderly close.
pub fn end_in_order(stream: &Stream) {
    stream.set_resets(false);
}

/// Lets the system find out within minutes whether a silent peer has vanished.
///
/// # Errors
///
/// The socket refuses the option because it is closed.
pub fn keepalive(stream: &Stream) -> io::Result<()> {
    let Some(socket) = stream.tcp() else { return Ok(()) };
    let often = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    SockRef::from(socket).set_tcp_keepalive(&often)
}

/// Lets the connection fail if the peer acknowledges nothing for this long while something was sent to
/// it.
///
/// # Errors
///
/// The socket refuses the option because it is closed.
#[cfg(target_os = "linux")]
pub fn vanishes_after(stream: &Stream, silent: Duration) -> io::Result<()> {
    let Some(socket) = stream.tcp() else { return Ok(()) };
    SockRef::from(socket).set_tcp_user_timeout(Some(silent))
}

/// Tunes a data connection if both ends are on this host. There is no network to fill or to spare, so
/// little is under way at a time, which stays in the processor's cache, and nothing paces it: BBR, the
/// default of many hosts, spends a third of the sender's time on its timer there.
#[cfg(target_os = "linux")]
pub fn within_this_host(stream: &Stream) {
    let Some(stream) = stream.tcp() else { return };
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
pub async fn sent(stream: &Stream, patience: Duration) -> io::Result<bool> {
    let Some(stream) = stream.tcp() else { return Ok(true) };
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

/// RawSocket under way between two ends on this host: the best of 64 KiB to 4 MiB (docs/performance.md).
#[cfg(target_os = "linux")]
const WITHIN_THIS_HOST: usize = 512 * 1024;

/// Returns the local address that a connection to `to` would use, or `None` if there is no route to it.
/// Nothing is sent.
pub fn route(to: IpAddr) -> Option<IpAddr> {
    if let Some(host) = simulated::host() {
        return host.route(to);
    }
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
pub fn nodelay(stream: &Stream) -> io::Result<()> {
    stream.tcp().map_or(Ok(()), |socket| socket.set_nodelay(true))
}

/// Sets the options of a control connection: [`nodelay`], [`keepalive`], and urgent data in line, because
/// Telnet's Synch (RFC 959 4.1.3, ABOR) sends its data mark as urgent data.
///
/// # Errors
///
/// The socket refuses an option because it is closed.
pub fn control(stream: &Stream) -> io::Result<()> {
    let Some(socket) = stream.tcp() else { return Ok(()) };
    nodelay(stream)?;
    keepalive(stream)?;
    SockRef::from(socket).set_out_of_band_inline(true)
}

/// Sends `bytes`, the last of them urgent: Telnet's Synch before ABOR (RFC 959 4.1.3).
///
/// # Errors
///
/// The connection takes nothing at present, or it failed.
pub fn urgent(stream: &Stream, bytes: &[u8]) -> io::Result<()> {
    let sent = match stream.descriptor() {
        Some(socket) => SockRef::from(&socket).send_out_of_band(bytes)?,
        None => stream.write_now(bytes)?,
    };
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Any port but 0 will do: no datagram is sent to it.
const DISCARD: u16 = 9;
