//! Connections of this program: straight, or through a SOCKS5 proxy (RFC 1928), which connects from its own host.

use crate::config::{Proxy, ProxyLogin};
use crate::context::Context;
use crate::failure::words;
use ftp_io::socket;
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpStream, lookup_host};
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;

/// Where a connection leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HostPort {
    /// An address that this host connects to by itself, or has the proxy connect to.
    Address(SocketAddr),
    /// A host that this one cannot find, and a port: the proxy looks it up.
    Name(String, u16),
}

/// Connects to `to` from any port of `from`, or through the proxy of this run. The future borrows nothing.
pub(crate) fn reach(
    context: &Context,
    from: IpAddr,
    to: HostPort,
) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
    let proxy = context.proxy.clone();
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
    let to = match to {
        HostPort::Address(at) => TargetAddr::Ip(at),
        HostPort::Name(host, port) => TargetAddr::Domain(Cow::Owned(host), port),
    };
    let connected = match &proxy.login {
        None => Socks5Stream::connect_with_socket(stream, to).await,
        Some(ProxyLogin { user, password }) => {
            let password = str::from_utf8(password.expose()).unwrap_or_default();
            Socks5Stream::connect_with_password_and_socket(stream, to, user, password).await
        }
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| refusal(proxy, error))
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

/// What the proxy has answered, for people. [`ErrorKind::PermissionDenied`] is a refusal that lasts, and
/// [`ErrorKind::InvalidData`] is something that does not speak SOCKS5.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors are not ours")]
fn refusal(proxy: &Proxy, error: tokio_socks::Error) -> io::Error {
    use tokio_socks::Error;
    let said = |kind, reply: &str| io::Error::new(kind, format!("the proxy {proxy} said \"{reply}\""));
    let told = |kind, what: String| io::Error::new(kind, format!("the proxy {proxy} {what}"));
    match error {
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            told(ErrorKind::ConnectionAborted, "closed the connection without an answer".to_owned())
        }
        Error::Io(error) => told(error.kind(), format!("failed: {}", words(&error))),
        Error::InvalidResponseVersion
        | Error::InvalidReservedByte
        | Error::UnknownAddressType
        | Error::UnknownAuthMethod => told(ErrorKind::InvalidData, "does not speak SOCKS5".to_owned()),
        Error::NoAcceptableAuthMethods if proxy.login.is_none() => {
            told(ErrorKind::PermissionDenied, "demands a login: socks5://USER:PASSWORD@HOST:PORT".to_owned())
        }
        Error::NoAcceptableAuthMethods => {
            told(ErrorKind::PermissionDenied, "accepts no login with a password".to_owned())
        }
        Error::PasswordAuthFailure(_) => {
            told(ErrorKind::PermissionDenied, "refuses its user and password".to_owned())
        }
        Error::ConnectionNotAllowedByRuleset => {
            said(ErrorKind::PermissionDenied, "connection not allowed by ruleset")
        }
        Error::NetworkUnreachable => said(ErrorKind::NetworkUnreachable, "network unreachable"),
        Error::HostUnreachable => said(ErrorKind::HostUnreachable, "host unreachable"),
        Error::ConnectionRefused => said(ErrorKind::ConnectionRefused, "connection refused"),
        Error::TtlExpired => said(ErrorKind::TimedOut, "TTL expired"),
        Error::CommandNotSupported => said(ErrorKind::Unsupported, "command not supported"),
        Error::AddressTypeNotSupported => said(ErrorKind::Unsupported, "address type not supported"),
        Error::GeneralSocksServerFailure => said(ErrorKind::Other, "general SOCKS server failure"),
        other => told(ErrorKind::Other, format!("cannot be used: {other}")),
    }
}
