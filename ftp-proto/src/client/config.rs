//! Who logs in, over what, and how long each reply may take.

use crate::wire::Secret;
use std::time::Duration;

/// The configuration of a [`Session`](super::Session).
///
/// The default logs in anonymously and without TLS, with a minute for each reply.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user name, the argument of USER.
    pub user: Vec<u8>,
    /// The password, sent with PASS if the server asks for it. Without one the session ends there, since a server counts
    /// a wrong password against the user and the address.
    pub password: Option<Secret>,
    /// The account, sent with ACCT if the server asks for it (RFC 354, RFC 959 section 4.1.1).
    pub account: Option<Secret>,
    /// Whether TLS protects the session.
    pub security: Security,
    /// How long the greeting and each reply may take. The first reply to a transfer command may take
    /// twice as long, because many servers send it only when the other end has connected.
    pub reply_timeout: Duration,
    /// How long the replies to ABOR may take (conformance H19, H20).
    pub abort_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            user: b"anonymous".to_vec(),
            password: Some(Secret::new("anonymous@")),
            account: None,
            security: Security::Clear,
            reply_timeout: Duration::from_secs(60),
            abort_timeout: Duration::from_secs(10),
        }
    }
}

/// What protects a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Security {
    /// Nothing: everything travels in clear.
    #[default]
    Clear,
    /// TLS from AUTH on where the server offers it, as its answer to AUTH tells. A server of 1973 is not asked. The
    /// login is in clear only after a refusal, which [`Event::TlsAbsent`](super::Event::TlsAbsent) tells.
    Offered,
    /// TLS from AUTH on (RFC 4217 section 4). A server that refuses AUTH never sees the user's name.
    Explicit,
    /// TLS from the first byte on. The driver completes the handshake before it passes on any input.
    Implicit,
}

impl Security {
    /// Returns whether the login travels inside TLS, whatever the server answers.
    pub const fn is_secured(self) -> bool {
        match self {
            Self::Clear | Self::Offered => false,
            Self::Explicit | Self::Implicit => true,
        }
    }
}
