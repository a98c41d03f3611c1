//! What goes into a session and what comes out of it: its configuration, inputs, outputs and events, its waits, and why it ended.

use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, NotFtp, Reply};
use crate::timer::Moment;
use crate::wire::Secret;
use std::time::Duration;

/// The configuration of a [`Session`](super::Session).
///
/// The default logs in anonymously and without TLS, with a minute for each reply.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user name, the argument of USER.
    pub user: Vec<u8>,
    /// The password, sent with PASS if the server asks for it. Without one the session ends there, since a server counts
    /// a wrong password against the user and the address.
    pub password: Option<Secret>,
    /// The account, sent with ACCT if the server asks for it (RFC 354, RFC 959 section 4.1.1).
    pub account: Option<Secret>,
    /// Whether TLS protects the session.
    pub security: Security,
    /// How long the greeting and each reply may take. The first reply to a transfer command may take
    /// twice as long, because many servers send it only when the other end has connected.
    pub reply_timeout: Duration,
    /// How long the replies to ABOR may take (conformance H19, H20).
    pub abort_timeout: Duration,
    /// Whether the session reports the commands that it sends ([`Event::Sent`]). Their texts cost time, so turn it off without a trace.
    pub traces: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            user: b"anonymous".to_vec(),
            password: Some(Secret::new("anonymous@")),
            account: None,
            security: Security::Clear,
            reply_timeout: Duration::from_secs(60),
            abort_timeout: Duration::from_secs(10),
            traces: true,
        }
    }
}

/// What protects a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Security {
    /// Nothing: everything travels in clear.
    #[default]
    Clear,
    /// TLS from AUTH on where the server offers it, as its answer to AUTH tells. A server of 1973 is not asked. The
    /// login is in clear only after a refusal, which [`Event::TlsAbsent`](super::Event::TlsAbsent) tells.
    Offered,
    /// TLS from AUTH on (RFC 4217 section 4). A server that refuses AUTH never sees the user's name.
    Explicit,
    /// TLS from the first byte on. The driver completes the handshake before it passes on any input.
    Implicit,
}

impl Security {
    /// Returns whether the login travels inside TLS, whatever the server answers.
    pub const fn is_secured(self) -> bool {
        match self {
            Self::Clear | Self::Offered => false,
            Self::Explicit | Self::Implicit => true,
        }
    }
}

/// Identifies one command of one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u64);

/// What the driver tells the session. Commands have a method of their own,
/// [`Session::send`](super::Session::send), because each one has an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Bytes arrived on the control connection; inside TLS, what was decrypted.
    Bytes(&'a [u8]),
    /// The TLS handshake that [`Output::StartTls`] asked for is complete. Bytes in and out travel
    /// inside TLS from now on.
    Secured,
    /// The control connection was closed or broke, at either end.
    Closed,
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
    /// Abort the transfer that is under way: send ABOR, with Telnet IP and Synch unless TLS is used,
    /// and count the replies until the session is in step again. It ends with [`Event::AbortDone`] or
    /// [`Event::Ended`].
    ///
    /// If the server still sends the final reply to the aborted command, it comes as
    /// [`Event::Reply`]. If nothing is under way, ABOR frees a listener (RFC 2428 section 4). Commands
    /// that are sent during the abort wait for its end.
    Abort,
    /// Send QUIT (BYE in 1973) and end with its reply, with the end of the connection, or with
    /// [`Timer::Closing`](super::Timer::Closing), whichever comes first. Before the greeting nothing
    /// is sent and the session ends at once.
    Quit,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on the control connection. A driver that can send urgent data treats bytes
    /// that begin with [`SYNCH`](super::SYNCH) differently.
    Send(Vec<u8>),
    /// Something happened that the user of the session may want to know.
    Event(Event),
    /// Start TLS on the control connection, and pass [`Input::Secured`] when the handshake is
    /// complete.
    StartTls,
    /// Close the control connection. This is the last output apart from [`Output::Wait`].
    Close,
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`]. With `None`
    /// there is no deadline.
    Wait(Option<Moment>),
}

/// What happened in a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A line was sent, if [`Config::traces`]. Secrets in it are masked, so that it may stand in a trace.
    Sent(String),
    /// A reply was received; for traces. If it answers a command, [`Event::Reply`] follows.
    Received {
        /// The reply as it was understood.
        reply: Reply,
        /// The lines as they were received, with their codes.
        lines: Vec<Vec<u8>>,
    },
    /// The login is complete and commands may be sent.
    Ready {
        /// The dialect that the greeting decided.
        dialect: Dialect,
        /// What the server can do, according to its greeting and to FEAT (HELP in 1973).
        capabilities: Capabilities,
    },
    /// The server offers no TLS, and [`Security::Offered`](super::Security::Offered) lets the login go on in clear.
    TlsAbsent,
    /// The commands of the login are on their way, and the server takes more behind them: from now on
    /// [`Session::send`](super::Session::send) does not wait for [`Event::Ready`].
    TakesMore,
    /// A reply to a command. The command is complete when `class` is final.
    Reply {
        /// The command that the reply answers.
        to: CommandId,
        /// The reply as it was understood.
        reply: Reply,
        /// What the reply means for that command.
        class: Class,
    },
    /// A reply that answers no command. A server that listens for a data connection may report one
    /// that it has refused.
    Unasked(Reply),
    /// [`Input::Abort`] is complete: the next reply answers the next command (conformance H19).
    AbortDone,
    /// The session has ended.
    Ended(Failure),
}

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

/// A wait of a [`Session`](super::Session).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The server's greeting is due.
    Greeting,
    /// The login as a whole must be complete. It bounds a server that asks for patience again and again.
    Login,
    /// The reply to a command is due.
    Reply,
    /// The replies to ABOR, or to the NOOP that follows it, are due.
    Abort,
    /// The connection must be closed after QUIT.
    Closing,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in error texts and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Login => "login",
            Self::Reply => "reply",
            Self::Abort => "abort",
            Self::Closing => "closing",
        }
    }
}
