//! What the operator does to a running server: today to stop it. Reload, metrics and hooks belong here too.

pub mod audit;
pub mod certificate;
pub mod control;
pub mod live;
mod shutdown;
mod state;
pub mod xferlog;

pub use shutdown::{Phase, Running, Shutdown};
pub use state::{State, is_below, usual_state};
