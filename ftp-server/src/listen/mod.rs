//! The listeners, and the server that accepts sessions there.

mod accept;
mod listener;
mod server;
#[cfg(test)]
mod tests;

pub use listener::Listener;
pub use server::Server;
