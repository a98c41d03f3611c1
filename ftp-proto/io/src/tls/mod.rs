//! TLS of control connections and their data connections (RFC 4217), for both sides.
//!
//! One [`Client`] belongs to one control connection and all its data connections. A server recognises the
//! client by the resumed session, and many demand it. The first certificate that a server shows is verified;
//! after that it may show no other.
//!
//! One [`Session`] of a [`Server`] belongs to one control connection and all its data connections. Its
//! tickets open no other session, so a resumed handshake on a data connection shows that it comes from the
//! client of the control connection.

mod client;
mod identity;
mod refusal;
mod server;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use client::demands_certificate;
pub use client::{Client, Data, Handshake, Versions};
pub use ftp_proto::wire::{BadFingerprint, Fingerprint};
pub use identity::{Files, Identity, Validity};
pub use refusal::{Doubt, Refusal};
pub use server::{Server, Session, check_authorities};
pub use trust::{Trust, roots_of_host};
