//! A data connection of a client, in clear or inside TLS.

use std::io;

use tokio::net::TcpStream;

use super::{Client, Stream};

/// A data connection: in clear, or inside TLS.
#[derive(Debug)]
pub enum Data {
    /// In clear.
    Clear(TcpStream),
    /// Inside TLS. Its handshake comes with its first octet: servers expect it after their preliminary
    /// reply.
    Private(Box<Private>),
}

/// A connection whose handshake is still to come.
#[derive(Debug)]
pub struct Private {
    pub(super) stream: TcpStream,
    pub(super) client: Client,
}

impl Private {
    pub(crate) async fn shake(self) -> io::Result<Stream> {
        let Self { stream, client } = self;
        // Its last flight is small, and what follows may be the peer's turn.
        crate::socket::nodelay(&stream)?;
        Ok(client.connect(stream).await?)
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

impl From<TcpStream> for Data {
    fn from(stream: TcpStream) -> Self {
        Self::Clear(stream)
    }
}
