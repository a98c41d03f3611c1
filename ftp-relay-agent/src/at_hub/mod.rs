//! An agent at a hub: it joins under its name, is called there, calls other agents, and returns when the hub is lost.
//!
//! ```text
//!   keep: connect -> session -> lost -> wait -> connect ...
//!   session: Called(ticket) -> one more connection -> incoming, as if it had come to a listener
//!            call(agent)    -> Ready(ticket) -> one more connection, for the task that has called
//! ```
//!
//! Each of these connections comes from a port of its own ([`Spot`]), from which the two agents of a call may then
//! connect to each other.

mod address;
mod caller;
mod keep;
mod session;
mod spot;
#[cfg(test)]
mod tests;

pub use address::HubAddress;
pub use caller::{Called, Caller, Uncalled};
pub use keep::{Incoming, Joiner, Membership, Settings, start};
pub use spot::Spot;
