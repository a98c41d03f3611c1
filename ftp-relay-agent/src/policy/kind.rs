//! What is counted of a token.

use std::fmt;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A session of a user agent, or of an agent at a hub.
    Session,
    /// A control connection.
    Tunnel,
    /// Two data connections.
    Join,
    /// A stream through a hub.
    Call,
}

impl Kind {
    /// How many descriptors it needs at most: connections, and two pipes where bytes are moved inside the kernel.
    pub const fn descriptors(self) -> usize {
        match self {
            Self::Session => 1,
            Self::Tunnel => 2,
            Self::Join | Self::Call => 6,
        }
    }

    /// The name of the limit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::Tunnel => "tunnels",
            Self::Join => "joins",
            Self::Call => "calls",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
