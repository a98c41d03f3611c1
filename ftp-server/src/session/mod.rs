//! One session: a task that owns a machine, its control connection, and everything it has asked for.
//!
//! ```text
//!   bytes, answers, connections, deadlines --> machine --> Send  --> control
//!                    ^                                     Event --> report
//!                    +------------ resources <-- perform <-- Ask
//! ```

mod client;
mod context;
mod copying;
mod digest;
mod done;
mod groups;
mod held_groups;
mod hook;
mod hook_room;
mod listening;
mod login;
mod network;
mod own_work;
mod perform;
mod ports;
mod report;
mod resources;
mod shared;
mod syncing;
mod task;
mod transfers;
mod uploads;
mod visit;

pub use shared::Shared;
pub use task::{Accepted, run};
