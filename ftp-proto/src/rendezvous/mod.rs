//! RNDZ: both ends of a data connection prove that they take part in this very transfer
//! (docs/protocol/extensions.md). Pure: octets in, octets out; the randomness is an argument.
//!
//! ```text
//! each end:  hello (32) = "RNDZ1" CR LF NUL, flags, 23 random octets
//!            proof (32) = HMAC-SHA-256(S, "ftp rendezvous 1" || role || hello of the file's sender
//!                                         || hello of the file's receiver || exporter)
//! ```

mod exchange;
mod secret;

pub use exchange::{Exchange, Flags, HELLO_LEN, Step};
pub use secret::RendezvousSecret;
