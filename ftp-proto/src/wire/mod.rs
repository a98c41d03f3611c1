//! From bytes to lines, and what lines carry: names and secrets.

mod byte_range;
mod count;
mod line;
mod name;
mod rendezvous;
mod secret;
mod telnet;

pub use byte_range::ByteRange;
pub use count::counted;
pub use line::{Item, LineReader};
pub use name::{BadName, PathName, show};
pub use rendezvous::RendezvousSecret;
pub use secret::Secret;
pub(crate) use telnet::{Decoded, Telnet, escape};
