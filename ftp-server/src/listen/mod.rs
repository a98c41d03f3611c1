//! The listeners, and the server that accepts sessions there.

mod accept;
mod identity;
mod listener;
mod machine;
mod notices;
mod server;
#[cfg(test)]
mod tests;

pub use listener::Listener;
pub use server::Server;
