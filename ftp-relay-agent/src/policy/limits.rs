//! The limits of the relay as numbers.

use std::time::Duration;

use ftp_proto::relay::agent::Limits;

/// What one session may have at the same time, and how long.
pub const SESSION: Limits = Limits::USUAL;

/// How often a user agent has to send a sign of life.
pub const PING: Duration = Duration::from_secs(20);

/// Links at the same time: sessions, and handshakes that are not complete. Tunnels are limited by session.
pub const MAX_LINKS: usize = 1_024;
