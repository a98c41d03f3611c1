//! TLS of one control connection and its data connections: one configuration, one name, one store of
//! sessions.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fingerprint::Fingerprint;
use super::refusal::Refusal;
use super::sessions::Sessions;
use super::trust::{Trust, provider};
use super::verifier::Verifier;
use crate::connection::Connection;

/// TLS towards one server. Clones are the same: what one of them learns (tickets), all may use.
#[derive(Clone)]
pub struct Client {
    /// Never rebuilt: rustls resumes no session of another verifier.
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verifier: Arc<Verifier>,
    sessions: Arc<Sessions>,
    tell: Arc<dyn Fn(Handshake) + Send + Sync>,
}

impl Debug for Client {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which versions of TLS are offered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Versions {
    /// 1.3 and 1.2.
    #[default]
    All,
    /// 1.2 alone: its sessions are resumed any number of times, where tickets of 1.3 may run out.
    Tls12,
}

/// How a handshake went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handshake {
    /// The version, `TLSv1.3`.
    pub version: &'static str,
    /// It has resumed an earlier session of the same client.
    pub resumed: bool,
}

impl Client {
    /// For the server `host`, a name or an address; `tell` hears how each handshake went.
    pub fn new(
        trust: &Trust,
        host: &str,
        versions: Versions,
        tell: impl Fn(Handshake) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        // A zone is this host's affair.
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
        // Of its own: another server at the same address must not be offered this one's tickets.
        let sessions = Arc::new(Sessions::default());
        config.resumption = Resumption::store(Arc::clone(&sessions) as Arc<_>);
        Ok(Self { config: Arc::new(config), name, verifier, sessions, tell: Arc::new(tell) })
    }

    /// Performs the handshake.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says whether the certificate or the connection is the reason.
    pub async fn connect(&self, stream: TcpStream) -> Result<Connection, Refusal> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await.map_err(|error| {
            let refusal = self.verifier.refusal();
            refusal.unwrap_or(Refusal::Failed(error))
        })?;
        let session = stream.get_ref().1;
        (self.tell)(Handshake {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(_) | None => "TLS",
            },
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        });
        Ok(Connection::private(stream.into(), Vec::new()))
    }

    /// Another certificate than that of the control connection, where some data connection has shown one.
    pub fn impostor(&self) -> Option<Fingerprint> {
        self.verifier.another()
    }

    /// The server has given tickets and none is left: the next data connection would resume nothing,
    /// which many servers refuse. Some give none with an upload (ProFTPD), so that a few of them suffice.
    pub fn is_used_up(&self) -> bool {
        self.sessions.are_used_up()
    }
}
