//! What a session is told at its start, the listener's configuration and its own connection, and its waits.

use super::ask::CloseNotify;
use super::sockets::Gender;
use crate::dialect::Dialect;
use crate::policy::Rules;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The configuration of a listener. All its sessions share one, so put it behind an `Arc`.
///
/// The default is a listener of today's FTP that refuses foreign data peers without a proof.
#[derive(Clone, Debug)]
pub struct Config {
    /// The dialect that the listener speaks.
    pub dialect: Dialect,
    /// Whether the numbers of data sockets say in which direction they are used.
    pub gender: Gender,
    /// Whether SOCK is answered 200 in 1973, and `255 SOCK n` comes with the transfer (RFC 354), instead of
    /// 255 at once (RFC 438 d.1).
    pub defers_socket: bool,
    /// What the operator allows. [`Account::foreign`](super::Account::foreign) can only narrow it.
    pub rules: Rules,
    /// Whether LSTN only allocates its socket, and a peer that connects before the transfer command is
    /// refused, as the letter of RFC 438 b has it (C11). Otherwise such a peer waits for the command.
    pub strict_listen: bool,
    /// What the listener does about TLS.
    pub tls: Tls,
    /// How long each wait may last.
    pub timeouts: Timeouts,
    /// How many connections a listener holds before the transfer command, if any of them may be the peer.
    pub max_held: usize,
    /// How many connections may prove themselves at the same time.
    pub max_provers: usize,
    /// How many of the connections that hold or prove at one listener may come from one
    /// [`Group`](crate::address::Group) of addresses, where a proof is due.
    pub max_of_one_address: usize,
    /// How long a transfer may go on without its control connection (DETA).
    pub max_detached: Duration,
    /// Whether something runs after each upload (a hook of the operator), so that an upload needs room for it first
    /// ([`Ask::Room`](super::ask::Ask::Room)).
    pub has_hooks: bool,
    /// Whether files may be copied within the server (SITE CPFR, SITE CPTO).
    pub copies: bool,
    /// The name and version that the greeting and HELP show.
    pub software: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dialect: Dialect::Rfc959,
            gender: Gender::Off,
            defers_socket: false,
            rules: Rules::default(),
            strict_listen: false,
            tls: Tls::default(),
            timeouts: Timeouts::default(),
            max_held: 8,
            max_provers: 16,
            max_of_one_address: 4,
            max_detached: Duration::from_secs(3600),
            has_hooks: false,
            copies: true,
            software: "FTP server".to_owned(),
        }
    }
}

/// What a listener does about TLS. The default is a listener that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// When TLS begins.
    pub begin: TlsStart,
    /// Whether logins and data connections must be inside TLS.
    pub required: bool,
    /// Whether data connections must resume the TLS session of their control connection.
    pub reuse: Reuse,
    /// Whether an upload inside TLS must end with close_notify.
    pub close_notify: CloseNotify,
}

/// When TLS begins on a control connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TlsStart {
    /// Never: there is no certificate.
    #[default]
    Never,
    /// After AUTH (RFC 4217).
    Explicit,
    /// With the first byte.
    Implicit,
}

/// Whether a data connection must resume the TLS session of its control connection. That shows that both
/// come from one client. It is never demanded where this server is the TLS client, of a peer that proves
/// itself with RNDZ, or of one that PINC has named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Reuse {
    /// A data connection that resumes nothing is refused.
    Required,
    /// It may resume the session or begin a new one.
    #[default]
    Preferred,
    /// It cannot: no data connection resumes anything.
    Off,
}

/// How long each wait of a session may last.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From the connection to the login.
    pub login: Duration,
    /// Logged in, with no command and no transfer.
    pub idle: Duration,
    /// A listener or an announced port that no transfer uses.
    pub listen_idle: Duration,
    /// From the transfer command to the connection, for the passive end.
    pub accept: Duration,
    /// From the transfer command to the connection, for the active end, retries included.
    pub connect: Duration,
    /// The handshake of TLS, on the control connection and on a data connection.
    pub handshake: Duration,
    /// A connection that arrived before the transfer command.
    pub held: Duration,
    /// A data connection that MODE B has kept after a file.
    pub kept: Duration,
    /// A group of small files that waits for its names (PACK), while no command is running.
    pub group: Duration,
    /// Until there is room for the hook after an upload. A user agent takes a path for closed after 10 to 15 seconds.
    pub room: Duration,
    /// From the connection, or from the transfer command if that came later, to the whole hello (RNDZ).
    pub hello: Duration,
    /// From the hello to the proof (RNDZ).
    pub proof: Duration,
    /// A transfer that moves no byte.
    pub stall: Duration,
    /// The same after the client has ended the control connection (A24).
    pub hung_up: Duration,
    /// A question that the driver does not answer.
    pub question: Duration,
    /// From the end of a transfer or digest: how long a server that stops still takes the commands that
    /// complete it (HASH, RNFR, RNTO).
    pub stopping: Duration,
    /// Between two lines that show that a digest is still being computed.
    pub keep_alive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            login: s(60),
            idle: s(600),
            listen_idle: s(300),
            accept: s(60),
            connect: s(15),
            handshake: s(10),
            held: s(60),
            kept: s(60),
            group: s(60),
            room: s(8),
            hello: s(5),
            proof: s(5),
            stall: s(300),
            hung_up: s(5),
            question: s(3600),
            stopping: s(5),
            keep_alive: s(10),
        }
    }
}

/// What is true of one control connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The address of the client.
    pub peer: SocketAddr,
    /// The local address of the connection.
    pub local: SocketAddr,
    /// Whether `peer` is what a proxy has announced (PROXY protocol).
    pub proxied: bool,
    /// The address that PASV announces; `None`, or one of another family than the local address, announces
    /// the local one.
    pub public_address: Option<IpAddr>,
    /// Bytes from a cryptographic random generator, new for each session. The nonces of RNDZ are
    /// derived from them.
    pub entropy: [u8; 32],
}

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
