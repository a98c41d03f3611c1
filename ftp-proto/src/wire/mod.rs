//! From bytes to lines, and what lines carry: names, secrets, fingerprints.

mod byte_range;
mod containment;
mod count;
mod decimal;
mod file_name;
mod fingerprint;
mod line;
mod name;
mod rendezvous;
mod secret;
mod telnet;
mod transfer_id;

pub use byte_range::ByteRange;
pub use count::counted;
pub(crate) use decimal::{BadDecimal, decimal};
pub use file_name::FileName;
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use line::{Item, LineReader};
pub use name::{BadName, PathName, misleads, show};
pub use rendezvous::RendezvousSecret;
pub use secret::Secret;
pub(crate) use telnet::{Decoded, Telnet, escape};
pub use transfer_id::TransferId;
