//! One session: a task that owns a machine, its link, and every connection that it has asked for.
//!
//! ```text
//!   bytes, answers, connections, deadlines --> machine --> Send  --> link
//!                    ^                                     Event --> report
//!                    +-------------- tasks <-- perform <-- Ask
//! ```

mod direct;
mod event;
mod greeting;
mod link;
mod lookups;
mod own_sockets;
mod perform;
mod report;
mod shared;
mod task;
#[cfg(test)]
mod tests;
mod tickets;
mod tunnel;

pub use direct::upgrade;
pub use event::{Direct, Ends};
pub use lookups::Lookups;
pub(crate) use lookups::THREADS;
pub use own_sockets::OwnSockets;
pub use shared::Shared;
pub use task::{Accepted, refuse, run};
pub use tickets::{Holder, Tickets};
