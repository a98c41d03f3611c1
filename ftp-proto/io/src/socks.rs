//! The client of a SOCKS5 proxy (RFC 1928), which connects for this host.

use crate::os_error::words;
use crate::socket::Stream;
use ftp_proto::wire::Secret;
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;

/// Where the proxy is to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPort {
    /// An address, to which the proxy connects as it is.
    Address(SocketAddr),
    /// A host and a port. The proxy looks the host up.
    Name(String, u16),
}

/// Why a proxy has not connected. The text continues "the proxy ...".
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// It has closed the connection.
    #[error("closed the connection without an answer")]
    Closed,
    /// The connection with it has failed.
    #[error("failed: {}", words(.0))]
    Io(io::Error),
    /// What it says is not RFC 1928.
    #[error("does not speak SOCKS5")]
    NotSocks,
    /// It wants a user and a password, and there are none.
    #[error("demands a login")]
    LoginDemanded,
    /// It wants another login than a user and a password.
    #[error("accepts no login with a password")]
    NoPasswords,
    /// The user or the password is wrong (RFC 1929).
    #[error("refuses its user and password")]
    LoginRefused,
    /// It has refused to connect, or could not. The text is that of RFC 1928 section 6.
    #[error("said \"{1}\"")]
    Refused(ErrorKind, &'static str),
    /// It has refused to connect, with a reply that RFC 1928 does not name.
    #[error("refused with the reply {0}, which RFC 1928 does not know")]
    Unnamed(u8),
    /// Anything else, in the words of the library.
    #[error("cannot be used: {0}")]
    Other(String),
}

impl Error {
    /// The kind of the same error without a proxy. [`ErrorKind::PermissionDenied`] is a refusal that lasts, and
    /// [`ErrorKind::InvalidData`] is something that does not speak SOCKS5.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed => ErrorKind::ConnectionAborted,
            Self::Io(error) => error.kind(),
            Self::NotSocks => ErrorKind::InvalidData,
            Self::LoginDemanded | Self::NoPasswords | Self::LoginRefused => ErrorKind::PermissionDenied,
            Self::Refused(kind, _) => *kind,
            Self::Unnamed(_) | Self::Other(_) => ErrorKind::Other,
        }
    }
}

/// Has the proxy at the other end of `stream` connect to `to`. The login is a user and a password (RFC 1929), 1 to 255
/// bytes each.
///
/// # Errors
///
/// What the proxy has answered, or what became of the connection with it.
pub async fn connect(stream: Stream, login: Option<(&str, &Secret)>, to: HostPort) -> Result<Stream, Error> {
    let to = match to {
        HostPort::Address(at) => TargetAddr::Ip(at),
        HostPort::Name(host, port) => TargetAddr::Domain(Cow::Owned(host), port),
    };
    let mut heard = ProxyStream { stream, answer: Vec::with_capacity(HEAD) };
    let connected = match login {
        None => Socks5Stream::connect_with_socket(&mut heard, to).await,
        Some((user, password)) => {
            let password = str::from_utf8(password.expose()).unwrap_or_default();
            Socks5Stream::connect_with_password_and_socket(&mut heard, to, user, password).await
        }
    };
    match connected.map(drop) {
        Ok(()) => Ok(heard.stream),
        Err(error) => Err(heard.unnamed(&error).unwrap_or_else(|| refusal(error, login.is_some()))),
    }
}

/// The connection with the proxy, which remembers how its last answer begins.
#[derive(Debug)]
struct ProxyStream {
    stream: Stream,
    /// What has come since something was sent, up to [`HEAD`] bytes.
    answer: Vec<u8>,
}

impl ProxyStream {
    /// The reply that the library does not know. It has the same error for a method that it has not offered.
    fn unnamed(&self, error: &tokio_socks::Error) -> Option<Error> {
        match (error, self.answer.as_slice()) {
            (tokio_socks::Error::UnknownAuthMethod, [_, reply, _, _]) => Some(Error::Unnamed(*reply)),
            _ => None,
        }
    }
}

impl AsyncRead for ProxyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, room));
        let free = HEAD.saturating_sub(self.answer.len());
        self.answer.extend(room.filled().iter().skip(before).take(free));
        Poll::Ready(read)
    }
}

impl AsyncWrite for ProxyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answer.clear();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the errors are not ours")]
fn refusal(error: tokio_socks::Error, had_login: bool) -> Error {
    use tokio_socks::Error as Theirs;
    match error {
        Theirs::Io(error) if error.kind() == ErrorKind::UnexpectedEof => Error::Closed,
        Theirs::Io(error) => Error::Io(error),
        Theirs::InvalidResponseVersion
        | Theirs::InvalidReservedByte
        | Theirs::UnknownAddressType
        | Theirs::UnknownAuthMethod => Error::NotSocks,
        Theirs::NoAcceptableAuthMethods if !had_login => Error::LoginDemanded,
        Theirs::NoAcceptableAuthMethods => Error::NoPasswords,
        Theirs::PasswordAuthFailure(_) => Error::LoginRefused,
        Theirs::ConnectionNotAllowedByRuleset => {
            Error::Refused(ErrorKind::PermissionDenied, "connection not allowed by ruleset")
        }
        Theirs::NetworkUnreachable => Error::Refused(ErrorKind::NetworkUnreachable, "network unreachable"),
        Theirs::HostUnreachable => Error::Refused(ErrorKind::HostUnreachable, "host unreachable"),
        Theirs::ConnectionRefused => Error::Refused(ErrorKind::ConnectionRefused, "connection refused"),
        Theirs::TtlExpired => Error::Refused(ErrorKind::TimedOut, "TTL expired"),
        Theirs::CommandNotSupported => Error::Refused(ErrorKind::Unsupported, "command not supported"),
        Theirs::AddressTypeNotSupported => {
            Error::Refused(ErrorKind::Unsupported, "address type not supported")
        }
        Theirs::GeneralSocksServerFailure => Error::Refused(ErrorKind::Other, "general SOCKS server failure"),
        other => Error::Other(other.to_string()),
    }
}

/// How many bytes a reply has before its address (RFC 1928 section 6).
const HEAD: usize = 4;
