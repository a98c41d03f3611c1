//! Listening sockets for control and data connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};

use super::lease::Lease;
use super::open::bound;

/// A listening socket. Dropping it closes the socket; connections that were not accepted are reset.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    /// Keeps a data port from being given to somebody else while this socket listens on it.
    _lease: Option<Arc<Lease>>,
}

impl Listener {
    /// Waits for the next connection, and returns it with the address of its peer. May be cancelled at
    /// any time without losing a connection.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory for it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            match self.inner.accept().await {
                // The peer had gone before.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                other => return other,
            }
        }
    }

    /// Waits like [`Self::accept`]. Only the last task that has asked is woken.
    ///
    /// # Errors
    ///
    /// As for [`Self::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            match ready!(self.inner.poll_accept(cx)) {
                // The peer had gone before.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Resets one connection that has arrived already, and returns the address of its peer; `None` if none waits.
    pub fn reset_waiting(&self) -> Option<SocketAddr> {
        let (socket, from) = SockRef::from(&self.inner).accept().ok()?;
        // If the peer has gone meanwhile, nothing is left to reset.
        drop(socket.set_linger(Some(Duration::ZERO)));
        from.as_socket()
    }

    /// The address where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// The system does not know the socket.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Lets other sockets of this user be bound to the same port, to connect from it. Only now: a socket that
    /// allows this before it listens would share its connections with others that listen there.
    pub(super) fn share(&self) -> io::Result<()> {
        SockRef::from(&self.inner).set_reuse_port(true)
    }

    pub(super) fn new(socket: Socket, backlog: i32, lease: Option<Arc<Lease>>) -> io::Result<Self> {
        socket.listen(backlog)?;
        Ok(Self { inner: TcpListener::from_std(socket.into())?, _lease: lease })
    }
}

/// Listens at `at` for control connections; port 0 means any free port.
///
/// # Errors
///
/// The address is not one of this host, or the port is taken or forbidden.
pub fn listen(at: SocketAddr) -> io::Result<Listener> {
    Bound::open(at)?.start()
}

/// A listening socket that no scheduler knows yet: it can be opened before there is one, by a process that
/// gives its privileges up afterwards.
#[derive(Debug)]
pub struct Bound(std::net::TcpListener);

impl Bound {
    /// Listens at `at` for control connections; port 0 means any free port. Connections wait until somebody
    /// accepts them.
    ///
    /// # Errors
    ///
    /// The address is not one of this host, or the port is taken or forbidden.
    pub fn open(at: SocketAddr) -> io::Result<Self> {
        let socket = bound(at)?;
        socket.listen(CONTROL_BACKLOG)?;
        Ok(Self(socket.into()))
    }

    /// Uses a socket that somebody else has opened.
    ///
    /// # Errors
    ///
    /// It does not listen, or the system refuses to change it.
    pub fn adopt(socket: std::net::TcpListener) -> io::Result<Self> {
        if !SockRef::from(&socket).is_listener()? {
            return Err(io::Error::other("the socket does not listen"));
        }
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// The address where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// The system does not know the socket.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Tells the scheduler that runs now.
    ///
    /// # Errors
    ///
    /// The system refuses to watch the socket.
    pub fn start(self) -> io::Result<Listener> {
        Ok(Listener { inner: TcpListener::from_std(self.0)?, _lease: None })
    }
}

/// How long to wait before `accept` is called again after it has failed, because no descriptor or no memory was
/// free.
pub const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Connections that the system keeps until they are accepted.
const CONTROL_BACKLOG: i32 = 1024;
