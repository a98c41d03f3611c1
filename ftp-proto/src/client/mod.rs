//! The machine of one control connection, user side: greeting, login, features, and which reply
//! answers which command.
//!
//! ```text
//!  Greeting --300/220--> (AUTH, TLS) --> Login --230--> (PROT) --> Features --211--> Ready <----> commands and replies
//!      |                                    |                                        |
//!      +------------- silence, not FTP, refused, closed ----------------------------+----> Ended(Failure)
//! ```
//!
//! Data connections are the driver's, and so is TLS, which begins where [`Output::StartTls`] says: this machine only speaks on the control connection.
//!
//! ```
//! use ftp_proto::client::{Config, Event, Output, Security, Session};
//! use ftp_proto::command::Command;
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::timer::Moment;
//! use ftp_proto::wire::{PathName, Secret};
//! use std::time::Duration;
//!
//! /// Performs what the session asks for; here the wire is a list of lines.
//! fn drain(session: &mut Session, wire: &mut Vec<String>, events: &mut Vec<Event>) {
//!     loop {
//!         match session.poll() {
//!             Output::Send(octets) => wire.push(String::from_utf8(octets).unwrap()),
//!             Output::Event(event) => events.push(event),
//!             Output::StartTls | Output::Close | Output::Wait(_) => return,
//!         }
//!     }
//! }
//!
//! let config = Config {
//!     user: b"ann".to_vec(),
//!     password: Secret::new("secret"),
//!     account: None,
//!     security: Security::Clear,
//!     reply_timeout: Duration::from_secs(60),
//!     abort_timeout: Duration::from_secs(10),
//! };
//! let now = Moment::START;
//! let (mut wire, mut events) = (Vec::new(), Vec::new());
//!
//! let mut session = Session::new(config, now);
//! session.bytes(now, b"220 ready\r\n331 password?\r\n230 welcome\r\n502 no FEAT here\r\n");
//! drain(&mut session, &mut wire, &mut events);
//! assert_eq!(wire, ["USER ann\r\n", "PASS secret\r\n", "FEAT\r\n"]);
//! assert!(matches!(events.last(), Some(Event::Ready { dialect: Dialect::Rfc959, .. })));
//!
//! let id = session.send(now, Command::Size(PathName::from_user("a.txt").unwrap()), None);
//! session.bytes(now, b"213 5\r\n");
//! drain(&mut session, &mut wire, &mut events);
//! assert!(matches!(events.last(), Some(Event::Reply { to, .. }) if *to == id));
//! ```

mod abort;
mod greeting;
mod login;
mod pipeline;
mod probe;
mod security;
mod session;
mod standing;
#[cfg(test)]
mod tests;

pub use abort::SYNCH;
pub use security::Security;
pub use session::Session;
pub use standing::Standing;

use crate::command::Command;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, Reply};
use crate::timer::{Moment, Timer};
use crate::wire::Secret;
use std::time::Duration;

/// Who logs in, and how long to wait.
#[derive(Clone, Debug)]
pub struct Config {
    /// USER.
    pub user: Vec<u8>,
    /// PASS.
    pub password: Secret,
    /// ACCT, if one is known.
    pub account: Option<Secret>,
    /// Whether TLS protects the session.
    pub security: Security,
    /// For each reply; also the greeting. A transfer command has twice as long for its first reply:
    /// many servers keep that until the peer has come.
    pub reply_timeout: Duration,
    /// For the replies to ABOR (H19, H20).
    pub abort_timeout: Duration,
}

/// Names one command sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u64);

/// What comes out.
#[derive(Debug)]
pub enum Output {
    /// Octets for the control connection.
    Send(Vec<u8>),
    /// What happened.
    Event(Event),
    /// Start TLS on the control connection, and only then call [`Session::secured`].
    StartTls,
    /// Close the control connection. Nothing comes after it.
    Close,
    /// Nothing more until an input or this moment.
    Wait(Option<Moment>),
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A line as sent, masked (for traces).
    Sent(String),
    /// A reply as received, whole (for traces).
    Received {
        /// What it says.
        reply: Reply,
        /// Its lines as they came, codes and all.
        lines: Vec<Vec<u8>>,
    },
    /// Logged in; commands may be sent.
    Ready {
        /// What the greeting decided.
        dialect: Dialect,
        /// What FEAT (or HELP) said.
        capabilities: Capabilities,
    },
    /// A reply to a command. A command ends with the one whose class is final.
    Reply {
        /// The command.
        to: CommandId,
        /// The reply.
        reply: Reply,
        /// What it is.
        class: Class,
    },
    /// A reply that answers no command. A listening server may say so that it has turned its peer away
    /// before it was asked for the file.
    Unasked(Reply),
    /// The replies to [`Session::abort`] are complete: the session is in step again (H19).
    AbortDone,
    /// The session is over.
    Ended(Failure),
}

/// Why a session is over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// The server closed the connection.
    #[error("the server closed the control connection")]
    Closed,
    /// It sent something that is not FTP.
    #[error("the server does not speak FTP: {0}")]
    NotFtp(String),
    /// A wait ended.
    #[error("the server did not answer in time ({} timer)", .0.name())]
    Silent(Timer),
    /// The server does not begin TLS; nothing of the user was said.
    #[error("the server does not offer TLS: {}", .0.display())]
    TlsRefused(Reply),
    /// Octets in clear followed the answer to AUTH.
    #[error("the server, or somebody between, went on in clear after its answer to AUTH")]
    Injected,
    /// The server does not protect data connections.
    #[error("the server does not protect data connections: {}", .0.display())]
    DataInClear(Reply),
    /// Login refused.
    #[error("the server refused the login: {}", .0.display())]
    LoginRefused(Reply),
    /// The server wants an account that is not configured.
    #[error("the server asks for an account: {}", .0.display())]
    AccountNeeded(Reply),
    /// The service is not available (421, 401, 120 and the like).
    #[error("the server ended the session: {}", .0.display())]
    Unavailable(Reply),
    /// ABOR left the session out of step.
    #[error("the server did not answer ABOR in a way that can be followed")]
    OutOfStep,
    /// [`Session::quit`] was answered.
    #[error("the session was closed")]
    Quit,
}

impl Command {
    /// Whether this command's replies are those of a transfer: a preliminary one, then a final one.
    pub const fn is_transfer(&self) -> bool {
        matches!(
            self,
            Self::Retr(_) | Self::Stor(_) | Self::Appe(_) | Self::List(_) | Self::Nlst(_) | Self::Mlsd(_)
        )
    }
}
