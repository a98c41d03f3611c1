//! How much one session may have, and how long it waits.

use std::time::Duration;

/// The limits of one session. The default is [`Limits::USUAL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum number of grants that are in force.
    pub grants: usize,
    /// Maximum number of tunnels and joins.
    pub flows: usize,
    /// Maximum number of bytes that one use of a grant may carry, both directions together.
    pub bytes: u64,
    /// Longest life of a grant.
    pub life: Duration,
    /// Number of connections at one leg from others than the expected peer that ends its wait. Without one, no number of
    /// them does: only its time ends the wait.
    pub strangers: Option<u16>,
    /// How long connecting to a tunnel's server may take.
    pub connect: Duration,
    /// How long the server of a tunnel may take until it greets.
    pub greeting: Duration,
    /// How long a ticket is valid.
    pub ticket: Duration,
    /// Longest wait for the legs of a join.
    pub leg: Duration,
    /// Longest idle and stall times of a join.
    pub idle: Duration,
    /// How long a tunnel may carry nothing. It is as long as the life of a grant, because a control
    /// connection is silent while a large file moves; TCP's keepalive finds an end that has vanished.
    pub tunnel_idle: Duration,
    /// How long the link may carry nothing before the user agent counts as gone.
    pub dead: Duration,
}

impl Limits {
    /// Limits that suit most relays.
    pub const USUAL: Self = Self {
        grants: 64,
        flows: 128,
        bytes: u64::MAX,
        life: Duration::from_secs(24 * 3600),
        strangers: None,
        connect: Duration::from_secs(15),
        greeting: Duration::from_secs(30),
        ticket: Duration::from_secs(30),
        leg: Duration::from_secs(120),
        idle: Duration::from_secs(3600),
        tunnel_idle: Duration::from_secs(24 * 3600),
        dead: Duration::from_secs(45),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}
