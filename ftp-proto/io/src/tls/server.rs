//! TLS of a server's sessions: one configuration for each control connection and its data connections,
//! so that a resumed handshake shows that both come from one client.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ftp_proto::server::ask::{DataTls, Handshake, TlsRole};
use ftp_proto::wire::Fingerprint;
use rustls::pki_types::ServerName;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    Acceptor, ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert,
    ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, ServerConfig};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, TlsStream};

use super::identity::{Certificates, Identity};
use super::trust::{AnyKey, Trust, Verifier, roots};
use crate::connection::{Connection, exported};
use crate::crypto::{lacks_aes, provider, ticketer};
use crate::socket::Stream;

/// TLS of a server. All its sessions share the certificates.
#[derive(Debug)]
pub struct Server {
    identity: Arc<Identity>,
    /// The verifier of client certificates: none, or the authorities of `--tls-client-ca`.
    plain: ServerConfig,
    /// For control connections whose client may show a certificate that an account knows; `None` where
    /// authorities are named.
    asking: Option<ServerConfig>,
    /// Whether control connections ask for a certificate.
    asks: AtomicBool,
    /// For the other end of a data connection that PINC has named.
    pinned: ServerConfig,
    /// The trust for data connections on which this server is the TLS client without PINC.
    trust: Trust,
    /// Whether data connections may resume the session of their control connection.
    resumes: bool,
    /// The protocol of control connections, as ALPN names it.
    protocol: &'static [u8],
}

/// TLS of one control connection and its data connections.
#[derive(Debug)]
pub struct Session {
    server: Arc<Server>,
    key: Arc<Key>,
    /// The configuration of the control connection; its tickets open the data connections too.
    control: ServerConfig,
    /// The version that the control connection has agreed on.
    version: OnceLock<ProtocolVersion>,
}

/// The certificate of a session: chosen by the name that the client asks for on its control connection,
/// and the same on every data connection, even if the files change meanwhile.
#[derive(Debug)]
struct Key {
    certificates: Arc<Certificates>,
    chosen: OnceLock<Arc<CertifiedKey>>,
}

impl Server {
    /// TLS with these certificates. `resumes` lets data connections resume the session of their control
    /// connection. `clients` is a PEM file of authorities: every client must show a certificate that one of
    /// them has signed; without it none is asked for.
    ///
    /// # Errors
    ///
    /// The file of authorities cannot be used, or the versions of TLS and the ciphers do not fit together.
    pub fn new(identity: Arc<Identity>, resumes: bool, clients: Option<&Path>) -> io::Result<Arc<Self>> {
        let builder = || {
            ServerConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)
        };
        let nobody = Arc::new(NoKey);
        let plain = match clients {
            Some(path) => builder()?.with_client_cert_verifier(authorities(path)?),
            None => builder()?.with_no_client_auth(),
        };
        let mut plain = plain.with_cert_resolver(Arc::clone(&nobody) as _);
        let of = |verifier: AnyKey| -> io::Result<ServerConfig> {
            let builder = builder()?.with_client_cert_verifier(Arc::new(verifier));
            Ok(builder.with_cert_resolver(Arc::clone(&nobody) as _))
        };
        let mut pinned = of(AnyKey::required())?;
        let mut asking = if clients.is_some() { None } else { Some(of(AnyKey::optional())?) };
        for config in [&mut plain, &mut pinned].into_iter().chain(&mut asking) {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config.max_early_data_size = 0;
        }
        let trust = Trust::by_roots(None)?;
        let asks = AtomicBool::new(false);
        let protocol = CONTROL;
        Ok(Arc::new(Self { identity, plain, asking, asks, pinned, trust, resumes, protocol }))
    }

    /// TLS of a server that speaks HTTP.
    ///
    /// # Errors
    ///
    /// The versions of TLS and the ciphers do not fit together.
    pub fn for_http(identity: Arc<Identity>) -> io::Result<Arc<Self>> {
        let server = Arc::into_inner(Self::new(identity, false, None)?);
        let server = server.ok_or_else(|| io::Error::other("the server is in use already"))?;
        Ok(Arc::new(Self { protocol: HTTP, ..server }))
    }

    /// The certificates that its sessions show.
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Whether sessions that begin from now on ask the client for a certificate. It need not show one, and
    /// may show any whose key it has: the login compares the fingerprint. Where authorities are
    /// named this changes nothing.
    pub fn ask_clients(&self, ask: bool) {
        self.asks.store(ask, Ordering::Relaxed);
    }

    /// TLS of a session that begins now.
    ///
    /// # Errors
    ///
    /// There are no random bytes for the key of its tickets.
    pub fn session(self: &Arc<Self>) -> io::Result<Session> {
        let key = Arc::new(Key { certificates: self.identity.certificates(), chosen: OnceLock::new() });
        let asking = self.asking.as_ref().filter(|_| self.asks.load(Ordering::Relaxed));
        let mut control = asking.unwrap_or(&self.plain).clone();
        control.cert_resolver = Arc::clone(&key) as _;
        control.alpn_protocols = vec![self.protocol.to_vec()];
        if self.resumes {
            control.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            control.ticketer = ticketer()?;
            control.send_tls13_tickets = TICKETS;
        }
        Ok(Session { server: Arc::clone(self), key, control, version: OnceLock::new() })
    }
}

/// HTTP/1.1, as ALPN names it.
const HTTP: &[u8] = b"http/1.1";

