//! The link with a relay agent or a hub: TLS 1.3, then the proof that both ends hold one secret.
//!
//! The agent's key lives as long as its process and proves nothing. No certificate is checked, so it is
//! a raw public key (RFC 7250). [`ftp_proto::relay::link`] proves who is at the other end, over the
//! exporter of this very connection.

#[cfg(test)]
mod tests;
pub mod token_file;

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ftp_proto::relay::frame::{FrameError, FrameReader};
use ftp_proto::relay::link::{
    self, ALPN, ALPN_AGENTS, ALPN_HUB, EXPORTER_LABEL, Exporter, First, LinkAnswer, LinkError, Welcome,
};
use ftp_proto::relay::token::{Secret32, Token};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    ServerConfig, SignatureScheme,
};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::connection::{Connection, exported};
use crate::crypto::{ed25519, provider};
use crate::os_error::words;
use crate::random;
use crate::socket::{Stream, nodelay};

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
}

/// A session whose other end has proven itself.
#[derive(Debug)]
pub enum OpenedLink {
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
    within(async { prove(connect(stream, RELAY).await?, secret).await }).await
}

/// Begins a session at a hub: TLS and the proof of what a hub knows of the token, within [`HANDSHAKE`].
///
/// # Errors
///
/// As those of [`session`].
pub async fn hub_session(stream: impl Into<Stream>, token: &Token) -> Result<(Link, Welcome), LinkFailure> {
    within(async { prove(connect(stream, HUB).await?, token.for_hub().secret()).await }).await
}

/// Begins a session with what is there, an agent or a hub, within [`HANDSHAKE`].
///
/// # Errors
///
/// As those of [`session`].
pub async fn open(stream: impl Into<Stream>, token: &Token) -> Result<OpenedLink, LinkFailure> {
    within(async {
        let unproven = connect(stream, EITHER).await?;
        if unproven.protocol == Protocol::Hub {
            let (link, welcome) = prove(unproven, token.for_hub().secret()).await?;
            return Ok(OpenedLink::Hub(link, welcome));
        }
        let (link, welcome) = prove(unproven, token.secret()).await?;
        Ok(OpenedLink::Relay(link, welcome))
    })
    .await
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
    within(async { attached(connect(stream, RELAY).await?, ticket).await }).await
}

/// Attaches to another agent, which expects this secret. If [`Link::is_between_agents`], the two may try to connect
/// directly before anything else is said.
///
/// # Errors
///
/// As those of [`attach`].
pub async fn meet(stream: impl Into<Stream>, secret: &Secret32) -> Result<Link, LinkFailure> {
    within(async { attached(connect(stream, AGENT).await?, secret).await }).await
}

/// Attaches to a call at a hub. What is read and written afterwards, without TLS, is exchanged with the other end of
/// the call: the two prove themselves to each other and encrypt what they say.
///
/// # Errors
///
/// As those of [`attach`].
pub async fn call(stream: impl Into<Stream>, ticket: &Secret32) -> Result<Stream, LinkFailure> {
    within(async { Ok(attached(connect(stream, HUB).await?, ticket).await?.into_clear().await?) }).await
}

async fn attached(mut unproven: Unproven, ticket: &Secret32) -> Result<Link, LinkFailure> {
    let (first, pending) = link::data_hello(ticket, &unproven.exporter);
    unproven.send(&first).await?;
    pending.data(&unproven.frame::<LinkAnswer>().await?)?;
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
            let mut unproven = self.handshake(stream.into()).await?;
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
    pub async fn into_clear(self) -> io::Result<Stream> {
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
                return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
            }
            self.reader.push(room.get(..count).unwrap_or_default());
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T, LinkFailure>>) -> Result<T, LinkFailure> {
    let late = || io::Error::new(ErrorKind::TimedOut, "the other end did not finish its handshake");
    timeout(HANDSHAKE, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// Time limit for the handshake and the first frame of each side.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// What the two ends of a link have agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    /// The server is a relay agent.
    Relay,
    /// The server is a hub.
    Hub,
    /// Two agents have met, and may try to connect directly.
    Agents,
}

/// The protocol (ALPN) of a relay agent.
const RELAY: &[&[u8]] = &[ALPN];
/// The protocol of a hub.
const HUB: &[&[u8]] = &[ALPN_HUB];
/// The protocols of a relay agent and of a hub.
const EITHER: &[&[u8]] = &[ALPN, ALPN_HUB];
/// The protocols of a relay agent that takes user agents and other agents, best first.
const AGENT: &[&[u8]] = &[ALPN_AGENTS, ALPN];

/// The agent's side of TLS, with a key of its own.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Makes a key, for an agent.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn new() -> io::Result<Self> {
        Self::of(AGENT)
    }

    /// Makes a key, for a hub.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn hub() -> io::Result<Self> {
        Self::of(HUB)
    }

    fn of(protocols: &[&[u8]]) -> io::Result<Self> {
        // RFC 8410 7: an Ed25519 key is 32 random bytes in this envelope.
        let key = PrivatePkcs8KeyDer::from([ENVELOPE.as_slice(), &random::bytes::<32>()?].concat());
        let key = ed25519(&key)?;
        let public = key.public_key().ok_or_else(|| io::Error::other("a key without a public key"))?;
        let raw = Arc::new(CertifiedKey::new(vec![CertificateDer::from(public.to_vec())], key));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(raw)));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config).into()))
    }

    /// Performs the handshake.
    async fn handshake(&self, stream: Stream) -> io::Result<Unproven> {
        nodelay(&stream)?;
        let stream = self.0.accept(stream).await?;
        secured(stream.into())
    }
}

