//! How an attempt ends: the file has moved, or what failed, at which end, and who is to blame.

use super::request::{Side, Timer};
use crate::client;
use crate::command::Verb;
use crate::policy::Why;
use crate::reply::{Blame, Reply};
use std::fmt;
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The end refused with this reply.
    Refused(Reply),
    /// The end accepted, but its reply cannot be used.
    Unusable(Reply, Unusable),
    /// The end announced an address that the policy of the user agent forbids.
    Policy(Why, Reply),
    /// The end did not answer before this timer ran out.
    Silent(Timer),
    /// The data connection between the end and the host in the middle failed.
    Data(DataFault),
    /// The relay failed.
    Relay(RelayFault),
    /// The session of the end is over.
    Ended(client::Failure),
    /// The caller cancelled the attempt.
    Cancelled,
}

/// Why a positive reply cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unusable {
    /// It names no port, or no address, to connect to.
    NoAddress,
    /// It names a port, but the other end uses another address family and needs an address of that
    /// family (RFC 2428 section 3).
    OtherFamily,
    /// The destination reports a complete file although the source has sent nothing.
    TooEarly,
    /// It names another data port than before (H37).
    OtherPort,
}

/// How the data connection between an end and the host in the middle failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataFault {
    /// It could not be opened, or it broke. The text is the one of
    /// [`Input::DataFailed`](super::Input::DataFailed).
    Failed(String),
    /// It was closed before the source was asked for the file.
    ClosedEarly,
    /// The server connected from another port than it had announced with 255 (H37).
    OtherPort {
        /// The port that it had announced.
        announced: u16,
        /// The port from which it connected.
        from: u16,
    },
}

/// How the relay failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayFault {
    /// It refused to join, or closed what it had joined. The text is the one of
    /// [`Input::RelayRefused`](super::Input::RelayRefused).
    Refused(String),
    /// It is gone, or it has no capacity at the moment. The text is the one of
    /// [`Input::RelayLost`](super::Input::RelayLost).
    Lost(String),
    /// It did not answer in time.
    Silent,
    /// It did not say at which address it listens.
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

impl fmt::Display for Cause {
    /// For people: the words of the server, or what is wrong with them, or that it said nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => f.write_str(&reply.display()),
            Self::Unusable(reply, why) => write!(f, "{why}: {}", reply.display()),
            Self::Policy(why, reply) => write!(f, "{why}: {}", reply.display()),
            Self::Silent(timer) => write!(f, "no answer in time ({} timer)", timer.name()),
            Self::Data(fault) => fault.fmt(f),
            Self::Relay(fault) => fault.fmt(f),
            Self::Ended(failure) => failure.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "the reply does not say where the server listens",
            Self::OtherFamily => {
                "the server listens for the other server's address family, but the reply has no address of it"
            }
            Self::TooEarly => "the server reported a complete file before anything was sent",
            Self::OtherPort => "the server had announced another data port before (socket verification)",
        })
    }
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::ClosedEarly => f.write_str("it was closed before the file was sent"),
            Self::OtherPort { announced, from } => write!(
                f,
                "the server connected from port {from}, although it had announced port {announced} (socket verification)"
            ),
        }
    }
}

impl fmt::Display for RelayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Lost(why) => f.write_str(why),
            Self::Silent => f.write_str("the relay did not answer in time (reply timer)"),
            Self::NoAddress => f.write_str("the relay did not say where it listens"),
        }
    }
}
