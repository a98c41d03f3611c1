//! RNDZ: both ends of a data connection prove that they take part in the same transfer
//! (docs/protocol/extensions.md).
//!
//! ```text
//! each end:  hello (32) = "RNDZ1" CR LF NUL, flags, 23 random bytes
//!            proof (32) = HMAC-SHA-256(S, "ftp rendezvous 1" || role || hello of the file's sender
//!                                         || hello of the file's receiver || exporter)
//! ```
//!
//! ```
//! use ftp_proto::command::Direction;
//! use ftp_proto::rendezvous::{Exchange, Flags, Input, Output, RendezvousSecret};
//!
//! // Both ends got this secret with RNDZ. The nonces are random in a program.
//! let secret = RendezvousSecret::new([7; 32]);
//! let mut sender = Exchange::new(&secret, Direction::Send, Flags::default(), [1; 23], b"");
//! let mut receiver = Exchange::new(&secret, Direction::Receive, Flags::default(), [2; 23], b"");
//!
//! // Pass what one end sends to the other until neither sends anything.
//! loop {
//!     match (sender.poll(), receiver.poll()) {
//!         (Output::Send(to_receiver), Output::Send(to_sender)) => {
//!             receiver.input(Input::Bytes(&to_receiver));
//!             sender.input(Input::Bytes(&to_sender));
//!         }
//!         (Output::Proven, Output::Proven) => break,
//!         other => panic!("{other:?}"),
//!     }
//! }
//! ```

mod exchange;

pub use crate::wire::RendezvousSecret;
pub use exchange::{Exchange, Flags, HELLO_LEN, Input, Output};
