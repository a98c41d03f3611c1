//! The link with a relay agent or a hub: TLS 1.3, then the proof that both ends hold one secret.
//!
//! The agent's key lives as long as its process and proves nothing. No certificate is checked, so it is
//! a raw public key (RFC 7250). [`ftp_proto::relay::link`] proves who is at the other end, over the
//! exporter of this very connection.

mod stranger;
mod tls;
pub mod token_file;

use std::io;
use std::time::Duration;

use ftp_proto::relay::frame::{FrameError, FrameReader};
use ftp_proto::relay::link::{self, Answer, Exporter, First, LinkError, Welcome};
use ftp_proto::relay::token::{Secret32, Token};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::connection::Connection;
use crate::os_error::words;
use crate::socket::Stream;

pub use stranger::Stranger;
pub use tls::Acceptor;
use tls::{Expected, Protocol};

/// A connection of the relay protocol. What is read from it is what came after the proof.
#[derive(Debug)]
pub struct Link {
    connection: Connection,
    exporter: Exporter,
    protocol: Protocol,
}

/// A link whose ends have not proven themselves to each other yet.
struct Unproven {
    stream: TlsStream<Stream>,
    exporter: Exporter,
    protocol: Protocol,
    reader: FrameReader,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkFailure {
    /// The connection, or TLS on it.
    #[error("{}", words(.0))]
    Io(#[from] io::Error),
    /// What came is not a frame.
    #[error("the other end sent {0}")]
    Frame(#[from] FrameError),
    /// The proof of the token, or of a ticket, failed.
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

    /// What is there instead of a relay or a hub, if that shows.
    pub fn stranger(&self) -> Option<Stranger> {
        match self {
            Self::Io(error) => Stranger::of(error),
            Self::Frame(_) | Self::Proof(_) => None,
        }
    }

    /// Whether the other end closed or reset the connection, as it does when its process is killed.
    pub fn is_broken_off(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Io(error) => {
                matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
            }
            Self::Frame(_) | Self::Proof(_) => false,
        }
    }
}

/// A session whose other end has proven itself.
#[derive(Debug)]
pub enum Opened {
    /// The other end is a relay agent.
    Relay(Link, Welcome),
    /// The other end is a hub, where agents meet.
    Hub(Link, Welcome),
}

/// Begins a session at an agent: TLS and the proof of the token, within [`HANDSHAKE`].
///
/// # Errors
///
/// [`LinkFailure::is_distrust`] tells a wrong token from a connection that failed.
pub async fn session(stream: impl Into<Stream>, secret: &Secret32) -> Result<(Link, Welcome), LinkFailure> {
    within(async { prove(connect(stream, Expected::Relay).await?, secret).await }).await
}

/// Begins a session at a hub: TLS and the proof of what a hub knows of the token, within [`HANDSHAKE`].
///
/// # Errors
///
/// As those of [`session`].
pub async fn hub_session(stream: impl Into<Stream>, token: &Token) -> Result<(Link, Welcome), LinkFailure> {
    within(async { prove(connect(stream, Expected::Hub).await?, token.for_hub().secret()).await }).await
}

/// Begins a session with what is there, an agent or a hub, within [`HANDSHAKE`].
///
/// # Errors
///
/// As those of [`session`].
pub async fn open(stream: impl Into<Stream>, token: &Token) -> Result<Opened, LinkFailure> {
    within(async {
        let unproven = connect(stream, Expected::Either).await?;
        if unproven.protocol == Protocol::Hub {
            let (link, welcome) = prove(unproven, token.for_hub().secret()).await?;
            return Ok(Opened::Hub(link, welcome));
        }
        let (link, welcome) = prove(unproven, token.secret()).await?;
        Ok(Opened::Relay(link, welcome))
    })
    .await
}

async fn connect(stream: impl Into<Stream>, expected: Expected) -> io::Result<Unproven> {
    Ok(tls::connect(stream.into(), expected).await?.into())
}

async fn prove(mut unproven: Unproven, secret: &Secret32) -> Result<(Link, Welcome), LinkFailure> {
    let (first, pending) = link::hello(secret, &unproven.exporter);
    unproven.send(&first).await?;
    let welcome = pending.welcome(unproven.frame().await?)?;
    Ok((unproven.into_link(), welcome))
}

/// Attaches to a tunnel: what is written and read afterwards is exchanged with the server.
///
/// # Errors
///
/// [`LinkFailure::is_distrust`] tells a wrong ticket from a connection that failed.
pub async fn attach(stream: impl Into<Stream>, ticket: &Secret32) -> Result<Link, LinkFailure> {
    within(async { attached(connect(stream, Expected::Relay).await?, ticket).await }).await
}

/// Attaches to another agent, which expects this secret. If [`Link::is_between_agents`], the two may try to connect
/// directly before anything else is said.
///
/// # Errors
///
/// As those of [`attach`].
pub async fn meet(stream: impl Into<Stream>, secret: &Secret32) -> Result<Link, LinkFailure> {
    within(async { attached(connect(stream, Expected::Agent).await?, secret).await }).await
}

/// Attaches to a call at a hub. What is read and written afterwards, without TLS, is exchanged with the other end of
/// the call: the two prove themselves to each other and encrypt what they say.
///
/// # Errors
///
/// As those of [`attach`].
pub async fn call(stream: impl Into<Stream>, ticket: &Secret32) -> Result<TcpStream, LinkFailure> {
    within(async { Ok(attached(connect(stream, Expected::Hub).await?, ticket).await?.into_clear().await?) })
        .await
}

async fn attached(mut unproven: Unproven, ticket: &Secret32) -> Result<Link, LinkFailure> {
    let (first, pending) = link::data_hello(ticket, &unproven.exporter);
    unproven.send(&first).await?;
    pending.data(&unproven.frame::<Answer>().await?)?;
    Ok(unproven.into_link())
}

impl Acceptor {
    /// Performs the handshake and reads the first frame, within [`HANDSHAKE`]. Nothing is proven yet.
    ///
    /// # Errors
    ///
    /// The peer speaks something else, or takes too long.
    pub async fn accept(&self, stream: impl Into<Stream>) -> Result<(Link, First), LinkFailure> {
        within(async {
            let mut unproven = Unproven::from(self.handshake(stream.into()).await?);
            let first = unproven.frame().await?;
            Ok((unproven.into_link(), first))
        })
        .await
    }
}

impl Link {
    /// TLS's exporter of this connection.
    pub const fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// Whether both ends are agents that can try to connect directly.
    pub fn is_between_agents(&self) -> bool {
        self.protocol == Protocol::Agents
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write_all(bytes).await?;
        self.connection.flush().await
    }

    /// Reads what has come; 0 is the end. May be cancelled without losing anything.
    ///
    /// # Errors
    ///
    /// The connection failed, or ended without saying so.
    pub async fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.connection.read(room).await
    }

    /// Closes the link in order.
    pub async fn close(&mut self) {
        // The other end may have gone: nobody can be told.
        let _ = self.connection.shutdown().await;
    }

    /// Ends TLS in order, which the other end does too. What it sends behind that is left on the connection.
    ///
    /// # Errors
    ///
    /// The connection failed, or the other end went on with TLS.
    pub async fn into_clear(self) -> io::Result<TcpStream> {
        let clear = self.connection.end_tls().await?.into_plain();
        clear.ok_or_else(|| io::Error::other("TLS has not ended"))
    }

    /// The socket below TLS: who is at its ends.
    pub const fn socket(&self) -> &Stream {
        self.connection.socket()
    }
}

impl From<Link> for Connection {
    fn from(link: Link) -> Self {
        link.connection
    }
}

impl From<tls::Secured> for Unproven {
    fn from(tls::Secured { stream, exporter, protocol }: tls::Secured) -> Self {
        Self { stream, exporter, protocol, reader: FrameReader::new() }
    }
}

impl Unproven {
    /// The bytes that came with the proof are the first ones of the link.
    fn into_link(mut self) -> Link {
        let connection = Connection::private(self.stream, self.reader.rest());
        Link { connection, exporter: self.exporter, protocol: self.protocol }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
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

async fn within<T>(work: impl Future<Output = Result<T, LinkFailure>>) -> Result<T, LinkFailure> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the other end did not finish its handshake");
    timeout(HANDSHAKE, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// Time limit for the handshake and the first frame of each side.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
