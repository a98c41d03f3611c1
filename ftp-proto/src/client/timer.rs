//! The waits of a session.

/// A wait of a [`Session`](super::Session).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The server's greeting is due.
    Greeting,
    /// The login as a whole must be complete. It bounds a server that asks for patience again and again.
    Login,
    /// The reply to a command is due.
    Reply,
    /// The replies to ABOR, or to the NOOP that follows it, are due.
    Abort,
    /// The connection must be closed after QUIT.
    Closing,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in error texts and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Login => "login",
            Self::Reply => "reply",
            Self::Abort => "abort",
            Self::Closing => "closing",
        }
    }
}
