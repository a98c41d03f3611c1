//! TLS of a client (RFC 4217): trust, the handshake of a control connection, and data connections that
//! resume its session.
//!
//! One [`Client`] belongs to one control connection and all its data connections. Servers know by the
//! resumed session that both ends of a data connection are those of the control connection, and many
//! demand it. The first certificate that a server shows is verified; after that it may show no other.
//!
//! The acceptor of a server will be a file beside `client`: [`Connection`](crate::connection::Connection)
//! holds a session of either side, and [`Data`] gets one more variant.

mod client;
mod data;
mod fingerprint;
mod refusal;
mod sessions;
#[cfg(test)]
mod tests;
mod trust;
mod verifier;

pub use client::{Client, Handshake, Versions};
pub use data::Data;
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use refusal::Refusal;
pub use trust::Trust;
