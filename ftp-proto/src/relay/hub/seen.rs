//! Where a hub sees the two ends of a call between agents. It tells both, so that they can try to connect directly
//! ([`crate::relay::punch`]). It travels in `Ext`. An agent that does not know it ignores it.

use super::message::FromHub;
use crate::relay::message::Text;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Where the hub sees the two ends of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The call, by the id of the ticket of this end ([`crate::relay::link::ticket_id`]).
    pub ticket: [u8; 16],
    /// Where the connection of this end comes from.
    pub own: SocketAddr,
    /// Where that of the other end comes from.
    pub other: SocketAddr,
}

impl Seen {
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
