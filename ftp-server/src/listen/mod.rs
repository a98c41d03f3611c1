//! The listeners, and the server that accepts sessions there.

mod accept;
mod identity;
mod listener;
mod proxy_header;
mod server;
mod session_config;
mod sockets;
mod start_log;
#[cfg(test)]
mod tests;

pub use server::Server;
pub use sockets::Sockets;
