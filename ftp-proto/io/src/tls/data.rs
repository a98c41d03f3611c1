//! A data connection before its first byte of the file: in clear, inside TLS, or about to begin TLS.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::client::Client;
use crate::connection::Connection;

/// A data connection that nothing was read from or written to yet. Where a client wants it to be
/// private, the handshake comes with the first byte, because servers expect it after their preliminary
/// reply.
#[derive(Debug)]
pub struct Data(State);

#[derive(Debug)]
enum State {
    /// In clear, or inside TLS already (a server).
    Open(Connection),
    /// A client begins TLS.
    Client(Connection, Box<Client>),
}

impl From<TcpStream> for Data {
    fn from(stream: TcpStream) -> Self {
        Self(State::Open(stream.into()))
    }
}

impl From<Connection> for Data {
    fn from(connection: Connection) -> Self {
        Self(State::Open(connection))
    }
}

impl Data {
    /// A data connection that will resume the session of its control connection, if the server lets it. TLS runs from
    /// here to the server, also inside a link with a relay.
    pub fn private(connection: impl Into<Connection>, client: &Client) -> Self {
        Self(State::Client(connection.into(), Box::new(client.clone())))
    }

    /// Makes every end of the connection a reset, until somebody says that all is well.
    pub(crate) fn end_by_reset(&self) {
        match &self.0 {
            State::Open(connection) | State::Client(connection, _) => {
                crate::socket::end_by_reset(connection.socket());
            }
        }
    }

    /// [`Connection::may_end_silently`], for a connection of a server.
    pub fn may_end_silently(&self) {
        match &self.0 {
            State::Open(connection) => connection.may_end_silently(),
            State::Client(..) => {}
        }
    }

    /// The address of the other end, if it is one of TCP.
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.0 {
            State::Open(connection) | State::Client(connection, _) => connection.peer(),
        }
    }

    /// The connection, if there is no TLS and none is to begin.
    pub(crate) const fn clear(&self) -> Option<&Connection> {
        match &self.0 {
            State::Open(connection) if !connection.has_tls() => Some(connection),
            State::Open(_) | State::Client(..) => None,
        }
    }

    /// The connection, if no handshake is to come.
    pub(crate) fn into_open(self) -> Option<Connection> {
        match self.0 {
            State::Open(connection) => Some(connection),
            State::Client(..) => None,
        }
    }

    /// Performs the handshake, if there is still to be one.
    ///
    /// # Errors
    ///
    /// TLS failed, or the peer showed another certificate than on the control connection.
    pub(crate) async fn open(self) -> io::Result<Connection> {
        match self.0 {
            State::Open(connection) => Ok(connection),
            State::Client(connection, client) => {
                // The last flight of the handshake is small, and then it may be the peer's turn.
                connection.socket().tcp().map_or(Ok(()), crate::socket::nodelay)?;
                Ok(client.connect(connection).await?)
            }
        }
    }
}
