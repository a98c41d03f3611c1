//! How an attempt ends: the file has moved, or what failed, at which end, and who is to blame.

use super::request::{Side, Timer};
use crate::client;
use crate::command::Verb;
use crate::dialect::Dialect;
use crate::policy::RefusalReason;
use crate::reply::{Blame, Reply, ends_session};
use std::net::SocketAddr;

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Both ends said that the transfer is complete. This does not prove that the copy is correct
    /// (H16): compare sizes or digests next.
    Moved {
        /// The source's final reply.
        source: Reply,
        /// The destination's final reply.
        destination: Reply,
    },
    /// The attempt failed.
    Failed(Failure),
}

/// What failed, at which end, and who is to blame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The end that reported the failure or did not answer. It means nothing for [`Cause::Relay`] and
    /// [`Cause::Cancelled`].
    pub side: Side,
    /// What was going on at that end.
    pub stage: Stage,
    /// What went wrong there.
    pub cause: Cause,
    /// Whose fault it is, which decides what can help: another path, a later attempt, or nothing.
    pub blame: Blame,
    /// Whether the destination's file may have changed.
    pub touched: bool,
    /// The end that has said that the transfer is complete, if one has; the source if both have. The file may be whole although the other end
    /// did not say so: compare sizes or digests.
    pub complete: Option<Side>,
    /// Whether a host in the middle has passed on everything that came from the source, and both data connections have ended in
    /// order.
    pub passed: bool,
}

impl Failure {
    /// A failure before anything is known of the file.
    pub(super) const fn new(side: Side, stage: Stage, cause: Cause, blame: Blame) -> Self {
        Self { side, stage, cause, blame, touched: false, complete: None, passed: false }
    }

    /// Whether it has failed because the session of an end is over, whatever its transfer does.
    pub fn is_of_session(&self) -> bool {
        match &self.cause {
            Cause::Ended(_) => true,
            Cause::Refused(reply) => ends_session(Dialect::Rfc959, reply.code),
            Cause::Unusable(..)
            | Cause::Policy(..)
            | Cause::Silent(_)
            | Cause::Data(_)
            | Cause::Relay(_)
            | Cause::Cancelled => false,
        }
    }
}

/// What was going on at an end when the attempt failed. It has no text; programs choose the words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The end was asked this command.
    Command(Verb),
    /// The data connection between the end and the host in the middle (the user agent or the relay)
    /// was being opened or used.
    DataConnection,
    /// The relay was joining the two data connections, or copying between them.
    Relay,
    /// No command was waiting for a reply: the attempt failed as a whole.
    Attempt,
}

/// What happened when an attempt failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Cause {
    /// The end refused with this reply.
    #[error("{}", .0.display())]
    Refused(Reply),
    /// The end accepted, but its reply cannot be used.
    #[error("{}: {}", .1, .0.display())]
    Unusable(Reply, Unusable),
    /// The end announced an address that the policy of the user agent forbids.
    #[error("{}: {}", .0, .1.display())]
    Policy(RefusalReason, Reply),
    /// The end did not answer before this timer ran out.
    #[error("no answer in time ({} timer)", .0.name())]
    Silent(Timer),
    /// The data connection between the end and the host in the middle failed.
    #[error("{0}")]
    Data(DataFault),
    /// The relay failed.
    #[error("{0}")]
    Relay(RelayFault),
    /// The session of the end is over.
    #[error("{0}")]
    Ended(client::Failure),
    /// The caller cancelled the attempt.
    #[error("cancelled")]
    Cancelled,
}

/// Why a positive reply cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Unusable {
    /// It names no port, or no address, to connect to.
    #[error("the reply does not say where the server listens")]
    NoAddress,
    /// It names a port, but the other end uses another address family and needs an address of that
    /// family (RFC 2428 section 3).
    #[error("the server listens for the other server's address family, but the reply has no address of it")]
    OtherFamily,
    /// The destination reports a complete file although the source has sent nothing.
    #[error("the server reported a complete file before anything was sent")]
    TooEarly,
    /// It names another data port than before (H37).
    #[error("the server had announced another data port before (socket verification)")]
    OtherPort,
}

/// How the data connection between an end and the host in the middle failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DataFault {
    /// It could not be opened, or it broke. The text is the one of
    /// [`Input::DataFailed`](super::Input::DataFailed).
    #[error("{0}")]
    Failed(String),
    /// It was closed before the source was asked for the file.
    #[error("it was closed before the file was sent")]
    ClosedEarly,
    /// The server connected from another port than it had announced with 255 (H37).
    #[error("the server announced port {announced} and came from {from} (socket verification)")]
    OtherPort {
        /// The port that it had announced.
        announced: u16,
        /// The port from which it connected.
        from: u16,
    },
}

/// How the relay failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RelayFault {
    /// It refused to join, or closed what it had joined. The text is the one of
    /// [`Input::RelayRefused`](super::Input::RelayRefused).
    #[error("{0}")]
    Refused(String),
    /// It is gone, or it has no capacity at the moment. The text is the one of
    /// [`Input::RelayLost`](super::Input::RelayLost).
    #[error("{0}")]
    Lost(String),
    /// It did not answer in time.
    #[error("the relay did not answer in time (reply timer)")]
    Silent,
    /// It did not say at which address it listens.
    #[error("the relay did not say where it listens")]
    NoAddress,
}

/// An address in a 227 reply that cannot be meant: it is unspecified, or it is private or loopback while the
/// server's own address is not. The server's own address was used instead (H08).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repair {
    /// The end that announced the address.
    pub side: Side,
    /// The address that it announced.
    pub announced: SocketAddr,
    /// The address that was used.
    pub used: SocketAddr,
}
