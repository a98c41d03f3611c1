//! What a session knows and what it is doing.

use super::ask::{Account, Ticket};
use super::sockets::Reservation;
use super::transfer::Transfer;
use crate::command::{DataType, Direction, Partial};
use crate::digest::Algorithm;
use crate::policy::{self, Asker, Foreign, Grant, Rules, Why};
use crate::wire::PathName;
use std::net::SocketAddr;

/// How far the login has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody.
    Nobody,
    /// USER was given, PASS must follow next to log in.
    Named(Vec<u8>),
    /// Logged in.
    In(Member),
}

/// Somebody who has logged in, and what holds for them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) account: Account,
    /// The operator's rules with the account's foreign policy, where that is narrower.
    pub(super) rules: Rules,
    pub(super) asker: Asker,
}

impl Member {
    /// May this data connection exist?
    pub(super) fn decide(&self, ask: &policy::Ask) -> Result<Grant, Why> {
        policy::decide(&self.rules, &self.asker, ask)
    }
}

/// The narrower of two foreign policies.
pub(super) const fn narrower(a: Foreign, b: Foreign) -> Foreign {
    match (a, b) {
        (Foreign::Never, _) | (_, Foreign::Never) => Foreign::Never,
        (Foreign::Proven, _) | (_, Foreign::Proven) => Foreign::Proven,
        (Foreign::Authenticated, Foreign::Authenticated) => Foreign::Authenticated,
    }
}

/// What commands set for later commands.
#[derive(Debug)]
pub(super) struct Parameters {
    /// TYPE.
    pub(super) data_type: DataType,
    /// The working directory.
    pub(super) cwd: PathName,
    /// The restart point that REST gave, in bytes: for the next transfer command (E14).
    pub(super) rest: Option<u64>,
    /// RNFR, until the next command (E22).
    pub(super) rename: Option<PathName>,
    /// OPTS MLST; all when `None`.
    pub(super) facts: Option<Vec<String>>,
    /// OPTS HASH.
    pub(super) algorithm: Algorithm,
    /// OPTS STOR PARTIAL.
    pub(super) partial: Partial,
    /// EPSV ALL (D17).
    pub(super) epsv_only: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            data_type: DataType::Ascii, // RFC 354, RFC 959 5.1
            cwd: PathName::root(),
            rest: None,
            rename: None,
            facts: None,
            algorithm: Algorithm::Sha256,
            partial: Partial::Publish,
            epsv_only: false,
        }
    }
}

/// What the session is doing. Everything but `Idle` has a timer that ends it.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing: the next command may come.
    Idle,
    /// A command waits for its driver's answer; later commands wait behind it.
    Question {
        /// The question.
        ticket: Ticket,
        /// What the answer is for.
        asked: Asked,
    },
    /// A transfer command.
    Transfer(Box<Transfer>),
    /// Closed: nothing goes in or out any more.
    Over,
}

/// What an answer is for.
#[derive(Debug)]
pub(super) enum Asked {
    /// PASS.
    Login(Vec<u8>),
    /// A port, and what for.
    Reserve(PortUse),
    /// A listener on a port that was reserved.
    Listen(ListenUse, Reservation),
    /// Something about files.
    File(FileUse),
}

impl Asked {
    /// Whether the answer may take so long that ABOR must not wait behind it.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Self::File(FileUse::Hash(_)))
    }
}

/// Why a port is reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PortUse {
    /// To be the session's own.
    Own(OwnUse),
    /// To listen on it.
    Listen(ListenUse),
}

/// Why the session takes a port of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OwnUse {
    /// SOCK with this target.
    Sock(SocketAddr),
    /// GSOC.
    Gsoc,
}

/// Why a listener is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListenUse {
    /// LSTN.
    Lstn(Direction),
    /// PASV.
    Pasv,
    /// EPSV.
    Epsv,
}

/// Which command asked about files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FileUse {
    /// SIZE.
    Size,
    /// MDTM.
    Modified,
    /// MLST of this path.
    Facts(PathName),
    /// HASH of this name.
    Hash(PathName),
    /// RNFR.
    RenameFrom(PathName),
    /// RNTO.
    RenameTo,
    /// DELE.
    Remove,
    /// MKD.
    MakeDirectory(PathName),
    /// RMD.
    RemoveDirectory,
    /// CWD, CDUP.
    Enter(PathName),
    /// STAT of a path: what is it?
    Status(PathName),
    /// STAT of a directory: what is in it?
    StatusOf(PathName),
}
