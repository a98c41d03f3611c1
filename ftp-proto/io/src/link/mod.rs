//! The link between a user agent and a relay agent: TLS 1.3, then the proof that both hold one secret.
//!
//! The server's key is thrown away with the process and proves nothing; no certificate is read by
//! anybody, so it is a raw public key (RFC 7250). Who is at the other end is proven by
//! [`ftp_proto::relay::link`] over the exporter of this very connection.

mod tls;
pub mod token_file;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ftp_proto::relay::frame::{FrameError, FrameReader};
use ftp_proto::relay::link::{self, Answer, Exporter, First, LinkError, Pending, Welcome};
use ftp_proto::relay::token::Secret32;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

pub use tls::Acceptor;

/// A TLS connection of the relay protocol. What is read from it is what came after the proof.
#[derive(Debug)]
pub struct Link {
    stream: TlsStream<TcpStream>,
    exporter: Exporter,
    reader: FrameReader,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkFailure {
    /// The connection, or TLS on it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Octets that are no frame.
    #[error("the other end sent {0}")]
    Frame(#[from] FrameError),
    /// The proof.
    #[error(transparent)]
    Proof(#[from] LinkError),
}

impl LinkFailure {
    /// Whether the two ends do not hold the same token, as opposed to a connection that failed.
    pub const fn is_distrust(&self) -> bool {
        match self {
            Self::Proof(LinkError::Denied | LinkError::Unproven | LinkError::Unexpected) => true,
            Self::Proof(LinkError::Versions(..)) | Self::Io(_) | Self::Frame(_) => false,
        }
    }
}

/// Begins a session at an agent: TLS and the proof of the token, within [`PATIENCE`].
pub async fn session(stream: TcpStream, secret: &Secret32) -> Result<(Link, Welcome), LinkFailure> {
    within(async {
        let mut link = tls::connect(stream).await?;
        let (first, pending): (Vec<u8>, Pending) = link::hello(secret, &link.exporter);
        link.send(&first).await?;
        let welcome = pending.welcome(link.frame().await?)?;
        Ok((link, welcome))
    })
    .await
}

/// Attaches to a tunnel: what is written and read afterwards are the server's octets.
pub async fn attach(stream: TcpStream, ticket: &Secret32) -> Result<Link, LinkFailure> {
    within(async {
        let mut link = tls::connect(stream).await?;
        let (first, pending) = link::data_hello(ticket, &link.exporter);
        link.send(&first).await?;
        pending.data(&link.frame::<Answer>().await?)?;
        Ok(link)
    })
    .await
}

impl Acceptor {
    /// TLS and the first frame of whoever has come, within [`PATIENCE`]. Nothing is proven yet.
    pub async fn accept(&self, stream: TcpStream) -> Result<(Link, First), LinkFailure> {
        within(async {
            let mut link = self.handshake(stream).await?;
            let first = link.frame().await?;
            Ok((link, first))
        })
        .await
    }
}

impl Link {
    /// TLS's exporter of this connection.
    pub const fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// Sends all of `octets`.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await?;
        self.stream.flush().await
    }

    /// What has come; 0 is the end. May be cancelled without losing anything.
    pub async fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.read(room).await
    }

    /// Closes in order.
    pub async fn close(&mut self) {
        // The other end may have gone: nobody can be told.
        let _ = self.stream.shutdown().await;
    }

    /// The connection itself, and octets that came with the proof.
    pub fn into_stream(mut self) -> (TlsStream<TcpStream>, Vec<u8>) {
        let early = self.reader.rest();
        (self.stream, early)
    }

    /// The connection under TLS: who is at its ends.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0
    }

    async fn frame<M: DeserializeOwned>(&mut self) -> Result<M, LinkFailure> {
        let mut room = [0; 1024];
        loop {
            if let Some(message) = self.reader.message()? {
                return Ok(message);
            }
            let count = self.stream.read(&mut room).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.reader.push(room.get(..count).unwrap_or_default());
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let early = self.reader.rest();
        if early.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, room))?;
        } else {
            let (now, later) = early.split_at(early.len().min(room.remaining()));
            room.put_slice(now);
            self.reader.push(later);
        }
        Poll::Ready(Ok(()))
    }
}

/// What was written leaves for certain only with a flush.
impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn within<T>(work: impl Future<Output = Result<T, LinkFailure>>) -> Result<T, LinkFailure> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the other end did not finish its handshake");
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// For the handshake and the first frame of each side.
pub const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
