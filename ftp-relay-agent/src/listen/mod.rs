//! The listeners: TLS, the proof of a token or a ticket, and who is turned away.

mod accept;
mod door;
mod server;

pub use server::{Relay, Settings};
