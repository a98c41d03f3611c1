//! What the operator does to a running server: today to stop it. Reload, metrics and hooks belong here too.

pub mod certificate;
mod shutdown;
mod state;

pub use shutdown::{Phase, Running, Shutdown};
pub use state::State;
