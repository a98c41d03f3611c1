//! Two agents that have met at a hub try to connect directly: both listen and connect from one port, so that the
//! routers before them let the connection in (hole punching).
//!
//! They talk over the connection through the hub, on which both have proven the secret of their join. The hub tells
//! each of them where it sees both ends (`Seen`); each tells the other the same of itself (`Offer`), and goes to
//! no address of which the two say different things. A connection that comes about is proven with a secret that
//! follows from that of the join (`secret`). The caller decides (`Verdict`); until it has, the connection through
//! the hub is there for the file.
//!
//! ```text
//!  caller   Asking --both offers--> Punching --first proof--> Verdict::Direct, Done(Direct)
//!             |--first proof (the other agent has arrived before its offer)--^
//!             '--hopeless, not told, not allowed--------------> Verdict::Hub, Done(Hub)
//!                                    '--Punch------------------> Verdict::Hub, Done(Hub)
//!  called   Asking --both offers--> Punching --Verdict--> Done, when the chosen connection is proven here too
//! ```
//!
//! * `prospect`: whether it can succeed. `memory`: how often one address is tried. `machine`: the order of it all.

mod interface;
mod machine;
mod memory;
#[cfg(test)]
mod tests;

pub use interface::{ConnId, Input, Outcome, Output, Role, Timer, Why};
pub use machine::Punch;
pub use memory::{Busy, Limits, Memory, Nat, Place, Try, is_hopeless};

use super::token::Secret32;

/// Returns what two agents prove over a direct connection, if this is the secret of their join.
#[must_use]
pub fn secret(of_join: &Secret32) -> Secret32 {
    of_join.derived(b"ftp-relay/1 direct")
}
