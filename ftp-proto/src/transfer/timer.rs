//! The waits of an attempt.

/// A wait of an attempt. Its length is in [`Timeouts`](super::Timeouts).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For a reply to a command before the transfer commands.
    Reply,
    /// For the relay's answer to a request to join.
    Relay,
    /// For a data connection: until it stands, or until its first sign of data.
    Connect,
    /// For the preliminary reply of the end that got its transfer command first.
    Preliminary,
    /// For the second final reply, after the first one.
    HalfDone,
    /// For the replies to ABOR.
    Abort,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Relay => "relay",
            Self::Connect => "connect",
            Self::Preliminary => "preliminary reply",
            Self::HalfDone => "other end's final reply",
            Self::Abort => "abort",
        }
    }
}
