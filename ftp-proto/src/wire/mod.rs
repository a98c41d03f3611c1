//! Bytes and lines: assembling command lines (Telnet, limits) and the names they carry.

mod line;
mod name;
mod secret;

pub use line::{Item, LineReader, Synch};
pub use name::{BadName, PathName};
pub use secret::Secret;
