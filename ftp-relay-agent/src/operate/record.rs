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
    SessionRefused(Refusal<'a>),
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
#[derive(Clone, Copy, Debug)]
pub enum Refusal<'a> {
    /// The operator's policy does not name the token.
    Rule(Withdrawn),
    /// There is no place for it.
    Full(&'a Full),
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

/// The events by name, and what has happened. For the reference.
pub const EVENTS: [(&str, &str); 26] = [
    ("relay-started", "The relay listens, or tries to join its hub."),
    (
        "relay-stopped",
        "The relay ends; `untold` says how much of what tokens did had no line and was not counted before.",
    ),
    ("hub-started", "The hub listens."),
    (
        "hub-stopped",
        "The hub ends; `untold` says how much of what tokens did had no line and was not counted before.",
    ),
    ("hub-joined", "This agent has joined its hub."),
    ("hub-lost", "The session of this agent with its hub is over. It returns by itself."),
    ("policy-read", "The tokens and the policy were read again after SIGHUP."),
    (
        "policy-refused",
        "They were not read again; `reason` has the mistake and its place, and the old ones stay in force.",
    ),
    (
        "link-denied",
        "A link has not proven that it knows a token or a ticket; `token` is never there. Of one address eight have a line in a minute. Of more than 256 addresses the further ones share 60 lines with their network (/16; IPv6: /32), and beyond 32 networks all others share 60. `reason` of the next line says how many were left out.",
    ),
    (
        "session-opened",
        "The holder of `token` has a session. Of one token 120 sessions have lines in a minute; `untold` of the next one says how many before it had none. A session without lines gets this one late, with its first tunnel, join or call that has a line, or as an agent, and has its others from then on.",
    ),
    (
        "session-refused",
        "The token is right, and there is no session: the policy does not name it, or a limit is reached. Of one token 60 refusals of all kinds have a line in a minute; `reason` of the next line says how many were left out.",
    ),
    (
        "session-revoked",
        "The operator has taken the token away, or the policy does not name it any more. What it carries is reset.",
    ),
    ("rules-changed", "Other rules hold for the session from now on."),
    (
        "session-dismissed",
        "The hub has sent the session away: another agent has its name, its time is over, or the hub stops. Sessions without lines have 60 of these for one token in a minute; `reason` of the next one says how many were left out.",
    ),
    (
        "session-ended",
        "The session is over, with everything that it carried; `seconds` is its time, and `untold` says how many tunnels, joins and calls of the token had no line and were not counted before. A session without `session-opened` has none.",
    ),
    (
        "agent-joined",
        "An agent has joined this hub under the name `agent`. Sessions without lines have 60 of these for one token in a minute, and `untold` of the next one says how many before it had none; such an agent has its line with the first call to it that has one.",
    ),
    (
        "request-refused",
        "A grant, a tunnel, a join or a call was refused; `target` is the address that was judged. Of one token 60 refusals of all kinds have a line in a minute.",
    ),
    (
        "tunnel-opened",
        "A control connection with the server at `target` is carried. Of one token 60 tunnels have lines in a minute, and so has the first to each of 256 hosts; `untold` of the next one, or of `session-ended`, says how many had none.",
    ),
    (
        "tunnel-ended",
        "It has ended; `a_to_b` are bytes of the user agent, `b_to_a` those of the server. One without `tunnel-opened` has this line if it has carried 1 MiB or more.",
    ),
    (
        "join-opened",
        "The data connections with `a` and `b` are joined. Of one token 60 joins have lines in a minute, and so has the first with each of 256 hosts; `untold` of the next one, or of `session-ended`, says how many had none.",
    ),
    (
        "join-ended",
        "They have ended; `a_to_b` and `b_to_a` are the bytes that were passed on. A join without `join-opened` has this line if it has carried 1 MiB or more.",
    ),
    (
        "call-opened",
        "The session calls `agent` at this hub, and both ends are there. Of one token 60 calls have lines in a minute, and so has the first to each of 256 agents; `untold` of the next one, or of `session-ended`, says how many had none. A call of which one end never comes has no line.",
    ),
    (
        "call-ended",
        "It has ended; `a_to_b` are bytes of the caller, `b_to_a` those of the agent. The hub cannot read them. A call without `call-opened` has this line if it has carried 1 MiB or more, and its sessions have theirs if they still stand.",
    ),
    (
        "stranger-reset",
        "A connection from `target` came to a leg that waits for another host. It counts as a refusal of the token.",
    ),
    (
        "timed-out",
        "A wait of the session or of the hub has ended; `reason` is its [timer](timers.md). Of one token 60 of these have a line in a minute, and so have 60 of the hub's own.",
    ),
    (
        "protocol-broken",
        "The other end has sent what the protocol does not have. Sessions without lines have 60 of these for one token in a minute; `reason` of the next one says how many were left out.",
    ),
];
