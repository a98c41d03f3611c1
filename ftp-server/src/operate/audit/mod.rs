//! The audit: who came, what was read and changed, what was refused, and who left. Each record is a line of
//! the log, in both of its forms, and is counted by the metrics; what is about a file is a line of the xferlog
//! too.
//!
//! What clients are refused has a few lines for each account, kind and minute, because a client can cause as many
//! refusals as it likes. No kind takes the lines of another: strangers at the data ports of an account do not hide what
//! the account tries.

mod lines;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::address::proxy::BadHeader;
use ftp_proto::command::{DataType, Direction, Verb};
use ftp_proto::fair::Seldom;
use ftp_proto::policy::RefusalReason;
use ftp_proto::server::Timer;
use ftp_proto::server::ask::{FileFailure, TransferFailure};
use ftp_proto::timer::Moment;
use ftp_proto::wire::{Fingerprint, PathName, TransferId};

use crate::auth::NoLogin;
use crate::limits::{NoPlace, Owner};
use ftp_io::program::hook::HookFailure;

pub use lines::EVENTS;

/// What an audit records. The list is closed.
#[derive(Debug)]
pub enum Record<'a> {
    /// A session begins.
    Connected,
    /// A connection was closed before it became a session.
    TurnedAway(NoPlace),
    /// A connection from a proxy has no valid PROXY header, and was closed.
    BadHeader {
        /// The proxy that it came from.
        from: SocketAddr,
        /// What is wrong with its header.
        why: HeaderFailure,
    },
    /// A session has to end, because its place or its account is gone.
    Displaced(NoPlace),
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
    /// The user was logged out, and the session goes on.
    LoggedOut,
    /// Somebody could not log in.
    LoginFailed {
        /// The name that the client gave.
        user: &'a [u8],
        /// Why it does not log in. The client is not told.
        why: NoLogin,
        /// The certificate that the client has shown.
        shown: Option<Fingerprint>,
    },
    /// Somebody wants to log in in clear, and TLS is required.
    LoginInClear {
        /// The name that the client gave.
        user: &'a [u8],
    },
    /// A transfer or listing was refused, because its data would go in clear and TLS is required.
    DataInClear {
        /// The verb of the command.
        verb: Verb,
    },
    /// Policy has refused an address for a data connection.
    Refused {
        /// Why it was refused.
        why: RefusalReason,
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
    /// A file was copied within the server, or was not.
    Copied {
        /// The file as the client calls it.
        from: &'a PathName,
        /// The copy as the client calls it.
        to: &'a PathName,
        /// How many bytes the copy has, or why there is none.
        outcome: Result<u64, FileFailure>,
        /// How long it took.
        took: Duration,
    },
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
    /// The hooks after some files of a group have failed.
    GroupHooksFailed {
        /// These files, as the client calls them.
        paths: &'a [PathName],
        /// Why the first of them has.
        why: &'a HookFailure,
    },
    /// So many refusals of one kind had no line of their own, because there were too many in a minute.
    Untold {
        /// The event that they are.
        event: &'static str,
        /// How many had no line of their own.
        count: u64,
    },
    /// The operator ends the session (`kick`).
    Kicked,
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
        /// Why it has ended.
        cause: Cause,
    },
}

impl Record<'_> {
    /// Whether a client was refused something, so that nothing was sent, received or changed. A client can cause as many
    /// of these as it likes. What failed in the server itself is none.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::DataInClear { .. } | Self::Refused { .. } | Self::Stranger { .. } => true,
            Self::Changed { failure, .. } => failure.is_some_and(|failure| !failure.is_of_the_server()),
            Self::Copied { outcome, .. } => outcome.is_err_and(|failure| !failure.is_of_the_server()),
            Self::Listed(transfer) | Self::Moved(transfer) => transfer.is_refusal(),
            Self::Connected
            | Self::TurnedAway(_)
            | Self::BadHeader { .. }
            | Self::Displaced(_)
            | Self::NoPort { .. }
            | Self::LoggedIn { .. }
            | Self::LoggedOut
            | Self::LoginFailed { .. }
            | Self::LoginInClear { .. }
            | Self::GavePortsUp
            | Self::GaveConnectionsUp
            | Self::NotPrivate { .. }
            | Self::NotFtp(_)
            | Self::TimedOut(_)
            | Self::Hooked { .. }
            | Self::GroupHooksFailed { .. }
            | Self::Untold { .. }
            | Self::Kicked
            | Self::Detached { .. }
            | Self::Ended { .. } => false,
        }
    }
}

