//! The messages between a user agent and a relay agent.
//!
//! The order of variants and fields is the protocol of version 1; later additions travel in `Ext`. The
//! user agent chooses the ids of grants, tunnels and joins, so that it can send a grant together with
//! its use. An id is used once in a session and has no meaning in another one.

use super::token::Secret32;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The lowest and the highest version that this crate speaks.
pub const VERSIONS: (u16, u16) = (1, 1);

/// Identifies a grant, a tunnel or a join within one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Id(pub u32);

/// A message from the user agent to the agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToAgent {
    /// The user agent introduces itself. This is the first message after the link proof.
    Introduce {
        /// The name of the user agent, for the agent's log.
        name: Text,
        /// The program and its version.
        build: Text,
    },
    /// Asks for permission for one purpose. The answer is [`FromAgent::Granted`] or
    /// [`FromAgent::Refused`].
    Grant {
        /// The id of the new grant.
        id: Id,
        /// What the grant is for.
        purpose: GrantPurpose,
        /// Maximum number of bytes that one use may carry, both directions together.
        max_bytes: u64,
        /// How long the grant lives, in milliseconds.
        max_ms: u32,
        /// How many tunnels or joins may use it: 1 to 16.
        uses: u8,
    },
    /// Takes a grant back. What it carries continues, or is reset.
    Revoke {
        /// The grant to take back.
        grant: Id,
        /// Whether to reset what the grant carries.
        reset: bool,
    },
    /// Asks for a connection to the server of a tunnel grant. The answer is [`FromAgent::TunnelReady`]
    /// or [`FromAgent::Refused`].
    Tunnel {
        /// The id of the new tunnel.
        id: Id,
        /// The grant that is used.
        grant: Id,
    },
    /// Asks to join two data connections. The answer is [`FromAgent::JoinReady`] or
    /// [`FromAgent::Refused`].
    Join {
        /// The id of the new join.
        id: Id,
        /// The grant that is used.
        grant: Id,
        /// The data connection of one server.
        a: Leg,
        /// The data connection of the other server.
        b: Leg,
        /// How long the parts of the join may take.
        waits: Waits,
    },
    /// Ends a tunnel or a join by resetting both its connections. The answer is [`FromAgent::Ended`].
    Close {
        /// The tunnel or join to end.
        id: Id,
    },
    /// Asks for the progress of a join. The answer is [`FromAgent::Stat`].
    Stat {
        /// The join in question.
        join: Id,
    },
    /// Asks whether the agent is alive. The answer is [`FromAgent::Pong`].
    Ping {
        /// A number that the answer repeats.
        t: u64,
    },
    /// Ends the session. Nothing new begins, and what flows continues.
    Bye,
    /// A message of a later version.
    Ext {
        /// The name of the capability.
        name: Text,
        /// The message of the capability.
        body: Vec<u8>,
    },
    /// Asks to join the data connection of one server with a link that proves a secret: with another agent, to
    /// which both have come through a hub, or with the user agent itself. The answer is [`FromAgent::JoinReady`]
    /// or [`FromAgent::Refused`].
    Meet {
        /// The id of the new join.
        id: Id,
        /// The grant that is used. It names one host.
        grant: Id,
        /// Which leg the server is; the link is the other one.
        near: LegId,
        /// The data connection of the server.
        leg: Leg,
        /// How the two ends of the link find each other.
        meeting: Meeting,
        /// How long the parts of the join may take.
        waits: Waits,
    },
}

