//! TCP connections of this program: straight, or through a SOCKS5 proxy (RFC 1928), which connects from its own host.

use crate::context::Context;
use crate::failure::words;
use crate::place::Proxy;
use ftp_io::socket;
use ftp_io::socks::{self, HostPort};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::net::{TcpStream, lookup_host};

/// Connects to `to` from any port of `from`, or through the proxy of this run. The future borrows nothing.
pub(crate) fn open_tcp(
    context: &Context,
    from: IpAddr,
    to: HostPort,
) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
    let proxy = context.settings.proxy.clone();
    async move {
        match (proxy, to) {
            (Some(proxy), to) => through(&proxy, to).await,
            (None, HostPort::Address(to)) => socket::connect(from, to).await,
            (None, HostPort::Name(host, _)) => {
                Err(io::Error::new(ErrorKind::NotFound, format!("the host {host} has no known address")))
            }
        }
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

/// Connects to the proxy, and has it connect to `to`. Each error names the proxy.
async fn through(proxy: &Proxy, to: HostPort) -> io::Result<TcpStream> {
    let stream = to_proxy(proxy).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot connect to the proxy {proxy}: {}", words(&error)))
    })?;
    let login = proxy.login.as_ref().map(|login| (login.user.as_str(), &login.password));
    socks::connect(stream, login, to).await.map_err(|error| {
        let demanded = matches!(error, socks::Error::LoginDemanded);
        let form = if demanded { ": socks5://USER:PASSWORD@HOST:PORT" } else { "" };
        io::Error::new(error.kind(), format!("the proxy {proxy} {error}{form}"))
    })
}

async fn to_proxy(proxy: &Proxy) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for at in lookup_host((proxy.at.host.as_str(), proxy.at.port)).await? {
        match socket::connect(anywhere(at.ip()), at).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