impl Transfer<'_> {
    /// Whether nothing has moved because of what the client has asked for, and no file was changed: one that is received
    /// may have lost what it had as soon as there is a data connection.
    fn is_refusal(&self) -> bool {
        let touches_nothing = self.direction == Direction::Send || self.peer.is_none();
        self.failure.is_some_and(|failure| !failure.is_of_the_server) && self.bytes == 0 && touches_nothing
    }
}

/// Why a session has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Cause {
    /// The client has sent QUIT.
    #[error("the client has quit")]
    Quit,
    /// The client has closed the control connection, or is gone.
    #[error("the client has left")]
    Left,
    /// The client was silent for too long.
    #[error("the client was silent for too long ({})", .0.name())]
    TimedOut(Timer),
    /// Too many logins have failed.
    #[error("too many logins have failed")]
    WrongLogins,
    /// The client does not read its replies.
    #[error("the client does not read its replies")]
    Unread,
    /// TLS could not begin on the control connection.
    #[error("TLS could not begin")]
    NotPrivate,
    /// The client spoke another protocol.
    #[error("the client does not speak FTP")]
    NotFtp,
    /// Its place or its account is gone.
    #[error("{0}")]
    Displaced(NoPlace),
    /// The operator has ended it.
    #[error("the operator has ended it")]
    Kicked,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// A task of the server has failed.
    #[error("a task of the server has failed")]
    Failed,
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
    pub failure: Option<&'a TransferFailure>,
}

#[cfg(test)]
impl<'a> Transfer<'a> {
    /// A file that a client has stored, whole.
    pub(in crate::operate) fn stored(path: &'a PathName) -> Self {
        Self {
            verb: Verb::Stor,
            path,
            direction: Direction::Receive,
            data_type: DataType::Image,
            bytes: 7,
            took: Duration::from_millis(2_900),
            peer: Some(([192, 0, 2, 7], 5000).into()),
            private: false,
            failure: None,
        }
    }
}

/// Who has had how many such lines, by the name of their event.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<&'static str, Lines>>);

/// The lines about one event. Addresses, of which strangers have as many as they like, take no line from an account.
#[derive(Debug)]
struct Lines {
    accounts: Seldom<Owner>,
    addresses: Seldom<Owner>,
}

impl Lines {
    fn new() -> Self {
        Self {
            accounts: Seldom::new(MAX_REFUSALS, MAX_ACCOUNTS, MINUTE),
            addresses: Seldom::new(MAX_REFUSALS, MAX_ADDRESSES, MINUTE),
        }
    }

    const fn of(&mut self, owner: &Owner) -> &mut Seldom<Owner> {
        if owner.is_anonymous() { &mut self.addresses } else { &mut self.accounts }
    }
}

impl Refusals {
    /// `owner` is refused something. Returns `None` if that has no line, and otherwise how many of this event had none
    /// before.
    pub fn due(&self, event: &'static str, owner: Owner, now: Moment) -> Option<u64> {
        let mut all = self.0.locked();
        all.entry(event).or_insert_with(Lines::new).of(&owner).due(owner, now)
    }

    /// How many of `owner` had no line, for each event of which there are some. They are not told again.
    pub fn take_untold(&self, owner: &Owner) -> Vec<(&'static str, u64)> {
        let mut all = self.0.locked();
        let untold = all.iter_mut().map(|(event, lines)| (*event, lines.of(owner).take_untold(owner)));
        untold.filter(|(_, count)| *count > 0).collect()
    }
}

/// Lines about one event of an account, or of the address of anonymous sessions, in a minute.
const MAX_REFUSALS: u32 = 120;
/// Maximum number of accounts that have lines about one event within a minute. Only the operator makes them.
const MAX_ACCOUNTS: usize = 65_536;
/// The same of addresses. What further ones are refused is counted with the next line of any of them.
const MAX_ADDRESSES: usize = 4_096;
const MINUTE: Duration = Duration::from_secs(60);
