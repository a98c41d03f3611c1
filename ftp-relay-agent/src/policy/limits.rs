//! The limits of the relay as numbers.

use std::time::Duration;

use ftp_proto::relay::agent;

use super::kind::Kind;

/// How much the relay holds at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum number of links that have not proven anything yet.
    pub unproven: usize,
    /// The same of one address (IPv4) or /64 network (IPv6).
    pub unproven_of_one: usize,
    /// Maximum number of sessions.
    pub sessions: usize,
    /// Maximum number of joins.
    pub joins: usize,
    /// Maximum number of tunnels; each join needs two.
    pub tunnels: usize,
    /// Maximum number of calls of a hub, those that flow included.
    pub calls: usize,
}

impl Limits {
    /// Limits that suit most relays and hubs.
    pub const USUAL: Self = Self {
        unproven: 512,
        unproven_of_one: 64,
        sessions: 1_024,
        joins: 1_024,
        tunnels: 2_048,
        calls: 2_048,
    };

    /// How many descriptors may be needed at the same time for what has proven a token.
    pub const fn descriptors(&self) -> usize {
        self.sessions * Kind::Session.descriptors()
            + self.tunnels * Kind::Tunnel.descriptors()
            + self.joins * Kind::Join.descriptors()
    }

    /// The share of one token in `whole`, unless another one is configured: a quarter.
    pub const fn share(whole: usize) -> usize {
        whole.div_ceil(4)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What one session may have at the same time, and how long.
pub const SESSION: agent::Limits = agent::Limits::USUAL;

/// How often a user agent has to send a sign of life.
pub const PING: Duration = Duration::from_secs(20);
