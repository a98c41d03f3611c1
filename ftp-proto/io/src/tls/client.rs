//! TLS of one control connection and its data connections: one configuration, one name, one store of
//! sessions.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use ftp_proto::wire::Fingerprint;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, NamedGroup};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::refusal::{Doubt, Refusal};
use super::trust::{Trust, Verifier};
use crate::connection::Connection;
use crate::crypto::provider;
use crate::lock::Lock;
use crate::socket::{self, Stream};

/// TLS towards one server. Clones share everything, above all the tickets.
#[derive(Clone)]
pub struct Client {
    /// This is never rebuilt, because rustls resumes no session of another verifier.
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verifier: Arc<Verifier>,
    sessions: Arc<Sessions>,
    tell: Arc<dyn Fn(Handshake) + Send + Sync>,
    shaken: Arc<Mutex<ClientHandshakes>>,
}

/// The handshakes of a client. The first one is that of the control connection.
#[derive(Clone, Copy, Debug, Default)]
struct ClientHandshakes {
    control: Option<Handshake>,
    /// That of the last data connection.
    data: Option<Handshake>,
}

impl Debug for Client {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The versions of TLS that are offered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Versions {
    /// TLS 1.3 and 1.2.
    #[default]
    All,
    /// TLS 1.2 alone. Its sessions can be resumed any number of times, while tickets of 1.3 may run out.
    Tls12,
}

/// How a handshake went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handshake {
    /// The version, such as `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`, if it has a name.
    pub suite: Option<&'static str>,
    /// Whether an earlier session of the same client was resumed.
    pub resumed: bool,
}

impl Client {
    /// Makes a client for the server `host`, a name or an address. `tell` is called after each handshake.
    ///
    /// # Errors
    ///
    /// `host` cannot be the name of a server.
    pub fn new(
        trust: &Trust,
        host: &str,
        versions: Versions,
        tell: impl Fn(Handshake) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        // The zone of an IPv6 address means something on this host only.
        let address = host.split('%').next().unwrap_or(host).parse::<IpAddr>();
        let name = match address {
            Ok(address) => ServerName::from(address),
            Err(_) => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let verifier = Arc::new(Verifier::new(trust.clone()));
        let versions = match versions {
            Versions::All => vec![&TLS13, &TLS12],
            Versions::Tls12 => vec![&TLS12],
        };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<_>)
            .with_no_client_auth();
        // The store is its own: another server at the same address must not be offered these tickets.
        let sessions = Arc::new(Sessions::default());
        config.resumption = Resumption::store(Arc::clone(&sessions) as Arc<_>);
        Ok(Self {
            config: Arc::new(config),
            name,
            verifier,
            sessions,
            tell: Arc::new(tell),
            shaken: Arc::default(),
        })
    }

    /// Performs the handshake, over a socket or inside a link with a relay.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says whether the certificate or the connection is the reason.
    pub async fn connect(&self, stream: impl Into<Connection>) -> Result<Connection, Refusal> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream.into()).await.map_err(|error| {
            let refusal = self.verifier.refusal();
            refusal.unwrap_or_else(|| failed(error))
        })?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let connection = Connection::inside(stream);
        let (version, suite) = (connection.tls_version().unwrap_or("TLS"), connection.tls_suite());
        let handshake = Handshake { version, suite, resumed };
        let mut shaken = self.shaken.locked();
        match shaken.control {
            None => shaken.control = Some(handshake),
            Some(_) => shaken.data = Some(handshake),
        }
        drop(shaken);
        (self.tell)(handshake);
        Ok(connection)
    }

    /// The handshake of the control connection, once it was made.
    pub fn control(&self) -> Option<Handshake> {
        self.shaken.locked().control
    }

    /// The handshake of the last data connection.
    pub fn data(&self) -> Option<Handshake> {
        self.shaken.locked().data
    }

    /// The certificate that the control connection has shown, once it was accepted.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.verifier.accepted()
    }

    /// Why the certificate of the control connection would not have been accepted, where
    /// [`Trust::admitting`] has admitted it.
    pub fn doubt(&self) -> Option<Doubt> {
        self.verifier.doubt()
    }

    /// The certificate that a data connection has shown if it is not that of the control connection.
    pub fn impostor(&self) -> Option<Fingerprint> {
        self.verifier.another()
    }

    /// How many data connections can resume the session, if the server has given tickets that are used once. Another
    /// one would resume nothing, which many servers refuse. Some give no ticket with an upload (ProFTPD), so none is
    /// left after a few of them.
    pub fn tickets_left(&self) -> Option<usize> {
        self.sessions.tickets_left()
    }
}

