//! The API and the page over real connections, before a queue in memory.

mod adversaries;
mod api;
mod client;
mod events;
pub(crate) mod fleet;
mod guard;
mod page;
mod schema;
