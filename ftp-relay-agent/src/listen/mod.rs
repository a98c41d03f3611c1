//! The listeners: TLS, the proof of a token or a ticket, and who is turned away.

mod accept;
mod server;
mod service;

pub use server::{Server, Settings};
