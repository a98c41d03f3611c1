//! The messages between a hub and those who come to it: agents that have joined, and user agents.
//!
//! The order of variants and fields is the protocol of version 1, as in [`crate::relay::message`].

use crate::relay::message::{Code, Id, Text};
use crate::relay::token::Secret32;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A message to the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToHub {
    /// Who comes. This is the first message after the link proof, and comes once.
    Introduce {
        /// An agent or a user agent.
        role: Role,
        /// The program and its version.
        build: Text,
    },
    /// Asks for the names of the agents of this group. The answer is [`FromHub::Agents`].
    Agents,
    /// Asks for a stream to an agent of this group. The answer is [`FromHub::Ready`] or [`FromHub::Refused`].
    Call {
        /// The id of the new call; ids only rise.
        id: Id,
        /// The name of the agent.
        agent: Text,
    },
    /// Asks whether the hub is alive. The answer is [`FromHub::Pong`].
    Ping {
        /// A number that the answer repeats.
        t: u64,
    },
    /// Ends the session. Streams that stand continue.
    Bye,
    /// A message of a later version.
    Ext {
        /// The name of the capability.
        name: Text,
        /// The message of the capability.
        body: Vec<u8>,
    },
}

/// Who has come to a hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// A user agent, which only calls.
    User {
        /// Its name in the hub's log.
        name: Text,
    },
    /// An agent, which is called by its name. It may call other agents.
    Agent {
        /// The name: 1 to 64 letters, digits, `-` or `_`.
        name: Text,
        /// A random number of this process, which tells a restart from a connection that was lost.
        boot: u64,
    },
}

/// A message from the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromHub {
    /// The agent has joined under its name.
    Joined {
        /// Whether an older session had that name. It has ended.
        replaced: bool,
    },
    /// The names of the agents of this group.
    Agents(Vec<Text>),
    /// Somebody calls this agent: connect to the hub once more, and prove this ticket. From there on the
    /// connection is one that the caller has made.
    Called {
        /// The secret of the connection. It is valid for one, within 10 s.
        ticket: Secret32,
    },
    /// The agent was called: connect to the hub once more, and prove this ticket. From there on the connection is
    /// one with the agent.
    Ready {
        /// The id of the call.
        id: Id,
        /// The secret of the connection. It is valid for one, within 10 s.
        ticket: Secret32,
    },
    /// A call, or another request, has failed.
    Refused {
        /// The id of the call.
        id: Id,
        /// Why it has failed.
        code: Code,
        /// More about the reason, for people.
        text: Text,
    },
    /// The answer to [`ToHub::Ping`].
    Pong {
        /// The number of the ping.
        t: u64,
        /// If this hub vanishes, return after a random part of this time, in milliseconds.
        spread_ms: u32,
    },
    /// The hub ends the session.
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

/// Where the hub sees the two ends of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenAddresses {
    /// The call, by the id of the ticket of this end ([`crate::relay::link::ticket_id`]).
    pub ticket: [u8; 16],
    /// Where the connection of this end comes from.
    pub own: SocketAddr,
    /// Where that of the other end comes from.
    pub other: SocketAddr,
}

impl SeenAddresses {
    /// The message to the end.
    pub(super) fn message(&self) -> Option<FromHub> {
        let body = postcard::to_allocvec(self).ok()?;
        Some(FromHub::Ext { name: Text::of(NAME), body })
    }

    /// What a message says, if it is this one.
    pub fn read(name: &Text, body: &[u8]) -> Option<Self> {
        let (seen, rest) = postcard::take_from_bytes(body).ok()?;
        (name.as_str() == NAME && rest.is_empty()).then_some(seen)
    }
}

const NAME: &str = "seen";
