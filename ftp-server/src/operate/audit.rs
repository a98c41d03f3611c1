//! The audit: who came, what was read and changed, what was refused, and who left. Each record is a line of
//! the log, in both of its forms, and is counted by the metrics; what is about a file is a line of the xferlog
//! too.

use std::net::SocketAddr;
use std::time::Duration;

use ftp_proto::address::proxy::BadHeader;
use ftp_proto::command::{DataType, Direction, Verb};
use ftp_proto::policy::Why;
use ftp_proto::server::Timer;
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::{PathName, TransferId};

use super::hook::HookFailure;
use crate::auth::Unfit;
use crate::limits::{Full, Owner};

/// What an audit records. The list is closed.
#[derive(Debug)]
pub enum Record<'a> {
    /// A session begins.
    Connected,
    /// A connection was closed before it became a session.
    TurnedAway {
        /// The number that its session would have.
        id: u64,
        /// The client that came.
        from: SocketAddr,
        /// The limit that was reached.
        full: Full,
    },
    /// A connection from a proxy did not say whose it is, and was closed.
    BadHeader {
        /// The proxy that it came from.
        from: SocketAddr,
        /// What is wrong with its header.
        why: HeaderFailure,
    },
    /// A session has to end, because its place or its account is gone.
    Displaced(Full),
    /// No data port is free for a session.
    NoPort {
        /// Whose share it would have counted in.
        owner: &'a Owner,
        /// What the system said.
        error: String,
    },
    /// Somebody has logged in.
    LoggedIn {
        /// Whether the control connection is inside TLS.
        private: bool,
    },
    /// Whoever was logged in is so no more, and the session goes on.
    LoggedOut,
    /// Somebody could not log in.
    LoginFailed {
        /// The name that the client gave.
        user: &'a [u8],
    },
    /// Name and password were right, but the terms of the account do not admit the client. The login has
    /// failed.
    Unfit {
        /// The name of the account.
        user: &'a [u8],
        /// The term that does not hold.
        why: Unfit,
    },
    /// Policy has refused an address for a data connection.
    Refused {
        /// Why it was refused.
        why: Why,
        /// The address that was refused.
        address: SocketAddr,
    },
    /// A stranger was closed at a data port.
    Stranger {
        /// The stranger's address.
        from: SocketAddr,
    },
    /// The session has given its data ports back, because others need them.
    GavePortsUp,
    /// The session has closed the data connections between two files, because others need them.
    GaveConnectionsUp,
    /// TLS could not begin on a connection.
    NotPrivate {
        /// The other end of the connection.
        from: SocketAddr,
        /// What went wrong.
        why: &'a str,
    },
    /// The client spoke this protocol, and the session has ended.
    NotFtp(&'static str),
    /// A wait has ended by its timer.
    TimedOut(Timer),
    /// A directory was listed.
    Listed(Transfer<'a>),
    /// A file was sent or received.
    Moved(Transfer<'a>),
    /// Something else was changed.
    Changed {
        /// The verb of the command.
        verb: Verb,
        /// What was changed; for a new name the old one.
        path: &'a PathName,
        /// The new name, or where a link leads to.
        to: Option<&'a PathName>,
        /// Why nothing was changed.
        failure: Option<FileFailure>,
    },
    /// The hook after an upload has done its work, or has failed.
    Hooked {
        /// The upload, as the client calls it.
        path: &'a PathName,
        /// Why the hook has not done its work.
        failure: Option<&'a HookFailure>,
    },
    /// The control connection has ended, and a transfer goes on without it.
    Detached {
        /// The name of the transfer.
        id: TransferId,
    },
    /// The session has ended.
    Ended {
        /// How long the session was.
        took: Duration,
        /// Bytes of files and listings that were sent.
        sent: u64,
        /// Bytes of files that were received.
        received: u64,
    },
}

/// Why a connection from a proxy was closed before it became a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderFailure {
    /// What came is no right header.
    #[error(transparent)]
    Bad(#[from] BadHeader),
    /// It did not come in time.
    #[error("its PROXY header did not come in time")]
    Late,
    /// It did not come before too many others were awaited.
    #[error("its PROXY header did not come before others needed the place (proxy-headers)")]
    Displaced,
}

/// One transfer, as the audit tells it.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// The verb of the command.
    pub verb: Verb,
    /// The file or directory.
    pub path: &'a PathName,
    /// The direction, seen from this server.
    pub direction: Direction,
    /// How the bytes were coded.
    pub data_type: DataType,
    /// Bytes that moved.
    pub bytes: u64,
    /// From the command to the end.
    pub took: Duration,
    /// The other end of the data connection.
    pub peer: Option<SocketAddr>,
    /// Whether the data connection is inside TLS.
    pub private: bool,
    /// Why it is not whole.
    pub failure: Option<&'a str>,
}

impl Record<'_> {
    /// Writes the record to the log. A change that failed is a warning. Both forms of the log escape what
    /// could break a line.
    pub fn log(&self, user: Option<&[u8]>) {
        let user = user.map(text);
        match self {
            Self::Connected => tracing::debug!("connected"),
            Self::TurnedAway { id, from, full } => {
                tracing::warn!(session = id, %from, "turned away: {full}");
            }
            Self::BadHeader { from, why } => tracing::warn!(%from, "closed the connection: {why}"),
            Self::Displaced(full) => tracing::warn!(user, "the session is ended: {full}"),
            Self::NoPort { owner, error } => tracing::warn!(error, %owner, "no data port is free"),
            Self::Unfit { user, why } => {
                tracing::warn!(user = text(user), "the login would be right, but {why}");
            }
            Self::Refused { why, address } => {
                tracing::warn!(user, %address, "data connection refused: {why}");
            }
            Self::Stranger { from } => {
                tracing::warn!(%from, "closed the connection of a stranger at a data port");
            }
            Self::GavePortsUp => tracing::info!("gave its data ports up, because others need them"),
            Self::GaveConnectionsUp => {
                tracing::info!("closed its data connections between two files, because others need them");
            }
            Self::NotPrivate { from, why } => tracing::warn!(%from, why, "no TLS"),
            Self::NotFtp(protocol) => tracing::warn!(protocol, "the client does not speak FTP"),
            Self::TimedOut(timer) => tracing::info!(timer = timer.name(), "timed out"),
            Self::LoggedIn { private } => tracing::info!(user, tls = private, "logged in"),
            Self::LoggedOut => tracing::info!(user, "logged out"),
            Self::LoginFailed { user } => tracing::warn!(user = text(user), "login failed"),
            Self::Listed(transfer) => transfer.log(user.as_deref(), "listed"),
            Self::Moved(transfer) => match transfer.direction {
                Direction::Send => transfer.log(user.as_deref(), "sent"),
                Direction::Receive => transfer.log(user.as_deref(), "received"),
            },
            Self::Changed { verb, path, to, failure } => {
                let (command, path) = (verb.name(), path.display());
                let to = to.map(PathName::display);
                match failure {
                    None => tracing::info!(user, command, path, to, "changed"),
                    Some(why) => tracing::warn!(user, command, path, to, %why, "change failed"),
                }
            }
            Self::Hooked { path, failure: None } => {
                tracing::debug!(user, path = path.display(), "the hook has done its work");
            }
            Self::Hooked { path, failure: Some(why) } => {
                tracing::error!(user, path = path.display(), %why, "the hook after an upload has failed");
            }
            Self::Detached { id } => {
                tracing::info!(user, transfer = %id, "goes on without control connection");
            }
            Self::Ended { took, sent, received } => {
                tracing::info!(user, seconds = took.as_secs(), sent, received, "session ended");
            }
        }
    }
}

impl Transfer<'_> {
    fn log(&self, user: Option<&str>, what: &str) {
        let Self { verb, path, direction, bytes, took, peer, private, failure, .. } = self;
        let (command, path, seconds) = (verb.name(), path.display(), took.as_secs_f64());
        let (peer, tls) = (peer.map(|peer| peer.to_string()), *private);
        match (failure, direction) {
            (None, _) => {
                tracing::info!(user, command, path, bytes, seconds, peer, tls, whole = true, "{what}");
            }
            (Some(why), Direction::Receive) => {
                tracing::warn!(user, command, path, bytes, seconds, peer, tls, whole = false, why, "{what}");
            }
            (Some(why), Direction::Send) => {
                tracing::info!(user, command, path, bytes, seconds, peer, tls, whole = false, why, "{what}");
            }
        }
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
