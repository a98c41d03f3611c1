//! The waits of a hub.

/// A wait of a [`Hub`](super::Hub).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Something from an agent or a user agent is due on its link.
    Link,
    /// The token of a session expires.
    Token,
    /// Both ends of a call must connect.
    Pair,
    /// The stream of a call has lived for as long as it may.
    Life,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Token => "token",
            Self::Pair => "pair",
            Self::Life => "life",
        }
    }
}
