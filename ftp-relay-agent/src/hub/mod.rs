//! A hub: agents that can only connect out join it, and user agents with the same token call them there.
//!
//! ```text
//!   listen: TLS, the proof of a token or of a ticket
//!     token  -> session: its frames go to the machine of the hub (exchange), and what the machine says goes back
//!     ticket -> a stream (call); when both ends of a call are there, TLS ends and the kernel passes the bytes on
//! ```

mod call;
mod exchange;
mod outlet;
mod report;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use exchange::{Admitted, CallEnd, Exchange};
