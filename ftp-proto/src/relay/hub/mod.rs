//! The machine of a hub: agents that can only connect out join it under their names, and whoever is in the
//! same group calls them there.
//!
//! ```text
//!  agent  --Introduce(name)--> joined; an older session of that name is replaced
//!  caller --Call(name)-------> [Waiting, both have 10 s] --both attached--> [Flowing] --either end--> gone
//!            Ready(ticket) to the caller, Called(ticket) to the agent; each connects once more and proves its ticket
//! ```
//!
//! A hub joins streams and knows nothing of what they carry. The two ends of a call prove to each other, inside their
//! stream, a secret that the hub does not hold, and encrypt what they say. So the hub may refuse and may break what
//! passes it; it can neither read nor change it. What an agent may reach is decided by the agent alone.
//!
//! Those in different groups do not see each other: neither names, nor who is there. The token says the group
//! ([`crate::relay::token`]). An agent has a token of its own, so that no user takes its place.

mod interface;
mod message;
mod registry;
mod session;
#[cfg(test)]
mod tests;

pub use interface::{CallId, Cause, End, Event, Input, Limits, Output, Refusal, SessionId, Timer};
pub use message::{FromHub, Role, Seen, ToHub};
pub use registry::Hub;
