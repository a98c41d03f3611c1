//! Sockets: how they are opened, named, tuned and closed.

mod connect;
mod ephemeral;
mod lease;
mod listen;
mod local;
mod open;
mod own;
mod ports;
mod stream;
#[cfg(test)]
mod tests;
mod tune;

pub use connect::{connect, connect_noting};
pub use listen::{ACCEPT_RETRY_DELAY, Bound, Listener, listen};
pub use local::LocalListener;
pub use own::{everywhere, is_own};
pub use ports::{Ports, Reserved};
pub use stream::Stream;
pub(crate) use stream::Unwatched;
pub use tune::{control, end_by_reset, end_in_order, keepalive, nodelay, reset, route, urgent};
#[cfg(target_os = "linux")]
pub use tune::{sent, vanishes_after, within_this_host};
