//! Listening sockets for control and data connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::Socket;
use tokio::net::{TcpListener, TcpStream};

use super::bound;
use super::ports::Lease;

/// A listening socket. Dropping it closes the socket; connections that nobody accepted are reset.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    /// Keeps a data port from being given to somebody else while this socket listens on it.
    _lease: Option<Arc<Lease>>,
}

impl Listener {
    /// The next connection and who made it. May be cancelled at any time without losing one.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            match self.inner.accept().await {
                // The peer had gone before we looked: not our failure.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                other => return other,
            }
        }
    }

    /// Where it listens, with the real port.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    pub(super) fn new(socket: Socket, backlog: i32, lease: Option<Arc<Lease>>) -> io::Result<Self> {
        socket.listen(backlog)?;
        Ok(Self { inner: TcpListener::from_std(socket.into())?, _lease: lease })
    }
}

/// Listens at `at` for control connections; port 0 means any free port.
pub fn listen(at: SocketAddr) -> io::Result<Listener> {
    Listener::new(bound(at)?, CONTROL_BACKLOG, None)
}

const CONTROL_BACKLOG: i32 = 1024;