/// A message from the agent to the user agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromAgent {
    /// The grant is in force, never with more than was asked for.
    Granted {
        /// The id of the grant.
        id: Id,
        /// Maximum number of bytes of each use.
        max_bytes: u64,
        /// How long the grant lives, in milliseconds.
        max_ms: u32,
        /// How many tunnels or joins it allows.
        uses: u8,
    },
    /// A request is refused, or a tunnel or join has failed before it carried any bytes.
    Refused {
        /// The id of the grant, tunnel or join.
        id: Id,
        /// Why it was refused.
        code: Code,
        /// The leg of a join that the reason concerns.
        leg: Option<LegId>,
        /// More about the reason, for people.
        text: Text,
    },
    /// The server of a tunnel is connected. Another link, whose first frame is
    /// [`super::link::First::Data`] made with this ticket, carries the tunnel's bytes.
    TunnelReady {
        /// The id of the tunnel.
        id: Id,
        /// The agent's end of the connection to the server: the address that the server checks PORT
        /// against.
        local: SocketAddr,
        /// The address of the server.
        peer: SocketAddr,
        /// The secret of the link. It is valid for one link, within 30 s.
        ticket: Secret32,
    },
    /// Both legs of a join listen or dial.
    JoinReady {
        /// The join that is ready.
        id: Id,
        /// The state of leg A.
        a: LegState,
        /// The state of leg B.
        b: LegState,
    },
    /// A leg is connected.
    LegUp {
        /// The join of the leg.
        join: Id,
        /// The leg that is connected.
        leg: LegId,
        /// The agent's end of the connection.
        local: SocketAddr,
        /// The other end of the connection.
        peer: SocketAddr,
        /// How many connections from other hosts were reset before.
        strangers: u16,
    },
    /// A connection from another host came to a leg and was reset. The leg still waits. It is sent at
    /// most 8 times for each leg.
    Stranger {
        /// The join of the leg.
        join: Id,
        /// The leg that it came to.
        leg: LegId,
        /// Where the connection came from.
        peer: SocketAddr,
    },
    /// Both legs are connected, and data flows.
    Joined {
        /// The join that flows.
        id: Id,
    },
    /// One leg was closed in order, and all its bytes were passed on. The other direction continues.
    HalfEof {
        /// The join of the leg.
        join: Id,
        /// The leg that was closed.
        from: LegId,
        /// How many bytes came from it.
        bytes: u64,
    },
    /// The progress of a join.
    Stat {
        /// The join in question.
        join: Id,
        /// Bytes passed from leg A to leg B.
        a_to_b: u64,
        /// Bytes passed from leg B to leg A.
        b_to_a: u64,
    },
    /// A tunnel or join has ended. Unless it ended with [`End::Eof`], both connections were reset.
    Ended {
        /// The tunnel or join that has ended.
        id: Id,
        /// Bytes passed from leg A (of a tunnel: the user agent) to leg B (the server).
        a_to_b: u64,
        /// Bytes passed from leg B to leg A.
        b_to_a: u64,
        /// How it has ended.
        how: End,
    },
    /// The answer to [`ToAgent::Ping`].
    Pong {
        /// The number of the ping.
        t: u64,
    },
    /// The agent ends the session.
    Bye {
        /// Why it ends.
        code: Code,
        /// More about the reason, for people.
        text: Text,
        /// How long to wait before the next session, in milliseconds; 0 means that none is wanted.
        retry_after_ms: u32,
    },
    /// A message of a later version.
    Ext {
        /// The name of the capability.
        name: Text,
        /// The message of the capability.
        body: Vec<u8>,
    },
}

/// What a grant is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GrantPurpose {
    /// One control connection to this server.
    Tunnel(Target),
    /// Data connections with these hosts and no others; one to eight hosts.
    Join(Vec<IpAddr>),
}

/// A server by name or address. The agent resolves it, checks every address, and connects only to an
/// address that it has checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    /// The name or address of the server.
    pub host: Text,
    /// The port of the server.
    pub port: u16,
}

/// One data connection of a join.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Leg {
    /// The server connects to the agent (PORT, EPRT or SOCK at the server).
    Listen(Pin),
    /// The agent connects to the server (PASV, EPSV or LSTN at the server).
    Dial(SocketAddr),
}

/// How the two ends of a link find each other: two agents at a hub, or an agent and the user agent. Both prove the same
/// secret to each other, which the user agent has drawn and a hub does not know, and what passes between them is
/// encrypted from one to the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Meeting {
    /// The other agent, or the user agent, will come and prove this secret. One connection is accepted.
    Await(Secret32),
    /// Call this agent, and prove this secret.
    Call {
        /// The name of the other agent at the hub.
        agent: Text,
        /// What both agents prove.
        secret: Secret32,
    },
}

/// The only peer that a listening leg accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// The address of the peer.
    pub ip: IpAddr,
    /// The port of the peer, if the server announced it (SOCK of RFC 438).
    pub port: Option<u16>,
}

/// How long the parts of a join may take. The agent reduces each to its own limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waits {
    /// Both legs must be connected within this time after [`FromAgent::JoinReady`], in milliseconds.
    pub leg_ms: u32,
    /// How long both directions may be silent, in milliseconds.
    pub idle_ms: u32,
    /// How long both directions may be silent after one leg was closed, in milliseconds.
    pub half_idle_ms: u32,
    /// How long a receiver may take nothing although bytes wait for it, in milliseconds.
    pub stall_ms: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self { leg_ms: 15_000, idle_ms: 60_000, half_idle_ms: 300_000, stall_ms: 60_000 }
    }
}

/// The state of a leg that is being connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LegState {
    /// The agent listens at this address, which belongs into PORT or EPRT.
    Listening(SocketAddr),
    /// The agent connects to this address.
    Dialing(SocketAddr),
    /// The leg is a link: another agent or the user agent comes, or another agent is called.
    Meeting,
}

