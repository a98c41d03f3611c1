//! What goes into the machine of a direct connection, what comes out of it, and its waits.

use super::memory::{Busy, Place};
use crate::relay::hub::Seen;
use crate::relay::link::Exporter;
use crate::timer::Moment;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Identifies a connection. The driver chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// Which of the two agents this one is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The one that has called the other at the hub. On each connection it is the client of TLS, and it decides which
    /// connection carries the file.
    Caller,
    /// The one that was called.
    Called,
}

/// What the driver tells the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// The hub has told where it sees both ends. The driver listens at `local`, from where it has connected to the
    /// hub, and may go to the other end.
    Seen {
        /// Where the hub sees both ends.
        seen: Seen,
        /// The local end of the connection with the hub.
        local: SocketAddr,
    },
    /// This agent does not take part, for this reason.
    Never(Why),
    /// Bytes of the other agent, over the hub: at most [`Punch::missing`](super::Punch::missing).
    Bytes(&'a [u8]),
    /// The connection through the hub was closed or broke.
    Closed,
    /// A connection has come to the listener.
    Arrived {
        /// The new connection.
        conn: ConnId,
        /// Its other end.
        from: SocketAddr,
    },
    /// The answer to [`Output::Connect`]: the connection, if there is one.
    Connected(Option<ConnId>),
    /// The answer to [`Output::Prove`]: the exporter of TLS on that connection, if both ends have proven the secret.
    Proven(ConnId, Option<Exporter>),
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
}

/// What the driver has to do.
#[derive(PartialEq, Eq, Debug)]
pub enum Output {
    /// Send these bytes to the other agent, over the hub.
    Send(Vec<u8>),
    /// Connect to this address, from the port of the listener.
    Connect(SocketAddr),
    /// Begin TLS on this connection, as client if this agent is the caller, and prove the secret.
    Prove(ConnId),
    /// Reset this connection.
    Reset(ConnId),
    /// It is decided which connection carries the file. This is the last output. Reset all other connections; if the
    /// file goes over a direct one, the one through the hub ends too.
    Done(Outcome),
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`].
    Wait(Option<Moment>),
}

/// Which connection carries the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// This direct one.
    Direct(ConnId),
    /// The one through the hub, for this reason.
    Hub(Why),
    /// None: the two have lost each other.
    Broken(&'static str),
}

/// Why a file goes through the hub.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Why {
    /// The hub did not tell in time where it sees the two.
    #[error("the hub does not tell where the other agent is")]
    NotTold,
    /// This agent does not listen or connect for it.
    #[error("this agent has no port for it")]
    NoPort,
    /// The policy does not permit that address.
    #[error("the address of the other agent is not one to connect to: {0}")]
    NotAllowed(crate::policy::Why),
    /// The memory of tries does not permit one now.
    #[error("{0}")]
    Busy(Busy),
    /// The other agent does not take part.
    #[error("the other agent does not connect directly")]
    Declined,
    /// The hub and the other agent say different things about where that one is.
    #[error("the hub and the other agent say different addresses")]
    Contradiction,
    /// The routers before the two do not permit it.
    #[error("the routers before the two agents do not permit it")]
    Hopeless,
    /// No connection came about in time.
    #[error("no direct connection came about")]
    NoConnection,
    /// The caller has decided so.
    #[error("the other agent has decided so")]
    Decided,
}

/// What the two agents say to each other, over the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Talk {
    /// Where the agent is seen, if it takes part. Both send this once.
    Offer(Option<Place>),
    /// Which connection carries the file. The caller sends this once; bytes of the file may follow.
    Verdict(Verdict),
}

/// Which connection carries the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// The one through the hub.
    Hub,
    /// The direct one with this exporter.
    Direct(Exporter),
}

/// A wait of a [`Punch`](super::Punch).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The hub must tell where it sees both ends.
    Seen,
    /// The other agent must tell where it is seen.
    Offer,
    /// A direct connection must come about and be proven. The wait begins with that for the hub.
    Punch,
    /// A refused connection is tried again.
    Again,
    /// The other agent must tell which connection carries the file, and that one must be proven.
    Verdict,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Offer => "offer",
            Self::Punch => "punch",
            Self::Again => "again",
            Self::Verdict => "verdict",
        }
    }

    /// How long the wait is.
    pub const fn wait(self) -> std::time::Duration {
        use std::time::Duration;
        match self {
            Self::Seen => Duration::from_secs(1),
            Self::Offer => Duration::from_secs(10),
            Self::Punch => Duration::from_secs(2),
            Self::Again => Duration::from_millis(100),
            Self::Verdict => Duration::from_secs(10),
        }
    }
}
