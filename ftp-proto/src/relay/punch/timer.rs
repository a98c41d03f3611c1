//! The waits of two agents that try to connect directly.

/// A wait of a [`Punch`](super::Punch).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The hub must tell where it sees both ends.
    Seen,
    /// The other agent must tell where it is seen.
    Offer,
    /// A direct connection must come about and be proven. The wait begins with that for the hub.
    Punch,
    /// A refused connection is tried again.
    Again,
    /// The other agent must tell which connection carries the file, and that one must be proven.
    Verdict,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Offer => "offer",
            Self::Punch => "punch",
            Self::Again => "again",
            Self::Verdict => "verdict",
        }
    }

    /// How long the wait is.
    pub const fn wait(self) -> std::time::Duration {
        use std::time::Duration;
        match self {
            Self::Seen => Duration::from_secs(1),
            Self::Offer => Duration::from_secs(10),
            Self::Punch => Duration::from_secs(2),
            Self::Again => Duration::from_millis(100),
            Self::Verdict => Duration::from_secs(10),
        }
    }
}
