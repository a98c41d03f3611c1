//! The network: names are looked up, connections begin, straight or through a SOCKS5 proxy (RFC 1928), which connects from its
//! own host, and ports listen.

use crate::failure::words;
use crate::place::Proxy;
pub use ftp_io::socket::Congestion;
use ftp_io::socket::{self, Listener, Ports, Reserved};
pub(crate) use ftp_io::socket::{Stream, end_by_reset, keepalive, look_up, reset};
use ftp_io::socks;
pub(crate) use ftp_io::socks::HostPort;
use ftp_proto::address::Parity;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;

/// Connects to `to` from any port of `from`, or through the proxy. The future borrows nothing.
pub(crate) fn connect(
    proxy: Option<&Arc<Proxy>>,
    from: IpAddr,
    to: HostPort,
) -> impl Future<Output = io::Result<Stream>> + Send + use<> {
    let proxy = proxy.cloned();
    async move {
        match (proxy, to) {
            (Some(proxy), to) => connect_through(&proxy, to).await,
            (None, HostPort::Address(to)) => socket::connect(from, to).await,
            (None, HostPort::Name(host, _)) => {
                let what = format!("the host {host} has no known address");
                Err(io::Error::new(ErrorKind::NotFound, what))
            }
        }
    }
}

/// Connects to the proxy, and has it connect to `to`. Each error names the proxy.
async fn connect_through(proxy: &Proxy, to: HostPort) -> io::Result<Stream> {
    let stream = connect_to_host(&proxy.at.host, proxy.at.port).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot connect to the proxy {proxy}: {}", words(&error)))
    })?;
    let login = proxy.login.as_ref().map(|login| (login.user.as_str(), &login.password));
    socks::connect(stream, login, to).await.map_err(|error| {
        let demanded = matches!(error, socks::Error::LoginDemanded);
        let form = if demanded { ": socks5://USER:PASSWORD@HOST:PORT" } else { "" };
        io::Error::new(error.kind(), format!("the proxy {proxy} {error}{form}"))
    })
}

/// Connects to a host without a proxy. A name may have several addresses, and the first one that answers is taken.
///
/// # Errors
///
/// The name is not known, or the last address does not answer.
pub(crate) async fn connect_to_host(host: &str, port: u16) -> io::Result<Stream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for at in look_up(host, port).await? {
        match socket::connect(anywhere(at.ip()), at).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to a Unix socket of this host.
pub(crate) async fn connect_unix(path: &Path) -> io::Result<Stream> {
    Ok(UnixStream::connect(path).await?.into())
}

/// Listens at any free port of that address.
pub(crate) fn listen(local: IpAddr) -> io::Result<OpenPort> {
    let ports = Ports::new(None);
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let reserved = ports.reserve(local, Parity::Any)?;
        match reserved.listen() {
            Ok(listener) => return Ok(OpenPort { listener, reserved }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A port of this host at which this program listens. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct OpenPort {
    listener: Listener,
    /// Keeps the port.
    reserved: Reserved,
}

impl OpenPort {
    /// Where it listens.
    pub(crate) fn at(&self) -> SocketAddr {
        self.reserved.local()
    }

    /// Takes the next connection.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.listener.accept().await
    }

    /// Resets a connection that waits; `None` if none does.
    pub(crate) fn reset_waiting(&self) -> Option<SocketAddr> {
        self.listener.reset_waiting()
    }
}

/// Any address of this host from which that can be reached.
pub(crate) const fn unbound(to: &HostPort) -> IpAddr {
    match to {
        HostPort::Address(at) => anywhere(at.ip()),
        HostPort::Name(..) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// Any address of this host in the family of `like`.
pub(crate) const fn anywhere(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Another program may be faster at the same port.
const ATTEMPTS: usize = 3;
