//! A data connection before its first byte, in clear or about to begin TLS.

use std::io;

use tokio::net::TcpStream;

use super::client::Client;
use crate::connection::Connection;

/// A data connection that nothing was read from or written to yet. Where it is to be private, the
/// handshake comes with the first byte, because servers expect it after their preliminary reply.
#[derive(Debug)]
pub struct Data {
    stream: TcpStream,
    security: Security,
}

/// Who begins TLS. A server's side will be one more variant.
#[derive(Debug)]
enum Security {
    Clear,
    Client(Box<Client>),
}

impl From<TcpStream> for Data {
    fn from(stream: TcpStream) -> Self {
        Self { stream, security: Security::Clear }
    }
}

impl Data {
    /// A data connection that will resume the session of its control connection, if the server lets it.
    pub fn private(stream: TcpStream, client: &Client) -> Self {
        Self { stream, security: Security::Client(Box::new(client.clone())) }
    }

    /// The socket: who is at its ends, how it is closed.
    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Performs the handshake, if there is to be TLS.
    ///
    /// # Errors
    ///
    /// TLS failed, or the peer showed another certificate than on the control connection.
    pub(crate) async fn open(self) -> io::Result<Connection> {
        match self.security {
            Security::Clear => Ok(self.stream.into()),
            Security::Client(client) => {
                // The last flight of the handshake is small, and then it may be the peer's turn.
                crate::socket::nodelay(&self.stream)?;
                Ok(client.connect(self.stream).await?)
            }
        }
    }
}