/// Whether the authorities of a file (PEM) can verify clients.
///
/// # Errors
///
/// The file cannot be read, or there is no certificate in it.
pub fn check_authorities(path: &Path) -> io::Result<()> {
    authorities(path).map(drop)
}

/// Verifies clients by the authorities of a file.
fn authorities(path: &Path) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider()).build();
    verifier.map_err(io::Error::other)
}

impl Session {
    /// Performs the handshake of the control connection.
    ///
    /// # Errors
    ///
    /// The handshake or the connection failed.
    pub async fn accept(&self, stream: impl Into<Stream>) -> io::Result<(Connection, Handshake)> {
        let stream = stream.into();
        crate::socket::nodelay(&stream)?;
        let stream = accept(self.control.clone(), stream).await?;
        if let Some(version) = stream.get_ref().1.protocol_version() {
            self.version.get_or_init(|| version);
        }
        secured(stream)
    }

    /// Performs the handshake of a data connection.
    ///
    /// # Errors
    ///
    /// The handshake or the connection failed, or the other end has shown no certificate that it must
    /// show.
    pub async fn data(&self, stream: impl Into<Stream>, how: DataTls) -> io::Result<(Connection, Handshake)> {
        let stream = stream.into();
        match how.role {
            TlsRole::Server => secured(accept(self.server_config(how), stream).await?),
            TlsRole::Client => {
                let name = ServerName::from(stream.peer_addr()?.ip());
                let config = Arc::new(self.client_config(how)?);
                secured(TlsConnector::from(config).connect(name, stream).await?)
            }
        }
    }

    fn server_config(&self, how: DataTls) -> ServerConfig {
        let mut config = if how.pinned {
            self.server.pinned.clone()
        } else if how.resumes {
            self.control.clone()
        } else {
            self.server.plain.clone()
        };
        config.cert_resolver = Arc::clone(&self.key) as _;
        config.alpn_protocols = vec![DATA.to_vec(), CONTROL.to_vec()];
        // A client that never reads them would turn its close into a reset.
        config.send_tls13_tickets = 0;
        if self.version.get() == Some(&ProtocolVersion::TLSv1_2) {
            // OpenSSL forgets the ticket that it has used as soon as a new one comes.
            config.ticketer = Arc::new(OldTickets(config.ticketer));
        }
        // Without it the exporter of TLS 1.2 does not tell two connections apart (RFC 7627, RFC 9266 4).
        config.require_ems = !how.resumes;
        config
    }

    fn client_config(&self, how: DataTls) -> io::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous();
        // What a pinned peer shows is compared afterwards.
        let trust = if how.pinned { Trust::anybody() } else { self.server.trust.clone() };
        let builder = builder.with_custom_certificate_verifier(Arc::new(Verifier::new(trust)));
        let mut config = match self.key.chosen.get() {
            Some(key) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::clone(key))))
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = false;
        config.resumption = rustls::client::Resumption::disabled();
        config.require_ems = true;
        Ok(config)
    }
}

/// Performs a handshake with `config`. The cipher is chosen in our order, unless the client lacks AES.
async fn accept(
    mut config: ServerConfig,
    stream: Stream,
) -> io::Result<tokio_rustls::server::TlsStream<Stream>> {
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    config.ignore_client_order = !lacks_aes(begun.client_hello().cipher_suites());
    begun.into_stream(Arc::new(config)).await
}

/// The connection after its handshake, and what the other end has shown.
fn secured(stream: impl Into<TlsStream<Stream>>) -> io::Result<(Connection, Handshake)> {
    let stream = stream.into();
    let (_, state) = stream.get_ref();
    let leaf = state.peer_certificates().and_then(<[_]>::first);
    let shown = Handshake {
        leaf: leaf.map(|leaf| Fingerprint::of(leaf)),
        resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        exporter: exported(&stream, EXPORTER, Some(&[]))?,
    };
    Ok((Connection::private(stream, Vec::new()), shown))
}

impl ResolvesServerCert for Key {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(chosen) = self.chosen.get() {
            return Some(Arc::clone(chosen));
        }
        let key = self.certificates.of(hello.server_name())?;
        Some(Arc::clone(self.chosen.get_or_init(|| Arc::clone(key))))
    }
}

/// Accepts the tickets that a control connection has given with TLS 1.2 and gives none: the client keeps what
/// it has (RFC 5077 3.3). An empty one would not do, because Go's clients keep it instead. With TLS 1.3 rustls
/// would accept none.
#[derive(Debug)]
struct OldTickets(Arc<dyn ProducesTickets>);

impl ProducesTickets for OldTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(ticket)
    }
}

/// The resolver of a configuration that every session replaces by its own.
#[derive(Debug)]
struct NoKey;

impl ResolvesServerCert for NoKey {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// The protocols of ALPN. They are compared only if the client names some (RFC 7301 3.2).
const CONTROL: &[u8] = b"ftp";
const DATA: &[u8] = b"ftp-data";
/// The exporter that binds a proof to its connection (RFC 9266 2).
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";
/// How many sessions of TLS 1.2 a control connection remembers; all are those of one client.
const SESSIONS: usize = 8;
/// How many tickets of TLS 1.3 a control connection gives. Each may be used any number of times, but a
/// careful client uses each only once (RFC 8446 C.4).
const TICKETS: usize = 4;
