//! What a user agent may say to an agent, and what an agent may say to a user agent.
//!
//! The order of variants and fields is the protocol of version 1. What comes later travels in `Ext`. Ids of grants, tunnels and joins are chosen by the user agent, so that a grant and its
//! use may leave together; one number is never used twice in a session, and another session's
//! numbers mean nothing.

use super::token::Secret32;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The versions that this build speaks, lowest and highest.
pub const VERSIONS: (u16, u16) = (1, 1);

/// Names a grant, a tunnel or a join of one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Id(pub u32);

/// From the user agent to the agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToAgent {
    /// Who this is; first message after the link proof.
    Introduce {
        /// For the agent's log.
        name: Text,
        /// Program and version.
        build: Text,
    },
    /// Permission for one purpose -> [`FromAgent::Granted`] or [`FromAgent::Refused`].
    Grant {
        /// Its name from now on.
        id: Id,
        /// For what.
        purpose: Purpose,
        /// The most bytes that one use may carry, both ways together.
        max_bytes: u64,
        /// How long it lives.
        max_ms: u32,
        /// How many tunnels or joins: 1..=16.
        uses: u8,
    },
    /// Take a grant back; what it carries goes on, or is reset.
    Revoke {
        /// The grant.
        grant: Id,
        /// Reset what it carries.
        reset: bool,
    },
    /// Connect to the server of a tunnel grant -> [`FromAgent::TunnelReady`] or refused.
    Tunnel {
        /// Its name from now on.
        id: Id,
        /// The grant.
        grant: Id,
    },
    /// Join two data connections -> [`FromAgent::JoinReady`] or refused.
    Join {
        /// Its name from now on.
        id: Id,
        /// The grant.
        grant: Id,
        /// One leg.
        a: Leg,
        /// The other.
        b: Leg,
        /// The waits.
        waits: Waits,
    },
    /// End a tunnel or a join with a reset of both its connections -> [`FromAgent::Ended`].
    Close {
        /// The tunnel or join.
        id: Id,
    },
    /// How far is a join? -> [`FromAgent::Stat`].
    Stat {
        /// The join.
        join: Id,
    },
    /// Are you there? -> [`FromAgent::Pong`].
    Ping {
        /// Comes back.
        t: u64,
    },
    /// The end of the session: what flows goes on, nothing new begins.
    Bye,
    /// Growth.
    Ext {
        /// The capability.
        name: Text,
        /// Its message.
        body: Vec<u8>,
    },
}

/// From the agent to the user agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromAgent {
    /// A grant stands; never more than was asked.
    Granted {
        /// The grant.
        id: Id,
        /// Bytes for each use.
        max_bytes: u64,
        /// Its life.
        max_ms: u32,
        /// Uses.
        uses: u8,
    },
    /// That will not be, or not any more before bytes have moved.
    Refused {
        /// What was asked.
        id: Id,
        /// Why.
        code: Code,
        /// Which leg of a join is meant.
        leg: Option<Side>,
        /// For people.
        text: Text,
    },
    /// The server of a tunnel is connected: one more link, whose first frame is
    /// [`super::link::First::Data`] made with this ticket, carries its bytes.
    TunnelReady {
        /// The tunnel.
        id: Id,
        /// The agent's end: the address that the server sees, and checks PORT against.
        local: SocketAddr,
        /// The server.
        peer: SocketAddr,
        /// Good for one link, within 30 s.
        ticket: Secret32,
    },
    /// Both legs of a join listen or dial.
    JoinReady {
        /// The join.
        id: Id,
        /// One leg.
        a: LegState,
        /// The other.
        b: LegState,
    },
    /// A leg stands.
    LegUp {
        /// The join.
        join: Id,
        /// Which.
        leg: Side,
        /// The agent's end.
        local: SocketAddr,
        /// The other end.
        peer: SocketAddr,
        /// Connections of others that were reset before.
        strangers: u16,
    },
    /// Somebody else came to a leg and was reset; the wait goes on. At most 8 for each leg.
    Stranger {
        /// The join.
        join: Id,
        /// Which leg.
        leg: Side,
        /// Who.
        peer: SocketAddr,
    },
    /// Both legs stand, bytes flow.
    Joined {
        /// The join.
        id: Id,
    },
    /// One leg has closed in order and everything of it has gone; the other way goes on.
    HalfEof {
        /// The join.
        join: Id,
        /// Which leg closed.
        from: Side,
        /// Bytes that came from it.
        bytes: u64,
    },
    /// How far a join is.
    Stat {
        /// The join.
        join: Id,
        /// Bytes from leg a to leg b.
        a_to_b: u64,
        /// And back.
        b_to_a: u64,
    },
    /// A tunnel or join has ended. Except after [`End::Eof`] both connections were reset.
    Ended {
        /// Which.
        id: Id,
        /// Bytes from leg a (of a tunnel: the user agent) to leg b (the server).
        a_to_b: u64,
        /// And back.
        b_to_a: u64,
        /// How.
        how: End,
    },
    /// Here.
    Pong {
        /// From the ping.
        t: u64,
    },
    /// The agent leaves the session.
    Bye {
        /// Why.
        code: Code,
        /// For people.
        text: Text,
        /// Do not come back before; 0: do not come back unasked.
        retry_after_ms: u32,
    },
    /// Growth.
    Ext {
        /// The capability.
        name: Text,
        /// Its message.
        body: Vec<u8>,
    },
}

