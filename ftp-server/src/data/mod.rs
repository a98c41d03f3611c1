//! What flows on a data connection: files both ways, listings out.

mod list;
mod pump;

pub use pump::{Begun, begin, pump};
