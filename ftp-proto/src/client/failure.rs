//! Why a session ended.

use super::timer::Timer;
use crate::reply::{NotFtp, Reply};

/// Why a session ended.
///
/// Each variant is a case that a program may want to treat differently; the texts of `Display` are for
/// logs. A program that knows the server's address and the configured times can say more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server accepted the connection and sent nothing at all before the greeting was due. The
    /// port may belong to another protocol, or expect TLS from the first byte on.
    #[error("the server sent no greeting")]
    NoGreeting,
    /// The server closed the connection before it sent a greeting.
    #[error("the server closed the control connection before its greeting")]
    ClosedEarly,
    /// The server began with a TLS record where a greeting in clear was expected.
    #[error("the server speaks TLS on this port from the first byte on")]
    TlsOnly,
    /// The server sent something that is not FTP.
    #[error("the server does not speak FTP: {0}")]
    NotFtp(NotFtp),
    /// The server closed the connection after its greeting.
    #[error("the server closed the control connection")]
    Closed,
    /// A reply did not come in time.
    #[error("the server did not answer in time ({} timer)", .0.name())]
    Silent(Timer),
    /// The server refused AUTH. Nothing about the user was sent.
    #[error("the server does not offer TLS: {}", .0.display())]
    TlsRefused(Reply),
    /// Bytes in clear followed the answer to AUTH. They could come from anybody, and would be read as
    /// what the server says inside TLS.
    #[error("the server, or somebody in between, sent data in clear after its answer to AUTH")]
    Injected,
    /// The server refused PROT P, so that it would not protect data connections.
    #[error("the server does not protect data connections: {}", .0.display())]
    DataInClear(Reply),
    /// The server refused the login.
    #[error("the server refused the login: {}", .0.display())]
    LoginRefused(Reply),
    /// The server asked for a password, and [`Config::password`](super::Config::password) is empty.
    #[error("the server asks for a password: {}", .0.display())]
    PasswordNeeded(Reply),
    /// The server asked for an account, and [`Config::account`](super::Config::account) is empty.
    #[error("the server asks for an account: {}", .0.display())]
    AccountNeeded(Reply),
    /// The server announced that the service is not available (421; 401 and others in 1973).
    #[error("the server ended the session: {}", .0.display())]
    Unavailable(Reply),
    /// The replies cannot be matched with commands any more: after ABOR, or because there are far too many.
    #[error("the replies of the server cannot be matched with commands")]
    OutOfStep,
    /// The session was closed with [`Input::Quit`](super::Input::Quit).
    #[error("the session was closed")]
    Quit,
}