/// Whether the peer has ended TLS because it got no certificate. With TLS 1.3 this comes after the handshake.
pub(crate) fn demands_certificate(error: &io::Error) -> bool {
    use rustls::AlertDescription::CertificateRequired;
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::AlertReceived(CertificateRequired)))
}

/// Why a handshake failed that no certificate has ended.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors are not ours")]
fn failed(error: io::Error) -> Refusal {
    use rustls::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        // The peer sent something that is not a TLS record.
        Some(rustls::Error::InvalidMessage(_)) => Refusal::NotTls,
        Some(_) if demands_certificate(&error) => Refusal::CertificateDemanded,
        Some(
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion),
        ) => Refusal::NothingInCommon(error),
        Some(_) | None => Refusal::Failed(error),
    }
}

/// The sessions with one server; there is one store for each, so the name is ignored.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Tickets>);

#[derive(Debug, Default)]
struct Tickets {
    group: Option<NamedGroup>,
    /// The session of TLS 1.2; it can be resumed any number of times.
    old: Option<Tls12ClientSessionValue>,
    /// The tickets of TLS 1.3; each is used once.
    tickets: VecDeque<Tls13ClientSessionValue>,
    /// Whether any ticket was given.
    gives_tickets: bool,
}

impl Sessions {
    /// How many tickets are left, if the server has given some and every session ends with them.
    pub(super) fn tickets_left(&self) -> Option<usize> {
        let all = self.0.locked();
        (all.gives_tickets && all.old.is_none()).then_some(all.tickets.len())
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.locked().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.locked().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.locked().old = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.locked().old.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.locked().old = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut all = self.0.locked();
        all.gives_tickets = true;
        if all.tickets.len() == MAX_TICKETS {
            all.tickets.pop_front();
        }
        all.tickets.push_back(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.locked().tickets.pop_back()
    }
}

/// Maximum number of tickets that are kept, more than any server gives at once.
const MAX_TICKETS: usize = 16;

/// A data connection that nothing was read from or written to yet. Where a client wants it to be
/// private, the handshake comes with the first byte, because servers expect it after their preliminary
/// reply.
#[derive(Debug)]
pub struct Data {
    connection: Connection,
    /// Begins TLS as a client. `None` if the connection is in clear, or inside TLS already (a server).
    client: Option<Box<Client>>,
}

impl From<TcpStream> for Data {
    fn from(stream: TcpStream) -> Self {
        Connection::from(stream).into()
    }
}

impl From<Stream> for Data {
    fn from(stream: Stream) -> Self {
        Connection::from(stream).into()
    }
}

impl From<Connection> for Data {
    fn from(connection: Connection) -> Self {
        Self { connection, client: None }
    }
}

impl Data {
    /// A data connection that will resume the session of its control connection, if the server lets it. TLS runs from
    /// here to the server, also inside a link with a relay.
    pub fn private(connection: impl Into<Connection>, client: &Client) -> Self {
        Self { connection: connection.into(), client: Some(Box::new(client.clone())) }
    }

    /// Makes every end of the connection a reset, until somebody says that all is well.
    pub(crate) fn end_by_reset(&self) {
        socket::end_by_reset(self.connection.socket());
    }

    /// [`Connection::may_end_silently`], for a connection of a server.
    pub fn may_end_silently(&self) {
        if self.client.is_none() {
            self.connection.may_end_silently();
        }
    }

    /// The address of the other end, if it is one of TCP.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.connection.peer()
    }

    /// The connection, if there is no TLS and none is to begin.
    pub(crate) fn clear(&self) -> Option<&Connection> {
        (self.client.is_none() && !self.connection.has_tls()).then_some(&self.connection)
    }

    /// The connection, if no handshake is to come.
    pub(crate) fn into_open(self) -> Option<Connection> {
        self.client.is_none().then_some(self.connection)
    }

    /// Performs the handshake, if there is still to be one.
    ///
    /// # Errors
    ///
    /// TLS failed, or the peer showed another certificate than on the control connection.
    pub(crate) async fn open(self) -> io::Result<Connection> {
        let Self { connection, client } = self;
        let Some(client) = client else { return Ok(connection) };
        // The last flight of the handshake is small, and then it may be the peer's turn.
        socket::nodelay(connection.socket())?;
        Ok(client.connect(connection).await?)
    }
}
