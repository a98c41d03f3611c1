//! Bytes and lines: assembling command lines (Telnet, limits) and the names they carry.

mod line;
mod name;
mod secret;
mod telnet;

pub use line::{Item, LineReader};
pub use name::{BadName, PathName, show};
pub use secret::Secret;
pub(crate) use telnet::{Decoded, Telnet, escape};