/// Performs the handshake of the side that has connected.
async fn connect(stream: impl Into<Stream>, protocols: &[&[u8]]) -> io::Result<Unproven> {
    let stream = stream.into();
    nodelay(&stream)?;
    // An address is not sent, and no certificate has a name here.
    let name = ServerName::from(stream.local_ip()?);
    let config = CLIENT.as_ref().map_err(io::Error::other)?;
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    secured(stream.into())
}

/// Fails if the peer did not choose the protocol of relays: then it is not a relay.
fn secured(stream: TlsStream<Stream>) -> io::Result<Unproven> {
    let (_, session) = stream.get_ref();
    let protocol = match session.alpn_protocol() {
        Some(ALPN) => Protocol::Relay,
        Some(ALPN_HUB) => Protocol::Hub,
        Some(ALPN_AGENTS) => Protocol::Agents,
        Some(_) | None => {
            return Err(io::Error::new(ErrorKind::InvalidData, NoRelay));
        }
    };
    let exporter = exported(&stream, EXPORTER_LABEL, None)?;
    Ok(Unproven { stream, exporter, protocol, reader: FrameReader::new() })
}

static CLIENT: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
    let provider = provider();
    let anybody = Anybody(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
});

/// Accepts every key, and checks that the handshake was signed with it. The proof comes later.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// PKCS #8 version 1, OID 1.3.101.112, an OCTET STRING of 32 in an OCTET STRING.
const ENVELOPE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Something that does not answer like a relay or a hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stranger {
    /// It answers with something else than TLS, as FTP servers, SSH servers and web servers without TLS do.
    NotTls,
    /// It speaks TLS, and not this protocol: a web server with TLS, or a relay where a hub was expected.
    OtherTls,
    /// It accepts the connection and says nothing.
    Silent,
    /// It closes the connection.
    Closed,
}

impl Stranger {
    /// What it is, if this error of a handshake says so.
    fn of(error: &io::Error) -> Option<Self> {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => return Some(Self::NotTls),
            Some(
                Error::AlertReceived(
                    AlertDescription::NoApplicationProtocol
                    | AlertDescription::ProtocolVersion
                    | AlertDescription::HandshakeFailure,
                )
                | Error::PeerIncompatible(_)
                | Error::NoApplicationProtocol,
            ) => return Some(Self::OtherTls),
            Some(_) | None => {}
        }
        let silent = error.kind() == ErrorKind::TimedOut;
        let closed = matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
        if error.kind() == ErrorKind::InvalidData
            && error.get_ref().is_some_and(|inner| inner.is::<NoRelay>())
        {
            return Some(Self::OtherTls);
        }
        if silent { Some(Self::Silent) } else { closed.then_some(Self::Closed) }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "what it says is not TLS",
            Self::OtherTls => "it speaks TLS, and another protocol inside",
            Self::Silent => "it accepts the connection and says nothing",
            Self::Closed => "it closed the connection in the handshake",
        })
    }
}

/// The peer has not chosen the protocol of relays.
#[derive(Debug, thiserror::Error)]
#[error("the peer does not speak ftp-relay/1")]
struct NoRelay;
