//! Fuzz targets as plain functions: each takes any bytes and asserts what must hold for them.
//!
//! The programs in `integration-tests/fuzz/fuzz_targets` call one function each. `tests/fuzz.rs` runs the same functions
//! over the saved inputs in `integration-tests/fuzz/corpus`, so a fault that was found once is tested on every change,
//! without a fuzzer.

mod client_session;
mod codings;
mod grammar;
mod groups;
mod hub_session;
mod imports;
mod input;
mod listings;
mod places;
mod proxy;
mod queue;
mod relay;
mod relay_session;
mod rendezvous;
mod requests;
mod script;
mod server_session;

pub use client_session::client_session;
pub use codings::codings;
pub use grammar::{commands, replies};
pub use groups::groups;
pub use hub_session::hub_session;
pub use imports::imports;
pub use listings::listings;
pub use places::{places, settings};
pub use proxy::proxy;
pub use queue::{schedules, stored};
pub use relay::{frames, token};
pub use relay_session::relay_session;
pub use rendezvous::rendezvous;
pub use requests::requests;
pub use server_session::server_session;

/// Asserts what holds for any bytes.
pub type Target = fn(&[u8]);

/// The name of every target, as its program and its corpus have it, and its function.
pub const TARGETS: [(&str, Target); 19] = [
    ("commands", commands),
    ("replies", replies),
    ("listings", listings),
    ("frames", frames),
    ("token", token),
    ("rendezvous", rendezvous),
    ("places", places),
    ("proxy", proxy),
    ("settings", settings),
    ("groups", groups),
    ("codings", codings),
    ("server_session", server_session),
    ("client_session", client_session),
    ("relay_session", relay_session),
    ("hub_session", hub_session),
    ("schedules", schedules),
    ("stored", stored),
    ("imports", imports),
    ("requests", requests),
];
