//! What the operator does to a running server: today to stop it. Reload, metrics and hooks belong here too.

mod shutdown;

pub use shutdown::{Phase, Running, Shutdown};
