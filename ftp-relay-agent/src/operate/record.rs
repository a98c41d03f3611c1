//! What an audit records, and its events in words for the reference: its kinds are closed lists.

use std::net::SocketAddr;
use std::time::Duration;

use ftp_proto::policy::RefusalReason;
use ftp_proto::relay::agent::{Timer, Withdrawn};
use ftp_proto::relay::hub;
use ftp_proto::relay::message::{Code, End, LegId};

use super::audit::Target;
use crate::policy::{Full, Origin};

/// What an audit records. The list is closed.
#[derive(Debug)]
pub enum Record<'a> {
    /// A link has not proven what it should.
    LinkDenied {
        /// What was wrong.
        reason: String,
    },
    /// A token was right, and its session was refused.
    SessionRefused(&'a Refusal),
    /// A session begins.
    SessionOpened,
    /// A session ends because the operator has withdrawn what it may do.
    SessionRevoked(Withdrawn),
    /// Other rules hold for a session from now on.
    RulesChanged,
    /// A session has ended.
    SessionEnded {
        /// How long it was.
        took: Duration,
    },
    /// A grant, tunnel or join was refused.
    RequestRefused {
        /// The number of the request in its session.
        id: u32,
        /// The reason as the user agent receives it.
        code: Code,
        /// The rule that refused it.
        why: Option<RefusalReason>,
        /// The address that was judged.
        target: Option<SocketAddr>,
        /// More about the reason.
        text: &'a str,
    },
    /// A tunnel is connected with its server.
    TunnelOpened {
        /// The number of the tunnel in its session.
        id: u32,
        /// The address of the server.
        target: SocketAddr,
    },
    /// A tunnel has ended.
    TunnelEnded {
        /// The number of the tunnel in its session.
        id: u32,
        /// The address of the server.
        target: SocketAddr,
        /// How it was carried.
        carried: Carried,
    },
    /// Two data connections are joined.
    JoinOpened {
        /// The number of the join in its session.
        id: u32,
        /// The peers of leg A and leg B; `None` for another agent.
        peers: [Option<SocketAddr>; 2],
    },
    /// A join has ended.
    JoinEnded {
        /// The number of the join in its session.
        id: u32,
        /// The peers of leg A and leg B; `None` for another agent.
        peers: [Option<SocketAddr>; 2],
        /// How it was carried.
        carried: Carried,
    },
    /// A connection of another host than the expected one was reset.
    StrangerReset {
        /// The number of the join in its session.
        id: u32,
        /// The leg that it came to.
        leg: LegId,
        /// The address of the stranger.
        target: SocketAddr,
    },
    /// An agent has joined this hub.
    AgentJoined {
        /// The name of the agent.
        agent: &'a str,
        /// Whether it has replaced an older session of that name.
        replaced: bool,
    },
    /// The hub has sent a session away.
    SessionDismissed {
        /// The reason as the other end receives it.
        code: Code,
        /// More about the reason.
        text: &'a str,
    },
    /// Both ends of a call are there.
    CallOpened {
        /// The number of the call in the session of its caller.
        id: u32,
        /// The name of the agent that was called.
        agent: &'a str,
    },
    /// A call has ended.
    CallEnded {
        /// The number of the call in the session of its caller.
        id: u32,
        /// The name of the agent that was called.
        agent: &'a str,
        /// How it was carried.
        carried: Carried,
    },
    /// A wait of a session has ended by its timer.
    TimedOut(Timer),
    /// A wait of the hub has ended by its timer.
    HubTimedOut(hub::Timer),
    /// The other end broke the protocol.
    ProtocolBroken {
        /// What was wrong.
        reason: &'a str,
    },
    /// This agent has joined its hub.
    HubJoined,
    /// The session of this agent with its hub is over.
    HubLost {
        /// Why it is over.
        reason: String,
    },
    /// The relay begins.
    RelayStarted,
    /// The hub begins.
    HubStarted,
    /// The tokens and the policy were read again.
    PolicyRead,
    /// They were not, because of a mistake.
    PolicyRefused {
        /// The mistake, with its place.
        reason: String,
    },
    /// The relay ends.
    RelayStopped,
    /// The hub ends.
    HubStopped,
}

impl Record<'_> {
    /// The hosts or agents that something is carried to which begins.
    pub(super) fn targets(&self) -> Vec<Target> {
        if let Self::TunnelOpened { target, .. } = self {
            vec![Target::Host(target.ip())]
        } else if let Self::JoinOpened { peers, .. } = self {
            peers.iter().flatten().map(|at| Target::Host(at.ip())).collect()
        } else if let Self::CallOpened { agent, .. } = self {
            vec![Target::Agent((*agent).to_owned())]
        } else {
            Vec::new()
        }
    }
}

/// Why a session was refused although its token was right.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The operator's policy does not name the token.
    #[error(transparent)]
    Rule(#[from] Withdrawn),
    /// There is no place for it.
    #[error(transparent)]
    Full(#[from] Full),
}

/// What was carried, and how it ended.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// Bytes from leg A to leg B; in a tunnel from the user agent to the server, in a call from the caller to the agent.
    pub a_to_b: u64,
    /// Bytes from leg B to leg A.
    pub b_to_a: u64,
    /// How it ended.
    pub how: End,
    /// From its opening to its end.
    pub took: Duration,
}

/// Whose record it is.
#[derive(Clone, Debug, Default)]
pub struct LinkOwner {
    /// The number of the link.
    pub link: Option<u64>,
    /// Where the link comes from.
    pub from: Option<Origin>,
    /// The name of the token, if it was proven.
    pub token: Option<String>,
}

/// A link that has not proven anything yet.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// The number of the link.
    pub id: u64,
    /// Where it comes from.
    pub from: Origin,
}

impl Newcomer {
    /// Its record while it has not proven anything.
    pub const fn unknown(self) -> LinkOwner {
        LinkOwner { link: Some(self.id), from: Some(self.from), token: None }
    }

    /// Its record with the name of the token that it has proven.
    pub fn with(self, token: &str) -> LinkOwner {
        LinkOwner { token: Some(token.to_owned()), ..self.unknown() }
    }
}

/// The events, each on a line: its name, and what has happened. For the reference.
pub const EVENTS: &str = include_str!("events.txt");
