//! What a log, a metric or a test may want to know, and how a move ended.

use super::files::FileFailure;
use crate::command::{DataType, Direction, Verb};
use crate::digest::Digest;
use crate::policy::{Exchange, Foreign, RefusalReason};
use crate::reply::FileOutcome;
use crate::server::config::Timer;
use crate::server::rights::{Access, Rights};
use crate::wire::{ByteRange, PathName, Secret, TransferId};
use std::net::SocketAddr;
use std::time::Duration;

/// An account, as the driver's login describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The name of the user.
    pub name: Vec<u8>,
    /// Whether the user is anonymous and so may never name a foreign host.
    pub anonymous: bool,
    /// Whether STAT shows the limits of the server and how far they are used.
    pub admin: bool,
    /// What the account may do with files, and where.
    pub access: Access,
    /// The foreign policy of this account. The listener's policy may be narrower.
    pub foreign: Foreign,
    /// What the account may exchange with foreign hosts; empty means all that the foreign policy allows.
    pub exchanges: Vec<Exchange>,
    /// What the user has to name with ACCT after the password; `None` if nothing (B23).
    pub charged_to: Option<Secret>,
    /// Whether data in clear are refused to this account (521). Whether it may log in in clear is decided
    /// by the driver.
    pub require_tls: bool,
}

impl Account {
    /// Whether what the account may do depends on the path of a file.
    pub fn rights_depend_on_path(&self) -> bool {
        !self.access.is_the_same_everywhere() || self.exchanges.iter().any(|rule| rule.path.is_some())
    }

    /// The account of a named user who may do everything that the listener's policy allows.
    pub fn new(name: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            anonymous: false,
            admin: false,
            access: Access::everywhere(Rights::ALL),
            foreign: Foreign::Authenticated,
            exchanges: Vec::new(),
            charged_to: None,
            require_tls: false,
        }
    }

    /// The anonymous account: it may read, never write, and never name a foreign host.
    pub fn anonymous() -> Self {
        Self {
            anonymous: true,
            access: Access::everywhere(Rights::READ_ONLY),
            foreign: Foreign::Never,
            ..Self::new("anonymous")
        }
    }
}

/// Why a transfer is not whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransferFailure {
    /// The text for the log.
    pub why: String,
    /// Whether the server itself or its disk has failed, whatever the client has asked for.
    pub is_of_the_server: bool,
}

impl From<FileFailure> for TransferFailure {
    fn from(failure: FileFailure) -> Self {
        Self { why: failure.to_string(), is_of_the_server: failure.is_of_the_server() }
    }
}

impl From<String> for TransferFailure {
    fn from(why: String) -> Self {
        Self { why, is_of_the_server: false }
    }
}

impl From<&str> for TransferFailure {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

/// Something that has happened in a session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A command line was taken up. Its secrets are masked.
    Command(String),
    /// A reply was said; this is its first line.
    Replied(String),
    /// A user has logged in.
    LoggedIn {
        /// The name of the account.
        name: Vec<u8>,
        /// Whether the control connection is inside TLS.
        private: bool,
    },
    /// The user was logged out (USER, REIN, AUTH).
    LoggedOut,
    /// A login has failed.
    LoginFailed {
        /// The name that the client gave.
        name: Vec<u8>,
        /// Whether ACCT was wrong after a right password; otherwise the driver has refused name and password.
        acct: bool,
    },
    /// Somebody wants to log in in clear, and TLS is required. A session tells this once.
    LoginInClear {
        /// The name that the client gave.
        name: Vec<u8>,
    },
    /// A transfer or listing was refused, because its data would go in clear and TLS is required.
    DataInClear {
        /// The verb of the command.
        verb: Verb,
    },
    /// Policy has refused an address.
    Refused {
        /// Why it was refused.
        why: RefusalReason,
        /// The address that was refused.
        address: SocketAddr,
    },
    /// The session has given its data ports back, because others need them.
    GavePortsUp,
    /// The session has closed the data connections that it kept between two files, because others need
    /// them.
    GaveConnectionsUp,
    /// A stranger was closed at a listener.
    Stranger {
        /// The stranger's address.
        from: SocketAddr,
    },
    /// The control connection has ended, and the transfer goes on without it (DETA).
    Detached {
        /// The name of the transfer.
        id: TransferId,
    },
    /// TLS could not begin on the control connection or on a data connection.
    NotPrivate {
        /// The other end of the connection.
        from: SocketAddr,
        /// What went wrong.
        why: String,
    },
    /// The first bytes of the client were another protocol, and the session has ended.
    NotFtp(&'static str),
    /// A wait has ended by its timer.
    TimedOut(Timer),
    /// A command that changes something else than the content of a file has been carried out, or has
    /// failed.
    Changed {
        /// The verb of the command.
        verb: Verb,
        /// The absolute path of what was changed: for RNTO the old name.
        path: PathName,
        /// For RNTO the new name; for a symbolic link where it leads to.
        to: Option<PathName>,
        /// Why nothing was changed; `None` if it was.
        failure: Option<FileFailure>,
    },
    /// A file was copied within the server (SITE CPTO), or was not.
    Copied {
        /// The absolute path of the file.
        from: PathName,
        /// The absolute path of the copy.
        to: PathName,
        /// How many bytes the copy has, or why there is none.
        outcome: Result<u64, FileFailure>,
        /// How long it took, from the moment when nothing more was waited for.
        took: Duration,
    },
    /// A transfer has ended, or was refused because of its file or its data connection.
    Transfer {
        /// The transfer command.
        verb: Verb,
        /// The absolute path of the file or directory.
        path: PathName,
        /// The direction of the data, seen from this server.
        direction: Direction,
        /// How the bytes were coded on the connection.
        data_type: DataType,
        /// How many bytes of the file have moved; `None` if the session ended meanwhile, and the part of the
        /// driver that moves them has the count.
        bytes: Option<u64>,
        /// How long it took, from the command.
        took: Duration,
        /// The other end of the data connection; `None` if there was none.
        peer: Option<SocketAddr>,
        /// Whether its data connections are inside TLS (PROT P).
        private: bool,
        /// Why the file is not whole; `None` if it is.
        failure: Option<TransferFailure>,
    },
}

/// How a move ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// What moved is whole: sent and closed in order, or received up to the orderly end, closed and named.
    Whole(Carried),
    /// The connection was reset, so the file is not whole (E10). The text is for the log.
    Broken(String),
    /// [`Ask::Stop`](super::Ask::Stop) stopped the move.
    Stopped,
    /// The local file failed.
    Failed(FileFailure),
}

/// What a move that is whole has carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carried {
    /// A file: the digest that was asked for, and of which of its bytes.
    File(Option<(Digest, ByteRange)>),
    /// The listing of a directory.
    Listing {
        /// How many names it left out because they hold CR, LF or NUL, which FTP cannot carry.
        omitted: u64,
    },
    /// A group of small files (PACK): what became of each, in the order of the command.
    Group(Vec<FileOutcome>),
}

impl End {
    /// A whole file of which no digest was asked for.
    pub const WHOLE_FILE: Self = Self::Whole(Carried::File(None));

    /// Whether what moved is whole.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}
