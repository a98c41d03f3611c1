//! The listeners, and the server that accepts sessions there.

mod accept;
mod server;
mod sockets;
#[cfg(test)]
mod tests;

pub use server::Server;
pub use sockets::Sockets;