/// One of the two legs of a join.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum LegId {
    /// The first leg.
    A,
    /// The second leg.
    B,
}

impl LegId {
    /// Both legs, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the other leg.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How a tunnel or a join has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum End {
    /// Both ends closed in order, and all bytes were passed on.
    Eof,
    /// Both directions were silent for the idle time.
    Idle,
    /// A receiver took nothing for the stall time.
    Stalled,
    /// This leg was reset or failed.
    Reset(LegId),
    /// The bytes of the grant are used up.
    LimitBytes,
    /// The time of the grant is over.
    LimitTime,
    /// The user agent closed or revoked it, or its token was taken away.
    Revoked,
    /// The agent stops or the session was lost.
    Shutdown,
    /// What answered at the other end of a tunnel is not an FTP server.
    NoGreeting,
}

/// Why something was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Code {
    /// The message does not belong to this protocol or came at the wrong time.
    #[error("protocol error")]
    Protocol,
    /// The agent's rules (`--allow`) forbid it. Only the agent's log names the rule.
    #[error("the relay does not allow that target")]
    Denied,
    /// The session has no such grant, tunnel or join.
    #[error("no such grant")]
    NoGrant,
    /// All uses of the grant are used up.
    #[error("the grant is used up")]
    GrantUsed,
    /// The time of the grant or of the token is over.
    #[error("the grant has expired")]
    Expired,
    /// A limit of the agent is reached: sessions, tunnels, joins, grants, or the share of this token in them.
    #[error("it is busy")]
    Busy,
    /// The version of the agent does not support it.
    #[error("this relay cannot do that")]
    Unsupported,
    /// The name has no address.
    #[error("the relay cannot resolve that name")]
    Resolve,
    /// Nothing listens at the address.
    #[error("connection refused")]
    ConnectionRefused,
    /// There is no route, or no answer within the time of the leg.
    #[error("cannot be reached from the relay")]
    Unreachable,
    /// A leg was not connected in time.
    #[error("no connection came within the wait")]
    LegTimeout,
    /// Too many connections from other hosts came to a leg.
    #[error("too many connections of others")]
    Strangers,
    /// The agent has no address of that family to announce.
    #[error("the relay has no address to announce there")]
    NoAddress,
    /// The agent or the hub is about to stop.
    #[error("it is stopping")]
    Draining,
    /// Any other failure of the agent.
    #[error("the relay failed")]
    Internal,
    /// What listens at the target of a tunnel did not greet as an FTP server does.
    #[error("no FTP server greeted there")]
    NoGreeting,
    /// The server of a tunnel refuses all clients now; it said so instead of a greeting.
    #[error("the server does not accept clients now")]
    Unwelcome,
    /// No agent has joined the hub under that name.
    #[error("no such agent has joined the hub")]
    NoAgent,
    /// The two ends of a call did not both come.
    #[error("the other end did not come to the hub")]
    NotPaired,
    /// An agent of the same token has joined under the same name.
    #[error("another agent has joined under this name")]
    Replaced,
}

impl Code {
    /// Returns the meaning of the code, followed by the agent's own words if they say something else.
    pub fn with(self, text: &Text) -> String {
        let (meaning, text) = (self.to_string(), text.as_str());
        if text.is_empty() || text == meaning { meaning } else { format!("{meaning} ({text})") }
    }
}

/// Text of at most 255 bytes without control characters, so that it may stand in a log line.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// Creates a text from the start of `text` that fits. Control characters become spaces.
    pub fn of(text: &str) -> Self {
        let mut kept: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        while kept.len() > MAX_TEXT {
            kept.pop();
        }
        Self(kept)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err("too long, or with control characters");
        }
        Ok(Self(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Maximum length of a text in bytes, the limit of RFC 1035 for a name.
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::frame::{FrameError, FrameReader, encode};

    #[test]
    fn the_agents_own_words_follow_the_meaning_of_a_code_unless_they_repeat_it() {
        for text in ["", "it is busy"] {
            assert_eq!(Code::Busy.with(&Text::of(text)), "it is busy");
        }
        assert_eq!(Code::Busy.with(&Text::of("64 grants")), "it is busy (64 grants)");
    }

    #[test]
    fn text_that_could_break_a_log_line_is_refused() {
        for wrong in ["a\nb".to_owned(), "\u{1b}[31m".to_owned(), "x".repeat(256)] {
            let mut reader = FrameReader::new();
            reader.push(&encode(&wrong).unwrap());
            assert_eq!(reader.message::<Text>(), Err(FrameError::Undecodable), "{wrong:?}");
        }
        assert_eq!(Text::of("a\nb").as_str(), "a b");
        assert_eq!(Text::of(&"é".repeat(200)).as_str().len(), 254);
    }
}
