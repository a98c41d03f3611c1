//! From bytes to lines, and what lines carry: names, secrets, fingerprints.

mod hex;
mod identity;
mod line;
mod name;
mod number;
mod secret;

pub use hex::{hex, of_hex};
pub use identity::{BadFingerprint, Fingerprint, TransferId};
pub(crate) use line::{Decoded, Telnet, escape, escaped_len, unindented};
pub use line::{Item, LineReader};
pub use name::{BadName, FileName, PathName, misleads, show};
pub(crate) use number::{BadDecimal, decimal};
pub use number::{ByteRange, counted};
pub use secret::{RendezvousSecret, Secret};
