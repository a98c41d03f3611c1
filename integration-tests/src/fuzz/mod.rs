//! Fuzz targets as plain functions: each takes any bytes and asserts what must hold for them.
//!
//! The programs in `integration-tests/fuzz/fuzz_targets` call one function each. `tests/fuzz.rs` runs the same functions
//! over the saved inputs in `integration-tests/fuzz/corpus`, so a fault that was found once is tested on every change,
//! without a fuzzer.

mod codings;
mod grammar;
mod groups;
mod input;
mod listings;
mod places;
mod proxy;
mod relay;
mod rendezvous;

pub use codings::codings;
pub use grammar::{commands, replies};
pub use groups::groups;
pub use listings::listings;
pub use places::{places, settings};
pub use proxy::proxy;
pub use relay::{frames, token};
pub use rendezvous::rendezvous;

/// Asserts what holds for any bytes.
pub type Target = fn(&[u8]);

/// The name of every target, as its program and its corpus have it, and its function.
pub const TARGETS: [(&str, Target); 11] = [
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
];
