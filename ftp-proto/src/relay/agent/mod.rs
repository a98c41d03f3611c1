//! The machine of one user agent's session at a relay agent.

mod ask;

pub use ask::{Answer, Ask, Broke, ConnId, Event, Flow, Input, Output, Ticket};
