//! Sockets to a database server, and TLS over them: those of `ftp_io`, as everywhere.

use super::session::Parameters;
use crate::journal::url::{DatabaseHost, SslMode};
use crate::world::connect_to_host;
use ftp_io::connection::Connection;
use ftp_io::socket::{self, keepalive, nodelay};
use ftp_io::tls::{Client, Doubt, Trust, Versions};
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Connects to the host.
pub(super) async fn connect(parameters: &Parameters) -> io::Result<Connection> {
    let port = parameters.url.port;
    let host = match &parameters.url.host {
        DatabaseHost::Directory(directory) => {
            let socket = UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await?;
            return Ok(socket::Stream::from(socket).into());
        }
        DatabaseHost::Name(name) => name,
    };
    let stream = connect_to_host(host, port).await?;
    nodelay(&stream)?;
    keepalive(&stream)?;
    Ok(stream.into())
}

/// Begins TLS with a database server.
#[derive(Debug)]
pub(super) struct Tls {
    client: Client,
    /// Whether a certificate that the roots vouch for may be that of another host.
    admits_other_host: bool,
}

impl Tls {
    /// TLS as the mode wants it. `roots`: a file of authorities that count in the place of those of this host.
    pub(super) fn new(mode: SslMode, host: &DatabaseHost, roots: Option<&Path>) -> io::Result<Self> {
        let trust = match mode {
            SslMode::Disable | SslMode::Prefer | SslMode::Require => Trust::anybody(),
            SslMode::VerifyCa => Trust::by_roots(roots)?.admitting(),
            SslMode::VerifyFull => Trust::by_roots(roots)?,
        };
        let name = match host {
            DatabaseHost::Name(name) => name,
            DatabaseHost::Directory(_) => "localhost",
        };
        let client = Client::new(&trust, name, Versions::All, |_| {})?;
        Ok(Self { client, admits_other_host: mode == SslMode::VerifyCa })
    }
}

impl TlsConnect<Connection> for Tls {
    type Stream = TlsConnection;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsConnection>> + Send>>;

    fn connect(self, connection: Connection) -> Self::Future {
        Box::pin(async move {
            let connection = self.client.connect(connection).await?;
            // Nothing that is secret was sent so far.
            match self.client.doubt().filter(|_| self.admits_other_host) {
                None | Some(Doubt::OtherHost(_)) => Ok(TlsConnection(connection)),
                Some(doubt) => Err(io::Error::other(format!("its certificate is not trusted: {doubt}"))),
            }
        })
    }
}

/// A connection inside TLS.
#[derive(Debug)]
pub(super) struct TlsConnection(Connection);

impl TlsStream for TlsConnection {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, room)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
