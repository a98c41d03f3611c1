//! The waits of an agent's session.

/// A wait of a [`Session`](super::Session), or of one of its tunnels and joins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Something from the user agent is due on the link.
    Link,
    /// The token of the session expires.
    Token,
    /// The connection to a tunnel's server must be established.
    Connect,
    /// The server of a tunnel must greet.
    Greeting,
    /// A name that is not there or not allowed is refused: this hides which of both it is.
    Refusal,
    /// The link that carries a tunnel must attach with its ticket.
    Ticket,
    /// Both legs of a join must be connected.
    Leg,
    /// The grant of a tunnel or join expires.
    Grant,
    /// The progress of a tunnel or join must be looked at again.
    Progress,
    /// A tunnel or join carried nothing for its idle time.
    Idle,
    /// The receiver of a tunnel or join took nothing for its stall time.
    Stall,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Token => "token",
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Refusal => "refusal",
            Self::Ticket => "ticket",
            Self::Leg => "leg",
            Self::Grant => "grant",
            Self::Progress => "progress",
            Self::Idle => "idle",
            Self::Stall => "stall",
        }
    }
}
