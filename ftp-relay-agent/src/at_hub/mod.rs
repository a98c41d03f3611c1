//! An agent at a hub: it joins under its name, is called there, calls other agents, and returns when the hub is lost.
//!
//! ```text
//!   keep: connect -> session -> lost -> wait -> connect ...
//!   session: Called(ticket) -> one more connection -> incoming, as if it had come to a listener
//!            call(agent)    -> Ready(ticket) -> one more connection, for the task that has called
//! ```

mod address;
mod caller;
mod keep;
mod session;

pub use address::HubAddress;
pub use caller::{Caller, Uncalled};
pub use keep::{Incoming, Joiner, Settings, start};
