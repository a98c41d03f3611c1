//! The waits of a session.

/// Every wait of a session. No state waits without one of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// The client has connected and has not logged in yet.
    Login,
    /// The client is logged in and sends nothing.
    Idle,
    /// No transfer uses a listener or an announced port (dialect-1973 7.6).
    ListenIdle,
    /// The passive end waits for its peer after the transfer command (RFC 614.3: at least 15 s).
    PeerArrival,
    /// The active end tries to reach its peer, retries included.
    Connect,
    /// The pause before the next attempt to connect.
    Retry,
    /// A connection waits for the transfer command.
    Held,
    /// MODE B has kept a data connection after a file, and no other file uses it.
    Kept,
    /// A group of small files waits for PACK KEEP or PACK DROP, and no transfer is under way.
    Group,
    /// An upload waits until there is room for the hook that runs after it.
    Room,
    /// A connection that must prove itself has sent no whole hello (RNDZ).
    Hello,
    /// A connection has sent its hello, and its proof is due (RNDZ).
    Proof,
    /// TLS begins on the control connection or on a data connection.
    Handshake,
    /// The transfer moves no byte.
    Stall,
    /// A transfer goes on without its control connection (DETA).
    Detached,
    /// The driver owes the answer to a question.
    Question,
    /// The server stops, and the client has not yet said what becomes of the file that it moved last.
    Stopping,
    /// A digest takes long: the pause before the next line that shows the client that it goes on.
    KeepAlive,
}

impl Timer {
    /// All timers, in the order of their declaration.
    pub const ALL: [Self; 18] = [
        Self::Login,
        Self::Idle,
        Self::ListenIdle,
        Self::PeerArrival,
        Self::Connect,
        Self::Retry,
        Self::Held,
        Self::Kept,
        Self::Group,
        Self::Room,
        Self::Hello,
        Self::Proof,
        Self::Handshake,
        Self::Stall,
        Self::Detached,
        Self::Question,
        Self::Stopping,
        Self::KeepAlive,
    ];

    /// The timer's name for people: it stands in replies and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Idle => "idle",
            Self::ListenIdle => "listen-idle",
            Self::PeerArrival => "peer arrival",
            Self::Connect => "connect",
            Self::Retry => "retry",
            Self::Held => "held connection",
            Self::Kept => "kept connection",
            Self::Group => "held group",
            Self::Room => "hook room",
            Self::Hello => "hello",
            Self::Proof => "proof",
            Self::Handshake => "handshake",
            Self::Stall => "stall",
            Self::Detached => "detached transfer",
            Self::Question => "internal question",
            Self::Stopping => "stopping",
            Self::KeepAlive => "keep-alive",
        }
    }
}
