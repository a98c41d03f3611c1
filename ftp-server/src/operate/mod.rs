//! What the operator does to a running server, and sees of it.

pub mod audit;
pub mod bans;
pub mod certificate;
pub mod control;
pub mod hook;
pub mod known;
mod list;
pub mod live;
pub mod metrics;
pub mod public;
pub mod refusals;
mod shutdown;
mod state;
pub mod xferlog;

pub use shutdown::{Phase, Running, Shutdown};
pub use state::{State, is_below, usual_state};