/// What a grant is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// A control connection to this server.
    Tunnel(Target),
    /// Data connections with these hosts and no other: 1..=8.
    Join(Vec<IpAddr>),
}

/// A server by name or address; the agent resolves it, judges every address and dials what it judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Name or address, as written.
    pub host: Text,
    /// Port.
    pub port: u16,
}

/// One data connection of a join.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Leg {
    /// The server connects (PORT, EPRT, SOCK at the server).
    Listen(Pin),
    /// The agent connects (PASV, EPSV, LSTN at the server).
    Dial(SocketAddr),
}

/// The one peer that a listening leg takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// Its address.
    pub ip: IpAddr,
    /// Its port, where the server announced it (RFC 438's SOCK).
    pub port: Option<u16>,
}

/// The waits of a join. The agent keeps each within its own limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waits {
    /// Both legs must stand within this, from [`FromAgent::JoinReady`].
    pub leg_ms: u32,
    /// No byte either way, and none under way.
    pub idle_ms: u32,
    /// The same once one leg has closed.
    pub half_idle_ms: u32,
    /// Bytes under way that the receiver does not take.
    pub stall_ms: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self { leg_ms: 15_000, idle_ms: 60_000, half_idle_ms: 300_000, stall_ms: 60_000 }
    }
}

/// A leg of a join that is about to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LegState {
    /// Put this into PORT or EPRT.
    Listening(SocketAddr),
    /// Being dialled.
    Dialing(SocketAddr),
}

/// One of the two legs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How a tunnel or a join ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum End {
    /// Both ends closed in order, and everything has gone.
    Eof,
    /// No byte for the idle time.
    Idle,
    /// The receiver took nothing for the stall time.
    Stalled,
    /// That leg was reset or failed.
    Reset(Side),
    /// The grant's bytes are used up.
    LimitBytes,
    /// The grant's time is over.
    LimitTime,
    /// Closed or revoked by the user agent, or its token was taken away.
    Revoked,
    /// The agent stops.
    Shutdown,
}

/// Why something was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Code {
    /// Not a message of this protocol, or at the wrong time.
    #[error("protocol error")]
    Protocol,
    /// The agent's rules (`--allow`). Which rule stands in its log only.
    #[error("the relay does not allow that target")]
    Denied,
    /// No such grant, tunnel or join in this session.
    #[error("no such grant")]
    NoGrant,
    /// All uses are used.
    #[error("the grant is used up")]
    GrantUsed,
    /// The grant's or the token's time is over.
    #[error("the grant has expired")]
    Expired,
    /// A limit of the agent: sessions, grants, joins, unanswered questions.
    #[error("the relay is busy")]
    Busy,
    /// Not in this version.
    #[error("this relay cannot do that")]
    Unsupported,
    /// The name has no address.
    #[error("the relay cannot resolve that name")]
    Resolve,
    /// Nobody listens there.
    #[error("connection refused")]
    ConnectionRefused,
    /// No way there, or no answer within the leg's wait.
    #[error("cannot be reached from the relay")]
    Unreachable,
    /// A leg did not come within the leg's wait.
    #[error("no connection came within the wait")]
    LegTimeout,
    /// Too many strangers at a leg.
    #[error("too many connections of others")]
    Strangers,
    /// There is no address in that family that the agent may announce.
    #[error("the relay has no address to announce there")]
    NoAddress,
    /// The agent is about to stop.
    #[error("the relay is stopping")]
    Draining,
    /// Anything else.
    #[error("the relay failed")]
    Internal,
}

impl Code {
    /// What it means and the agent's own words, unless they say the same.
    pub fn with(self, text: &Text) -> String {
        let (meaning, text) = (self.to_string(), text.as_str());
        if text.is_empty() || text == meaning { meaning } else { format!("{meaning} ({text})") }
    }
}

/// At most 255 bytes of text without control characters: it may stand in a log line.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// What fits of `text`; control characters become spaces.
    pub fn of(text: &str) -> Self {
        let mut kept: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        while kept.len() > MAX_TEXT {
            kept.pop();
        }
        Self(kept)
    }

    /// The text.
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

/// RFC 1035's limit for a name.
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::frame::{FrameError, FrameReader, encode};

    #[test]
    fn the_agents_own_words_stand_once_beside_the_meaning_of_a_code() {
        for text in ["", "the relay is busy"] {
            assert_eq!(Code::Busy.with(&Text::of(text)), "the relay is busy");
        }
        assert_eq!(Code::Busy.with(&Text::of("64 grants")), "the relay is busy (64 grants)");
    }

    #[test]
    fn text_that_could_break_a_log_line_is_no_text() {
        for wrong in ["a\nb".to_owned(), "\u{1b}[31m".to_owned(), "x".repeat(256)] {
            let mut reader = FrameReader::new();
            reader.push(&encode(&wrong).unwrap());
            assert_eq!(reader.message::<Text>(), Err(FrameError::Undecodable), "{wrong:?}");
        }
        assert_eq!(Text::of("a\nb").as_str(), "a b");
        assert_eq!(Text::of(&"é".repeat(200)).as_str().len(), 254);
    }
}
